/* fence: may this node run exclusive identities (a StatefulSet's pods, and others that are marked)? Only while it is sure that
 * nobody runs them elsewhere: while it has the tunnel, or is with its region's majority; and for T after it last was.
 *
 * The cloud frees an identity at the node's last proof of contact + T + margin, so two never run at once, as far as the machine's
 * clock that counts suspended time too keeps pace (FENCE_DRIFT_PC of T is the margin for that). After a reboot nothing exclusive starts before one of the
 * two is back. Pure. One thread. */
#ifndef HOLDFAST_HEALTHCHECK_FENCE_H
#define HOLDFAST_HEALTHCHECK_FENCE_H

#include "base/buf.h"

#define FENCE_MARGIN_MS 10000u /* beside drift: to stop the containers */
#define FENCE_DRIFT_PC 5u

enum fence_state {
	FENCE_CLOSED, /* since the start, or fenced: exclusive pods do not run */
	FENCE_OPEN,
};
struct fence {
	uint64_t limit_ms; /* T */
	enum fence_state state;
	bool has_tunnel, has_majority;
	uint64_t proof_ms; /* last proof of contact */
};
void fence_init(struct fence *fence, uint64_t limit_ms);
/* Proof is a pong or a majority of fresh acks at this time, not the mere absence of an error. */
void fence_tunnel(struct fence *fence, bool is_up, uint64_t proof_ms);
void fence_majority(struct fence *fence, bool is_with, uint64_t proof_ms);
enum fence_state fence_step(struct fence *fence, uint64_t now_ms, uint64_t *out_deadline_ms);
/* When the cloud may give the identity to another node: monotonic ms of the cloud. */
uint64_t fence_free_at(uint64_t last_proof_ms, uint64_t limit_ms);

#endif
