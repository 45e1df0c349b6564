#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "edge-hub/pods/lifecycle_internal.h"

#define STOP_GRACE_LEAST_S 2 /* as a kubelet: no container is killed without a chance */
#define UNKNOWN_MS 30000u    /* how long a container may be in state unknown before it is stopped */
#define IMAGE_REASON_SHOWN_MS \
	2000u /* ErrImagePull stays visible that long before it becomes ImagePullBackOff */

/* --- starting actions --- */
static bool emit(struct lifecycle *lc, struct slot *slot, struct action *out, enum action_kind kind,
		 const char *id)
{
	*out = (struct action){ .kind = kind, .slot = slot ? slot_index(lc, slot) : -1, .id = id ? id : "" };
	if (slot) {
		slot->op = kind;
		out->run = slot->run;
		return true;
	}
	free(lc->op_id);
	lc->op_id = id ? strdup(id) : NULL;
	lc->op = kind;
	return true;
}

static bool pod_is_free(const struct lifecycle *lc)
{
	return lc->op == ACTION_NONE && !lc->blind;
}

/* True when the time has come; else lowers the due time. */
static bool is_time(struct lifecycle *lc, uint64_t when_ms, struct moment at)
{
	if (when_ms <= at.mono_ms)
		return true;
	lifecycle_due_at(lc, when_ms);
	return false;
}

/* --- stopping a container --- */
static uint64_t grace_end(uint64_t since_ms, int64_t grace_s)
{
	return since_ms + (uint64_t)(grace_s < 0 ? 0 : grace_s) * 1000;
}

static int64_t probe_grace(const struct lifecycle *lc, const struct slot *slot, enum stop_reason reason)
{
	const struct probe_spec *probe =
		slot->spec->probes[reason == STOP_STARTUP ? PROBE_STARTUP : PROBE_LIVENESS];

	if ((reason == STOP_LIVENESS || reason == STOP_STARTUP) && probe && probe->grace_s.set)
		return probe->grace_s.value;
	return lc->spec->grace_s;
}

static void wish_stop(struct lifecycle *lc, struct slot *slot, enum stop_reason reason, uint64_t by_ms,
		      struct moment at)
{
	if (slot->stopping != STOP_NONE) {
		if (by_ms < slot->stop_by_ms) { /* a shorter grace is honoured, also while stopping */
			slot->stop_by_ms = by_ms;
			if (slot->op == ACTION_STOP)
				slot->stop_sent = false;
		}
		return;
	}
	slot->stopping = reason;
	slot->stop_by_ms = by_ms;
	slot->stop_sent = false;
	for (int kind = 0; kind < PROBE_KINDS; kind++)
		if (kind != PROBE_READINESS)
			probe_stop(&slot->probes[kind]);
	lifecycle_event(lc, slot, false, "Killing", "%s %s%s%s", "Stopping container", slot->spec->name,
			reason == STOP_DELETED ? "" : ": ",
			reason == STOP_DELETED ? "" : stop_reason_text(reason));
}

static int64_t seconds_left(const struct slot *slot, struct moment at)
{
	return slot->stop_by_ms > at.mono_ms ? (int64_t)((slot->stop_by_ms - at.mono_ms + 999) / 1000) : 0;
}

static bool continue_stop(struct lifecycle *lc, struct slot *slot, const struct run *run, struct moment at,
			  struct action *out)
{
	bool again = slot->op == ACTION_STOP && !slot->stop_sent;
	int64_t left = seconds_left(slot, at);

	if (slot->op == ACTION_PRE_STOP && !left) {
		again = true; /* the hook outlasted the grace period: stop beside it */
	} else if (slot->op == ACTION_PRE_STOP) {
		lifecycle_due_at(lc, slot->stop_by_ms);
		return false;
	}
	if (!again && !slot_is_free(slot))
		return false;
	if (!is_time(lc, slot->trouble.until_ms, at))
		return false;
	if (!again && slot->spec->pre_stop && !slot->pre_stopped && left > 0 && run->state == RUN_RUNNING) {
		slot->pre_stopped = true;
		emit(lc, slot, out, ACTION_PRE_STOP, run->id);
	} else {
		slot->stop_sent = true;
		emit(lc, slot, out, ACTION_STOP, run->id);
		left = left < STOP_GRACE_LEAST_S ? STOP_GRACE_LEAST_S : left;
	}
	out->grace_s = left;
	out->reason = slot->stopping;
	return true;
}

/* --- probes --- */
static bool next_probe(struct lifecycle *lc, struct slot *slot, const struct run *run, struct moment at,
		       struct action *out)
{
	if (!run || run->state != RUN_RUNNING || !slot->post_started)
		return false;
	for (int kind = 0; kind < PROBE_KINDS; kind++) {
		struct probe_state *probe = &slot->probes[kind];
		bool waits = kind != PROBE_STARTUP && slot->spec->probes[PROBE_STARTUP] && !slot->started;

		if (!slot->spec->probes[kind] || waits || probe->busy)
			continue;
		if (!probe_is_due(probe, at.mono_ms)) {
			lifecycle_due_at(lc, probe->due_ms);
			continue;
		}
		probe_sent(probe);
		*out = (struct action){ .kind = ACTION_PROBE,
					.slot = slot_index(lc, slot),
					.id = run->id,
					.probe = (enum probe_kind)kind,
					.run = slot->run };
		return true;
	}
	return false;
}

static bool any_probe(struct lifecycle *lc, struct moment at, struct action *out)
{
	for (uint32_t i = 0; i < lc->spec->container_count; i++)
		if (next_probe(lc, &lc->slots[i], lifecycle_latest(lc, (int)i), at, out))
			return true;
	return false;
}

/* --- what nobody needs any more --- */
static bool is_surplus(const struct lifecycle *lc, const struct run *run)
{
	return run->slot >= 0 && !run->removed && !run_is_active(run) &&
	       run != lifecycle_latest(lc, run->slot) && run != lifecycle_previous(lc, run->slot);
}

static bool is_sandbox_used(const struct lifecycle *lc, const struct sandbox *sandbox)
{
	for (size_t i = 0; i < lc->run_count; i++)
		if (!lc->runs[i]->removed && strcmp(lc->runs[i]->sandbox_id, sandbox->id) == 0)
			return true;
	return false;
}

static bool remove_surplus(struct lifecycle *lc, struct moment at, struct action *out)
{
	const struct sandbox *current = lifecycle_current_sandbox(lc);

	if (!pod_is_free(lc) || !is_time(lc, lc->stop_trouble.until_ms, at))
		return false;
	for (size_t i = 0; i < lc->run_count; i++)
		if (is_surplus(lc, lc->runs[i]))
			return emit(lc, NULL, out, ACTION_REMOVE, lc->runs[i]->id);
	for (size_t i = 0; i < lc->sandbox_count; i++) {
		const struct sandbox *s = &lc->sandboxes[i];

		if (s != current && !is_sandbox_used(lc, s))
			return emit(lc, NULL, out, s->stopped ? ACTION_REMOVE_SANDBOX : ACTION_STOP_SANDBOX,
				    s->id);
	}
	return false;
}

/* --- ending --- */
static bool is_busy(const struct slot *slot)
{
	return (slot->op != ACTION_NONE && slot->op != ACTION_PULL) || slot->blind;
}

static uint64_t fence_by(const struct lifecycle *lc)
{
	int64_t grace = lc->spec->grace_s;

	return grace_end(lc->fenced_since_ms,
			 grace < LIFECYCLE_FENCE_GRACE_S ? grace : LIFECYCLE_FENCE_GRACE_S);
}

static uint64_t ending_by(const struct lifecycle *lc, struct moment at)
{
	uint64_t by = lc->ending == STOP_NONE ? grace_end(at.mono_ms, lc->spec->grace_s)
					      : grace_end(lc->ending_since_ms, lc->ending_grace_s);

	return lc->fenced && fence_by(lc) < by ? fence_by(lc) : by;
}

/* Stops one container of an ending pod; *active is raised when it still runs or something is under way for it. */
static bool end_slot(struct lifecycle *lc, struct slot *slot, bool hold, struct moment at, struct action *out,
		     bool *active)
{
	const struct run *run = lifecycle_latest(lc, slot_index(lc, slot));

	*active |= is_busy(slot);
	if (!run_is_active(run))
		return false;
	*active = true;
	if (hold)
		return false;
	wish_stop(lc, slot, lc->ending != STOP_NONE ? lc->ending : STOP_COMPLETED, ending_by(lc, at), at);
	return continue_stop(lc, slot, run, at, out);
}

/* App and init containers at once, then the sidecars, last one first. */
static bool end_slots(struct lifecycle *lc, struct moment at, struct action *out, bool *active)
{
	bool apps = false;

	for (uint32_t i = 0; i < lc->spec->container_count; i++)
		if (!lc->slots[i].spec->sidecar && end_slot(lc, &lc->slots[i], false, at, out, &apps))
			return true;
	*active |= apps;
	for (uint32_t i = lc->spec->container_count; i-- > 0;)
		if (lc->slots[i].spec->sidecar && end_slot(lc, &lc->slots[i], *active, at, out, active))
			return true;
	return false;
}

static bool stop_sandboxes(struct lifecycle *lc, struct action *out, bool *left)
{
	for (size_t i = 0; i < lc->sandbox_count; i++) {
		if (lc->sandboxes[i].stopped)
			continue;
		*left = true;
		return emit(lc, NULL, out, ACTION_STOP_SANDBOX, lc->sandboxes[i].id);
	}
	return false;
}

static bool remove_rest(struct lifecycle *lc, struct action *out)
{
	if (lc->sandbox_count)
		return emit(lc, NULL, out, ACTION_REMOVE_SANDBOX, lc->sandboxes[0].id);
	for (size_t i = 0; i < lc->run_count; i++)
		if (!lc->runs[i]->removed)
			return emit(lc, NULL, out, ACTION_REMOVE, lc->runs[i]->id);
	return emit(lc, NULL, out, ACTION_CLEAN, NULL);
}

static bool end_next(struct lifecycle *lc, struct moment at, struct action *out)
{
	bool active = false, left = false;

	if (end_slots(lc, at, out, &active))
		return true;
	if (active)
		return any_probe(lc, at, out); /* readiness goes on until the end */
	if (!pod_is_free(lc) || !is_time(lc, lc->stop_trouble.until_ms, at))
		return false;
	if (stop_sandboxes(lc, out, &left) || left)
		return left;
	return lc->removal ? remove_rest(lc, out) : remove_surplus(lc, at, out);
}

/* --- is the work done? --- */
static bool is_of(const struct run *run, const struct sandbox *sandbox)
{
	return run && sandbox && strcmp(run->sandbox_id, sandbox->id) == 0;
}

static bool init_is_done(const struct lifecycle *lc, const struct slot *slot, const struct sandbox *sandbox)
{
	const struct run *run = lifecycle_latest(lc, slot_index(lc, slot));

	if (!is_of(run, sandbox))
		return false;
	if (slot->spec->sidecar)
		return run->state == RUN_RUNNING && slot->started;
	return run->state == RUN_EXITED && run->exit_code == 0;
}

bool lifecycle_is_initialized(const struct lifecycle *lc)
{
	const struct sandbox *sandbox = lifecycle_current_sandbox(lc);
	bool all = true;

	for (uint32_t i = 0; i < lc->spec->container_count; i++) {
		if (lc->slots[i].spec->init)
			all &= init_is_done(lc, &lc->slots[i], sandbox);
		else if (is_of(lifecycle_latest(lc, (int)i), sandbox))
			return true; /* an app container could only begin after them */
	}
	return all;
}

bool lifecycle_slot_is_final(const struct lifecycle *lc, const struct slot *slot)
{
	const struct run *run = lifecycle_latest(lc, slot_index(lc, slot));

	if (!run || run->state != RUN_EXITED || slot->spec->sidecar)
		return false;
	if (slot->spec->init && !is_of(run, lifecycle_current_sandbox(lc)))
		return false; /* every sandbox is initialized anew */
	switch (lc->spec->restart_policy) {
	case RESTART_NEVER: return true;
	case RESTART_ON_FAILURE: return run->exit_code == 0 && !run->fenced;
	default: return false;
	}
}

static void finish(struct lifecycle *lc, enum pod_phase phase, const char *reason, const char *message)
{
	lc->finished = true;
	lc->finished_phase = phase;
	snprintf(lc->failed_reason, sizeof(lc->failed_reason), "%s", reason);
	snprintf(lc->failed_message, sizeof(lc->failed_message), "%s", message);
}

static void finish_fenced(struct lifecycle *lc)
{
	finish(lc, PHASE_FAILED, SPEC_FENCED, lifecycle_fenced_text);
}

static void judge_completion(struct lifecycle *lc)
{
	bool all = lc->spec->container_count > lc->spec->init_count, success = true, fenced = false;

	for (uint32_t i = 0; i < lc->spec->container_count; i++) {
		const struct slot *slot = &lc->slots[i];
		const struct run *run = lifecycle_latest(lc, (int)i);
		bool ended = run && run->state == RUN_EXITED;

		if (slot->spec->init) {
			if (!slot->spec->sidecar && ended && run->exit_code &&
			    lc->spec->restart_policy == RESTART_NEVER) {
				if (run->fenced)
					finish_fenced(lc);
				else
					finish(lc, PHASE_FAILED, "", "");
				return;
			}
			continue;
		}
		all &= lifecycle_slot_is_final(lc, slot);
		success &= ended && run->exit_code == 0;
		fenced |= ended && run->fenced;
	}
	if (all && fenced)
		finish_fenced(lc);
	else if (all)
		finish(lc, success ? PHASE_SUCCEEDED : PHASE_FAILED, "", "");
}

static void judge(struct lifecycle *lc, struct moment at)
{
	if (lc->finished || lc->removal)
		return;
	if (lc->deadline_ms && is_time(lc, lc->deadline_ms, at)) {
		lifecycle_event(lc, NULL, false, "DeadlineExceeded",
				"Pod was active longer than its deadline");
		finish(lc, PHASE_FAILED, "DeadlineExceeded",
		       "Pod was active on the node longer than the specified deadline");
		lifecycle_end(lc, STOP_DEADLINE, -1, at);
		return;
	}
	if (lc->spec->restart_policy != RESTART_ALWAYS)
		judge_completion(lc);
}

/* --- the sandbox --- */
static bool any_active(const struct lifecycle *lc)
{
	for (size_t i = 0; i < lc->run_count; i++)
		if (run_is_active(lc->runs[i]))
			return true;
	return false;
}

static bool any_busy(const struct lifecycle *lc)
{
	for (uint32_t i = 0; i < lc->spec->container_count; i++)
		if (is_busy(&lc->slots[i]))
			return true;
	return false;
}

/* The sandbox is reported dead while containers in it run. The runtime may be in the middle of its own restart, so
 * that must last before they are stopped, and they are stopped because nothing can be started beside them. */
static bool give_up_lost(struct lifecycle *lc, struct moment at, struct action *out)
{
	if (!lc->lost_since_ms) {
		lc->lost_since_ms = at.mono_ms;
		lifecycle_event(lc, NULL, true, "SandboxChanged",
				"Pod sandbox is reported dead under running containers");
	}
	if (!is_time(lc, lc->lost_since_ms + LIFECYCLE_LOST_MS, at))
		return any_probe(lc, at, out);
	for (uint32_t i = 0; i < lc->spec->container_count; i++) {
		struct slot *slot = &lc->slots[i];
		const struct run *run = lifecycle_latest(lc, (int)i);

		if (!run_is_active(run))
			continue;
		wish_stop(lc, slot, STOP_SANDBOX_LOST, grace_end(at.mono_ms, lc->spec->grace_s), at);
		if (continue_stop(lc, slot, run, at, out))
			return true;
	}
	return false;
}

static bool replace_sandbox(struct lifecycle *lc, struct sandbox *old, struct moment at, struct action *out)
{
	if (any_active(lc))
		return give_up_lost(lc, at, out);
	if (any_busy(lc) || !pod_is_free(lc) || !is_time(lc, lc->sandbox_trouble.until_ms, at) ||
	    !is_time(lc, lc->stop_trouble.until_ms, at))
		return false;
	if (old && !old->stopped) {
		lifecycle_event(lc, NULL, false, "SandboxChanged",
				"Pod sandbox changed, it will be killed and re-created.");
		return emit(lc, NULL, out, ACTION_STOP_SANDBOX, old->id);
	}
	emit(lc, NULL, out, ACTION_RUN_SANDBOX, NULL);
	out->attempt = old ? lc->sandbox_attempt + 1 : 0;
	return true;
}

/* --- one container --- */
static bool gate(struct lifecycle *lc, struct slot *slot, const struct run *run, struct moment at)
{
	char text[256];

	if (slot->trouble.until_ms > at.mono_ms) {
		if (wait_is(&slot->wait, "ErrImagePull") &&
		    is_time(lc, slot->trouble.last_ms + IMAGE_REASON_SHOWN_MS, at)) {
			snprintf(text, sizeof(text), "Back-off pulling image \"%.180s\"", slot->spec->image);
			wait_set(&slot->wait, "ImagePullBackOff", text);
			lifecycle_event(lc, slot, false, "BackOff", "%s", text);
		}
		return is_time(lc, slot->trouble.until_ms, at);
	}
	if (!run || run->state != RUN_EXITED || slot->crash.until_ms <= at.mono_ms)
		return true;
	if (!slot->announced) {
		snprintf(text, sizeof(text),
			 "back-off %us restarting failed container=%s pod=%.60s_%.40s(%.40s)",
			 slot->crash.delay_ms / 1000, slot->spec->name, lc->spec->name, lc->spec->ns,
			 lc->spec->uid);
		wait_set(&slot->wait, "CrashLoopBackOff", text);
		lifecycle_event(lc, slot, true, "BackOff",
				"Back-off restarting failed container %s in pod %s_%s(%s)", slot->spec->name,
				lc->spec->name, lc->spec->ns, lc->spec->uid);
		slot->announced = true;
	}
	return is_time(lc, slot->crash.until_ms, at);
}

static void count_restart(struct lifecycle *lc, struct slot *slot, const struct run *last, struct action *out)
{
	if (last) {
		out->restart_count = last->restart_count + 1;
		out->attempt =
			last->attempt + 1 > out->restart_count ? last->attempt + 1 : out->restart_count;
	} else if (slot->prior_ran) {
		out->attempt = out->restart_count = (unsigned)slot->prior_restarts + 1;
	}
}

static bool start_slot(struct lifecycle *lc, struct slot *slot, const struct run *run,
		       const struct sandbox *sandbox, struct moment at, struct action *out)
{
	bool fresh = is_of(run, sandbox) && run->state == RUN_CREATED &&
		     (!run->has_hash || run->hash == slot->spec->hash);

	if (!slot_is_free(slot) || !lc->prepared || !gate(lc, slot, run, at))
		return false;
	if (fresh)
		return emit(lc, slot, out, ACTION_START, run->id);
	if (!slot->image_ready)
		return emit(lc, slot, out, ACTION_PULL, NULL);
	emit(lc, slot, out, ACTION_CREATE, sandbox->id);
	count_restart(lc, slot, run, out);
	return true;
}

static enum stop_reason fault_of(const struct slot *slot, const struct run *run)
{
	if (run->has_hash && run->hash != slot->spec->hash)
		return STOP_SPEC_CHANGED;
	if (slot->post_failed)
		return STOP_POST_START;
	if (slot->probes[PROBE_STARTUP].verdict == PROBE_FAILED)
		return STOP_STARTUP;
	if (slot->probes[PROBE_LIVENESS].verdict == PROBE_FAILED)
		return STOP_LIVENESS;
	return STOP_NONE;
}

static bool watch_slot(struct lifecycle *lc, struct slot *slot, const struct run *run, struct moment at,
		       struct action *out)
{
	enum stop_reason fault = slot->stopping != STOP_NONE ? slot->stopping : fault_of(slot, run);

	if (run->state == RUN_UNKNOWN) {
		if (!slot->unknown_since_ms)
			slot->unknown_since_ms = at.mono_ms;
		if (!is_time(lc, slot->unknown_since_ms + UNKNOWN_MS, at))
			return false;
		fault = STOP_SANDBOX_LOST;
	} else {
		slot->unknown_since_ms = 0;
	}
	if (fault != STOP_NONE) {
		wish_stop(lc, slot, fault, grace_end(at.mono_ms, probe_grace(lc, slot, fault)), at);
		return continue_stop(lc, slot, run, at, out);
	}
	if (!slot->post_started && slot->ours && slot_is_free(slot))
		return emit(lc, slot, out, ACTION_POST_START, run->id);
	return next_probe(lc, slot, run, at, out);
}

static bool step_slot(struct lifecycle *lc, struct slot *slot, const struct sandbox *sandbox, bool may_start,
		      struct moment at, struct action *out)
{
	const struct run *run = lifecycle_latest(lc, slot_index(lc, slot));

	if (run_is_active(run))
		return watch_slot(lc, slot, run, at, out);
	if (!may_start || lifecycle_slot_is_final(lc, slot))
		return false;
	return start_slot(lc, slot, run, sandbox, at, out);
}

static bool step_containers(struct lifecycle *lc, const struct sandbox *sandbox, struct moment at,
			    struct action *out)
{
	bool initialized = lifecycle_is_initialized(lc), turn = true;

	for (uint32_t i = 0; i < lc->spec->container_count; i++) {
		struct slot *slot = &lc->slots[i];
		bool done = slot->spec->init && init_is_done(lc, slot, sandbox);
		bool may_start = slot->spec->init ? turn && !done && (!initialized || slot->spec->sidecar)
						  : initialized;

		if (step_slot(lc, slot, sandbox, may_start, at, out))
			return true;
		if (slot->spec->init && !initialized)
			turn &= done;
	}
	return false;
}

static bool run_next(struct lifecycle *lc, struct moment at, struct action *out)
{
	struct sandbox *sandbox = lifecycle_current_sandbox(lc);
	bool alive = sandbox && sandbox->ready && !sandbox->stopped;

	if (lc->spec->unsupported[0] && !alive) {
		if (!wait_is(&lc->wait, "Unsupported"))
			lifecycle_event(lc, NULL, true, "Unsupported", "%s", lc->spec->unsupported);
		if (!wait_is(&lc->wait, "Unsupported"))
			wait_set(&lc->wait, "Unsupported", lc->spec->unsupported);
		return false;
	}
	if (!lc->prepared && pod_is_free(lc) && is_time(lc, lc->prepare_trouble.until_ms, at))
		return emit(lc, NULL, out, ACTION_PREPARE, NULL);
	if (!alive)
		return lc->prepared || any_active(lc) ? replace_sandbox(lc, sandbox, at, out) : false;
	lc->lost_since_ms = 0;
	return step_containers(lc, sandbox, at, out) || remove_surplus(lc, at, out);
}

/* --- fenced --- */
static void tell_fenced(struct lifecycle *lc, bool stops, struct moment at)
{
	if (lc->fence_told || (!stops && !is_time(lc, lc->fenced_since_ms + LIFECYCLE_FENCE_SHOWN_MS, at)))
		return;
	lc->fence_told = true;
	lifecycle_event(lc, NULL, true, SPEC_FENCED, "%s: %s", stops ? "Stopped" : "Not started",
			lifecycle_fenced_text);
}

/* All at once, sidecars too: there is no time for an order. */
static bool fence_next(struct lifecycle *lc, struct moment at, struct action *out)
{
	bool active = false, left = false;

	for (uint32_t i = 0; i < lc->spec->container_count; i++) {
		struct slot *slot = &lc->slots[i];
		const struct run *run = lifecycle_latest(lc, (int)i);

		active |= is_busy(slot) || run_is_active(run);
		if (!run_is_active(run))
			continue;
		tell_fenced(lc, true, at);
		wish_stop(lc, slot, STOP_FENCED, fence_by(lc), at);
		if (continue_stop(lc, slot, run, at, out))
			return true;
	}
	tell_fenced(lc, false, at);
	if (active || !pod_is_free(lc) || !is_time(lc, lc->stop_trouble.until_ms, at))
		return false;
	if (stop_sandboxes(lc, out, &left) || left)
		return left;
	return remove_surplus(lc, at, out);
}

static bool goes_on(struct lifecycle *lc, struct moment at, struct action *out)
{
	return lc->fenced ? fence_next(lc, at, out) : run_next(lc, at, out);
}

bool lifecycle_next(struct lifecycle *lc, struct moment at, struct action *out)
{
	lc->due_ms = LIFECYCLE_NEVER;
	if (!lc->observed || !lc->runtime_up || lc->cleaned)
		return false;
	judge(lc, at);
	return lc->ending != STOP_NONE || lc->finished ? end_next(lc, at, out) : goes_on(lc, at, out);
}
