/* outq: bytes waiting to be sent, in chunks, with a maximum. Copies in; what has been sent is
 * consumed from the front, and an empty queue holds no memory. */
#ifndef HOLDFAST_NET_OUTQ_H
#define HOLDFAST_NET_OUTQ_H

#include "base/span.h"

struct outq_chunk;
struct outq {
	struct outq_chunk *first, *last;
	size_t bytes, max;
};

void outq_init(struct outq *q, size_t max_bytes);
void outq_done(struct outq *q);
/* All pieces or none. -EAGAIN when they would pass the maximum, -ENOMEM. */
int outq_add(struct outq *q, const struct span *pieces, size_t count) must_check;
/* Takes malloc'ed memory whatever its size (freed also on failure): for answers their maker has already bounded. */
int outq_take(struct outq *q, char *data, size_t len) must_check;
struct span outq_front(const struct outq *q);
/* Up to `max` spans in order; returns how many. */
size_t outq_peek(const struct outq *q, struct span *out, size_t max);
void outq_consume(struct outq *q, size_t len);

#endif
