#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "edge-hub/node/timekeeper.h"
#include "tests/tools/tempdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY_MS (24ll * 60 * 60 * 1000)
#define YEAR_MS (365 * DAY_MS)

struct fix {
	char dir[64], path[80];
	struct timekeeper *keeper;
	unsigned moves;
	struct walltime_move move;
};

static void on_moved(void *ctx, const struct walltime_move *move)
{
	struct fix *fix = ctx;

	fix->moves++;
	fix->move = *move;
}

static void start(struct fix *fix)
{
	timekeeper_free(fix->keeper);
	assert_int_equal(timekeeper_new(fix->dir, 1000, &fix->keeper, NULL), 0);
	timekeeper_on_moved(fix->keeper, on_moved, fix);
}

static int setup(void **state)
{
	struct fix *fix = calloc(1, sizeof(*fix));

	assert_non_null(fix);
	snprintf(fix->dir, sizeof(fix->dir), "/tmp/holdfast-timekeeper-XXXXXX");
	assert_non_null(mkdtemp(fix->dir));
	snprintf(fix->path, sizeof(fix->path), "%s/" TIMEKEEPER_FILE, fix->dir);
	start(fix);
	*state = fix;
	return 0;
}

static int teardown(void **state)
{
	struct fix *fix = *state;

	int code = tempdir_remove(fix->dir);

	timekeeper_free(fix->keeper);
	free(fix);
	return code;
}

static enum walltime_state state_of(const struct fix *fix)
{
	struct timekeeper_status status;

	timekeeper_status(fix->keeper, &status);
	return status.state;
}

static int hear(struct fix *fix, int64_t word_ms)
{
	return timekeeper_word(fix->keeper, word_ms, word_ms - DAY_MS, word_ms + DAY_MS);
}

static bool is_about(int64_t a, int64_t b)
{
	return a - b < 60000 && b - a < 60000;
}

static void a_word_is_kept_over_a_restart(void **state)
{
	struct fix *fix = *state;
	int64_t word = clock_wall_ms() + YEAR_MS;
	struct stat file;

	assert_int_equal(state_of(fix), WALLTIME_UNCHECKED);
	assert_false(timekeeper_is_told(fix->keeper));
	assert_int_equal(hear(fix, word), 0);
	assert_int_equal(stat(fix->path, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0600);
	start(fix);
	assert_int_equal(state_of(fix), WALLTIME_SKEWED);
	assert_true(timekeeper_is_told(fix->keeper));
	assert_true(is_about(timekeeper_wall_ms(fix->keeper), word));
	assert_true(is_about(timekeeper_expiry_ms(fix->keeper), word));
}

static void a_move_is_told_once(void **state)
{
	struct fix *fix = *state;

	assert_int_equal(hear(fix, clock_wall_ms()), 0);
	assert_int_equal(fix->moves, 1); /* confirmed */
	assert_true(fix->move.delta_ms == 0);
	assert_int_equal(hear(fix, clock_wall_ms() + 1000), 0);
	assert_int_equal(fix->moves, 1);
	assert_int_equal(hear(fix, clock_wall_ms() + YEAR_MS), 0);
	assert_int_equal(fix->moves, 2);
	assert_true(is_about(fix->move.delta_ms, YEAR_MS) &&
		    is_about(fix->move.now_ms, clock_wall_ms() + YEAR_MS));
	assert_true(is_about(fix->move.began_ms, clock_wall_ms() - (int64_t)clock_mono_ms()));
	assert_int_equal(hear(fix, clock_wall_ms()), 0);
	assert_int_equal(fix->moves, 3);
	assert_int_equal(state_of(fix), WALLTIME_CHECKED);
}

static void a_word_outside_its_own_certificate_is_not_believed(void **state)
{
	struct fix *fix = *state;
	int64_t now = clock_wall_ms();

	assert_int_equal(timekeeper_word(fix->keeper, now + YEAR_MS, now - DAY_MS, now + DAY_MS), -ETIME);
	assert_int_equal(timekeeper_word(fix->keeper, now - YEAR_MS, now - DAY_MS, now + DAY_MS), -ERANGE);
	assert_int_equal(timekeeper_word(fix->keeper, 0, 0, now + DAY_MS), -ERANGE);
	assert_int_equal(state_of(fix), WALLTIME_UNCHECKED);
	assert_int_equal(fix->moves, 0);
	assert_int_equal(access(fix->path, F_OK), -1);
}

static void a_clock_that_a_certificate_contradicts_is_unset_until_somebody_tells(void **state)
{
	struct fix *fix = *state;
	int64_t now = clock_wall_ms();

	assert_true(timekeeper_contradicted(fix->keeper));
	assert_int_equal(state_of(fix), WALLTIME_UNSET);
	assert_true(timekeeper_wall_ms(fix->keeper) == 0 && timekeeper_stamp_ms(fix->keeper) > 0);
	assert_false(timekeeper_contradicted(fix->keeper)); /* now it is the floor's word against it */
	assert_int_equal(timekeeper_word(fix->keeper, now, now - 2 * DAY_MS, now - DAY_MS), -ETIME);
	assert_int_equal(state_of(fix), WALLTIME_UNCHECKED); /* the certificate had expired indeed */
}

static void a_damaged_file_costs_only_what_it_knew(void **state)
{
	struct fix *fix = *state;

	assert_int_equal(hear(fix, clock_wall_ms() + YEAR_MS), 0);
	assert_int_equal(file_write(fix->path,
				    SPAN("holdfast-clock-1 9999999999999 0 0 - 0000000000000000\n"), 0600),
			 0);
	start(fix);
	assert_int_equal(state_of(fix), WALLTIME_UNCHECKED);
	assert_int_equal(hear(fix, clock_wall_ms() + YEAR_MS), 0);
	start(fix);
	assert_int_equal(state_of(fix), WALLTIME_SKEWED);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		test(a_word_is_kept_over_a_restart),
		test(a_move_is_told_once),
		test(a_word_outside_its_own_certificate_is_not_believed),
		test(a_clock_that_a_certificate_contradicts_is_unset_until_somebody_tells),
		test(a_damaged_file_costs_only_what_it_knew),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
