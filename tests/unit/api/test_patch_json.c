/* JSON Patch: the cases of RFC 6902 appendix A by behaviour, and hostile ones. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/api/patching.h"

static int apply(const struct schema *schema, struct json **tree, const struct json *patch, struct err *err)
{
	return patch_json(tree, patch, err);
}

static void run_all(const struct patch_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		patching_run(&cases[i], NULL, apply);
}
#define RUN(cases) run_all(cases, sizeof(cases) / sizeof((cases)[0]))

static void adds(void **state)
{
	static const struct patch_case cases[] = {
		{ "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\",\"value\":2}]", "{\"a\":1,\"b\":2}", 0 },
		{ "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/a\",\"value\":2}]", "{\"a\":2}", 0 },
		{ "{\"a\":[1,3]}", "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":2}]", "{\"a\":[1,2,3]}", 0 },
		{ "{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/-\",\"value\":2}]", "{\"a\":[1,2]}", 0 },
		{ "{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":[2]}]", "{\"a\":[1,[2]]}", 0 },
		{ "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"\",\"value\":{\"z\":1}}]", "{\"z\":1}", 0 },
		{ "{\"a\":{}}", "[{\"op\":\"add\",\"path\":\"/a/\",\"value\":1}]", "{\"a\":{\"\":1}}", 0 },
		{ "{}", "[{\"op\":\"add\",\"path\":\"/a\",\"value\":null}]", "{\"a\":null}", 0 },
		{ "{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/2\",\"value\":2}]", NULL, -EINVAL },
		{ "{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/01\",\"value\":2}]", NULL, -EINVAL },
		{ "{}", "[{\"op\":\"add\",\"path\":\"/a/b\",\"value\":2}]", NULL, -EINVAL },
		{ "{}", "[{\"op\":\"add\",\"path\":\"/a\"}]", NULL, -EINVAL },
	};
	RUN(cases);
}

static void removes_and_replaces(void **state)
{
	static const struct patch_case cases[] = {
		{ "{\"a\":1,\"b\":2}", "[{\"op\":\"remove\",\"path\":\"/b\"}]", "{\"a\":1}", 0 },
		{ "{\"a\":[1,2,3]}", "[{\"op\":\"remove\",\"path\":\"/a/1\"}]", "{\"a\":[1,3]}", 0 },
		{ "{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/b\"}]", NULL, -EINVAL },
		{ "{\"a\":[1]}", "[{\"op\":\"remove\",\"path\":\"/a/1\"}]", NULL, -EINVAL },
		{ "{\"a\":[1]}", "[{\"op\":\"remove\",\"path\":\"/a/-\"}]", NULL, -EINVAL },
		{ "{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"\"}]", NULL, -EINVAL },
		{ "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":2}]", "{\"a\":2}", 0 },
		{ "{\"a\":[1,2]}", "[{\"op\":\"replace\",\"path\":\"/a/0\",\"value\":9}]", "{\"a\":[9,2]}",
		  0 },
		{ "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":{}}]", "{}", 0 },
		{ "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/b\",\"value\":2}]", NULL, -EINVAL },
	};
	RUN(cases);
}

static void moves_and_copies(void **state)
{
	static const struct patch_case cases[] = {
		{ "{\"a\":{\"x\":1},\"b\":{}}", "[{\"op\":\"move\",\"from\":\"/a/x\",\"path\":\"/b/y\"}]",
		  "{\"a\":{},\"b\":{\"y\":1}}", 0 },
		{ "{\"a\":[1,2,3]}", "[{\"op\":\"move\",\"from\":\"/a/0\",\"path\":\"/a/2\"}]",
		  "{\"a\":[2,3,1]}", 0 },
		{ "{\"a\":[1,2]}", "[{\"op\":\"copy\",\"from\":\"/a/0\",\"path\":\"/a/-\"}]",
		  "{\"a\":[1,2,1]}", 0 },
		{ "{\"a\":1}", "[{\"op\":\"copy\",\"from\":\"\",\"path\":\"/b\"}]",
		  "{\"a\":1,\"b\":{\"a\":1}}", 0 },
		{ "{\"a\":{\"b\":1}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]", NULL,
		  -EINVAL },
		{ "{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/b\",\"path\":\"/c\"}]", NULL, -EINVAL },
		{ "{\"a\":1}", "[{\"op\":\"copy\",\"path\":\"/c\"}]", NULL, -EINVAL },
	};
	RUN(cases);
}

static void tests_guard(void **state)
{
	static const struct patch_case cases[] = {
		{ "{\"a\":{\"b\":[1,\"x\"]}}",
		  "[{\"op\":\"test\",\"path\":\"/"
		  "a\",\"value\":{\"b\":[1,\"x\"]}},{\"op\":\"remove\",\"path\":\"/a\"}]",
		  "{}", 0 },
		{ "{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]", NULL, -ESTALE },
		{ "{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/b\",\"value\":2}]", NULL, -ESTALE },
		{ "{\"a\":\"1\"}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1}]", NULL, -ESTALE },
	};
	RUN(cases);
}

static void pointers_are_unescaped(void **state)
{
	static const struct patch_case cases[] = {
		{ "{\"a/b\":1,\"m~n\":2}", "[{\"op\":\"remove\",\"path\":\"/a~1b\"}]", "{\"m~n\":2}", 0 },
		{ "{\"a/b\":1,\"m~n\":2}", "[{\"op\":\"remove\",\"path\":\"/m~0n\"}]", "{\"a/b\":1}", 0 },
		{ "{\"~1\":1}", "[{\"op\":\"remove\",\"path\":\"/~01\"}]", "{}", 0 },
		{ "{}", "[{\"op\":\"add\",\"path\":\"/~2\",\"value\":1}]", NULL, -EINVAL },
		{ "{}", "[{\"op\":\"add\",\"path\":\"/~\",\"value\":1}]", NULL, -EINVAL },
		{ "{}", "[{\"op\":\"add\",\"path\":\"a\",\"value\":1}]", NULL, -EINVAL },
		{ "{}", "[{\"op\":\"add\",\"path\":7,\"value\":1}]", NULL, -EINVAL },
	};
	RUN(cases);
}

static void what_is_no_patch_is_refused(void **state)
{
	static const struct patch_case cases[] = {
		{ "{}", "{}", NULL, -EINVAL },
		{ "{}", "7", NULL, -EINVAL },
		{ "{}", "[7]", NULL, -EINVAL },
		{ "{}", "[{}]", NULL, -EINVAL },
		{ "{}", "[{\"op\":\"frobnicate\",\"path\":\"/a\"}]", NULL, -EINVAL },
		{ "{\"a\":1}", "[]", "{\"a\":1}", 0 },
	};
	RUN(cases);
}

static struct json *repeat(const char *op, unsigned times)
{
	struct json *patch = json_new_array();

	for (unsigned i = 0; i < times; i++)
		assert_int_equal(json_append(patch, patching_parse(op)), 0);
	return patch;
}

static void expect_too_big(const char *document, const char *op, unsigned times)
{
	struct json *tree = patching_parse(document), *patch = repeat(op, times);
	struct err err = { 0 };

	assert_int_equal(patch_json(&tree, patch, &err), -E2BIG);
	json_free(tree);
	json_free(patch);
}

static void growth_is_bounded(void **state)
{
	/* Each op doubles the document. */
	expect_too_big("{\"a\":[\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"]}",
		       "{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/-\"}", 60);
	/* Each op nests it one deeper. */
	expect_too_big("{\"a\":{}}", "{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/b\"}", 100);
	expect_too_big("{}", "{\"op\":\"add\",\"path\":\"/a\",\"value\":1}", PATCH_OPS_MAX + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds),
		cmocka_unit_test(removes_and_replaces),
		cmocka_unit_test(moves_and_copies),
		cmocka_unit_test(tests_guard),
		cmocka_unit_test(pointers_are_unescaped),
		cmocka_unit_test(what_is_no_patch_is_refused),
		cmocka_unit_test(growth_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
