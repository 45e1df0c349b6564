/* Owner references and finalizers of any shape. */
#include "control/collect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum collect_owner absent(void *ctx, const struct json *reference)
{
	return COLLECT_ABSENT;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct collect_judgement judgement;
	struct json *tree = NULL;

	if (json_parse(span_make(data, size), &tree, NULL))
		return 0;
	collect_judge(tree, absent, NULL, &judgement);
	assert_always(judgement.gone_count <= COLLECT_OWNERS_MAX);
	assert_always((judgement.verdict == COLLECT_KEEP) == (judgement.gone_count == 0));
	(void)collect_policy_of(tree);
	(void)collect_blocks(tree, "a");
	if (collect_drop_owner(tree, "a") == 1)
		assert_always(collect_drop_owner(tree, "a") == 0);
	if (collect_drop_finalizer(tree, FINALIZER_ORPHAN) == 1)
		assert_always(collect_drop_finalizer(tree, FINALIZER_ORPHAN) == 0);
	json_free(tree);
	return 0;
}
