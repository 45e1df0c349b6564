#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bigend.h"

#define NUMBER UINT64_C(0x0123456789abcdef)

static const uint8_t bytes[BIGEND_MAX] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };

static void the_greatest_byte_comes_first(void **state)
{
	uint8_t out[BIGEND_MAX];

	(void)state;
	bigend_store(NUMBER, BIGEND_MAX, out);
	assert_memory_equal(out, bytes, BIGEND_MAX);
	assert_true(bigend_load(bytes, BIGEND_MAX) == NUMBER);
}

static void each_width_keeps_the_low_bytes_and_touches_no_others(void **state)
{
	(void)state;
	for (unsigned width = 1; width <= BIGEND_MAX; width++) {
		uint8_t out[BIGEND_MAX + 1];

		memset(out, 0x5a, sizeof(out));
		bigend_store(NUMBER, width, out);
		assert_memory_equal(out, bytes + BIGEND_MAX - width, width);
		assert_int_equal(out[width], 0x5a);
		assert_true(bigend_load(out, width) == (NUMBER & (UINT64_MAX >> (64 - 8 * width))));
	}
}

static void bytes_above_127_are_no_negative_numbers(void **state)
{
	const char high[] = { (char)0xff, (char)0xfe };

	(void)state;
	assert_true(bigend_load(high, 2) == 0xfffe);
}

static void numbers_are_taken_from_the_front_one_after_the_other(void **state)
{
	struct span rest;
	struct buf out;
	uint64_t first = 0, second = 0;

	(void)state;
	buf_init(&out, 6);
	assert_int_equal(bigend_add(&out, 513, 2), 0);
	assert_int_equal(bigend_add(&out, UINT32_MAX, 4), 0);
	rest = buf_span(&out);
	assert_true(bigend_take(&rest, 2, &first));
	assert_true(bigend_take(&rest, 4, &second));
	assert_true(first == 513 && second == UINT32_MAX);
	assert_int_equal(rest.len, 0);
	assert_int_not_equal(bigend_add(&out, 1, 1), 0); /* the ceiling */
	buf_done(&out);
}

static void a_number_cut_short_is_not_taken(void **state)
{
	struct span rest = span_make(bytes, 3);
	uint64_t number = 7;

	(void)state;
	assert_false(bigend_take(&rest, 4, &number));
	assert_int_equal(rest.len, 3);
	assert_true(number == 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_greatest_byte_comes_first),
		cmocka_unit_test(each_width_keeps_the_low_bytes_and_touches_no_others),
		cmocka_unit_test(bytes_above_127_are_no_negative_numbers),
		cmocka_unit_test(numbers_are_taken_from_the_front_one_after_the_other),
		cmocka_unit_test(a_number_cut_short_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
