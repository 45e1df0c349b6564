/* PATCH over REST: media types, checks of the result, preconditions. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/api/rig.h"

static void use(struct rig *rig, const char *type)
{
	rig->content_type = type;
}
#define STRATEGIC "application/strategic-merge-patch+json"
#define JSON_PATCH "application/json-patch+json"
#define MERGE "application/merge-patch+json"

static void make_map(struct rig *rig)
{
	expect_code(rig, 201, "POST", MAPS,
		    "{\"metadata\":{\"name\":\"c\",\"labels\":{\"l\":\"1\"}},\"data\":{\"a\":\"1\",\"b\":"
		    "\"2\"}}");
}

static void each_kind_of_patch_works(void **state)
{
	struct rig *rig = *state;
	struct answer *a;

	make_map(rig);
	use(rig, MERGE);
	expect_code(rig, 200, "PATCH", MAPS "/c", "{\"data\":{\"a\":null,\"c\":\"3\"}}");
	use(rig, STRATEGIC);
	expect_code(rig, 200, "PATCH", MAPS "/c", "{\"metadata\":{\"labels\":{\"m\":\"2\"}}}");
	use(rig, JSON_PATCH);
	a = ask(rig, "PATCH", MAPS "/c", "[{\"op\":\"replace\",\"path\":\"/data/b\",\"value\":\"9\"}]");
	assert_int_equal(a->code, 200);
	assert_int_equal(count_at(a, "data"), 2);
	assert_string_equal(text_at(a, "data.b"), "9");
	assert_string_equal(text_at(a, "data.c"), "3");
	assert_string_equal(text_at(a, "metadata.labels.l"), "1");
	assert_string_equal(text_at(a, "metadata.labels.m"), "2");
	answer_free(a);
}

static void other_kinds_are_unsupported(void **state)
{
	struct rig *rig = *state;

	make_map(rig);
	use(rig, "application/apply-patch+yaml");
	expect_status(rig, 415, "UnsupportedMediaType",
		      "accepted media types include: application/json-patch+json", "PATCH", MAPS "/c", "{}");
	use(rig, "application/json");
	expect_status(rig, 415, "UnsupportedMediaType", "", "PATCH", MAPS "/c", "{}");
}

static void patches_need_an_object(void **state)
{
	struct rig *rig = *state;

	use(rig, MERGE);
	expect_status(rig, 404, "NotFound", "configmaps \"x\" not found", "PATCH", MAPS "/x", "{}");
	expect_status(rig, 405, "MethodNotAllowed", "", "PATCH", MAPS, "{}");
}

static void a_patch_that_changes_nothing_keeps_the_revision(void **state)
{
	struct rig *rig = *state;
	uint64_t before;

	make_map(rig);
	before = cache_revision(rig->cache);
	use(rig, MERGE);
	struct answer *a = ask(rig, "PATCH", MAPS "/c", "{\"data\":{\"a\":\"1\"}}");

	assert_int_equal(a->code, 200);
	assert_int_equal(revision_of(a), before);
	answer_free(a);
}

static void a_revision_in_a_patch_is_a_precondition(void **state)
{
	struct rig *rig = *state;

	make_map(rig);
	use(rig, MERGE);
	expect_status(rig, 409, "Conflict", "the object has been modified", "PATCH", MAPS "/c",
		      "{\"metadata\":{\"resourceVersion\":\"1\"},\"data\":{\"a\":\"2\"}}");
	use(rig, JSON_PATCH);
	expect_status(rig, 422, "Invalid", "testing value /metadata/resourceVersion failed", "PATCH",
		      MAPS "/c",
		      "[{\"op\":\"test\",\"path\":\"/metadata/resourceVersion\",\"value\":\"1\"}]");
}

static void identity_cannot_be_patched(void **state)
{
	struct rig *rig = *state;

	make_map(rig);
	use(rig, MERGE);
	expect_status(rig, 400, "BadRequest", "does not match the name on the URL", "PATCH", MAPS "/c",
		      "{\"metadata\":{\"name\":\"d\"}}");
	expect_status(rig, 400, "BadRequest", "namespace", "PATCH", MAPS "/c",
		      "{\"metadata\":{\"namespace\":\"default\"}}");
	expect_status(rig, 409, "Conflict", "UID", "PATCH", MAPS "/c", "{\"metadata\":{\"uid\":\"x\"}}");
	expect_status(rig, 400, "BadRequest", "same apiVersion and kind", "PATCH", MAPS "/c",
		      "{\"kind\":\"Secret\"}");
	use(rig, JSON_PATCH);
	expect_status(rig, 400, "BadRequest", "same apiVersion and kind", "PATCH", MAPS "/c",
		      "[{\"op\":\"replace\",\"path\":\"\",\"value\":7}]");
	expect_status(rig, 400, "BadRequest", "", "PATCH", MAPS "/c",
		      "[{\"op\":\"remove\",\"path\":\"/metadata\"},"
		      "{\"op\":\"add\",\"path\":\"/metadata\",\"value\":7}]");
}

static void the_result_is_checked(void **state)
{
	struct rig *rig = *state;
	struct answer *a;

	make_map(rig);
	use(rig, MERGE);
	expect_status(rig, 400, "BadRequest", "cannot be handled as a ConfigMap", "PATCH", MAPS "/c",
		      "{\"data\":7}");
	expect_status(rig, 422, "Invalid", "metadata.labels", "PATCH", MAPS "/c",
		      "{\"metadata\":{\"labels\":{\"a b\":\"x\"}}}");
	expect_status(rig, 400, "BadRequest", "unknown field", "PATCH", MAPS "/c?fieldValidation=Strict",
		      "{\"datta\":{}}");
	a = ask(rig, "PATCH", MAPS "/c", "{\"datta\":{}}");
	assert_int_equal(a->code, 200);
	assert_true(has_header(a, "unknown field"));
	answer_free(a);
}

static void malformed_patches_are_bad_requests(void **state)
{
	static const struct {
		const char *type, *patch;
	} cases[] = {
		{ MERGE, "" },
		{ MERGE, "{" },
		{ MERGE, "[]" },
		{ STRATEGIC, "7" },
		{ STRATEGIC, "{\"$patch\":\"x\"}" },
		{ JSON_PATCH, "{}" },
		{ JSON_PATCH, "[{\"op\":\"add\"}]" },
		{ JSON_PATCH, "[{\"op\":\"remove\",\"path\":\"/nowhere/at/all\"}]" },
	};
	struct rig *rig = *state;

	make_map(rig);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		use(rig, cases[i].type);
		expect_status(rig, 400, "BadRequest", "", "PATCH", MAPS "/c", cases[i].patch);
	}
}

static void a_patch_cannot_outgrow_the_limits(void **state)
{
	struct rig *rig = *state;
	struct buf patch;

	make_map(rig);
	use(rig, JSON_PATCH);
	buf_init(&patch, 1024u * 1024);
	assert_int_equal(
		buf_add_str(
			&patch,
			"[{\"op\":\"add\",\"path\":\"/data/x\",\"value\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}"),
		0);
	for (int i = 0; i < 40; i++)
		assert_int_equal(buf_addf(&patch,
					  ",{\"op\":\"copy\",\"from\":\"/data\",\"path\":\"/data/d%d\"}", i),
				 0);
	assert_int_equal(buf_add_str(&patch, "]"), 0);
	expect_status(rig, 413, "RequestEntityTooLarge", "", "PATCH", MAPS "/c", buf_cstr(&patch));
	buf_done(&patch);
}

static void events_are_patched_in_the_form_of_their_group(void **state)
{
	struct rig *rig = *state;
	struct answer *a;

	rig->content_type = "application/json";
	expect_code(rig, 201, "POST", "/api/v1/namespaces/web/events",
		    "{\"metadata\":{\"name\":\"e\"},\"involvedObject\":{\"kind\":\"Pod\",\"name\":\"p\","
		    "\"namespace\":\"web\"},\"message\":\"one\","
		    "\"reason\":\"R\",\"type\":\"Normal\"}");
	use(rig, MERGE);
	a = ask(rig, "PATCH", "/apis/events.k8s.io/v1/namespaces/web/events/e", "{\"note\":\"two\"}");
	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "note"), "two");
	answer_free(a);
	a = ask(rig, "GET", "/api/v1/namespaces/web/events/e", NULL);
	assert_string_equal(text_at(a, "message"), "two");
	answer_free(a);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_kind_of_patch_works),
		TEST(other_kinds_are_unsupported),
		TEST(patches_need_an_object),
		TEST(a_patch_that_changes_nothing_keeps_the_revision),
		TEST(a_revision_in_a_patch_is_a_precondition),
		TEST(identity_cannot_be_patched),
		TEST(the_result_is_checked),
		TEST(malformed_patches_are_bad_requests),
		TEST(a_patch_cannot_outgrow_the_limits),
		TEST(events_are_patched_in_the_form_of_their_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
