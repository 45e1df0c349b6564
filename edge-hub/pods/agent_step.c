/* The agent's heartbeat: pods that have something to do are stepped, statuses that changed are told, and the timer is
 * set for whatever comes next. */
#include <errno.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "edge-hub/pods/agent_internal.h"

#define STATUS_MAX (512u * 1024)
#define STEPS_MAX 256u /* actions of one pod in one go; more would mean that a failure is not backed off */

static void report(struct pod *pod)
{
	struct agent *agent = pod->agent;
	struct agent_pod name = agent_name_of(pod);
	struct buf status;
	uint64_t digest;

	if (!lifecycle_is_observed(pod->lc) || !lifecycle_has_news(pod->lc) || !agent->callbacks.on_status)
		return;
	buf_init(&status, STATUS_MAX);
	if (lifecycle_status(pod->lc, agent->host_ip, agent_now(agent), &status)) {
		log_warn("pods", "status", "pod=%s/%s error=cannot-be-written", name.ns, name.name);
	} else {
		digest = hash64(buf_span(&status), 0);
		if (digest != pod->status_digest) {
			pod->status_digest = digest;
			agent->callbacks.on_status(agent->ctx, &name, buf_span(&status));
		}
	}
	buf_done(&status);
}

static void refresh(struct pod *pod)
{
	struct pod_world world;
	struct err err = { 0 };
	bool changed;

	pod->refresh = false;
	if (!lifecycle_running(pod->lc) || lifecycle_is_ending(pod->lc))
		return; /* they are made when it starts */
	agent_world(pod, &world);
	/* An object that went leaves the files as they are: running work does not lose what it reads. */
	if (volumes_refresh(&pod->agent->volumes, &world, &changed, &err) && err.code != -ENOENT)
		agent_event_of(pod, "", true, "FailedMount", err_text(&err));
}

static void bury(struct pod *pod)
{
	struct agent *agent = pod->agent;
	struct agent_pod name = agent_name_of(pod);

	(void)map_remove(&agent->pods, span_of(name.uid));
	log_info("pods", "gone", "pod=%s/%s uid=%s", name.ns, name.name, name.uid);
	agent_release_name(agent, lifecycle_spec(pod->lc));
	if (agent->callbacks.on_terminated)
		agent->callbacks.on_terminated(agent->ctx, &name);
	pod->detached = true;
	if (pod->exposed)
		agent_exclusive_changed(agent);
	if (pod->ops)
		list_push(&agent->gone, &pod->node);
	else
		agent_free_pod(pod);
}

static void step(struct pod *pod)
{
	struct agent *agent = pod->agent;
	struct action action;

	pod->dirty = false;
	agent_fence_pod(pod);
	if (pod->refresh)
		refresh(pod);
	for (unsigned i = 0;
	     !pod->held && i < STEPS_MAX && lifecycle_next(pod->lc, agent_now(agent), &action); i++) {
		if (op_start(pod, &action)) {
			const struct outcome failed = { .kind = action.kind,
							.slot = action.slot,
							.code = -EAGAIN,
							.probe = action.probe,
							.run = action.run,
							.undecided = true };

			lifecycle_done(pod->lc, &failed, agent_now(agent));
		}
	}
	report(pod);
	if (lifecycle_is_gone(pod->lc))
		bury(pod);
}

static struct pod *first_dirty(const struct agent *agent)
{
	struct span key;
	size_t cursor = 0;
	void *value;

	while (map_next(&agent->pods, &cursor, &key, &value))
		if (((struct pod *)value)->dirty)
			return value;
	return NULL;
}

/* Callbacks may add pods and remove them, so the walk begins anew after every step. */
static void step_due(struct agent *agent)
{
	uint64_t now = clock_mono_ms();
	struct span key;
	size_t cursor = 0;
	struct pod *pod;
	void *value;

	while (map_next(&agent->pods, &cursor, &key, &value))
		((struct pod *)value)->dirty |= lifecycle_due(((struct pod *)value)->lc) <= now;
	for (unsigned i = 0; i < 4 * AGENT_PODS_MAX && !agent->closing && (pod = first_dirty(agent)); i++)
		step(pod);
}

static bool all_steady(const struct agent *agent)
{
	struct span key;
	size_t cursor = 0;
	void *value;

	while (map_next(&agent->pods, &cursor, &key, &value))
		if (!lifecycle_is_steady(((struct pod *)value)->lc))
			return false;
	return true;
}

static void plan(struct agent *agent)
{
	uint64_t now = clock_mono_ms(), due = agent->status_due_ms;
	bool idle = all_steady(agent) && (agent->events || agent_all_watched(agent));
	uint64_t list_at = agent->list_last_ms + (agent->hunting ? AGENT_LIST_HUNT_MS
						  : idle	 ? AGENT_LIST_IDLE_MS
								 : AGENT_LIST_BUSY_MS);
	struct span key;
	size_t cursor = 0;
	void *value;

	if (!agent->up) /* the channel redials by itself; a runtime that hangs is asked now and then */
		list_at = agent->list_last_ms + AGENT_DOWN_MS;
	if (list_at < agent->list_due_ms)
		agent->list_due_ms = list_at;
	if (!agent->listing && agent->list_due_ms < due)
		due = agent->list_due_ms;
	if (agent->logs_due_ms < due)
		due = agent->logs_due_ms;
	while (map_next(&agent->pods, &cursor, &key, &value)) {
		struct pod *pod = value;
		uint64_t at = pod->dirty ? now : pod->held ? UINT64_MAX : lifecycle_due(pod->lc);

		due = at < due ? at : due;
	}
	timer_start(agent->timer, due > now ? due - now : 0);
}

void agent_on_timer(void *ctx)
{
	struct agent *agent = ctx;
	uint64_t now = clock_mono_ms();

	if (!agent->closing)
		step_due(agent);
	if (agent->closing) {
		agent_finish_close(agent);
		return;
	}
	if (agent->status_due_ms <= now)
		agent_ask_runtime(agent);
	if (agent->logs_due_ms <= now) {
		agent->logs_due_ms = now + AGENT_LOGS_MS;
		agent_rotate_logs(agent);
	}
	if (!agent->listing && agent->list_due_ms <= now)
		listing_start(agent);
	plan(agent);
}
