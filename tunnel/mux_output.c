/* mux: what to send next. Everything is decided here at the moment a record can leave. */
#include "tunnel/mux_internal.h"

#include <errno.h>

/* A frame with less payload than this is not worth its header when more is waiting: it goes into the next
 * record. */
#define WORTHWHILE 256u

bool mux_wants_output(const struct mux *mux)
{
	if (mux->dead)
		return false;
	return mux->control.len || mux->ready[MUX_CLASS_SYNC].count || mux->ready[MUX_CLASS_BULK].count ||
	       mux->ready[MUX_CLASS_CONTROL].count;
}

static int add_frame(struct mux *mux, struct buf *out, const struct frame *frame, const char *payload)
{
	uint8_t header[FRAME_HEADER_SIZE];

	frame_header(frame, header);
	buf_add(out, header, sizeof(header));
	buf_add(out, payload, frame->length);
	mux->stats.frames_out++;
	return buf_error(out);
}

static bool fits(size_t room, size_t waiting)
{
	return room > FRAME_HEADER_SIZE &&
	       (room - FRAME_HEADER_SIZE >= waiting || room - FRAME_HEADER_SIZE >= WORTHWHILE);
}

/* Fetches the channel's next message when it has none. 1: there is something to send, of *out_waiting bytes. */
static int lane_waiting(struct mux_lane *lane, size_t *out_waiting)
{
	if (!lane->sending.bytes) {
		int n = lane->ops && lane->ops->supply ? lane->ops->supply(lane->ctx, &lane->sending) : 0;

		if (n <= 0)
			return n;
		lane->sent = 0;
	}
	*out_waiting = blob_span(lane->sending.bytes).len - lane->sent;
	return 1;
}

static int stream_waiting(const struct mux_stream *stream, size_t *out_waiting)
{
	*out_waiting = stream->out.len < stream->credit ? stream->out.len : stream->credit;
	return mux_stream_sendable(stream);
}

static int waiting(struct mux_turn *turn, size_t *out_waiting)
{
	if (turn->is_channel)
		return lane_waiting(container_of(turn, struct mux_lane, turn), out_waiting);
	return stream_waiting(container_of(turn, struct mux_stream, turn), out_waiting);
}

/* The senders return 1 when there may be more, 0 when not, or a negative errno. */
static int send_part(struct mux *mux, struct mux_lane *lane, struct buf *out, size_t length)
{
	struct frame frame = { .type = FRAME_MESSAGE, .stream = (uint32_t)(lane - mux->lanes) };
	struct span bytes = blob_span(lane->sending.bytes);
	int err;

	frame.kind = lane->sending.kind;
	frame.length = (uint32_t)length;
	frame.flags = lane->sent + length < bytes.len ? FRAME_MORE : 0;
	err = add_frame(mux, out, &frame, bytes.ptr + lane->sent);
	if (err)
		return err;
	lane->sent += length;
	if (lane->sent == bytes.len) {
		blob_unref(lane->sending.bytes);
		lane->sending.bytes = NULL;
	}
	return 1;
}

static uint8_t data_flags(const struct mux_stream *stream, size_t length)
{
	if (stream->finishing && length == stream->out.len)
		return FRAME_END;
	if (length == stream->credit && (stream->out.len > stream->credit || stream->writer_waits))
		return FRAME_WANT;
	return 0;
}

static int send_data(struct mux *mux, struct mux_stream *stream, struct buf *out, size_t length)
{
	struct frame frame = { .type = FRAME_DATA, .stream = stream->id, .length = (uint32_t)length };
	int err;

	frame.flags = data_flags(stream, length);
	err = add_frame(mux, out, &frame, stream->out.data);
	if (err)
		return err;
	buf_consume(&stream->out, length);
	stream->credit -= (uint32_t)length;
	stream->finished = frame.flags == FRAME_END;
	if (!stream->out.len && stream->out.cap > MUX_CREDIT_START)
		buf_done(&stream->out);
	if (stream->writer_waits && stream->out.len <= MUX_SEND_BUFFER_MAX / 2 &&
	    !list_is_linked(&stream->writable))
		list_push(&mux->writable, &stream->writable);
	if (stream->finished && stream->ended) {
		mux_stream_free(mux, stream);
		return 0;
	}
	return mux_stream_sendable(stream);
}

static int send_turn(struct mux *mux, struct mux_turn *turn, struct buf *out, size_t length)
{
	if (turn->is_channel)
		return send_part(mux, container_of(turn, struct mux_lane, turn), out, length);
	return send_data(mux, container_of(turn, struct mux_stream, turn), out, length);
}

/* 1 when the record is full: who did not fit keeps its place, who was served goes to the back. */
static int fill_class(struct mux *mux, enum mux_class cls, struct buf *out, size_t end)
{
	struct list *ready = &mux->ready[cls];

	while (ready->count) {
		struct mux_turn *turn = container_of(list_first(ready), struct mux_turn, node);
		size_t room = end - out->len, length = 0;
		int n = waiting(turn, &length);

		if (n > 0 && !fits(room, length))
			return 1;
		list_remove(ready, &turn->node);
		if (n > 0)
			n = send_turn(mux, turn, out,
				      length < room - FRAME_HEADER_SIZE ? length : room - FRAME_HEADER_SIZE);
		if (n < 0)
			return n;
		if (n > 0)
			mux_ready(mux, turn, cls);
	}
	return 0;
}

static void tell_writers(struct mux *mux)
{
	const struct mux_stream_ops *ops = mux->options.streams;
	size_t count = mux->writable.count;

	while (count-- && mux->writable.count) {
		struct list_node *node = list_pop(&mux->writable);
		struct mux_stream *stream = container_of(node, struct mux_stream, writable);

		stream->writer_waits = false;
		if (ops && ops->on_writable)
			ops->on_writable(mux->options.ctx, stream->id, stream->user);
	}
}

int mux_output(struct mux *mux, struct buf *out, size_t max)
{
	size_t end = out->len + max;
	int full = 0;

	if (mux->dead)
		return mux->dead;
	if (mux->control.len) {
		size_t n = mux->control.len < max ? mux->control.len : max;

		full = buf_add(out, mux->control.data, n);
		if (full)
			return mux->dead = full;
		buf_consume(&mux->control, n);
		if (!mux->control.len)
			buf_done(&mux->control);
	}
	/* A cut control frame has to be finished before anything else. */
	if (mux->control.len)
		return 0;
	for (enum mux_class cls = MUX_CLASS_CONTROL; cls < MUX_CLASSES && !full; cls++)
		full = fill_class(mux, cls, out, end);
	if (full < 0)
		return mux->dead = full;
	tell_writers(mux);
	return 0;
}
