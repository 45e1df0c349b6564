#include "net/client_hello.h"

#include <errno.h>

#define RECORD_HANDSHAKE 22
#define HANDSHAKE_CLIENT_HELLO 1
#define EXTENSION_SERVER_NAME 0
#define EXTENSION_SESSION_TICKET 35
#define NAME_TYPE_HOST 0
#define RECORD_HEAD 5u
#define VERSION_AND_RANDOM 34u

/* Takes `size` bytes of a big-endian number from the front. */
static bool take_number(struct span *from, size_t size, size_t *out)
{
	if (from->len < size)
		return false;
	*out = 0;
	for (size_t i = 0; i < size; i++)
		*out = *out << 8 | (uint8_t)from->ptr[i];
	*from = span_make(from->ptr + size, from->len - size);
	return true;
}

static bool take(struct span *from, size_t len, struct span *out)
{
	if (from->len < len)
		return false;
	*out = span_make(from->ptr, len);
	*from = span_make(from->ptr + len, from->len - len);
	return true;
}

/* A vector with its length in `size` bytes in front. */
static bool take_vector(struct span *from, size_t size, struct span *out)
{
	size_t len;

	return take_number(from, size, &len) && take(from, len, out);
}

static bool read_server_name(struct span body, struct client_hello *out)
{
	struct span list, name;
	size_t type;

	if (!take_vector(&body, 2, &list) || body.len)
		return false;
	while (list.len) {
		if (!take_number(&list, 1, &type) || !take_vector(&list, 2, &name))
			return false;
		if (type == NAME_TYPE_HOST && !out->server_name.len)
			out->server_name = name;
	}
	return true;
}

static bool read_extensions(struct span list, struct client_hello *out)
{
	struct span body;
	size_t type;

	while (list.len) {
		if (!take_number(&list, 2, &type) || !take_vector(&list, 2, &body))
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
	size_t type, version, len;

	*out = (struct client_hello){ 0 };
	if (!bytes.len)
		return -EAGAIN;
	if (bytes.ptr[0] != RECORD_HANDSHAKE || (bytes.len > 1 && bytes.ptr[1] != 3))
		return -EBADMSG;
	if (!take_number(&record, 1, &type) || !take_number(&record, 2, &version) ||
	    !take_number(&record, 2, &len))
		return -EAGAIN;
	if (len < 4 || len > CLIENT_HELLO_MAX - RECORD_HEAD)
		return -EBADMSG;
	if (record.len && record.ptr[0] != HANDSHAKE_CLIENT_HELLO)
		return -EBADMSG;
	if (record.len < len)
		return -EAGAIN;
	record.len = len;
	if (!take_number(&record, 1, &type) || !take_vector(&record, 3, &hello) || record.len ||
	    !read_body(hello, out))
		return -EBADMSG;
	return 0;
}
