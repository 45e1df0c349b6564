/* Every allocation on the way of a request fails in turn: each request is still answered, cut off or
 * refused, and afterwards the server serves as if nothing had been. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/tools/failmalloc.h"
#include "tests/unit/api/rig.h"

/* An answer that needs no memory of its own. */
struct heard {
	int code;
	bool over, aborted;
	unsigned events;
};

static void on_respond(void *ctx, int code, const char *type, const struct api_header *headers, size_t count,
		       struct span body)
{
	struct heard *heard = ctx;

	assert_false(heard->over);
	heard->code = code;
	heard->over = true;
}

static void on_begin(void *ctx, int code, const char *type, const struct api_header *headers, size_t count)
{
	((struct heard *)ctx)->code = code;
}

static int on_write(void *ctx, const struct span *pieces, size_t count)
{
	struct heard *heard = ctx;

	assert_false(heard->over);
	heard->events++;
	return 0;
}

static void on_end(void *ctx)
{
	struct heard *heard = ctx;

	assert_false(heard->over);
	heard->over = true;
}

static void on_abort(void *ctx)
{
	struct heard *heard = ctx;

	assert_false(heard->over);
	heard->over = heard->aborted = true;
}

static const struct api_responder responder = { on_respond, on_begin, on_write, on_end, on_abort };

struct scenario {
	const char *method, *path, *query, *type, *accept, *body;
	int code;     /* when nothing fails */
	bool goes_on; /* a watch: not over by itself */
	bool changes; /* something is written while it goes on */
};

/* What stands before each try. */
static void prepare(struct rig *rig)
{
	struct answer *a = ask(rig, "POST", MAPS, "{\"metadata\":{\"name\":\"c\"},\"data\":{\"a\":\"1\"}}");

	assert_true(a->code == 201 || a->code == 409);
	answer_free(a);
	a = ask(rig, "DELETE", MAPS "/new", NULL);
	assert_true(a->code == 200 || a->code == 404);
	answer_free(a);
	expect_code(rig, 200, "PATCH", MAPS "/c", "{\"data\":{\"a\":\"1\"},\"metadata\":{\"labels\":null}}");
}

/* One try with the nth allocation failing. True: none failed. */
static bool try_once(struct rig *rig, const struct scenario *s, unsigned long nth, enum failmalloc_mode mode)
{
	const struct api_request request = {
		.method = span_of(s->method),
		.path = span_of(s->path),
		.query = span_of(s->query ? s->query : ""),
		.content_type = span_of(s->type),
		.accept = span_of(s->accept),
		.body = span_of(s->body),
		.identity = &rig->user,
	};
	struct heard heard = { 0 };
	struct answer *change = NULL;
	struct api_call *call;
	unsigned long failed;

	prepare(rig);
	failmalloc_arm(nth, mode);
	call = api_handle(rig->api, &request, &responder, &heard);
	rig_dispatch(rig);
	failed = failmalloc_disarm();
	if (s->changes && !heard.over)
		change = ask(rig, "PATCH", MAPS "/c", "{\"data\":{\"a\":\"2\"}}");
	for (int i = 0; i < 8; i++)
		rig_dispatch(rig);
	if (!failed) {
		assert_int_equal(heard.code, s->code);
		assert_int_equal(heard.over, !s->goes_on);
		assert_false(heard.aborted);
	}
	assert_true(heard.over || s->goes_on);
	if (!heard.over)
		api_call_gone(call);
	if (change)
		answer_free(change);
	return !failed;
}

static void walk(struct rig *rig, const struct scenario *s)
{
	static const enum failmalloc_mode modes[] = { FAILMALLOC_ONCE, FAILMALLOC_FROM };
	struct api_stats stats;

	for (size_t m = 0; m < 2; m++) {
		unsigned long nth = 1;

		while (!try_once(rig, s, nth, modes[m]))
			assert_true(nth++ < 20000);
		assert_true(nth > 5);
	}
	api_stats(rig->api, &stats);
	assert_int_equal(stats.calls, 0);
	assert_int_equal(stats.watches, 0);
}

#define TABLE "application/json;as=Table;v=v1;g=meta.k8s.io"
#define SCENARIO(fn, ...)                              \
	static void fn(void **state)                   \
	{                                              \
		const struct scenario s = __VA_ARGS__; \
		walk(*state, &s);                      \
	}

SCENARIO(a_get, { .method = "GET", .path = MAPS "/c", .code = 200 })
SCENARIO(a_list, { .method = "GET", .path = MAPS, .query = "labelSelector=!x&limit=5", .code = 200 })
SCENARIO(a_table, { .method = "GET", .path = MAPS, .accept = TABLE, .code = 200 })
SCENARIO(a_watch, { .method = "GET",
		    .path = MAPS,
		    .query = "watch=true&allowWatchBookmarks=true",
		    .code = 200,
		    .goes_on = true,
		    .changes = true })
SCENARIO(a_create,
	 { .method = "POST",
	   .path = MAPS,
	   .body = "{\"metadata\":{\"name\":\"new\",\"labels\":{\"l\":\"1\"}},\"data\":{\"a\":\"1\"}}",
	   .code = 201 })
SCENARIO(an_update, { .method = "PUT",
		      .path = MAPS "/c",
		      .body = "{\"metadata\":{\"name\":\"c\"},\"data\":{\"b\":\"1\"}}",
		      .code = 200 })
SCENARIO(a_strategic_patch, { .method = "PATCH",
			      .path = MAPS "/c",
			      .type = "application/strategic-merge-patch+json",
			      .body = "{\"metadata\":{\"labels\":{\"l\":\"1\"}}}",
			      .code = 200 })
SCENARIO(a_json_patch, { .method = "PATCH",
			 .path = MAPS "/c",
			 .type = "application/json-patch+json",
			 .body = "[{\"op\":\"copy\",\"from\":\"/data/a\",\"path\":\"/data/x\"}]",
			 .code = 200 })
SCENARIO(a_delete, { .method = "DELETE",
		     .path = MAPS "/c",
		     .body = "{\"propagationPolicy\":\"Background\"}",
		     .code = 200 })
SCENARIO(a_collection, { .method = "DELETE", .path = MAPS, .code = 200 })
SCENARIO(an_invalid_create,
	 { .method = "POST", .path = MAPS, .body = "{\"metadata\":{\"name\":\"BAD\"}}", .code = 422 })

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_get),	TEST(a_list),	    TEST(a_table),	     TEST(a_watch),
		TEST(a_create), TEST(an_update),    TEST(a_strategic_patch), TEST(a_json_patch),
		TEST(a_delete), TEST(a_collection), TEST(an_invalid_create),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
