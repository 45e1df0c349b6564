/* mux_internal: what the three sources of mux share: mux.c (life, channels, dispatch of input), mux_stream.c
 * (streams and credit), mux_output.c (choosing what to send). */
#ifndef HOLDFAST_TUNNEL_MUX_INTERNAL_H
#define HOLDFAST_TUNNEL_MUX_INTERNAL_H

#include "base/list.h"
#include "base/map.h"
#include "tunnel/mux.h"

/* Something that waits for its turn to send: a channel or a stream. */
struct mux_turn {
	struct list_node node;
	bool is_channel;
};

struct mux_lane {
	struct mux_turn turn;
	enum mux_class cls;
	const struct mux_channel_ops *ops;
	void *ctx;
	struct mux_message sending; /* bytes NULL: none */
	size_t sent;
	uint16_t receiving; /* message number of the parts in `parts`, 0: none */
	struct buf parts;
};

struct mux_stream {
	struct mux_turn turn;
	struct list_node writable; /* in mux->writable: its writer waits for room */
	uint32_t id;
	enum mux_class cls;
	void *user;
	struct buf out;
	uint32_t credit; /* bytes the peer still takes */
	bool finishing;	 /* no more will be written */
	bool finished;	 /* and END was sent */
	bool ended;	 /* END was received */
	bool writer_waits;
	size_t window;	   /* bytes the peer may have on their way to our consumer */
	size_t granted;	   /* of these, not yet received */
	size_t unconsumed; /* received, not yet drained */
	bool wanted;	   /* the peer said that it ran out of credit */
};

struct mux {
	struct mux_options options;
	struct frame_parser parser;
	struct buf control; /* framed, whole frames except that the front may be partly sent */
	struct mux_lane lanes[MUX_CHANNELS];
	struct list ready[MUX_CLASSES]; /* struct mux_turn */
	struct map streams;		/* by id in host order */
	struct list writable;
	uint32_t next_id;   /* of our own streams */
	uint32_t last_peer; /* highest number the peer opened */
	size_t credit;	    /* sum of the windows */
	int dead;
	bool holding;
	struct buf held;
	struct mux_stats stats;
};

static inline struct span mux_id_span(const uint32_t *id)
{
	return span_make(id, sizeof(*id));
}
void mux_ready(struct mux *mux, struct mux_turn *turn, enum mux_class cls);
int mux_control_frame(struct mux *mux, const struct frame *frame, struct span payload) must_check;

int mux_on_open(struct mux *mux, const struct frame *frame) must_check;
int mux_on_data(struct mux *mux, const struct frame *frame) must_check;
int mux_on_credit(struct mux *mux, const struct frame *frame) must_check;
int mux_on_reset(struct mux *mux, const struct frame *frame) must_check;
struct mux_stream *mux_stream_find(const struct mux *mux, uint32_t id);
void mux_stream_free(struct mux *mux, struct mux_stream *stream);
/* Is there something that it may send now? */
bool mux_stream_sendable(const struct mux_stream *stream);

#endif
