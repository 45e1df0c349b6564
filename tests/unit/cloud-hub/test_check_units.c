/* What the ConfigMap edge-health-config of a TKE Edge user means here. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cloud-hub/regions/check_units.h"

static struct json *config(const char *data)
{
	char text[512];
	struct json *tree = NULL;

	(void)snprintf(
		text, sizeof(text),
		"{\"metadata\":{\"name\":\"edge-health-config\",\"labels\":{\"name\":\"edge-health\"}},"
		"\"data\":%s}",
		data);
	assert_int_equal(json_parse(span_of(text), &tree, NULL), 0);
	return tree;
}

static void read_good(const char *data, struct check_units *out)
{
	struct json *tree = config(data);
	struct err err = { 0 };

	if (check_units_read(tree, out, &err))
		fail_msg("%s: %s", data, err_text(&err));
	json_free(tree);
}

static void without_a_list_all_are_judged(void **state)
{
	static const char *const cases[] = { "{}", "{\"unit-internal-check\":\"true\\n\"}",
					     "{\"check-units\":\"\"}", "{\"check-units\":\"  \"}" };
	struct check_units units;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		read_good(cases[i], &units);
		assert_true(check_units_has(&units, "anywhere", NULL));
		assert_false(units.is_cluster);
		check_units_done(&units);
	}
}

static void a_list_names_regions_and_node_units(void **state)
{
	struct check_units units;
	struct json *labels = NULL;

	(void)state;
	read_good("{\"unit-internal-check\":\"true\",\"check-units\":\" east, west ,,unit-1\\n\"}", &units);
	assert_int_equal(units.count, 3);
	assert_true(check_units_has(&units, "east", NULL));
	assert_true(check_units_has(&units, "west", NULL));
	assert_false(check_units_has(&units, "north", NULL));
	assert_false(check_units_has(&units, "eas", NULL));
	assert_false(check_units_has(&units, "", NULL));
	assert_int_equal(json_parse(SPAN("{\"unit-1\":\"nodeunits.superedge.io\",\"east\":\"yes\"}"), &labels,
				    NULL),
			 0);
	assert_true(check_units_has(&units, "north", labels));
	json_free(labels);
	assert_int_equal(json_parse(SPAN("{\"unit-1\":\"other\",\"unit-2\":\"nodeunits.superedge.io\"}"),
				    &labels, NULL),
			 0);
	assert_false(check_units_has(&units, "north", labels));
	json_free(labels);
	check_units_done(&units);
}

static void one_membership_of_all_is_noticed_and_its_list_means_nothing(void **state)
{
	struct check_units units;

	(void)state;
	read_good("{\"unit-internal-check\":\"false\",\"check-units\":\"east\"}", &units);
	assert_true(units.is_cluster);
	assert_true(check_units_has(&units, "north", NULL));
	check_units_done(&units);
}

static void what_cannot_be_meant_names_its_key(void **state)
{
	static const char *const cases[][2] = {
		{ "{\"unit-internal-check\":\"yes\"}", "unit-internal-check is true or false, not 'yes'" },
		{ "{\"check-units\":\"east;west\"}", "check-units: 'east;west' is no name of a unit" },
		{ "{\"check-units\":\"east, we st\"}", "check-units: 'we st' is no name of a unit" },
	};
	struct check_units units;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *tree = config(cases[i][0]);
		struct err err = { 0 };

		assert_int_equal(check_units_read(tree, &units, &err), -EINVAL);
		if (strncmp(err_text(&err), cases[i][1], strlen(cases[i][1])) != 0)
			fail_msg("%s: %s", cases[i][0], err_text(&err));
		assert_null(units.list);
		json_free(tree);
	}
}

static void more_units_than_can_be_are_refused(void **state)
{
	size_t size = 3 * (CHECK_UNITS_MAX + 2) + 64;
	char *text = malloc(size), *at;
	struct json *tree = NULL;
	struct check_units units;
	struct err err = { 0 };

	(void)state;
	assert_non_null(text);
	at = text + snprintf(text, size, "{\"data\":{\"check-units\":\"");
	for (size_t i = 0; i <= CHECK_UNITS_MAX; i++)
		at += snprintf(at, size - (size_t)(at - text), "u,");
	(void)snprintf(at, size - (size_t)(at - text), "\"}}");
	assert_int_equal(json_parse(span_of(text), &tree, NULL), 0);
	assert_int_equal(check_units_read(tree, &units, &err), -EINVAL);
	assert_string_equal(err_text(&err), "check-units: more than 1024 units");
	json_free(tree);
	free(text);
}

static void it_needs_its_label(void **state)
{
	struct json *tree = config("{}");

	(void)state;
	assert_true(check_units_is_meant(tree));
	json_free(tree);
	assert_int_equal(json_parse(SPAN("{\"metadata\":{\"name\":\"edge-health-config\"}}"), &tree, NULL),
			 0);
	assert_false(check_units_is_meant(tree));
	json_free(tree);
	assert_int_equal(
		json_parse(SPAN("{\"metadata\":{\"name\":\"other\",\"labels\":{\"name\":\"edge-health\"}}}"),
			   &tree, NULL),
		0);
	assert_false(check_units_is_meant(tree));
	json_free(tree);
}

static void the_same_said_again_is_no_news(void **state)
{
	struct check_units a, b;

	(void)state;
	read_good("{\"check-units\":\"a,b\"}", &a);
	read_good("{\"check-units\":\"a, b\"}", &b);
	assert_true(check_units_same(&a, &b));
	check_units_done(&b);
	read_good("{\"check-units\":\"a,c\"}", &b);
	assert_false(check_units_same(&a, &b));
	check_units_done(&b);
	read_good("{}", &b);
	assert_false(check_units_same(&a, &b));
	check_units_done(&b);
	check_units_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_list_all_are_judged),
		cmocka_unit_test(a_list_names_regions_and_node_units),
		cmocka_unit_test(one_membership_of_all_is_noticed_and_its_list_means_nothing),
		cmocka_unit_test(what_cannot_be_meant_names_its_key),
		cmocka_unit_test(more_units_than_can_be_are_refused),
		cmocka_unit_test(it_needs_its_label),
		cmocka_unit_test(the_same_said_again_is_no_news),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
