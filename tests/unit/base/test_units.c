#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/units.h"

static void durations_are_read(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t ms;
	} cases[] = {
		{ "0", 0, 0 },
		{ "500ms", 0, 500 },
		{ "40s", 0, 40000 },
		{ "1h30m", 0, 5400000 },
		{ "7d", 0, 604800000 },
		{ "1m0s5ms", 0, 60005 },
		{ "", -EINVAL, 0 },
		{ "40", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "1s1m", -EINVAL, 0 },
		{ "1s1s", -EINVAL, 0 },
		{ "1.5s", -EINVAL, 0 },
		{ "-1s", -EINVAL, 0 },
		{ "1s ", -EINVAL, 0 },
		{ "300000000000000d", -ERANGE, 0 },
		{ "99999999999999999999s", -ERANGE, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t ms = 0;

		assert_int_equal(units_duration_ms(span_of(cases[i].text), &ms), cases[i].rc);
		assert_true(ms == cases[i].ms);
	}
}

static void sizes_are_read(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t bytes;
	} cases[] = {
		{ "0", 0, 0 },
		{ "4096", 0, 4096 },
		{ "64Ki", 0, 65536 },
		{ "64Mi", 0, 64u << 20 },
		{ "2G", 0, 2000000000u },
		{ "1Ti", 0, 1ull << 40 },
		{ "", -EINVAL, 0 },
		{ "Ki", -EINVAL, 0 },
		{ "1Kib", -EINVAL, 0 },
		{ "1K", -EINVAL, 0 },
		{ "1.5Mi", -EINVAL, 0 },
		{ "1Mi1", -EINVAL, 0 },
		{ "99999999Ti", -ERANGE, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t bytes = 0;

		assert_int_equal(units_size_bytes(span_of(cases[i].text), &bytes), cases[i].rc);
		if (!cases[i].rc)
			assert_true(bytes == cases[i].bytes);
	}
}

static void what_is_written_reads_back(void **state)
{
	static const uint64_t cases[] = { 0,	1,    500,	1000,	 60000,	     90061001,	86400000,
					  1024, 1536, 1u << 20, 1000000, 1ull << 40, 64u << 20, UINT64_MAX };
	struct buf text;
	uint64_t n;

	buf_init(&text, 100);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_reset(&text);
		assert_int_equal(units_add_duration(&text, cases[i]), 0);
		assert_int_equal(units_duration_ms(buf_span(&text), &n), 0);
		assert_true(n == cases[i]);
		buf_reset(&text);
		assert_int_equal(units_add_size(&text, cases[i]), 0);
		assert_int_equal(units_size_bytes(buf_span(&text), &n), 0);
		assert_true(n == cases[i]);
	}
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_read),
		cmocka_unit_test(sizes_are_read),
		cmocka_unit_test(what_is_written_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
