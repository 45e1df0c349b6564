/* Slices of any shape, with any annotation: taken out and put back, nothing is left of it. */
#include "edge-hub/services/withdrawal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum withdrawal decide(void *ctx, const char *node)
{
	const bool *all_back = ctx;

	return *all_back ? WITHDRAWAL_PUT_BACK : strlen(node) % 2 ? WITHDRAWAL_TAKE_OUT : WITHDRAWAL_KEEP;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json *slice = NULL, *before = NULL;
	bool all_back = true;

	if (json_parse(span_make(data, size), &slice, NULL))
		return 0;
	if (withdrawal_apply(slice, decide, &all_back) >= 0) {
		before = json_copy(slice);
		all_back = false;
		assert_always(before && withdrawal_apply(slice, decide, &all_back) >= 0);
		assert_always(withdrawal_apply(slice, decide, &all_back) == 0);
		all_back = true;
		assert_always(withdrawal_apply(slice, decide, &all_back) >= 0);
		assert_always(withdrawal_apply(slice, decide, &all_back) == 0);
	}
	json_free(before);
	json_free(slice);
	return 0;
}
