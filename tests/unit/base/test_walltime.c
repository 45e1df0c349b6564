#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/walltime.h"

#define MINUTE_MS (60ll * 1000)
#define DAY_MS (24 * 60 * MINUTE_MS)
#define YEAR_MS (365 * DAY_MS)
#define BOOT "0e3b9a1c-0000-4000-8000-000000000001"
#define OTHER_BOOT "0e3b9a1c-0000-4000-8000-000000000002"

/* A machine whose parts a test moves as it likes: t is the true time, mono runs with it. */
struct machine {
	struct walltime w;
	int64_t t, off; /* its clock shows t + off */
	uint64_t mono;
};

static int64_t shown(const struct machine *m)
{
	return m->t + m->off;
}

static int64_t now(const struct machine *m)
{
	return walltime_now(&m->w, m->mono, shown(m));
}

static int64_t guess(const struct machine *m)
{
	return walltime_guess(&m->w, m->mono, shown(m));
}

static enum walltime_state state_of(const struct machine *m)
{
	return walltime_state(&m->w, m->mono, shown(m));
}

static int64_t expiry(const struct machine *m)
{
	return walltime_expiry_ms(&m->w, m->mono, shown(m));
}

static void pass(struct machine *m, int64_t ms)
{
	m->t += ms;
	m->mono += (uint64_t)ms;
}

static void save(struct machine *m, struct buf *out)
{
	buf_reset(out);
	assert_int_equal(walltime_save(&m->w, out), 0);
	walltime_saved(&m->w, m->mono, shown(m));
}

static struct machine booted(int64_t off)
{
	struct machine m = { .mono = 1000 };

	walltime_init(&m.w, BOOT);
	m.t = m.w.build_ms + YEAR_MS;
	m.off = off;
	return m;
}

static void to_1970(struct machine *m)
{
	m->off = -m->t;
}

static void a_clock_below_the_build_date_is_unset(void **state)
{
	struct machine m = booted(0);

	assert_true(m.w.build_ms > 1577836800000); /* 2020 */
	assert_int_equal(state_of(&m), WALLTIME_UNCHECKED);
	assert_true(now(&m) == m.t);
	to_1970(&m);
	assert_int_equal(state_of(&m), WALLTIME_UNSET);
	assert_true(now(&m) == 0);
	assert_true(guess(&m) == m.w.build_ms + 1000);
	assert_true(expiry(&m) == m.w.build_ms);
	assert_true(walltime_skew_ms(&m.w, m.mono, shown(&m)) == 0);
}

static void a_word_goes_on_while_the_clock_is_wrong_and_stands_aside_while_it_is_right(void **state)
{
	struct machine m = booted(0);

	to_1970(&m);
	assert_int_equal(walltime_vouch(&m.w, m.t, m.mono), 0);
	assert_int_equal(state_of(&m), WALLTIME_SKEWED);
	pass(&m, 3 * DAY_MS);
	assert_true(now(&m) == m.t && guess(&m) == m.t);
	assert_true(walltime_skew_ms(&m.w, m.mono, shown(&m)) == m.off);
	assert_true(expiry(&m) == m.t);
	m.off = 4 * MINUTE_MS; /* somebody set it */
	assert_int_equal(state_of(&m), WALLTIME_CHECKED);
	assert_true(now(&m) == shown(&m));
	m.off = 3 * YEAR_MS;
	assert_int_equal(state_of(&m), WALLTIME_SKEWED);
	assert_true(now(&m) == m.t);
	m.off = -3 * YEAR_MS;
	assert_true(now(&m) == m.t);
}

static void an_old_word_lets_the_clock_drift(void **state)
{
	struct machine m = booted(0);

	assert_int_equal(walltime_vouch(&m.w, m.t, m.mono), 0);
	pass(&m, YEAR_MS);
	m.off = YEAR_MS / WALLTIME_DRIFT + 4 * MINUTE_MS;
	assert_int_equal(state_of(&m), WALLTIME_CHECKED);
	m.off += 2 * MINUTE_MS;
	assert_int_equal(state_of(&m), WALLTIME_SKEWED);
}

static void the_floor_outlives_the_boot_and_the_word_does_not(void **state)
{
	struct machine m = booted(0);
	struct buf saved;

	buf_init(&saved, WALLTIME_TEXT_MAX);
	to_1970(&m);
	assert_int_equal(walltime_vouch(&m.w, m.t, m.mono), 0);
	save(&m, &saved);
	pass(&m, MINUTE_MS);

	walltime_init(&m.w, BOOT); /* the hub was restarted */
	assert_int_equal(walltime_restore(&m.w, buf_span(&saved)), 0);
	assert_int_equal(state_of(&m), WALLTIME_SKEWED);
	assert_true(now(&m) == m.t);

	walltime_init(&m.w, OTHER_BOOT);
	m.mono = 5000;
	assert_int_equal(walltime_restore(&m.w, buf_span(&saved)), 0);
	assert_int_equal(state_of(&m), WALLTIME_UNSET);
	assert_true(guess(&m) == m.t - MINUTE_MS + 5000);
	m.off = -7 * MINUTE_MS; /* above the build date, below the floor */
	assert_int_equal(state_of(&m), WALLTIME_UNSET);
	m.off = 0;
	assert_int_equal(state_of(&m), WALLTIME_UNCHECKED);

	walltime_init(&m.w, ""); /* a kernel that does not say which boot this is */
	assert_int_equal(walltime_restore(&m.w, buf_span(&saved)), 0);
	assert_false(m.w.has_word);
	buf_done(&saved);
}

static void damage_takes_nothing(void **state)
{
	struct machine m = booted(0);
	struct walltime fresh = m.w;
	struct buf saved;

	buf_init(&saved, WALLTIME_TEXT_MAX);
	assert_int_equal(walltime_vouch(&m.w, m.t, m.mono), 0);
	save(&m, &saved);
	for (size_t i = 0; i < saved.len; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			struct walltime w = fresh;

			saved.data[i] = (char)(saved.data[i] ^ (1 << bit));
			assert_int_equal(walltime_restore(&w, buf_span(&saved)), -EBADMSG);
			assert_memory_equal(&w, &fresh, sizeof(w));
			saved.data[i] = (char)(saved.data[i] ^ (1 << bit));
		}
	for (size_t len = 0; len < saved.len; len++)
		assert_int_equal(walltime_restore(&fresh, span_make(saved.data, len)), -EBADMSG);
	buf_done(&saved);
}

static void an_idle_year_saves_once_a_day(void **state)
{
	struct machine m = booted(0);
	struct buf saved;
	unsigned saves = 0;

	buf_init(&saved, WALLTIME_TEXT_MAX);
	assert_false(walltime_wants_saving(&m.w, m.mono, shown(&m)));
	for (unsigned minute = 0; minute < 365 * 24 * 60; minute++, pass(&m, MINUTE_MS)) {
		assert_int_equal(walltime_vouch(&m.w, m.t, m.mono), 0);
		if (!walltime_wants_saving(&m.w, m.mono, shown(&m)))
			continue;
		save(&m, &saved);
		saves++;
	}
	assert_in_range(saves, 360, 366);
	buf_done(&saved);
}

static void a_wrong_clock_saves_once_a_boot(void **state)
{
	struct machine m = booted(0);
	struct buf saved;

	buf_init(&saved, WALLTIME_TEXT_MAX);
	assert_int_equal(walltime_vouch(&m.w, m.t, m.mono), 0);
	save(&m, &saved);
	m.off = YEAR_MS;
	pass(&m, MINUTE_MS);
	assert_int_equal(walltime_vouch(&m.w, m.t, m.mono), 0);
	assert_true(walltime_wants_saving(&m.w, m.mono, shown(&m)));
	save(&m, &saved);
	for (int i = 0; i < 100; i++) {
		pass(&m, MINUTE_MS);
		assert_int_equal(walltime_vouch(&m.w, m.t, m.mono), 0);
		assert_false(walltime_wants_saving(&m.w, m.mono, shown(&m)));
	}
	walltime_init(&m.w, BOOT);
	assert_int_equal(walltime_restore(&m.w, buf_span(&saved)), 0);
	assert_true(now(&m) == m.t);
	assert_int_equal(walltime_vouch(&m.w, m.t, m.mono), 0);
	assert_false(walltime_wants_saving(&m.w, m.mono, shown(&m)));
	buf_done(&saved);
}

static void the_newest_word_wins_and_the_floor_follows_it_down(void **state)
{
	struct machine m = booted(0);
	struct buf saved;

	buf_init(&saved, WALLTIME_TEXT_MAX);
	assert_int_equal(walltime_vouch(&m.w, m.t + 70 * YEAR_MS, m.mono), 0);
	save(&m, &saved);
	assert_int_equal(state_of(&m), WALLTIME_SKEWED);

	walltime_init(&m.w, OTHER_BOOT); /* the machine's clock is right, but who knows */
	assert_int_equal(walltime_restore(&m.w, buf_span(&saved)), 0);
	assert_int_equal(state_of(&m), WALLTIME_UNSET);
	assert_int_equal(walltime_vouch(&m.w, m.t, m.mono), 0);
	assert_int_equal(state_of(&m), WALLTIME_CHECKED);
	assert_true(walltime_wants_saving(&m.w, m.mono, shown(&m)));
	save(&m, &saved);

	walltime_init(&m.w, BOOT);
	assert_int_equal(walltime_restore(&m.w, buf_span(&saved)), 0);
	assert_int_equal(state_of(&m), WALLTIME_UNCHECKED);
	buf_done(&saved);
}

static void words_that_cannot_be_are_ignored(void **state)
{
	struct machine m = booted(0);

	assert_int_equal(walltime_vouch(&m.w, 0, m.mono), -ERANGE);
	assert_int_equal(walltime_vouch(&m.w, -1, m.mono), -ERANGE);
	assert_int_equal(walltime_vouch(&m.w, m.w.build_ms - DAY_MS, m.mono), -ERANGE);
	assert_int_equal(walltime_vouch(&m.w, 253402300799001ll, m.mono), -ERANGE);
	assert_int_equal(state_of(&m), WALLTIME_UNCHECKED);
}

static void a_certificate_takes_trust_from_an_unchecked_clock(void **state)
{
	struct machine m = booted(5 * YEAR_MS);

	assert_true(expiry(&m) == shown(&m));
	walltime_contradicted(&m.w, m.mono, shown(&m));
	assert_int_equal(state_of(&m), WALLTIME_UNSET);
	assert_true(expiry(&m) == m.w.floor_ms);
	walltime_reinstate(&m.w);
	assert_int_equal(state_of(&m), WALLTIME_UNCHECKED);
	walltime_contradicted(&m.w, m.mono, shown(&m));
	assert_int_equal(walltime_vouch(&m.w, m.t, m.mono), 0);
	assert_int_equal(state_of(&m), WALLTIME_SKEWED);
	assert_true(now(&m) == m.t);
}

static void a_floor_that_locks_out_is_given_up_in_the_end(void **state)
{
	struct machine m = booted(0);
	struct buf saved;

	buf_init(&saved, WALLTIME_TEXT_MAX);
	assert_int_equal(walltime_vouch(&m.w, m.t + 15 * YEAR_MS, m.mono), 0);
	save(&m, &saved);
	walltime_init(&m.w, OTHER_BOOT);
	assert_int_equal(walltime_restore(&m.w, buf_span(&saved)), 0);
	walltime_contradicted(&m.w, m.mono, shown(&m));
	pass(&m, WALLTIME_PATIENCE_MS - 1);
	walltime_contradicted(&m.w, m.mono, shown(&m));
	assert_true(expiry(&m) == m.w.floor_ms);
	pass(&m, 1);
	assert_true(expiry(&m) == INT64_MIN);
	assert_int_equal(walltime_vouch(&m.w, m.t, m.mono), 0);
	assert_true(expiry(&m) == m.t);
	buf_done(&saved);
}

static void stamps_of_this_boot_move_with_the_time_and_none_stays_in_the_future(void **state)
{
	const struct walltime_move back = { .began_ms = 5000, .delta_ms = -4000, .now_ms = 2000 },
				   on = { .began_ms = 50, .delta_ms = 4000, .now_ms = 9000 };

	assert_true(walltime_moved(&back, 5500) == 1500);
	assert_true(walltime_moved(&back, 4900) == 2000); /* of an earlier boot, and wrong */
	assert_true(walltime_moved(&back, 1000) == 1000);
	assert_true(walltime_moved(&on, 0) == 0);
	assert_true(walltime_moved(&on, 40) == 40);
	assert_true(walltime_moved(&on, 60) == 4060);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clock_below_the_build_date_is_unset),
		cmocka_unit_test(a_word_goes_on_while_the_clock_is_wrong_and_stands_aside_while_it_is_right),
		cmocka_unit_test(an_old_word_lets_the_clock_drift),
		cmocka_unit_test(the_floor_outlives_the_boot_and_the_word_does_not),
		cmocka_unit_test(damage_takes_nothing),
		cmocka_unit_test(an_idle_year_saves_once_a_day),
		cmocka_unit_test(a_wrong_clock_saves_once_a_boot),
		cmocka_unit_test(the_newest_word_wins_and_the_floor_follows_it_down),
		cmocka_unit_test(words_that_cannot_be_are_ignored),
		cmocka_unit_test(a_certificate_takes_trust_from_an_unchecked_clock),
		cmocka_unit_test(stamps_of_this_boot_move_with_the_time_and_none_stays_in_the_future),
		cmocka_unit_test(a_floor_that_locks_out_is_given_up_in_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
