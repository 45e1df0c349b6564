/* Pods of which there must be only one, on a node that may no longer run them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/json.h"
#include "tests/unit/edge-hub/pods_world.h"

#define ONE "{\"containers\":[{\"name\":\"a\",\"image\":\"img\"}]}"
#define PROBED                                                                                              \
	"{\"containers\":[{\"name\":\"a\",\"image\":\"img\",\"livenessProbe\":{\"tcpSocket\":{\"port\":1}," \
	"\"periodSeconds\":1}}]}"
#define SIDECAR                                                                                  \
	"{\"initContainers\":[{\"name\":\"s\",\"image\":\"img\",\"restartPolicy\":\"Always\"}]," \
	"\"containers\":[{\"name\":\"a\",\"image\":\"img\"},{\"name\":\"b\",\"image\":\"img\"}]}"
#define ONCE(policy) "{\"restartPolicy\":\"" policy "\",\"containers\":[{\"name\":\"a\",\"image\":\"img\"}]}"

static struct world *world_new(const char *spec, const char *status)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	world_init(w);
	world_pod(w, "\"annotations\":{\"holdfast.io/exclusive\":\"true\"}", spec, status);
	return w;
}

static void world_free(struct world *w)
{
	world_done(w);
	free(w);
}

static void fence(struct world *w, bool fenced)
{
	lifecycle_fence(w->lc, fenced, w->at);
	(void)world_settle(w);
}

static bool is_at(struct world *w, const char *path, const char *want)
{
	struct json *status = world_status(w);
	bool same = strcmp(json_path_str(status, path, ""), want) == 0;

	if (!same)
		print_message("%s is \"%s\"\n", path, json_path_str(status, path, ""));
	json_free(status);
	return same;
}

static int64_t restarts(struct world *w)
{
	struct json *status = world_status(w);
	int64_t count = json_path_int(status, "containerStatuses.0.restartCount", -1);

	json_free(status);
	return count;
}

static bool is_ready(struct world *w, const char **out_reason)
{
	static char reason[40];
	struct json *status = world_status(w);
	const struct json *list = json_get(status, "conditions");
	bool ready = false;

	for (size_t i = 0; i < json_count(list); i++)
		if (strcmp(json_path_str(json_at(list, i), "type", ""), "Ready") == 0) {
			ready = strcmp(json_path_str(json_at(list, i), "status", ""), "True") == 0;
			snprintf(reason, sizeof(reason), "%s", json_path_str(json_at(list, i), "reason", ""));
		}
	json_free(status);
	*out_reason = reason;
	return ready;
}

static void a_fenced_pod_stops_says_why_and_comes_back(void **state)
{
	struct world *w = world_new(ONE, "");
	const char *why;

	(void)world_settle(w);
	assert_true(lifecycle_spec(w->lc)->exclusive);
	assert_true(lifecycle_may_have_processes(w->lc));
	fence(w, true);
	assert_null(world_running(w, "a"));
	assert_int_equal(w->log[5].kind, ACTION_STOP);
	assert_int_equal(w->log[5].reason, STOP_FENCED);
	assert_int_equal(w->log[5].grace_s, LIFECYCLE_FENCE_GRACE_S); /* the pod's own is 30 s */
	assert_int_equal(world_count(w, ACTION_STOP_SANDBOX), 1);
	assert_false(lifecycle_may_have_processes(w->lc));
	assert_true(lifecycle_is_steady(w->lc));
	assert_true(world_has_event(w, "Fenced"));
	assert_true(is_at(w, "phase", "Running"));
	assert_true(is_at(w, "containerStatuses.0.state.waiting.reason", "Fenced"));
	assert_true(is_at(w, "podIP", ""));
	assert_false(is_ready(w, &why));
	assert_string_equal(why, "Fenced");
	assert_int_equal(restarts(w), 0); /* it was not started again */
	world_run(w, 3600000);
	assert_int_equal(world_count(w, ACTION_START), 1);
	assert_int_equal(world_count(w, ACTION_RUN_SANDBOX), 1);

	fence(w, false);
	assert_non_null(world_running(w, "a"));
	assert_true(world_has_event(w, "Unfenced"));
	assert_int_equal(restarts(w), 1);
	assert_true(is_ready(w, &why));
	world_exit(w, "a", 1); /* its first fault: at once again */
	(void)world_settle(w);
	assert_non_null(world_running(w, "a"));
	world_free(w);
}

static void one_that_never_ran_waits_without_a_word_at_first(void **state)
{
	struct world *w = world_new(ONE, "");

	lifecycle_fence(w->lc, true, w->at);
	(void)world_settle(w);
	assert_int_equal(w->log_count, 0);
	assert_false(world_has_event(w, "Fenced"));
	assert_true(is_at(w, "phase", "Pending"));
	assert_true(is_at(w, "containerStatuses.0.state.waiting.reason", "Fenced"));
	assert_true(lifecycle_is_steady(w->lc));
	world_run(w, LIFECYCLE_FENCE_SHOWN_MS + 2000);
	assert_true(world_has_event(w, "Fenced"));
	assert_int_equal(w->event_count, 1);
	fence(w, false);
	assert_non_null(world_running(w, "a"));
	assert_int_equal(restarts(w), 0);
	world_free(w);
}

static void all_its_containers_stop_at_once(void **state)
{
	struct world *w = world_new(SIDECAR, "");

	(void)world_settle(w);
	assert_non_null(world_running(w, "b"));
	w->hold[ACTION_STOP] = true;
	fence(w, true);
	assert_int_equal(w->held_count, 3);
	w->hold[ACTION_STOP] = false;
	world_finish_held(w, 0);
	(void)world_settle(w);
	assert_null(world_running(w, "a"));
	assert_null(world_running(w, "s"));
	assert_int_equal(world_count(w, ACTION_STOP_SANDBOX), 1);
	fence(w, false);
	assert_non_null(world_running(w, "a"));
	assert_non_null(world_running(w, "s"));
	world_free(w);
}

static void what_is_being_started_is_stopped_when_it_is_there(void **state)
{
	struct world *w = world_new(ONE, "");

	w->hold[ACTION_START] = true;
	(void)world_settle(w);
	assert_int_equal(w->held_count, 1);
	fence(w, true);
	assert_true(lifecycle_may_have_processes(w->lc));
	assert_int_equal(world_count(w, ACTION_STOP), 0);
	w->hold[ACTION_START] = false;
	world_finish_held(w, 0);
	(void)world_settle(w);
	assert_int_equal(world_count(w, ACTION_STOP), 1);
	assert_false(lifecycle_may_have_processes(w->lc));
	world_free(w);
}

static void a_short_closure_leaves_probes_as_they_are(void **state)
{
	struct world *w = world_new(PROBED, "");
	size_t probes;

	(void)world_settle(w);
	world_run(w, 5000);
	lifecycle_fence(w->lc, true, w->at);
	lifecycle_fence(w->lc, false, w->at);
	probes = world_count(w, ACTION_PROBE);
	assert_true(probes > 0);
	world_run(w, 5000);
	assert_true(world_count(w, ACTION_PROBE) > probes);
	assert_int_equal(world_count(w, ACTION_STOP), 0);
	world_free(w);
}

static void a_deletion_goes_on_with_less_grace(void **state)
{
	struct world *w = world_new(ONE, "");

	(void)world_settle(w);
	w->hold[ACTION_STOP] = true;
	lifecycle_end(w->lc, STOP_DELETED, 300, w->at);
	(void)world_settle(w);
	assert_int_equal(w->log[w->log_count - 1].grace_s, 300);
	fence(w, true);
	assert_int_equal(w->log[w->log_count - 1].kind, ACTION_STOP);
	assert_int_equal(w->log[w->log_count - 1].grace_s, LIFECYCLE_FENCE_GRACE_S);
	w->hold[ACTION_STOP] = false;
	world_finish_held(w, 0);
	(void)world_settle(w);
	assert_true(lifecycle_is_gone(w->lc));
	world_free(w);
}

static void a_fenced_pod_is_deleted_as_ever(void **state)
{
	struct world *w = world_new(ONE, "");

	(void)world_settle(w);
	fence(w, true);
	lifecycle_end(w->lc, STOP_DELETED, -1, w->at);
	(void)world_settle(w);
	assert_true(lifecycle_is_gone(w->lc));
	world_free(w);
}

/* Its process answered SIGTERM by ending well: that is no end of its work. */
static void what_fencing_stopped_has_not_succeeded(void **state)
{
	struct world *w = world_new(ONCE("OnFailure"), "");

	(void)world_settle(w);
	w->hold[ACTION_STOP] = true;
	lifecycle_fence(w->lc, true, w->at);
	(void)world_settle(w);
	world_exit(w, "a", 0);
	w->hold[ACTION_STOP] = false;
	world_finish_held(w, 0);
	(void)world_settle(w);
	assert_true(is_at(w, "phase", "Running"));
	/* Also for a process that comes after, which has it from what was reported. */
	world_restart_agent(
		w, "\"annotations\":{\"holdfast.io/exclusive\":\"true\"}", ONCE("OnFailure"),
		"{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"a\",\"restartCount\":0,"
		"\"state\":{\"waiting\":{\"reason\":\"Fenced\"}},\"lastState\":{\"terminated\":{"
		"\"exitCode\":0}}}]}");
	lifecycle_fence(w->lc, true, w->at);
	(void)world_settle(w);
	assert_true(is_at(w, "phase", "Running"));
	fence(w, false);
	assert_non_null(world_running(w, "a"));
	world_exit(w, "a", 0);
	(void)world_settle(w);
	assert_true(is_at(w, "phase", "Succeeded"));
	world_free(w);
}

static void one_that_never_restarts_has_failed(void **state)
{
	struct world *w = world_new(ONCE("Never"), "");

	(void)world_settle(w);
	fence(w, true);
	assert_true(is_at(w, "phase", "Failed"));
	assert_true(is_at(w, "reason", "Fenced"));
	fence(w, false);
	assert_null(world_running(w, "a"));
	world_free(w);
}

/* The runtime does not answer: nothing can be done here, and nothing is taken for done. */
static void a_silent_runtime_leaves_it_exposed(void **state)
{
	struct world *w = world_new(ONE, "");

	(void)world_settle(w);
	lifecycle_runtime(w->lc, false, w->at);
	lifecycle_fence(w->lc, true, w->at);
	world_run(w, 5000);
	assert_true(lifecycle_may_have_processes(w->lc));
	lifecycle_runtime(w->lc, true, w->at);
	(void)world_settle(w);
	assert_false(lifecycle_may_have_processes(w->lc));
	world_free(w);
}

static void a_stateful_set_s_pod_is_exclusive(void **state)
{
	static const struct {
		const char *meta;
		bool exclusive;
	} cases[] = {
		{ "", false },
		{ "\"annotations\":{\"holdfast.io/exclusive\":\"false\"}", false },
		{ "\"ownerReferences\":[{\"apiVersion\":\"apps/"
		  "v1\",\"kind\":\"StatefulSet\",\"name\":\"db\",\"uid\":\"1\","
		  "\"controller\":true}]",
		  true },
		{ "\"ownerReferences\":[{\"apiVersion\":\"apps/"
		  "v1\",\"kind\":\"DaemonSet\",\"name\":\"db\",\"uid\":\"1\","
		  "\"controller\":true}]",
		  false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pod_spec *spec = world_spec(cases[i].meta, ONE, "");

		assert_int_equal(spec->exclusive, cases[i].exclusive);
		spec_free(spec);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fenced_pod_stops_says_why_and_comes_back),
		cmocka_unit_test(one_that_never_ran_waits_without_a_word_at_first),
		cmocka_unit_test(all_its_containers_stop_at_once),
		cmocka_unit_test(what_is_being_started_is_stopped_when_it_is_there),
		cmocka_unit_test(a_short_closure_leaves_probes_as_they_are),
		cmocka_unit_test(a_deletion_goes_on_with_less_grace),
		cmocka_unit_test(a_fenced_pod_is_deleted_as_ever),
		cmocka_unit_test(what_fencing_stopped_has_not_succeeded),
		cmocka_unit_test(one_that_never_restarts_has_failed),
		cmocka_unit_test(a_silent_runtime_leaves_it_exposed),
		cmocka_unit_test(a_stateful_set_s_pod_is_exclusive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
