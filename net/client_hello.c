#include "net/client_hello.h"

#include <errno.h>

#include "base/bigend.h"

#define RECORD_HANDSHAKE 22
#define HANDSHAKE_CLIENT_HELLO 1
#define EXTENSION_SERVER_NAME 0
#define EXTENSION_SESSION_TICKET 35
#define NAME_TYPE_HOST 0
#define RECORD_HEAD 5u
#define VERSION_AND_RANDOM 34u

static bool take(struct span *from, size_t len, struct span *out)
{
	if (from->len < len)
		return false;
	*out = span_make(from->ptr, len);
	*from = span_make(from->ptr + len, from->len - len);
	return true;
}

/* A vector with its length in `size` bytes in front. */
static bool take_vector(struct span *from, unsigned size, struct span *out)
{
	uint64_t len;

	return bigend_take(from, size, &len) && take(from, (size_t)len, out);
}

static bool read_server_name(struct span body, struct client_hello *out)
{
	struct span list, name;
	uint64_t type;

	if (!take_vector(&body, 2, &list) || body.len)
		return false;
	while (list.len) {
		if (!bigend_take(&list, 1, &type) || !take_vector(&list, 2, &name))
			return false;
		if (type == NAME_TYPE_HOST && !out->server_name.len)
			out->server_name = name;
	}
	return true;
}

static bool read_extensions(struct span list, struct client_hello *out)
{
	struct span body;
	uint64_t type;

	while (list.len) {
		if (!bigend_take(&list, 2, &type) || !take_vector(&list, 2, &body))
			return false;
		if (type == EXTENSION_SERVER_NAME && !read_server_name(body, out))
			return false;
		if (type == EXTENSION_SESSION_TICKET)
			out->ticket = body;
	}
	return true;
}

static bool read_body(struct span hello, struct client_hello *out)
{
	struct span skipped, extensions;

	if (!take(&hello, VERSION_AND_RANDOM, &skipped) || !take_vector(&hello, 1, &skipped) ||
	    !take_vector(&hello, 2, &skipped) || !take_vector(&hello, 1, &skipped))
		return false;
	if (!hello.len)
		return true; /* no extensions */
	return take_vector(&hello, 2, &extensions) && !hello.len && read_extensions(extensions, out);
}

int client_hello_read(struct span bytes, struct client_hello *out)
{
	struct span hello, record = bytes;
	uint64_t type, version, len;

	*out = (struct client_hello){ 0 };
	if (!bytes.len)
		return -EAGAIN;
	if (bytes.ptr[0] != RECORD_HANDSHAKE || (bytes.len > 1 && bytes.ptr[1] != 3))
		return -EBADMSG;
	if (!bigend_take(&record, 1, &type) || !bigend_take(&record, 2, &version) ||
	    !bigend_take(&record, 2, &len))
		return -EAGAIN;
	if (len < 4 || len > CLIENT_HELLO_MAX - RECORD_HEAD)
		return -EBADMSG;
	if (record.len && record.ptr[0] != HANDSHAKE_CLIENT_HELLO)
		return -EBADMSG;
	if (record.len < len)
		return -EAGAIN;
	record.len = (size_t)len;
	if (!bigend_take(&record, 1, &type) || !take_vector(&record, 3, &hello) || record.len ||
	    !read_body(hello, out))
		return -EBADMSG;
	return 0;
}
