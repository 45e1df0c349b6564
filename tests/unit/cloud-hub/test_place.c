/* Where a data directory is replaced: whole, the old one put aside, whatever an attempt before left. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "cloud-hub/backup/place.h"

#define NOON_MS 1767355200000 /* 2026-01-02T12:00:00Z */
#define ASIDE "cloud.before-restore-20260102T120000Z"

static char base[64], dir[96];

static int begin(void **state)
{
	(void)snprintf(base, sizeof(base), "/tmp/holdfast-place-XXXXXX");
	if (!mkdtemp(base))
		return -1;
	(void)snprintf(dir, sizeof(dir), "%s/cloud", base);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static int end(void **state)
{
	return nftw(base, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *in_base(const char *name)
{
	static char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", base, name);
	return path;
}

static void put(const char *name, const char *content)
{
	assert_int_equal(file_write(in_base(name), span_of(content), 0600), 0);
}

static bool has(const char *name, const char *content)
{
	struct buf text;
	bool same;

	buf_init(&text, 100);
	same = file_read(in_base(name), &text) == 0 && span_is(buf_span(&text), content);
	buf_done(&text);
	return same;
}

static bool is_there(const char *name)
{
	return access(in_base(name), F_OK) == 0;
}

static int try_open(bool force, struct place **out)
{
	struct err err = { 0 };

	*out = NULL;
	return place_open(dir, force, NOON_MS, out, &err);
}

static struct place *open_ok(bool force)
{
	struct place *place = NULL;

	assert_int_equal(try_open(force, &place), 0);
	return place;
}

static void put_new(const struct place *place)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/store.db", place_building(place));
	assert_int_equal(file_write(path, SPAN("new"), 0600), 0);
}

static void into_an_empty_place(void **state)
{
	struct place *place = open_ok(false);
	char before[PATH_MAX];

	assert_false(place_has_cluster(place));
	put_new(place);
	assert_false(is_there("cloud"));
	assert_int_equal(place_exchange(place, before, NULL), 0);
	place_close(place);
	assert_string_equal(before, "");
	assert_true(has("cloud/store.db", "new"));
	assert_false(is_there("cloud/restore-unfinished"));
	assert_false(is_there("cloud.restoring"));
}

static void a_cluster_is_put_aside_and_only_when_told(void **state)
{
	struct place *place;
	char before[PATH_MAX];

	put("cloud/store.db", "old");
	put("cloud/pki/root.key", "old key");
	assert_int_equal(try_open(false, &place), -EEXIST);
	place = open_ok(true);
	assert_true(place_has_cluster(place));
	put_new(place);
	assert_int_equal(place_exchange(place, before, NULL), 0);
	place_close(place);
	assert_string_equal(before, in_base(ASIDE));
	assert_true(has("cloud/store.db", "new"));
	assert_true(has(ASIDE "/store.db", "old"));
	assert_true(has(ASIDE "/pki/root.key", "old key"));
}

static void what_lies_in_a_directory_without_a_cluster_is_kept_too(void **state)
{
	struct place *place;
	char before[PATH_MAX];

	put("cloud/notes", "mine");
	place = open_ok(false);
	put_new(place);
	assert_int_equal(place_exchange(place, before, NULL), 0);
	place_close(place);
	assert_true(has(ASIDE "/notes", "mine"));
	assert_true(has("cloud/store.db", "new"));
}

static void a_running_hub_and_another_restore_are_noticed(void **state)
{
	struct place *place, *second;
	int lock = -1;

	assert_int_equal(file_lock_dir(dir, 0700, &lock), 0);
	assert_int_equal(try_open(true, &place), -EBUSY);
	(void)close(lock);
	assert_int_equal(unlink(in_base("cloud/lock")), 0);
	assert_int_equal(rmdir(dir), 0);
	place = open_ok(false);
	assert_int_equal(try_open(false, &second), -EBUSY); /* no directory yet, but somebody builds it */
	assert_true(is_there("cloud.restoring"));
	place_close(place);
	assert_false(is_there("cloud.restoring"));
}

static void given_up_nothing_changed(void **state)
{
	struct place *place;

	put("cloud/store.db", "old");
	place = open_ok(true);
	put_new(place);
	place_close(place);
	assert_true(has("cloud/store.db", "old"));
	assert_false(is_there("cloud.restoring"));
}

static void what_an_attempt_before_left_unfinished_goes(void **state)
{
	put("cloud/store.db", "old");
	put("cloud.restoring/restore-unfinished", "");
	put("cloud.restoring/pki/half", "half");
	place_close(open_ok(true));
	assert_false(is_there("cloud.restoring"));
	assert_true(has("cloud/store.db", "old"));
}

static void the_state_of_before_that_an_attempt_left_there_is_kept(void **state)
{
	/* Killed between the exchange and the renaming. */
	put("cloud/store.db", "restored");
	put("cloud.restoring/store.db", "the one before");
	place_close(open_ok(true));
	assert_true(has(ASIDE "/store.db", "the one before"));
	assert_true(has("cloud/store.db", "restored"));
}

static void a_link_and_a_file_are_refused(void **state)
{
	struct place *place;

	put("elsewhere/store.db", "old");
	assert_int_equal(symlink("elsewhere", dir), 0);
	assert_int_equal(try_open(true, &place), -ENOTDIR);
	assert_int_equal(unlink(dir), 0);
	put("cloud", "a file");
	assert_int_equal(try_open(true, &place), -ENOTDIR);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(into_an_empty_place),
		TEST(a_cluster_is_put_aside_and_only_when_told),
		TEST(what_lies_in_a_directory_without_a_cluster_is_kept_too),
		TEST(a_running_hub_and_another_restore_are_noticed),
		TEST(given_up_nothing_changed),
		TEST(what_an_attempt_before_left_unfinished_goes),
		TEST(the_state_of_before_that_an_attempt_left_there_is_kept),
		TEST(a_link_and_a_file_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
