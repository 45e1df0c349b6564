#include "base/bigend.h"

#include <assert.h>

void bigend_store(uint64_t number, unsigned bytes, void *out)
{
	uint8_t *at = out;

	assert(bytes && bytes <= BIGEND_MAX);
	for (unsigned i = bytes; i-- > 0; number >>= 8)
		at[i] = (uint8_t)number;
}

uint64_t bigend_load(const void *from, unsigned bytes)
{
	const uint8_t *at = from;
	uint64_t number = 0;

	assert(bytes && bytes <= BIGEND_MAX);
	for (unsigned i = 0; i < bytes; i++)
		number = number << 8 | at[i];
	return number;
}

int bigend_add(struct buf *out, uint64_t number, unsigned bytes)
{
	uint8_t stored[BIGEND_MAX];

	bigend_store(number, bytes, stored);
	return buf_add(out, stored, bytes);
}

bool bigend_take(struct span *rest, unsigned bytes, uint64_t *out)
{
	if (rest->len < bytes)
		return false;
	*out = bigend_load(rest->ptr, bytes);
	*rest = span_make(rest->ptr + bytes, rest->len - bytes);
	return true;
}
