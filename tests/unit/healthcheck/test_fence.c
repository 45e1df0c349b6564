/* Fencing and the node's own score. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "healthcheck/fence.h"
#include "healthcheck/score.h"

#define T 60000u

static void nothing_exclusive_runs_before_the_cloud_was_heard(void **state)
{
	struct fence f;
	uint64_t deadline;

	(void)state;
	fence_init(&f, T, 0);
	assert_int_equal(fence_step(&f, 1000000, &deadline), FENCE_CLOSED); /* after a reboot, however long */
	assert_int_equal(deadline, UINT64_MAX);
	/* The neighbours do not know what the cloud gave away while this node was off. */
	fence_majority(&f, true, 1000500);
	assert_int_equal(fence_step(&f, 1000600, &deadline), FENCE_CLOSED);
	/* The tunnel is up, but what the cloud decided meanwhile may still be on its way. */
	fence_tunnel(&f, true, false, 1000700);
	assert_int_equal(fence_step(&f, 1000800, &deadline), FENCE_CLOSED);
	fence_tunnel(&f, true, true, 1000700);
	assert_int_equal(fence_step(&f, 1000900, &deadline), FENCE_OPEN);
	assert_int_equal(deadline, 1000700 + T);
}

static void it_closes_t_after_the_last_proof_of_either_kind(void **state)
{
	struct fence f;
	uint64_t deadline;

	(void)state;
	fence_init(&f, T, 0);
	fence_tunnel(&f, true, true, 1000);
	assert_int_equal(fence_step(&f, 1001, &deadline), FENCE_OPEN);
	fence_tunnel(&f, false, false, 0);
	fence_majority(&f, true, 30000);
	fence_majority(&f, false, 0);
	assert_int_equal(fence_step(&f, 30000 + T - 1, &deadline), FENCE_OPEN);
	assert_int_equal(fence_step(&f, 30000 + T, &deadline), FENCE_CLOSED);
	fence_majority(&f, true, 99000);
	assert_int_equal(fence_step(&f, 99001, &deadline), FENCE_CLOSED);
	fence_tunnel(&f, true, true, 100000);
	assert_int_equal(fence_step(&f, 100001, &deadline), FENCE_OPEN);
	/* A tunnel that is up and says nothing proves nothing. */
	assert_int_equal(fence_step(&f, 100000 + T, &deadline), FENCE_CLOSED);
}

static void a_majority_keeps_open_what_is_open(void **state)
{
	struct fence f;
	uint64_t deadline;

	(void)state;
	fence_init(&f, T, 0);
	fence_tunnel(&f, true, true, 1000);
	assert_int_equal(fence_step(&f, 1001, &deadline), FENCE_OPEN);
	fence_tunnel(&f, false, false, 0);
	for (uint64_t now = 2000; now < 20 * T; now += T / 3) {
		fence_majority(&f, true, now - 100);
		assert_int_equal(fence_step(&f, now, &deadline), FENCE_OPEN);
		assert_int_equal(deadline, now - 100 + T);
	}
}

static void a_restart_in_the_same_boot_goes_on_from_the_proof_before(void **state)
{
	struct fence f;
	uint64_t deadline;

	(void)state;
	fence_init(&f, T, 5000);
	assert_int_equal(fence_step(&f, 5000 + T - 1, &deadline), FENCE_OPEN);
	assert_int_equal(deadline, 5000 + T);
	fence_init(&f, T, 5000);
	assert_int_equal(fence_step(&f, 5000 + T, &deadline), FENCE_CLOSED);
	fence_init(&f, T, 5000);
	fence_majority(&f, true, 6000);
	assert_int_equal(fence_step(&f, 5000 + T, &deadline), FENCE_OPEN);
	fence_set_limit(&f, T / 2); /* at once */
	assert_int_equal(fence_step(&f, 6000 + T / 2, &deadline), FENCE_CLOSED);
	fence_set_limit(&f, T); /* closed is closed */
	assert_int_equal(fence_step(&f, 6000 + T / 2, &deadline), FENCE_CLOSED);
}

/* A region that lost its power, and comes back while the cloud is out of reach. */
static void a_majority_that_knows_of_nothing_later_opens_it(void **state)
{
	struct fence f;
	uint64_t deadline;

	(void)state;
	fence_init(&f, T, 0);
	fence_majority(&f, true, 1000);
	fence_settled(&f, 1000);
	assert_int_equal(fence_step(&f, 1001, &deadline), FENCE_OPEN);
	assert_int_equal(deadline, 1000 + T);
	assert_int_equal(fence_step(&f, 1000 + T, &deadline), FENCE_CLOSED);
	fence_set_limit(&f, 4 * T); /* what was known before it closed does not count, whatever T is now */
	assert_int_equal(fence_step(&f, 1001 + T, &deadline), FENCE_CLOSED);
	fence_majority(&f, true, 1002 + T);
	assert_int_equal(fence_step(&f, 1003 + T, &deadline), FENCE_CLOSED); /* some of it know more */
	fence_settled(&f, 1004 + T);
	assert_int_equal(fence_step(&f, 1005 + T, &deadline), FENCE_OPEN);
}

/* The node is sure to have closed before the cloud gives the identity away, also with a clock that runs 5 % slow. */
static void the_cloud_waits_longer_than_the_node(void **state)
{
	(void)state;
	for (uint64_t limit = 5000; limit <= 24ull * 3600 * 1000; limit *= 3)
		assert_true(fence_free_at(7, limit) >= 7 + limit * 105 / 100 + FENCE_MARGIN_MS);
}

static void checks_change_after_their_threshold(void **state)
{
	struct score s;

	(void)state;
	score_init(&s);
	assert_int_equal(score_percent(&s), 100);
	assert_int_equal(score_add(&s, "runtime", 60), 0);
	assert_int_equal(score_add(&s, "disk", 40), 0);
	assert_int_equal(score_add(&s, "note", 0), 0);
	assert_int_equal(score_add(&s, "disk", 40), -EEXIST);
	assert_int_equal(score_add(&s, "", 1), -EINVAL);
	assert_false(score_result(&s, "disk", false, "read-only", 2, 10));
	assert_int_equal(score_percent(&s), 100);
	assert_true(score_result(&s, "disk", false, "read-only", 2, 20));
	assert_int_equal(score_percent(&s), 60);
	assert_string_equal(s.checks[1].text, "read-only");
	assert_int_equal(score_trouble(&s), 3);
	assert_false(score_result(&s, "note", false, "shown only", 3, 30));
	assert_true(score_result(&s, "disk", true, NULL, 1, 40));
	assert_int_equal(score_percent(&s), 100);
	assert_string_equal(s.checks[1].text, "");
	assert_int_equal(s.checks[1].since_ms, 40);
}

static void a_late_loop_is_trouble_that_passes(void **state)
{
	struct score s;

	(void)state;
	score_init(&s);
	for (int i = 0; i < 20; i++)
		score_late(&s, 1000);
	assert_in_range(score_trouble(&s), 4, 5);
	for (int i = 0; i < 20; i++)
		score_late(&s, 0);
	assert_int_equal(score_trouble(&s), 0);
	score_late(&s, 1000000);
	assert_int_equal(score_trouble(&s), 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_exclusive_runs_before_the_cloud_was_heard),
		cmocka_unit_test(a_majority_keeps_open_what_is_open),
		cmocka_unit_test(a_majority_that_knows_of_nothing_later_opens_it),
		cmocka_unit_test(a_restart_in_the_same_boot_goes_on_from_the_proof_before),
		cmocka_unit_test(it_closes_t_after_the_last_proof_of_either_kind),
		cmocka_unit_test(the_cloud_waits_longer_than_the_node),
		cmocka_unit_test(checks_change_after_their_threshold),
		cmocka_unit_test(a_late_loop_is_trouble_that_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
