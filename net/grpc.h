/* grpc: a gRPC client over HTTP/2 on one stream (usually a unix socket: CRI). nghttp2 inside.
 *
 * Unary calls and server streams, messages as encoded protobuf bytes. The channel dials when made and again after a
 * failure, with capped, jittered back-off. Calls made while it connects wait for that; calls made between attempts are
 * answered with -ENOTCONN. Unary calls have a deadline. Callbacks come from the loop only and never from inside a call of
 * this header; whatever has begun ends with exactly one on_answer or on_end, unless cancelled or the channel closed. */
#ifndef HOLDFAST_NET_GRPC_H
#define HOLDFAST_NET_GRPC_H

#include "net/stream.h"

#define GRPC_MESSAGE_MAX (16u * 1024 * 1024)
#define GRPC_CALLS_MAX 256u
#define GRPC_REDIAL_MIN_MS 100u
#define GRPC_REDIAL_MAX_MS 5000u

struct grpc_channel;
/* `address` as for stream_connect. on_state: up (true) when connected and settings exchanged, down when that is over. May be
 * NULL. */
int grpc_channel_new(struct loop *loop, const char *address, void (*on_state)(void *ctx, bool up), void *ctx,
		     struct grpc_channel **out, struct err *err) must_check;
void grpc_channel_close(struct grpc_channel *channel); /* pending calls end without callback */
bool grpc_channel_is_up(const struct grpc_channel *channel);
/* Why the last attempt or connection failed, "" while up. For status output. */
const char *grpc_channel_error(const struct grpc_channel *channel);
/* Does not wait for the back-off to run out: somebody knows that the other side is back. No effect unless down. */
void grpc_channel_dial(struct grpc_channel *channel);

struct grpc_answer {
	/* 0; -ENOTCONN: down, surely not executed; -EIO: the connection or the protocol broke under way; -ETIMEDOUT;
	 * -EMSGSIZE: the answer is too large; -EREMOTEIO: the server's own status below */
	int code;
	/* gRPC status code of the server (0 OK, 5 NOT_FOUND, 12 UNIMPLEMENTED, 14 UNAVAILABLE, ...); for the other codes what
	 * comes nearest (4 DEADLINE_EXCEEDED, 8 RESOURCE_EXHAUSTED, 14) */
	unsigned status;
	/* grpc-message, percent-decoded, or our own sentence; "" without. Borrowed for the callback. */
	const char *message;
	struct span body; /* the response message */
};
struct grpc_call;
/* `method` is "/runtime.v1.RuntimeService/Version". -EAGAIN: GRPC_CALLS_MAX under way; -EMSGSIZE: GRPC_MESSAGE_MAX. */
int grpc_unary(struct grpc_channel *channel, const char *method, struct span request, unsigned timeout_ms,
	       void (*on_answer)(void *ctx, const struct grpc_answer *answer), void *ctx) must_check;
/* Server stream: on_message for each, then on_end once. No deadline; call grpc_call_cancel to stop (no callback follows). */
int grpc_server_stream(struct grpc_channel *channel, const char *method, struct span request,
		       void (*on_message)(void *ctx, struct span message),
		       void (*on_end)(void *ctx, const struct grpc_answer *answer), void *ctx,
		       struct grpc_call **out) must_check;
void grpc_call_cancel(struct grpc_call *call);

#endif
