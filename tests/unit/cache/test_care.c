/* The care of a store: when copies are made and when not, and that a damaged file is replaced by one. */
#include "cache/care.h"
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct trouble {
	unsigned count;
	int code;
};

static void on_trouble(void *ctx, int code)
{
	struct trouble *t = ctx;

	t->count++;
	t->code = code;
}

static void write_mark(struct store *s, const char *value)
{
	struct cache_op op = { .type = CACHE_MARK, .mark = "m", .value = span_of(value) };

	assert_int_equal(store_run(s, &op, 1).code, 0);
}

static struct care *new_care(struct store *s, struct trouble *t, char path[128])
{
	struct care *care = NULL;

	snprintf(path, 128, "%s.good", s->path);
	assert_int_equal(care_new(s->cache, path, 0, on_trouble, t, &care), 0);
	return care;
}

static void step(struct store *s, struct care *care, uint64_t now_ms)
{
	assert_true(care_step(care, now_ms, s->now_ms) == now_ms + CARE_STEP_MS);
	store_dispatch(s);
}

static void test_a_copy_is_made_after_the_first_wait_and_not_again_while_nothing_changes(void **state)
{
	struct store *s = *state;
	struct trouble t = { 0 };
	char path[128];
	struct care *care = new_care(s, &t, path);

	write_mark(s, "1");
	step(s, care, CARE_SNAPSHOT_FIRST_MS - 1);
	assert_int_equal(access(path, F_OK), -1);
	step(s, care, CARE_SNAPSHOT_FIRST_MS);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(unlink(path), 0);
	step(s, care, CARE_SNAPSHOT_FIRST_MS + 2 * (uint64_t)CARE_SNAPSHOT_MS);
	assert_int_equal(access(path, F_OK), -1);
	write_mark(s, "2");
	step(s, care, CARE_SNAPSHOT_FIRST_MS + 2 * (uint64_t)CARE_SNAPSHOT_MS + 1);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(t.count, 0);
	(void)unlink(path);
	care_free(care);
}

static void test_a_copy_that_fails_is_reported(void **state)
{
	struct store *s = *state;
	struct trouble t = { 0 };
	struct care *care = NULL;

	assert_int_equal(care_new(s->cache, "/nowhere/at/all", 0, on_trouble, &t, &care), 0);
	write_mark(s, "1");
	step(s, care, CARE_SNAPSHOT_FIRST_MS);
	assert_int_equal(t.count, 1);
	assert_true(t.code < 0);
	care_free(care);
}

static void test_a_file_turned_to_garbage_is_replaced_by_the_copy(void **state)
{
	struct store *s = *state;
	struct trouble t = { 0 };
	char path[128], garbage[8192];
	struct care *care = new_care(s, &t, path);
	struct cache_stats stats;
	struct buf value;
	int fd;

	write_mark(s, "kept");
	step(s, care, CARE_SNAPSHOT_FIRST_MS);
	store_close(s);
	care_free(care);
	memset(garbage, 0x5a, sizeof(garbage));
	fd = open(s->path, O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, garbage, sizeof(garbage)), sizeof(garbage));
	close(fd);
	store_open(s);
	cache_stats(s->cache, &stats);
	assert_true(stats.recovered);
	buf_init(&value, 64);
	assert_int_equal(cache_mark_get(s->cache, "m", &value), 0);
	assert_string_equal(buf_cstr(&value), "kept");
	buf_done(&value);
	(void)unlink(path);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
		T(test_a_copy_is_made_after_the_first_wait_and_not_again_while_nothing_changes),
		T(test_a_copy_that_fails_is_reported),
		T(test_a_file_turned_to_garbage_is_replaced_by_the_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
