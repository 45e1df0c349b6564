/* Backups in a directory: what is due, and what goes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cloud-hub/backup/schedule.h"
#include "tests/tools/tempdir.h"

#define NOON_MS 1767355200000 /* 2026-01-02T12:00:00Z */
#define HOUR_MS 3600000

static char dir[64];

static int begin(void **state)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/holdfast-schedule-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int end(void **state)
{
	return tempdir_remove(dir);
}

static void touch(const char *name)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
}

static bool is_there(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

static uint64_t wait_at(int64_t now_ms)
{
	return schedule_wait_ms(dir, "cloud-", 24 * HOUR_MS, 60000, now_ms);
}

static void a_name_is_its_time(void **state)
{
	char path[128], small[16];

	assert_int_equal(schedule_name("/backups", "cloud-", NOON_MS + 61999, path, sizeof(path)), 0);
	assert_string_equal(path, "/backups/cloud-20260102T120101Z.tar");
	assert_int_equal(schedule_name("/backups", "cloud-", NOON_MS, small, sizeof(small)), -ENAMETOOLONG);
}

static void the_next_one_is_due_after_the_newest(void **state)
{
	assert_int_equal(wait_at(NOON_MS), 60000);
	touch("cloud-20260101T000000Z.tar");
	touch("cloud-20260102T100000Z.tar");
	touch("cloud-20260102T110000Z.tar.new"); /* not whole */
	touch("other-20260102T113000Z.tar");
	touch("cloud-20261302T113000Z.tar"); /* no such month */
	assert_int_equal(wait_at(NOON_MS), 22 * HOUR_MS);
	assert_int_equal(wait_at(NOON_MS + 48 * (int64_t)HOUR_MS), 60000);
	/* The clock was set back by a year: not a year without backups. */
	assert_int_equal(wait_at(NOON_MS - 365 * 24 * (int64_t)HOUR_MS), 24 * HOUR_MS);
	assert_int_equal(schedule_wait_ms("/nowhere", "cloud-", HOUR_MS, 5, NOON_MS), 5);
}

static void the_newest_stay_and_nothing_else_is_touched(void **state)
{
	touch("cloud-20260101T000000Z.tar");
	touch("cloud-20260103T000000Z.tar");
	touch("cloud-20260102T000000Z.tar");
	touch("cloud-20260104T000000Z.tar.store");
	touch("cloud-mine.tar");
	touch("notes");
	schedule_prune(dir, "cloud-", 2);
	assert_false(is_there("cloud-20260101T000000Z.tar"));
	assert_true(is_there("cloud-20260102T000000Z.tar"));
	assert_true(is_there("cloud-20260103T000000Z.tar"));
	assert_false(is_there("cloud-20260104T000000Z.tar.store"));
	assert_true(is_there("cloud-mine.tar"));
	assert_true(is_there("notes"));
	schedule_prune("/nowhere", "cloud-", 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(a_name_is_its_time),
		TEST(the_next_one_is_due_after_the_newest),
		TEST(the_newest_stay_and_nothing_else_is_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
