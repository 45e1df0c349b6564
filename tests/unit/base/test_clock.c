#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"

static void times_are_written_as_kubernetes_does(void **state)
{
	static const struct {
		int64_t wall_ms;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ 999, "1970-01-01T00:00:00Z" },
		{ -1, "1969-12-31T23:59:59Z" },
		{ 951782400000, "2000-02-29T00:00:00Z" },
		{ 1709251199000, "2024-02-29T23:59:59Z" },
		{ 4102444800000, "2100-01-01T00:00:00Z" },
		{ INT64_MAX, "9999-12-31T23:59:59Z" },
		{ INT64_MIN, "0000-01-01T00:00:00Z" },
	};
	char text[CLOCK_TEXT_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		clock_format(cases[i].wall_ms, text);
		assert_string_equal(text, cases[i].text);
	}
	clock_format_micro(1709251199123456, text);
	assert_string_equal(text, "2024-02-29T23:59:59.123456Z");
	clock_format_micro(-1, text);
	assert_string_equal(text, "1969-12-31T23:59:59.999999Z");
}

static void times_are_read_with_fraction_and_offset(void **state)
{
	static const struct {
		const char *text;
		int64_t wall_ms;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2024-02-29T23:59:59.1239999Z", 1709251199123 },
		{ "2024-03-01T01:29:59.5+01:30", 1709251199500 },
		{ "2024-02-29T18:59:59-05:00", 1709251199000 },
		{ "0000-01-01T00:00:00Z", -62167219200000 },
		{ "1969-12-31T23:59:59.999Z", -1 },
	};
	int64_t wall_ms;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(clock_parse(span_of(cases[i].text), &wall_ms), 0);
		assert_true(wall_ms == cases[i].wall_ms);
	}
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"2024",
		"2024-02-30T00:00:00Z",
		"2023-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z",
		"2024-13-01T00:00:00Z",
		"2024-00-01T00:00:00Z",
		"2024-01-00T00:00:00Z",
		"2024-01-01T24:00:00Z",
		"2024-01-01T00:60:00Z",
		"2024-01-01T00:00:60Z",
		"2024-01-01T00:00:00",
		"2024-01-01T00:00:00.Z",
		"2024-01-01T00:00:00+24:00",
		"2024-01-01T00:00:00+0100",
		"2024-01-01T00:00:00Zx",
		"2024-1-01T00:00:00Z",
		"-024-01-01T00:00:00Z",
		"2024-01-01 00:00:00Z",
	};
	int64_t wall_ms;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(clock_parse(span_of(cases[i]), &wall_ms), -EINVAL);
}

static void every_day_of_400_years_survives_a_round_trip(void **state)
{
	char text[CLOCK_TEXT_SIZE];
	int64_t wall_ms;

	for (int64_t day = -100 * 365; day < 300 * 366; day++) {
		clock_format(day * 86400000, text);
		assert_int_equal(clock_parse(span_of(text), &wall_ms), 0);
		assert_true(wall_ms == day * 86400000);
	}
}

static void the_clocks_move_forward(void **state)
{
	uint64_t before = clock_mono_ms();

	assert_true(clock_mono_ms() >= before);
	assert_true(clock_wall_ms() > 1577836800000); /* 2020 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_written_as_kubernetes_does),
		cmocka_unit_test(times_are_read_with_fraction_and_offset),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(every_day_of_400_years_survives_a_round_trip),
		cmocka_unit_test(the_clocks_move_forward),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
