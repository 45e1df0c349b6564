/* What json_parse takes, json_write gives back as text that parses to an equal tree. */
#include <stdlib.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json *first, *second;
	struct buf text, again;

	if (json_parse(span_make(data, size), &first, NULL))
		return 0;
	buf_init(&text, 8 * JSON_MAX_BYTES);
	buf_init(&again, 8 * JSON_MAX_BYTES);
	if (json_write(first, &text))
		abort();
	if (text.len <= JSON_MAX_BYTES) { /* escapes may have made it longer than what is taken */
		if (json_parse(buf_span(&text), &second, NULL) || !json_equal(first, second) ||
		    json_write(second, &again) || !span_eq(buf_span(&text), buf_span(&again)))
			abort();
		json_free(second);
		second = json_copy(first);
		if (!json_equal(first, second))
			abort();
		json_free(second);
	}
	json_free(first);
	buf_done(&text);
	buf_done(&again);
	return 0;
}
