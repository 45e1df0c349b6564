#include "net/later.h"

#include <errno.h>

#include "base/bigend.h"

#define MAGIC_SIZE 8u

static const char magic[MAGIC_SIZE] = { 'H', 'F', 'L', 'A', 'T', 'E', 'R', 1 };

void later_write(unsigned retry_after_ms, char out[LATER_SIZE])
{
	memcpy(out, magic, MAGIC_SIZE);
	bigend_store(retry_after_ms, 4, out + MAGIC_SIZE);
}

int later_read(struct span bytes, unsigned *out_retry_after_ms)
{
	size_t len = bytes.len < MAGIC_SIZE ? bytes.len : MAGIC_SIZE;
	uint32_t ms;

	if (len && memcmp(bytes.ptr, magic, len) != 0)
		return -EBADMSG;
	if (bytes.len < LATER_SIZE)
		return -EAGAIN;
	ms = (uint32_t)bigend_load(bytes.ptr + MAGIC_SIZE, 4);
	*out_retry_after_ms = ms < LATER_MAX_MS ? ms : LATER_MAX_MS;
	return 0;
}
