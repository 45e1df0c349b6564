/* What address_parse takes holds what it promises, and every refusal has a sentence. */
#include <stdlib.h>

#include "net/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct address address;
	struct err err = { 0 };

	if (address_parse(span_make(data, size), &address, &err)) {
		if (!err.code || !err.msg[0])
			abort();
		return 0;
	}
	if (address.is_unix
		    ? address.path[0] != '/' || strlen(address.path) + 7 != size
		    : !address.host[0] || strlen(address.host) >= size || strpbrk(address.host, "/ []@"))
		abort();
	return 0;
}
