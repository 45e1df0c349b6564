/* Default objects and gathered rules, through the API and a store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runner_fixture.h"

#define ROLES "clusterroles.rbac.authorization.k8s.io"
#define ROLE(name, labels, rest)                                                                           \
	"{'apiVersion':'rbac.authorization.k8s.io/v1','kind':'ClusterRole','metadata':{'name':'" name "'," \
	"'labels':{" labels "}}" rest "}"
#define RULE(verb) "{'verbs':['" verb "'],'apiGroups':[''],'resources':['pods']}"
#define GATHERS(label) ",'aggregationRule':{'clusterRoleSelectors':[{'matchLabels':{'" label "':'1'}}]}"

/* Two defaults: a role, and one whose name is taken by what a test made. */
static size_t defaults_count(void)
{
	return 2;
}

static struct key default_key(size_t index)
{
	return (struct key){ ROLES, "", index ? "second" : "first" };
}

static struct json *default_make(size_t index)
{
	struct json *tree = NULL;

	if (json_parse(span_of(index ? "{\"apiVersion\":\"rbac.authorization.k8s.io/"
				       "v1\",\"kind\":\"ClusterRole\","
				       "\"metadata\":{\"name\":\"second\"}}"
				     : "{\"apiVersion\":\"rbac.authorization.k8s.io/"
				       "v1\",\"kind\":\"ClusterRole\","
				       "\"metadata\":{\"name\":\"first\"}}"),
		       &tree, NULL))
		return NULL;
	return tree;
}

static int default_mend(size_t index, struct json *tree)
{
	struct json *labels = json_ensure(tree, "metadata.labels");

	if (json_get(labels, "mended"))
		return 1;
	return json_set_str(labels, "mended", index ? "2" : "1");
}

static const struct runner_defaults defaults = { defaults_count, default_key, default_make, default_mend };

static uint64_t revision(struct cloud *c)
{
	return cache_revision(c->cache);
}

static void defaults_are_made_mended_and_then_left(void **state)
{
	struct cloud *c = *state;
	uint64_t before;

	cloud_create(c, ROLE("second", "'mine':'1'", ""));
	c->defaults = &defaults;
	cloud_restart(c);
	cloud_settle(c);
	assert_true(cloud_has(c, ROLES, "", "first"));
	assert_string_equal(cloud_field(c, ROLES, "", "second", "metadata.labels.mended"), "2");
	assert_string_equal(cloud_field(c, ROLES, "", "second", "metadata.labels.mine"), "1");
	cloud_restart(c); /* the first, made whole, is mended by this odd default */
	cloud_settle(c);
	before = revision(c);
	cloud_restart(c);
	cloud_settle(c);
	assert_int_equal(revision(c), before);
	cloud_delete(c, ROLES, "", "first", API_BACKGROUND);
	assert_false(cloud_has(c, ROLES, "", "first"));
	cloud_restart(c);
	cloud_settle(c);
	assert_true(cloud_has(c, ROLES, "", "first"));
}

static void rules_are_gathered_and_follow_their_roles(void **state)
{
	struct cloud *c = *state;
	uint64_t before;

	cloud_create(c, ROLE("a", "'to-all':'1'", ",'rules':[" RULE("get") "]"));
	cloud_create(c, ROLE("all", "", GATHERS("to-all")));
	assert_string_equal(cloud_field(c, ROLES, "", "all", "rules.0.verbs.0"), "get");
	cloud_create(c, ROLE("b", "'to-all':'1'", ",'rules':[" RULE("list") "," RULE("get") "]"));
	assert_string_equal(cloud_field(c, ROLES, "", "all", "rules.1.verbs.0"), "list");
	assert_string_equal(cloud_field(c, ROLES, "", "all", "rules.2.verbs.0"), "");
	cloud_set(c, ROLES, "", "a", "rules", "[" RULE("watch") "]");
	assert_string_equal(cloud_field(c, ROLES, "", "all", "rules.0.verbs.0"), "watch");
	cloud_set(c, ROLES, "", "b", "metadata.labels", "{}");
	assert_string_equal(cloud_field(c, ROLES, "", "all", "rules.1.verbs.0"), "");
	/* What somebody writes over them does not stay. */
	cloud_set(c, ROLES, "", "all", "rules", "[" RULE("delete") "]");
	assert_string_equal(cloud_field(c, ROLES, "", "all", "rules.0.verbs.0"), "watch");
	before = revision(c);
	cloud_restart(c);
	cloud_pass(c, 60000);
	assert_int_equal(revision(c), before);
	cloud_delete(c, ROLES, "", "a", API_BACKGROUND);
	assert_string_equal(cloud_field(c, ROLES, "", "all", "rules.0.verbs.0"), "");
}

static void gathering_goes_on_through_gatherers(void **state)
{
	struct cloud *c = *state;

	cloud_create(c, ROLE("outer", "'to-inner':'1'", GATHERS("to-outer")));
	cloud_create(c, ROLE("inner", "'to-outer':'1'", GATHERS("to-inner"))); /* in a ring */
	cloud_create(c, ROLE("leaf", "'to-inner':'1'", ",'rules':[" RULE("get") "]"));
	cloud_settle(c);
	assert_string_equal(cloud_field(c, ROLES, "", "inner", "rules.0.verbs.0"), "get");
	assert_string_equal(cloud_field(c, ROLES, "", "outer", "rules.0.verbs.0"), "get");
	assert_string_equal(cloud_field(c, ROLES, "", "outer", "rules.1.verbs.0"), "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, cloud_setup, cloud_teardown)
	const struct CMUnitTest tests[] = {
		TEST(defaults_are_made_mended_and_then_left),
		TEST(rules_are_gathered_and_follow_their_roles),
		TEST(gathering_goes_on_through_gatherers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
