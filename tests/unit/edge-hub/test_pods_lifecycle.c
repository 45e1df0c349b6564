#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/edge-hub/pods_world.h"

#define ONE "{\"containers\":[{\"name\":\"a\",\"image\":\"img\"}]}"
#define TWO "{\"containers\":[{\"name\":\"a\",\"image\":\"img\"},{\"name\":\"b\",\"image\":\"img\"}]}"

static struct world *world_new(const char *meta, const char *spec, const char *status)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	world_init(w);
	world_pod(w, meta, spec, status);
	return w;
}

static void world_free(struct world *w)
{
	world_done(w);
	free(w);
}

static enum action_kind kind_at(const struct world *w, size_t i)
{
	return i < w->log_count ? w->log[i].kind : ACTION_NONE;
}

static void a_new_pod_is_prepared_sandboxed_and_started_in_order(void **state)
{
	static const enum action_kind order[] = { ACTION_PREPARE, ACTION_RUN_SANDBOX, ACTION_PULL,
						  ACTION_CREATE, ACTION_START };
	struct world *w = world_new("", ONE, "");
	struct action a;

	assert_false(lifecycle_next(w->lc, w->at, &a)); /* nothing before the runtime was listed */
	(void)world_settle(w);
	assert_int_equal(w->log_count, 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(kind_at(w, i), order[i]);
	assert_int_equal(lifecycle_phase(w->lc), PHASE_RUNNING);
	assert_true(lifecycle_is_steady(w->lc));
	assert_int_equal(world_settle(w), 0);
	world_free(w);
}

static void a_dead_process_restarts_at_once_and_then_with_growing_delay(void **state)
{
	static const unsigned delays[] = { 0, 10, 20, 40, 80, 160, 300, 300 };
	struct world *w = world_new("", ONE, "");

	(void)world_settle(w);
	for (size_t i = 0; i < 8; i++) {
		size_t starts = world_count(w, ACTION_START);

		world_exit(w, "a", 1);
		(void)world_settle(w);
		if (delays[i]) {
			assert_int_equal(world_count(w, ACTION_START), starts);
			world_run(w, delays[i] * 1000u - 2000);
			assert_int_equal(world_count(w, ACTION_START), starts);
			world_run(w, 3000);
		}
		assert_int_equal(world_count(w, ACTION_START), starts + 1);
		assert_int_equal(world_running(w, "a")->restarts, i + 1);
	}
	world_run(w, 601000); /* ran ten minutes: forgiven */
	world_exit(w, "a", 1);
	(void)world_settle(w);
	assert_non_null(world_running(w, "a"));
	world_free(w);
}

static void the_other_containers_keep_running_when_one_restarts(void **state)
{
	struct world *w = world_new("", TWO, "");
	char before[32];

	(void)world_settle(w);
	memcpy(before, world_running(w, "b")->id, sizeof(before));
	world_exit(w, "a", 1);
	world_run(w, 60000);
	assert_string_equal(world_running(w, "b")->id, before);
	assert_int_equal(world_count(w, ACTION_STOP), 0);
	assert_int_equal(world_count(w, ACTION_RUN_SANDBOX), 1);
	world_free(w);
}

static void a_restarted_agent_adopts_what_runs(void **state)
{
	struct world *w = world_new("", TWO, "");
	size_t before;

	(void)world_settle(w);
	world_exit(w, "a", 1);
	(void)world_settle(w);
	before = w->log_count;
	world_restart_agent(w, "", TWO, "");
	(void)world_settle(w);
	assert_int_equal(w->log_count, before + 1);
	assert_int_equal(kind_at(w, before), ACTION_PREPARE);
	world_exit(w, "a", 1);
	(void)world_settle(w);
	assert_int_equal(world_running(w, "a")->restarts, 2); /* counts survive */
	world_free(w);
}

static void silence_of_the_runtime_stops_nothing_and_starts_nothing(void **state)
{
	struct world *w = world_new("", TWO, "");
	size_t before;
	struct action a;

	(void)world_settle(w);
	before = w->log_count;
	lifecycle_runtime(w->lc, false, w->at);
	for (int i = 0; i < 100; i++) {
		w->at.mono_ms += 10000;
		assert_false(lifecycle_next(w->lc, w->at, &a));
	}
	lifecycle_runtime(w->lc, true, w->at);
	(void)world_settle(w);
	assert_int_equal(w->log_count, before);
	world_free(w);
}

static void one_short_list_is_no_proof(void **state)
{
	const struct observation nothing = { 0 };
	struct world *w = world_new("", TWO, "");
	struct observation seen = nothing;
	size_t before;

	(void)world_settle(w);
	before = w->log_count;
	seen.asked_ms = w->at.mono_ms++;
	assert_int_equal(lifecycle_observe(w->lc, &seen, w->at), 0);
	assert_false(lifecycle_is_steady(w->lc)); /* looks again soon */
	(void)world_settle(w);
	assert_int_equal(w->log_count, before);
	world_free(w);
}

static void a_power_cut_brings_a_new_sandbox_and_all_containers_back(void **state)
{
	struct world *w = world_new("", TWO, "");

	(void)world_settle(w);
	world_kill_all(w);
	world_restart_agent(w, "", TWO, "");
	(void)world_settle(w);
	assert_non_null(world_running(w, "a"));
	assert_non_null(world_running(w, "b"));
	assert_int_equal(world_running(w, "a")->restarts, 1);
	assert_int_equal(world_count(w, ACTION_RUN_SANDBOX), 2);
	assert_int_equal(world_count(w, ACTION_STOP), 0);
	world_free(w);
}

static void a_runtime_that_forgot_everything_keeps_the_count_of_restarts(void **state)
{
	static const char status[] =
		"{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"a\",\"restartCount\":4,"
		"\"state\":{\"running\":{\"startedAt\":\"2024-01-01T00:00:00Z\"}}}]}";
	struct world *w = world_new("", ONE, status);

	(void)world_settle(w);
	assert_int_equal(world_running(w, "a")->restarts, 5);
	world_free(w);
}

static void work_that_runs_once_is_not_run_again_after_a_lost_runtime(void **state)
{
	static const char spec[] =
		"{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"a\",\"image\":\"img\"}]}";
	static const char ran[] =
		"{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"a\",\"restartCount\":0,"
		"\"state\":{\"running\":{\"startedAt\":\"2024-01-01T00:00:00Z\"}}}]}";
	struct world *w = world_new("", spec, ran);

	(void)world_settle(w);
	assert_int_equal(world_count(w, ACTION_CREATE), 0);
	assert_int_equal(lifecycle_phase(w->lc), PHASE_FAILED);
	world_free(w);
	w = world_new("", spec, "{\"phase\":\"Succeeded\"}");
	(void)world_settle(w);
	assert_int_equal(world_count(w, ACTION_CREATE), 0);
	assert_int_equal(lifecycle_phase(w->lc), PHASE_SUCCEEDED);
	world_free(w);
}

static void restart_policies_decide_who_runs_again(void **state)
{
	static const struct {
		const char *policy;
		int code;
		bool again;
		enum pod_phase phase;
	} cases[] = {
		{ "Always", 0, true, PHASE_RUNNING },	    { "Always", 3, true, PHASE_RUNNING },
		{ "OnFailure", 0, false, PHASE_SUCCEEDED }, { "OnFailure", 3, true, PHASE_RUNNING },
		{ "Never", 0, false, PHASE_SUCCEEDED },	    { "Never", 3, false, PHASE_FAILED },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf spec;
		struct world *w;

		buf_init(&spec, 4096);
		buf_addf(&spec,
			 "{\"restartPolicy\":\"%s\",\"containers\":[{\"name\":\"a\",\"image\":\"img\"}]}",
			 cases[i].policy);
		w = world_new("", buf_cstr(&spec), "");
		buf_done(&spec);
		(void)world_settle(w);
		world_exit(w, "a", cases[i].code);
		(void)world_settle(w);
		assert_int_equal(world_running(w, "a") != NULL, cases[i].again);
		assert_int_equal(lifecycle_phase(w->lc), cases[i].phase);
		world_free(w);
	}
}

static void deletion_runs_hook_then_stops_then_cleans(void **state)
{
	static const char spec[] =
		"{\"terminationGracePeriodSeconds\":20,\"containers\":[{\"name\":\"a\",\"image\":\"img\","
		"\"lifecycle\":{\"preStop\":{\"exec\":{\"command\":[\"x\"]}}}}]}";
	static const enum action_kind order[] = { ACTION_PRE_STOP, ACTION_STOP, ACTION_STOP_SANDBOX,
						  ACTION_REMOVE_SANDBOX, ACTION_CLEAN };
	struct world *w = world_new("", spec, "");
	size_t from;

	(void)world_settle(w);
	from = w->log_count;
	assert_int_equal(lifecycle_set_spec(w->lc,
					    world_spec("\"deletionTimestamp\":\"2024-01-01T00:00:00Z\","
						       "\"deletionGracePeriodSeconds\":7",
						       spec, ""),
					    w->at),
			 0);
	(void)world_settle(w);
	assert_int_equal(w->log_count, from + 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(kind_at(w, from + i), order[i]);
	assert_int_equal(w->log[from].grace_s, 7);
	assert_int_equal(w->log[from + 1].reason, STOP_DELETED);
	assert_true(lifecycle_is_gone(w->lc));
	assert_int_equal(w->container_count, 0);
	assert_int_equal(w->sandbox_count, 0);
	world_free(w);
}

static void a_shorter_grace_is_honoured_while_stopping(void **state)
{
	struct world *w = world_new("", ONE, "");

	(void)world_settle(w);
	w->hold[ACTION_STOP] = true;
	lifecycle_end(w->lc, STOP_REMOVED, 300, w->at);
	(void)world_settle(w);
	assert_int_equal(w->log[w->log_count - 1].grace_s, 300);
	lifecycle_end(w->lc, STOP_REMOVED, 0, w->at);
	(void)world_settle(w);
	assert_int_equal(world_count(w, ACTION_STOP), 2);
	assert_int_equal(w->log[w->log_count - 1].grace_s, 2); /* never less: as a kubelet */
	w->hold[ACTION_STOP] = false;
	world_finish_held(w, 0);
	(void)world_settle(w);
	assert_true(lifecycle_is_gone(w->lc));
	world_free(w);
}

static void a_hook_that_hangs_does_not_outlast_the_grace_period(void **state)
{
	static const char spec[] =
		"{\"terminationGracePeriodSeconds\":10,\"containers\":[{\"name\":\"a\",\"image\":\"img\","
		"\"lifecycle\":{\"preStop\":{\"sleep\":{\"seconds\":100}}}}]}";
	struct world *w = world_new("", spec, "");

	(void)world_settle(w);
	w->hold[ACTION_PRE_STOP] = true;
	lifecycle_end(w->lc, STOP_REMOVED, -1, w->at);
	world_run(w, 8000);
	assert_int_equal(world_count(w, ACTION_STOP), 0);
	world_run(w, 4000);
	assert_int_equal(world_count(w, ACTION_STOP), 1);
	world_finish_held(w, -ETIMEDOUT);
	(void)world_settle(w);
	assert_true(lifecycle_is_gone(w->lc));
	world_free(w);
}

static void a_changed_image_restarts_that_container_only(void **state)
{
	static const char changed[] =
		"{\"containers\":[{\"name\":\"a\",\"image\":\"img2\"},{\"name\":\"b\",\"image\":\"img\"}]}";
	struct world *w = world_new("", TWO, "");
	char before[32];

	(void)world_settle(w);
	memcpy(before, world_running(w, "b")->id, sizeof(before));
	assert_int_equal(lifecycle_set_spec(w->lc, world_spec("", changed, ""), w->at), 0);
	world_run(w, 1000);
	assert_int_equal(world_count(w, ACTION_STOP), 1);
	assert_int_equal(world_count(w, ACTION_RUN_SANDBOX), 1);
	assert_int_equal(world_running(w, "a")->restarts, 1);
	assert_string_equal(world_running(w, "b")->id, before);
	world_free(w);
}

static void init_containers_run_in_order_and_gate_the_rest(void **state)
{
	static const char spec[] =
		"{\"initContainers\":[{\"name\":\"i\",\"image\":\"img\"},{\"name\":\"j\",\"image\":\"img\"}],"
		"\"containers\":[{\"name\":\"a\",\"image\":\"img\"}]}";
	struct world *w = world_new("", spec, "");

	(void)world_settle(w);
	assert_non_null(world_running(w, "i"));
	assert_null(world_running(w, "j"));
	assert_int_equal(lifecycle_phase(w->lc), PHASE_PENDING);
	world_exit(w, "i", 1); /* fails: tried again */
	(void)world_settle(w);
	assert_non_null(world_running(w, "i"));
	world_exit(w, "i", 0);
	(void)world_settle(w);
	assert_non_null(world_running(w, "j"));
	assert_null(world_running(w, "a"));
	world_exit(w, "j", 0);
	(void)world_settle(w);
	assert_non_null(world_running(w, "a"));
	assert_int_equal(lifecycle_phase(w->lc), PHASE_RUNNING);
	world_kill_all(w); /* a new sandbox is initialized anew */
	(void)world_settle(w);
	assert_non_null(world_running(w, "i"));
	assert_null(world_running(w, "a"));
	world_free(w);
}

static void a_failed_init_container_fails_a_pod_that_never_restarts(void **state)
{
	static const char spec[] =
		"{\"restartPolicy\":\"Never\",\"initContainers\":[{\"name\":\"i\",\"image\":\"img\"}],"
		"\"containers\":[{\"name\":\"a\",\"image\":\"img\"}]}";
	struct world *w = world_new("", spec, "");

	(void)world_settle(w);
	world_exit(w, "i", 2);
	(void)world_settle(w);
	assert_int_equal(lifecycle_phase(w->lc), PHASE_FAILED);
	assert_null(world_running(w, "a"));
	assert_int_equal(world_count(w, ACTION_CREATE), 1);
	world_free(w);
}

static void sidecars_start_first_restart_always_and_stop_last(void **state)
{
	static const char spec[] =
		"{\"restartPolicy\":\"Never\",\"initContainers\":[{\"name\":\"s\",\"image\":\"img\","
		"\"restartPolicy\":\"Always\"},"
		"{\"name\":\"i\",\"image\":\"img\"}],\"containers\":[{\"name\":\"a\",\"image\":\"img\"}]}";
	struct world *w = world_new("", spec, "");

	(void)world_settle(w);
	assert_non_null(world_running(w, "s"));
	assert_non_null(world_running(w, "i"));
	world_exit(w, "i", 0);
	(void)world_settle(w);
	assert_non_null(world_running(w, "a"));
	world_exit(w, "s", 1);
	(void)world_settle(w);
	assert_non_null(world_running(w, "s"));
	world_exit(w, "a", 0);
	(void)world_settle(w);
	assert_null(world_running(w, "s"));
	assert_int_equal(w->log[w->log_count - 2].reason, STOP_COMPLETED);
	assert_int_equal(lifecycle_phase(w->lc), PHASE_SUCCEEDED);
	world_free(w);
}

static void a_lost_sandbox_under_running_containers_must_last_before_they_stop(void **state)
{
	struct world *w = world_new("", TWO, "");

	(void)world_settle(w);
	w->sandboxes[0].ready = false; /* as a runtime in the middle of its own restart may say */
	world_run(w, 5000);
	assert_int_equal(world_count(w, ACTION_STOP), 0);
	w->sandboxes[0].ready = true;
	world_run(w, 60000);
	assert_int_equal(world_count(w, ACTION_STOP), 0);
	w->sandboxes[0].ready = false;
	world_run(w, LIFECYCLE_LOST_MS + 3000);
	assert_int_equal(world_count(w, ACTION_STOP), 2);
	assert_int_equal(world_count(w, ACTION_RUN_SANDBOX), 2);
	assert_non_null(world_running(w, "a"));
	world_free(w);
}

/* Until the container was stopped once, at most so long. */
static void run_until_stop(struct world *w, unsigned seconds)
{
	size_t before = world_count(w, ACTION_STOP);

	for (unsigned i = 0; i < seconds && world_count(w, ACTION_STOP) == before; i++)
		world_run(w, 1000);
	assert_int_equal(world_count(w, ACTION_STOP), before + 1);
}

static void liveness_failures_restart_and_readiness_failures_do_not(void **state)
{
	static const char spec[] =
		"{\"containers\":[{\"name\":\"a\",\"image\":\"img\","
		"\"livenessProbe\":{\"exec\":{\"command\":[\"l\"]},\"periodSeconds\":5,\"failureThreshold\":"
		"2},"
		"\"readinessProbe\":{\"exec\":{\"command\":[\"r\"]},\"periodSeconds\":5}}]}";
	struct world *w = world_new("", spec, "");

	w->probe_answer[PROBE_READINESS] = -1;
	world_run(w, 60000);
	assert_int_equal(world_count(w, ACTION_STOP), 0);
	w->probe_answer[PROBE_LIVENESS] = -1;
	world_run(w, 4000);
	assert_int_equal(world_count(w, ACTION_STOP), 0);
	run_until_stop(w, 8);
	(void)world_settle(w);
	assert_int_equal(world_running(w, "a")->restarts, 1);
	assert_true(world_has_event(w, "Unhealthy"));
	world_free(w);
}

static void a_startup_probe_holds_the_others_back(void **state)
{
	static const char spec[] = "{\"containers\":[{\"name\":\"a\",\"image\":\"img\","
				   "\"livenessProbe\":{\"exec\":{\"command\":[\"l\"]},\"periodSeconds\":1,"
				   "\"failureThreshold\":1},"
				   "\"startupProbe\":{\"exec\":{\"command\":[\"s\"]},\"periodSeconds\":2,"
				   "\"failureThreshold\":10}}]}";
	struct world *w = world_new("", spec, "");

	w->probe_answer[PROBE_LIVENESS] = w->probe_answer[PROBE_STARTUP] = -1;
	world_run(w, 15000);
	assert_int_equal(world_count(w, ACTION_STOP), 0);
	w->probe_answer[PROBE_LIVENESS] = w->probe_answer[PROBE_STARTUP] = 0;
	world_run(w, 5000);
	w->probe_answer[PROBE_LIVENESS] = -1;
	world_run(w, 3000);
	assert_true(world_count(w, ACTION_STOP) >= 1);
	world_free(w);
}

static void a_failed_pull_waits_and_is_tried_again(void **state)
{
	struct world *w = world_new("", ONE, "");

	w->fail[ACTION_PULL] = -EREMOTEIO;
	world_run(w, 9000);
	assert_int_equal(world_count(w, ACTION_PULL), 1);
	world_run(w, 2000);
	assert_int_equal(world_count(w, ACTION_PULL), 2);
	w->fail[ACTION_PULL] = 0;
	world_run(w, 21000);
	assert_non_null(world_running(w, "a"));
	world_free(w);
}

static void a_failed_mount_is_tried_again_at_once_when_poked(void **state)
{
	struct world *w = world_new("", ONE, "");

	w->fail[ACTION_PREPARE] = -ENOENT;
	world_run(w, 120000);
	assert_int_equal(world_count(w, ACTION_RUN_SANDBOX), 0);
	assert_true(world_has_event(w, "FailedMount"));
	w->fail[ACTION_PREPARE] = 0;
	lifecycle_poke(w->lc);
	(void)world_settle(w);
	assert_non_null(world_running(w, "a"));
	world_free(w);
}

static void an_unanswered_sandbox_is_looked_for_before_another_is_made(void **state)
{
	struct world *w = world_new("", ONE, "");

	w->hold[ACTION_RUN_SANDBOX] = true;
	(void)world_settle(w);
	w->hold[ACTION_RUN_SANDBOX] = false;
	w->held_count = 0; /* the runtime made it, the answer was lost */
	w->sandboxes[w->sandbox_count++] = (struct world_sandbox){ .id = "s99", .ready = true };
	lifecycle_done(w->lc, &(struct outcome){ .kind = ACTION_RUN_SANDBOX, .slot = -1, .code = -ETIMEDOUT },
		       w->at);
	w->at.mono_ms++;
	(void)world_settle(w);
	assert_int_equal(world_count(w, ACTION_RUN_SANDBOX), 1);
	assert_non_null(world_running(w, "a"));
	assert_string_equal(world_running(w, "a")->sandbox, "s99");
	world_free(w);
}

static void a_deadline_fails_the_pod(void **state)
{
	static const char spec[] =
		"{\"activeDeadlineSeconds\":30,\"containers\":[{\"name\":\"a\",\"image\":\"img\"}]}";
	struct world *w = world_new("", spec, "");

	world_run(w, 29000);
	assert_non_null(world_running(w, "a"));
	world_run(w, 2000);
	assert_null(world_running(w, "a"));
	assert_int_equal(lifecycle_phase(w->lc), PHASE_FAILED);
	assert_int_equal(world_count(w, ACTION_CLEAN), 0); /* its object still exists */
	lifecycle_end(w->lc, STOP_DELETED, -1, w->at);
	(void)world_settle(w);
	assert_true(lifecycle_is_gone(w->lc));
	world_free(w);
}

static void what_is_not_supported_waits_with_its_reason(void **state)
{
	static const char spec[] = "{\"volumes\":[{\"name\":\"v\",\"nfs\":{\"server\":\"s\",\"path\":\"/"
				   "\"}}],\"containers\":[{\"name\":\"a\",\"image\":\"img\"}]}";
	struct world *w = world_new("", spec, "");

	world_run(w, 60000);
	assert_int_equal(w->log_count, 0);
	assert_true(world_has_event(w, "Unsupported"));
	assert_int_equal(w->event_count, 1);
	lifecycle_end(w->lc, STOP_DELETED, -1, w->at);
	(void)world_settle(w);
	assert_true(lifecycle_is_gone(w->lc));
	world_free(w);
}

static void post_start_failure_restarts_the_container(void **state)
{
	static const char spec[] = "{\"containers\":[{\"name\":\"a\",\"image\":\"img\",\"lifecycle\":{"
				   "\"postStart\":{\"exec\":{\"command\":[\"x\"]}}}}]}";
	struct world *w = world_new("", spec, "");

	w->fail[ACTION_POST_START] = -1;
	(void)world_settle(w);
	assert_true(world_has_event(w, "FailedPostStartHook"));
	assert_true(world_count(w, ACTION_STOP) >= 1);
	w->fail[ACTION_POST_START] = 0;
	world_run(w, 60000);
	assert_non_null(world_running(w, "a"));
	world_free(w);
}

static void only_the_last_two_runs_are_kept(void **state)
{
	struct world *w = world_new("", ONE, "");

	for (int i = 0; i < 6; i++) {
		world_run(w, 700000);
		world_exit(w, "a", 1);
	}
	world_run(w, 1000);
	assert_int_equal(w->container_count, 2);
	world_free(w);
}

static void a_short_grace_means_two_seconds_for_a_stuck_runtime_too(void **state)
{
	struct world *w = world_new("", ONE, "");

	(void)world_settle(w);
	w->fail[ACTION_STOP] = -EREMOTEIO;
	lifecycle_end(w->lc, STOP_DELETED, 5, w->at);
	world_run(w, 20000);
	assert_true(world_count(w, ACTION_STOP) >= 3); /* tried again, with back-off */
	assert_true(world_count(w, ACTION_STOP) <= 8);
	assert_int_equal(world_count(w, ACTION_STOP_SANDBOX), 0);
	w->fail[ACTION_STOP] = 0;
	world_run(w, 60000);
	assert_true(lifecycle_is_gone(w->lc));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_pod_is_prepared_sandboxed_and_started_in_order),
		cmocka_unit_test(a_dead_process_restarts_at_once_and_then_with_growing_delay),
		cmocka_unit_test(the_other_containers_keep_running_when_one_restarts),
		cmocka_unit_test(a_restarted_agent_adopts_what_runs),
		cmocka_unit_test(silence_of_the_runtime_stops_nothing_and_starts_nothing),
		cmocka_unit_test(one_short_list_is_no_proof),
		cmocka_unit_test(a_power_cut_brings_a_new_sandbox_and_all_containers_back),
		cmocka_unit_test(a_runtime_that_forgot_everything_keeps_the_count_of_restarts),
		cmocka_unit_test(work_that_runs_once_is_not_run_again_after_a_lost_runtime),
		cmocka_unit_test(restart_policies_decide_who_runs_again),
		cmocka_unit_test(deletion_runs_hook_then_stops_then_cleans),
		cmocka_unit_test(a_shorter_grace_is_honoured_while_stopping),
		cmocka_unit_test(a_hook_that_hangs_does_not_outlast_the_grace_period),
		cmocka_unit_test(a_changed_image_restarts_that_container_only),
		cmocka_unit_test(init_containers_run_in_order_and_gate_the_rest),
		cmocka_unit_test(a_failed_init_container_fails_a_pod_that_never_restarts),
		cmocka_unit_test(sidecars_start_first_restart_always_and_stop_last),
		cmocka_unit_test(a_lost_sandbox_under_running_containers_must_last_before_they_stop),
		cmocka_unit_test(liveness_failures_restart_and_readiness_failures_do_not),
		cmocka_unit_test(a_startup_probe_holds_the_others_back),
		cmocka_unit_test(a_failed_pull_waits_and_is_tried_again),
		cmocka_unit_test(a_failed_mount_is_tried_again_at_once_when_poked),
		cmocka_unit_test(an_unanswered_sandbox_is_looked_for_before_another_is_made),
		cmocka_unit_test(a_deadline_fails_the_pod),
		cmocka_unit_test(what_is_not_supported_waits_with_its_reason),
		cmocka_unit_test(post_start_failure_restarts_the_container),
		cmocka_unit_test(only_the_last_two_runs_are_kept),
		cmocka_unit_test(a_short_grace_means_two_seconds_for_a_stuck_runtime_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
