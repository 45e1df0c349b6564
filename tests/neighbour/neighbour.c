/* neighbour: what makes a program one of the next release, as far as the tunnel goes. Linked over the hubs' own code with ld's --wrap: each
 * message has a field that this release does not know, the greeting is followed by a message that it does not know, and each
 * record ends with a frame of an optional type that it does not know. The versions are those of the build. */
#include <errno.h>

#include "tunnel/frame.h"
#include "tunnel/message.h"
#include "tunnel/mux.h"

#define TOMORROW "tomorrow"
#define UNKNOWN_MESSAGE 31u /* the last number of the control channel */
#define UNKNOWN_FRAME 200u

/* The linker's names for the wrapped functions and for what wraps them. */
struct blob *__real_message_blob(uint16_t kind, const void *message);
struct blob *__wrap_message_blob(uint16_t kind, const void *message);
int __real_mux_send_control(struct mux *mux, uint16_t kind, struct span bytes);
int __wrap_mux_send_control(struct mux *mux, uint16_t kind, struct span bytes);
int __real_mux_output(struct mux *mux, struct buf *out, size_t max);
int __wrap_mux_output(struct mux *mux, struct buf *out, size_t max);

struct blob *__wrap_message_blob(uint16_t kind, const void *message)
{
	/* Field 1000, length-delimited: the key is 8002 as a varint. */
	static const char field[] = "\xc2\x3e\x08" TOMORROW;
	struct blob *plain = __real_message_blob(kind, message), *longer;
	uint8_t *data = NULL;

	if (!plain)
		return NULL;
	longer = blob_alloc(blob_span(plain).len + sizeof(field) - 1, &data);
	if (longer) {
		if (blob_span(plain).len)
			memcpy(data, blob_span(plain).ptr, blob_span(plain).len);
		memcpy(data + blob_span(plain).len, field, sizeof(field) - 1);
	}
	blob_unref(plain);
	return longer;
}

int __wrap_mux_send_control(struct mux *mux, uint16_t kind, struct span bytes)
{
	int code = __real_mux_send_control(mux, kind, bytes);

	if (!code && (kind == MSG_HELLO || kind == MSG_WELCOME))
		code = __real_mux_send_control(mux, UNKNOWN_MESSAGE, SPAN(TOMORROW));
	return code;
}

int __wrap_mux_output(struct mux *mux, struct buf *out, size_t max)
{
	struct frame frame = { .type = UNKNOWN_FRAME, .flags = 7, .kind = 9, .stream = 11, .length = 8 };
	uint8_t header[FRAME_HEADER_SIZE];
	size_t before = out->len;
	int code = __real_mux_output(mux, out, max);

	if (code || out->len == before)
		return code;
	frame_header(&frame, header);
	buf_add(out, header, sizeof(header));
	buf_add_str(out, TOMORROW);
	return buf_error(out);
}
