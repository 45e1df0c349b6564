#include "healthcheck/fence.h"

void fence_init(struct fence *f, uint64_t limit_ms, uint64_t proof_ms)
{
	*f = (struct fence){ .limit_ms = limit_ms,
			     .state = proof_ms ? FENCE_OPEN : FENCE_CLOSED,
			     .proof_ms = proof_ms };
}

void fence_set_limit(struct fence *f, uint64_t limit_ms)
{
	f->limit_ms = limit_ms;
}

static void note(struct fence *f, uint64_t proof_ms)
{
	if (proof_ms > f->proof_ms)
		f->proof_ms = proof_ms;
}

void fence_tunnel(struct fence *f, bool is_up, bool is_caught_up, uint64_t proof_ms)
{
	f->has_tunnel = is_up;
	f->is_caught_up = is_up && is_caught_up;
	if (is_up)
		note(f, proof_ms);
}

void fence_majority(struct fence *f, bool is_with, uint64_t proof_ms)
{
	f->has_majority = is_with;
	if (is_with)
		note(f, proof_ms);
}

void fence_settled(struct fence *f, uint64_t proof_ms)
{
	if (proof_ms > f->settled_ms)
		f->settled_ms = proof_ms;
}

/* Of what was known before it closed nothing counts, whatever T is now. */
static bool is_settled(const struct fence *f, uint64_t now_ms)
{
	return f->settled_ms > f->closed_ms && now_ms < f->settled_ms + f->limit_ms;
}

enum fence_state fence_step(struct fence *f, uint64_t now_ms, uint64_t *out_deadline_ms)
{
	/* Proof alone counts: a tunnel that is "up" but silent is none. What was never proven is closed. */
	bool is_proven = f->proof_ms && now_ms < f->proof_ms + f->limit_ms;
	bool was_open = f->state == FENCE_OPEN;
	bool may_open = was_open || f->is_caught_up || is_settled(f, now_ms);

	f->state = is_proven && may_open ? FENCE_OPEN : FENCE_CLOSED;
	if (was_open && f->state == FENCE_CLOSED)
		f->closed_ms = now_ms;
	*out_deadline_ms = f->state == FENCE_OPEN ? f->proof_ms + f->limit_ms : UINT64_MAX;
	return f->state;
}

uint64_t fence_free_at(uint64_t last_proof_ms, uint64_t limit_ms)
{
	return last_proof_ms + limit_ms + limit_ms * FENCE_DRIFT_PC / 100 + FENCE_MARGIN_MS;
}
