#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/view.h"
#include "views.h"

static bool fits(const char *spec, const char *node)
{
	struct json *tree = quoted_json(spec);
	struct node_view *view = make_node(node);
	struct arena arena = { NULL, 0 };
	struct placement placement;
	bool fit;

	assert_int_equal(placement_decode(tree, &arena, &placement), 0);
	fit = placement_fits(&placement, &view->at);
	arena_done(&arena);
	node_view_free(view);
	json_free(tree);
	return fit;
}

#define NODE(labels) "{'metadata':{'name':'n1','labels':{" labels "}}}"
#define AFFINITY(terms)                                                                                      \
	"{'affinity':{'nodeAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':{'nodeSelectorTerms'" \
	":[" terms "]}}}}"
#define EXPRESSION(key, op, values) \
	"{'matchExpressions':[{'key':'" key "','operator':'" op "','values':[" values "]}]}"

static void node_selectors_want_every_label(void **state)
{
	assert_true(fits("{}", NODE("")));
	assert_true(fits("{'nodeSelector':{'a':'1'}}", NODE("'a':'1','b':'2'")));
	assert_true(fits("{'nodeSelector':{'a':'1','b':'2'}}", NODE("'b':'2','a':'1'")));
	assert_false(fits("{'nodeSelector':{'a':'1'}}", NODE("'a':'2'")));
	assert_false(fits("{'nodeSelector':{'a':'1'}}", NODE("")));
}

static void every_operator_means_what_upstream_says(void **state)
{
	static const struct {
		const char *term;
		bool with_a1, with_a5, without;
	} cases[] = {
		{ EXPRESSION("a", "In", "'1','2'"), true, false, false },
		{ EXPRESSION("a", "NotIn", "'1'"), false, true, true },
		{ EXPRESSION("a", "Exists", ""), true, true, false },
		{ EXPRESSION("a", "DoesNotExist", ""), false, false, true },
		{ EXPRESSION("a", "Gt", "'3'"), false, true, false },
		{ EXPRESSION("a", "Lt", "'3'"), true, false, false },
		{ EXPRESSION("a", "Gt", "'x'"), false, false, false },
		{ EXPRESSION("a", "Gt", "'1','2'"), false, false, false },
		{ EXPRESSION("a", "Matches", "'1'"), false, false, false },
		{ "{}", false, false, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char spec[512];

		(void)snprintf(spec, sizeof(spec), AFFINITY("%s"), cases[i].term);
		assert_int_equal(fits(spec, NODE("'a':'1'")), cases[i].with_a1);
		assert_int_equal(fits(spec, NODE("'a':'5'")), cases[i].with_a5);
		assert_int_equal(fits(spec, NODE("")), cases[i].without);
	}
}

static void terms_are_alternatives_and_no_term_is_none(void **state)
{
	assert_true(fits(AFFINITY(EXPRESSION("a", "Exists", "") "," EXPRESSION("b", "Exists", "")),
			 NODE("'b':'1'")));
	assert_false(fits(AFFINITY(""), NODE("'b':'1'")));
	assert_true(fits("{'affinity':{'nodeAffinity':{}}}", NODE("")));
}

static void fields_match_the_name(void **state)
{
	static const char mine[] =
		AFFINITY("{'matchFields':[{'key':'metadata.name','operator':'In','values':['n1']}]}");
	static const char other[] =
		AFFINITY("{'matchFields':[{'key':'metadata.name','operator':'In','values':['n2']}]}");
	static const char odd[] =
		AFFINITY("{'matchFields':[{'key':'spec.x','operator':'In','values':['n1']}]}");

	assert_true(fits(mine, NODE("")));
	assert_false(fits(other, NODE("")));
	assert_false(fits(odd, NODE("")));
}

static const char *only_node(const char *spec, struct arena *arena)
{
	struct json *tree = quoted_json(spec);
	struct placement placement;

	assert_int_equal(placement_decode(tree, arena, &placement), 0);
	json_free(tree);
	return placement_only_node(&placement);
}

static void a_pinned_pod_is_recognized(void **state)
{
	struct arena arena = { NULL, 0 };

	assert_string_equal(
		only_node(
			AFFINITY("{'matchFields':[{'key':'metadata.name','operator':'In','values':['n7']}]}"),
			&arena),
		"n7");
	assert_null(only_node("{}", &arena));
	assert_null(only_node(
		AFFINITY("{'matchFields':[{'key':'metadata.name','operator':'In','values':['a','b']}]}"),
		&arena));
	assert_null(only_node(
		AFFINITY("{'matchFields':[{'key':'metadata.name','operator':'NotIn','values':['a']}]}"),
		&arena));
	assert_null(only_node(AFFINITY("{'matchFields':[{'key':'metadata.name','operator':'In','values':['a']"
				       "}]}," EXPRESSION("a", "Exists", "")),
			      &arena));
	arena_done(&arena);
}

static bool tolerated(const char *tolerations, const char *taint, unsigned effects)
{
	char spec[512], node[512];
	struct arena arena = { NULL, 0 };
	struct placement placement;
	struct node_view *view;
	struct json *tree;
	bool ok;

	(void)snprintf(spec, sizeof(spec), "{'tolerations':[%s]}", tolerations);
	(void)snprintf(node, sizeof(node), "{'metadata':{'name':'n1'},'spec':{'taints':[%s]}}", taint);
	tree = quoted_json(spec);
	view = make_node(node);
	assert_int_equal(placement_decode(tree, &arena, &placement), 0);
	ok = !placement_untolerated(&placement, &view->at, effects);
	json_free(tree);
	node_view_free(view);
	arena_done(&arena);
	return ok;
}

static void taints_are_tolerated_as_upstream_does(void **state)
{
#define TAINT "{'key':'k','value':'v','effect':'NoSchedule'}"
	static const unsigned hard = EFFECT_NO_SCHEDULE | EFFECT_NO_EXECUTE;

	assert_false(tolerated("", TAINT, hard));
	assert_true(tolerated("{'key':'k','operator':'Exists'}", TAINT, hard));
	assert_true(
		tolerated("{'key':'k','operator':'Equal','value':'v','effect':'NoSchedule'}", TAINT, hard));
	assert_true(tolerated("{'key':'k','value':'v'}", TAINT, hard)); /* Equal is the default */
	assert_false(tolerated("{'key':'k','value':'w'}", TAINT, hard));
	assert_false(tolerated("{'key':'k','operator':'Exists','effect':'NoExecute'}", TAINT, hard));
	assert_true(tolerated("{'operator':'Exists'}", TAINT, hard));
	assert_false(tolerated("{'operator':'Equal'}", TAINT, hard));
	assert_false(tolerated("{'key':'k','operator':'Exists','effect':'Whatever'}", TAINT, hard));
	assert_true(tolerated("", "{'key':'k','effect':'PreferNoSchedule'}", hard));
	assert_false(tolerated("", "{'key':'k','effect':'PreferNoSchedule'}", EFFECT_PREFER_NO_SCHEDULE));
	assert_true(tolerated("", "{'key':'k','effect':'Whatever'}", hard));
}

static void preferences_add_up(void **state)
{
	struct json *tree = quoted_json(
		"{'affinity':{'nodeAffinity':{'preferredDuringSchedulingIgnoredDuringExecution':["
		"{'weight':10,'preference':" EXPRESSION(
			"a", "Exists", "") "},"
					   "{'weight':50,'preference':" EXPRESSION(
						   "b", "Exists",
						   "") "},"
						       "{'weight':900,'preference':" EXPRESSION("c", "Exists",
												"") "}]}}}");
	struct node_view *both = make_node(NODE("'a':'','b':''")), *none = make_node(NODE("")),
			 *far = make_node(NODE("'c':''"));
	struct arena arena = { NULL, 0 };
	struct placement placement;

	assert_int_equal(placement_decode(tree, &arena, &placement), 0);
	assert_int_equal(placement_preference(&placement, &both->at), 60);
	assert_int_equal(placement_preference(&placement, &none->at), 0);
	assert_int_equal(placement_preference(&placement, &far->at), 100);
	arena_done(&arena);
	node_view_free(both);
	node_view_free(none);
	node_view_free(far);
	json_free(tree);
}

static void wrong_shapes_and_long_lists_are_refused(void **state)
{
	struct json *shape = quoted_json("{'tolerations':{'a':1}}"), *list = json_new_object(),
		    *many = json_new_array();
	struct arena arena = { NULL, 0 };
	struct placement placement;

	assert_int_equal(placement_decode(shape, &arena, &placement), -EINVAL);
	for (unsigned i = 0; i <= PLACEMENT_LIST_MAX; i++)
		assert_int_equal(json_append(many, json_new_object()), 0);
	assert_int_equal(json_set(list, "tolerations", many), 0);
	assert_int_equal(placement_decode(list, &arena, &placement), -E2BIG);
	arena_done(&arena);
	json_free(shape);
	json_free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(node_selectors_want_every_label),
		cmocka_unit_test(every_operator_means_what_upstream_says),
		cmocka_unit_test(terms_are_alternatives_and_no_term_is_none),
		cmocka_unit_test(fields_match_the_name),
		cmocka_unit_test(a_pinned_pod_is_recognized),
		cmocka_unit_test(taints_are_tolerated_as_upstream_does),
		cmocka_unit_test(preferences_add_up),
		cmocka_unit_test(wrong_shapes_and_long_lists_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
