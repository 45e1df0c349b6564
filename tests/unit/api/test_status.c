/* Status: codes, reasons and words as clients of Kubernetes know them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>

#include "api/status.h"

static void expect_written(const struct status *status, const char *text)
{
	struct buf out;

	buf_init(&out, 65536);
	assert_int_equal(status_write(status, &out), 0);
	assert_string_equal(buf_cstr(&out), text);
	buf_done(&out);
}

static const struct status_about pod = { "", "pods", "Pod", "p" },
				 set = { "apps", "daemonsets", "DaemonSet", "d" };

static void failures_carry_reason_code_and_details(void **state)
{
	struct status status;

	status_init(&status);
	assert_int_equal(status_not_found(&status, pod), -ENOENT);
	expect_written(&status, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":"
				"\"Failure\",\"message\":\"pods \\\"p\\\" not "
				"found\",\"reason\":\"NotFound\",\"details\":{\"name\":\"p\",\"kind\":"
				"\"pods\"},\"code\":404}");
	assert_int_equal(status_exists(&status, set), -EEXIST);
	expect_written(&status, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":"
				"\"Failure\",\"message\":\"daemonsets.apps "
				"\\\"d\\\" already "
				"exists\",\"reason\":\"AlreadyExists\",\"details\":{\"name\":\"d\",\"group\":"
				"\"apps\",\"kind\":"
				"\"daemonsets\"},\"code\":409}");
	assert_int_equal(status_modified(&status, pod), -ESTALE);
	assert_int_equal(status.code, 409);
	assert_string_equal(status.message, "Operation cannot be fulfilled on pods \"p\": the object has "
					    "been modified; please apply your "
					    "changes to the latest version and try again");
	status_done(&status);
}

static void success_has_no_code(void **state)
{
	struct status status;

	status_init(&status);
	assert_int_equal(status_success(&status, pod, "u"), 0);
	assert_false(status_is_failure(&status));
	expect_written(&status, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":"
				"\"Success\",\"details\":{\"name\":\"p\","
				"\"kind\":\"pods\",\"uid\":\"u\"}}");
	status_done(&status);
}

static void invalid_objects_list_their_causes(void **state)
{
	struct problems *problems = problems_new();
	struct status status;
	struct buf out;
	struct json *tree = NULL;

	problems_add(problems, PROBLEM_REQUIRED, "spec.containers", NULL, "%s", "");
	problems_add(problems, PROBLEM_INVALID, "metadata.name", "A", "%s", "must be lower case");
	status_init(&status);
	assert_int_equal(status_invalid(&status, set, problems), -EINVAL);
	assert_memory_equal(status.message, "DaemonSet.apps \"d\" is invalid: [", 32);
	buf_init(&out, 65536);
	assert_int_equal(status_write(&status, &out), 0);
	assert_int_equal(json_parse(buf_span(&out), &tree, NULL), 0);
	assert_int_equal(json_count(json_path(tree, "details.causes")), 2);
	assert_string_equal(json_path_str(tree, "details.causes.0.field", ""), "spec.containers");
	assert_string_equal(json_path_str(tree, "details.kind", ""), "DaemonSet");
	json_free(tree);
	buf_done(&out);
	problems_free(problems);
	status_done(&status);
}

static void outside_text_stays_valid_json(void **state)
{
	struct status status;
	struct buf out;
	struct json *tree = NULL;
	struct status_about about = pod;

	status_init(&status);
	about.name = "\"\\\x01\xff";
	status_not_found(&status, about);
	buf_init(&out, 65536);
	assert_int_equal(status_write(&status, &out), 0);
	assert_int_equal(json_parse(buf_span(&out), &tree, NULL), 0);
	json_free(tree);
	buf_reset(&out);
	/* A message cut in the middle of a character. */
	char name[STATUS_MESSAGE_MAX + 8];

	for (size_t i = 0; i + 2 < sizeof(name); i += 2)
		memcpy(name + i, "\xc3\xa4", 3);
	status_set(&status, STATUS_BAD_REQUEST, "x%s", name);
	assert_int_equal(status_write(&status, &out), 0);
	assert_int_equal(json_parse(buf_span(&out), &tree, NULL), 0);
	json_free(tree);
	buf_done(&out);
	status_done(&status);
}

static void the_stores_errors_have_words(void **state)
{
	static const struct {
		int err, code;
		const char *reason;
	} cases[] = {
		{ -EAGAIN, 429, "TooManyRequests" },	     { -EROFS, 503, "ServiceUnavailable" },
		{ -ENOSPC, 503, "ServiceUnavailable" },	     { -EBADMSG, 500, "InternalError" },
		{ -EMSGSIZE, 413, "RequestEntityTooLarge" }, { -EIO, 500, "InternalError" },
	};
	struct status status;

	status_init(&status);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(status_of_errno(&status, cases[i].err), cases[i].err);
		assert_int_equal(status.code, cases[i].code);
		assert_string_equal(status_reason_name(status.reason), cases[i].reason);
		assert_true(status.message[0]);
	}
	status_done(&status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_carry_reason_code_and_details),
		cmocka_unit_test(success_has_no_code),
		cmocka_unit_test(invalid_objects_list_their_causes),
		cmocka_unit_test(outside_text_stays_valid_json),
		cmocka_unit_test(the_stores_errors_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
