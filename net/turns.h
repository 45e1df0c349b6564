/* turns: the handshakes under way at a listener: which of them may run now, which wait, and which are told to come back. Private to
 * listener.c and stream_io.c. Loop thread. */
#ifndef HOLDFAST_NET_TURNS_H
#define HOLDFAST_NET_TURNS_H

#include "base/list.h"
#include "net/handshakes.h"
#include "net/stream.h"

struct turns {
	struct loop *loop;
	struct list taken, waiting; /* streams by turn_node, oldest first */
	struct timer *timer;
	bool has_budget;
	struct handshakes handshakes;
	struct listener_stats stats;
};

int turns_init(struct turns *turns, struct loop *loop, const struct handshakes_options *budget) must_check;
void turns_done(struct turns *turns);

enum turns_verdict {
	TURNS_GO,    /* its handshake may run */
	TURNS_MORE,  /* let it say more */
	TURNS_WAIT,  /* its task is posted when its turn has come */
	TURNS_LATER, /* *out_retry_after_ms */
	TURNS_BAD,   /* what it said is no ClientHello */
};
/* Something has come from an accepted stream that is SHAKING. */
enum turns_verdict turns_hear(struct turns *turns, struct stream *stream, unsigned *out_retry_after_ms);
/* Its handshake is over, or it is gone. May be said again. */
void turns_end(struct turns *turns, struct stream *stream);

#endif
