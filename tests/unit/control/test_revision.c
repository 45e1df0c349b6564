#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/revision.h"
#include "views.h"

static struct json *daemonset(const char *image, const char *rest)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       "{'apiVersion':'apps/"
		       "v1','kind':'DaemonSet','metadata':{'name':'d','namespace':'default','uid':'du','"
		       "annotations':"
		       "{'kubernetes.io/change-cause':'why','kubectl.kubernetes.io/"
		       "last-applied-configuration':'x'}},"
		       "'spec':{%s'template':{'metadata':{'labels':{'app':'d'}},'spec':{'containers':[{'name'"
		       ":'c','image':'%s'}]}}}}",
		       rest, image);
	return quoted_json(text);
}

/* Plans, and if there is something to create keeps it as the stored one at `*count`. */
static struct revision_plan plan_and_store(struct json *ds, struct revision *stored, size_t *count)
{
	struct revision_plan plan;

	assert_int_equal(revision_plan(ds, stored, *count, &plan), 0);
	if (plan.create) {
		stored[(*count)++] = (struct revision){ plan.create, false };
		plan.create = NULL;
	}
	return plan;
}

static void a_template_gets_one_revision(void **state)
{
	struct json *ds = daemonset("i:1", "");
	struct revision stored[4];
	struct revision_plan plan;
	size_t count = 0;
	char hash[TEMPLATE_HASH_SIZE];

	plan = plan_and_store(ds, stored, &count);
	assert_int_equal(count, 1);
	assert_int_equal(plan.number, 1);
	assert_int_equal(strlen(plan.hash), 10);
	(void)snprintf(hash, sizeof(hash), "%s", plan.hash);
	assert_string_equal(json_path_str(stored[0].tree, "kind", ""), "ControllerRevision");
	assert_string_equal(json_path_str(stored[0].tree, "metadata.labels.controller-revision-hash", ""),
			    hash);
	assert_string_equal(json_path_str(stored[0].tree, "metadata.labels.app", ""), "d");
	assert_string_equal(json_path_str(stored[0].tree, "metadata.ownerReferences.0.uid", ""), "du");
	assert_string_equal(json_path_str(stored[0].tree, "data.spec.template.$patch", ""), "replace");
	assert_int_equal(json_count(json_path(stored[0].tree, "metadata.annotations")), 1);
	assert_int_equal(json_path_int(stored[0].tree, "revision", 0), 1);
	revision_plan_done(&plan);
	plan = plan_and_store(ds, stored, &count);
	assert_int_equal(count, 1);
	assert_string_equal(plan.hash, hash);
	assert_string_equal(plan.raise, "");
	revision_plan_done(&plan);
	json_free((struct json *)stored[0].tree);
	json_free(ds);
}

static void another_template_another_hash_and_back_again(void **state)
{
	struct json *one = daemonset("i:1", ""), *two = daemonset("i:2", "");
	struct revision stored[4];
	struct revision_plan plan;
	size_t count = 0;
	char first[TEMPLATE_HASH_SIZE];

	plan = plan_and_store(one, stored, &count);
	(void)snprintf(first, sizeof(first), "%s", plan.hash);
	revision_plan_done(&plan);
	plan = plan_and_store(two, stored, &count);
	assert_int_equal(count, 2);
	assert_int_equal(plan.number, 2);
	assert_string_not_equal(plan.hash, first);
	revision_plan_done(&plan);
	plan = plan_and_store(one, stored, &count); /* kubectl rollout undo */
	assert_int_equal(count, 2);
	assert_string_equal(plan.hash, first);
	assert_int_equal(plan.number, 3);
	assert_string_equal(plan.raise, json_path_str(stored[0].tree, "metadata.name", ""));
	revision_plan_done(&plan);
	for (size_t i = 0; i < count; i++)
		json_free((struct json *)stored[i].tree);
	json_free(one);
	json_free(two);
}

static void a_collision_changes_the_hash(void **state)
{
	struct json *ds = daemonset("i:1", "");
	struct revision_plan plan, other;

	assert_int_equal(revision_plan(ds, NULL, 0, &plan), 0);
	assert_int_equal(json_set_int(json_ensure(ds, "status"), "collisionCount", 1), 0);
	assert_int_equal(revision_plan(ds, NULL, 0, &other), 0);
	assert_string_not_equal(plan.hash, other.hash);
	revision_plan_done(&plan);
	revision_plan_done(&other);
	json_free(ds);
}

static void old_history_is_dropped_but_not_what_pods_still_carry(void **state)
{
	struct revision stored[8];
	struct revision_plan plan = { .number = 0 };
	size_t count = 0;

	for (unsigned i = 0; i < 6; i++) {
		char image[16];
		struct json *ds;

		(void)snprintf(image, sizeof(image), "i:%u", i);
		ds = daemonset(image, "'revisionHistoryLimit':2,");
		revision_plan_done(&plan);
		plan = plan_and_store(ds, stored, &count);
		stored[0].in_use = true; /* one node is still away with the first template */
		json_free(ds);
	}
	/* Looked at when the sixth was made: of 1..4 (0 is carried) the two oldest are too many. */
	assert_int_equal(plan.drop_count, 2);
	assert_int_equal(plan.drop[0], 1);
	assert_int_equal(plan.drop[1], 2);
	revision_plan_done(&plan);
	for (size_t i = 0; i < count; i++)
		json_free((struct json *)stored[i].tree);
}

static void without_a_template_there_is_no_plan(void **state)
{
	struct json *ds = quoted_json("{'spec':{}}");
	struct revision_plan plan;

	assert_int_equal(revision_plan(ds, NULL, 0, &plan), -EINVAL);
	json_free(ds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_template_gets_one_revision),
		cmocka_unit_test(another_template_another_hash_and_back_again),
		cmocka_unit_test(a_collision_changes_the_hash),
		cmocka_unit_test(old_history_is_dropped_but_not_what_pods_still_carry),
		cmocka_unit_test(without_a_template_there_is_no_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
