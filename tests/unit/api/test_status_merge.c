/* Who owns what of a status: a node's report never takes away what the cloud says, and the other way round. */
#include "api/status_merge.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct json *parse(const char *text)
{
	struct json *v = NULL;
	struct err err = { 0 };

	if (json_parse(span_of(text), &v, &err))
		fail_msg("%s: %s", text, err_text(&err));
	return v;
}

static void check(int (*merge)(struct json *, const struct json *), const char *object, const char *report,
		  const char *expected)
{
	struct json *o = parse(object), *r = parse(report), *e = parse(expected);
	struct buf got;

	assert_int_equal(merge(o, r), 0);
	buf_init(&got, 1 << 16);
	assert_int_equal(json_write(o, &got), 0);
	if (!json_equal(o, e))
		fail_msg("got %s", buf_cstr(&got));
	buf_done(&got);
	json_free(o);
	json_free(r);
	json_free(e);
}

static void test_a_report_replaces_what_the_node_owns(void **state)
{
	(void)state;
	check(status_merge_pod, "{\"status\":{\"phase\":\"Pending\",\"hostIP\":\"1\"}}",
	      "{\"phase\":\"Running\"}", "{\"status\":{\"phase\":\"Running\",\"conditions\":[]}}");
}

static void test_conditions_of_the_cloud_stay(void **state)
{
	(void)state;
	check(status_merge_node,
	      "{\"metadata\":{\"name\":\"n\"},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":"
	      "\"Unknown\"},"
	      "{\"type\":\"CutOff\",\"status\":\"False\"}]}}",
	      "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"},{\"type\":\"CutOff\","
	      "\"status\":\"True\"}]}}",
	      "{\"metadata\":{\"name\":\"n\"},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":"
	      "\"True\"},"
	      "{\"type\":\"CutOff\",\"status\":\"False\"}]}}");
}

static void test_a_condition_the_node_does_not_report_stays(void **state)
{
	(void)state;
	check(status_merge_pod,
	      "{\"status\":{\"conditions\":[{\"type\":\"example.com/gate\",\"status\":\"True\"}]}}",
	      "{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}",
	      "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"},{\"type\":\"example.com/"
	      "gate\",\"status\":\"True\"}]}}");
}

static void test_the_scheduler_keeps_its_nomination(void **state)
{
	(void)state;
	check(status_merge_pod, "{\"status\":{\"nominatedNodeName\":\"x\"}}",
	      "{\"phase\":\"Pending\",\"nominatedNodeName\":\"y\"}",
	      "{\"status\":{\"phase\":\"Pending\",\"conditions\":[],\"nominatedNodeName\":\"x\"}}");
}

static void test_a_node_gives_itself_no_labels_but_its_own(void **state)
{
	(void)state;
	check(status_merge_node, "{\"metadata\":{\"labels\":{\"topology.kubernetes.io/region\":\"east\"}}}",
	      "{\"metadata\":{\"labels\":{\"topology.kubernetes.io/region\":\"west\",\"kubernetes.io/"
	      "arch\":\"arm64\","
	      "\"node-role.kubernetes.io/master\":\"\"}}}",
	      "{\"metadata\":{\"labels\":{\"topology.kubernetes.io/region\":\"east\",\"kubernetes.io/"
	      "arch\":\"arm64\"}}}");
}

static void test_a_fresh_node_carries_the_report_and_nothing_else(void **state)
{
	struct json *report = parse(
		"{\"metadata\":{\"name\":\"other\",\"labels\":{\"kubernetes.io/os\":\"linux\",\"x\":\"y\"}},"
		"\"spec\":{\"taints\":[]},\"status\":{\"phase\":\"Running\"}}");
	struct json *node = NULL;

	(void)state;
	assert_int_equal(status_fresh_node("edge-1", report, &node), 0);
	assert_string_equal(json_path_str(node, "metadata.name", ""), "edge-1");
	assert_int_equal(json_count(json_path(node, "metadata.labels")), 1);
	assert_null(json_get(node, "spec"));
	assert_string_equal(json_path_str(node, "status.phase", ""), "Running");
	json_free(node);
	json_free(report);
}

static void test_a_report_that_is_no_object_changes_nothing(void **state)
{
	struct json *pod = parse("{\"status\":{\"phase\":\"Running\"}}"), *report = parse("[]");

	(void)state;
	assert_int_equal(status_merge_pod(pod, report), -EINVAL);
	assert_string_equal(json_path_str(pod, "status.phase", ""), "Running");
	json_free(pod);
	json_free(report);
}

static void test_an_event_counts_up_and_keeps_what_it_is_about(void **state)
{
	(void)state;
	check(status_merge_event, "{\"count\":1,\"involvedObject\":{\"name\":\"a\"},\"message\":\"m\"}",
	      "{\"count\":3,\"involvedObject\":{\"name\":\"b\"},\"lastTimestamp\":\"t\"}",
	      "{\"count\":3,\"involvedObject\":{\"name\":\"a\"},\"message\":\"m\",\"lastTimestamp\":\"t\"}");
}

static void an_event_is_made_of_what_an_event_says(void **state)
{
	static const char *const bad[] = {
		"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"e\",\"namespace\":\"web\"}"
		"}",
		"{\"apiVersion\":\"rbac.authorization.k8s.io/"
		"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"e\","
		"\"namespace\":\"web\"}}",
		"{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"other\",\"namespace\":"
		"\"web\"}}",
		"{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"e\",\"namespace\":"
		"\"other\"}}",
		"{\"apiVersion\":\"v1\",\"kind\":\"Event\"}",
	};
	struct json *report = NULL, *event = NULL;
	struct buf text;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(json_parse(span_of(bad[i]), &report, NULL), 0);
		assert_int_equal(status_fresh_event("web", "e", report, &event), -EINVAL);
		json_free(report);
	}
	assert_int_equal(
		json_parse(SPAN("{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"e\","
				"\"namespace\":"
				"\"web\",\"ownerReferences\":[{\"kind\":\"Node\"}],\"finalizers\":[\"x/y\"]},"
				"\"involvedObject\":{\"kind\":\"Pod\"},\"reason\":\"R\",\"related\":{"
				"\"kind\":\"Secret\"},"
				"\"roleRef\":{}}"),
			   &report, NULL),
		0);
	assert_int_equal(status_fresh_event("web", "e", report, &event), 0);
	buf_init(&text, 4096);
	assert_int_equal(json_write(event, &text), 0);
	assert_string_equal(
		buf_cstr(&text),
		"{\"metadata\":{\"name\":\"e\",\"namespace\":\"web\"},\"apiVersion\":\"v1\",\"kind\":"
		"\"Event\",\"involvedObject\":{\"kind\":\"Pod\"},\"reason\":\"R\"}");
	buf_done(&text);
	json_free(event);
	json_free(report);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_report_replaces_what_the_node_owns),
		cmocka_unit_test(test_conditions_of_the_cloud_stay),
		cmocka_unit_test(test_a_condition_the_node_does_not_report_stays),
		cmocka_unit_test(test_the_scheduler_keeps_its_nomination),
		cmocka_unit_test(test_a_node_gives_itself_no_labels_but_its_own),
		cmocka_unit_test(test_a_fresh_node_carries_the_report_and_nothing_else),
		cmocka_unit_test(test_a_report_that_is_no_object_changes_nothing),
		cmocka_unit_test(test_an_event_counts_up_and_keeps_what_it_is_about),
		cmocka_unit_test(an_event_is_made_of_what_an_event_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
