/* mux: many conversations over one ordered byte stream: message channels and credit-controlled streams, with
 * priorities.
 *
 * Pure: bytes in, bytes out, no I/O, no clock. The owner (a link or a session) feeds what arrived to
 * mux_input and, each time the transport can take a record, asks mux_output for at most one record, which is
 * chosen at that moment: control first, then sync, then bulk, round-robin within a class. As long as the
 * transport keeps little unsent (TCP_NOTSENT_LOWAT), bulk delays nothing. Messages are pulled from their
 * channel's supplier when their turn comes, so a slow link buffers no bytes. One thread. */
#ifndef HOLDFAST_TUNNEL_MUX_H
#define HOLDFAST_TUNNEL_MUX_H

#include "tunnel/blob.h"
#include "tunnel/frame.h"

struct mux;

#define MUX_RECORD_MAX (16u * 1024)   /* what to ask mux_output for: one TLS record */
#define MUX_STREAMS_MAX 1024u	      /* open at once, both sides together */
#define MUX_CREDIT_START (16u * 1024) /* of each stream */
#define MUX_CREDIT_STREAM_MAX (8u * 1024 * 1024)
#define MUX_CREDIT_CONNECTION_MAX (16u * 1024 * 1024) /* all streams of a connection */
#define MUX_SEND_BUFFER_MAX (64u * 1024)	      /* bytes a stream holds until its turn */
#define MUX_CONTROL_QUEUE_MAX \
	(1024u * 1024) /* bytes of control frames waiting; past it the connection ends */
#define MUX_OPEN_PAYLOAD_MAX FRAME_PAYLOAD_MAX

enum mux_channel {
	MUX_CONTROL = 0,     /* class control */
	MUX_REPLICATION = 1, /* class sync */
	MUX_OUTBOX = 2,	     /* class sync */
	MUX_CHANNELS = 4,    /* messages on channels without a handler are skipped */
};
enum mux_class { MUX_CLASS_CONTROL, MUX_CLASS_SYNC, MUX_CLASS_BULK, MUX_CLASSES };

enum mux_reset {
	MUX_RESET_NONE = 0,
	MUX_RESET_CANCELLED = 1, /* the other side lost interest */
	MUX_RESET_REFUSED = 2,	 /* unknown kind, not allowed, or too many streams */
	MUX_RESET_BROKEN = 3,	 /* the source or target failed */
};

struct mux_message {
	uint16_t kind;
	struct blob *bytes; /* one reference, taken over by the mux */
};
/* Who speaks on a channel. */
struct mux_channel_ops {
	/* One whole message, borrowed. A negative errno ends the connection with it. */
	int (*on_message)(void *ctx, uint16_t kind, struct span bytes);
	/* 1: *out is the next message; 0: nothing to say now (call mux_kick when there is). Negative: ends
	 * the connection. May be NULL. */
	int (*supply)(void *ctx, struct mux_message *out);
};

/* What happens to streams; called from mux_input, on_writable from mux_output, on_reset also from mux_abort.
 * They may use the mux, but not free it. `user` is what mux_open or mux_set_user attached. All may be
 * NULL. */
struct mux_stream_ops {
	/* The peer opened a stream; request is an encoded StreamOpen. Decide now or later: mux_set_user, or
	 * mux_reset(…, REFUSED). */
	void (*on_open)(void *ctx, uint32_t stream, enum mux_class cls, struct span request);
	/* Bytes, and whether they are the last. Tell mux_drained when they have been consumed. */
	void (*on_data)(void *ctx, uint32_t stream, void *user, struct span data, bool end);
	/* There is room again after mux_write took less than offered. */
	void (*on_writable)(void *ctx, uint32_t stream, void *user);
	/* The end by the peer, enum mux_reset; the id is free afterwards. Also for each stream left when the
	 * connection ends (BROKEN). */
	void (*on_reset)(void *ctx, uint32_t stream, void *user, unsigned code);
};

/* Credit over several connections (a hub's cap). Not thread-safe: one for each loop. */
struct mux_budget {
	size_t used, max;
};

struct mux_options {
	bool dialer;			      /* whose streams have odd numbers */
	const struct mux_stream_ops *streams; /* NULL: opens are refused */
	void *ctx;
	struct mux_budget *budget; /* NULL: the connection's cap only */
	size_t credit_max;	   /* per connection; 0: MUX_CREDIT_CONNECTION_MAX */
	size_t message_max;	   /* bytes of one sync message taken; 0: MESSAGE_SYNC_MAX */
};

int mux_new(const struct mux_options *options, struct mux **out) must_check;
void mux_free(struct mux *mux); /* no callbacks; NULL is fine */
/* Calls on_reset for every stream: the connection is over. */
void mux_abort(struct mux *mux);

/* NULL ops: messages are skipped. */
void mux_set_channel(struct mux *mux, enum mux_channel channel, const struct mux_channel_ops *ops, void *ctx);
/* Queues a control message. -ENOBUFS past MUX_CONTROL_QUEUE_MAX. */
int mux_send_control(struct mux *mux, uint16_t kind, struct span bytes) must_check;
void mux_kick(struct mux *mux, enum mux_channel channel); /* its supplier has something */

/* Bytes from the peer, in any split. 0, or why the connection must end: the errors of frame_parse, -EPROTO
 * for frames out of order (message numbers that change in the middle, streams opened twice or by the wrong
 * side, credit overrun), -EMSGSIZE, or what a channel returned. */
int mux_input(struct mux *mux, struct span bytes) must_check;
/* Keeps what follows the message being handled until mux_release, which handles it: for an owner that first
 * has to attach channels. At most MUX_HOLD_MAX bytes. */
void mux_hold(struct mux *mux);
int mux_release(struct mux *mux) must_check; /* as mux_input */
#define MUX_HOLD_MAX (1024u * 1024)
/* Appends at most `max` bytes (at least FRAME_HEADER_SIZE + 1) to out: what is worth sending now. Negative: a
 * supplier failed, or no memory: the connection must end. Returns 0 also when there was nothing. */
int mux_output(struct mux *mux, struct buf *out, size_t max) must_check;
bool mux_wants_output(
	const struct mux *mux); /* may be true although it then turns out that there is nothing */

/* A stream of class sync or bulk. request: an encoded StreamOpen. -EMFILE: MUX_STREAMS_MAX; -EOVERFLOW:
 * numbers used up, redial. */
int mux_open(struct mux *mux, enum mux_class cls, struct span request, void *user,
	     uint32_t *out_stream) must_check;
int mux_set_user(struct mux *mux, uint32_t stream, void *user) must_check; /* -ENOENT */
/* Copies what fits; returns how many bytes were taken (0 to len), -ENOENT, -EPIPE after mux_finish,
 * -ENOMEM. */
int mux_write(struct mux *mux, uint32_t stream, struct span data) must_check;
size_t mux_room(const struct mux *mux, uint32_t stream);     /* how much mux_write takes now */
int mux_finish(struct mux *mux, uint32_t stream) must_check; /* no more from this side; -ENOENT */
/* Gives up both directions, at once; no callback follows. Unknown streams are fine. */
void mux_reset(struct mux *mux, uint32_t stream, enum mux_reset code);
/* The consumer is done with so many bytes: that much may come again, and more if it proved fast. */
void mux_drained(struct mux *mux, uint32_t stream, size_t bytes);

struct mux_stats {
	size_t streams, credit;
	uint64_t frames_in, frames_out, messages_skipped, late_frames;
};
void mux_stats(const struct mux *mux, struct mux_stats *out);

#endif
