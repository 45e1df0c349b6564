#include "kinds_helper.h"

static void fields_are_found_in_order_and_inlined(void **state)
{
	size_t count;
	const struct kind *const *all = kinds(&count);
	const struct schema *pod = core_kind("Pod")->schema;
	const struct field *spec = schema_field(pod, SPAN("spec")),
			   *volumes = schema_field(spec->schema, SPAN("volumes"));

	assert_string_equal(volumes->merge_key, "name");
	assert_true(volumes->flags & FIELD_RETAIN_KEYS);
	assert_int_equal(volumes->number, 1);
	assert_non_null(schema_field(volumes->schema, SPAN("emptyDir"))); /* of the inlined VolumeSource */
	assert_non_null(schema_field(volumes->schema, SPAN("name")));
	assert_null(schema_field(volumes->schema, SPAN("volumeSource")));
	assert_null(schema_field(pod, SPAN("specs")));
	for (size_t i = 0; i < count; i++) /* the search relies on it */
		for (size_t k = 1; k < all[i]->schema->field_count; k++)
			assert_true(strcmp(all[i]->schema->fields[k - 1].name,
					   all[i]->schema->fields[k].name) < 0);
}

static void strict_checks_tell_unknown_fields_as_upstream(void **state)
{
	struct json *pod =
		parse_json("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"foo\":1,\"containers\":["
			   "{\"name\":\"a\",\"imag\":\"x\"}]}}");
	struct problems *p = problems_new();
	struct buf text;

	buf_init(&text, 4096);
	assert_int_equal(schema_check(core_kind("Pod")->schema, pod, true, p, NULL), 0);
	assert_int_equal(schema_check_text(core_kind("Pod"), p, &text), 0);
	assert_string_equal(buf_cstr(&text), "Pod in version \"v1\" cannot be handled as a Pod: strict "
					     "decoding error: unknown field \"spec.foo\", "
					     "unknown field \"spec.containers[0].imag\"");
	assert_non_null(json_path(pod, "spec.foo"));
	buf_done(&text);
	problems_free(p);
	json_free(pod);
}

static void lenient_checks_prune(void **state)
{
	struct json *pod = parse_json(
		"{\"spec\":{\"foo\":{\"bar\":1},\"nodeName\":null,\"hostNetwork\":true},\"x\":[]}");
	struct problems *p = problems_new(), *dropped = problems_new();
	struct problem problem;

	assert_int_equal(schema_check(core_kind("Pod")->schema, pod, false, p, dropped), 0);
	assert_int_equal(problems_count(p), 0);
	assert_int_equal(problems_count(dropped), 2);
	assert_true(problems_at(dropped, 0, &problem));
	assert_string_equal(problem.text, "unknown field \"spec.foo\"");
	assert_true(is_json(pod, "{\"spec\":{\"hostNetwork\":true}}"));
	problems_free(p);
	problems_free(dropped);
	json_free(pod);
}

static void wrong_types_are_told_as_upstream(void **state)
{
	static const struct {
		const char *object, *text;
	} cases[] = {
		{ "{\"spec\":{\"containers\":\"x\"}}", "json: cannot unmarshal string into Go struct field "
						       "PodSpec.spec.containers of type []v1.Container" },
		{ "{\"spec\":{\"containers\":[{\"ports\":[{\"containerPort\":\"80\"}]}]}}",
		  "json: cannot unmarshal string into Go struct field "
		  "ContainerPort.spec.containers.ports.containerPort of type int32" },
		{ "{\"spec\":{\"hostNetwork\":1}}", "json: cannot unmarshal number 1 into Go struct field "
						    "PodSpec.spec.hostNetwork of type bool" },
		{ "{\"spec\":{\"priority\":3000000000}}",
		  "json: cannot unmarshal number 3000000000 into Go struct field PodSpec.spec.priority of "
		  "type int32" },
		{ "{\"spec\":{\"activeDeadlineSeconds\":1.5}}",
		  "json: cannot unmarshal number 1.5 into Go struct field PodSpec.spec.activeDeadlineSeconds "
		  "of type int64" },
		{ "{\"metadata\":{\"labels\":{\"a\":true}}}",
		  "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type "
		  "string" },
		{ "{\"metadata\":[]}",
		  "json: cannot unmarshal array into Go struct field Pod.metadata of type v1.ObjectMeta" },
		{ "{\"metadata\":{\"creationTimestamp\":\"today\"}}", "parsing time \"today\"" },
		{ "{\"spec\":{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"1x\"}}}]}}",
		  "quantities must match the regular expression" },
		{ "[]", "json: cannot unmarshal array into Go value of type v1.Pod" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *object = parse_json(cases[i].object);
		struct problems *p = problems_new();
		struct problem problem;

		assert_int_equal(schema_check(core_kind("Pod")->schema, object, true, p, NULL), 0);
		assert_true(problems_at(p, 0, &problem));
		assert_int_equal(problem.type, PROBLEM_TYPE);
		if (!strstr(problem.text, cases[i].text))
			fail_msg("%s is not %s", problem.text, cases[i].text);
		problems_free(p);
		json_free(object);
	}
}

static void base64_must_be_readable_by_everyone(void **state)
{
	static const char *const bad[] = { "YQ", "Y-==", "YQ=", "YQ== ", "Y Q=" };
	const struct schema *schema = core_kind("Secret")->schema;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct json *object = parse_json("{\"data\":{\"k\":\"\",\"good\":\"YWI=\"}}");
		struct problems *p = problems_new();

		assert_int_equal(schema_check(schema, object, true, p, NULL), 0);
		assert_int_equal(problems_count(p), 0);
		assert_int_equal(json_set_str(json_get(object, "data"), "k", bad[i]), 0);
		assert_int_equal(schema_check(schema, object, true, p, NULL), 0);
		assert_int_equal(problems_count(p), 1);
		problems_free(p);
		json_free(object);
	}
}

static void null_in_a_map_of_strings_is_empty(void **state)
{
	struct json *object = parse_json("{\"data\":{\"a\":null,\"b\":\"x\"}}");
	struct problems *p = problems_new();

	assert_int_equal(schema_check(core_kind("ConfigMap")->schema, object, true, p, NULL), 0);
	assert_true(is_json(object, "{\"data\":{\"a\":\"\",\"b\":\"x\"}}"));
	problems_free(p);
	json_free(object);
}

static void quantities_become_strings(void **state)
{
	struct json *pod = parse_json(
		"{\"spec\":{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":0.5,\"memory\":67108864,"
		"\"x/y\":\"1\"}}}],\"volumes\":[{\"emptyDir\":{\"sizeLimit\":10}}]}}");
	struct problems *p = problems_new();

	assert_int_equal(schema_check(core_kind("Pod")->schema, pod, true, p, NULL), 0);
	assert_int_equal(problems_count(p), 0);
	assert_true(is_json(pod, "{\"spec\":{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"0.5\","
				 "\"memory\":\"67108864\","
				 "\"x/y\":\"1\"}}}],\"volumes\":[{\"emptyDir\":{\"sizeLimit\":\"10\"}}]}}"));
	problems_free(p);
	json_free(pod);
}

static void simple_defaults_fill_what_is_absent(void **state)
{
	struct json *pod = parse_json(
		"{\"spec\":{\"restartPolicy\":\"\",\"terminationGracePeriodSeconds\":0,\"containers\":["
		"{\"name\":\"a\",\"livenessProbe\":{\"httpGet\":{\"port\":80},\"timeoutSeconds\":0},"
		"\"ports\":[{\"containerPort\":80}]}],"
		"\"volumes\":[{\"name\":\"c\",\"configMap\":{\"name\":\"x\"}}]}}");

	assert_int_equal(schema_default(core_kind("Pod")->schema, pod), 0);
	assert_true(is_json(
		pod,
		"{\"spec\":{\"restartPolicy\":\"Always\",\"terminationGracePeriodSeconds\":0,\"dnsPolicy\":"
		"\"ClusterFirst\","
		"\"schedulerName\":\"default-scheduler\",\"securityContext\":{},\"containers\":[{\"name\":"
		"\"a\","
		"\"terminationMessagePath\":\"/dev/termination-log\",\"terminationMessagePolicy\":\"File\","
		"\"livenessProbe\":{\"httpGet\":{\"port\":80,\"path\":\"/"
		"\",\"scheme\":\"HTTP\"},\"timeoutSeconds\":1,"
		"\"periodSeconds\":10,\"successThreshold\":1,\"failureThreshold\":3},"
		"\"ports\":[{\"containerPort\":80,\"protocol\":\"TCP\"}]}],"
		"\"volumes\":[{\"name\":\"c\",\"configMap\":{\"name\":\"x\",\"defaultMode\":420}}]}}"));
	json_free(pod);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_found_in_order_and_inlined),
		cmocka_unit_test(strict_checks_tell_unknown_fields_as_upstream),
		cmocka_unit_test(lenient_checks_prune),
		cmocka_unit_test(wrong_types_are_told_as_upstream),
		cmocka_unit_test(base64_must_be_readable_by_everyone),
		cmocka_unit_test(null_in_a_map_of_strings_is_empty),
		cmocka_unit_test(quantities_become_strings),
		cmocka_unit_test(simple_defaults_fill_what_is_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
