#include "edge-hub/pods/lifecycle_internal.h"

bool lifecycle_is_observed(const struct lifecycle *lc)
{
	return lc->observed;
}

bool lifecycle_is_ending(const struct lifecycle *lc)
{
	return lc->removal;
}

bool lifecycle_is_gone(const struct lifecycle *lc)
{
	return lc->cleaned;
}

uint64_t lifecycle_due(const struct lifecycle *lc)
{
	return lc->due_ms;
}

bool lifecycle_has_news(const struct lifecycle *lc)
{
	for (size_t i = 0; i < lc->run_count; i++)
		if (lc->runs[i]->id[0])
			return true;
	return !lc->removal && !lc->finished;
}

unsigned lifecycle_running(const struct lifecycle *lc)
{
	unsigned count = 0;

	for (size_t i = 0; i < lc->run_count; i++)
		count += lc->runs[i]->state == RUN_RUNNING;
	return count;
}

bool lifecycle_may_have_processes(const struct lifecycle *lc)
{
	for (size_t i = 0; i < lc->run_count; i++)
		if (run_is_active(lc->runs[i]))
			return true;
	for (size_t i = 0; i < lc->sandbox_count; i++)
		if (!lc->sandboxes[i].stopped)
			return true;
	for (uint32_t i = 0; i < lc->spec->container_count; i++)
		if (lc->slots[i].op == ACTION_START || lc->slots[i].op == ACTION_CREATE)
			return true;
	return !lc->observed || lc->op == ACTION_RUN_SANDBOX;
}

static bool is_missing(const struct lifecycle *lc)
{
	for (size_t i = 0; i < lc->run_count; i++)
		if (lc->runs[i]->missing)
			return true;
	for (size_t i = 0; i < lc->sandbox_count; i++)
		if (lc->sandboxes[i].missing)
			return true;
	return false;
}

static bool slot_is_steady(const struct lifecycle *lc, const struct slot *slot)
{
	const struct run *run = lifecycle_latest(lc, slot_index(lc, slot));

	if (slot->blind || (slot->op != ACTION_NONE && slot->op != ACTION_PULL) ||
	    slot->stopping != STOP_NONE)
		return false;
	if (!run || run->state == RUN_CREATED || run->state == RUN_UNKNOWN)
		return slot->wait.reason != NULL; /* waits for its own time */
	return true;
}

bool lifecycle_is_steady(const struct lifecycle *lc)
{
	const struct sandbox *sandbox = lifecycle_current_sandbox(lc);

	if (!lc->observed || lc->blind || lc->removal || lc->lost_since_ms || is_missing(lc))
		return false;
	if (lc->op != ACTION_NONE && lc->op != ACTION_PREPARE)
		return false;
	if (lc->fenced && !lifecycle_may_have_processes(lc))
		return true;
	if (lc->finished || lc->wait.reason)
		return true;
	if (!sandbox || !sandbox->ready)
		return lc->prepare_trouble.delay_ms || lc->sandbox_trouble.delay_ms;
	for (uint32_t i = 0; i < lc->spec->container_count; i++)
		if (!lc->slots[i].spec->init && !slot_is_steady(lc, &lc->slots[i]))
			return false;
	return true;
}

bool lifecycle_knows_run(const struct lifecycle *lc, const char *id, enum run_state state)
{
	for (size_t i = 0; i < lc->run_count; i++)
		if (strcmp(lc->runs[i]->id, id) == 0)
			return lc->runs[i]->state == state;
	return false;
}

bool lifecycle_knows_ips(const struct lifecycle *lc, const char *sandbox_id)
{
	for (size_t i = 0; i < lc->sandbox_count; i++)
		if (strcmp(lc->sandboxes[i].id, sandbox_id) == 0)
			return lc->sandboxes[i].ips[0] != '\0';
	return false;
}

const char *lifecycle_pod_ips(const struct lifecycle *lc)
{
	const struct sandbox *sandbox = lifecycle_current_sandbox(lc);

	return sandbox && sandbox->ready ? sandbox->ips : "";
}

const char *lifecycle_sandbox(const struct lifecycle *lc)
{
	const struct sandbox *sandbox = lifecycle_current_sandbox(lc);

	return sandbox ? sandbox->id : "";
}

const char *lifecycle_run(const struct lifecycle *lc, uint32_t slot, bool previous, enum run_state *out_state,
			  unsigned *out_attempt)
{
	const struct run *run =
		previous ? lifecycle_previous(lc, (int)slot) : lifecycle_latest(lc, (int)slot);

	if (!run)
		return "";
	*out_state = run->state;
	*out_attempt = run->restart_count;
	return run->id;
}
