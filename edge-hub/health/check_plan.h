/* check_plan: when the checks that an operator defined are due, and which of them should have ended. One of a kind is under way at a
 * time. Pure: told the time; it asks nothing. */
#ifndef HOLDFAST_EDGE_HUB_HEALTH_CHECK_PLAN_H
#define HOLDFAST_EDGE_HUB_HEALTH_CHECK_PLAN_H

#include "edge-hub/health/check_spec.h"

#define CHECK_PLAN_STEP_MS 100u	  /* between the first ones, so that they do not all begin at once */
#define CHECK_PLAN_GRACE_MS 1000u /* beyond its timeout, for a killed program to be gone */

struct check_plan {
	size_t count;
	struct check_turn {
		uint64_t interval_ms, timeout_ms;
		uint64_t due_ms;   /* of the next */
		uint64_t late_ms;  /* when it is said (again) that it has not ended */
		uint64_t waits_ms; /* since when for its turn; 0: it does not */
		bool is_busy;
	} turns[CHECKS_OWN_MAX];
};
void check_plan_init(struct check_plan *plan, const struct check_spec *specs, size_t count, uint64_t now_ms);
/* Which one is to be begun now; each answer counts as begun. */
bool check_plan_next(struct check_plan *plan, uint64_t now_ms, size_t *out_index);
/* Which one should have ended; said once for each interval. */
bool check_plan_next_late(struct check_plan *plan, uint64_t now_ms, size_t *out_index);
/* It cannot be begun right now: soon again. False: it has waited for an interval, and counts as ended. */
bool check_plan_wait(struct check_plan *plan, size_t index, uint64_t now_ms);
void check_plan_ended(struct check_plan *plan, size_t index, uint64_t now_ms);
/* When there is something to do; UINT64_MAX: never. */
uint64_t check_plan_due(const struct check_plan *plan);

#endif
