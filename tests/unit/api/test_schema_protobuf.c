/* Bodies as clients send them: recorded from kubectl 1.32 (create, auth, token), or encoded by protoc from upstream's .proto
 * files (daemonset, endpoints, endpointslice, lease, service). Beside each stands the same object as JSON. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/protobuf.h"
#include "kinds_helper.h"

static struct buf read_file(const char *folder, const char *name, const char *suffix)
{
	char path[512];
	struct buf content;
	FILE *file;
	size_t n;

	(void)snprintf(path, sizeof(path), "%s/%s%s", folder, name, suffix);
	file = fopen(path, "rb");
	if (!file)
		fail_msg("no %s", path);
	buf_init(&content, 1 << 20);
	assert_int_equal(buf_reserve(&content, 1 << 16), 0);
	n = fread(content.data, 1, 1 << 16, file);
	content.len = n;
	assert_int_equal(fclose(file), 0);
	return content;
}

static void recorded_bodies_decode(void **state)
{
	static const struct {
		const char *name, *kind;
	} bodies[] = {
		{ "create_configmap", "ConfigMap" },
		{ "create_secret", "Secret" },
		{ "create_docker_registry", "Secret" },
		{ "create_namespace", "Namespace" },
		{ "create_token", "TokenRequest" },
		{ "can_i", "SelfSubjectAccessReview" },
		{ "create_serviceaccount", "ServiceAccount" },
		{ "can_i_list", "SelfSubjectRulesReview" },
		{ "whoami", "SelfSubjectReview" },
		{ "create_role", "Role" },
		{ "create_clusterrole", "ClusterRole" },
		{ "create_gathering", "ClusterRole" },
		{ "create_rolebinding", "RoleBinding" },
		{ "create_clusterrolebinding", "ClusterRoleBinding" },
		{ "daemonset", "DaemonSet" },
		{ "lease", "Lease" },
		{ "service", "Service" },
		{ "endpoints", "Endpoints" },
		{ "endpointslice", "EndpointSlice" },
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct buf body = read_file(TEST_BODIES, bodies[i].name, ""),
			   json = read_file(TEST_JSON, bodies[i].name, ".json");
		struct problems *problems = problems_new();
		const struct kind *kind;
		struct json *object;
		struct err err = { 0 };

		if (kind_decode_protobuf(buf_span(&body), &kind, &object, &err))
			fail_msg("%s: %s", bodies[i].name, err_text(&err));
		assert_string_equal(kind->kind, bodies[i].kind);
		assert_true(is_json(object, buf_cstr(&json)));
		assert_int_equal(schema_check(kind->schema, object, true, problems, NULL), 0);
		assert_int_equal(problems_count(problems), 0);
		problems_free(problems);
		json_free(object);
		buf_done(&body);
		buf_done(&json);
	}
}

/* runtime.Unknown around a message. */
static void envelope(struct buf *out, const char *api_version, const char *kind, struct span raw)
{
	struct buf type;

	buf_init(&type, 1000);
	assert_int_equal(wire_put_bytes(&type, 1, span_of(api_version)), 0);
	assert_int_equal(wire_put_bytes(&type, 2, span_of(kind)), 0);
	buf_reset(out);
	assert_int_equal(buf_add(out, "k8s", 4), 0);
	assert_int_equal(wire_put_bytes(out, 1, buf_span(&type)), 0);
	assert_int_equal(wire_put_bytes(out, 2, raw), 0);
	buf_done(&type);
}

static void bad_envelopes_are_refused(void **state)
{
	static const struct {
		const char *version, *kind, *reason;
	} cases[] = {
		{ "v1", "Unheard", "no kind \"Unheard\" is registered for version \"v1\"" },
		{ "v2", "ConfigMap", "no kind" },
		{ "apps/v1", "ConfigMap", "no kind" },
		{ "", "", "no kind" },
	};
	const struct kind *kind;
	struct json *object;
	struct err err = { 0 };
	struct buf body;

	assert_int_equal(kind_decode_protobuf(SPAN(""), &kind, &object, &err), -EINVAL);
	assert_int_equal(kind_decode_protobuf(SPAN("{}"), &kind, &object, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "6b 38 73 00"));
	buf_init(&body, 10000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		envelope(&body, cases[i].version, cases[i].kind, SPAN(""));
		assert_int_equal(kind_decode_protobuf(buf_span(&body), &kind, &object, &err), -EINVAL);
		assert_non_null(strstr(err.msg, cases[i].reason));
	}
	envelope(&body, "v1", "ConfigMap", SPAN(""));
	assert_int_equal(wire_put_bytes(&body, 3, SPAN("gzip")), 0); /* contentEncoding */
	assert_int_equal(kind_decode_protobuf(buf_span(&body), &kind, &object, &err), -EINVAL);
	buf_done(&body);
}

static void malformed_messages_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {
		{ "\x0a", 1 }, /* no length */
		{ "\x0a\x05"
		  "ab",
		  4 },							/* cut */
		{ "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 }, /* longer than memory */
		{ "\x08\x01", 2 },					/* metadata is no varint */
		{ "\x0b\x0c", 2 },					/* groups */
		{ "\x02\x00", 2 },					/* field 0 */
		{ "\x0a\x03\x0a\x01\xff", 5 },				/* name is no UTF-8 */
		{ "\x12\x04\x0a\x02"
		  "a\x00",
		  6 }, /* a key with a NUL */
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 },
	};
	const struct schema *schema = core_kind("ConfigMap")->schema;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct json *object;

		assert_int_equal(schema_decode_protobuf(schema, span_make(bad[i].bytes, bad[i].len), &object,
							NULL),
				 -EINVAL);
	}
}

static void unknown_numbers_are_skipped_and_parts_merge(void **state)
{
	const struct schema *schema = core_kind("ConfigMap")->schema;
	struct buf body, meta, other;
	struct json *object;

	buf_init(&body, 1000);
	buf_init(&meta, 1000);
	buf_init(&other, 1000);
	assert_int_equal(wire_put_bytes(&meta, 1, SPAN("a")), 0);
	assert_int_equal(wire_put_bytes(&other, 3, SPAN("ns")), 0);
	assert_int_equal(wire_put_varint(&body, 900, 1), 0);
	assert_int_equal(wire_put_bytes(&body, 1, buf_span(&meta)), 0);
	assert_int_equal(wire_put_bytes(&body, 1, buf_span(&other)), 0);
	assert_int_equal(wire_put_bytes(&body, 2, SPAN("")), 0); /* an entry without key and value */
	assert_int_equal(schema_decode_protobuf(schema, buf_span(&body), &object, NULL), 0);
	assert_true(
		is_json(object, "{\"metadata\":{\"name\":\"a\",\"namespace\":\"ns\"},\"data\":{\"\":\"\"}}"));
	json_free(object);
	buf_done(&body);
	buf_done(&meta);
	buf_done(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recorded_bodies_decode),
		cmocka_unit_test(bad_envelopes_are_refused),
		cmocka_unit_test(malformed_messages_are_refused),
		cmocka_unit_test(unknown_numbers_are_skipped_and_parts_merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
