/* JSON Merge Patch: the table of RFC 7386 appendix A, objects only. */
#include <errno.h>

#include "tests/unit/api/patching.h"

static int apply(const struct schema *schema, struct json **tree, const struct json *patch, struct err *err)
{
	return patch_merge(tree, patch, err);
}

static void members_are_merged_replaced_and_removed(void **state)
{
	static const struct patch_case cases[] = {
		{ "{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}", 0 },
		{ "{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}", 0 },
		{ "{\"a\":\"b\"}", "{\"a\":null}", "{}", 0 },
		{ "{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}", 0 },
		{ "{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}", 0 },
		{ "{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}", 0 },
		{ "{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}", 0 },
		{ "{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}", 0 },
		{ "{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}", 0 },
		{ "{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}", 0 },
		{ "{\"a\":\"x\"}", "{\"a\":{\"b\":1,\"c\":null}}", "{\"a\":{\"b\":1}}", 0 },
		{ "{}", "[1]", NULL, -EINVAL },
		{ "{}", "null", NULL, -EINVAL },
		{ "{}", "\"x\"", NULL, -EINVAL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		patching_run(&cases[i], NULL, apply);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(members_are_merged_replaced_and_removed) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
