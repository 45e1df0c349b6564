/* mux: streams and their credit. */
#include "base/bigend.h"
#include "tunnel/mux_internal.h"

#include <errno.h>
#include <stdlib.h>

#define CREDIT_LIMIT UINT32_C(0x7fffffff)

struct mux_stream *mux_stream_find(const struct mux *mux, uint32_t id)
{
	return map_get(&mux->streams, mux_id_span(&id));
}

bool mux_stream_sendable(const struct mux_stream *stream)
{
	if (stream->out.len)
		return stream->credit > 0;
	return stream->finishing && !stream->finished;
}

void mux_stream_free(struct mux *mux, struct mux_stream *stream)
{
	map_remove(&mux->streams, mux_id_span(&stream->id));
	list_remove(&mux->ready[stream->cls], &stream->turn.node);
	list_remove(&mux->writable, &stream->writable);
	mux->credit -= stream->window;
	if (mux->options.budget)
		mux->options.budget->used -= stream->window;
	buf_done(&stream->out);
	free(stream);
}

static int stream_new(struct mux *mux, uint32_t id, enum mux_class cls, void *user, struct mux_stream **out)
{
	struct mux_stream *stream = calloc(1, sizeof(*stream));
	int err;

	if (!stream)
		return -ENOMEM;
	stream->id = id;
	stream->cls = cls;
	stream->user = user;
	stream->credit = MUX_CREDIT_START;
	stream->window = MUX_CREDIT_START;
	stream->granted = MUX_CREDIT_START;
	buf_init(&stream->out, MUX_SEND_BUFFER_MAX);
	err = map_put(&mux->streams, mux_id_span(&id), stream, NULL);
	if (err) {
		free(stream);
		return err == -ENOSPC ? -EMFILE : err;
	}
	mux->credit += stream->window;
	if (mux->options.budget)
		mux->options.budget->used += stream->window;
	*out = stream;
	return 0;
}

static bool is_own(const struct mux *mux, uint32_t id)
{
	return (id & 1) == (mux->options.dialer ? 1 : 0);
}

static int send_reset(struct mux *mux, uint32_t id, unsigned code)
{
	struct frame frame = { .type = FRAME_RESET, .kind = (uint16_t)code, .stream = id };

	return mux_control_frame(mux, &frame, span_make(NULL, 0));
}

static int send_credit(struct mux *mux, uint32_t id, size_t bytes)
{
	struct frame frame = { .type = FRAME_CREDIT, .stream = id, .length = 4 };
	uint8_t number[4];

	bigend_store(bytes, sizeof(number), number);
	return mux_control_frame(mux, &frame, span_make(number, sizeof(number)));
}

int mux_on_open(struct mux *mux, const struct frame *frame)
{
	const struct mux_stream_ops *ops = mux->options.streams;
	enum mux_class cls = frame->kind == MUX_CLASS_SYNC ? MUX_CLASS_SYNC : MUX_CLASS_BULK;
	struct mux_stream *stream;
	int err;

	if (is_own(mux, frame->stream) || frame->stream <= mux->last_peer)
		return -EPROTO;
	mux->last_peer = frame->stream;
	if (!ops || !ops->on_open)
		return send_reset(mux, frame->stream, MUX_RESET_REFUSED);
	err = stream_new(mux, frame->stream, cls, NULL, &stream);
	if (err)
		return err == -EMFILE ? send_reset(mux, frame->stream, MUX_RESET_REFUSED) : err;
	ops->on_open(mux->options.ctx, frame->stream, cls, frame->payload);
	return 0;
}

/* A frame for a stream that is not there: late if the stream was, else the peer makes things up. */
static int absent(struct mux *mux, uint32_t id)
{
	if (is_own(mux, id) ? id >= mux->next_id : id > mux->last_peer)
		return -EPROTO;
	mux->stats.late_frames++;
	return 0;
}

int mux_on_data(struct mux *mux, const struct frame *frame)
{
	const struct mux_stream_ops *ops = mux->options.streams;
	struct mux_stream *stream = mux_stream_find(mux, frame->stream);
	bool end = frame->flags & FRAME_END;

	if (!stream)
		return absent(mux, frame->stream);
	if (stream->ended || frame->length > stream->granted)
		return -EPROTO;
	stream->granted -= frame->length;
	stream->unconsumed += frame->length;
	stream->ended = end;
	if (frame->flags & FRAME_WANT)
		stream->wanted = true;
	if (ops && ops->on_data)
		ops->on_data(mux->options.ctx, frame->stream, stream->user, frame->payload, end);
	else
		mux_drained(mux, frame->stream, frame->length);
	stream = end ? mux_stream_find(mux, frame->stream) : NULL; /* the callback may have reset it */
	if (stream && stream->finished)
		mux_stream_free(mux, stream);
	return 0;
}

int mux_on_credit(struct mux *mux, const struct frame *frame)
{
	struct mux_stream *stream = mux_stream_find(mux, frame->stream);
	uint32_t more = (uint32_t)bigend_load(frame->payload.ptr, 4);

	if (!stream)
		return absent(mux, frame->stream);
	if (!more || more > CREDIT_LIMIT - stream->credit)
		return -EPROTO;
	stream->credit += more;
	if (mux_stream_sendable(stream))
		mux_ready(mux, &stream->turn, stream->cls);
	return 0;
}

int mux_on_reset(struct mux *mux, const struct frame *frame)
{
	const struct mux_stream_ops *ops = mux->options.streams;
	struct mux_stream *stream = mux_stream_find(mux, frame->stream);
	void *user;

	if (!stream)
		return absent(mux, frame->stream);
	user = stream->user;
	mux_stream_free(mux, stream);
	if (ops && ops->on_reset)
		ops->on_reset(mux->options.ctx, frame->stream, user, frame->kind);
	return 0;
}

int mux_open(struct mux *mux, enum mux_class cls, struct span request, void *user, uint32_t *out_stream)
{
	struct frame frame = { .type = FRAME_OPEN, .kind = (uint16_t)cls, .stream = mux->next_id };
	struct mux_stream *stream;
	int err;

	if (cls != MUX_CLASS_SYNC && cls != MUX_CLASS_BULK)
		return -EINVAL;
	if (mux->dead)
		return mux->dead;
	if (request.len > MUX_OPEN_PAYLOAD_MAX)
		return -EMSGSIZE;
	if (mux->next_id > UINT32_MAX - 2)
		return -EOVERFLOW;
	err = stream_new(mux, mux->next_id, cls, user, &stream);
	if (err)
		return err;
	frame.length = (uint32_t)request.len;
	err = mux_control_frame(mux, &frame, request);
	if (err) {
		mux_stream_free(mux, stream);
		return err;
	}
	*out_stream = mux->next_id;
	mux->next_id += 2;
	return 0;
}

int mux_set_user(struct mux *mux, uint32_t stream, void *user)
{
	struct mux_stream *s = mux_stream_find(mux, stream);

	if (!s)
		return -ENOENT;
	s->user = user;
	return 0;
}

size_t mux_room(const struct mux *mux, uint32_t stream)
{
	const struct mux_stream *s = mux_stream_find(mux, stream);

	return s && !s->finishing ? MUX_SEND_BUFFER_MAX - s->out.len : 0;
}

int mux_write(struct mux *mux, uint32_t stream, struct span data)
{
	struct mux_stream *s = mux_stream_find(mux, stream);
	size_t room, n;
	int err;

	if (!s)
		return -ENOENT;
	if (s->finishing)
		return -EPIPE;
	room = MUX_SEND_BUFFER_MAX - s->out.len;
	n = data.len < room ? data.len : room;
	if (n < data.len)
		s->writer_waits = true;
	err = buf_add(&s->out, data.ptr, n);
	if (err)
		return err;
	if (mux_stream_sendable(s))
		mux_ready(mux, &s->turn, s->cls);
	return (int)n;
}

int mux_finish(struct mux *mux, uint32_t stream)
{
	struct mux_stream *s = mux_stream_find(mux, stream);

	if (!s)
		return -ENOENT;
	s->finishing = true;
	s->writer_waits = false;
	if (mux_stream_sendable(s))
		mux_ready(mux, &s->turn, s->cls);
	return 0;
}

void mux_reset(struct mux *mux, uint32_t stream, enum mux_reset code)
{
	struct mux_stream *s = mux_stream_find(mux, stream);
	int err;

	if (!s)
		return;
	mux_stream_free(mux, s);
	err = send_reset(mux, stream, code);
	/* A reset that cannot be said leaves the ends with different ideas: better no connection. */
	if (err && !mux->dead)
		mux->dead = err;
}

/* Twice the window for a consumer that keeps up with a sender that ran out, as far as the caps allow. */
static void grow(struct mux *mux, struct mux_stream *stream)
{
	struct mux_budget *budget = mux->options.budget;
	size_t more = stream->window;

	if (stream->window + more > MUX_CREDIT_STREAM_MAX || mux->credit + more > mux->options.credit_max)
		return;
	if (budget && budget->used + more > budget->max)
		return;
	stream->window += more;
	mux->credit += more;
	if (budget)
		budget->used += more;
}

void mux_drained(struct mux *mux, uint32_t stream, size_t bytes)
{
	struct mux_stream *s = mux_stream_find(mux, stream);
	size_t give;
	int err;

	if (!s)
		return;
	assert_always(bytes <= s->unconsumed);
	s->unconsumed -= bytes;
	if (s->ended)
		return;
	if (s->wanted && !s->unconsumed) {
		s->wanted = false;
		grow(mux, s);
	}
	give = s->window - s->granted - s->unconsumed;
	if (give < s->window / 2)
		return;
	err = send_credit(mux, stream, give);
	if (err) {
		if (!mux->dead)
			mux->dead = err;
		return;
	}
	s->granted += give;
}
