/* flow: one kept-alive HTTP/1.1 connection of a load generator: requests out, answers read as they come, watches included.
 *
 * It measures and is not to be copied into products: what the server sends is trusted. One loop. */
#ifndef HOLDFAST_TESTS_BENCH_FLOW_H
#define HOLDFAST_TESTS_BENCH_FLOW_H

#include "net/stream.h"

#define FLOW_HEAD_MAX (64u * 1024)

struct flow_events {
	void (*on_open)(void *ctx);
	void (*on_head)(void *ctx, int status);
	void (*on_body)(void *ctx, struct span data); /* any number of times, chunk framing taken off */
	void (*on_end)(void *ctx, int status);	      /* the answer is complete: the next request may go */
	void (*on_closed)(void *ctx, const struct err *why);
};

enum flow_state { FLOW_HEAD, FLOW_LENGTH, FLOW_CHUNK_SIZE, FLOW_CHUNK, FLOW_CHUNK_END, FLOW_TRAILER };

struct flow {
	struct stream *stream;
	const struct flow_events *events;
	void *ctx;
	struct buf line; /* a head, or a line of the chunk framing, until complete */
	enum flow_state state;
	uint64_t left; /* bytes of the body or chunk */
	int status;
	bool broken; /* what came is not HTTP/1.1 */
};

/* `tls` NULL: plain. on_open or on_closed tells. */
int flow_open(struct flow *flow, struct loop *loop, const char *address, struct tls_context *tls,
	      const char *server_name, const struct flow_events *events, void *ctx,
	      struct err *err) must_check;
void flow_close(struct flow *flow);
/* A whole request; body may be empty. The answer before must be over. */
int flow_send(struct flow *flow, const char *method, const char *target, const char *content_type,
	      struct span body) must_check;

#endif
