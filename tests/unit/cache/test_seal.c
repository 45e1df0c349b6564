/* Sealed stores: nothing secret in any file, and everything as before for whoever reads through the cache. */
#include "tests/unit/cache/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/store_seal.h"
#include "base/files.h"
#include "cache/row.h"
#include "tests/tools/tempdir.h"

#define SECRET "hunter2-the-plain-text"
#define BODY "{\"kind\":\"Secret\",\"stringData\":\"" SECRET "\"}"
#define WHOLE_FILE_MAX (64u << 20)

struct sealed {
	struct store *store;
	struct vault *vault;
	struct cache_seal seal;
};

static struct vault *open_vault(const struct store *s)
{
	struct vault_settings settings = { .data_dir = s->dir, .wrap = "file" };
	struct vault *vault = NULL;

	assert_int_equal(vault_open_data(&settings, &vault, NULL), 0);
	return vault;
}

static int setup_plain(void **state)
{
	struct sealed *t = calloc(1, sizeof(*t));
	void *store;

	assert_non_null(t);
	assert_int_equal(store_setup(&store), 0);
	t->store = store;
	t->vault = open_vault(t->store);
	t->seal = store_seal(t->vault);
	*state = t;
	return 0;
}

static void reopen_sealed(struct sealed *t)
{
	store_close(t->store);
	t->store->options.seal = &t->seal;
	store_open(t->store);
}

static int setup(void **state)
{
	(void)setup_plain(state);
	reopen_sealed(*state);
	return 0;
}

static int teardown(void **state)
{
	struct sealed *t = *state;
	void *store = t->store;
	char vault[96];

	store_close(t->store);
	vault_free(t->vault);
	(void)snprintf(vault, sizeof(vault), "%s/vault", t->store->dir);
	assert_int_equal(tempdir_remove(vault), 0);
	assert_int_equal(store_teardown(&store), 0);
	free(t);
	return 0;
}

static uint64_t put_secret(struct store *s, const char *name, const char *body)
{
	struct cache_op op = { .type = CACHE_PUT,
			       .object = thing("secrets", "ns", name, "uid", body, "node") };
	struct outcome outcome = store_run(s, &op, 1);

	assert_int_equal(outcome.code, 0);
	return outcome.object_revision;
}

static void put_mark(struct store *s, const char *mark, const char *value)
{
	struct cache_op op = { .type = CACHE_MARK, .mark = mark, .value = span_of(value) };

	assert_int_equal(store_run(s, &op, 1).code, 0);
}

static bool mark_is(struct store *s, const char *mark, const char *value)
{
	struct buf out;
	bool same;

	buf_init(&out, 4096);
	assert_int_equal(cache_mark_get(s->cache, mark, &out), 0);
	same = span_is(buf_span(&out), value);
	buf_done(&out);
	return same;
}

static int get_secret(struct store *s, const char *name, char body[96])
{
	struct key key = { "secrets", "ns", name };
	struct object *object = NULL;
	int code = cache_get(s->cache, &key, &object);

	if (!code)
		assert_int_equal(span_copy(object->body, body, 96), 0);
	object_unref(object);
	return code;
}

static void expect_secret(struct store *s, const char *name, const char *body)
{
	char found[96];

	assert_int_equal(get_secret(s, name, found), 0);
	assert_string_equal(found, body);
}

static void on_copied(void *ctx, int code)
{
	*(int *)ctx = code;
}

static void make_good(struct store *s)
{
	char path[128];
	int code = 1;

	(void)snprintf(path, sizeof(path), "%s.good", s->path);
	assert_int_equal(cache_snapshot(s->cache, path, on_copied, &code), 0);
	store_dispatch(s);
	assert_int_equal(code, 0);
}

/* How many files in the store's directory hold the text. */
static unsigned files_with(const struct store *s, const char *text)
{
	DIR *dir = opendir(s->dir);
	struct dirent *entry;
	unsigned found = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char path[400];
		struct buf content;

		(void)snprintf(path, sizeof(path), "%s/%s", s->dir, entry->d_name);
		buf_init(&content, WHOLE_FILE_MAX);
		if (entry->d_type == DT_REG) {
			assert_int_equal(file_read(path, &content), 0);
			found += memmem(content.data, content.len, text, strlen(text)) != NULL;
		}
		buf_done(&content);
	}
	(void)closedir(dir);
	return found;
}

static void no_file_holds_what_is_secret_and_every_reader_gets_it(void **state)
{
	struct sealed *t = *state;
	struct store *s = t->store;
	struct cache_op delete = { .type = CACHE_DELETE, .key = { "secrets", "ns", "gone" } };
	struct listing l = { 0 };
	struct journal j;
	uint64_t first;

	first = put_secret(s, "a", BODY);
	(void)put_secret(s, "gone", BODY);
	(void)put_secret(s, "a", "{\"v\":2}");
	(void)put_secret(s, "a", BODY);
	assert_int_equal(store_run(s, &delete, 1).code, 0);
	put_mark(s, "outbox/entry/1", SECRET);
	make_good(s);
	assert_int_equal(files_with(s, "hunter2"), 0);
	expect_secret(s, "a", BODY);
	assert_true(mark_is(s, "outbox/entry/1", SECRET));
	assert_string_equal(list_text(s, &(struct cache_list){ .resource = "secrets", .revision = first },
				      &l),
			    "ns/a=" BODY "@1 ");
	assert_string_equal(list_text(s,
				      &(struct cache_list){ .resource = "secrets",
							    .field_key = "spec.nodeName",
							    .field_value = "node" },
				      &l),
			    "ns/a=" BODY "@4 ");
	journal_init(&j);
	assert_int_equal(cache_watch_open(s->cache, "secrets", NULL, 0, &journal_events, &j, &j.watch), 0);
	store_dispatch(s);
	assert_string_equal(journal_take(&j),
			    "A ns/a=" BODY "@1 A ns/gone=" BODY "@2 M ns/a={\"v\":2}@3 M ns/a=" BODY
			    "@4 D ns/gone=" BODY "@5 ");
	cache_watch_close(j.watch);
	buf_done(&j.text);
	store_reopen(s);
	expect_secret(s, "a", BODY);
	assert_int_equal(cache_verify(s->cache, 100), 1);
	assert_int_equal(files_with(s, "hunter2"), 0);
	buf_done(&l.text);
}

static void what_is_not_secret_stays_readable(void **state)
{
	struct sealed *t = *state;

	(void)put(t->store, "a", "{\"plain\":\"as-ever\"}");
	put_mark(t->store, "hub/starts", "nineteen");
	(void)put_secret(t->store, "its-name", BODY);
	store_close(t->store);
	assert_true(files_with(t->store, "as-ever") && files_with(t->store, "nineteen") &&
		    files_with(t->store, "its-name"));
	store_open(t->store);
}

static void the_same_bytes_are_no_write(void **state)
{
	struct sealed *t = *state;
	uint64_t revision = put_secret(t->store, "a", BODY);

	assert_int_equal(put_secret(t->store, "a", BODY), revision);
}

static void an_empty_body_is_sealed_too(void **state)
{
	struct sealed *t = *state;

	(void)put_secret(t->store, "a", "");
	store_reopen(t->store);
	expect_secret(t->store, "a", "");
}

static void run_sql(const char *path, const char *text)
{
	sqlite3 *db = NULL;
	char *error = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", text, error);
	sqlite3_close(db);
}

/* Writes a row again with another one's body and with a checksum that fits: what a checksum alone would believe. */
static void give_body_of_a_to_b(const struct store *s)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *read = NULL, *write = NULL;
	struct row row;

	assert_int_equal(sqlite3_open(s->path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(
			db,
			"SELECT b.revision, b.previous, b.change, b.log_offset, b.wall_ms, b.generation, "
			"b.origin, b.splice, b.fields, a.body FROM versions a, versions b "
			"WHERE a.name = 'a' AND b.name = 'b'",
			-1, &read, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(read), SQLITE_ROW);
	row = (struct row){
		.revision = (uint64_t)sqlite3_column_int64(read, 0),
		.previous = (uint64_t)sqlite3_column_int64(read, 1),
		.change = sqlite3_column_int64(read, 2),
		.log_offset = (uint64_t)sqlite3_column_int64(read, 3),
		.wall_ms = sqlite3_column_int64(read, 4),
		.generation = sqlite3_column_int64(read, 5),
		.origin = (uint64_t)sqlite3_column_int64(read, 6),
		.splice = sqlite3_column_int64(read, 7),
		.resource = SPAN("secrets"),
		.ns = SPAN("ns"),
		.name = SPAN("b"),
		.uid = SPAN("uid"),
		.labels = SPAN(""),
		.fields = span_make(sqlite3_column_blob(read, 8), (size_t)sqlite3_column_bytes(read, 8)),
		.owners = SPAN(""),
		.body = span_make(sqlite3_column_blob(read, 9), (size_t)sqlite3_column_bytes(read, 9)),
		.is_whole = true,
	};
	row_seal(&row);
	assert_int_equal(sqlite3_prepare_v2(db,
					    "UPDATE versions SET body = ?1, checksum = ?2 WHERE name = 'b'",
					    -1, &write, NULL),
			 SQLITE_OK);
	sqlite3_bind_blob(write, 1, row.body.ptr, (int)row.body.len, SQLITE_TRANSIENT);
	sqlite3_bind_int64(write, 2, (sqlite3_int64)row.checksum);
	assert_int_equal(sqlite3_step(write), SQLITE_DONE);
	sqlite3_finalize(write);
	sqlite3_finalize(read);
	sqlite3_close(db);
}

static void a_body_in_another_place_is_damage_and_no_deletion(void **state)
{
	struct sealed *t = *state;
	struct store *s = t->store;
	struct cache_stats stats;
	struct journal j;
	char body[96];
	uint64_t last;

	(void)put_secret(s, "a", BODY);
	last = put_secret(s, "b", "{\"v\":2}");
	store_close(s);
	give_body_of_a_to_b(s);
	store_open(s);
	journal_init(&j);
	assert_int_equal(cache_watch_open(s->cache, "secrets", NULL, last, &journal_events, &j, &j.watch), 0);
	assert_int_equal(get_secret(s, "b", body), -EBADMSG);
	store_dispatch(s);
	cache_stats(s->cache, &stats);
	assert_int_equal(stats.quarantined, 1);
	assert_string_equal(journal_take(&j), "");
	expect_secret(s, "a", BODY);
	(void)put_secret(s, "b", "{\"v\":3}"); /* fetched again */
	expect_secret(s, "b", "{\"v\":3}");
	store_dispatch(s);
	cache_stats(s->cache, &stats);
	assert_int_equal(stats.quarantined, 0);
	cache_watch_close(j.watch);
	buf_done(&j.text);
}

static void a_plain_row_among_sealed_ones_is_damage(void **state)
{
	struct sealed *t = *state;
	struct store *s = t->store;
	char body[96];

	(void)put_secret(s, "a", BODY);
	store_close(s);
	run_sql(s->path, "UPDATE versions SET body = '{\"injected\":1}'");
	store_open(s);
	assert_int_equal(get_secret(s, "a", body), -EBADMSG);
}

/* The keys of another data directory, or none, open nothing, and change nothing. */
static void other_keys_are_refused_and_nothing_is_called_damaged(void **state)
{
	struct sealed *t = *state;
	struct store *s = t->store;
	char mine[96], aside[96];
	struct err err = { 0 };
	struct vault *other;
	struct cache_seal seal;
	struct cache_stats stats;

	(void)put_secret(s, "a", BODY);
	store_close(s);
	s->options.seal = NULL;
	assert_int_equal(store_try_open(s, &err), -ENOKEY);
	(void)snprintf(mine, sizeof(mine), "%s/vault", s->dir);
	(void)snprintf(aside, sizeof(aside), "%s/aside", s->dir);
	assert_int_equal(rename(mine, aside), 0);
	other = open_vault(s);
	seal = store_seal(other);
	s->options.seal = &seal;
	assert_int_equal(store_try_open(s, &err), -ENOKEY);
	assert_non_null(strstr(err_text(&err), "vault does not hold"));
	vault_free(other);
	assert_int_equal(tempdir_remove(mine), 0);
	assert_int_equal(rename(aside, mine), 0);
	s->options.seal = &t->seal;
	store_open(s);
	expect_secret(s, "a", BODY);
	cache_stats(s->cache, &stats);
	assert_int_equal(stats.quarantined, 0);
}

static void write_plain_store(struct sealed *t)
{
	struct store *s = t->store;
	struct cache_op delete = { .type = CACHE_DELETE, .key = { "secrets", "ns", "gone" } };
	char damaged[128];

	(void)put_secret(s, "a", "{\"old\":\"" SECRET "\"}");
	(void)put_secret(s, "gone", BODY);
	(void)put_secret(s, "a", BODY);
	assert_int_equal(store_run(s, &delete, 1).code, 0);
	(void)put(s, "pod", "{\"v\":1}");
	put_mark(s, "outbox/entry/1", SECRET);
	put_mark(s, "outbox/entry/2", "");
	put_mark(s, "outbox/state", "1 2");
	make_good(s);
	(void)snprintf(damaged, sizeof(damaged), "%s.damaged", s->path);
	assert_int_equal(file_write(damaged, SPAN("what was left of it: " SECRET), 0600), 0);
}

static void expect_migrated(struct sealed *t)
{
	struct store *s = t->store;
	struct journal j;
	char body[64];

	assert_int_equal(files_with(s, "hunter2"), 0);
	expect_secret(s, "a", BODY);
	assert_int_equal(get(s, "pod", NULL, body), 0);
	assert_true(mark_is(s, "outbox/entry/1", SECRET));
	assert_true(mark_is(s, "outbox/entry/2", ""));
	assert_true(mark_is(s, "outbox/state", "1 2"));
	journal_init(&j);
	assert_int_equal(cache_watch_open(s->cache, "secrets", NULL, 0, &journal_events, &j, &j.watch), 0);
	store_dispatch(s);
	assert_string_equal(journal_take(&j), "A ns/a={\"old\":\"" SECRET "\"}@1 A ns/gone=" BODY
					      "@2 M ns/a=" BODY "@3 D ns/gone=" BODY "@4 ");
	cache_watch_close(j.watch);
	buf_done(&j.text);
}

static void a_plain_store_is_sealed_with_all_its_copies(void **state)
{
	struct sealed *t = *state;
	char good[128];

	write_plain_store(t);
	assert_true(files_with(t->store, "hunter2") >= 3);
	reopen_sealed(t);
	expect_migrated(t);
	(void)snprintf(good, sizeof(good), "%s.good", t->store->path);
	assert_int_equal(access(good, F_OK), 0); /* there still is one, and it serves */
	store_close(t->store);
	assert_int_equal(truncate(t->store->path, 0), 0);
	store_open(t->store);
	expect_migrated(t);
}

static void a_damaged_plain_row_does_not_stay_in_plain(void **state)
{
	struct sealed *t = *state;
	struct store *s = t->store;
	char body[96];

	(void)put_secret(s, "a", BODY);
	(void)put_secret(s, "b", BODY);
	store_close(s);
	run_sql(s->path, "UPDATE versions SET generation = 7 WHERE name = 'a'");
	store_open(s);
	reopen_sealed(t);
	assert_int_equal(files_with(s, "hunter2"), 0);
	assert_int_equal(get_secret(s, "a", body), -EBADMSG);
	expect_secret(s, "b", BODY);
}

/* A store that was given up and replaced by an empty one: in plain it must go, sealed it may be looked at. */
static void a_file_given_up_goes_if_it_is_plain(void **state)
{
	struct sealed *t = *state;
	struct store *s = t->store;
	char damaged[128];

	(void)snprintf(damaged, sizeof(damaged), "%s.damaged", s->path);
	(void)put_secret(s, "a", BODY);
	store_close(s);
	run_sql(s->path, "PRAGMA user_version=1");
	assert_int_equal(rename(s->path, damaged), 0);
	s->options.seal = &t->seal;
	store_open(s);
	assert_int_equal(files_with(s, "hunter2"), 0);
	assert_int_equal(access(damaged, F_OK), -1);
	(void)put_secret(s, "a", BODY);
	store_close(s);
	assert_int_equal(rename(s->path, damaged), 0);
	store_open(s);
	assert_int_equal(access(damaged, F_OK), 0);
	assert_int_equal(files_with(s, "hunter2"), 0);
}

/* --- another key --- */

static void on_resealed(void *ctx, const struct cache_result *result)
{
	assert_int_equal(result->code, 0);
	*(uint64_t *)ctx = result->revision;
}

static unsigned reseal(struct store *s)
{
	uint64_t reached = 0;
	unsigned steps = 0;

	do {
		assert_int_equal(cache_reseal(s->cache, reached, on_resealed, &reached), 0);
		store_dispatch(s);
		steps++;
	} while (reached);
	return steps;
}

static void everything_is_sealed_anew_in_bounded_steps_while_watches_hear_nothing(void **state)
{
	struct sealed *t = *state;
	struct store *s = t->store;
	struct journal j;
	uint64_t last;
	unsigned steps;

	put_mark(s, "outbox/entry/1", SECRET);
	for (int i = 0; i < 1200; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "s%d", i % 100);
		(void)(i % 2 ? put_secret(s, name, i % 3 ? BODY : "{}") : put(s, name, i % 3 ? BODY : "{}"));
	}
	last = cache_revision(s->cache);
	journal_init(&j);
	assert_int_equal(cache_watch_open(s->cache, NULL, NULL, last, &journal_events, &j, &j.watch), 0);
	assert_int_equal(vault_rotate_begin(t->vault, NULL), 0);
	steps = reseal(s);
	assert_true(steps >= 3 && steps <= 4);
	assert_string_equal(journal_take(&j), "");
	assert_int_equal(cache_revision(s->cache), last);
	make_good(s);
	assert_int_equal(vault_rotate_end(t->vault, NULL), 0);
	assert_true(mark_is(s, "outbox/entry/1", SECRET));
	assert_int_equal(cache_verify(s->cache, 1000), 100);
	cache_watch_close(j.watch);
	buf_done(&j.text);
	store_reopen(s);
	expect_secret(s, "s99", BODY);
}

int main(void)
{
#define TEST(name, with) cmocka_unit_test_setup_teardown(name, with, teardown)
	const struct CMUnitTest tests[] = {
		TEST(no_file_holds_what_is_secret_and_every_reader_gets_it, setup),
		TEST(what_is_not_secret_stays_readable, setup),
		TEST(the_same_bytes_are_no_write, setup),
		TEST(an_empty_body_is_sealed_too, setup),
		TEST(a_body_in_another_place_is_damage_and_no_deletion, setup),
		TEST(a_plain_row_among_sealed_ones_is_damage, setup),
		TEST(other_keys_are_refused_and_nothing_is_called_damaged, setup),
		TEST(a_plain_store_is_sealed_with_all_its_copies, setup_plain),
		TEST(a_damaged_plain_row_does_not_stay_in_plain, setup_plain),
		TEST(a_file_given_up_goes_if_it_is_plain, setup_plain),
		TEST(everything_is_sealed_anew_in_bounded_steps_while_watches_hear_nothing, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
