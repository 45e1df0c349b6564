#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/condition.h"
#include "views.h"

#define NOW_MS 1790000000000

static void a_condition_moves_with_its_status_only(void **state)
{
	struct json *tree = quoted_json("{}");
	char since[64];

	assert_string_equal(condition_status(tree, "Up"), "");
	assert_int_equal(condition_set(tree, "Up", "True", "Well", "all is well", NOW_MS), 1);
	assert_string_equal(condition_status(tree, "Up"), "True");
	assert_string_equal(condition_reason(tree, "Up"), "Well");
	(void)snprintf(since, sizeof(since), "%s",
		       json_path_str(condition_of(tree, "Up"), "lastTransitionTime", ""));
	assert_int_equal(condition_set(tree, "Up", "True", "Well", "all is well", NOW_MS + 5000), 0);
	assert_int_equal(condition_set(tree, "Up", "True", "Well", "", NOW_MS + 5000), 1);
	assert_null(json_get(condition_of(tree, "Up"), "message"));
	assert_string_equal(json_path_str(condition_of(tree, "Up"), "lastTransitionTime", ""), since);
	assert_int_equal(condition_set(tree, "Up", "False", "Ill", "", NOW_MS + 5000), 1);
	assert_string_not_equal(json_path_str(condition_of(tree, "Up"), "lastTransitionTime", ""), since);
	assert_int_equal(json_count(json_path(tree, "status.conditions")), 1);
	assert_true(condition_remove(tree, "Up"));
	assert_false(condition_remove(tree, "Up"));
	json_free(tree);
}

static void numbers_are_written_when_they_differ(void **state)
{
	struct json *tree = quoted_json("{'status':{'b':2}}");
	const struct status_number fields[] = { { "a", 0, false }, { "b", 0, true }, { "c", 3, true } };

	assert_int_equal(status_numbers_set(tree, fields, 3), 1);
	assert_int_equal(status_numbers_set(tree, fields, 3), 0);
	assert_int_equal(json_path_int(tree, "status.a", -1), 0);
	assert_null(json_path(tree, "status.b"));
	assert_int_equal(json_path_int(tree, "status.c", -1), 3);
	json_free(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_condition_moves_with_its_status_only),
		cmocka_unit_test(numbers_are_written_when_they_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
