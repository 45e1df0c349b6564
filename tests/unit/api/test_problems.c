#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "api/path.h"
#include "api/problems.h"

static void text_is_upstreams(void **state)
{
	struct problems *p = problems_new();
	struct json *causes;
	struct problem problem;
	struct buf text;

	problems_add(p, PROBLEM_REQUIRED, "spec.containers[0].image", NULL, "%s", "");
	buf_init(&text, 4096);
	assert_int_equal(problems_text(p, &text), 0);
	assert_string_equal(buf_cstr(&text), "spec.containers[0].image: Required value");
	buf_reset(&text);
	problems_add(p, PROBLEM_INVALID, "a", "x\"y", "must be %s", "good");
	problems_add(p, PROBLEM_INVALID, "a", "x\"y", "must be %s", "good");
	problems_add_int(p, PROBLEM_INVALID, "b", 70000, "must be between %d and %d, inclusive", 1, 65535);
	problems_add(p, PROBLEM_FORBIDDEN, "c", "unseen", "no");
	problems_add(p, PROBLEM_DUPLICATE, "d", "n", "%s", "");
	problems_add(p, PROBLEM_UNKNOWN_FIELD, "spec.foo", NULL, "%s", "");
	assert_int_equal(problems_text(p, &text), 0);
	assert_string_equal(
		buf_cstr(&text),
		"[spec.containers[0].image: Required value, a: Invalid value: \"x\\\"y\": must be good, "
		"b: Invalid value: 70000: must be between 1 and 65535, inclusive, c: Forbidden: no, "
		"d: Duplicate value: \"n\", unknown field \"spec.foo\"]");
	assert_int_equal(problems_count(p), 6);
	causes = problems_causes(p);
	assert_string_equal(json_path_str(causes, "1.reason", ""), "FieldValueInvalid");
	assert_string_equal(json_path_str(causes, "1.field", ""), "a");
	assert_string_equal(json_path_str(causes, "2.message", ""),
			    "Invalid value: 70000: must be between 1 and 65535, inclusive");
	assert_true(problems_at(p, 5, &problem));
	assert_int_equal(problem.type, PROBLEM_UNKNOWN_FIELD);
	assert_false(problems_at(p, 6, &problem));
	json_free(causes);
	buf_done(&text);
	problems_free(p);
}

static void many_and_long_ones_are_bounded(void **state)
{
	struct problems *p = problems_new();
	char path[2000], value[5000];
	struct json *causes;

	memset(value, 'v', sizeof(value));
	value[sizeof(value) - 1] = 0;
	memset(path, 'p', sizeof(path));
	path[sizeof(path) - 1] = 0;
	problems_add(p, PROBLEM_INVALID, path, value, "%s", value);
	for (int i = 0; i < 100; i++)
		problems_add_int(p, PROBLEM_INVALID, "x", i, "%s", "bad");
	assert_int_equal(problems_count(p), 101);
	causes = problems_causes(p);
	assert_int_equal(json_count(causes), PROBLEMS_MAX);
	assert_true(json_span(json_path(causes, "0.message")).len <= PROBLEM_TEXT_MAX);
	json_free(causes);
	problems_free(p);
}

static void paths_grow_and_shrink(void **state)
{
	char key[PROBLEM_PATH_MAX];
	struct path path;
	size_t top, item, cut;

	path_init(&path, "spec");
	top = path_field(&path, "containers");
	item = path_index(&path, 120);
	(void)path_field(&path, "limits");
	(void)path_key(&path, "cpu");
	assert_string_equal(path.text, "spec.containers[120].limits[cpu]");
	path_back(&path, item);
	(void)path_index(&path, 0);
	assert_string_equal(path.text, "spec.containers[0]");
	path_back(&path, top);
	assert_string_equal(path.text, "spec");
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = 0;
	cut = path_key(&path, key);
	assert_int_equal(path.len, PROBLEM_PATH_MAX - 1);
	(void)path_field(&path, "more");
	assert_int_equal(strlen(path.text), PROBLEM_PATH_MAX - 1);
	path_back(&path, cut);
	assert_string_equal(path.text, "spec");
	path_init(&path, "");
	(void)path_field(&path, "metadata");
	assert_string_equal(path.text, "metadata");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_upstreams),
		cmocka_unit_test(paths_grow_and_shrink),
		cmocka_unit_test(many_and_long_ones_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
