/* Lines reach the file whole and in order, files are rotated and bounded, and what cannot be kept is counted. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "cloud-hub/audit/log_file.h"
#include "tests/tools/tempdir.h"

struct place {
	char dir[64], path[96];
};

static int begin(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	(void)snprintf(place->dir, sizeof(place->dir), "/tmp/holdfast-log-XXXXXX");
	if (!place || !mkdtemp(place->dir))
		return -1;
	(void)snprintf(place->path, sizeof(place->path), "%s/audit.log", place->dir);
	*state = place;
	return 0;
}

static int end(void **state)
{
	struct place *place = *state;
	int code = tempdir_remove(place->dir);

	free(place);
	return code;
}

static struct log_file *open_log(const struct place *place, uint64_t size, unsigned files)
{
	struct log_file_options options = { place->path, size, files };
	struct log_file *file = NULL;

	assert_int_equal(log_file_open(&options, &file, NULL), 0);
	return file;
}

static void add(struct log_file *file, const char *line)
{
	log_file_add(file, span_of(line));
}

/* The content of the file, or of an older one; "" when there is none. */
static void expect_content(const struct place *place, const char *suffix, const char *text)
{
	char path[128];
	struct buf content;

	(void)snprintf(path, sizeof(path), "%s%s", place->path, suffix);
	buf_init(&content, 1 << 22);
	if (file_read(path, &content))
		buf_reset(&content);
	assert_string_equal(buf_cstr(&content), text);
	buf_done(&content);
}

static void lines_are_written_in_order_before_the_end(void **state)
{
	struct place *place = *state;
	struct log_file *file = open_log(place, 1 << 20, 3);
	struct stat st;

	add(file, "one");
	add(file, "two");
	log_file_free(file);
	expect_content(place, "", "one\ntwo\n");
	assert_int_equal(stat(place->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	file = open_log(place, 1 << 20, 3);
	add(file, "three");
	log_file_free(file);
	expect_content(place, "", "one\ntwo\nthree\n");
}

/* It need not end for that. */
static void a_line_is_on_the_disk_within_a_second(void **state)
{
	struct place *place = *state;
	struct log_file *file = open_log(place, 1 << 20, 3);
	struct log_file_stats stats = { 0 };

	add(file, "one");
	for (unsigned i = 0; i < 3000 && !stats.lines; i++) {
		usleep(1000); /* polls an effect of another thread; the bound is generous for sanitizers */
		log_file_stats(file, &stats);
	}
	assert_int_equal(stats.lines, 1);
	expect_content(place, "", "one\n");
	log_file_free(file);
}

static void files_are_rotated_by_size_and_bounded_in_number(void **state)
{
	struct place *place = *state;
	struct log_file *file = open_log(place, 10, 3);

	for (char c = 'a'; c < 'i'; c++) {
		char line[] = { c, c, c, c, '\0' }; /* two of them fill a file */

		add(file, line);
	}
	log_file_free(file);
	expect_content(place, "", "gggg\nhhhh\n");
	expect_content(place, ".1", "eeee\nffff\n");
	expect_content(place, ".2", "cccc\ndddd\n");
	expect_content(place, ".3", "");
	file = open_log(place, 10, 1);
	add(file, "iiii");
	log_file_free(file);
	expect_content(place, "", "iiii\n");
}

static void a_line_longer_than_a_file_is_kept_whole(void **state)
{
	struct place *place = *state;
	struct log_file *file = open_log(place, 8, 3);

	add(file, "short");
	add(file, "longer than eight");
	add(file, "last");
	log_file_free(file);
	expect_content(place, ".2", "short\n");
	expect_content(place, ".1", "longer than eight\n");
	expect_content(place, "", "last\n");
}

static void a_line_torn_by_a_power_cut_is_ended(void **state)
{
	struct place *place = *state;

	assert_int_equal(file_write(place->path, SPAN("whole\nhal"), 0600), 0);
	struct log_file *file = open_log(place, 1 << 20, 3);

	add(file, "next");
	log_file_free(file);
	expect_content(place, "", "whole\nhal\nnext\n");
}

static void a_file_moved_away_is_made_anew(void **state)
{
	struct place *place = *state;
	char moved[128];
	struct log_file *file = open_log(place, 1 << 20, 3);

	(void)snprintf(moved, sizeof(moved), "%s.moved", place->path);
	assert_int_equal(rename(place->path, moved), 0);
	add(file, "one");
	log_file_free(file);
	expect_content(place, "", "one\n");
	expect_content(place, ".moved", "");
}

/* A limit on file size stands in for a full disk: a write comes up short, and the next one fails. */
static void what_does_not_fit_the_disk_is_counted_and_leaves_no_half_line(void **state)
{
	struct place *place = *state;
	struct log_file *file = open_log(place, 1 << 20, 3);
	struct rlimit limit, before;
	struct log_file_stats stats = { 0 };

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	limit = before;
	limit.rlim_cur = 7;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	add(file, "fits");
	for (unsigned i = 0; i < 3000 && !stats.lines; i++) {
		usleep(1000);
		log_file_stats(file, &stats);
	}
	add(file, "does not fit");
	for (unsigned i = 0; i < 3000 && !stats.lost; i++) {
		usleep(1000);
		log_file_stats(file, &stats);
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(stats.lines, 1);
	assert_int_equal(stats.lost, 1);
	assert_int_equal(stats.trouble, -EFBIG);
	expect_content(place, "", "fits\n");
	add(file, "room again");
	log_file_free(file);
	expect_content(place, "", "fits\nroom again\n");
}

/* Of a batch of lines the disk may have room for some: these are kept. */
static void a_full_disk_takes_the_lines_that_fit(void **state)
{
	struct place *place = *state;
	struct log_file *file = open_log(place, 1 << 20, 3);
	struct rlimit limit, before;
	struct log_file_stats stats = { 0 };

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	limit = before;
	limit.rlim_cur = 10;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	add(file, "one\ntwo\nthree\nfour"); /* one batch, whatever the thread does */
	for (unsigned i = 0; i < 3000 && !stats.lost; i++) {
		usleep(1000);
		log_file_stats(file, &stats);
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(stats.lines, 2);
	assert_int_equal(stats.lost, 2);
	assert_int_equal(stats.trouble, -EFBIG);
	log_file_free(file);
	expect_content(place, "", "one\ntwo\n");
}

static void a_full_queue_loses_lines_and_never_blocks(void **state)
{
	struct place *place = *state;
	struct log_file *file = open_log(place, 1 << 20, 3);
	struct log_file_stats stats;
	char *line = malloc(LOG_FILE_QUEUE_MAX + 1);

	assert_non_null(line);
	memset(line, 'x', LOG_FILE_QUEUE_MAX);
	line[LOG_FILE_QUEUE_MAX] = '\0';
	add(file, line);
	add(file, "small");
	log_file_stats(file, &stats);
	assert_int_equal(stats.lost, 1);
	log_file_free(file);
	expect_content(place, "", "small\n");
	free(line);
}

static void a_directory_that_cannot_be_made_is_an_error(void **state)
{
	struct place *place = *state;
	struct log_file_options options = { "/proc/no/such/audit.log", 1 << 20, 2 };
	struct log_file *file = NULL;
	struct err err = { 0 };

	assert_true(log_file_open(&options, &file, &err) < 0);
	assert_non_null(strstr(err_text(&err), "/proc/no/such/audit.log"));
	assert_null(file);
	(void)place;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_are_written_in_order_before_the_end),
		TEST(a_line_is_on_the_disk_within_a_second),
		TEST(files_are_rotated_by_size_and_bounded_in_number),
		TEST(a_line_longer_than_a_file_is_kept_whole),
		TEST(a_line_torn_by_a_power_cut_is_ended),
		TEST(a_file_moved_away_is_made_anew),
		TEST(what_does_not_fit_the_disk_is_counted_and_leaves_no_half_line),
		TEST(a_full_disk_takes_the_lines_that_fit),
		TEST(a_full_queue_loses_lines_and_never_blocks),
		TEST(a_directory_that_cannot_be_made_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
