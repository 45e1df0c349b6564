#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/aggregate.h"

struct told {
	char names[256];
};

static void tell(void *ctx, const char *name)
{
	struct told *told = ctx;
	size_t len = strlen(told->names);

	(void)snprintf(told->names + len, sizeof(told->names) - len, "%s ", name);
}

static struct json *parse(const char *text)
{
	struct json *tree = NULL;

	assert_int_equal(json_parse(span_of(text), &tree, NULL), 0);
	return tree;
}

/* A role with one label "k"; its value "" for none. Returns who is to look again. */
static const char *see(struct aggregate *a, const char *name, const char *label, const char *body)
{
	static struct told told;
	struct object role = { .key = { "clusterroles", "", name } };
	struct json *tree = parse(body);
	struct buf labels;

	told.names[0] = '\0';
	buf_init(&labels, 256);
	if (*label)
		assert_int_equal(pairs_add(&labels, "k", label), 0);
	role.labels = buf_span(&labels);
	(void)!aggregate_see(a, &role, tree, tell, &told);
	buf_done(&labels);
	json_free(tree);
	return told.names;
}

static int takes(struct aggregate *a, const char *gatherer, const char *name, const char *label)
{
	struct object role = { .key = { "clusterroles", "", name } };
	struct buf labels;
	int rc;

	buf_init(&labels, 256);
	assert_int_equal(pairs_add(&labels, "k", label), 0);
	role.labels = buf_span(&labels);
	rc = aggregate_takes(a, gatherer, &role);
	buf_done(&labels);
	return rc;
}

#define GATHERS(value) \
	"{\"aggregationRule\":{\"clusterRoleSelectors\":[{\"matchLabels\":{\"k\":\"" value "\"}}]}}"

static void gatherers_are_told_of_what_they_take_and_took(void **state)
{
	struct aggregate *a = NULL;
	struct told told = { "" };

	assert_int_equal(aggregate_new(&a), 0);
	assert_string_equal(see(a, "early", "x", "{}"), "");
	assert_string_equal(see(a, "one", "", GATHERS("x")), "one ");
	assert_string_equal(see(a, "two", "", GATHERS("y")), "two ");
	assert_true(aggregate_gathers(a, "one") && !aggregate_gathers(a, "early"));
	assert_string_equal(see(a, "r", "x", "{}"), "one ");
	assert_int_equal(takes(a, "one", "r", "x"), 1);
	assert_int_equal(takes(a, "two", "r", "x"), 0);
	/* Relabelled: who had it and who gets it. */
	assert_string_equal(see(a, "r", "y", "{}"), "one two ");
	assert_string_equal(see(a, "other", "z", "{}"), "");
	assert_int_equal(takes(a, "two", "r", "y"), 1);
	aggregate_lose(a, "r", tell, &told);
	assert_string_equal(told.names, "two ");
	/* A role does not take from itself, and one that no longer gathers is told no more. */
	assert_string_equal(see(a, "one", "x", GATHERS("x")), "one ");
	assert_int_equal(takes(a, "one", "one", "x"), 0);
	assert_string_equal(see(a, "one", "x", "{}"), "");
	assert_string_equal(see(a, "r", "x", "{}"), "");
	aggregate_free(a);
}

static void selectors_that_cannot_be_read_gather_nothing(void **state)
{
	struct aggregate *a = NULL;

	assert_int_equal(aggregate_new(&a), 0);
	assert_string_equal(see(a, "one", "", GATHERS("x")), "one ");
	assert_string_equal(
		see(a, "one", "",
		    "{\"aggregationRule\":{\"clusterRoleSelectors\":[{\"matchExpressions\":[{\"key\":\"a\","
		    "\"operator\":\"Near\"}]}]}}"),
		"");
	assert_false(aggregate_gathers(a, "one"));
	aggregate_free(a);
}

static void rules_count_once_and_in_order(void **state)
{
	struct gathering g;
	struct json *a = parse("{\"rules\":[{\"verbs\":[\"get\"]},{\"verbs\":[\"list\"]}]}"),
		    *b = parse("{\"rules\":[{\"verbs\":[\"list\"]},{\"verbs\":[\"watch\"]}]}"),
		    *target = parse("{\"rules\":[{\"verbs\":[\"old\"]}]}"), *empty = parse("{}");
	struct buf text;

	assert_int_equal(gathering_init(&g), 0);
	assert_int_equal(gathering_apply(&g, empty), 1);
	assert_int_equal(gathering_add(&g, a), 0);
	assert_int_equal(gathering_add(&g, b), 0);
	assert_int_equal(gathering_apply(&g, target), 0);
	assert_int_equal(gathering_apply(&g, target), 1);
	buf_init(&text, 1024);
	assert_int_equal(json_write(target, &text), 0);
	assert_string_equal(
		buf_cstr(&text),
		"{\"rules\":[{\"verbs\":[\"get\"]},{\"verbs\":[\"list\"]},{\"verbs\":[\"watch\"]}]}");
	buf_done(&text);
	gathering_done(&g);
	json_free(a);
	json_free(b);
	json_free(target);
	json_free(empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gatherers_are_told_of_what_they_take_and_took),
		cmocka_unit_test(selectors_that_cannot_be_read_gather_nothing),
		cmocka_unit_test(rules_count_once_and_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
