/* Pod.status: the words that kubectl, controllers and people read. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/json.h"
#include "tests/unit/edge-hub/pods_world.h"

#define ONE "{\"containers\":[{\"name\":\"a\",\"image\":\"img\"}]}"
#define STARTED "2023-11-14T22:13:20Z" /* the world's first moment */

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

static void assert_at(struct world *w, const char *path, const char *want)
{
	struct json *status = world_status(w);
	const struct json *value = json_path(status, path);
	struct buf text;

	buf_init(&text, 4096);
	if (json_is(value, JSON_STRING))
		buf_add_str(&text, json_str(value, ""));
	else if (value)
		assert_int_equal(json_write(value, &text), 0);
	if (strcmp(buf_cstr(&text), want) != 0)
		fail_msg("%s is \"%s\", not \"%s\"", path, buf_cstr(&text), want);
	buf_done(&text);
	json_free(status);
}

static void assert_condition(struct world *w, const char *type, const char *value, const char *reason)
{
	struct json *status = world_status(w);
	const struct json *list = json_get(status, "conditions");
	bool found = false;

	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *c = json_at(list, i);

		if (strcmp(json_str(json_get(c, "type"), ""), type) != 0)
			continue;
		found = true;
		if (strcmp(json_str(json_get(c, "status"), ""), value) != 0 ||
		    strcmp(json_str(json_get(c, "reason"), ""), reason) != 0)
			fail_msg("%s is %s for %s", type, json_str(json_get(c, "status"), ""),
				 json_str(json_get(c, "reason"), ""));
	}
	assert_true(found);
	json_free(status);
}

static void a_pod_on_its_way_is_pending(void **state)
{
	struct world *w = world_new("", ONE, "");

	w->fail[ACTION_RUN_SANDBOX] = -EREMOTEIO;
	(void)world_settle(w);
	assert_at(w, "phase", "Pending");
	assert_at(w, "startTime", STARTED);
	assert_at(w, "hostIP", "192.168.1.2");
	assert_at(w, "containerStatuses.0.state.waiting.reason", "ContainerCreating");
	assert_at(w, "containerStatuses.0.started", "false");
	assert_condition(w, "PodScheduled", "True", "");
	assert_condition(w, "Initialized", "True", "");
	assert_condition(w, "PodReadyToStartContainers", "False", "");
	assert_condition(w, "Ready", "False", "ContainersNotReady");
	world_free(w);
}

static void a_running_pod_is_ready_and_has_addresses(void **state)
{
	struct world *w = world_new("", ONE, "");

	(void)world_settle(w);
	assert_at(w, "phase", "Running");
	assert_at(w, "podIP", "10.1.2.3");
	assert_at(w, "podIPs", "[{\"ip\":\"10.1.2.3\"}]");
	assert_at(w, "qosClass", "BestEffort");
	assert_at(w, "containerStatuses.0.containerID", "containerd://c2");
	assert_at(w, "containerStatuses.0.ready", "true");
	assert_at(w, "containerStatuses.0.restartCount", "0");
	assert_condition(w, "Ready", "True", "");
	assert_condition(w, "ContainersReady", "True", "");
	assert_condition(w, "PodReadyToStartContainers", "True", "");
	world_free(w);
}

static void a_crashing_pod_says_so(void **state)
{
	struct world *w = world_new("", ONE, "");

	(void)world_settle(w);
	world_exit(w, "a", 3);
	(void)world_settle(w); /* back at once */
	assert_at(w, "containerStatuses.0.lastState.terminated.exitCode", "3");
	assert_at(w, "containerStatuses.0.lastState.terminated.reason", "Error");
	assert_at(w, "containerStatuses.0.restartCount", "1");
	world_exit(w, "a", 4);
	(void)world_settle(w);
	assert_at(w, "phase", "Running"); /* as upstream: a crash loop is not a phase */
	assert_at(w, "containerStatuses.0.state.waiting.reason", "CrashLoopBackOff");
	assert_at(w, "containerStatuses.0.state.waiting.message",
		  "back-off 10s restarting failed container=a pod=web_default(u-1)");
	assert_at(w, "containerStatuses.0.lastState.terminated.exitCode", "4");
	assert_condition(w, "Ready", "False", "ContainersNotReady");
	assert_true(world_has_event(w, "BackOff"));
	world_free(w);
}

static void a_failed_pull_turns_into_back_off(void **state)
{
	struct world *w = world_new("", ONE, "");

	w->fail[ACTION_PULL] = -EREMOTEIO;
	(void)world_settle(w);
	assert_at(w, "containerStatuses.0.state.waiting.reason", "ErrImagePull");
	world_run(w, 3000);
	assert_at(w, "containerStatuses.0.state.waiting.reason", "ImagePullBackOff");
	assert_at(w, "containerStatuses.0.state.waiting.message", "Back-off pulling image \"img\"");
	assert_at(w, "phase", "Pending");
	world_free(w);
}

static void finished_work_is_completed(void **state)
{
	struct world *w =
		world_new("",
			  "{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"a\",\"image\":\"img\"}]}",
			  "");

	(void)world_settle(w);
	world_exit(w, "a", 0);
	(void)world_settle(w);
	assert_at(w, "phase", "Succeeded");
	assert_at(w, "containerStatuses.0.state.terminated.reason", "Completed");
	assert_condition(w, "Ready", "False", "PodCompleted");
	assert_condition(w, "Initialized", "True", "PodCompleted");
	assert_condition(w, "PodReadyToStartContainers", "False", "");
	world_free(w);
}

static void a_deleted_pod_ends_in_a_final_phase(void **state)
{
	struct world *w = world_new("", ONE, "");

	(void)world_settle(w);
	w->hold[ACTION_STOP_SANDBOX] = true;
	lifecycle_end(w->lc, STOP_DELETED, 1, w->at);
	world_run(w, 3000);
	assert_at(w, "phase", "Failed");
	assert_at(w, "containerStatuses.0.state.terminated.exitCode", "143");
	assert_condition(w, "Ready", "False", "PodFailed");
	w->hold[ACTION_STOP_SANDBOX] = false;
	world_finish_held(w, 0);
	(void)world_settle(w);
	assert_true(lifecycle_is_gone(w->lc));
	assert_at(w, "containerStatuses.0.state.terminated.exitCode",
		  "143"); /* the last word, though all is removed */
	world_free(w);
}

static void times_of_conditions_survive_a_restart(void **state)
{
	static const char prior[] =
		"{\"phase\":\"Running\",\"startTime\":\"2020-01-01T00:00:00Z\",\"conditions\":["
		"{\"type\":\"Ready\",\"status\":\"True\",\"lastTransitionTime\":\"2020-01-02T00:00:00Z\"},"
		"{\"type\":\"ContainersReady\",\"status\":\"False\",\"lastTransitionTime\":\"2020-01-02T00:"
		"00:00Z\"}],"
		"\"containerStatuses\":[{\"name\":\"a\",\"containerID\":\"containerd://c2\",\"ready\":true,"
		"\"started\":true,\"restartCount\":0}]}";
	static const char spec[] =
		"{\"containers\":[{\"name\":\"a\",\"image\":\"img\",\"readinessProbe\":{\"exec\":"
		"{\"command\":[\"x\"]},\"initialDelaySeconds\":5}}]}";
	struct world *w = world_new("", spec, "");

	world_run(w, 6000);
	assert_condition(w, "Ready", "True", "");
	world_restart_agent(w, "", spec, prior);
	w->hold[ACTION_PROBE] = true; /* no probe was answered yet */
	(void)world_settle(w);
	assert_condition(w, "Ready", "True", ""); /* a restart of the hub takes no pod out of service */
	assert_at(w, "startTime", "2020-01-01T00:00:00Z");
	assert_at(w, "conditions.2.lastTransitionTime", "2020-01-02T00:00:00Z"); /* Ready stayed */
	assert_at(w, "conditions.3.status", "True"); /* ContainersReady changed, now */
	w->hold[ACTION_PROBE] = false;
	world_free(w);
}

static void what_was_over_before_is_not_told_anew(void **state)
{
	struct world *w =
		world_new("\"deletionTimestamp\":\"2024-01-01T00:00:00Z\"", ONE, "{\"phase\":\"Failed\"}");

	(void)world_settle(w);
	assert_true(lifecycle_is_gone(w->lc));
	assert_false(lifecycle_has_news(w->lc));
	world_free(w);
	w = world_new("", ONE, "");
	(void)world_settle(w);
	lifecycle_end(w->lc, STOP_DELETED, 1, w->at);
	world_run(w, 3000);
	assert_true(lifecycle_has_news(w->lc)); /* how it ended */
	world_free(w);
}

static void readiness_gates_hold_ready_back(void **state)
{
	static const char spec[] = "{\"readinessGates\":[{\"conditionType\":\"x.io/"
				   "up\"}],\"containers\":[{\"name\":\"a\",\"image\":\"img\"}]}";
	struct world *w = world_new("", spec, "");

	(void)world_settle(w);
	assert_condition(w, "ContainersReady", "True", "");
	assert_condition(w, "Ready", "False", "ReadinessGatesNotReady");
	assert_int_equal(lifecycle_set_spec(
				 w->lc,
				 world_spec("", spec,
					    "{\"conditions\":[{\"type\":\"x.io/up\",\"status\":\"True\"}]}"),
				 w->at),
			 0);
	assert_condition(w, "Ready", "True", "");
	world_free(w);
}

static void init_containers_have_their_own_list(void **state)
{
	static const char spec[] = "{\"initContainers\":[{\"name\":\"i\",\"image\":\"img\"}],\"containers\":["
				   "{\"name\":\"a\",\"image\":\"img\"}]}";
	struct world *w = world_new("", spec, "");

	(void)world_settle(w);
	assert_at(w, "initContainerStatuses.0.name", "i");
	assert_at(w, "containerStatuses.0.state.waiting.reason", "PodInitializing");
	assert_condition(w, "Initialized", "False", "ContainersNotInitialized");
	world_exit(w, "i", 0);
	(void)world_settle(w);
	assert_at(w, "initContainerStatuses.0.ready", "true");
	assert_at(w, "initContainerStatuses.0.state.terminated.reason", "Completed");
	assert_condition(w, "Initialized", "True", "");
	world_free(w);
}

static void the_host_s_network_has_the_host_s_address(void **state)
{
	struct world *w =
		world_new("", "{\"hostNetwork\":true,\"containers\":[{\"name\":\"a\",\"image\":\"img\"}]}",
			  "");

	(void)world_settle(w);
	assert_at(w, "podIP", "192.168.1.2");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pod_on_its_way_is_pending),
		cmocka_unit_test(a_running_pod_is_ready_and_has_addresses),
		cmocka_unit_test(a_crashing_pod_says_so),
		cmocka_unit_test(a_failed_pull_turns_into_back_off),
		cmocka_unit_test(finished_work_is_completed),
		cmocka_unit_test(a_deleted_pod_ends_in_a_final_phase),
		cmocka_unit_test(times_of_conditions_survive_a_restart),
		cmocka_unit_test(what_was_over_before_is_not_told_anew),
		cmocka_unit_test(readiness_gates_hold_ready_back),
		cmocka_unit_test(init_containers_have_their_own_list),
		cmocka_unit_test(the_host_s_network_has_the_host_s_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
