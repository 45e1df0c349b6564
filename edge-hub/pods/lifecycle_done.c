#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "edge-hub/pods/lifecycle_internal.h"

#define RETRY_FIRST_MS 1000u
#define RETRY_MAX_MS 60000u
#define PULL_FIRST_MS 10000u
#define MOUNT_FIRST_MS 500u
#define MOUNT_MAX_MS 122000u

/* --- the pod's own actions --- */
static struct sandbox *sandbox_of(struct lifecycle *lc, const char *id)
{
	for (size_t i = 0; id && i < lc->sandbox_count; i++)
		if (strcmp(lc->sandboxes[i].id, id) == 0)
			return &lc->sandboxes[i];
	return NULL;
}

/* A refusal waits longer each time; silence says nothing about the request and waits only a little. */
static void failed(struct backoff *b, int code, unsigned first_ms, unsigned max_ms, struct moment at)
{
	if (lifecycle_no_answer(code))
		b->until_ms = at.mono_ms + RETRY_FIRST_MS;
	else
		backoff_failed(b, first_ms, max_ms, at.mono_ms);
}

/* Failed, or nobody knows: look again before anything else is done to the pod. */
static void pod_failed(struct lifecycle *lc, struct backoff *b, const struct outcome *o, struct moment at)
{
	lc->blind = true;
	failed(b, o->code, RETRY_FIRST_MS, RETRY_MAX_MS, at);
}

static void done_prepare(struct lifecycle *lc, const struct outcome *o, struct moment at)
{
	const char *reason = o->reason && o->reason[0] ? o->reason : "FailedMount";

	if (!o->code) {
		lc->prepared = true;
		backoff_clear(&lc->prepare_trouble);
		wait_clear(&lc->wait);
		return;
	}
	backoff_failed(&lc->prepare_trouble, MOUNT_FIRST_MS, MOUNT_MAX_MS, at.mono_ms);
	lifecycle_event(lc, NULL, true, reason, "%s", o->message ? o->message : "");
}

static void done_run_sandbox(struct lifecycle *lc, const struct outcome *o, struct moment at)
{
	struct sandbox_info info = { .id = o->id,
				     .ips = o->ips,
				     .attempt = lc->sandbox_attempt,
				     .ready = true,
				     .created_ms = at.wall_ms };

	if (o->code) {
		pod_failed(lc, &lc->sandbox_trouble, o, at);
		if (!lifecycle_no_answer(o->code))
			lifecycle_event(lc, NULL, true, "FailedCreatePodSandBox",
					"Failed to create pod sandbox: %s", o->message ? o->message : "");
		return;
	}
	backoff_clear(&lc->sandbox_trouble);
	if (lc->sandbox_count)
		info.attempt++;
	/* What cannot be held now will be seen by the next listing. */
	lc->blind = !sandbox_of(lc, o->id) && lifecycle_add_sandbox(lc, &info) != 0;
}

static void forget_runs_of(struct lifecycle *lc, const char *sandbox_id)
{
	for (size_t i = 0; i < lc->run_count; i++)
		if (strcmp(lc->runs[i]->sandbox_id, sandbox_id) == 0 && !run_is_active(lc->runs[i]))
			lc->runs[i]->removed = true;
}

static void done_sandbox(struct lifecycle *lc, const struct outcome *o, struct moment at)
{
	struct sandbox *sandbox = sandbox_of(lc, lc->op_id);

	if (o->code) {
		pod_failed(lc, &lc->stop_trouble, o, at);
		if (!lifecycle_no_answer(o->code))
			lifecycle_event(lc, NULL, true, "FailedKillPod", "%s", o->message ? o->message : "");
		return;
	}
	backoff_clear(&lc->stop_trouble);
	if (!sandbox)
		return;
	sandbox->stopped = true;
	sandbox->ready = false;
	if (o->kind == ACTION_REMOVE_SANDBOX) {
		forget_runs_of(lc, sandbox->id);
		lifecycle_drop_sandbox(lc, sandbox);
	}
}

static void done_remove(struct lifecycle *lc, const struct outcome *o, struct moment at)
{
	if (o->code) {
		pod_failed(lc, &lc->stop_trouble, o, at);
		return;
	}
	for (size_t i = 0; lc->op_id && i < lc->run_count; i++) {
		if (strcmp(lc->runs[i]->id, lc->op_id) != 0)
			continue;
		lifecycle_drop_run(lc, i);
		return;
	}
}

static void done_clean(struct lifecycle *lc, const struct outcome *o, struct moment at)
{
	if (o->code)
		backoff_failed(&lc->stop_trouble, RETRY_FIRST_MS, RETRY_MAX_MS, at.mono_ms);
	else
		lc->cleaned = true;
}

static void done_pod(struct lifecycle *lc, const struct outcome *o, struct moment at)
{
	lc->op = ACTION_NONE;
	if (o->kind != ACTION_PREPARE && o->kind != ACTION_CLEAN)
		lc->settled_ms = at.mono_ms;
	switch (o->kind) {
	case ACTION_PREPARE: done_prepare(lc, o, at); break;
	case ACTION_RUN_SANDBOX: done_run_sandbox(lc, o, at); break;
	case ACTION_STOP_SANDBOX:
	case ACTION_REMOVE_SANDBOX: done_sandbox(lc, o, at); break;
	case ACTION_REMOVE: done_remove(lc, o, at); break;
	default: done_clean(lc, o, at);
	}
}

/* --- a container's actions --- */
static void slot_trouble(struct lifecycle *lc, struct slot *slot, const struct outcome *o, const char *reason,
			 unsigned first_ms, unsigned max_ms, struct moment at)
{
	const char *name = o->reason && o->reason[0] ? o->reason : reason;
	const char *message = o->message ? o->message : "";

	failed(&slot->trouble, o->code, first_ms, max_ms, at);
	if (lifecycle_no_answer(o->code))
		return;
	if (!wait_is(&slot->wait, name) || strcmp(slot->wait.message, message) != 0)
		wait_set(&slot->wait, name, message);
}

static void done_pull(struct lifecycle *lc, struct slot *slot, const struct outcome *o, struct moment at)
{
	slot->image_ready = !o->code;
	if (!o->code) {
		backoff_clear(&slot->trouble);
		return;
	}
	slot_trouble(lc, slot, o, "ErrImagePull", PULL_FIRST_MS, LIFECYCLE_BACKOFF_MAX_MS, at);
	if (!lifecycle_no_answer(o->code)) {
		lifecycle_event(lc, slot, true, "Failed", "Failed to pull image \"%s\": %s",
				slot->spec->image, o->message ? o->message : "");
		lifecycle_event(lc, slot, true, "Failed", "Error: %s",
				slot->wait.reason ? slot->wait.reason : "ErrImagePull");
	}
}

static void done_create(struct lifecycle *lc, struct slot *slot, const struct outcome *o, struct moment at)
{
	const struct sandbox *sandbox = lifecycle_current_sandbox(lc);
	const struct run *last = lifecycle_latest(lc, slot_index(lc, slot));
	struct run_info info = { .id = o->id,
				 .sandbox_id = sandbox ? sandbox->id : "",
				 .container = slot->spec->name,
				 .state = RUN_CREATED,
				 .created_ms = at.wall_ms,
				 .image = slot->spec->image,
				 .hash = slot->spec->hash,
				 .has_hash = true };

	slot->settled_ms = at.mono_ms;
	slot->image_ready = false; /* the next start looks for it again */
	if (o->code) {
		slot->blind = true;
		slot_trouble(lc, slot, o, "CreateContainerError", RETRY_FIRST_MS * 2, RETRY_MAX_MS, at);
		if (!lifecycle_no_answer(o->code))
			lifecycle_event(lc, slot, true, "Failed", "Error: %s", o->message ? o->message : "");
		return;
	}
	if (last && last->state == RUN_EXITED && !last->fenced) { /* a restart: the next one waits longer */
		slot->crash.delay_ms = !slot->crash.delay_ms ? LIFECYCLE_BACKOFF_FIRST_MS
				       : slot->crash.delay_ms > LIFECYCLE_BACKOFF_MAX_MS / 2
					       ? LIFECYCLE_BACKOFF_MAX_MS
					       : slot->crash.delay_ms * 2;
		slot->crash.last_ms = at.mono_ms;
	}
	info.attempt = info.restart_count = last	      ? last->restart_count + 1
					    : slot->prior_ran ? (unsigned)slot->prior_restarts + 1
							      : 0;
	if (last && info.attempt <= last->attempt)
		info.attempt = last->attempt + 1;
	slot->blind = lifecycle_add_run(lc, &info) == NULL;
	lifecycle_follow(lc, slot, at);
	slot->ours = true;
	lifecycle_event(lc, slot, false, "Created", "Created container: %s", slot->spec->name);
}

static void done_start(struct lifecycle *lc, struct slot *slot, const struct outcome *o, struct moment at)
{
	struct run *run = lifecycle_latest(lc, slot_index(lc, slot));

	slot->settled_ms = at.mono_ms;
	if (o->code || !run) {
		slot->blind = true; /* the runtime may have made it Exited, or it runs after all */
		slot_trouble(lc, slot, o, "RunContainerError", RETRY_FIRST_MS, RETRY_MAX_MS, at);
		if (!lifecycle_no_answer(o->code))
			lifecycle_event(lc, slot, true, "Failed",
					"Error: failed to start container \"%s\": %s", slot->spec->name,
					o->message ? o->message : "");
		return;
	}
	run->state = RUN_RUNNING;
	run->started_ms = at.wall_ms;
	lifecycle_event(lc, slot, false, "Started", "Started container %s", slot->spec->name);
	slot_running(lc, slot, run, at);
}

static void done_post_start(struct lifecycle *lc, struct slot *slot, const struct outcome *o,
			    struct moment at)
{
	const struct run *run = lifecycle_latest(lc, slot_index(lc, slot));

	if (o->run != slot->run || !run || run->state != RUN_RUNNING)
		return;
	slot->post_started = true;
	slot->post_failed = o->code != 0;
	if (o->code)
		lifecycle_event(lc, slot, true, "FailedPostStartHook", "PostStartHook failed: %s",
				o->message ? o->message : "");
	else
		slot_running(lc, slot, run, at);
}

static void done_stop(struct lifecycle *lc, struct slot *slot, const struct outcome *o, struct moment at)
{
	slot->settled_ms = at.mono_ms;
	slot->blind = true; /* its end, with exit code and time, is what the next listing tells */
	if (!o->code)
		return;
	slot->stop_sent = false;
	failed(&slot->trouble, o->code, RETRY_FIRST_MS, RETRY_MAX_MS, at);
}

static void done_probe(struct lifecycle *lc, struct slot *slot, const struct outcome *o, struct moment at)
{
	static const char *const names[PROBE_KINDS] = { "Startup", "Liveness", "Readiness" };
	struct probe_state *probe = &slot->probes[o->probe];
	const struct probe_spec *spec = slot->spec->probes[o->probe];
	const struct run *run = lifecycle_latest(lc, slot_index(lc, slot));

	if (o->run != slot->run || !spec)
		return; /* of a run that is no more; the new one's probes are its own */
	if (o->undecided) {
		probe->busy = false;
		if (probe->due_ms != UINT64_MAX)
			probe->due_ms = at.mono_ms + 1000;
		return;
	}
	if (o->code && probe->due_ms != UINT64_MAX && slot->stopping == STOP_NONE)
		lifecycle_event(lc, slot, true, "Unhealthy", "%s probe failed: %s", names[o->probe],
				o->message ? o->message : "");
	if (!probe_answered(probe, spec, o->code == 0, at.mono_ms) || !run || run->state != RUN_RUNNING)
		return;
	if (o->probe == PROBE_STARTUP && probe->verdict == PROBE_PASSED) {
		slot->started = true;
		probe_stop(probe);
	}
}

static void done_slot(struct lifecycle *lc, struct slot *slot, const struct outcome *o, struct moment at)
{
	if (o->kind == ACTION_PROBE) {
		done_probe(lc, slot, o, at);
		return;
	}
	if (slot->op == o->kind)
		slot->op = ACTION_NONE;
	switch (o->kind) {
	case ACTION_PULL: done_pull(lc, slot, o, at); break;
	case ACTION_CREATE: done_create(lc, slot, o, at); break;
	case ACTION_START: done_start(lc, slot, o, at); break;
	case ACTION_POST_START: done_post_start(lc, slot, o, at); break;
	case ACTION_STOP: done_stop(lc, slot, o, at); break;
	case ACTION_PRE_STOP:
		if (o->code)
			lifecycle_event(lc, slot, true, "FailedPreStopHook", "PreStopHook failed: %s",
					o->message ? o->message : "");
		break;
	default: err_bug("outcome of an action containers do not have", __FILE__, __LINE__);
	}
}

void lifecycle_done(struct lifecycle *lc, const struct outcome *outcome, struct moment at)
{
	if (outcome->slot < 0)
		done_pod(lc, outcome, at);
	else if ((uint32_t)outcome->slot < lc->spec->container_count)
		done_slot(lc, &lc->slots[outcome->slot], outcome, at);
}
