/* Selectors on labels: what parses matches the same against packed pairs and JSON. */
#include <stdlib.h>

#include "api/selector.h"
#include "cache/object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char labels_text[] = "{\"app\":\"web\",\"n\":\"7\",\"x/y\":\"\"}";
	struct selector *selector;
	struct json *labels;
	struct buf packed;
	struct err err;

	if (selector_parse_labels(span_make(data, size), &selector, &err))
		return 0;
	buf_init(&packed, 1000);
	if (pairs_add(&packed, "app", "web") || pairs_add(&packed, "n", "7") ||
	    pairs_add(&packed, "x/y", "") || json_parse(span_of(labels_text), &labels, NULL))
		abort();
	if (selector_match(selector, buf_span(&packed)) != selector_match_json(selector, labels))
		abort();
	for (size_t i = 0; selector_key(selector, i); i++)
		(void)selector_requires(selector, selector_key(selector, i));
	json_free(labels);
	buf_done(&packed);
	selector_free(selector);
	return 0;
}
