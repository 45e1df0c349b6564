#include "edge-hub/pods/probe.h"

#define NEVER UINT64_MAX

void probe_begin(struct probe_state *state, const struct probe_spec *spec, uint64_t started_ms,
		 uint64_t now_ms, bool passed_before, uint64_t spread)
{
	uint64_t first = started_ms + (uint64_t)spec->initial_delay_s * 1000;

	*state = (struct probe_state){ .due_ms = first,
				       .verdict = passed_before ? PROBE_PASSED : PROBE_UNDECIDED };
	if (first >= now_ms)
		return;
	/* Adopted long after its start: what passed before is spread over a period, so that a node full of
	 * pods does not probe all of them in one instant. */
	state->due_ms = now_ms + (passed_before ? spread % ((uint64_t)spec->period_s * 1000) : 0);
}

void probe_stop(struct probe_state *state)
{
	*state = (struct probe_state){ .due_ms = NEVER };
}

bool probe_is_due(const struct probe_state *state, uint64_t now_ms)
{
	return !state->busy && state->due_ms != NEVER && state->due_ms <= now_ms;
}

void probe_sent(struct probe_state *state)
{
	state->busy = true;
}

bool probe_answered(struct probe_state *state, const struct probe_spec *spec, bool success, uint64_t now_ms)
{
	enum probe_verdict before = state->verdict;
	uint64_t next = state->due_ms + (uint64_t)spec->period_s * 1000;

	state->busy = false;
	if (state->due_ms == NEVER)
		return false;
	state->due_ms = next > now_ms ? next : now_ms + (uint64_t)spec->period_s * 1000;
	state->successes = success ? state->successes + 1 : 0;
	state->failures = success ? 0 : state->failures + 1;
	if (success && state->successes >= spec->success_threshold)
		state->verdict = PROBE_PASSED;
	if (!success && state->failures >= spec->failure_threshold)
		state->verdict = PROBE_FAILED;
	return state->verdict != before;
}
