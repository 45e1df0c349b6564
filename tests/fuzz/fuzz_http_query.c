/* A walk over any query ends, each pair is no longer than its text, and unescaped text has no more bytes than it had. */
#include <errno.h>
#include <stdlib.h>

#include "net/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span query = span_make(data, size);
	struct buf key, value;
	size_t cursor = 0, pairs = 0, total = 0;
	int rc;

	buf_init(&key, 1u << 20);
	buf_init(&value, 1u << 20);
	while ((rc = http_query_next(query, &cursor, &key, &value)) != -ENOENT) {
		if (rc && rc != -EINVAL && rc != -EMSGSIZE)
			abort();
		total += key.len + value.len;
		if (++pairs > size || total > size)
			abort();
	}
	buf_reset(&value);
	if (!http_unescape(query, false, &value) && value.len > size)
		abort();
	buf_done(&key);
	buf_done(&value);
	return 0;
}
