/* A token that is read can be written again, and reads the same. */
#include <stdlib.h>

#include "api/list_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct list_token token, again;
	struct buf text;

	if (list_token_read(span_make(data, size), &token))
		return 0;
	buf_init(&text, LIST_TOKEN_MAX * 2);
	if (list_token_write(&token, &text) || list_token_read(buf_span(&text), &again))
		abort();
	if (token.revision != again.revision || token.remaining != again.remaining ||
	    strcmp(token.ns, again.ns) || strcmp(token.name, again.name) ||
	    memcmp(token.epoch, again.epoch, sizeof(token.epoch)))
		abort();
	buf_done(&text);
	return 0;
}
