#include "tunnel/mux_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "tunnel/message.h"

int mux_new(const struct mux_options *options, struct mux **out)
{
	struct mux *mux = calloc(1, sizeof(*mux));

	if (!mux)
		return -ENOMEM;
	mux->options = *options;
	if (!mux->options.credit_max)
		mux->options.credit_max = MUX_CREDIT_CONNECTION_MAX;
	if (!mux->options.message_max)
		mux->options.message_max = MESSAGE_SYNC_MAX;
	frame_parser_init(&mux->parser);
	buf_init(&mux->control, MUX_CONTROL_QUEUE_MAX);
	buf_init(&mux->held, MUX_HOLD_MAX);
	for (unsigned i = 0; i < MUX_CHANNELS; i++) {
		mux->lanes[i].turn.is_channel = true;
		mux->lanes[i].cls = i == MUX_CONTROL ? MUX_CLASS_CONTROL : MUX_CLASS_SYNC;
		buf_init(&mux->lanes[i].parts,
			 i == MUX_CONTROL ? MESSAGE_CONTROL_MAX : mux->options.message_max);
	}
	for (unsigned i = 0; i < MUX_CLASSES; i++)
		list_init(&mux->ready[i]);
	map_init(&mux->streams, MUX_STREAMS_MAX);
	list_init(&mux->writable);
	mux->next_id = options->dialer ? 1 : 2;
	*out = mux;
	return 0;
}

static void free_streams(struct mux *mux, bool tell)
{
	const struct mux_stream_ops *ops = mux->options.streams;
	size_t cursor = 0;
	struct span id;
	void *value;

	while (map_next(&mux->streams, &cursor, &id, &value)) {
		struct mux_stream *stream = value;
		uint32_t number = stream->id;
		void *user = stream->user;

		mux_stream_free(mux, stream);
		if (tell && ops && ops->on_reset)
			ops->on_reset(mux->options.ctx, number, user, MUX_RESET_BROKEN);
	}
}

void mux_abort(struct mux *mux)
{
	if (!mux->dead)
		mux->dead = -ECONNRESET;
	free_streams(mux, true);
}

void mux_free(struct mux *mux)
{
	if (!mux)
		return;
	free_streams(mux, false);
	map_done(&mux->streams, NULL);
	for (unsigned i = 0; i < MUX_CHANNELS; i++) {
		blob_unref(mux->lanes[i].sending.bytes);
		buf_done(&mux->lanes[i].parts);
	}
	buf_done(&mux->control);
	buf_done(&mux->held);
	frame_parser_done(&mux->parser);
	free(mux);
}

void mux_set_channel(struct mux *mux, enum mux_channel channel, const struct mux_channel_ops *ops, void *ctx)
{
	struct mux_lane *lane = &mux->lanes[channel];

	lane->ops = ops;
	lane->ctx = ctx;
	if (ops && ops->supply)
		mux_kick(mux, channel);
}

void mux_ready(struct mux *mux, struct mux_turn *turn, enum mux_class cls)
{
	if (!list_is_linked(&turn->node))
		list_push(&mux->ready[cls], &turn->node);
}

void mux_kick(struct mux *mux, enum mux_channel channel)
{
	mux_ready(mux, &mux->lanes[channel].turn, mux->lanes[channel].cls);
}

int mux_control_frame(struct mux *mux, const struct frame *frame, struct span payload)
{
	uint8_t header[FRAME_HEADER_SIZE];
	int err;

	/* The ceiling is the peer's doing: it opens streams or asks, and does not read the answers. */
	err = buf_reserve(&mux->control, sizeof(header) + payload.len);
	if (err) {
		mux->control.error = 0;
		return err == -EMSGSIZE ? -ENOBUFS : err;
	}
	frame_header(frame, header);
	buf_add(&mux->control, header, sizeof(header));
	buf_add_span(&mux->control, payload);
	mux->stats.frames_out++;
	return buf_error(&mux->control);
}

int mux_send_control(struct mux *mux, uint16_t kind, struct span bytes)
{
	size_t frames = bytes.len / FRAME_PAYLOAD_MAX + 1;
	size_t before = mux->control.len;
	int err;

	if (bytes.len + frames * FRAME_HEADER_SIZE > MUX_CONTROL_QUEUE_MAX - mux->control.len)
		return -ENOBUFS;
	do {
		struct frame frame = { .type = FRAME_MESSAGE, .kind = kind, .stream = MUX_CONTROL };

		frame.length = (uint32_t)(bytes.len < FRAME_PAYLOAD_MAX ? bytes.len : FRAME_PAYLOAD_MAX);
		frame.flags = frame.length < bytes.len ? FRAME_MORE : 0;
		err = mux_control_frame(mux, &frame, span_make(bytes.ptr, frame.length));
		if (err) {
			mux->control.len = before;
			return err;
		}
		bytes = span_make(bytes.ptr + frame.length, bytes.len - frame.length);
	} while (bytes.len);
	return 0;
}

static int deliver(struct mux *mux, struct mux_lane *lane, uint16_t kind, struct span bytes)
{
	if (!lane->ops || !lane->ops->on_message) {
		mux->stats.messages_skipped++;
		return 0;
	}
	return lane->ops->on_message(lane->ctx, kind, bytes);
}

static int on_message_frame(struct mux *mux, const struct frame *frame)
{
	struct mux_lane *lane;
	int err;

	if (frame->stream >= MUX_CHANNELS) {
		mux->stats.messages_skipped++;
		return 0;
	}
	lane = &mux->lanes[frame->stream];
	if (lane->receiving && lane->receiving != frame->kind)
		return -EPROTO;
	if (!lane->receiving && !(frame->flags & FRAME_MORE))
		return deliver(mux, lane, frame->kind, frame->payload);
	err = buf_add_span(&lane->parts, frame->payload);
	if (err)
		return err;
	lane->receiving = frame->kind;
	if (frame->flags & FRAME_MORE)
		return 0;
	lane->receiving = 0;
	err = deliver(mux, lane, frame->kind, buf_span(&lane->parts));
	buf_done(&lane->parts); /* large messages are rare: their memory is not worth keeping */
	return err;
}

static int dispatch(struct mux *mux, const struct frame *frame)
{
	switch (frame->type) {
	case FRAME_MESSAGE: return on_message_frame(mux, frame);
	case FRAME_OPEN: return mux_on_open(mux, frame);
	case FRAME_DATA: return mux_on_data(mux, frame);
	case FRAME_CREDIT: return mux_on_credit(mux, frame);
	case FRAME_RESET: return mux_on_reset(mux, frame);
	default: mux->stats.messages_skipped++; return 0;
	}
}

int mux_input(struct mux *mux, struct span bytes)
{
	while (!mux->dead && !mux->holding) {
		struct frame frame;
		int n = frame_parse(&mux->parser, &bytes, &frame);

		if (n == 0)
			return 0;
		if (n > 0) {
			mux->stats.frames_in++;
			n = dispatch(mux, &frame);
		}
		if (n < 0 && !mux->dead)
			mux->dead = n;
	}
	if (!mux->dead)
		mux->dead = buf_add_span(&mux->held, bytes);
	return mux->dead;
}

void mux_hold(struct mux *mux)
{
	mux->holding = true;
}

int mux_release(struct mux *mux)
{
	struct buf held = mux->held;
	int err;

	mux->holding = false;
	buf_init(&mux->held, MUX_HOLD_MAX);
	err = mux_input(mux, buf_span(&held));
	buf_done(&held);
	return err;
}

void mux_stats(const struct mux *mux, struct mux_stats *out)
{
	*out = mux->stats;
	out->streams = mux->streams.count;
	out->credit = mux->credit;
}
