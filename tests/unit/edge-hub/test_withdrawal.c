#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "edge-hub/services/withdrawal.h"
#include "tests/tools/failmalloc.h"

#include <errno.h>
#include <stdlib.h>

/* ' for ". */
static struct json *quoted(const char *text)
{
	char *copy = span_dup(span_of(text));
	struct json *tree = NULL;

	for (char *at = copy; *at; at++)
		if (*at == '\'')
			*at = '"';
	if (json_parse(span_of(copy), &tree, NULL))
		fail_msg("%s", text);
	free(copy);
	return tree;
}

/* "dead-..." is taken out, "alive-..." and the one in ctx ("*": all) put back, of others nothing is known. */
static enum withdrawal by_name(void *ctx, const char *node)
{
	const char *alive = ctx;

	if (!strcmp(node, alive) || !strcmp(alive, "*"))
		return WITHDRAWAL_PUT_BACK;
	return !strncmp(node, "dead", 4)    ? WITHDRAWAL_TAKE_OUT
	       : !strncmp(node, "alive", 5) ? WITHDRAWAL_PUT_BACK
					    : WITHDRAWAL_KEEP;
}

#define ON(node, conditions) "{'addresses':['10.0.0.1'],'nodeName':'" node "','conditions':{" conditions "}}"
#define SLICE(endpoints) "{'metadata':{'name':'s'},'endpoints':[" endpoints "]}"
#define READY "'ready':true,'serving':true,'terminating':false"
#define LEAVING "'ready':false,'serving':true,'terminating':true"
#define BAD "'ready':false,'serving':false,'terminating':false"

static void becomes(struct json *slice, const char *alive, int changed, const char *expected)
{
	struct json *want = quoted(expected);
	struct buf text;

	assert_int_equal(withdrawal_apply(slice, by_name, (void *)alive), changed);
	buf_init(&text, 4096);
	assert_int_equal(json_write(slice, &text), 0);
	/* The annotation is JSON in JSON, so it is looked at by its count alone. */
	(void)json_remove(json_get(want, "metadata"), "annotations");
	if (json_path(slice, "metadata.annotations")) {
		struct json *copy = json_copy(slice);

		(void)json_remove(json_get(copy, "metadata"), "annotations");
		if (!json_equal(copy, want))
			fail_msg("got %s\nwant %s", buf_cstr(&text), expected);
		json_free(copy);
	} else if (!json_equal(slice, want)) {
		fail_msg("got %s\nwant %s", buf_cstr(&text), expected);
	}
	buf_done(&text);
	json_free(want);
}

static void the_dead_are_taken_out_and_put_back_as_they_were(void **state)
{
	struct json *slice =
		quoted(SLICE(ON("dead-1", READY) "," ON("alive-1", READY) "," ON("dead-2", LEAVING) "," ON(
			"dead-3", BAD) "," ON("other", READY) ",{'addresses':['x'],'conditions':{" READY
							      "}}"));

	becomes(slice, "", 1,
		SLICE(ON("dead-1", BAD) "," ON("alive-1", READY) "," ON(
			"dead-2",
			"'ready':false,'serving':"
			"false,'terminating':"
			"true") "," ON("dead-3", BAD) "," ON("other",
							     READY) ",{'addresses':['x'],'conditions':{" READY
								    "}}"));
	assert_int_equal(withdrawal_count(slice), 2);
	assert_int_equal(withdrawal_apply(slice, by_name, ""), 0);
	assert_int_equal(withdrawal_apply(slice, by_name, "dead-1"), 1);
	assert_int_equal(withdrawal_count(slice), 1);
	assert_true(json_path_bool(slice, "endpoints.0.conditions.ready", false));
	becomes(slice, "dead-2", 1,
		SLICE(ON("dead-1", BAD) "," ON("alive-1", READY) "," ON("dead-2", LEAVING) "," ON(
			"dead-3", BAD) "," ON("other", READY) ",{'addresses':['x'],'conditions':{" READY
							      "}}"));
	assert_int_equal(withdrawal_count(slice), 1); /* dead-1 again */
	assert_int_equal(withdrawal_apply(slice, by_name, "*"), 1);
	assert_int_equal(withdrawal_count(slice), 0);
	assert_null(json_path(slice, "metadata.annotations"));
	json_free(slice);
}

static void of_whom_nothing_is_known_stays_out(void **state)
{
	struct json *slice = quoted(SLICE(ON("dead-1", READY)));

	assert_int_equal(withdrawal_apply(slice, by_name, ""), 1);
	(void)json_set_str(json_path(slice, "endpoints.0"), "nodeName", "other");
	assert_int_equal(withdrawal_apply(slice, by_name, ""), 0);
	assert_false(json_path_bool(slice, "endpoints.0.conditions.ready", true));
	json_free(slice);
}

static void absent_conditions_mean_ready(void **state)
{
	struct json *slice = quoted("{'metadata':{},'endpoints':[{'nodeName':'dead-1'}]}");

	assert_int_equal(withdrawal_apply(slice, by_name, ""), 1);
	assert_false(json_path_bool(slice, "endpoints.0.conditions.ready", true));
	assert_int_equal(withdrawal_apply(slice, by_name, "dead-1"), 1);
	assert_true(json_path_bool(slice, "endpoints.0.conditions.ready", false));
	json_free(slice);
}

static void annotations_of_any_shape_do_no_harm(void **state)
{
	static const char *const notes[] = { "", "[]", "{", "3", "null" };

	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		struct json *slice = quoted(SLICE(ON("dead-1", READY) "," ON("alive-1", BAD)));
		struct json *annotations = json_ensure(slice, "metadata.annotations");

		assert_int_equal(json_set_str(annotations, WITHDRAWAL_ANNOTATION, notes[i]), 0);
		assert_int_equal(withdrawal_apply(slice, by_name, ""), 1);
		assert_int_equal(withdrawal_count(slice), 1);
		assert_false(json_path_bool(slice, "endpoints.1.conditions.ready", true));
		json_free(slice);
	}
	struct json *odd = quoted("{'metadata':{'annotations':{'holdfast.io/withdrawn':'{\\'7\\':3}'}}}");

	assert_int_equal(withdrawal_apply(odd, by_name, ""), 0);
	json_free(odd);
	odd = quoted("[]");
	assert_int_equal(withdrawal_apply(odd, by_name, ""), -EINVAL);
	json_free(odd);
}

static int walk(void *ctx)
{
	struct json *slice = json_copy(ctx);
	int rc = slice ? withdrawal_apply(slice, by_name, "") : -ENOMEM;

	if (rc == 1)
		rc = withdrawal_apply(slice, by_name, "dead-1");
	json_free(slice);
	return rc < 0 ? rc : 0;
}

static void memory_may_run_out_anywhere(void **state)
{
	struct json *slice = quoted(SLICE(ON("dead-1", READY) "," ON("dead-2", LEAVING)));

	assert_true(failmalloc_walk(walk, slice) > 0);
	json_free(slice);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_dead_are_taken_out_and_put_back_as_they_were),
		cmocka_unit_test(of_whom_nothing_is_known_stays_out),
		cmocka_unit_test(absent_conditions_mean_ready),
		cmocka_unit_test(annotations_of_any_shape_do_no_harm),
		cmocka_unit_test(memory_may_run_out_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
