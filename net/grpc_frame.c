#include "net/grpc_frame.h"

#include <errno.h>

#include "base/bigend.h"

void grpc_frame_prefix(size_t len, uint8_t out[GRPC_PREFIX_SIZE])
{
	out[0] = 0; /* not compressed */
	bigend_store(len, 4, out + 1);
}

static size_t message_len(const struct buf *held)
{
	return (size_t)bigend_load(held->data + 1, 4);
}

/* Moves bytes until `held` has `want` of them; false while it has not. */
static bool fill(struct buf *held, struct span *bytes, size_t want, int *rc)
{
	size_t n = want - held->len < bytes->len ? want - held->len : bytes->len;

	*rc = buf_add(held, bytes->ptr, n);
	if (*rc)
		return false;
	*bytes = span_make(bytes->ptr + n, bytes->len - n);
	return held->len == want;
}

int grpc_frame_next(struct buf *held, struct span *bytes, struct span *out_message)
{
	size_t len;
	int rc = 0;

	if (held->len >= GRPC_PREFIX_SIZE && held->len == GRPC_PREFIX_SIZE + message_len(held))
		buf_reset(held); /* the message given out before */
	if (held->len < GRPC_PREFIX_SIZE && !fill(held, bytes, GRPC_PREFIX_SIZE, &rc))
		return rc;
	if (held->data[0] != 0)
		return -ENOTSUP;
	len = message_len(held);
	if (len > held->max - GRPC_PREFIX_SIZE)
		return -EMSGSIZE;
	if (!fill(held, bytes, GRPC_PREFIX_SIZE + len, &rc))
		return rc;
	*out_message = span_make(held->data + GRPC_PREFIX_SIZE, len);
	return 1;
}

static int hex_value(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) % 16 : -1;
}

void grpc_text_decode(struct span text, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len && n + 1 < size; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c == '%' && i + 2 < text.len && hex_value(text.ptr[i + 1]) >= 0 &&
		    hex_value(text.ptr[i + 2]) >= 0) {
			c = (unsigned char)(hex_value(text.ptr[i + 1]) * 16 + hex_value(text.ptr[i + 2]));
			i += 2;
		}
		out[n++] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
	}
	out[n] = '\0';
}
