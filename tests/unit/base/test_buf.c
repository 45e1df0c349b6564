#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/buf.h"
#include "tests/tools/failmalloc.h"

static void appends_join_up(void **state)
{
	struct buf buf;

	buf_init(&buf, 1000);
	assert_string_equal(buf_cstr(&buf), "");
	assert_int_equal(buf_add_str(&buf, "pod/"), 0);
	assert_int_equal(buf_add_span(&buf, SPAN("web")), 0);
	assert_int_equal(buf_add_char(&buf, '-'), 0);
	assert_int_equal(buf_addf(&buf, "%d", 42), 0);
	assert_string_equal(buf_cstr(&buf), "pod/web-42");
	assert_true(span_is(buf_span(&buf), "pod/web-42"));
	buf_done(&buf);
}

static void the_ceiling_holds_and_the_content_stays(void **state)
{
	struct buf buf;

	buf_init(&buf, 5);
	assert_int_equal(buf_add_str(&buf, "12345"), 0);
	assert_int_equal(buf_add_char(&buf, '6'), -EMSGSIZE);
	assert_true(span_is(buf_span(&buf), "12345"));
	assert_int_equal(buf_error(&buf), -EMSGSIZE);
	assert_null(buf_cstr(&buf));
	assert_null(buf_take(&buf, NULL));
	buf_reset(&buf);
	assert_int_equal(buf_addf(&buf, "%s", "abcdef"), -EMSGSIZE);
	assert_int_equal(buf.len, 0);
	buf_reset(&buf);
	assert_int_equal(buf_addf(&buf, "%s", "abcde"), 0);
	assert_string_equal(buf_cstr(&buf), "abcde");
	buf_done(&buf);
}

static void after_a_failure_nothing_more_goes_in(void **state)
{
	struct buf buf;

	buf_init(&buf, 4);
	(void)buf_add_str(&buf, "too long");
	assert_int_equal(buf_add_char(&buf, 'x'), -EMSGSIZE);
	assert_int_equal(buf.len, 0);
	buf_done(&buf);
}

static void a_huge_request_does_not_wrap_around(void **state)
{
	struct buf buf;

	buf_init(&buf, 100);
	assert_int_equal(buf_add_str(&buf, "abc"), 0);
	assert_int_equal(buf_reserve(&buf, SIZE_MAX), -EMSGSIZE);
	buf_done(&buf);
}

static void json_strings_are_escaped(void **state)
{
	struct buf buf;

	buf_init(&buf, 100);
	assert_int_equal(buf_add_json_str(&buf, SPAN("a\"\\\n\t\x01\x7f\xc3\xa9\0z")), 0);
	assert_string_equal(buf_cstr(&buf), "\"a\\\"\\\\\\n\\t\\u0001\x7f\xc3\xa9\\u0000z\"");
	assert_int_equal(buf_add_json_str(&buf, SPAN("\xff")), -EILSEQ);
	buf_done(&buf);
}

static void a_failed_json_string_leaves_no_half(void **state)
{
	struct buf buf;

	buf_init(&buf, 8);
	assert_int_equal(buf_add_str(&buf, "key:"), 0);
	assert_int_equal(buf_add_json_str(&buf, SPAN("toolong")), -EMSGSIZE);
	assert_true(span_is(buf_span(&buf), "key:"));
	buf_done(&buf);
}

static void consuming_drops_from_the_front(void **state)
{
	struct buf buf;

	buf_init(&buf, 100);
	assert_int_equal(buf_add_str(&buf, "abcdef"), 0);
	buf_consume(&buf, 4);
	assert_string_equal(buf_cstr(&buf), "ef");
	buf_consume(&buf, 2);
	assert_int_equal(buf.len, 0);
	buf_done(&buf);
}

static void taking_hands_the_memory_over(void **state)
{
	struct buf buf;
	size_t len;
	char *text;

	buf_init(&buf, 100);
	text = buf_take(&buf, &len);
	assert_string_equal(text, "");
	assert_int_equal(len, 0);
	free(text);
	assert_int_equal(buf_add_str(&buf, "abc"), 0);
	text = buf_take(&buf, &len);
	assert_string_equal(text, "abc");
	assert_int_equal(len, 3);
	free(text);
	assert_int_equal(buf.len, 0);
	assert_int_equal(buf_add_str(&buf, "again"), 0);
	assert_string_equal(buf_cstr(&buf), "again");
	buf_done(&buf);
}

static int fill(void *ctx)
{
	struct buf buf;
	char *text;
	int rc;

	buf_init(&buf, 100000);
	for (int i = 0; i < 1000; i++)
		(void)buf_addf(&buf, "%d,", i);
	rc = buf_error(&buf);
	text = buf_take(&buf, NULL);
	if (!text != !!rc)
		rc = -EPROTO;
	free(text);
	buf_done(&buf);
	return rc;
}

static void memory_running_out_is_reported(void **state)
{
	assert_true(failmalloc_walk(fill, NULL) > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_join_up),
		cmocka_unit_test(the_ceiling_holds_and_the_content_stays),
		cmocka_unit_test(after_a_failure_nothing_more_goes_in),
		cmocka_unit_test(a_huge_request_does_not_wrap_around),
		cmocka_unit_test(json_strings_are_escaped),
		cmocka_unit_test(a_failed_json_string_leaves_no_half),
		cmocka_unit_test(consuming_drops_from_the_front),
		cmocka_unit_test(taking_hands_the_memory_over),
		cmocka_unit_test(memory_running_out_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
