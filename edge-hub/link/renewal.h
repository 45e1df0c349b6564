/* renewal: when this node's certificate is to be renewed: at half of its life, a little earlier or later so that a fleet does not
 * come at once; when the cloud says so; at once when the cloud refuses it. Pure: told the monotonic and the wall time (0: unset,
 * then only the cloud's word counts). One thread. */
#ifndef HOLDFAST_EDGE_HUB_LINK_RENEWAL_H
#define HOLDFAST_EDGE_HUB_LINK_RENEWAL_H

#include "base/span.h"

#define RENEWAL_BACKOFF_BASE_MS 2000u
#define RENEWAL_BACKOFF_CAP_MS (10u * 60 * 1000)
#define RENEWAL_LOOK_MS (15u * 60 * 1000)	     /* wall time may move: looked at so often */
#define RENEWAL_JITTER_PERCENT 5		     /* of a life, either way */
#define RENEWAL_WITHIN_MAX_MS (24u * 60 * 60 * 1000) /* the cloud may spread no wider */

struct renewal {
	uint64_t random; /* state of the jitter */
	int64_t due_wall_ms;
	bool asking, wanted; /* wanted: from wanted_ms on, whatever the wall time */
	uint64_t wanted_ms;
	unsigned failures;
	uint64_t pause_until_ms; /* after a failure */
};

void renewal_init(struct renewal *r, uint64_t seed);
/* The certificate in use, at the start and after each renewal. */
void renewal_certificate(struct renewal *r, int64_t not_before_wall_ms, int64_t not_after_wall_ms);
/* The cloud wants it renewed, at a moment of the node's choice within so long. */
void renewal_told(struct renewal *r, unsigned within_ms, uint64_t now_ms);
/* The cloud refused it. */
void renewal_refused(struct renewal *r, uint64_t now_ms);
/* An attempt begins, and has failed (with what the hub asked for, 0: nothing). Success is a new certificate. */
void renewal_begin(struct renewal *r);
void renewal_failed(struct renewal *r, unsigned retry_after_ms, uint64_t now_ms);

bool renewal_is_due(const struct renewal *r, uint64_t now_ms, int64_t wall_ms);
/* When to ask that again; UINT64_MAX while an attempt is under way. */
uint64_t renewal_next(const struct renewal *r, uint64_t now_ms, int64_t wall_ms);

#endif
