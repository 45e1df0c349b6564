#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "auth/throttle.h"

#define START_MS 5000u

static struct throttle *begin(void)
{
	struct throttle *t = NULL;

	assert_int_equal(throttle_new((struct throttle_rate){ 2, 10 }, (struct throttle_rate){ 20, 50 }, &t),
			 0);
	return t;
}

static void a_burst_goes_through_and_then_the_rate(void **state)
{
	struct throttle *t = begin();
	unsigned taken = 0;

	for (int i = 0; i < 10; i++)
		assert_int_equal(throttle_take(t, "a", 1, START_MS), 0);
	assert_in_range(throttle_take(t, "a", 1, START_MS), 400, 600);
	for (uint64_t now = START_MS; now < START_MS + 10000; now += 10)
		taken += throttle_take(t, "a", 1, now) == 0;
	assert_in_range(taken, 19, 20);
	throttle_free(t);
}

static void those_refused_together_are_told_different_times(void **state)
{
	struct throttle *t = begin();
	unsigned last = 0;

	while (!throttle_take(t, "a", 1, START_MS))
		;
	for (int i = 0; i < 20; i++) {
		unsigned wait = throttle_take(t, "a", 1, START_MS);

		assert_true(wait > last);
		last = wait;
	}
	for (int i = 0; i < 100000; i++)
		assert_in_range(throttle_take(t, "a", 1, START_MS), 1, THROTTLE_WAIT_MAX_MS);
	/* After a quiet time all is forgotten. */
	assert_int_equal(throttle_take(t, "a", 1, START_MS + 600000), 0);
	throttle_free(t);
}

static void one_source_does_not_shut_out_another(void **state)
{
	struct throttle *t = begin();

	assert_int_equal(throttle_take(t, "guesser", 1, START_MS), 0);
	for (int i = 0; i < 1000; i++)
		throttle_charge(t, "guesser", 9, START_MS);
	assert_true(throttle_take(t, "guesser", 1, START_MS + 1000) > 0);
	assert_int_equal(throttle_take(t, "honest", 1, START_MS + 1000), 0);
	/* A minute's worth at the most is owed. */
	assert_int_equal(throttle_take(t, "guesser", 1, START_MS + 62000), 0);
	throttle_free(t);
}

static void many_sources_are_held_by_the_common_bucket_and_bounded(void **state)
{
	struct throttle *t = begin();
	unsigned taken = 0;
	char name[32];

	for (int i = 0; i < 20000; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		taken += throttle_take(t, name, 1, START_MS + (uint64_t)i) == 0;
	}
	assert_in_range(taken, 400, 460); /* 50, and 20 a second for 20 s */
	throttle_free(t);
}

static void a_clock_that_stands_or_jumps_breaks_nothing(void **state)
{
	struct throttle *t = begin();

	assert_int_equal(throttle_take(t, "a", 10, START_MS), 0);
	assert_true(throttle_take(t, "a", 1, START_MS - 1000) > 0);
	assert_int_equal(throttle_take(t, "a", 10, UINT64_MAX - 5), 0);
	throttle_free(t);
}

static void sources_are_hosts_and_ipv6_networks(void **state)
{
	char out[64];

	throttle_source("10.0.0.7:4711", out, sizeof(out));
	assert_string_equal(out, "10.0.0.7");
	throttle_source("[2001:db8:1:2:3:4:5:6]:4711", out, sizeof(out));
	assert_string_equal(out, "2001:db8:1:2::");
	throttle_source("[2001:db8:1:2:ffff::]:1", out, sizeof(out));
	assert_string_equal(out, "2001:db8:1:2::");
	throttle_source("unix", out, sizeof(out));
	assert_string_equal(out, "unix");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_goes_through_and_then_the_rate),
		cmocka_unit_test(those_refused_together_are_told_different_times),
		cmocka_unit_test(one_source_does_not_shut_out_another),
		cmocka_unit_test(many_sources_are_held_by_the_common_bucket_and_bounded),
		cmocka_unit_test(a_clock_that_stands_or_jumps_breaks_nothing),
		cmocka_unit_test(sources_are_hosts_and_ipv6_networks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
