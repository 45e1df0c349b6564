/* A store's copy: its facts, its damage, and the branch of the time line that a restore begins. */
#include "cache/copy.h"
#include "tests/unit/cache/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

static char copy_path[128];

static void on_copied(void *ctx, int code)
{
	*(int *)ctx = code;
}

/* A copy of the open store as it is now. */
static const char *copy_of(struct store *s)
{
	int code = 1;

	snprintf(copy_path, sizeof(copy_path), "%s/copy.db", s->dir);
	assert_int_equal(cache_snapshot(s->cache, copy_path, on_copied, &code), 0);
	store_dispatch(s);
	assert_int_equal(code, 0);
	return copy_path;
}

static void use_copy(struct store *s)
{
	store_close(s);
	assert_int_equal(rename(copy_path, s->path), 0);
}

static void test_a_copy_says_what_it_is_of(void **state)
{
	struct store *s = *state;
	struct cache_copy facts = { 0 };
	uint64_t revision;

	(void)put(s, "a", "{\"v\":1}");
	revision = put(s, "b", "{\"v\":1}");
	assert_int_equal(cache_copy_check(copy_of(s), &facts, NULL), 0);
	assert_int_equal(facts.revision, revision);
	assert_int_equal(facts.objects, 2);
	assert_memory_equal(facts.epoch, cache_epoch(s->cache), CACHE_EPOCH_SIZE);
}

static void test_what_is_no_store_is_refused(void **state)
{
	struct store *s = *state;
	struct cache_copy facts;
	struct err err = { 0 };
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/other", s->dir);
	assert_int_equal(cache_copy_check(path, &facts, &err), -ENOENT);
	assert_int_equal(access(path, F_OK), -1);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(cache_copy_check(path, &facts, &err), -EBADMSG);
	assert_int_equal(write(fd, "these bytes are not a database at all, whatever", 40), 40);
	(void)close(fd);
	assert_int_equal(cache_copy_check(path, &facts, &err), -EBADMSG);
}

static void change_copy(const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(copy_path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void test_a_damaged_row_or_a_newer_schema_is_refused(void **state)
{
	struct store *s = *state;
	struct cache_copy facts;
	struct err err = { 0 };

	(void)put(s, "a", "{\"v\":1}");
	(void)copy_of(s);
	change_copy("UPDATE versions SET generation = generation + 1");
	assert_int_equal(cache_copy_check(copy_path, &facts, &err), -EBADMSG);
	(void)copy_of(s);
	change_copy("PRAGMA user_version=1000");
	assert_int_equal(cache_copy_check(copy_path, &facts, &err), -EPROTO);
}

static void test_a_branch_ends_what_came_after_the_copy(void **state)
{
	struct store *s = *state;
	uint8_t epoch[CACHE_EPOCH_SIZE];
	uint64_t copied, after, revision = 0;
	struct cache_watch *watch;
	struct journal journal;

	(void)put(s, "a", "{\"v\":1}");
	(void)put(s, "a", "{\"v\":2}");
	(void)put(s, "gone", "{\"v\":1}");
	copied = delete_pod(s, "gone");
	memcpy(epoch, cache_epoch(s->cache), sizeof(epoch));
	(void)copy_of(s);
	after = put(s, "b", "{\"v\":1}");
	assert_int_equal(cache_copy_branch(copy_path, &revision, NULL), 0);
	assert_int_equal(revision, copied + CACHE_COPY_JUMP);
	use_copy(s);
	store_open(s);
	assert_int_equal(cache_revision(s->cache), revision);
	/* Who had seen no more than the copy is on its past; who saw more is not, whatever the store has reached since. */
	assert_int_equal(cache_epoch_check(s->cache, epoch, copied), 0);
	assert_int_equal(cache_epoch_check(s->cache, epoch, after), -ESTALE);
	assert_int_equal(cache_epoch_check(s->cache, epoch, revision), -ESTALE);
	assert_int_equal(put(s, "b", "{\"v\":7}"), revision + 1);
	/* Watches of the line given up are told to list anew. */
	journal_init(&journal);
	assert_int_equal(cache_watch_open(s->cache, NULL, NULL, after, &journal_events, &journal, &watch),
			 -ERANGE);
	assert_int_equal(cache_watch_open(s->cache, NULL, NULL, copied, &journal_events, &journal, &watch),
			 -ERANGE);
	assert_int_equal(cache_watch_open(s->cache, NULL, NULL, revision, &journal_events, &journal, &watch),
			 0);
	store_dispatch(s);
	assert_string_equal(journal_take(&journal), "A ns/b={\"v\":7}@1000000005 ");
	cache_watch_close(watch);
	buf_done(&journal.text);
}

static void test_a_branched_store_is_whole_and_goes_on(void **state)
{
	struct store *s = *state;
	struct cache_copy facts = { 0 };
	uint64_t revision = 0, again = 0, found = 0;
	char body[64];

	for (int i = 0; i < 50; i++)
		(void)put(s, i % 2 ? "a" : "b", i % 3 ? "{\"v\":1}" : "{\"v\":2}");
	(void)delete_pod(s, "b");
	(void)copy_of(s);
	assert_int_equal(cache_copy_branch(copy_path, &revision, NULL), 0);
	assert_int_equal(cache_copy_branch(copy_path, &again, NULL), 0);
	assert_int_equal(again, revision + CACHE_COPY_JUMP);
	assert_int_equal(cache_copy_check(copy_path, &facts, NULL), 0);
	assert_int_equal(facts.objects, 1);
	use_copy(s);
	store_open(s);
	assert_int_equal(get(s, "a", &found, body), 0);
	assert_true(
		found <
		CACHE_COPY_JUMP); /* objects keep their revisions: edges that have them need not fetch them again */
	assert_int_equal(get(s, "b", &found, body), -ENOENT);
	assert_true(put(s, "b", "{\"v\":3}") > again);
	store_reopen(s);
	assert_int_equal(get(s, "b", &found, body), 0);
	assert_string_equal(body, "{\"v\":3}");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_copy_says_what_it_is_of),
		TEST(test_what_is_no_store_is_refused),
		TEST(test_a_damaged_row_or_a_newer_schema_is_refused),
		TEST(test_a_branch_ends_what_came_after_the_copy),
		TEST(test_a_branched_store_is_whole_and_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
