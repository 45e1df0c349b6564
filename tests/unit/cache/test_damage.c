/* Damage: rows, the log, pages, whole files; quarantine, snapshots, and what cannot be opened. */
#include "tests/unit/cache/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Runs SQL on the closed store, behind its back. */
static void sql(struct store *s, const char *text)
{
	sqlite3 *db = NULL;
	char *error = NULL;

	store_close(s);
	assert_int_equal(sqlite3_open(s->path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", text, error);
	sqlite3_close(db);
}

static char *read_file(const char *path, size_t *out_len)
{
	struct stat st;
	int fd = open(path, O_RDONLY);
	char *data;

	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	data = malloc((size_t)st.st_size + 1);
	assert_non_null(data);
	assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
	*out_len = (size_t)st.st_size;
	(void)close(fd);
	return data;
}

static void write_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	(void)close(fd);
}

/* Flips a bit in the first place where the closed store's file holds the text. */
static void flip_text(struct store *s, const char *text)
{
	size_t len;
	char *data, *at;

	store_close(s);
	data = read_file(s->path, &len);
	at = memmem(data, len, text, strlen(text));
	assert_non_null(at);
	*at ^= 1;
	write_file(s->path, data, len);
	free(data);
}

struct reports {
	struct buf text;
};

static void report(void *ctx, const struct key *key)
{
	struct reports *r = ctx;

	(void)key_text(key, &r->text);
	(void)buf_add_char(&r->text, ' ');
}

static void follow(struct store *s, struct reports *r)
{
	buf_init(&r->text, 1024);
	cache_on_damaged(s->cache, report, r);
}

static uint64_t quarantined(struct store *s)
{
	struct cache_stats stats;

	cache_stats(s->cache, &stats);
	return stats.quarantined;
}

/* --- rows --- */

static void damage_b(struct store *s)
{
	struct cache_op op = cache_op_feed("pods", FEED_COMPLETE);

	put(s, "a", "alpha");
	put(s, "b", "bravo");
	put(s, "c", "charlie");
	assert_int_equal(store_run(s, &op, 1).code, 0);
	flip_text(s, "bravo");
	store_open(s);
}

static void a_damaged_row_is_kept_apart_and_reported_once(void **state)
{
	struct store *s = *state;
	struct listing l = { 0 };
	struct reports r;

	damage_b(s);
	follow(s, &r);
	assert_int_equal(cache_feed(s->cache, "pods"), FEED_COMPLETE); /* nobody has looked yet */
	assert_int_equal(get(s, "b", NULL, NULL), -EBADMSG);
	assert_int_equal(cache_feed(s->cache, "pods"), FEED_DAMAGED);
	assert_int_equal(cache_feed(s->cache, "nodes"), FEED_ABSENT);
	assert_string_equal(list_text(s, &(struct cache_list){ .resource = "pods" }, &l),
			    "ns/a=alpha@1 ns/c=charlie@3 ");
	assert_string_equal(buf_cstr(&r.text), ""); /* callbacks come from dispatch */
	store_dispatch(s);
	store_dispatch(s);
	assert_string_equal(buf_cstr(&r.text), "pods/ns/b ");
	assert_int_equal(quarantined(s), 1);
	buf_done(&r.text);
	buf_done(&l.text);
}

static void the_quarantine_outlives_the_process(void **state)
{
	struct store *s = *state;

	damage_b(s);
	assert_int_equal(get(s, "b", NULL, NULL), -EBADMSG);
	store_dispatch(s);
	store_dispatch(s);
	store_reopen(s);
	assert_int_equal(quarantined(s), 1);
	assert_int_equal(cache_feed(s->cache, "pods"), FEED_DAMAGED);
	flip_text(s, "cravo"); /* the flip undone: it reads well again */
	store_open(s);
	store_dispatch(s);
	assert_int_equal(quarantined(s), 0);
	assert_int_equal(cache_feed(s->cache, "pods"), FEED_COMPLETE);
	assert_int_equal(get(s, "b", NULL, NULL), 0);
	store_reopen(s);
	assert_int_equal(quarantined(s), 0);
}

static void writing_a_damaged_key_heals_it(void **state)
{
	struct store *s = *state;
	struct journal j;
	char body[64];

	damage_b(s);
	assert_int_equal(get(s, "b", NULL, NULL), -EBADMSG);
	store_dispatch(s);
	journal_init(&j);
	j.last = 3;
	assert_int_equal(cache_watch_open(s->cache, "pods", NULL, 3, &journal_events, &j, &j.watch), 0);
	assert_int_equal(put(s, "b", "better"), 4);
	assert_string_equal(journal_take(&j), "M ns/b=better@4 "); /* no DELETED before, none after */
	assert_int_equal(get(s, "b", NULL, body), 0);
	assert_string_equal(body, "better");
	assert_int_equal(quarantined(s), 0);
	assert_int_equal(cache_feed(s->cache, "pods"), FEED_COMPLETE);
	cache_watch_close(j.watch);
	buf_done(&j.text);
	store_reopen(s);
	assert_int_equal(quarantined(s), 0);
}

static void a_damaged_key_can_be_deleted_and_forgotten(void **state)
{
	for (int forgets = 0; forgets < 2; forgets++) {
		struct store *s = *state;
		struct cache_op op = { .type = forgets ? CACHE_FORGET : CACHE_DELETE,
				       .key = { "pods", "ns", "b" } };

		damage_b(s);
		assert_int_equal(get(s, "b", NULL, NULL), -EBADMSG);
		store_dispatch(s);
		assert_int_equal(store_run(s, &op, 1).code, 0);
		assert_int_equal(get(s, "b", NULL, NULL), -ENOENT);
		assert_int_equal(quarantined(s), 0);
		store_close(s);
		(void)unlink(s->path);
		store_open(s);
	}
}

static void a_damaged_key_still_counts_as_taken(void **state)
{
	struct store *s = *state;
	struct cache_op op = { .type = CACHE_CREATE, .object = pod("b", "other", "x") };

	damage_b(s);
	assert_int_equal(store_run(s, &op, 1).code, -EEXIST);
	op = (struct cache_op){ .type = CACHE_UPDATE, .object = pod("b", "uid", "x"), .if_revision = 9 };
	assert_int_equal(store_run(s, &op, 1).code, -ESTALE);
	op = (struct cache_op){
		.type = CACHE_UPDATE, .object = pod("b", "uid", "x"), .if_revision = 2, .if_uid = "uid"
	};
	assert_int_equal(store_run(s, &op, 1).code, 0);
}

static void the_check_walks_all_rows_and_wraps_around(void **state)
{
	struct store *s = *state;
	struct reports r;

	damage_b(s);
	follow(s, &r);
	assert_int_equal(cache_verify(s->cache, 1), 1);
	assert_int_equal(quarantined(s), 0);
	assert_int_equal(cache_verify(s->cache, 1), 1);
	assert_int_equal(quarantined(s), 1);
	assert_int_equal(cache_verify(s->cache, 10), 1);
	assert_int_equal(cache_verify(s->cache, 10), 3);
	store_dispatch(s);
	assert_string_equal(buf_cstr(&r.text), "pods/ns/b ");
	buf_done(&r.text);
}

static void damage_in_any_column_is_noticed(void **state)
{
	static const char *const damages[] = {
		"UPDATE versions SET uid = 'other' WHERE revision = 2",
		"UPDATE versions SET name = 'z' WHERE revision = 2",
		"UPDATE versions SET generation = 7 WHERE revision = 2",
		"UPDATE versions SET labels = x'61' WHERE revision = 2",
		"UPDATE versions SET fields = x'610062006300' WHERE revision = 2",
		"UPDATE versions SET splice = 2 WHERE revision = 2",
		"UPDATE versions SET body = NULL WHERE revision = 2",
		"UPDATE versions SET change = 2 WHERE revision = 2",
		"UPDATE versions SET checksum = checksum + 1 WHERE revision = 2",
		"UPDATE objects SET revision = 3 WHERE name = 'b'",
		"UPDATE objects SET revision = 77 WHERE name = 'b'",
		"DELETE FROM versions WHERE revision = 2",
	};
	struct store *s = *state;

	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		struct listing l = { 0 };

		put(s, "a", "1");
		put(s, "b", "1");
		put(s, "c", "1");
		sql(s, damages[i]);
		store_open(s);
		assert_int_equal(get(s, "b", NULL, NULL), -EBADMSG);
		assert_string_equal(list_text(s, &(struct cache_list){ .resource = "pods" }, &l),
				    "ns/a=1@1 ns/c=1@3 ");
		assert_int_equal(quarantined(s), 1);
		buf_done(&l.text);
		store_close(s);
		(void)unlink(s->path);
		store_open(s);
	}
}

static void damage_in_the_log_closes_the_window_and_loses_no_object(void **state)
{
	struct store *s = *state;
	struct journal j;
	struct cache_watch *w;
	struct reports r;

	put(s, "a", "first");
	put(s, "a", "second");
	put(s, "a", "third");
	flip_text(s, "second");
	store_open(s);
	follow(s, &r);
	journal_init(&j);
	assert_int_equal(cache_watch_open(s->cache, NULL, NULL, 0, &journal_events, &j, &j.watch), 0);
	store_dispatch(s);
	assert_string_equal(journal_take(&j), "A ns/a=first@1 ");
	assert_int_equal(j.gone, 1);
	store_dispatch(s);
	assert_int_equal(cache_oldest(s->cache), 3);
	assert_int_equal(cache_watch_open(s->cache, NULL, NULL, 1, &journal_events, &j, &w), -ERANGE);
	assert_int_equal(get(s, "a", NULL, NULL), 0);
	assert_int_equal(quarantined(s), 0);
	assert_string_equal(buf_cstr(&r.text), "");
	cache_watch_close(j.watch);
	buf_done(&j.text);
	buf_done(&r.text);
}

/* --- files --- */

static void fill(struct store *s, int from, int to)
{
	char name[16], body[2001];

	memset(body, 'x', 2000);
	body[2000] = '\0';
	for (int i = from; i < to; i++) {
		struct cache_op op;

		(void)snprintf(name, sizeof(name), "p%03d", i);
		op = (struct cache_op){ .type = CACHE_PUT, .object = pod(name, "uid", body) };
		assert_int_equal(cache_submit(s->cache, &op, 1, NULL, NULL), 0);
	}
	store_dispatch(s);
}

static void note_code(void *ctx, int code)
{
	*(int *)ctx = code;
}

static int snapshot(struct store *s, char path[128])
{
	int code = 1;

	(void)snprintf(path, 128, "%s.good", s->path);
	assert_int_equal(cache_snapshot(s->cache, path, note_code, &code), 0);
	assert_int_equal(code, 1); /* not from inside */
	assert_int_equal(cache_snapshot(s->cache, path, note_code, &code), -EBUSY);
	store_dispatch(s);
	return code;
}

static uint64_t count_pods(struct store *s)
{
	uint64_t count = 0;

	assert_int_equal(cache_count(s->cache, "pods", NULL, &count), 0);
	return count;
}

static bool is_recovered(struct store *s)
{
	struct cache_stats stats;

	cache_stats(s->cache, &stats);
	return stats.recovered;
}

static bool exists(struct store *s, const char *suffix)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s%s", s->path, suffix);
	return access(path, F_OK) == 0;
}

static void a_snapshot_is_a_store_of_its_own(void **state)
{
	struct store *s = *state;
	char path[128];
	uint8_t epoch[CACHE_EPOCH_SIZE];

	fill(s, 0, 50);
	memcpy(epoch, cache_epoch(s->cache), sizeof(epoch));
	assert_int_equal(snapshot(s, path), 0);
	assert_false(exists(s, ".good.tmp"));
	fill(s, 50, 60);
	store_close(s);
	s->options.path = path;
	store_open(s);
	assert_int_equal(count_pods(s), 50);
	assert_int_equal(cache_revision(s->cache), 50);
	/* An older copy knows its own past, and that it did not see what came after. */
	assert_int_equal(cache_epoch_check(s->cache, epoch, 50), 0);
	assert_int_equal(cache_epoch_check(s->cache, epoch, 55), -ESTALE);
	s->options.path = s->path;
}

static void a_snapshot_of_a_damaged_store_is_not_taken(void **state)
{
	struct store *s = *state;
	char path[128];

	damage_b(s);
	assert_int_equal(snapshot(s, path), -EBADMSG);
	assert_false(exists(s, ".good"));
	assert_false(exists(s, ".good.tmp"));
}

/* Overwrites one page somewhere in the middle, which holds rows and nothing that opening a store reads. */
static void overwrite_page(struct store *s)
{
	size_t len, page;
	char *data = read_file(s->path, &len), *at;

	at = memmem(data + len / 2, len / 2, "xxxxxxxxxxxxxxxx", 16);
	assert_non_null(at);
	page = (size_t)(at - data) / 4096 * 4096;
	memset(data + page, 0x5a, 4096);
	write_file(s->path, data, len);
	free(data);
}

static void a_damaged_page_is_found_and_the_snapshot_takes_over_at_the_next_opening(void **state)
{
	struct store *s = *state;
	struct listing l = { 0 };
	struct cache_op op = cache_op_feed("pods", FEED_COMPLETE);
	char path[128];

	fill(s, 0, 100);
	assert_int_equal(store_run(s, &op, 1).code, 0);
	assert_int_equal(snapshot(s, path), 0);
	fill(s, 100, 110);
	store_close(s);
	overwrite_page(s);
	store_open(s);
	assert_false(is_recovered(s));
	assert_int_equal(list_into(s, &(struct cache_list){ .resource = "pods" }, &l), -EBADMSG);
	assert_int_equal(cache_feed(s->cache, "pods"), FEED_DAMAGED);
	buf_done(&l.text);
	store_close(s);
	assert_true(exists(s, ".check"));
	store_open(s);
	assert_true(is_recovered(s));
	assert_true(exists(s, ".damaged"));
	assert_false(exists(s, ".check"));
	assert_int_equal(count_pods(s), 100);
	assert_int_equal(cache_feed(s->cache, "pods"), FEED_COMPLETE);
	store_reopen(s);
	assert_false(is_recovered(s));
}

static void damaged_files_are_refused_without_a_snapshot_and_replaced_with_one(void **state)
{
	struct store *s = *state;
	struct err err;
	char garbage[20000], path[128], *good;
	size_t good_len;

	fill(s, 0, 100);
	assert_int_equal(snapshot(s, path), 0);
	store_close(s);
	good = read_file(path, &good_len);
	memset(garbage, 'g', sizeof(garbage));
	for (int i = 0; i < 3; i++) {
		write_file(s->path, i ? good : garbage, i == 0 ? sizeof(garbage) : i == 1 ? 5000 : 0);
		(void)unlink(path);
		err = (struct err){ 0 };
		if (i < 2) { /* an empty file is a new store, unless there was one before */
			assert_int_equal(store_try_open(s, &err), -EBADMSG);
			assert_non_null(strstr(err.msg, "damaged"));
		}
		write_file(path, good, good_len);
		store_open(s);
		assert_true(is_recovered(s));
		assert_int_equal(count_pods(s), 100);
		store_close(s);
	}
	(void)unlink(s->path);
	store_open(s); /* gone altogether, too */
	assert_int_equal(count_pods(s), 100);
	store_close(s);
	write_file(path, garbage, sizeof(garbage));
	write_file(s->path, garbage, sizeof(garbage));
	assert_int_equal(store_try_open(s, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "cannot be used"));
	free(good);
}

static void a_store_of_a_newer_release_is_left_alone(void **state)
{
	struct store *s = *state;
	struct err err = { 0 };

	put(s, "a", "1");
	sql(s, "PRAGMA user_version = 99");
	assert_int_equal(store_try_open(s, &err), -EPROTO);
	assert_non_null(strstr(err.msg, "schema 99"));
	assert_false(exists(s, ".damaged"));
}

static void a_database_of_something_else_is_left_alone(void **state)
{
	struct store *s = *state;
	struct err err = { 0 };
	sqlite3 *db;

	store_close(s);
	(void)unlink(s->path);
	assert_int_equal(sqlite3_open(s->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE t (x)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(store_try_open(s, &err), -EBADMSG);
	assert_true(exists(s, ""));
}

static void a_store_opens_in_one_process_at_a_time(void **state)
{
	struct store *s = *state;
	struct store second = *s;
	struct err err = { 0 };

	assert_int_equal(store_try_open(&second, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "another process"));
	store_reopen(s);
}

static void a_missing_directory_is_named(void **state)
{
	struct store *s = *state;
	struct err err = { 0 };

	store_close(s);
	s->options.path = "/nonexistent/store.db";
	assert_int_equal(store_try_open(s, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "/nonexistent/store.db"));
}

static void ballast_lies_beside_a_store_on_the_system_disk(void **state)
{
	struct store *s = *state;
	struct stat st;
	char path[128];

	s->options.ballast_bytes = 200000;
	store_reopen(s);
	(void)snprintf(path, sizeof(path), "%s.ballast", s->path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 200000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_damaged_row_is_kept_apart_and_reported_once),
		TEST(the_quarantine_outlives_the_process),
		TEST(writing_a_damaged_key_heals_it),
		TEST(a_damaged_key_can_be_deleted_and_forgotten),
		TEST(a_damaged_key_still_counts_as_taken),
		TEST(the_check_walks_all_rows_and_wraps_around),
		TEST(damage_in_any_column_is_noticed),
		TEST(damage_in_the_log_closes_the_window_and_loses_no_object),
		TEST(a_snapshot_is_a_store_of_its_own),
		TEST(a_snapshot_of_a_damaged_store_is_not_taken),
		TEST(a_damaged_page_is_found_and_the_snapshot_takes_over_at_the_next_opening),
		TEST(damaged_files_are_refused_without_a_snapshot_and_replaced_with_one),
		TEST(a_store_of_a_newer_release_is_left_alone),
		TEST(a_database_of_something_else_is_left_alone),
		TEST(a_store_opens_in_one_process_at_a_time),
		TEST(a_missing_directory_is_named),
		TEST(ballast_lies_beside_a_store_on_the_system_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
