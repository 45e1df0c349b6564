#include "net/later.h"

#include <errno.h>

#define MAGIC_SIZE 8u

static const char magic[MAGIC_SIZE] = { 'H', 'F', 'L', 'A', 'T', 'E', 'R', 1 };

void later_write(unsigned retry_after_ms, char out[LATER_SIZE])
{
	memcpy(out, magic, MAGIC_SIZE);
	for (unsigned i = 0; i < 4; i++)
		out[MAGIC_SIZE + i] = (char)(retry_after_ms >> (24 - 8 * i));
}

int later_read(struct span bytes, unsigned *out_retry_after_ms)
{
	size_t len = bytes.len < MAGIC_SIZE ? bytes.len : MAGIC_SIZE;
	uint32_t ms = 0;

	if (len && memcmp(bytes.ptr, magic, len) != 0)
		return -EBADMSG;
	if (bytes.len < LATER_SIZE)
		return -EAGAIN;
	for (unsigned i = 0; i < 4; i++)
		ms = ms << 8 | (uint8_t)bytes.ptr[MAGIC_SIZE + i];
	*out_retry_after_ms = ms < LATER_MAX_MS ? ms : LATER_MAX_MS;
	return 0;
}
