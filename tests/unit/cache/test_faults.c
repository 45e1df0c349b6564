/* A small workload on a disk that fails at every place in turn: what was acknowledged survives, and
 * nothing half-done appears. */
#include "tests/unit/cache/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/tools/faultyvfs.h"

#define STEPS 12
#define DISK "cache-faults"

struct rig {
	struct store store;
	struct faultyvfs *disk;
	int acknowledged
		[STEPS]; /* 1: answered with success, -1: with failure, 0: never submitted or answered */
	bool is_open;
};

static void rig_init(struct rig *r, uint64_t seed)
{
	*r = (struct rig){ 0 };
	r->disk = faultyvfs_new(DISK, seed);
	assert_non_null(r->disk);
	r->store.options = (struct cache_options){ .path = "/store.db", .vfs = DISK, .inline_commits = true };
	r->store.now_ms = 1700000000000;
}

static void rig_done(struct rig *r)
{
	cache_close(r->store.cache);
	faultyvfs_free(r->disk);
}

static void note(void *ctx, const struct cache_result *result)
{
	*(int *)ctx = result->code == 0 ? 1 : -1;
}

/* Step i writes a pair of objects with the same body and a mark, in one transaction; some step before it
 * may go. */
static int submit_step(struct rig *r, int i)
{
	char name[2][16], gone[16], body[3000], mark[16];
	struct cache_op ops[4];
	size_t count = 3;

	memset(body, 'a' + i, sizeof(body) - 1);
	body[i % 2 ? sizeof(body) - 1 : 20] = '\0';
	(void)snprintf(name[0], sizeof(name[0]), "x%d", i % 5);
	(void)snprintf(name[1], sizeof(name[1]), "y%d", i % 5);
	(void)snprintf(gone, sizeof(gone), "z%d", i);
	(void)snprintf(mark, sizeof(mark), "%d", i);
	ops[0] = (struct cache_op){ .type = CACHE_PUT, .object = pod(name[0], "u", body) };
	ops[1] = (struct cache_op){ .type = CACHE_PUT, .object = pod(name[1], "u", body) };
	ops[2] = (struct cache_op){ .type = CACHE_MARK, .mark = "step", .value = span_of(mark) };
	if (i % 4 == 3) {
		ops[3] = (struct cache_op){ .type = CACHE_FORGET, .key = { "pods", "ns", "x0" } };
		ops[count++] = ops[3];
	}
	return cache_submit(r->store.cache, ops, count, note, &r->acknowledged[i]);
}

/* Opens, runs the steps (two to a commit), closes. Failures are the disk's business. */
static void run_workload(struct rig *r)
{
	struct err err = { 0 };

	r->is_open = store_try_open(&r->store, &err) == 0;
	if (!r->is_open)
		return;
	for (int i = 0; i < STEPS; i++) {
		if (submit_step(r, i) < 0)
			r->acknowledged[i] = -1;
		if (i % 2)
			store_dispatch(&r->store);
		if (i == 7)
			r->store.now_ms += CACHE_LOG_AGE_MS * 2; /* the log is compacted on the way */
	}
	store_close(&r->store);
}

static int last_acknowledged(const struct rig *r)
{
	int last = -1;

	for (int i = 0; i < STEPS; i++)
		if (r->acknowledged[i] == 1)
			last = i;
	return last;
}

static int step_on_disk(struct rig *r)
{
	int64_t step = -1;
	struct buf text;

	buf_init(&text, 16);
	if (cache_mark_get(r->store.cache, "step", &text) == 0)
		assert_int_equal(span_to_i64(buf_span(&text), &step), 0);
	buf_done(&text);
	return (int)step;
}

/* What body a key has after all steps up to `last` that did not fail. The two of the last commit are
 * there, or `last` would not be, whatever was answered. */
static const char *expected(const struct rig *r, int key, int last, char prefix)
{
	static char body[2];
	int found = -1;

	for (int i = 0; i <= last; i++) {
		if (r->acknowledged[i] == -1 && i < last - last % 2)
			continue;
		if (i % 5 == key)
			found = i;
		if (i % 4 == 3 && key == 0 && prefix == 'x')
			found = -1; /* forgotten */
	}
	body[0] = (char)('a' + found);
	return found < 0 ? NULL : body;
}

static void check_key(struct rig *r, char prefix, int key, int last)
{
	const char *want = expected(r, key, last, prefix);
	struct object *object = NULL;
	char name[16];
	int code;

	(void)snprintf(name, sizeof(name), "%c%d", prefix, key);
	code = cache_get(r->store.cache, &(struct key){ "pods", "ns", name }, &object);
	assert_int_equal(code, want ? 0 : -ENOENT);
	if (want)
		assert_int_equal(object->body.ptr[0], want[0]);
	object_unref(object);
}

/* All that was acknowledged is there; a step is there whole or not at all. */
static void check_survival(struct rig *r)
{
	struct err err = { 0 };
	int on_disk;
	struct listing l = { 0 };

	if (store_try_open(&r->store, &err) < 0)
		fail_msg("reopening: %s", err_text(&err));
	on_disk = step_on_disk(r);
	assert_true(on_disk >= last_acknowledged(r));
	for (int key = 0; key < 5; key++) {
		check_key(r, 'x', key, on_disk);
		check_key(r, 'y', key, on_disk);
	}
	(void)list_text(&r->store, &(struct cache_list){ .resource = "pods" }, &l);
	buf_done(&l.text);
	/* And it can be written again. */
	put(&r->store, "after", "x");
	assert_int_equal(cache_feed(r->store.cache, "pods"), FEED_ABSENT);
	store_close(&r->store);
}

static void walk_with(uint64_t seed, enum faultyvfs_fault fault, unsigned ops, bool cuts_power)
{
	bool has_struck = true;

	for (uint64_t nth = 1; has_struck; nth++) {
		struct rig r;

		rig_init(&r, seed * 1000000 + nth);
		faultyvfs_arm(r.disk, fault, ops, nth);
		run_workload(&r);
		has_struck = faultyvfs_disarm(r.disk);
		if (!has_struck)
			assert_int_equal(last_acknowledged(&r), STEPS - 1);
		if (cuts_power) {
			faultyvfs_cut(r.disk);
			faultyvfs_power_on(r.disk);
		}
		check_survival(&r);
		rig_done(&r);
	}
}

/* What a power cut leaves of unsynced writes is a matter of the seed: several are tried. */
static void walk(enum faultyvfs_fault fault, unsigned ops, bool cuts_power)
{
	for (uint64_t seed = 1; seed <= (cuts_power ? 4 : 1); seed++)
		walk_with(seed, fault, ops, cuts_power);
}

static void power_may_go_at_any_write(void **state)
{
	walk(FAULTYVFS_CUT, FAULTYVFS_CHANGES, true);
}

static void any_write_may_fail_once(void **state)
{
	walk(FAULTYVFS_FAIL_ONCE, FAULTYVFS_CHANGES, false);
}

static void any_write_may_fail_once_and_then_the_power(void **state)
{
	walk(FAULTYVFS_FAIL_ONCE, FAULTYVFS_CHANGES, true);
}

static void writes_may_fail_for_good_from_any_on(void **state)
{
	walk(FAULTYVFS_FAIL_ALL, FAULTYVFS_CHANGES, true);
}

static void any_write_may_be_torn(void **state)
{
	walk(FAULTYVFS_TEAR, FAULTYVFS_WRITE, true);
}

static void any_write_may_find_the_disk_full(void **state)
{
	walk(FAULTYVFS_FULL_ONCE, FAULTYVFS_WRITE, true);
}

static void any_read_may_fail(void **state)
{
	walk(FAULTYVFS_FAIL_ONCE, FAULTYVFS_READ, false);
}

static void any_opening_of_a_file_may_fail(void **state)
{
	walk(FAULTYVFS_FAIL_ONCE, FAULTYVFS_OPEN, false);
}

/* --- a disk without room --- */

#define BIG 100000

static int put_big(struct rig *r, const char *name)
{
	static char body[BIG + 1];
	struct cache_op op;

	memset(body, 'b', BIG);
	op = (struct cache_op){ .type = CACHE_CREATE, .object = pod(name, "u", body) };
	return store_run(&r->store, &op, 1).code;
}

static int fill_up(struct rig *r)
{
	char name[16];
	int code = 0;

	for (int i = 0; i < 100 && code == 0; i++) {
		(void)snprintf(name, sizeof(name), "big%d", i);
		code = put_big(r, name);
	}
	return code;
}

static void a_full_disk_refuses_growth_and_lets_deletions_through(void **state)
{
	struct rig r;
	struct cache_stats stats;
	struct cache_op op;

	rig_init(&r, 1);
	r.store.options.ballast_bytes = 1 << 20;
	faultyvfs_set_space(r.disk, 4 << 20);
	store_open(&r.store);
	put(&r.store, "status", "1");
	assert_int_equal(fill_up(&r), -ENOSPC);
	cache_stats(r.store.cache, &stats);
	assert_true(stats.disk_full);
	assert_false(stats.read_only);
	assert_int_equal(faultyvfs_size(r.disk, "/store.db.ballast"), 0);
	for (int i = 0; i < 3; i++) {
		put(&r.store, "status", i % 2 ? "3" : "2"); /* what is there may change */
		op = (struct cache_op){ .type = CACHE_CREATE, .object = pod("small", "u", "x") };
		assert_int_equal(store_run(&r.store, &op, 1).code, -ENOSPC); /* and nothing may be added */
	}
	delete_pod(&r.store, "big0");
	assert_int_equal(get(&r.store, "big0", NULL, NULL), -ENOENT);
	faultyvfs_set_space(r.disk, 64 << 20);
	r.store.now_ms += 6000;
	store_dispatch(&r.store);
	cache_stats(r.store.cache, &stats);
	assert_false(stats.disk_full);
	assert_int_equal(faultyvfs_size(r.disk, "/store.db.ballast"), 1 << 20);
	assert_int_equal(put_big(&r, "later"), 0);
	rig_done(&r);
}

static void without_ballast_a_full_disk_fails_what_does_not_fit(void **state)
{
	struct rig r;
	struct cache_stats stats;

	rig_init(&r, 1);
	faultyvfs_set_space(r.disk, 2 << 20);
	store_open(&r.store);
	assert_int_equal(fill_up(&r), -ENOSPC);
	assert_int_equal(get(&r.store, "big0", NULL, NULL), 0);
	faultyvfs_set_space(r.disk, UINT64_MAX);
	assert_int_equal(put_big(&r, "later"), 0);
	cache_stats(r.store.cache, &stats);
	assert_false(stats.disk_full);
	rig_done(&r);
}

/* --- a disk that stops working --- */

static void an_io_error_that_passes_does_not_stop_the_store(void **state)
{
	struct rig r;
	struct cache_stats stats;
	struct cache_op op = { .type = CACHE_PUT, .object = pod("b", "u", "x") };

	rig_init(&r, 1);
	store_open(&r.store);
	put(&r.store, "a", "1");
	faultyvfs_arm(r.disk, FAULTYVFS_FAIL_ONCE, FAULTYVFS_SYNC, 1);
	assert_int_equal(store_run(&r.store, &op, 1).code, -EIO);
	assert_true(faultyvfs_disarm(r.disk));
	assert_int_equal(get(&r.store, "b", NULL, NULL), -ENOENT);
	cache_stats(r.store.cache, &stats);
	assert_false(stats.read_only);
	assert_int_equal(put(&r.store, "c", "1"), 2);
	/* What failed does not come back with a crash. */
	faultyvfs_cut(r.disk);
	store_close(&r.store);
	faultyvfs_power_on(r.disk);
	store_open(&r.store);
	assert_int_equal(get(&r.store, "b", NULL, NULL), -ENOENT);
	assert_int_equal(get(&r.store, "c", NULL, NULL), 0);
	rig_done(&r);
}

static void a_failed_commit_does_not_come_back_with_a_power_cut(void **state)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct rig r;
		struct cache_op op = { .type = CACHE_PUT, .object = pod("b", "u", "x") };

		rig_init(&r, seed);
		store_open(&r.store);
		put(&r.store, "a", "1");
		faultyvfs_arm(r.disk, FAULTYVFS_FAIL_ONCE, FAULTYVFS_SYNC, 1);
		assert_int_equal(store_run(&r.store, &op, 1).code, -EIO);
		faultyvfs_cut(r.disk);
		store_close(&r.store);
		faultyvfs_power_on(r.disk);
		store_open(&r.store);
		assert_int_equal(get(&r.store, "a", NULL, NULL), 0);
		assert_int_equal(get(&r.store, "b", NULL, NULL), -ENOENT);
		rig_done(&r);
	}
}

static void an_io_error_that_stays_makes_the_store_read_only(void **state)
{
	struct rig r;
	struct cache_stats stats;
	struct cache_op op = { .type = CACHE_PUT, .object = pod("b", "u", "x") };

	rig_init(&r, 1);
	store_open(&r.store);
	put(&r.store, "a", "1");
	faultyvfs_arm(r.disk, FAULTYVFS_FAIL_ALL, FAULTYVFS_CHANGES, 1);
	assert_int_equal(store_run(&r.store, &op, 1).code, -EIO);
	cache_stats(r.store.cache, &stats);
	assert_true(stats.read_only);
	op.object = pod("c", "u", "x");
	assert_int_equal(cache_submit(r.store.cache, &op, 1, NULL, NULL), -EROFS);
	assert_int_equal(get(&r.store, "a", NULL, NULL), 0);
	assert_int_equal(get(&r.store, "b", NULL, NULL), -ENOENT);
	(void)faultyvfs_disarm(r.disk);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(power_may_go_at_any_write),
		cmocka_unit_test(any_write_may_fail_once),
		cmocka_unit_test(any_write_may_fail_once_and_then_the_power),
		cmocka_unit_test(writes_may_fail_for_good_from_any_on),
		cmocka_unit_test(any_write_may_be_torn),
		cmocka_unit_test(any_write_may_find_the_disk_full),
		cmocka_unit_test(any_read_may_fail),
		cmocka_unit_test(any_opening_of_a_file_may_fail),
		cmocka_unit_test(a_full_disk_refuses_growth_and_lets_deletions_through),
		cmocka_unit_test(without_ballast_a_full_disk_fails_what_does_not_fit),
		cmocka_unit_test(an_io_error_that_passes_does_not_stop_the_store),
		cmocka_unit_test(a_failed_commit_does_not_come_back_with_a_power_cut),
		cmocka_unit_test(an_io_error_that_stays_makes_the_store_read_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
