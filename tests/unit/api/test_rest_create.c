/* POST: what the server adds, and what it refuses. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/api/rig.h"

static void create_fills_in_metadata_and_defaults(void **state)
{
	struct answer *a = ask(*state, "POST", PODS, POD("p", ",\"labels\":{\"app\":\"x\"}"));

	assert_int_equal(a->code, 201);
	assert_string_equal(text_at(a, "kind"), "Pod");
	assert_string_equal(text_at(a, "metadata.namespace"), "web");
	assert_int_equal(strlen(text_at(a, "metadata.uid")), 36);
	assert_string_equal(text_at(a, "metadata.creationTimestamp"), "2023-11-14T22:13:20Z");
	assert_true(revision_of(a) > 0);
	assert_string_equal(text_at(a, "spec.restartPolicy"), "Always");
	assert_string_equal(text_at(a, "status.phase"), "Pending");
	assert_string_equal(text_at(a, "status.qosClass"), "BestEffort");
	assert_string_equal(text_at(a, "metadata.labels.app"), "x");
	answer_free(a);
	a = ask(*state, "GET", PODS "/p", NULL);
	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "metadata.name"), "p");
	answer_free(a);
}

static void create_counts_generations_where_the_kind_has_them(void **state)
{
	struct answer *a = ask(*state, "POST", SETS, DAEMONSET("d"));

	assert_int_equal(a->code, 201);
	assert_int_equal(int_at(a, "metadata.generation"), 1);
	answer_free(a);
	a = ask(*state, "POST", MAPS, CONFIG("c", ",\"generation\":7"));
	assert_int_equal(a->code, 201);
	assert_int_equal(int_at(a, "metadata.generation"), -1);
	answer_free(a);
}

static void create_ignores_what_only_the_server_may_say(void **state)
{
	struct answer *a =
		ask(*state, "POST", PODS,
		    "{\"metadata\":{\"name\":\"p\",\"uid\":\"mine\",\"creationTimestamp\":\"2001-01-01T00:00:"
		    "00Z\","
		    "\"deletionTimestamp\":\"2001-01-01T00:00:00Z\",\"deletionGracePeriodSeconds\":3},"
		    "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]},\"status\":{\"phase\":"
		    "\"Running\"}}");

	assert_int_equal(a->code, 201);
	assert_string_not_equal(text_at(a, "metadata.uid"), "mine");
	assert_string_equal(text_at(a, "metadata.creationTimestamp"), "2023-11-14T22:13:20Z");
	assert_string_equal(text_at(a, "metadata.deletionTimestamp"), "");
	assert_string_equal(text_at(a, "status.phase"), "Pending");
	answer_free(a);
}

static void a_node_brings_its_own_status(void **state)
{
	struct answer *a = ask(*state, "POST", "/api/v1/nodes",
			       "{\"metadata\":{\"name\":\"n\"},\"status\":{\"capacity\":{\"cpu\":\"4\"}}}");

	assert_int_equal(a->code, 201);
	assert_string_equal(text_at(a, "status.capacity.cpu"), "4");
	answer_free(a);
}

static void names_are_generated_with_a_random_end(void **state)
{
	const char *body = "{\"metadata\":{\"generateName\":\"gen-\"}}";
	struct answer *a = ask(*state, "POST", MAPS, body), *b = ask(*state, "POST", MAPS, body);

	assert_int_equal(a->code, 201);
	assert_int_equal(b->code, 201);
	assert_int_equal(strlen(text_at(a, "metadata.name")), 9);
	assert_memory_equal(text_at(a, "metadata.name"), "gen-", 4);
	assert_string_not_equal(text_at(a, "metadata.name"), text_at(b, "metadata.name"));
	answer_free(a);
	answer_free(b);
}

static void a_second_create_conflicts(void **state)
{
	expect_code(*state, 201, "POST", MAPS, CONFIG("c", ""));
	expect_status(*state, 409, "AlreadyExists", "configmaps \"c\" already exists", "POST", MAPS,
		      CONFIG("c", ""));
	expect_code(*state, 201, "POST", SETS, DAEMONSET("d"));
	expect_status(*state, 409, "AlreadyExists", "daemonsets.apps \"d\" already exists", "POST", SETS,
		      DAEMONSET("d"));
}

static void namespaces_must_exist_and_match(void **state)
{
	expect_status(*state, 404, "NotFound", "namespaces \"nowhere\" not found", "POST",
		      "/api/v1/namespaces/nowhere/pods", POD("p", ""));
	expect_status(*state, 400, "BadRequest", "does not match the namespace sent on the request", "POST",
		      MAPS, CONFIG("c", ",\"namespace\":\"default\""));
	expect_code(*state, 201, "POST", MAPS, CONFIG("c", ",\"namespace\":\"web\""));
}

static void an_ending_namespace_takes_nothing_new(void **state)
{
	struct answer *a;

	expect_code(*state, 200, "DELETE", "/api/v1/namespaces/web", NULL);
	a = ask(*state, "POST", MAPS, CONFIG("c", ""));
	assert_int_equal(a->code, 403);
	assert_string_equal(text_at(a, "message"),
			    "configmaps \"c\" is forbidden: unable to create new content in namespace web "
			    "because it is being terminated");
	assert_string_equal(text_at(a, "details.causes.0.reason"), "NamespaceTerminating");
	answer_free(a);
}

static void a_dry_run_stores_nothing(void **state)
{
	struct answer *a = ask(*state, "POST", MAPS "?dryRun=All", CONFIG("c", ""));

	assert_int_equal(a->code, 201);
	assert_string_equal(text_at(a, "metadata.name"), "c");
	assert_int_equal(strlen(text_at(a, "metadata.uid")), 36);
	answer_free(a);
	expect_status(*state, 404, "NotFound", "configmaps \"c\" not found", "GET", MAPS "/c", NULL);
	expect_status(*state, 422, "Invalid", "dryRun", "POST", MAPS "?dryRun=Some", CONFIG("c", ""));
}

static void invalid_objects_name_their_fields(void **state)
{
	struct answer *a = ask(*state, "POST", PODS,
			       "{\"metadata\":{\"name\":\"Bad_Name\"},\"spec\":{\"containers\":[]}}");

	assert_int_equal(a->code, 422);
	assert_string_equal(text_at(a, "reason"), "Invalid");
	assert_string_equal(text_at(a, "details.kind"), "Pod");
	assert_string_equal(text_at(a, "details.name"), "Bad_Name");
	assert_non_null(strstr(text_at(a, "message"), "Pod \"Bad_Name\" is invalid: "));
	assert_true(count_at(a, "details.causes") >= 2);
	answer_free(a);
	expect_status(*state, 422, "Invalid", "metadata.labels", "POST", MAPS,
		      CONFIG("c", ",\"labels\":{\"-bad-\":\"x\"}"));
	expect_status(*state, 422, "Invalid", "metadata.labels", "POST", MAPS,
		      CONFIG("c", ",\"labels\":{\"a\":\"b c\"}"));
	expect_status(*state, 422, "Invalid", "name or generateName is required", "POST", MAPS,
		      "{\"metadata\":{}}");
}

static void a_bad_quantity_is_refused(void **state)
{
	expect_status(
		*state, 400, "BadRequest", "", "POST", PODS,
		"{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\","
		"\"resources\":{\"requests\":{\"cpu\":\"12parsecs\"}}}]}}");
}

static void unknown_fields_are_dropped_refused_or_warned_of(void **state)
{
	const char *body = "{\"metadata\":{\"name\":\"c\"},\"data\":{\"a\":\"1\"},\"datta\":{\"b\":\"2\"}}";
	struct answer *a;

	expect_status(*state, 400, "BadRequest", "strict decoding error: unknown field \"datta\"", "POST",
		      MAPS "?fieldValidation=Strict", body);
	a = ask(*state, "POST", MAPS "?dryRun=All", body);
	assert_int_equal(a->code, 201);
	assert_true(has_header(a, "Warning: 299 - \"unknown field \\\"datta\\\"\""));
	assert_int_equal(count_at(a, "datta"), 0);
	assert_int_equal(count_at(a, "data"), 1);
	answer_free(a);
	a = ask(*state, "POST", MAPS "?fieldValidation=Ignore", body);
	assert_int_equal(a->code, 201);
	assert_false(has_header(a, "Warning:"));
	answer_free(a);
	expect_status(*state, 422, "Invalid", "fieldValidation", "POST", MAPS "?fieldValidation=Maybe", body);
}

static void wrong_types_are_bad_requests(void **state)
{
	expect_status(*state, 400, "BadRequest", "cannot be handled as a Pod", "POST", PODS,
		      "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":\"none\"}}");
	expect_status(*state, 400, "BadRequest", "", "POST", MAPS, "{\"metadata\":\"c\"}");
	expect_status(*state, 400, "BadRequest", "", "POST", MAPS, "{\"metadata\":{\"name\":7}}");
	expect_status(*state, 400, "BadRequest", "", "POST", MAPS,
		      "{\"metadata\":{\"name\":\"c\",\"labels\":{\"a\":1}}}");
	expect_status(*state, 400, "BadRequest", "must be a JSON object", "POST", MAPS, "[]");
}

static void foreign_kinds_and_versions_are_bad_requests(void **state)
{
	expect_status(*state, 400, "BadRequest", "cannot be handled as a Pod", "POST", PODS, CONFIG("c", ""));
	expect_status(*state, 400, "BadRequest", "does not match the expected API version", "POST", MAPS,
		      "{\"apiVersion\":\"v2\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\"}}");
}

static void malformed_bodies_are_bad_requests(void **state)
{
	static const char *const bodies[] = { "", "{", "{\"metadata\":}", "nonsense", "{}{}", "\xff\xfe" };

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		expect_status(*state, 400, "BadRequest", "", "POST", MAPS, bodies[i]);
}

static void deep_and_large_bodies_are_refused(void **state)
{
	struct buf body;

	buf_init(&body, 8u * 1024 * 1024);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(buf_add_str(&body, "{\"a\":"), 0);
	expect_status(*state, 400, "BadRequest", "nested too deeply", "POST", MAPS, buf_cstr(&body));
	buf_reset(&body);
	assert_int_equal(buf_add_str(&body, "{\"metadata\":{\"name\":\"c\"},\"data\":{\"a\":\""), 0);
	while (body.len < JSON_MAX_BYTES)
		assert_int_equal(
			buf_add_str(&body,
				    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
			0);
	assert_int_equal(buf_add_str(&body, "\"}}"), 0);
	expect_status(*state, 413, "RequestEntityTooLarge", "limit is 3145728", "POST", MAPS,
		      buf_cstr(&body));
	buf_done(&body);
}

static void other_media_types_are_unsupported(void **state)
{
	struct rig *rig = *state;

	rig->content_type = "application/yaml";
	expect_status(rig, 415, "UnsupportedMediaType", "unknown format", "POST", MAPS, "kind: ConfigMap");
	rig->content_type = "application/json; charset=utf-8";
	expect_code(rig, 201, "POST", MAPS, CONFIG("c", ""));
}

static void a_revision_is_not_the_clients_to_give(void **state)
{
	expect_status(*state, 400, "BadRequest", "resourceVersion should not be set on objects to be created",
		      "POST", MAPS, CONFIG("c", ",\"resourceVersion\":\"5\""));
}

static void protobuf_bodies_are_understood(void **state)
{
	/* k8s\0, Unknown{typeMeta{v1, ConfigMap}, raw ConfigMap{metadata{name "pb"}, data{"a": "b"}}} */
	struct rig *rig = *state;
	struct buf body;
	static const unsigned char raw[] = { 0x0a, 0x04, 0x0a, 0x02, 'p',  'b',	 0x12,
					     0x06, 0x0a, 0x01, 'a',  0x12, 0x01, 'b' };

	buf_init(&body, 1024);
	assert_int_equal(buf_add(&body, "k8s\0", 4), 0);
	assert_int_equal(buf_add(&body,
				 "\x0a\x0f\x0a\x02v1\x12\x09"
				 "ConfigMap",
				 17),
			 0);
	assert_int_equal(buf_add(&body, "\x12\x0e", 2), 0);
	assert_int_equal(buf_add(&body, raw, sizeof(raw)), 0);
	rig->content_type = "application/vnd.kubernetes.protobuf";
	struct answer *a = ask_bytes(rig, "POST", MAPS, buf_span(&body));

	if (a->code != 201)
		fail_msg("%d %s", a->code, buf_cstr(&a->body));
	assert_string_equal(text_at(a, "metadata.name"), "pb");
	assert_string_equal(text_at(a, "data.a"), "b");
	answer_free(a);
	body.data[10] = 'x';
	a = ask_bytes(rig, "POST", MAPS, buf_span(&body));
	assert_int_equal(a->code, 400);
	answer_free(a);
	a = ask_bytes(rig, "POST", PODS, span_make("k8s\0\xff\xff\xff", 7));
	assert_int_equal(a->code, 400);
	answer_free(a);
	buf_done(&body);
}

static void admission_changes_and_refuses(void **state)
{
	struct answer *a = ask(*state, "POST", MAPS, CONFIG("c", ",\"annotations\":{\"touched\":\"no\"}"));

	assert_int_equal(a->code, 201);
	assert_string_equal(text_at(a, "metadata.annotations.touched"), "yes");
	answer_free(a);
	expect_status(*state, 403, "Forbidden", "the rig admits no such thing", "POST", MAPS,
		      CONFIG("d", ",\"annotations\":{\"forbidden\":\"x\"}"));
}

static void an_event_of_the_new_group_is_stored_as_a_core_event(void **state)
{
	struct answer *a = ask(
		*state, "POST", "/apis/events.k8s.io/v1/namespaces/web/events",
		"{\"metadata\":{\"name\":\"e\"},\"eventTime\":\"2023-11-14T22:13:20.000000Z\",\"reason\":"
		"\"R\","
		"\"action\":\"A\",\"type\":\"Normal\",\"reportingController\":\"c/"
		"x\",\"reportingInstance\":\"i\","
		"\"regarding\":{\"kind\":\"Pod\",\"namespace\":\"web\",\"name\":\"p\"},\"note\":\"said\"}");

	if (a->code != 201)
		fail_msg("%s", buf_cstr(&a->body));
	assert_string_equal(text_at(a, "apiVersion"), "events.k8s.io/v1");
	assert_string_equal(text_at(a, "note"), "said");
	answer_free(a);
	a = ask(*state, "GET", "/api/v1/namespaces/web/events/e", NULL);
	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "apiVersion"), "v1");
	assert_string_equal(text_at(a, "message"), "said");
	assert_string_equal(text_at(a, "involvedObject.name"), "p");
	answer_free(a);
	a = ask(*state, "GET", "/apis/events.k8s.io/v1/namespaces/web/events", NULL);
	assert_int_equal(count_at(a, "items"), 1);
	assert_string_equal(text_at(a, "items.0.note"), "said");
	answer_free(a);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(create_fills_in_metadata_and_defaults),
		TEST(create_counts_generations_where_the_kind_has_them),
		TEST(create_ignores_what_only_the_server_may_say),
		TEST(a_node_brings_its_own_status),
		TEST(names_are_generated_with_a_random_end),
		TEST(a_second_create_conflicts),
		TEST(namespaces_must_exist_and_match),
		TEST(an_ending_namespace_takes_nothing_new),
		TEST(a_dry_run_stores_nothing),
		TEST(invalid_objects_name_their_fields),
		TEST(a_bad_quantity_is_refused),
		TEST(unknown_fields_are_dropped_refused_or_warned_of),
		TEST(wrong_types_are_bad_requests),
		TEST(foreign_kinds_and_versions_are_bad_requests),
		TEST(malformed_bodies_are_bad_requests),
		TEST(deep_and_large_bodies_are_refused),
		TEST(other_media_types_are_unsupported),
		TEST(a_revision_is_not_the_clients_to_give),
		TEST(protobuf_bodies_are_understood),
		TEST(admission_changes_and_refuses),
		TEST(an_event_of_the_new_group_is_stored_as_a_core_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
