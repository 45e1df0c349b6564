/* Every allocation fails in turn: each call says so or succeeds, and nothing is lost or half-done. */
#include "tests/unit/cache/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/tools/failmalloc.h"

struct place {
	char dir[64], path[96];
};

struct outcome_note {
	int code, calls;
};

static void note(void *ctx, const struct cache_result *result)
{
	struct outcome_note *n = ctx;

	n->calls++;
	n->code = result->code;
}

static int ignore_change(void *ctx, const struct change *change)
{
	(*(unsigned *)ctx)++;
	return 0;
}

static int count_object(void *ctx, struct object *object)
{
	(*(size_t *)ctx)++;
	return 0;
}

static int make(const char *name, const char *body, struct object **out)
{
	*out = object_new(&(struct object){
		.key = { "pods", "ns", name }, .uid = "u", .fields = SPAN("a\0b\0"), .body = span_of(body) });
	return *out ? 0 : -ENOMEM;
}

/* One transaction; its code, wherever it failed. */
static int run(struct cache *cache, struct cache_op *ops, size_t count)
{
	struct outcome_note n = { 0 };
	int code = cache_submit(cache, ops, count, note, &n);

	if (code < 0)
		return code;
	cache_dispatch(cache, 1700000000000);
	assert_int_equal(n.calls, 1);
	return n.code;
}

static int write_some(struct cache *cache)
{
	struct cache_op ops[3] = { { .type = CACHE_PUT },
				   { .type = CACHE_PUT },
				   { .type = CACHE_MARK, .mark = "m", .value = SPAN("v") } };
	struct cache_op forget = { .type = CACHE_FORGET, .key = { "pods", "ns", "a" } };
	struct cache_op del = { .type = CACHE_DELETE, .key = { "pods", "ns", "b" } };
	int code = make("a", "1", &ops[0].object);

	if (code == 0)
		code = make("b", "1", &ops[1].object);
	if (code < 0) {
		object_unref(ops[0].object);
		return code;
	}
	code = run(cache, ops, 3);
	if (code == 0)
		code = run(cache, &forget, 1);
	return code < 0 ? code : run(cache, &del, 1);
}

static int read_some(struct cache *cache)
{
	struct object *object = NULL;
	struct buf text;
	uint64_t revision;
	size_t count = 0;
	int code = cache_list(cache, &(struct cache_list){ .resource = "pods" }, count_object, &count,
			      &revision);

	if (code == 0)
		code = cache_get(cache, &(struct key){ "pods", "ns", "keep" }, &object);
	object_unref(object);
	if (code == 0) {
		assert_int_equal(count, 1);
		code = cache_list(cache, &(struct cache_list){ .resource = "pods", .revision = revision - 1 },
				  count_object, &count, NULL);
	}
	buf_init(&text, 64);
	if (code == 0)
		code = cache_mark_get(cache, "m", &text);
	buf_done(&text);
	return code;
}

static int watch_some(struct cache *cache, uint64_t after, unsigned *changes)
{
	static const struct cache_watch_events events = { .on_change = ignore_change };
	struct cache_watch *w = NULL;
	int code = cache_watch_open(cache, NULL, NULL, after, &events, changes, &w);

	if (code == 0)
		cache_dispatch(cache, 1700000000000);
	if (code == 0 && cache_watch_position(w) < cache_revision(cache))
		code = -ENOMEM; /* it lags on, and would be told later */
	cache_watch_close(w);
	return code;
}

static int use_store(void *ctx)
{
	struct place *p = ctx;
	struct cache_options options = { .path = p->path, .inline_commits = true };
	struct cache *cache = NULL;
	struct err err = { 0 };
	unsigned changes = 0;
	uint64_t before = 0;
	int code = cache_open(&options, &cache, &err);

	if (code == 0) {
		before = cache_revision(cache);
		code = write_some(cache);
	}
	if (code == 0)
		code = read_some(cache);
	if (code == 0)
		code = watch_some(cache, before, &changes);
	cache_close(cache);
	return code;
}

static int create_store(void *ctx)
{
	struct place *p = ctx;
	struct cache_options options = { .path = p->path, .inline_commits = true };
	struct cache *cache = NULL;
	int code = cache_open(&options, &cache, NULL);

	cache_close(cache);
	(void)unlink(p->path);
	return code;
}

/* In memory: thousands of stores are opened. */
static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	(void)snprintf(p->dir, sizeof(p->dir), "%s/holdfast-cache-XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(p->dir));
	(void)snprintf(p->path, sizeof(p->path), "%s/s", p->dir);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock", ".check" };
	struct place *p = *state;
	char path[128];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", p->path, suffixes[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(p->dir), 0);
	free(p);
	return 0;
}

static void a_store_is_created_or_says_why_not(void **state)
{
	assert_true(failmalloc_walk(create_store, *state) > 5);
}

static void a_store_is_used_through_every_failure(void **state)
{
	struct place *p = *state;
	struct cache_options options = { .path = p->path, .inline_commits = true };
	struct cache_op op = { .type = CACHE_PUT };
	struct cache *cache;
	struct cache_stats stats;

	assert_int_equal(cache_open(&options, &cache, NULL), 0);
	assert_int_equal(make("keep", "1", &op.object), 0);
	assert_int_equal(run(cache, &op, 1), 0);
	cache_close(cache);
	assert_true(failmalloc_walk(use_store, p) > 20);
	assert_int_equal(cache_open(&options, &cache, NULL), 0);
	assert_int_equal(read_some(cache), 0);
	cache_stats(cache, &stats);
	assert_int_equal(stats.quarantined, 0);
	assert_false(stats.read_only);
	cache_close(cache);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int fail_from_here(void *ctx, struct object *object)
{
	failmalloc_arm(1, FAILMALLOC_FROM);
	return 1;
}

static void put_body(struct cache *cache, const char *body)
{
	struct outcome_note n = { 0 };
	struct cache_op op = { .type = CACHE_PUT };

	assert_int_equal(make("a", body, &op.object), 0);
	assert_int_equal(cache_submit(cache, &op, 1, note, &n), 0);
	cache_dispatch(cache, 1);
	assert_int_equal(n.code, 0);
}

/* The end of a read takes memory too, the first time. */
static void a_read_that_could_not_end_shows_no_old_state_afterwards(void **state)
{
	char dir[] = "/tmp/holdfast-memory-XXXXXX", path[96], *end;
	struct cache_options options = { .path = path, .inline_commits = true };
	struct cache_list pods = { .resource = "pods" };
	struct cache *cache = NULL;
	struct object *object = NULL;
	struct key key = { "pods", "ns", "a" };

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/store.db", dir);
	assert_int_equal(cache_open(&options, &cache, NULL), 0);
	put_body(cache, "{\"v\":1}");
	assert_int_equal(cache_list(cache, &pods, fail_from_here, NULL, NULL), 0);
	(void)failmalloc_disarm();
	put_body(cache, "{\"v\":2}");
	assert_int_equal(cache_get(cache, &key, &object), 0);
	assert_true(span_is(object->body, "{\"v\":2}"));
	object_unref(object);
	cache_close(cache);
	end = strrchr(path, '.');
	for (const char *const *suffix = (const char *const[]){ "db", "db.lock", NULL }; *suffix; suffix++) {
		(void)snprintf(end + 1, sizeof(path) - (size_t)(end + 1 - path), "%s", *suffix);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_store_is_created_or_says_why_not),
		TEST(a_store_is_used_through_every_failure),
		cmocka_unit_test(a_read_that_could_not_end_shows_no_old_state_afterwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
