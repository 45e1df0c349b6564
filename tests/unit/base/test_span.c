#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/span.h"

static void spans_compare_by_bytes_then_length(void **state)
{
	assert_true(span_eq(SPAN("ab"), SPAN("ab")));
	assert_false(span_eq(SPAN("ab"), SPAN("abc")));
	assert_true(span_eq(span_make(NULL, 0), SPAN("")));
	assert_true(span_is(SPAN("x"), "x"));
	assert_true(span_cmp(SPAN("a"), SPAN("b")) < 0);
	assert_true(span_cmp(SPAN("ab"), SPAN("a")) > 0);
	assert_int_equal(span_cmp(SPAN("a"), SPAN("a")), 0);
	assert_true(span_cmp(SPAN("\x7f"), SPAN("\x80")) < 0);
}

static void prefixes_and_suffixes_are_found(void **state)
{
	assert_true(span_has_prefix(SPAN("kube-system"), SPAN("kube-")));
	assert_false(span_has_prefix(SPAN("ku"), SPAN("kube")));
	assert_true(span_has_suffix(SPAN("a.yaml"), SPAN(".yaml")));
	assert_false(span_has_suffix(SPAN("l"), SPAN("yaml")));
	assert_true(span_has_prefix(SPAN(""), SPAN("")));
}

static void trimming_takes_blanks_at_both_ends(void **state)
{
	assert_true(span_is(span_trim(SPAN(" \ta b\t ")), "a b"));
	assert_int_equal(span_trim(SPAN("  \t")).len, 0);
}

static void cutting_walks_a_list_to_its_end(void **state)
{
	struct span rest = SPAN("a,,b"), part;

	assert_true(span_cut(rest, ',', &part, &rest));
	assert_true(span_is(part, "a"));
	assert_true(span_cut(rest, ',', &part, &rest));
	assert_int_equal(part.len, 0);
	assert_false(span_cut(rest, ',', &part, &rest));
	assert_true(span_is(part, "b"));
	assert_int_equal(rest.len, 0);
	assert_false(span_cut(rest, ',', &part, &rest));
	assert_int_equal(part.len, 0);
}

static void numbers_take_all_of_the_text_or_nothing(void **state)
{
	uint64_t u = 7;
	int64_t i = 7;

	assert_int_equal(span_to_u64(SPAN("18446744073709551615"), &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(span_to_u64(SPAN("18446744073709551616"), &u), -ERANGE);
	assert_int_equal(span_to_u64(SPAN("99999999999999999999999"), &u), -ERANGE);
	assert_int_equal(span_to_u64(SPAN(""), &u), -EINVAL);
	assert_int_equal(span_to_u64(SPAN("-1"), &u), -EINVAL);
	assert_int_equal(span_to_u64(SPAN("+1"), &u), -EINVAL);
	assert_int_equal(span_to_u64(SPAN("1 "), &u), -EINVAL);
	assert_true(u == UINT64_MAX);
	assert_int_equal(span_to_i64(SPAN("-9223372036854775808"), &i), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(span_to_i64(SPAN("9223372036854775807"), &i), 0);
	assert_true(i == INT64_MAX);
	assert_int_equal(span_to_i64(SPAN("9223372036854775808"), &i), -ERANGE);
	assert_int_equal(span_to_i64(SPAN("-9223372036854775809"), &i), -ERANGE);
	assert_int_equal(span_to_i64(SPAN("-"), &i), -EINVAL);
	assert_int_equal(span_to_i64(SPAN("--1"), &i), -EINVAL);
}

static void copies_fit_or_are_refused(void **state)
{
	char out[4];
	char *heap;

	assert_int_equal(span_copy(SPAN("abc"), out, sizeof(out)), 0);
	assert_string_equal(out, "abc");
	assert_int_equal(span_copy(SPAN("abcd"), out, sizeof(out)), -ENAMETOOLONG);
	assert_int_equal(span_copy(SPAN("a\0b"), out, sizeof(out)), -EINVAL);
	assert_int_equal(span_copy(SPAN(""), out, sizeof(out)), 0);
	assert_string_equal(out, "");
	heap = span_dup(span_make(NULL, 0));
	assert_string_equal(heap, "");
	free(heap);
}

static void utf8_is_checked_as_the_standard_says(void **state)
{
	static const struct {
		struct span text;
		bool valid;
	} cases[] = {
		{ SPAN(""), true },
		{ SPAN("plain ascii, longer than a word"), true },
		{ SPAN("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), true },
		{ SPAN("12345678\xc3"), false },     /* cut short */
		{ SPAN("\x80"), false },	     /* stray continuation */
		{ SPAN("\xc0\xaf"), false },	     /* overlong */
		{ SPAN("\xe0\x80\xaf"), false },     /* overlong */
		{ SPAN("\xed\xa0\x80"), false },     /* surrogate */
		{ SPAN("\xf0\x80\x80\xaf"), false }, /* overlong */
		{ SPAN("\xf4\x90\x80\x80"), false }, /* past U+10FFFF */
		{ SPAN("\xf4\x8f\xbf\xbf"), true },  /* U+10FFFF */
		{ SPAN("\xff"), false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(span_is_utf8(cases[i].text), cases[i].valid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_compare_by_bytes_then_length),
		cmocka_unit_test(prefixes_and_suffixes_are_found),
		cmocka_unit_test(trimming_takes_blanks_at_both_ends),
		cmocka_unit_test(cutting_walks_a_list_to_its_end),
		cmocka_unit_test(numbers_take_all_of_the_text_or_nothing),
		cmocka_unit_test(copies_fit_or_are_refused),
		cmocka_unit_test(utf8_is_checked_as_the_standard_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
