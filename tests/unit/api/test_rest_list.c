/* GET and LIST: pages, revisions, selectors, tables, slow readers. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/api/rig.h"

static void make(struct rig *rig, const char *name, const char *label)
{
	char body[256];

	(void)snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\",\"labels\":{\"l\":\"%s\"}}}", name,
		       label);
	expect_code(rig, 201, "POST", MAPS, body);
}

static int maps_setup(void **state)
{
	int err = rig_setup(state);

	for (char c = 'a'; !err && c <= 'e'; c++) {
		char name[2] = { c, '\0' };

		make(*state, name, c <= 'c' ? "low" : "high");
	}
	return err;
}

static void expect_names(struct rig *rig, const char *target, const char *names)
{
	struct answer *a = ask(rig, "GET", target, NULL);
	char text[1024];

	if (a->code != 200)
		fail_msg("%s: %d %s", target, a->code, buf_cstr(&a->body));
	assert_string_equal(names_of(a, text, sizeof(text)), names);
	answer_free(a);
}

static void get_says_what_is_missing(void **state)
{
	expect_status(*state, 404, "NotFound", "configmaps \"x\" not found", "GET", MAPS "/x", NULL);
	expect_status(*state, 404, "NotFound", "daemonsets.apps \"x\" not found", "GET", SETS "/x", NULL);
	expect_status(*state, 404, "NotFound", "the server could not find the requested resource", "GET",
		      "/api/v1/namespaces/web/gadgets", NULL);
}

static void get_waits_for_no_future(void **state)
{
	struct rig *rig = *state;
	char target[128];

	(void)snprintf(target, sizeof(target), MAPS "/a?resourceVersion=%" PRIu64,
		       cache_revision(rig->cache));
	expect_code(rig, 200, "GET", target, NULL);
	(void)snprintf(target, sizeof(target), MAPS "/a?resourceVersion=%" PRIu64,
		       cache_revision(rig->cache) + 1);
	expect_status(rig, 504, "Timeout", "Too large resource version", "GET", target, NULL);
}

static void a_list_is_whole_and_carries_its_revision(void **state)
{
	struct answer *a = ask(*state, "GET", MAPS, NULL);
	char names[64];

	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "kind"), "ConfigMapList");
	assert_string_equal(text_at(a, "apiVersion"), "v1");
	assert_string_equal(names_of(a, names, sizeof(names)), "a,b,c,d,e");
	assert_true(revision_of(a) >= 7);
	assert_string_equal(text_at(a, "metadata.continue"), "");
	answer_free(a);
	expect_names(*state, "/api/v1/configmaps", "a,b,c,d,e");
	expect_names(*state, "/api/v1/namespaces/default/configmaps", "");
}

static void selectors_choose(void **state)
{
	expect_names(*state, MAPS "?labelSelector=l%3Dlow", "a,b,c");
	expect_names(*state, MAPS "?labelSelector=l+in+(high,x),!m", "d,e");
	expect_names(*state, MAPS "?fieldSelector=metadata.name%3Db", "b");
	expect_names(*state, MAPS "?fieldSelector=metadata.name!%3Db&labelSelector=l%3Dlow", "a,c");
	expect_names(*state, "/api/v1/configmaps?fieldSelector=metadata.namespace%3Dweb,metadata.name%3De",
		     "e");
	expect_status(*state, 400, "BadRequest", "", "GET", MAPS "?labelSelector=a%3Db%3Dc!!", NULL);
	expect_status(*state, 400, "BadRequest", "field label not supported: data.x", "GET",
		      MAPS "?fieldSelector=data.x%3D1", NULL);
	expect_status(*state, 400, "BadRequest", "", "GET", MAPS "?fieldSelector=%3D", NULL);
}

static void pods_are_found_by_node(void **state)
{
	expect_code(*state, 201, "POST", PODS, POD("one", ""));
	expect_code(*state, 201, "POST", PODS, POD("two", ""));
	expect_code(*state, 201, "POST", PODS "/one/binding",
		    "{\"target\":{\"kind\":\"Node\",\"name\":\"n1\"}}");
	expect_names(*state, PODS "?fieldSelector=spec.nodeName%3Dn1", "one");
	expect_names(*state, PODS "?fieldSelector=spec.nodeName%3D", "two");
	expect_names(*state, PODS "?fieldSelector=spec.host%3Dn1", "one");
	expect_names(*state, PODS "?fieldSelector=status.phase%3DPending", "one,two");
}

static struct answer *page(struct rig *rig, const char *query, const char *token)
{
	char target[2048];

	(void)snprintf(target, sizeof(target), MAPS "?%s%s%s", query, token[0] ? "&continue=" : "", token);
	struct answer *a = ask(rig, "GET", target, NULL);

	if (a->code != 200)
		fail_msg("%s: %d %s", target, a->code, buf_cstr(&a->body));
	return a;
}

static void pages_show_one_revision_across_changes_and_restarts(void **state)
{
	struct answer *first = page(*state, "limit=2", ""), *second, *third;
	char names[64];

	assert_string_equal(names_of(first, names, sizeof(names)), "a,b");
	assert_int_equal(int_at(first, "metadata.remainingItemCount"), 3);
	/* None of this may show: a deletion, an insertion, a change. */
	expect_code(*state, 200, "DELETE", MAPS "/c", NULL);
	make(*state, "bb", "low");
	rig_reopen(*state);
	second = page(*state, "limit=2", text_at(first, "metadata.continue"));
	assert_string_equal(names_of(second, names, sizeof(names)), "c,d");
	assert_int_equal(int_at(second, "metadata.remainingItemCount"), 1);
	assert_string_equal(text_at(second, "metadata.resourceVersion"),
			    text_at(first, "metadata.resourceVersion"));
	third = page(*state, "limit=2", text_at(second, "metadata.continue"));
	assert_string_equal(names_of(third, names, sizeof(names)), "e");
	assert_string_equal(text_at(third, "metadata.continue"), "");
	assert_int_equal(int_at(third, "metadata.remainingItemCount"), -1);
	answer_free(first);
	answer_free(second);
	answer_free(third);
}

static void a_full_last_page_is_the_last(void **state)
{
	struct answer *a = page(*state, "limit=5", "");

	assert_int_equal(count_at(a, "items"), 5);
	assert_string_equal(text_at(a, "metadata.continue"), "");
	answer_free(a);
}

static void pages_of_a_selection_do_not_count_the_rest(void **state)
{
	struct answer *a = page(*state, "limit=1&labelSelector=l%3Dlow", ""), *b;
	char names[64];

	assert_string_equal(names_of(a, names, sizeof(names)), "a");
	assert_int_equal(int_at(a, "metadata.remainingItemCount"), -1);
	b = page(*state, "limit=5&labelSelector=l%3Dlow", text_at(a, "metadata.continue"));
	assert_string_equal(names_of(b, names, sizeof(names)), "b,c");
	answer_free(a);
	answer_free(b);
}

static void bad_tokens_are_bad_requests(void **state)
{
	static const char *const tokens[] = { "x", "AAAA", "////", "%00", "eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ" };

	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		char target[256];

		(void)snprintf(target, sizeof(target), MAPS "?limit=2&continue=%s", tokens[i]);
		expect_status(*state, 400, "BadRequest", "", "GET", target, NULL);
	}
	struct answer *a = page(*state, "limit=2", "");
	char target[2048];

	/* One namespace's token does not open another's list. */
	(void)snprintf(target, sizeof(target), "/api/v1/namespaces/default/configmaps?continue=%s",
		       text_at(a, "metadata.continue"));
	expect_status(*state, 400, "BadRequest", "continue key is not valid", "GET", target, NULL);
	answer_free(a);
}

/* Makes the log forget everything up to now. */
static void leave_the_window(struct rig *rig)
{
	rig_pass(rig, 2 * CACHE_LOG_AGE_MS);
	for (int i = 0; i < 50; i++) {
		char body[128];

		(void)snprintf(body, sizeof(body), "{\"data\":{\"n\":\"%d\"}}", i);
		expect_code(rig, 200, "PATCH", MAPS "/e", body);
		rig_pass(rig, 2 * CACHE_LOG_AGE_MS);
	}
}

static void a_token_past_the_window_expires_and_offers_a_way_on(void **state)
{
	struct answer *first = page(*state, "limit=2", ""), *gone, *rest;
	char target[2048], names[64];

	expect_code(*state, 200, "DELETE", MAPS "/c", NULL);
	leave_the_window(*state);
	(void)snprintf(target, sizeof(target), MAPS "?limit=2&continue=%s",
		       text_at(first, "metadata.continue"));
	gone = ask(*state, "GET", target, NULL);
	assert_int_equal(gone->code, 410);
	assert_string_equal(text_at(gone, "reason"), "Expired");
	assert_string_not_equal(text_at(gone, "metadata.continue"), "");
	rest = page(*state, "limit=9", text_at(gone, "metadata.continue"));
	assert_string_equal(names_of(rest, names, sizeof(names)), "d,e");
	answer_free(first);
	answer_free(gone);
	answer_free(rest);
}

static void exact_and_not_older_than(void **state)
{
	struct answer *a = ask(*state, "GET", MAPS, NULL);
	uint64_t revision = revision_of(a);
	char target[256], names[64];

	answer_free(a);
	make(*state, "f", "high");
	(void)snprintf(target, sizeof(target), MAPS "?resourceVersion=%" PRIu64 "&resourceVersionMatch=Exact",
		       revision);
	a = ask(*state, "GET", target, NULL);
	assert_string_equal(names_of(a, names, sizeof(names)), "a,b,c,d,e");
	assert_int_equal(revision_of(a), revision);
	answer_free(a);
	(void)snprintf(target, sizeof(target),
		       MAPS "?resourceVersion=%" PRIu64 "&resourceVersionMatch=NotOlderThan", revision);
	expect_names(*state, target, "a,b,c,d,e,f");
	(void)snprintf(target, sizeof(target), MAPS "?resourceVersion=%" PRIu64, revision);
	expect_names(*state, target, "a,b,c,d,e,f");
	expect_names(*state, MAPS "?resourceVersion=0", "a,b,c,d,e,f");
	(void)snprintf(target, sizeof(target), MAPS "?resourceVersion=%" PRIu64, revision + 100);
	expect_status(*state, 504, "Timeout", "Too large resource version", "GET", target, NULL);
	leave_the_window(*state);
	(void)snprintf(target, sizeof(target), MAPS "?resourceVersion=%" PRIu64 "&resourceVersionMatch=Exact",
		       revision);
	expect_status(*state, 410, "Expired", "too old", "GET", target, NULL);
}

static void options_that_contradict_each_other_are_invalid(void **state)
{
	static const char *const queries[] = {
		"resourceVersionMatch=Exact",
		"resourceVersion=0&resourceVersionMatch=Exact",
		"resourceVersion=1&resourceVersionMatch=Newest",
		"sendInitialEvents=true",
		"resourceVersion=1&resourceVersionMatch=NotOlderThan&continue=x",
	};
	char target[256];

	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		(void)snprintf(target, sizeof(target), MAPS "?%s", queries[i]);
		expect_status(*state, 422, "Invalid", "", "GET", target, NULL);
	}
	expect_status(*state, 400, "BadRequest", "resourceVersion", "GET", MAPS "?resourceVersion=abc", NULL);
	expect_status(*state, 400, "BadRequest", "limit", "GET", MAPS "?limit=-1", NULL);
}

static void tables_have_columns_and_rows(void **state)
{
	struct rig *rig = *state;

	rig->accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/"
		      "json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
	struct answer *a = ask(rig, "GET", MAPS, NULL);

	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "kind"), "Table");
	assert_string_equal(text_at(a, "apiVersion"), "meta.k8s.io/v1");
	assert_string_equal(text_at(a, "columnDefinitions.0.name"), "Name");
	assert_string_equal(text_at(a, "columnDefinitions.0.format"), "name");
	assert_int_equal(count_at(a, "rows"), 5);
	assert_string_equal(text_at(a, "rows.0.cells.0"), "a");
	assert_string_equal(text_at(a, "rows.0.object.kind"), "PartialObjectMetadata");
	assert_string_equal(text_at(a, "rows.0.object.metadata.name"), "a");
	assert_true(revision_of(a) > 0);
	answer_free(a);
	a = ask(rig, "GET", MAPS "/a?includeObject=Object", NULL);
	assert_string_equal(text_at(a, "kind"), "Table");
	assert_int_equal(count_at(a, "rows"), 1);
	assert_string_equal(text_at(a, "rows.0.object.kind"), "ConfigMap");
	answer_free(a);
	a = ask(rig, "GET", MAPS "?includeObject=None&limit=1", NULL);
	assert_int_equal(count_at(a, "rows"), 1);
	assert_true(json_is(json_path(answer_json(a), "rows.0.object"), JSON_NULL));
	assert_string_not_equal(text_at(a, "metadata.continue"), "");
	answer_free(a);
}

static void metadata_alone_can_be_asked_for(void **state)
{
	struct rig *rig = *state;

	rig->accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
	struct answer *a = ask(rig, "GET", MAPS, NULL);

	assert_string_equal(text_at(a, "kind"), "PartialObjectMetadataList");
	assert_string_equal(text_at(a, "items.4.metadata.name"), "e");
	assert_string_equal(text_at(a, "items.4.kind"), "PartialObjectMetadata");
	answer_free(a);
	rig->accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
	a = ask(rig, "GET", MAPS "/a", NULL);
	assert_string_equal(text_at(a, "kind"), "PartialObjectMetadata");
	assert_string_equal(text_at(a, "metadata.name"), "a");
	answer_free(a);
}

static void accept_headers_are_weighed(void **state)
{
	static const struct {
		const char *accept;
		int code;
	} cases[] = {
		{ "application/vnd.kubernetes.protobuf,application/json", 200 },
		{ "application/vnd.kubernetes.protobuf, */*", 200 },
		{ "application/*", 200 },
		{ "application/json;q=0.9", 200 },
		{ "application/vnd.kubernetes.protobuf", 406 },
		{ "text/html", 406 },
		{ "application/json;as=Sculpture;v=v1;g=meta.k8s.io", 406 },
		{ ";;;,,;=", 406 },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig->accept = cases[i].accept;
		expect_code(rig, cases[i].code, "GET", MAPS "/a", NULL);
		expect_code(rig, cases[i].code, "GET", MAPS, NULL);
	}
}

static void a_slow_reader_holds_the_list_where_it_is(void **state)
{
	struct rig *rig = *state;
	char name[16], names[8192];
	struct answer *a;

	for (int i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "n%03d", i);
		make(rig, name, "many");
	}
	a = start(rig, "GET", MAPS, NULL, 1);
	assert_false(a->ended);
	assert_int_equal(a->writes, 2); /* the head and a first batch */
	/* What changes meanwhile does not show: the list is of one revision. */
	expect_code(rig, 200, "DELETE", MAPS "/n299", NULL);
	unsigned drains = 0;

	while (!a->ended && drains++ < 100)
		api_call_drained(a->call);
	assert_true(a->ended);
	assert_true(drains > 2);
	assert_int_equal(count_at(a, "items"), 305);
	assert_non_null(strstr(names_of(a, names, sizeof(names)), "n299"));
	answer_free(a);
}

static void a_reader_that_leaves_frees_its_list(void **state)
{
	struct rig *rig = *state;
	struct api_stats stats;
	char name[16];

	for (int i = 0; i < 200; i++) {
		(void)snprintf(name, sizeof(name), "n%03d", i);
		make(rig, name, "many");
	}
	struct answer *a = start(rig, "GET", MAPS, NULL, 1);

	assert_non_null(a->call);
	answer_free(a);
	api_stats(rig->api, &stats);
	assert_int_equal(stats.calls, 0);
	/* And one that is cut off by the end of the server hears of it. */
	a = start(rig, "GET", MAPS, NULL, 1);
	rig_restart_api(rig);
	assert_true(a->aborted);
	answer_free(a);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, maps_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(get_says_what_is_missing),
		TEST(get_waits_for_no_future),
		TEST(a_list_is_whole_and_carries_its_revision),
		TEST(selectors_choose),
		TEST(pods_are_found_by_node),
		TEST(pages_show_one_revision_across_changes_and_restarts),
		TEST(a_full_last_page_is_the_last),
		TEST(pages_of_a_selection_do_not_count_the_rest),
		TEST(bad_tokens_are_bad_requests),
		TEST(a_token_past_the_window_expires_and_offers_a_way_on),
		TEST(exact_and_not_older_than),
		TEST(options_that_contradict_each_other_are_invalid),
		TEST(tables_have_columns_and_rows),
		TEST(metadata_alone_can_be_asked_for),
		TEST(accept_headers_are_weighed),
		TEST(a_slow_reader_holds_the_list_where_it_is),
		TEST(a_reader_that_leaves_frees_its_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
