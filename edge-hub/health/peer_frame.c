#include "edge-hub/health/peer_frame.h"

#include <arpa/inet.h>
#include <errno.h>

static size_t payload_size(const struct peer_frame *frame)
{
	if (frame->type == PEER_FRAME_DATAGRAM)
		return frame->bytes.len;
	if (frame->type == PEER_FRAME_KEY)
		return 4 + frame->bytes.len;
	return 4 + strlen(frame->member);
}

int peer_frame_write(const struct peer_frame *frame, struct buf *out)
{
	size_t size = payload_size(frame), before = out->len;
	uint8_t head[PEER_FRAME_HEAD] = { (uint8_t)frame->type, 0, (uint8_t)(size >> 8), (uint8_t)size };
	uint32_t generation = htonl(frame->generation);

	if (size > PEER_FRAME_PAYLOAD_MAX)
		return -EMSGSIZE;
	buf_add(out, head, sizeof(head));
	if (frame->type != PEER_FRAME_DATAGRAM)
		buf_add(out, &generation, sizeof(generation));
	if (frame->type == PEER_FRAME_KEY_WANTED)
		buf_add_str(out, frame->member);
	else
		buf_add_span(out, frame->bytes);
	if (buf_error(out)) {
		out->len = before;
		return buf_error(out);
	}
	return 0;
}

static int read_generation(struct span *rest, struct peer_frame *out)
{
	uint32_t generation;

	if (rest->len < sizeof(generation))
		return -EBADMSG;
	memcpy(&generation, rest->ptr, sizeof(generation));
	out->generation = ntohl(generation);
	*rest = span_make(rest->ptr + sizeof(generation), rest->len - sizeof(generation));
	return out->generation ? 0 : -EBADMSG;
}

static int read_payload(struct span rest, struct peer_frame *out)
{
	if (out->type == PEER_FRAME_DATAGRAM) {
		out->bytes = rest;
		return rest.len ? 0 : -EBADMSG;
	}
	if (read_generation(&rest, out))
		return -EBADMSG;
	if (out->type == PEER_FRAME_KEY) {
		out->bytes = rest;
		return rest.len <= REGION_KEY_SEALED_MAX ? 0 : -EBADMSG;
	}
	if (!rest.len || memchr(rest.ptr, '\0', rest.len) ||
	    span_copy(rest, out->member, sizeof(out->member)))
		return -EBADMSG;
	return 0;
}

int peer_frame_read(struct span bytes, struct peer_frame *out, size_t *out_used)
{
	const uint8_t *head = (const uint8_t *)bytes.ptr;
	size_t size;

	if (bytes.len < PEER_FRAME_HEAD)
		return 0;
	*out = (struct peer_frame){ .type = (enum peer_frame_type)head[0] };
	size = (size_t)head[2] << 8 | head[3];
	if (head[0] < PEER_FRAME_DATAGRAM || head[0] > PEER_FRAME_KEY || head[1] ||
	    size > PEER_FRAME_PAYLOAD_MAX)
		return -EBADMSG;
	if (bytes.len < PEER_FRAME_HEAD + size)
		return 0;
	*out_used = PEER_FRAME_HEAD + size;
	return read_payload(span_make(bytes.ptr + PEER_FRAME_HEAD, size), out) ? -EBADMSG : 1;
}
