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

/* Each sender returns how many bytes it added: 0 when it has nothing or does not fit, or a negative errno.
 * `*again` says whether it has more. */
static int send_part(struct mux *mux, struct mux_lane *lane, struct buf *out, size_t room, bool *again)
{
	struct span bytes;
	struct frame frame = { .type = FRAME_MESSAGE, .stream = (uint32_t)(lane - mux->lanes) };
	int err;

	*again = false;
	if (!lane->sending.bytes) {
		err = lane->ops && lane->ops->supply ? lane->ops->supply(lane->ctx, &lane->sending) : 0;
		if (err <= 0)
			return err;
		lane->sent = 0;
	}
	*again = true;
	bytes = blob_span(lane->sending.bytes);
	bytes = span_make(bytes.ptr + lane->sent, bytes.len - lane->sent);
	if (!fits(room, bytes.len))
		return 0;
	frame.kind = lane->sending.kind;
	frame.length =
		(uint32_t)(bytes.len < room - FRAME_HEADER_SIZE ? bytes.len : room - FRAME_HEADER_SIZE);
	frame.flags = frame.length < bytes.len ? FRAME_MORE : 0;
	err = add_frame(mux, out, &frame, bytes.ptr);
	if (err)
		return err;
	lane->sent += frame.length;
	if (frame.length == bytes.len) {
		blob_unref(lane->sending.bytes);
		lane->sending.bytes = NULL;
	}
	return (int)(FRAME_HEADER_SIZE + frame.length);
}

static size_t sendable_now(const struct mux_stream *stream, size_t room)
{
	size_t n = stream->out.len < stream->credit ? stream->out.len : stream->credit;

	return n < room - FRAME_HEADER_SIZE ? n : room - FRAME_HEADER_SIZE;
}

static int send_data(struct mux *mux, struct mux_stream *stream, struct buf *out, size_t room, bool *again)
{
	struct frame frame = { .type = FRAME_DATA, .stream = stream->id };
	bool last;
	int err;

	*again = mux_stream_sendable(stream);
	if (!*again || !fits(room, stream->out.len < stream->credit ? stream->out.len : stream->credit))
		return 0;
	frame.length = (uint32_t)sendable_now(stream, room);
	last = stream->finishing && frame.length == stream->out.len;
	if (last)
		frame.flags = FRAME_END;
	else if (frame.length == stream->credit && (stream->out.len > stream->credit || stream->writer_waits))
		frame.flags = FRAME_WANT;
	err = add_frame(mux, out, &frame, stream->out.data);
	if (err)
		return err;
	buf_consume(&stream->out, frame.length);
	stream->credit -= frame.length;
	stream->finished = last;
	if (!stream->out.len && stream->out.cap > MUX_CREDIT_START)
		buf_done(&stream->out);
	if (stream->writer_waits && stream->out.len <= MUX_SEND_BUFFER_MAX / 2 &&
	    !list_is_linked(&stream->writable))
		list_push(&mux->writable, &stream->writable);
	*again = mux_stream_sendable(stream);
	if (stream->finished && stream->ended)
		mux_stream_free(mux, stream), *again = false;
	return (int)(FRAME_HEADER_SIZE + frame.length);
}

/* One turn of the first in line. *out_added 0 and 0 returned: nothing there, or the record is full. */
static int take_turn(struct mux *mux, enum mux_class cls, struct buf *out, size_t room, size_t *out_added)
{
	struct mux_turn *turn = container_of(list_first(&mux->ready[cls]), struct mux_turn, node);
	bool again;
	int n;

	list_remove(&mux->ready[cls], &turn->node);
	if (turn->is_channel)
		n = send_part(mux, container_of(turn, struct mux_lane, turn), out, room, &again);
	else
		n = send_data(mux, container_of(turn, struct mux_stream, turn), out, room, &again);
	if (n < 0)
		return n;
	*out_added = (size_t)n;
	if (!again)
		return 0;
	/* Who did not fit keeps its place; who was served goes to the back. */
	if (n == 0) {
		if (!list_is_linked(&turn->node))
			list_push_front(&mux->ready[cls], &turn->node);
		return 1;
	}
	mux_ready(mux, turn, cls);
	return 0;
}

static int fill_class(struct mux *mux, enum mux_class cls, struct buf *out, size_t end)
{
	while (mux->ready[cls].count && end - out->len > FRAME_HEADER_SIZE) {
		size_t added = 0;
		int full = take_turn(mux, cls, out, end - out->len, &added);

		if (full < 0)
			return full;
		if (full)
			return 1;
	}
	return end - out->len <= FRAME_HEADER_SIZE;
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
