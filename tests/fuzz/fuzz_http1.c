/* A request means the same in one piece and byte by byte, what passes the gate obeys its rules, and what follows a
 * complete message is left alone. The first byte chooses requests or answers. */
#include <stdlib.h>

#include "net/http1.h"

#define BODY_MAX 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	enum http1_event event;
	size_t taken;
	struct http1 *http1;
};

static struct outcome run(enum http1_kind kind, struct span bytes, size_t step)
{
	struct outcome out = { .http1 = http1_new(kind, BODY_MAX) };

	if (!out.http1)
		abort();
	while (bytes.len && out.event != HTTP1_MESSAGE && out.event != HTTP1_BAD) {
		struct span piece = span_make(bytes.ptr, bytes.len < step ? bytes.len : step);
		size_t before = piece.len;

		out.event = http1_feed(out.http1, &piece);
		if (piece.len > before || (out.event == HTTP1_MORE && piece.len))
			abort();
		out.taken += before - piece.len;
		bytes = span_make(bytes.ptr + before - piece.len, bytes.len - before + piece.len);
	}
	return out;
}

static void check(const struct http1_message *message, enum http1_kind kind)
{
	for (size_t i = 0; i < message->header_count; i++)
		if (!message->headers[i].name.len ||
		    memchr(message->headers[i].name.ptr, ' ', message->headers[i].name.len) ||
		    memchr(message->headers[i].value.ptr, '\n', message->headers[i].value.len))
			abort();
	if (message->header_count > HTTP_HEADERS_MAX || message->body.len > BODY_MAX)
		abort();
	if (kind == HTTP1_REQUEST && (!message->method.len || !message->path.len ||
				      (message->path.ptr[0] != '/' && !span_is(message->path, "*"))))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum http1_kind kind;
	struct outcome whole, bytewise;

	if (!size)
		return 0;
	kind = data[0] & 1 ? HTTP1_RESPONSE : HTTP1_REQUEST;
	whole = run(kind, span_make(data + 1, size - 1), size);
	bytewise = run(kind, span_make(data + 1, size - 1), 1);
	if ((whole.event == HTTP1_MESSAGE) != (bytewise.event == HTTP1_MESSAGE) ||
	    (whole.event == HTTP1_BAD) != (bytewise.event == HTTP1_BAD))
		abort();
	if (whole.event == HTTP1_MESSAGE) {
		const struct http1_message *a = http1_message(whole.http1),
					   *b = http1_message(bytewise.http1);

		if (whole.taken != bytewise.taken || !span_eq(a->body, b->body) ||
		    a->header_count != b->header_count || a->keep_alive != b->keep_alive)
			abort();
		check(a, kind);
	} else if (whole.event == HTTP1_BAD) {
		if (http1_status(whole.http1) < 400 || !http1_reason(whole.http1))
			abort();
	} else {
		(void)!http1_end(whole.http1);
	}
	http1_free(whole.http1);
	http1_free(bytewise.http1);
	return 0;
}
