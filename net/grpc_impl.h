/* grpc_impl: the inside of gRPC channels: grpc_channel.c connects and moves bytes, grpc_call.c makes
 * calls of HTTP/2 streams. Private to these two. */
#ifndef HOLDFAST_NET_GRPC_IMPL_H
#define HOLDFAST_NET_GRPC_IMPL_H

#include <nghttp2/nghttp2.h>

#include "base/timerq.h"
#include "net/grpc.h"
#include "net/grpc_frame.h"
#include "net/loop_uv.h"

#define GRPC_STATUS_TEXT_SIZE 1024u

enum grpc_state {
	GRPC_DOWN,     /* waits for the redial timer */
	GRPC_DIALLING, /* until the server's settings have come */
	GRPC_UP,
	GRPC_DRAINING, /* the server says goodbye: calls under way may end, no new ones */
	GRPC_CLOSED,   /* freed by its task */
};

struct grpc_channel {
	struct loop *loop;
	char *address;
	enum grpc_state state;
	void (*on_state)(void *ctx, bool up);
	void *ctx;
	struct stream *stream;
	nghttp2_session *session;
	struct list calls;
	struct timerq deadlines;
	struct timer *timer;	  /* redial, settings, draining */
	struct timer *call_timer; /* the next deadline of a call */
	struct loop_task task;	  /* sends, delivers, frees */
	unsigned failures;	  /* in a row */
	struct err error;
};

/* Lives until HTTP/2 has done with its stream and the user has heard the end (or cancelled). */
struct grpc_call {
	struct list_node node;
	struct grpc_channel *channel;
	char *method;
	unsigned timeout_ms;
	int32_t stream_id;
	bool in_session; /* nghttp2 knows it */
	bool ended;	 /* code and status are final, the user is to be told */
	bool over;	 /* the user has been told, or wants to hear nothing */
	struct buf request;
	size_t sent;
	struct buf held;
	struct span answer; /* unary: in `held` */
	unsigned messages;
	int code;
	unsigned status, http_status;
	bool has_status;
	char *text;
	struct timerq_node deadline;
	void (*on_answer)(void *ctx, const struct grpc_answer *answer);
	void (*on_message)(void *ctx, struct span message);
	void *ctx;
};

/* grpc_channel.c */
void grpc_channel_wake(struct grpc_channel *channel); /* something to send or deliver */
void grpc_channel_frame_came(struct grpc_channel *channel, const nghttp2_frame *frame);

/* grpc_call.c */
int grpc_session_new(struct grpc_channel *channel) must_check;
int grpc_call_submit(struct grpc_call *call) must_check;
void grpc_call_end(struct grpc_call *call, int code, const char *text);
void grpc_calls_expire(struct grpc_channel *channel);
void grpc_calls_deliver(struct grpc_channel *channel); /* tells the users; may close the channel */
void grpc_call_free(struct grpc_call *call);

#endif
