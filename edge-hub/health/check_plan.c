#include "edge-hub/health/check_plan.h"

void check_plan_init(struct check_plan *plan, const struct check_spec *specs, size_t count, uint64_t now_ms)
{
	*plan = (struct check_plan){ .count = count < CHECKS_OWN_MAX ? count : CHECKS_OWN_MAX };
	for (size_t i = 0; i < plan->count; i++)
		plan->turns[i] = (struct check_turn){ .interval_ms = specs[i].interval_ms,
						      .timeout_ms = specs[i].timeout_ms,
						      .due_ms = now_ms + i * CHECK_PLAN_STEP_MS };
}

/* In step with the first, and without making up for what a machine slept through. */
static void set_next(struct check_turn *turn, uint64_t now_ms)
{
	turn->due_ms += turn->interval_ms;
	if (turn->due_ms <= now_ms)
		turn->due_ms = now_ms + turn->interval_ms;
}

bool check_plan_next(struct check_plan *plan, uint64_t now_ms, size_t *out_index)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct check_turn *turn = &plan->turns[i];

		if (turn->is_busy || turn->due_ms > now_ms)
			continue;
		turn->is_busy = true;
		turn->late_ms = now_ms + turn->timeout_ms + CHECK_PLAN_GRACE_MS;
		set_next(turn, now_ms);
		*out_index = i;
		return true;
	}
	return false;
}

bool check_plan_next_late(struct check_plan *plan, uint64_t now_ms, size_t *out_index)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct check_turn *turn = &plan->turns[i];

		if (!turn->is_busy || turn->late_ms > now_ms)
			continue;
		turn->late_ms = now_ms + turn->interval_ms;
		*out_index = i;
		return true;
	}
	return false;
}

bool check_plan_wait(struct check_plan *plan, size_t index, uint64_t now_ms)
{
	struct check_turn *turn = &plan->turns[index];

	if (!turn->waits_ms)
		turn->waits_ms = now_ms;
	if (now_ms - turn->waits_ms >= turn->interval_ms) {
		check_plan_ended(plan, index, now_ms);
		return false;
	}
	turn->is_busy = false;
	turn->due_ms = now_ms + CHECK_PLAN_STEP_MS;
	return true;
}

void check_plan_ended(struct check_plan *plan, size_t index, uint64_t now_ms)
{
	struct check_turn *turn = &plan->turns[index];

	turn->is_busy = false;
	turn->waits_ms = 0;
	if (turn->due_ms <= now_ms) /* it hung through its turns */
		set_next(turn, now_ms);
}

uint64_t check_plan_due(const struct check_plan *plan)
{
	uint64_t due = UINT64_MAX;

	for (size_t i = 0; i < plan->count; i++) {
		const struct check_turn *turn = &plan->turns[i];
		uint64_t at = turn->is_busy ? turn->late_ms : turn->due_ms;

		if (at < due)
			due = at;
	}
	return due;
}
