/* grpc: a gRPC client over HTTP/2 on one stream (usually a unix socket: CRI). nghttp2 inside.
 *
 * Unary calls and server streams, messages as encoded protobuf bytes. The channel dials when first
 * used and again after a failure, with back-off; calls made while it is down fail at once with -ENOTCONN.
 * Every call has a deadline. Callbacks come from the loop only, once per call (unary). */
#ifndef HOLDFAST_NET_GRPC_H
#define HOLDFAST_NET_GRPC_H

#include "net/stream.h"

#define GRPC_MESSAGE_MAX (16u * 1024 * 1024)
#define GRPC_CALLS_MAX 256u

struct grpc_channel;
/* on_state: up (true) when connected and settings exchanged, down when lost. May be NULL. */
int grpc_channel_new(struct loop *loop, const char *address, void (*on_state)(void *ctx, bool up), void *ctx,
		     struct grpc_channel **out, struct err *err) must_check;
void grpc_channel_close(struct grpc_channel *channel); /* pending calls end without callback */
bool grpc_channel_is_up(const struct grpc_channel *channel);

struct grpc_answer {
	int code;          /* 0; -EIO transport, -ENOTCONN, -ETIMEDOUT, -EMSGSIZE, -EREMOTEIO: the server's status below */
	unsigned status;   /* gRPC status code of the server (0 OK, 5 NOT_FOUND, 12 UNIMPLEMENTED, 14 UNAVAILABLE, ...) */
	const char *message; /* grpc-message, percent-decoded; "" without. Borrowed for the call */
	struct span body;  /* the response message */
};
struct grpc_call;
/* `method` is "/runtime.v1.RuntimeService/Version". -EAGAIN: GRPC_CALLS_MAX under way. */
int grpc_unary(struct grpc_channel *channel, const char *method, struct span request, unsigned timeout_ms,
	       void (*on_answer)(void *ctx, const struct grpc_answer *answer), void *ctx) must_check;
/* Server stream: on_message for each, then on_end once. No deadline; call grpc_call_cancel to stop (no callback follows). */
int grpc_server_stream(struct grpc_channel *channel, const char *method, struct span request,
		       void (*on_message)(void *ctx, struct span message),
		       void (*on_end)(void *ctx, const struct grpc_answer *answer), void *ctx, struct grpc_call **out) must_check;
void grpc_call_cancel(struct grpc_call *call);

#endif
