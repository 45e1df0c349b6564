#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/text.h"

static void base64_agrees_with_the_rfc_both_ways(void **state)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};
	struct buf out;

	buf_init(&out, 100);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_reset(&out);
		assert_int_equal(text_base64(&out, span_of(cases[i][0])), 0);
		assert_string_equal(buf_cstr(&out), cases[i][1]);
		buf_reset(&out);
		assert_int_equal(text_unbase64(&out, span_of(cases[i][1])), 0);
		assert_string_equal(buf_cstr(&out), cases[i][0]);
	}
	buf_done(&out);
}

static void the_url_alphabet_is_written_and_both_are_read(void **state)
{
	struct buf out;

	buf_init(&out, 100);
	assert_int_equal(text_base64url(&out, SPAN("\xfb\xff\xfe\xff")), 0);
	assert_string_equal(buf_cstr(&out), "-__-_w");
	buf_reset(&out);
	assert_int_equal(text_unbase64(&out, SPAN("-__-_w")), 0);
	assert_true(span_is(buf_span(&out), "\xfb\xff\xfe\xff"));
	buf_reset(&out);
	assert_int_equal(text_unbase64(&out, SPAN("+//+/w==")), 0);
	assert_true(span_is(buf_span(&out), "\xfb\xff\xfe\xff"));
	buf_done(&out);
}

static void malformed_base64_is_refused_and_leaves_nothing(void **state)
{
	static const char *const cases[] = { "Z",    "Zg=",   "Zg===", "Zm9v=", "Zm9v====", "=",   "==",
					     "Z=g=", "Zm9\n", "Zh==",  "Zm9=",	"Zm 9v",    "=Zg=" };
	struct buf out;

	buf_init(&out, 100);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(text_unbase64(&out, span_of(cases[i])), -EINVAL);
		assert_int_equal(out.len, 0);
	}
	buf_done(&out);
}

static void the_exact_ceiling_is_enough(void **state)
{
	struct buf out;

	buf_init(&out, 4);
	assert_int_equal(text_base64(&out, SPAN("foo")), 0);
	buf_reset(&out);
	assert_int_equal(text_base64(&out, SPAN("foob")), -EMSGSIZE);
	assert_int_equal(out.len, 0);
	buf_done(&out);
}

static void hex_goes_both_ways(void **state)
{
	struct buf out;

	buf_init(&out, 100);
	assert_int_equal(text_hex(&out, SPAN("\x00\x1f\xff")), 0);
	assert_string_equal(buf_cstr(&out), "001fff");
	buf_reset(&out);
	assert_int_equal(text_unhex(&out, SPAN("001fFf")), 0);
	assert_true(span_eq(buf_span(&out), SPAN("\x00\x1f\xff")));
	buf_reset(&out);
	assert_int_equal(text_unhex(&out, SPAN("abc")), -EINVAL);
	assert_int_equal(text_unhex(&out, SPAN("0g")), -EINVAL);
	assert_int_equal(out.len, 0);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_agrees_with_the_rfc_both_ways),
		cmocka_unit_test(the_url_alphabet_is_written_and_both_are_read),
		cmocka_unit_test(malformed_base64_is_refused_and_leaves_nothing),
		cmocka_unit_test(the_exact_ceiling_is_enough),
		cmocka_unit_test(hex_goes_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
