/* Strategic merge patches over the schema of pods: keyed lists, sets, directives, order. */
#include <errno.h>

#include "tests/unit/api/patching.h"

static const struct schema *pod(void)
{
	return kind_of_storage("pods")->schema;
}

static void run_all(const struct patch_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		patching_run(&cases[i], pod(), patch_strategic);
}
#define RUN(cases) run_all(cases, sizeof(cases) / sizeof((cases)[0]))

#define SPEC(text) "{\"spec\":{" text "}}"
#define META(text) "{\"metadata\":{" text "}}"

static void objects_merge_and_nulls_remove(void **state)
{
	static const struct patch_case cases[] = {
		{ META("\"labels\":{\"a\":\"1\",\"b\":\"2\"}"), META("\"labels\":{\"b\":null,\"c\":\"3\"}"),
		  META("\"labels\":{\"a\":\"1\",\"c\":\"3\"}"), 0 },
		{ SPEC("\"hostNetwork\":true"), SPEC("\"hostNetwork\":null,\"nodeName\":\"n\""),
		  SPEC("\"nodeName\":\"n\""), 0 },
		{ "{}", META("\"annotations\":{\"a\":\"1\",\"b\":null}"),
		  META("\"annotations\":{\"a\":\"1\"}"), 0 },
	};
	RUN(cases);
}

static void keyed_lists_merge_by_their_key(void **state)
{
	static const struct patch_case cases[] = {
		/* changed */
		{ SPEC("\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\",\"image\":\"2\"}]"),
		  SPEC("\"containers\":[{\"name\":\"b\",\"image\":\"3\"}]"),
		  SPEC("\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\",\"image\":\"3\"}]"),
		  0 },
		/* added at the end */
		{ SPEC("\"containers\":[{\"name\":\"a\"}]"),
		  SPEC("\"containers\":[{\"name\":\"b\",\"image\":\"3\",\"tty\":null}]"),
		  SPEC("\"containers\":[{\"name\":\"a\"},{\"name\":\"b\",\"image\":\"3\"}]"), 0 },
		/* removed */
		{ SPEC("\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]"),
		  SPEC("\"containers\":[{\"$patch\":\"delete\",\"name\":\"a\"}]"),
		  SPEC("\"containers\":[{\"name\":\"b\"}]"), 0 },
		{ SPEC("\"containers\":[{\"name\":\"a\"}]"),
		  SPEC("\"containers\":[{\"$patch\":\"delete\",\"name\":\"z\"}]"),
		  SPEC("\"containers\":[{\"name\":\"a\"}]"), 0 },
		/* lists within items of lists */
		{ SPEC("\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":\"X\",\"value\":\"1\"},{\"name\":"
		       "\"Y\",\"value\":\"2\"}]}]"),
		  SPEC("\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":\"Y\",\"value\":\"9\"},{\"$"
		       "patch\":\"delete\",\"name\":\"X\"}]}]"),
		  SPEC("\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":\"Y\",\"value\":\"9\"}]}]"), 0 },
		/* a numeric key */
		{ SPEC("\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":80,\"name\":\"x\"}]}]"),
		  SPEC("\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":80,\"name\":\"y\"},{"
		       "\"containerPort\":81}]}]"),
		  SPEC("\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":80,\"name\":\"y\"},{"
		       "\"containerPort\":81}]}]"),
		  0 },
		/* the whole list replaced */
		{ SPEC("\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]"),
		  SPEC("\"containers\":[{\"$patch\":\"replace\"},{\"name\":\"z\"}]"),
		  SPEC("\"containers\":[{\"name\":\"z\"}]"), 0 },
	};
	RUN(cases);
}

static void lists_without_a_key_are_replaced(void **state)
{
	static const struct patch_case cases[] = {
		{ SPEC("\"tolerations\":[{\"key\":\"a\"},{\"key\":\"b\"}]"),
		  SPEC("\"tolerations\":[{\"key\":\"c\"}]"), SPEC("\"tolerations\":[{\"key\":\"c\"}]"), 0 },
		{ SPEC("\"containers\":[{\"name\":\"a\",\"args\":[\"1\",\"2\"]}]"),
		  SPEC("\"containers\":[{\"name\":\"a\",\"args\":[\"3\"]}]"),
		  SPEC("\"containers\":[{\"name\":\"a\",\"args\":[\"3\"]}]"), 0 },
	};
	RUN(cases);
}

static void sets_of_scalars_unite(void **state)
{
	static const struct patch_case cases[] = {
		{ META("\"finalizers\":[\"a/x\",\"b/x\"]"), META("\"finalizers\":[\"b/x\",\"c/x\"]"),
		  META("\"finalizers\":[\"a/x\",\"b/x\",\"c/x\"]"), 0 },
		{ META("\"finalizers\":[\"a/x\",\"b/x\"]"),
		  META("\"$deleteFromPrimitiveList/finalizers\":[\"a/x\"]"), META("\"finalizers\":[\"b/x\"]"),
		  0 },
		{ META("\"finalizers\":[\"a/x\",\"b/x\"]"),
		  META("\"$deleteFromPrimitiveList/finalizers\":[\"a/x\"],\"$setElementOrder/"
		       "finalizers\":[\"c/x\",\"b/x\"],"
		       "\"finalizers\":[\"c/x\"]"),
		  META("\"finalizers\":[\"c/x\",\"b/x\"]"), 0 },
	};
	RUN(cases);
}

static void order_is_set(void **state)
{
	static const struct patch_case cases[] = {
		/* reordered without another change */
		{ SPEC("\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\",\"image\":\"2\"}]"),
		  SPEC("\"$setElementOrder/containers\":[{\"name\":\"b\"},{\"name\":\"a\"}]"),
		  SPEC("\"containers\":[{\"name\":\"b\",\"image\":\"2\"},{\"name\":\"a\",\"image\":\"1\"}]"),
		  0 },
		/* put in front */
		{ SPEC("\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]"),
		  SPEC("\"$setElementOrder/"
		       "containers\":[{\"name\":\"z\"},{\"name\":\"a\"},{\"name\":\"b\"}],\"containers\":[{"
		       "\"name\":\"z\"}]"),
		  SPEC("\"containers\":[{\"name\":\"z\"},{\"name\":\"a\"},{\"name\":\"b\"}]"), 0 },
		/* an item that only the server has keeps its place among those it knew */
		{ SPEC("\"containers\":[{\"name\":\"a\"},{\"name\":\"server\"},{\"name\":\"b\"}]"),
		  SPEC("\"$setElementOrder/"
		       "containers\":[{\"name\":\"a\"},{\"name\":\"b\"}],\"containers\":[{\"name\":\"b\","
		       "\"image\":\"2\"}]"),
		  SPEC("\"containers\":[{\"name\":\"a\"},{\"name\":\"server\"},{\"name\":\"b\",\"image\":"
		       "\"2\"}]"),
		  0 },
		/* two items under one merge key both stay */
		{ SPEC("\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":53,\"protocol\":"
		       "\"TCP\"},"
		       "{\"containerPort\":53,\"protocol\":\"UDP\"}]}]"),
		  SPEC("\"containers\":[{\"name\":\"a\",\"$setElementOrder/"
		       "ports\":[{\"containerPort\":53},{\"containerPort\":53}]}]"),
		  SPEC("\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":53,\"protocol\":"
		       "\"TCP\"},"
		       "{\"containerPort\":53,\"protocol\":\"UDP\"}]}]"),
		  0 },
		/* order of a list that is not there */
		{ "{}", SPEC("\"$setElementOrder/containers\":[{\"name\":\"a\"}]"), "{\"spec\":{}}", 0 },
	};
	RUN(cases);
}

static void directives_replace_delete_and_retain(void **state)
{
	static const struct patch_case cases[] = {
		{ META("\"labels\":{\"a\":\"1\",\"b\":\"2\"}"),
		  META("\"labels\":{\"$patch\":\"replace\",\"c\":\"3\"}"), META("\"labels\":{\"c\":\"3\"}"),
		  0 },
		{ META("\"labels\":{\"a\":\"1\"}"), META("\"labels\":{\"$patch\":\"delete\"}"),
		  META("\"labels\":{}"), 0 },
		/* what a volume is from changes: nothing of the old kind stays */
		{ SPEC("\"volumes\":[{\"name\":\"v\",\"configMap\":{\"name\":\"c\"}}]"),
		  SPEC("\"volumes\":[{\"name\":\"v\",\"$retainKeys\":[\"name\",\"emptyDir\"],\"emptyDir\":{}}"
		       "]"),
		  SPEC("\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}]"), 0 },
		/* directives in what is new do not stay behind */
		{ "{}",
		  SPEC("\"volumes\":[{\"name\":\"v\",\"$retainKeys\":[\"name\",\"emptyDir\"],\"emptyDir\":{"
		       "\"$patch\":\"replace\"}}]"),
		  SPEC("\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}]"), 0 },
	};
	RUN(cases);
}

static void the_three_way_merge_of_an_apply(void **state)
{
	/* What kubectl sends when a container is dropped, one is changed, one put in front, and a label
	 * goes. */
	static const struct patch_case cases[] = {
		{ "{\"metadata\":{\"labels\":{\"app\":\"x\",\"old\":\"1\",\"added-by-server\":\"y\"}},"
		  "\"spec\":{\"containers\":["
		  "{\"name\":\"gone\",\"image\":\"1\"},{\"name\":\"kept\",\"image\":\"1\","
		  "\"imagePullPolicy\":\"Always\","
		  "\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\",\"value\":\"2\"}]}]}}",
		  "{\"metadata\":{\"labels\":{\"old\":null}},\"spec\":{"
		  "\"$setElementOrder/containers\":[{\"name\":\"new\"},{\"name\":\"kept\"}],\"containers\":["
		  "{\"name\":\"new\",\"image\":\"n\"},"
		  "{\"$setElementOrder/"
		  "env\":[{\"name\":\"B\"},{\"name\":\"C\"}],\"env\":[{\"name\":\"C\",\"value\":\"3\"},"
		  "{\"$patch\":\"delete\",\"name\":\"A\"}],\"image\":\"2\",\"name\":\"kept\"},"
		  "{\"$patch\":\"delete\",\"name\":\"gone\"}]}}",
		  "{\"metadata\":{\"labels\":{\"app\":\"x\",\"added-by-server\":\"y\"}},\"spec\":{"
		  "\"containers\":["
		  "{\"name\":\"new\",\"image\":\"n\"},{\"name\":\"kept\",\"image\":\"2\",\"imagePullPolicy\":"
		  "\"Always\","
		  "\"env\":[{\"name\":\"B\",\"value\":\"2\"},{\"name\":\"C\",\"value\":\"3\"}]}]}}",
		  0 },
	};
	RUN(cases);
}

static void bad_patches_are_refused(void **state)
{
	static const struct patch_case cases[] = {
		{ "{}", "[]", NULL, -EINVAL },
		{ "{}", "null", NULL, -EINVAL },
		{ "{}", SPEC("\"containers\":[{\"image\":\"1\"}]"), NULL, -EINVAL },
		{ "{}", SPEC("\"containers\":[\"x\"]"), NULL, -EINVAL },
		{ "{}", SPEC("\"containers\":[{\"$patch\":\"explode\",\"name\":\"a\"}]"), NULL, -EINVAL },
		{ "{}", SPEC("\"$patch\":\"explode\""), NULL, -EINVAL },
		{ "{}", SPEC("\"$patch\":7"), NULL, -EINVAL },
		{ "{}", SPEC("\"$retainKeys\":\"x\""), NULL, -EINVAL },
		{ META("\"finalizers\":[\"a\"]"), META("\"$deleteFromPrimitiveList/finalizers\":7"), NULL,
		  -EINVAL },
		{ META("\"finalizers\":[\"a\"]"), META("\"$setElementOrder/finalizers\":{}"), NULL, -EINVAL },
	};
	RUN(cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_merge_and_nulls_remove),
		cmocka_unit_test(keyed_lists_merge_by_their_key),
		cmocka_unit_test(lists_without_a_key_are_replaced),
		cmocka_unit_test(sets_of_scalars_unite),
		cmocka_unit_test(order_is_set),
		cmocka_unit_test(directives_replace_delete_and_retain),
		cmocka_unit_test(the_three_way_merge_of_an_apply),
		cmocka_unit_test(bad_patches_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
