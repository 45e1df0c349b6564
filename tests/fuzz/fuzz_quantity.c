/* Quantities: canonical text means the same as what it was made of, and so does the canonical text of that. */
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
	if (!quantity_parse_milli(buf_span(&first), &again) && milli != INT64_MAX && milli != INT64_MIN) {
		if (again != milli || quantity_canonical(buf_span(&first), &second) ||
		    quantity_parse_milli(buf_span(&second), &again) || again != milli)
			abort();
	}
	buf_done(&first);
	buf_done(&second);
	return 0;
}
