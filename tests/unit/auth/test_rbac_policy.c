#include "rbac_helper.h"

#include "api/kind.h"
#include "auth/rbac_policy.h"

static size_t find(const char *resource, const char *name)
{
	for (size_t i = 0; i < rbac_default_count(); i++) {
		struct key key = rbac_default_key(i);

		if (strncmp(key.resource, resource, strlen(resource)) == 0 && strcmp(key.name, name) == 0)
			return i;
	}
	fail_msg("no %s %s", resource, name);
	return 0;
}

static void every_default_is_a_valid_object(void **state)
{
	for (size_t i = 0; i < rbac_default_count(); i++) {
		struct key key = rbac_default_key(i);
		const struct kind *kind = kind_of_storage(key.resource);
		struct json *tree = rbac_default_make(i);
		struct problems *problems = problems_new();

		assert_non_null(kind);
		assert_non_null(tree);
		assert_string_equal(json_path_str(tree, "kind", ""), kind->kind);
		assert_string_equal(json_path_str(tree, "metadata.name", ""), key.name);
		assert_int_equal(schema_check(kind->schema, tree, true, problems, NULL), 0);
		kind_validate(kind, tree, NULL, problems);
		assert_int_equal(problems_count(problems), 0);
		problems_free(problems);
		json_free(tree);
	}
}

static void what_is_whole_is_left(void **state)
{
	for (size_t i = 0; i < rbac_default_count(); i++) {
		struct json *tree = rbac_default_make(i);

		assert_int_equal(rbac_default_mend(i, tree), 1);
		json_free(tree);
	}
}

static void what_is_missing_comes_back_and_more_stays(void **state)
{
	size_t discovery = find("clusterroles.", "system:discovery"), view = find("clusterroles.", "view"),
	       binding = find("clusterrolebindings.", "system:public-info-viewer");
	struct json *tree = rbac_default_make(discovery), *extra;

	assert_true(json_remove(tree, "rules"));
	assert_int_equal(rbac_default_mend(discovery, tree), 0);
	assert_int_equal(json_count(json_get(tree, "rules")), 1);
	/* What somebody added is his; what covers the default is enough. */
	assert_int_equal(json_parse(SPAN("[{\"verbs\":[\"*\"],\"nonResourceURLs\":[\"*\"]}]"), &extra, NULL),
			 0);
	assert_int_equal(json_set(tree, "rules", extra), 0);
	assert_int_equal(rbac_default_mend(discovery, tree), 1);
	assert_true(json_remove(json_path(tree, "metadata"), "labels"));
	assert_int_equal(rbac_default_mend(discovery, tree), 0);
	json_free(tree);

	tree = rbac_default_make(view);
	assert_true(json_remove(tree, "aggregationRule"));
	assert_int_equal(rbac_default_mend(view, tree), 0);
	assert_int_equal(json_count(json_path(tree, "aggregationRule.clusterRoleSelectors")), 1);
	json_free(tree);

	tree = rbac_default_make(binding);
	assert_true(json_remove_at(json_get(tree, "subjects"), 0));
	assert_int_equal(rbac_default_mend(binding, tree), 0);
	assert_int_equal(json_count(json_get(tree, "subjects")), 2);
	json_free(tree);
}

static void what_an_operator_took_over_is_his(void **state)
{
	size_t discovery = find("clusterroles.", "system:discovery");
	static const char *const wishes[] = { "false", "", NULL };

	for (size_t i = 0; i < 3; i++) {
		struct json *tree = rbac_default_make(discovery),
			    *notes = json_path(tree, "metadata.annotations");

		assert_true(json_remove(tree, "rules"));
		if (wishes[i])
			assert_int_equal(json_set_str(notes, RBAC_AUTOUPDATE, wishes[i]), 0);
		else
			assert_true(json_remove(notes, RBAC_AUTOUPDATE));
		assert_int_equal(rbac_default_mend(discovery, tree), 1);
		json_free(tree);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_default_is_a_valid_object),
		cmocka_unit_test(what_is_whole_is_left),
		cmocka_unit_test(what_is_missing_comes_back_and_more_stays),
		cmocka_unit_test(what_an_operator_took_over_is_his),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
