/* What was seen, taken over into what is known: only what is fresh, and nothing because of one short list. */
#include <errno.h>
#include <stdlib.h>

#include "edge-hub/pods/lifecycle_internal.h"

static bool changes_runs(enum action_kind op)
{
	return op == ACTION_CREATE || op == ACTION_START || op == ACTION_STOP;
}

static bool changes_sandboxes(enum action_kind op)
{
	return op == ACTION_RUN_SANDBOX || op == ACTION_STOP_SANDBOX || op == ACTION_REMOVE_SANDBOX;
}

static bool is_stale_for(const struct lifecycle *lc, int slot, uint64_t asked_ms)
{
	if (slot < 0)
		return changes_sandboxes(lc->op) || asked_ms <= lc->settled_ms;
	return changes_runs(lc->slots[slot].op) || asked_ms <= lc->slots[slot].settled_ms;
}

static int see_sandboxes(struct lifecycle *lc, const struct observation *seen)
{
	if (is_stale_for(lc, -1, seen->asked_ms))
		return 0;
	for (size_t i = lc->sandbox_count; i-- > 0;) {
		struct sandbox *s = &lc->sandboxes[i];
		size_t k = 0;

		while (k < seen->sandbox_count && strcmp(seen->sandboxes[k].id, s->id) != 0)
			k++;
		if (k == seen->sandbox_count && (++s->missing > 1 || !s->ready))
			lifecycle_drop_sandbox(lc,
					       s); /* one short list is no proof that a living sandbox went */
	}
	for (size_t k = 0; k < seen->sandbox_count; k++) {
		const struct sandbox_info *info = &seen->sandboxes[k];
		size_t i = lifecycle_find_sandbox(lc, info->id);
		char *ips;

		if (i == lc->sandbox_count) {
			int rc = lifecycle_add_sandbox(lc, info);

			if (rc)
				return rc;
			continue;
		}
		lc->sandboxes[i].ready = info->ready;
		lc->sandboxes[i].missing = 0;
		ips = info->ips ? strdup(info->ips) : NULL;
		if (ips) {
			free(lc->sandboxes[i].ips);
			lc->sandboxes[i].ips = ips;
		}
	}
	return 0;
}

static int update_run(struct lifecycle *lc, size_t index, const struct run_info *info, struct moment at)
{
	struct run *old = lc->runs[index];
	struct slot *slot =
		old->slot >= 0 && old->serial == lc->slots[old->slot].run ? &lc->slots[old->slot] : NULL;
	struct run *run;

	old->missing = 0;
	if (old->state == info->state ||
	    old->state == RUN_EXITED) /* ended is ended; its record does not change */
		return 0;
	run = run_new(info);
	if (!run)
		return -ENOMEM;
	run->slot = old->slot;
	run->serial = old->serial;
	run->fenced = old->fenced;
	if (slot && run->state == RUN_EXITED)
		slot_exited(lc, slot, run, at);
	else if (slot && run->state == RUN_RUNNING && old->state == RUN_CREATED)
		slot_running(lc, slot, run, at);
	lc->runs[index] = run;
	free(old);
	return 0;
}

static void see_missing_runs(struct lifecycle *lc, const struct observation *seen)
{
	for (size_t i = lc->run_count; i-- > 0;) {
		struct run *run = lc->runs[i];
		size_t k = 0;

		while (k < seen->run_count && strcmp(seen->runs[k].id, run->id) != 0)
			k++;
		if (k < seen->run_count || run->removed || is_stale_for(lc, run->slot, seen->asked_ms))
			continue;
		if (run_is_active(run) && ++run->missing < 2)
			continue;
		if (run->state == RUN_EXITED && run->slot >= 0 && run == lifecycle_latest(lc, run->slot))
			run->removed = true; /* what it ended with still counts */
		else
			lifecycle_drop_run(lc, i);
	}
}

static int see_runs(struct lifecycle *lc, const struct observation *seen, struct moment at)
{
	see_missing_runs(lc, seen);
	for (size_t k = 0; k < seen->run_count; k++) {
		const struct run_info *info = &seen->runs[k];
		size_t i = lifecycle_find_run(lc, info->id);
		int slot = i < lc->run_count ? lc->runs[i]->slot : lifecycle_slot_of(lc, info->container);
		bool stale = slot >= 0 && is_stale_for(lc, slot, seen->asked_ms);
		int rc = 0;

		if (i < lc->run_count && (!stale || info->state == RUN_EXITED))
			rc = update_run(lc, i, info, at);
		else if (i == lc->run_count && !stale && lc->run_count < LIFECYCLE_RUNS_MAX)
			rc = lifecycle_add_run(lc, info) ? 0 : -ENOMEM;
		if (rc)
			return rc;
	}
	return 0;
}

/* A container that ran and will not run again, and of which the runtime knows nothing any more. */
static int remember_lost(struct lifecycle *lc, struct slot *slot, struct moment at)
{
	const struct run_info lost = {
		.id = "",
		.sandbox_id = "",
		.container = slot->spec->name,
		.state = RUN_EXITED,
		.exit_code = lc->finished && lc->finished_phase == PHASE_SUCCEEDED ? 0 : 137,
		.restart_count = (unsigned)slot->prior_restarts,
		.reason = "ContainerStatusUnknown",
		.finished_ms = at.wall_ms,
		.message = "The runtime knows nothing of this container any more.",
		.image = slot->spec->image,
	};
	struct run *run = lifecycle_add_run(lc, &lost);

	if (!run)
		return -ENOMEM;
	run->removed = true;
	return 0;
}

/* Containers that a process before this one stopped for that reason, as was reported. */
static void remember_fenced(struct lifecycle *lc)
{
	for (uint32_t i = 0; i < lc->spec->container_count; i++) {
		struct run *run = lifecycle_latest(lc, (int)i);

		if (run && run->state == RUN_EXITED && lc->slots[i].prior_fenced)
			run->fenced = true;
	}
}

int lifecycle_observe(struct lifecycle *lc, const struct observation *seen, struct moment at)
{
	int rc;

	if (!lc->observed && seen->asked_ms <= lc->settled_ms)
		return 0; /* from before the runtime came back: that would be a first look at nothing */
	rc = see_sandboxes(lc, seen);
	if (!rc)
		rc = see_runs(lc, seen, at);
	if (rc)
		return rc;
	if (seen->asked_ms > lc->settled_ms)
		lc->blind = false;
	for (uint32_t i = 0; i < lc->spec->container_count; i++) {
		struct slot *slot = &lc->slots[i];

		bool once = lc->spec->restart_policy == RESTART_NEVER || lc->finished;

		if (!lc->observed && once && slot->prior_ran && !lifecycle_latest(lc, (int)i)) {
			rc = remember_lost(lc, slot, at);
			if (rc)
				return rc;
		}
		if (seen->asked_ms > slot->settled_ms)
			slot->blind = false;
		lifecycle_follow(lc, slot, at);
	}
	if (!lc->observed)
		remember_fenced(lc);
	lc->observed = true;
	return 0;
}
