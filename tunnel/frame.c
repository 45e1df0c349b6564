#include "tunnel/frame.h"

#include <errno.h>

#include "base/bigend.h"

/* What a frame of each known type may look like. */
struct shape {
	bool known;
	uint8_t flags;
	bool has_kind;
	bool has_stream;
	uint32_t length_min, length_max;
};
static const struct shape shapes[] = {
	[FRAME_MESSAGE] = { true, FRAME_MORE, true, false, 0, FRAME_PAYLOAD_MAX },
	[FRAME_OPEN] = { true, 0, true, true, 0, FRAME_PAYLOAD_MAX },
	[FRAME_DATA] = { true, FRAME_END | FRAME_WANT, false, true, 0, FRAME_PAYLOAD_MAX },
	[FRAME_CREDIT] = { true, 0, false, true, 4, 4 },
	[FRAME_RESET] = { true, 0, true, true, 0, 0 },
};

void frame_parser_init(struct frame_parser *parser)
{
	memset(parser, 0, sizeof(*parser));
	buf_init(&parser->payload, FRAME_PAYLOAD_MAX);
}

void frame_parser_done(struct frame_parser *parser)
{
	buf_done(&parser->payload);
}

bool frame_parser_pending(const struct frame_parser *parser)
{
	return !parser->delivered && parser->header_have;
}

static int check(const struct frame *frame)
{
	const struct shape *shape;

	if (frame->type >= FRAME_OPTIONAL)
		return frame->length > FRAME_PAYLOAD_MAX ? -EMSGSIZE : 0;
	if (frame->type >= sizeof(shapes) / sizeof(shapes[0]) || !shapes[frame->type].known)
		return -EPROTO;
	shape = &shapes[frame->type];
	if (frame->flags & ~shape->flags || (!shape->has_kind && frame->kind) ||
	    (shape->has_stream && !frame->stream))
		return -EPROTO;
	if (frame->length > FRAME_PAYLOAD_MAX)
		return -EMSGSIZE;
	if (frame->length < shape->length_min || frame->length > shape->length_max)
		return -EBADMSG;
	/* Frames that say nothing are only a way to keep the receiver busy. */
	if (frame->type == FRAME_DATA && !frame->length && !(frame->flags & FRAME_END))
		return -EBADMSG;
	if (frame->type == FRAME_MESSAGE && (!frame->kind || (!frame->length && frame->flags & FRAME_MORE)))
		return -EBADMSG;
	return 0;
}

static void forget(struct frame_parser *parser)
{
	parser->delivered = false;
	parser->header_have = 0;
	buf_done(&parser->payload);
	buf_init(&parser->payload, FRAME_PAYLOAD_MAX);
}

/* 1 when the header is complete and sound. */
static int take_header(struct frame_parser *parser, struct span *input)
{
	struct frame *frame = &parser->frame;
	size_t want = FRAME_HEADER_SIZE - parser->header_have;
	size_t n = input->len < want ? input->len : want;
	int err;

	if (!want)
		return 1;
	if (n)
		memcpy(parser->header + parser->header_have, input->ptr, n);
	parser->header_have += n;
	*input = span_make(input->ptr + n, input->len - n);
	if (n < want)
		return 0;
	frame->type = parser->header[0];
	frame->flags = parser->header[1];
	frame->kind = (uint16_t)bigend_load(parser->header + 2, 2);
	frame->stream = (uint32_t)bigend_load(parser->header + 4, 4);
	frame->length = (uint32_t)bigend_load(parser->header + 8, 4);
	err = check(frame);
	return err ? err : 1;
}

int frame_parse(struct frame_parser *parser, struct span *input, struct frame *out)
{
	struct frame *frame = &parser->frame;
	size_t want, n;
	int err;

	if (parser->delivered)
		forget(parser);
	err = take_header(parser, input);
	if (err <= 0)
		return err;
	want = frame->length - parser->payload.len;
	if (!parser->payload.len && input->len >= want) {
		frame->payload = span_make(input->ptr, want);
		n = want;
	} else {
		n = input->len < want ? input->len : want;
		err = buf_add(&parser->payload, input->ptr, n);
		if (err)
			return err;
		frame->payload = buf_span(&parser->payload);
	}
	*input = span_make(input->ptr + n, input->len - n);
	if (n < want)
		return 0;
	parser->delivered = true;
	*out = *frame;
	return 1;
}

void frame_header(const struct frame *frame, uint8_t out[FRAME_HEADER_SIZE])
{
	out[0] = frame->type;
	out[1] = frame->flags;
	bigend_store(frame->kind, 2, out + 2);
	bigend_store(frame->stream, 4, out + 4);
	bigend_store(frame->length, 4, out + 8);
}

const char *frame_error_text(int code)
{
	switch (code) {
	case 0: return "closed";
	case -EPROTO: return "the peer broke the tunnel protocol";
	case -EMSGSIZE: return "the peer sent more than the limit";
	case -EBADMSG: return "the peer sent a message that is not valid";
	case -ETIMEDOUT: return "nothing was heard from the peer in time";
	case -ENOBUFS: return "the peer does not read";
	case -ECONNRESET: return "the connection was lost";
	case -ENOMEM: return "out of memory";
	default: return "the connection failed";
	}
}
