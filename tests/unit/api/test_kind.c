#include "cache/object.h"
#include "kinds_helper.h"

static void kinds_are_found_by_every_name(void **state)
{
	const struct kind *ds = kind_of_plural(SPAN("apps"), SPAN("v1"), SPAN("daemonsets"));
	struct buf text;

	assert_string_equal(ds->kind, "DaemonSet");
	assert_ptr_equal(kind_of_name(SPAN("apps"), SPAN("v1"), SPAN("DaemonSet")), ds);
	assert_ptr_equal(kind_of_storage("daemonsets.apps"), ds);
	assert_null(kind_of_plural(SPAN(""), SPAN("v1"), SPAN("daemonsets")));
	assert_null(kind_of_plural(SPAN("apps"), SPAN("v1beta1"), SPAN("daemonsets")));
	assert_null(kind_of_name(SPAN("apps"), SPAN("v1"), SPAN("daemonset")));
	assert_string_equal(kind_of_storage("events")->group, ""); /* the form of core/v1 is stored */
	assert_string_equal(kind_of_subresource(core_kind("Pod"), "eviction")->kind, "Eviction");
	assert_ptr_equal(kind_of_subresource(ds, "status"), ds);
	assert_null(kind_of_subresource(ds, "unheard-of"));
	assert_string_equal(kind_of_subresource(kind_of_storage("replicasets.apps"), "scale")->group,
			    "autoscaling");
	assert_non_null(kind_of_name(SPAN("apps"), SPAN("v1"), SPAN("DeleteOptions")));
	assert_non_null(schema_of_name("DeleteOptions"));
	assert_null(schema_of_name("Eviction"));
	buf_init(&text, 100);
	assert_int_equal(kind_api_version(ds, &text), 0);
	assert_string_equal(buf_cstr(&text), "apps/v1");
	buf_done(&text);
}

static void selectable_fields_are_known(void **state)
{
	const struct kind *event = kind_of_name(SPAN("events.k8s.io"), SPAN("v1"), SPAN("Event"));

	assert_string_equal(kind_field_key(core_kind("Pod"), "spec.nodeName"), "spec.nodeName");
	assert_string_equal(kind_field_key(event, "regarding.name"), "involvedObject.name");
	assert_null(kind_field_key(core_kind("Pod"), "spec.containers"));
	assert_null(kind_field_key(core_kind("ConfigMap"), "data"));
}

static void indexed_fields_are_packed(void **state)
{
	struct json *pod = parse_json(
		"{\"spec\":{\"nodeName\":\"n\",\"hostNetwork\":true},\"status\":{\"phase\":\"Running\"}}");
	struct json *event = parse_json(
		"{\"involvedObject\":{\"kind\":\"Pod\",\"name\":\"p\",\"uid\":\"u\"},\"reason\":\"Killing\","
		"\"reportingComponent\":\"agent\",\"type\":\"Normal\"}");
	struct json *node = parse_json("{\"spec\":{}}");
	const char *key, *value, *before = "";
	size_t cursor = 0;
	struct buf packed;

	buf_init(&packed, 4096);
	assert_int_equal(core_kind("Pod")->index_fields(pod, &packed), 0);
	assert_string_equal(pairs_get(buf_span(&packed), "spec.nodeName"), "n");
	assert_string_equal(pairs_get(buf_span(&packed), "spec.hostNetwork"), "true");
	assert_string_equal(pairs_get(buf_span(&packed), "status.phase"), "Running");
	buf_reset(&packed);
	assert_int_equal(core_kind("Event")->index_fields(event, &packed), 0);
	assert_string_equal(pairs_get(buf_span(&packed), "source"), "agent");
	assert_string_equal(pairs_get(buf_span(&packed), "involvedObject.uid"), "u");
	while (pairs_next(buf_span(&packed), &cursor, &key, &value)) {
		assert_true(strcmp(before, key) < 0);
		before = key;
	}
	buf_reset(&packed);
	assert_int_equal(core_kind("Node")->index_fields(node, &packed), 0);
	assert_string_equal(pairs_get(buf_span(&packed), "spec.unschedulable"), "false");
	buf_done(&packed);
	json_free(pod);
	json_free(event);
	json_free(node);
}

static void events_convert_both_ways(void **state)
{
	static const char core[] =
		"{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"involvedObject\":{\"name\":\"p\"},\"message\":"
		"\"m\","
		"\"source\":{\"component\":\"c\"},\"count\":2,\"reportingComponent\":\"r\",\"reason\":\"x\"}";
	static const char newer[] =
		"{\"apiVersion\":\"events.k8s.io/v1\",\"kind\":\"Event\",\"regarding\":{\"name\":\"p\"},"
		"\"note\":\"m\",\"deprecatedSource\":{\"component\":\"c\"},\"deprecatedCount\":2,"
		"\"reportingController\":\"r\",\"reason\":\"x\"}";
	const struct kind *kind = kind_of_name(SPAN("events.k8s.io"), SPAN("v1"), SPAN("Event"));
	struct json *event = parse_json(core);

	assert_int_equal(kind->from_storage(event), 0);
	assert_true(is_json(event, newer));
	assert_int_equal(kind->to_storage(event), 0);
	assert_true(is_json(event, core));
	json_free(event);
}

static void pods_get_their_defaults(void **state)
{
	struct json *pod = parse_json(
		"{\"metadata\":{\"name\":\"p\"},\"spec\":{\"hostNetwork\":true,\"serviceAccountName\":\"sa\","
		"\"volumes\":[{\"name\":\"v\"}],\"containers\":["
		"{\"name\":\"a\",\"image\":\"r:5000/x\",\"ports\":[{\"containerPort\":80}],"
		"\"resources\":{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"},\"requests\":{\"cpu\":\"500m\"}"
		"}},"
		"{\"name\":\"b\",\"image\":\"x:1.2\"},{\"name\":\"c\",\"image\":\"x:latest\"},"
		"{\"name\":\"d\",\"image\":\"x@sha256:00\"}]}}");

	assert_int_equal(kind_default(core_kind("Pod"), pod), 0);
	assert_string_equal(json_path_str(pod, "spec.containers.0.imagePullPolicy", ""), "Always");
	assert_string_equal(json_path_str(pod, "spec.containers.1.imagePullPolicy", ""), "IfNotPresent");
	assert_string_equal(json_path_str(pod, "spec.containers.2.imagePullPolicy", ""), "Always");
	assert_string_equal(json_path_str(pod, "spec.containers.3.imagePullPolicy", ""), "IfNotPresent");
	assert_true(is_json(json_path(pod, "spec.containers.0.resources.requests"),
			    "{\"cpu\":\"500m\",\"memory\":\"1Gi\"}"));
	assert_int_equal(json_path_int(pod, "spec.containers.0.ports.0.hostPort", 0), 80);
	assert_non_null(json_path(pod, "spec.volumes.0.emptyDir"));
	assert_string_equal(json_path_str(pod, "spec.serviceAccount", ""), "sa");
	assert_true(json_path_bool(pod, "spec.enableServiceLinks", false));
	assert_string_equal(json_path_str(pod, "status.phase", ""), "Pending");
	assert_string_equal(json_path_str(pod, "status.qosClass", ""), "Burstable");
	json_free(pod);
}

static void quality_of_service_follows_requests_and_limits(void **state)
{
	static const struct {
		const char *resources, *class;
	} cases[] = {
		{ "{}", "BestEffort" },
		{ "{\"requests\":{\"cpu\":\"1\"}}", "Burstable" },
		{ "{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"}}", "Guaranteed" },
		{ "{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"},\"requests\":{\"cpu\":\"1000m\",\"memory\":"
		  "\"1024Mi\"}}",
		  "Guaranteed" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *pod =
			parse_json("{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"x\"}]}}");

		assert_int_equal(json_set(json_path(pod, "spec.containers.0"), "resources",
					  parse_json(cases[i].resources)),
				 0);
		assert_int_equal(kind_default(core_kind("Pod"), pod), 0);
		assert_string_equal(json_path_str(pod, "status.qosClass", ""), cases[i].class);
		json_free(pod);
	}
}

static void other_kinds_get_their_defaults(void **state)
{
	struct json *ns = parse_json("{\"metadata\":{\"name\":\"n\"}}");
	struct json *secret = parse_json(
		"{\"data\":{\"a\":\"YQ==\",\"b\":\"YQ==\"},\"stringData\":{\"b\":\"x\",\"c\":\"\"}}");
	struct json *ds = parse_json(
		"{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"x\"}]}}}}");
	struct json *rs = parse_json(
		"{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"x\"}]}}}}");
	struct json *node = parse_json("{\"status\":{\"capacity\":{\"cpu\":\"2\"}}}");

	assert_int_equal(kind_default(core_kind("Namespace"), ns), 0);
	assert_true(
		is_json(ns,
			"{\"metadata\":{\"name\":\"n\",\"labels\":{\"kubernetes.io/metadata.name\":\"n\"}},"
			"\"spec\":{\"finalizers\":[\"kubernetes\"]},\"status\":{\"phase\":\"Active\"}}"));
	assert_int_equal(kind_default(core_kind("Secret"), secret), 0);
	assert_true(
		is_json(secret, "{\"type\":\"Opaque\",\"data\":{\"a\":\"YQ==\",\"b\":\"eA==\",\"c\":\"\"}}"));
	assert_int_equal(kind_default(kind_of_storage("daemonsets.apps"), ds), 0);
	assert_true(is_json(
		json_path(ds, "spec.updateStrategy"),
		"{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"maxUnavailable\":1,\"maxSurge\":0}}"));
	assert_int_equal(json_path_int(ds, "spec.revisionHistoryLimit", 0), 10);
	assert_string_equal(json_path_str(ds, "spec.template.spec.restartPolicy", ""), "Always");
	assert_string_equal(json_path_str(ds, "spec.template.spec.containers.0.imagePullPolicy", ""),
			    "Always");
	assert_int_equal(kind_default(kind_of_storage("replicasets.apps"), rs), 0);
	assert_int_equal(json_path_int(rs, "spec.replicas", -1), 1);
	assert_string_equal(json_path_str(rs, "spec.template.spec.restartPolicy", ""), "Always");
	assert_int_equal(kind_default(kind_of_storage("deployments.apps"), rs), 0);
	assert_true(is_json(json_path(rs, "spec.strategy"),
			    "{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"maxUnavailable\":\"25%\","
			    "\"maxSurge\":\"25%\"}}"));
	assert_int_equal(json_path_int(rs, "spec.progressDeadlineSeconds", 0), 600);
	assert_int_equal(json_path_int(rs, "spec.revisionHistoryLimit", 0), 10);
	json_free(rs);
	assert_int_equal(kind_default(core_kind("Node"), node), 0);
	assert_true(is_json(json_path(node, "status.allocatable"), "{\"cpu\":\"2\"}"));
	json_free(ns);
	json_free(secret);
	json_free(ds);
	json_free(node);
}

static void defaulting_twice_changes_nothing(void **state)
{
	struct json *ds = parse_json(
		"{\"spec\":{\"template\":{\"spec\":{\"volumes\":[{\"name\":\"v\"}],\"containers\":["
		"{\"name\":\"a\",\"image\":\"x\",\"readinessProbe\":{\"grpc\":{\"port\":1}}}]}}}}");
	const struct kind *kind = kind_of_storage("daemonsets.apps");
	struct json *once;

	assert_int_equal(kind_default(kind, ds), 0);
	once = json_copy(ds);
	assert_int_equal(kind_default(kind, ds), 0);
	assert_true(json_equal(ds, once));
	json_free(once);
	json_free(ds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_are_found_by_every_name),
		cmocka_unit_test(selectable_fields_are_known),
		cmocka_unit_test(indexed_fields_are_packed),
		cmocka_unit_test(events_convert_both_ways),
		cmocka_unit_test(pods_get_their_defaults),
		cmocka_unit_test(quality_of_service_follows_requests_and_limits),
		cmocka_unit_test(other_kinds_get_their_defaults),
		cmocka_unit_test(defaulting_twice_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
