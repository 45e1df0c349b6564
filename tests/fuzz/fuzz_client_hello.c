/* What is found in a ClientHello lies within it, and a longer prefix never takes back that something is none. The same bytes are read
 * as the answer of a busy server. */
#include <errno.h>
#include <stdlib.h>

#include "net/client_hello.h"
#include "net/later.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct span part, struct span whole)
{
	if (part.len && (part.ptr < whole.ptr || part.ptr + part.len > whole.ptr + whole.len))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span whole = span_make(data, size);
	struct client_hello hello;
	unsigned ms = 0;
	int code = client_hello_read(whole, &hello);

	if (!code) {
		check_inside(hello.server_name, whole);
		check_inside(hello.ticket, whole);
	}
	for (size_t len = 0; len < size; len += 1 + size / 64) {
		int part = client_hello_read(span_make(data, len), &hello);

		if (part == -EBADMSG && code != -EBADMSG)
			abort();
	}
	if (!later_read(whole, &ms) && (ms > LATER_MAX_MS || !code))
		abort();
	return 0;
}
