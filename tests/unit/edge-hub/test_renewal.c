/* When a node renews its certificate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "edge-hub/link/renewal.h"

#define DAY_MS (24 * 60 * 60 * (int64_t)1000)
#define ISSUED_MS (1790000000000)
#define YEAR_MS (365 * DAY_MS)

static struct renewal fresh(uint64_t seed)
{
	struct renewal r;

	renewal_init(&r, seed);
	renewal_certificate(&r, ISSUED_MS, ISSUED_MS + YEAR_MS);
	return r;
}

static void half_a_life_with_jitter(void **state)
{
	int64_t earliest = INT64_MAX, latest = 0;

	for (uint64_t seed = 0; seed < 1000; seed++) {
		struct renewal r = fresh(seed);

		assert_false(renewal_is_due(&r, 0, ISSUED_MS));
		assert_false(renewal_is_due(&r, 0, r.due_wall_ms - 1));
		assert_true(renewal_is_due(&r, 0, r.due_wall_ms));
		earliest = r.due_wall_ms < earliest ? r.due_wall_ms : earliest;
		latest = r.due_wall_ms > latest ? r.due_wall_ms : latest;
	}
	assert_true(earliest >= ISSUED_MS + YEAR_MS / 100 * 44 && earliest < ISSUED_MS + YEAR_MS / 100 * 47);
	assert_true(latest <= ISSUED_MS + YEAR_MS / 100 * 56 && latest > ISSUED_MS + YEAR_MS / 100 * 53);
}

/* A shell that sleeps until renewal_next renews in time, however wall time moves meanwhile. */
static void nobody_oversleeps(void **state)
{
	struct renewal r = fresh(7);
	int64_t offset = ISSUED_MS;
	uint64_t now = 0;

	while (!renewal_is_due(&r, now, offset + (int64_t)now)) {
		uint64_t next = renewal_next(&r, now, offset + (int64_t)now);

		assert_in_range(next, now, now + RENEWAL_LOOK_MS);
		now = next > now ? next : now + 1;
		if (now > (uint64_t)(30 * DAY_MS) && offset == ISSUED_MS)
			offset += YEAR_MS; /* somebody set the clock */
	}
	assert_in_range(now, (uint64_t)(30 * DAY_MS), (uint64_t)(30 * DAY_MS) + 2 * RENEWAL_LOOK_MS);
}

static void an_unset_clock_leaves_it_to_the_cloud(void **state)
{
	struct renewal r = fresh(1);

	assert_false(renewal_is_due(&r, (uint64_t)(10 * YEAR_MS), 0));
	renewal_told(&r, 60000, 1000);
	assert_false(renewal_is_due(&r, 999, 0));
	assert_true(renewal_is_due(&r, 61000, 0));
	r = fresh(1);
	renewal_refused(&r, 5000);
	assert_true(renewal_is_due(&r, 5000, 0));
}

static void the_cloud_spreads_a_fleet(void **state)
{
	unsigned early = 0;

	for (uint64_t seed = 0; seed < 1000; seed++) {
		struct renewal r = fresh(seed);

		renewal_told(&r, 100000, 0);
		assert_true(renewal_is_due(&r, 100000, ISSUED_MS));
		early += renewal_is_due(&r, 50000, ISSUED_MS);
	}
	assert_in_range(early, 400, 600);
	/* Nonsense is capped. */
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct renewal r = fresh(seed);

		renewal_told(&r, UINT32_MAX, 0);
		assert_true(renewal_is_due(&r, RENEWAL_WITHIN_MAX_MS, ISSUED_MS));
	}
}

static void failures_back_off_and_never_give_up(void **state)
{
	struct renewal r = fresh(3);
	uint64_t now = 1000, last = 0;

	renewal_refused(&r, now);
	for (unsigned i = 0; i < 100; i++) {
		assert_true(renewal_is_due(&r, now, 0));
		renewal_begin(&r);
		assert_false(renewal_is_due(&r, now + 1000000, 0));
		assert_true(renewal_next(&r, now, 0) == UINT64_MAX);
		renewal_failed(&r, 0, now);
		renewal_refused(&r, now); /* the link is refused again and again meanwhile */
		last = renewal_next(&r, now, 0) - now;
		assert_in_range(last, RENEWAL_BACKOFF_BASE_MS / 2, RENEWAL_BACKOFF_CAP_MS);
		if (i == 0)
			assert_in_range(last, RENEWAL_BACKOFF_BASE_MS / 2, RENEWAL_BACKOFF_BASE_MS);
		now += last;
	}
	assert_true(last >= RENEWAL_BACKOFF_CAP_MS / 2);
	/* What the hub asks for counts, within reason. */
	renewal_failed(&r, 15 * 60 * 1000, now);
	assert_in_range(renewal_next(&r, now, 0) - now, 15 * 60 * 1000, 2 * RENEWAL_BACKOFF_CAP_MS);
	renewal_failed(&r, UINT32_MAX, now);
	assert_true(renewal_next(&r, now, 0) - now <= 2 * RENEWAL_BACKOFF_CAP_MS);
}

static void a_new_certificate_settles_everything(void **state)
{
	struct renewal r = fresh(4);

	renewal_told(&r, 0, 0);
	renewal_begin(&r);
	renewal_failed(&r, 0, 0);
	renewal_begin(&r);
	renewal_certificate(&r, ISSUED_MS + YEAR_MS, ISSUED_MS + 2 * YEAR_MS);
	assert_false(renewal_is_due(&r, UINT32_MAX, ISSUED_MS + YEAR_MS));
	assert_true(renewal_is_due(&r, UINT32_MAX, ISSUED_MS + 2 * YEAR_MS));
}

static void odd_certificates_are_due_at_once_or_never_crash(void **state)
{
	struct renewal r;

	renewal_init(&r, 1);
	renewal_certificate(&r, ISSUED_MS, ISSUED_MS);
	assert_true(renewal_is_due(&r, 0, ISSUED_MS));
	renewal_certificate(&r, ISSUED_MS, ISSUED_MS - 5);
	assert_true(renewal_is_due(&r, 0, ISSUED_MS));
	renewal_certificate(&r, ISSUED_MS, ISSUED_MS + 50);
	assert_true(renewal_is_due(&r, 0, ISSUED_MS + 25));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_a_life_with_jitter),
		cmocka_unit_test(nobody_oversleeps),
		cmocka_unit_test(an_unset_clock_leaves_it_to_the_cloud),
		cmocka_unit_test(the_cloud_spreads_a_fleet),
		cmocka_unit_test(failures_back_off_and_never_give_up),
		cmocka_unit_test(a_new_certificate_settles_everything),
		cmocka_unit_test(odd_certificates_are_due_at_once_or_never_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
