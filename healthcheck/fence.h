/* fence: may this node run exclusive identities (a StatefulSet's pods, and others that are marked)? Only while it is sure that
 * nobody runs them elsewhere: while it has the tunnel, or is with its region's majority; and for T after it last was.
 *
 * The cloud frees an identity at the node's last proof of contact + T + margin, so two never run at once, as far as the machine's
 * clock that counts suspended time too keeps pace (FENCE_DRIFT_PC of T is the margin for that).
 *
 * Once closed, and after a reboot, the identities may have been given away: contact alone does not open it again. What opens it is a
 * tunnel through which everything has come that the cloud decided meanwhile; or a majority that goes by no
 * later roster than this node did when it was last caught up: for the cloud gives nothing away before those that call the node dead have a roster
 * that it does not have (healthcheck/freeing.h). So a region that loses its power while the cloud is out of reach comes back whole.
 * Pure. One thread. */
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
	bool is_caught_up;
	uint64_t proof_ms;   /* last proof of contact; 0: none in this boot */
	uint64_t settled_ms; /* last proof of a majority that knows of nothing later; 0: none */
	uint64_t closed_ms;  /* when it closed; 0: since the start */
};
/* `proof_ms`: of before a restart of the hub in the same boot, in which the fence was open; 0: none. */
void fence_init(struct fence *fence, uint64_t limit_ms, uint64_t proof_ms);
/* Another T, in force from the next step on. */
void fence_set_limit(struct fence *fence, uint64_t limit_ms);
/* Proof is the sending time of a ping that was answered, or of the probes whose acks made the majority: never the time of arrival, because an
 * answer may have lain in a buffer. Caught up: all that the cloud decided before this connection is in the replica. */
void fence_tunnel(struct fence *fence, bool is_up, bool is_caught_up, uint64_t proof_ms);
void fence_majority(struct fence *fence, bool is_with, uint64_t proof_ms);
/* detector_majority_settled: proof with which it may open again, too. */
void fence_settled(struct fence *fence, uint64_t proof_ms);
/* Until when it is open; UINT64_MAX: it is closed until something comes. */
enum fence_state fence_step(struct fence *fence, uint64_t now_ms, uint64_t *out_deadline_ms);
/* When the cloud may give the identity to another node: monotonic ms of the cloud. */
uint64_t fence_free_at(uint64_t last_proof_ms, uint64_t limit_ms);

#endif
