#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "api/quantity.h"

static void milli_is_rounded_up_and_saturates(void **state)
{
	static const struct {
		const char *text;
		int64_t milli;
	} cases[] = {
		{ "0", 0 },
		{ "1", 1000 },
		{ "250m", 250 },
		{ "0.5", 500 },
		{ ".5", 500 },
		{ "5.", 5000 },
		{ "1.2345", 1235 },
		{ "100u", 1 },
		{ "1n", 1 },
		{ "-1.5", -1500 },
		{ "-1u", -1 },
		{ "1k", 1000000 },
		{ "1Ki", 1024000 },
		{ "1.5Ki", 1536000 },
		{ "1e3", 1000000 },
		{ "1E3", 1000000 },
		{ "12e-3", 12 },
		{ "1e+2", 100000 },
		{ "64Mi", 67108864000 },
		{ "16Ei", INT64_MAX },
		{ "-16Ei", INT64_MIN },
		{ "99999999999999999999999", INT64_MAX },
		{ "+3", 3000 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t got = 1;

		assert_int_equal(quantity_parse_milli(span_of(cases[i].text), &got), 0);
		assert_int_equal(got, cases[i].milli);
	}
}

static void whole_units_are_rounded_up(void **state)
{
	int64_t got;

	assert_int_equal(quantity_parse(SPAN("64Mi"), &got), 0);
	assert_int_equal(got, 64 << 20);
	assert_int_equal(quantity_parse(SPAN("1500m"), &got), 0);
	assert_int_equal(got, 2);
	assert_int_equal(quantity_parse(SPAN("9223372036854775807"), &got), 0);
	assert_int_equal(got, INT64_MAX);
	assert_int_equal(quantity_parse(SPAN("7Ei"), &got), 0);
	assert_int_equal(got, (int64_t)7 << 60);
}

static void other_text_is_refused(void **state)
{
	static const char *const bad[] = {
		"",    "m",  ".",     "-",    "1.2.3", "1x",  "1 Mi", " 1", "1mi",
		"1KI", "1e", "1e1.5", "0x10", "1e999", "--1", "1MiB", "e3", "1Ki1"
	};
	struct buf long_text;
	int64_t got;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(quantity_parse(span_of(bad[i]), &got), -EINVAL);
	buf_init(&long_text, 1000);
	for (int i = 0; i < 500; i++)
		assert_int_equal(buf_add_char(&long_text, '9'), 0);
	assert_int_equal(quantity_parse(buf_span(&long_text), &got), -EINVAL);
	buf_done(&long_text);
}

static void canonical_text_keeps_the_family(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "0", "0" },		{ "0Ki", "0" },	    { "1000m", "1" },	  { "1500m", "1500m" },
		{ "1.5", "1500m" },	{ "1000", "1k" },   { "1024Ki", "1Mi" },  { "2048Mi", "2Gi" },
		{ "1.5Gi", "1536Mi" },	{ "0.5Ki", "512" }, { "1.5Ki", "1536" },  { "1e3", "1e3" },
		{ "1000e3", "1e6" },	{ "10e3", "10e3" }, { "100000", "100k" }, { "-2000", "-2k" },
		{ "1500", "1500" },	{ "0.1n", "1n" },   { "12E6", "12e6" },	  { "1E", "1E" },
		{ "1000Ki", "1000Ki" }, { "2E", "2E" },	    { "1.25Ki", "1280" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out;

		buf_init(&out, 100);
		assert_int_equal(quantity_canonical(span_of(cases[i].in), &out), 0);
		assert_string_equal(buf_cstr(&out), cases[i].out);
		buf_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(milli_is_rounded_up_and_saturates),
		cmocka_unit_test(whole_units_are_rounded_up),
		cmocka_unit_test(other_text_is_refused),
		cmocka_unit_test(canonical_text_keeps_the_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
