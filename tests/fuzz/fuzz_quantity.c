/* Quantities: canonical text means the same as what it was made of, and is its own canonical text. */
#include <stdlib.h>

#include "api/quantity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_make(data, size);
	int64_t milli, whole, again;
	struct buf first, second;

	if (quantity_parse_milli(text, &milli))
		return 0;
	if (quantity_parse(text, &whole))
		abort();
	buf_init(&first, 1000);
	buf_init(&second, 1000);
	if (quantity_canonical(text, &first))
		abort();
	/* Powers past what a text may hold write more digits than are read. */
	if (!quantity_parse_milli(buf_span(&first), &again)) {
		if (again != milli && milli != INT64_MAX && milli != INT64_MIN)
			abort();
		if (quantity_canonical(buf_span(&first), &second))
			abort();
		if (milli != INT64_MAX && milli != INT64_MIN && !span_eq(buf_span(&first), buf_span(&second)))
			abort();
	}
	buf_done(&first);
	buf_done(&second);
	return 0;
}
