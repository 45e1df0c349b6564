/* Pods under a clock that is wrong, unknown, or moves: nothing ends because of it, and stamps are mended. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "tests/unit/edge-hub/pods_world.h"

#define YEAR_MS (365ll * 24 * 60 * 60 * 1000)
#define DEADLINE "{\"activeDeadlineSeconds\":30,\"containers\":[{\"name\":\"a\",\"image\":\"img\"}]}"
#define PROBED                                                                             \
	"{\"containers\":[{\"name\":\"a\",\"image\":\"img\",\"livenessProbe\":{\"exec\":{" \
	"\"command\":[\"l\"]},\"initialDelaySeconds\":60,\"periodSeconds\":1,\"failureThreshold\":1}}]}"

static struct world *world_new(const char *spec, const char *status, bool unsure)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	world_init(w);
	w->at.unsure = unsure;
	world_pod(w, "", spec, status);
	return w;
}

static void world_free(struct world *w)
{
	world_done(w);
	free(w);
}

/* The clock is set: what was believed to be one time is another one now. */
static void move(struct world *w, int64_t by_ms)
{
	const struct walltime_move step = { .began_ms = w->at.wall_ms - (int64_t)w->at.mono_ms,
					    .delta_ms = by_ms,
					    .now_ms = w->at.wall_ms + by_ms };

	w->at.wall_ms += by_ms;
	w->at.unsure = false;
	lifecycle_clock_moved(w->lc, &step, w->at);
}

static int64_t time_at(struct world *w, const char *path)
{
	struct json *status = world_status(w);
	int64_t out = 0;

	if (json_path(status, path))
		assert_int_equal(clock_parse(span_of(json_path_str(status, path, "")), &out), 0);
	json_free(status);
	return out;
}

static void a_deadline_waits_while_nobody_knows_the_time(void **state)
{
	struct world *w =
		world_new(DEADLINE, "{\"phase\":\"Running\",\"startTime\":\"2020-01-01T00:00:00Z\"}", true);

	world_run(w, 10000);
	world_restart_agent(w, "", DEADLINE,
			    "{\"phase\":\"Running\",\"startTime\":\"2020-01-01T00:00:00Z\"}");
	world_run(w, 29000);
	assert_non_null(world_running(w, "a"));
	w->at.wall_ms += 5 * YEAR_MS; /* whatever it shows */
	assert_non_null(world_running(w, "a"));
	world_run(w, 3000); /* but as long as that is not for ever */
	assert_null(world_running(w, "a"));
	world_free(w);
}

static void a_deadline_that_passed_is_noticed_when_the_time_is_told(void **state)
{
	struct world *w =
		world_new(DEADLINE, "{\"phase\":\"Running\",\"startTime\":\"2020-01-01T00:00:00Z\"}", true);

	world_run(w, 2000);
	assert_non_null(world_running(w, "a"));
	move(w, 0);
	world_run(w, 2000);
	assert_null(world_running(w, "a"));
	world_free(w);
}

static void time_told_late_takes_nothing_from_a_deadline(void **state)
{
	struct world *w = world_new(DEADLINE, "", true);

	world_run(w, 20000);
	move(w, YEAR_MS);
	world_run(w, 9000);
	assert_non_null(world_running(w, "a"));
	world_run(w, 3000);
	assert_null(world_running(w, "a"));
	world_free(w);
}

static void a_start_in_the_future_does_not_put_the_deadline_off_for_years(void **state)
{
	struct world *w =
		world_new(DEADLINE, "{\"phase\":\"Running\",\"startTime\":\"2090-01-01T00:00:00Z\"}", false);

	world_run(w, 29000);
	assert_non_null(world_running(w, "a"));
	world_run(w, 3000);
	assert_null(world_running(w, "a"));
	world_free(w);
}

static void the_start_is_told_when_it_is_sure(void **state)
{
	struct world *w = world_new("{\"containers\":[{\"name\":\"a\",\"image\":\"img\"}]}", "", true);
	int64_t began = w->at.wall_ms;

	world_run(w, 5000);
	assert_true(time_at(w, "startTime") == 0);
	move(w, YEAR_MS);
	assert_in_range(time_at(w, "startTime") - began - YEAR_MS, 0, 1000);
	world_free(w);
}

static void stamps_follow_the_time(void **state)
{
	struct world *w = world_new("{\"containers\":[{\"name\":\"a\",\"image\":\"img\"}]}", "", true);
	int64_t condition, started;

	world_run(w, 5000);
	condition = time_at(w, "conditions.0.lastTransitionTime");
	started = time_at(w, "containerStatuses.0.state.running.startedAt");
	assert_true(condition && started);
	move(w, -3 * YEAR_MS);
	assert_true(time_at(w, "conditions.0.lastTransitionTime") == condition - 3 * YEAR_MS);
	assert_true(time_at(w, "containerStatuses.0.state.running.startedAt") == started - 3 * YEAR_MS);
	world_run(w, 60000);
	assert_non_null(world_running(w, "a"));
	world_free(w);
}

/* Started by a clock that showed 1970, adopted when it shows the truth: it has not been running for fifty years. */
static void a_container_from_another_clock_is_not_probed_early(void **state)
{
	struct world *w = world_new(PROBED, "", false);

	w->probe_answer[PROBE_LIVENESS] = -1;
	world_run(w, 5000);
	assert_non_null(world_running(w, "a"));
	w->containers[0].started_ms = 60000;
	world_restart_agent(w, "", PROBED, "");
	world_run(w, 30000);
	assert_int_equal(world_count(w, ACTION_PROBE), 0);
	assert_non_null(world_running(w, "a"));
	world_run(w, 40000);
	assert_true(world_count(w, ACTION_PROBE) > 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deadline_waits_while_nobody_knows_the_time),
		cmocka_unit_test(a_deadline_that_passed_is_noticed_when_the_time_is_told),
		cmocka_unit_test(time_told_late_takes_nothing_from_a_deadline),
		cmocka_unit_test(a_start_in_the_future_does_not_put_the_deadline_off_for_years),
		cmocka_unit_test(the_start_is_told_when_it_is_sure),
		cmocka_unit_test(stamps_follow_the_time),
		cmocka_unit_test(a_container_from_another_clock_is_not_probed_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
