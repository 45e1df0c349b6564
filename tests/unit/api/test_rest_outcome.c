/* What the outcome hook hears, and watches that are ended because their watcher may not go on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/api/rig.h"

struct heard {
	struct rig *rig;
	struct buf lines;
};

static bool authorize(void *ctx, const struct api_attributes *what, char *why, size_t size)
{
	const struct heard *heard = ctx;
	bool denied = heard->rig->denied_verb && strcmp(what->verb, heard->rig->denied_verb) == 0;

	snprintf(why, size, denied ? "not today" : "why not");
	return !denied;
}

static void on_outcome(void *ctx, const struct api_outcome *outcome)
{
	struct heard *heard = ctx;

	buf_addf(&heard->lines, "%s %s/%s %s %d%s%s;", outcome->what->verb, outcome->what->resource,
		 outcome->name, outcome->what->identity ? outcome->what->identity->user : "-", outcome->code,
		 outcome->decided ? outcome->allowed ? " allowed: " : " denied: " : "", outcome->reason);
}

static void listen_in(struct rig *rig, struct heard *heard)
{
	*heard = (struct heard){ .rig = rig };
	buf_init(&heard->lines, 65536);
	rig->options.hooks =
		(struct api_hooks){ .ctx = heard, .authorize = authorize, .outcome = on_outcome };
	rig_restart_api(rig);
}

static void expect_heard(struct heard *heard, const char *text)
{
	assert_string_equal(buf_cstr(&heard->lines), text);
	buf_reset(&heard->lines);
}

static void each_request_has_one_outcome(void **state)
{
	struct rig *rig = *state;
	struct heard heard;

	listen_in(rig, &heard);
	expect_code(rig, 201, "POST", MAPS, CONFIG("a", ""));
	expect_heard(&heard, "create configmaps/a admin 201 allowed: why not;");
	expect_code(rig, 409, "POST", MAPS, CONFIG("a", ""));
	expect_heard(&heard, "create configmaps/ admin 409 allowed: why not;");
	expect_code(rig, 200, "GET", MAPS, NULL);
	expect_heard(&heard, "list configmaps/ admin 200 allowed: why not;");
	expect_code(rig, 404, "GET", MAPS "/none", NULL);
	expect_heard(&heard, "get configmaps/none admin 404 allowed: why not;");
	expect_code(rig, 200, "GET", "/version", NULL);
	expect_heard(&heard, "get / admin 200 allowed: why not;");
	expect_code(rig, 200, "DELETE", MAPS "/a", NULL);
	expect_heard(&heard, "delete configmaps/a admin 200 allowed: why not;");
	buf_done(&heard.lines);
}

static void a_name_made_here_is_told(void **state)
{
	struct rig *rig = *state;
	struct heard heard;

	listen_in(rig, &heard);
	expect_code(
		rig, 201, "POST", MAPS,
		"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"generateName\":\"made-\"}}");
	assert_non_null(strstr(buf_cstr(&heard.lines), "create configmaps/made-"));
	buf_done(&heard.lines);
}

static void refusals_are_told_with_their_reason(void **state)
{
	struct rig *rig = *state;
	struct heard heard;

	listen_in(rig, &heard);
	rig->denied_verb = "delete";
	expect_code(rig, 403, "DELETE", MAPS "/a", NULL);
	expect_heard(&heard, "delete configmaps/a admin 403 denied: not today;");
	rig->anonymous = true;
	expect_code(rig, 401, "GET", MAPS, NULL);
	expect_heard(&heard, "list configmaps/ - 401;");
	buf_done(&heard.lines);
}

static void a_watch_is_told_when_it_begins(void **state)
{
	struct rig *rig = *state;
	struct heard heard;

	listen_in(rig, &heard);
	struct answer *a = ask(rig, "GET", MAPS "?watch=true", NULL);

	expect_heard(&heard, "watch configmaps/ admin 200 allowed: why not;");
	api_end_watches(rig->api);
	answer_free(a);
	expect_heard(&heard, "");
	buf_done(&heard.lines);
}

/* Or a writer who hangs up at once would leave no trace. */
static void a_client_that_went_away_is_told_of_too(void **state)
{
	struct rig *rig = *state;
	struct heard heard;

	listen_in(rig, &heard);
	struct answer *a = start(rig, "POST", MAPS, CONFIG("b", ""), 0);

	answer_free(a);
	rig_dispatch(rig);
	expect_heard(&heard, "create configmaps/ admin 0 allowed: why not;");
	expect_code(rig, 200, "GET", MAPS "/b", NULL);
	buf_done(&heard.lines);
}

static bool may_go_on(void *ctx, const struct api_attributes *what)
{
	return strcmp(what->ns, ctx) != 0;
}

static void watches_end_whose_watcher_may_not_go_on(void **state)
{
	struct rig *rig = *state;
	struct answer *a = ask(rig, "GET", MAPS "?watch=true", NULL);
	struct answer *b = ask(rig, "GET", "/api/v1/namespaces/default/configmaps?watch=true", NULL);
	struct api_stats stats;

	api_end_watches_unless(rig->api, may_go_on, "nowhere");
	assert_false(a->ended || b->ended);
	api_end_watches_unless(rig->api, may_go_on, "web");
	assert_true(a->ended);
	assert_false(b->ended);
	api_stats(rig->api, &stats);
	assert_int_equal(stats.watches, 1);
	answer_free(a);
	answer_free(b);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_request_has_one_outcome),	      TEST(a_name_made_here_is_told),
		TEST(refusals_are_told_with_their_reason),    TEST(a_watch_is_told_when_it_begins),
		TEST(a_client_that_went_away_is_told_of_too), TEST(watches_end_whose_watcher_may_not_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
