/* Where the life of a pod touches wall time: what was stamped by a clock that was wrong, and the one deadline that is
 * given in it. A clock that nobody confirmed ends nothing. */
#include "edge-hub/pods/lifecycle_internal.h"

/* A container cannot have started before the machine: whoever says so speaks of another clock. Then it counts as started now,
 * and its probes wait once more; the other way round a slow start would be taken for a hanging one. */
uint64_t lifecycle_mono_of_wall(int64_t wall_ms, struct moment at)
{
	int64_t ago = wall_ms > 0 ? at.wall_ms - wall_ms : 0;

	if (ago <= 0 || (uint64_t)ago > at.mono_ms)
		return at.mono_ms;
	return at.mono_ms - (uint64_t)ago;
}

/* The start of a pod is only said once it is sure; a start in the future was stamped by a wrong clock. */
void lifecycle_take_start(struct lifecycle *lc, struct moment at)
{
	const struct opt_int *prior = &lc->spec->prior.start_time_ms;

	if (!lc->start_time_ms && prior->set)
		lc->start_time_ms = prior->value;
	if (!at.unsure && (!lc->start_time_ms || lc->start_time_ms > at.wall_ms))
		lc->start_time_ms = at.wall_ms - (int64_t)(at.mono_ms - lc->known_since_ms);
}

void lifecycle_take_deadline(struct lifecycle *lc, struct moment at)
{
	const struct opt_int *seconds = &lc->spec->active_deadline_s;
	int64_t left_ms;

	lc->deadline_ms = 0;
	if (!seconds->set || seconds->value < 0 || seconds->value > INT32_MAX)
		return;
	left_ms = seconds->value * 1000;
	if (at.unsure)
		left_ms -= (int64_t)(at.mono_ms - lc->known_since_ms);
	else
		left_ms -= at.wall_ms - lc->start_time_ms;
	lc->deadline_ms = at.mono_ms + (uint64_t)(left_ms > 0 ? left_ms : 0);
}

void lifecycle_clock_moved(struct lifecycle *lc, const struct walltime_move *move, struct moment at)
{
	for (int c = 0; c < COND_COUNT; c++)
		lc->conditions[c].since_ms = walltime_moved(move, lc->conditions[c].since_ms);
	for (size_t i = 0; i < lc->run_count; i++) {
		struct run *run = lc->runs[i];

		run->created_ms = walltime_moved(move, run->created_ms);
		run->started_ms = walltime_moved(move, run->started_ms);
		run->finished_ms = walltime_moved(move, run->finished_ms);
	}
	for (size_t i = 0; i < lc->sandbox_count; i++)
		lc->sandboxes[i].created_ms = walltime_moved(move, lc->sandboxes[i].created_ms);
	/* Never earlier than it was: that could end a pod before its deadline. */
	if (move->delta_ms > 0)
		lc->start_time_ms = walltime_moved(move, lc->start_time_ms);
	lifecycle_take_start(lc, at);
	lifecycle_take_deadline(lc, at);
}
