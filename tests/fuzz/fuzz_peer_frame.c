/* What a stranger sends to the health port over TCP: never more is taken than is there, a frame cut short is never whole, and what was read
 * is written back byte for byte. */
#include <stdlib.h>

#include "edge-hub/health/peer_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct span whole, const struct peer_frame *frame, size_t used)
{
	struct peer_frame again;
	size_t ignored;
	struct buf out;

	if (used < PEER_FRAME_HEAD || used > whole.len || used > PEER_FRAME_MAX)
		abort();
	for (size_t len = 0; len < used; len++)
		if (peer_frame_read(span_make(whole.ptr, len), &again, &ignored) == 1)
			abort();
	buf_init(&out, PEER_FRAME_MAX);
	if (peer_frame_write(frame, &out) || out.len != used || memcmp(out.data, whole.ptr, used) != 0)
		abort();
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_make(data, size);
	struct peer_frame frame;
	size_t used = 0;

	while (peer_frame_read(rest, &frame, &used) == 1) {
		check(rest, &frame, used);
		rest = span_make(rest.ptr + used, rest.len - used);
	}
	return 0;
}
