/* By which T a node fences itself, and what the cloud is told of it first. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "edge-hub/fence/limit.h"

static void a_new_t_is_in_force_at_once(void **state)
{
	struct limit l;

	limit_init(&l, 0, false, 1000);
	assert_int_equal(l.in_force_ms, 60000); /* as long as the region is not known */
	assert_int_equal(l.told_ms, 60000);
	assert_true(limit_step(&l, 10000, 0, 1));
	assert_int_equal(l.in_force_ms, 10000);
	assert_int_equal(l.told_ms, 10000);
	assert_false(limit_step(&l, 10000, 0, 2));
	limit_init(&l, 10000, false, 1000); /* a restart knows it from the record */
	assert_int_equal(l.in_force_ms, 10000);
}

/* Between two pings there is no proof: a T shorter than that would close again and again. */
static void it_is_no_shorter_than_three_pings(void **state)
{
	struct limit l;

	limit_init(&l, 0, false, 10000);
	(void)limit_step(&l, 5000, 0, 1);
	assert_int_equal(l.in_force_ms, 30000);
	assert_int_equal(l.told_ms, 30000);
	limit_init(&l, UINT64_MAX, false, 600000);
	assert_int_equal(l.in_force_ms, 1800000);
}

static void the_cloud_knows_first_that_it_is_given_up(void **state)
{
	struct limit l;

	limit_init(&l, 0, false, 1000);
	assert_false(limit_step(&l, 0, 900, 1000));
	assert_int_equal(l.told_ms, 0);
	assert_int_equal(l.in_force_ms, 60000);
	assert_false(limit_step(&l, 0, 1000, 2000)); /* the answer to what was asked before it was said */
	assert_int_equal(l.in_force_ms, 60000);
	assert_true(limit_step(&l, 0, 1001, 3000));
	assert_int_equal(l.in_force_ms, 0);
	assert_false(limit_step(&l, 0, 4000, 5000));
	limit_init(&l, 0, true, 1000); /* after a reboot, with no cloud in sight */
	assert_int_equal(l.in_force_ms, 0);
	assert_int_equal(l.told_ms, 0);
	assert_true(limit_step(&l, 8000, 0, 1)); /* it has neighbours again */
	assert_int_equal(l.in_force_ms, 8000);
	assert_int_equal(l.told_ms, 8000);
}

static void a_wish_taken_back_changes_nothing(void **state)
{
	struct limit l;

	limit_init(&l, 0, false, 1000);
	(void)limit_step(&l, 0, 0, 1000);
	assert_false(limit_step(&l, 60000, 0, 1500));
	assert_int_equal(l.told_ms, 60000);
	assert_false(limit_step(&l, 0, 1600, 2000)); /* that answer is of the time before */
	assert_int_equal(l.in_force_ms, 60000);
	assert_false(limit_step(&l, 0, 1900, 2100));
	assert_true(limit_step(&l, 0, 2050, 2200));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_t_is_in_force_at_once),
		cmocka_unit_test(it_is_no_shorter_than_three_pings),
		cmocka_unit_test(the_cloud_knows_first_that_it_is_given_up),
		cmocka_unit_test(a_wish_taken_back_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
