/* Messages come out the same whatever the pieces; the first byte is the size of the pieces. */
#include <stdlib.h>

#include "net/grpc_frame.h"

#define MESSAGE_MAX 1000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int reassemble(struct span bytes, size_t step, struct buf *out)
{
	struct buf held;
	struct span message;
	int rc = 0;

	buf_init(&held, GRPC_PREFIX_SIZE + MESSAGE_MAX);
	while (bytes.len && rc >= 0) {
		struct span piece = span_make(bytes.ptr, bytes.len < step ? bytes.len : step);

		bytes = span_make(bytes.ptr + piece.len, bytes.len - piece.len);
		while (piece.len && rc >= 0) {
			rc = grpc_frame_next(&held, &piece, &message);
			if (rc == 1 && (message.len > MESSAGE_MAX || buf_addf(out, "%zu:", message.len) ||
					buf_add_span(out, message)))
				abort();
		}
	}
	buf_done(&held);
	return rc < 0 ? rc : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, pieces;
	char text[64];

	if (!size)
		return 0;
	buf_init(&whole, 16 * size + 64);
	buf_init(&pieces, 16 * size + 64);
	if (reassemble(span_make(data + 1, size - 1), size, &whole) !=
		    reassemble(span_make(data + 1, size - 1), data[0] ? data[0] : 1, &pieces) ||
	    !span_eq(buf_span(&whole), buf_span(&pieces)))
		abort();
	grpc_text_decode(span_make(data, size), text, sizeof(text));
	if (strlen(text) >= sizeof(text))
		abort();
	buf_done(&whole);
	buf_done(&pieces);
	return 0;
}
