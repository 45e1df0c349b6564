#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"

static char dir[] = "/tmp/holdfast-files-XXXXXX";
static char path[256];

static const char *in_dir(const char *name)
{
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int begin(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int end(void **state)
{
	static const char *const names[] = { "a/b/c", "a/b/keep", "a/b", "a", "plain" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)remove(in_dir(names[i]));
	return rmdir(dir);
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(stat(name, &st), 0);
	return st.st_mode & 07777;
}

static void what_is_written_is_read_with_its_mode_and_its_directories(void **state)
{
	struct buf text;

	buf_init(&text, 100);
	assert_int_equal(file_write(in_dir("a/b/c"), SPAN("one"), 0600), 0);
	assert_int_equal(mode_of(path), 0600);
	assert_int_equal(file_write(path, SPAN("second"), 0640), 0);
	assert_int_equal(mode_of(path), 0640);
	assert_int_equal(file_read(path, &text), 0);
	assert_string_equal(buf_cstr(&text), "second");
	assert_int_equal(mode_of(in_dir("a/b")), 0700);
	assert_int_equal(access(in_dir("a/b/c.new"), F_OK), -1);
	buf_done(&text);
}

static void a_file_as_long_as_the_ceiling_fits_and_one_byte_more_does_not(void **state)
{
	static char large[10000];
	struct buf text;

	assert_int_equal(file_write(in_dir("plain"), span_make(large, sizeof(large)), 0600), 0);
	buf_init(&text, sizeof(large));
	assert_int_equal(file_read(path, &text), 0);
	assert_int_equal(text.len, sizeof(large));
	buf_done(&text);
	buf_init(&text, sizeof(large) - 1);
	assert_int_equal(file_read(path, &text), -EMSGSIZE);
	buf_done(&text);
}

static void what_cannot_be_is_reported(void **state)
{
	struct buf text;

	buf_init(&text, 100);
	assert_int_equal(file_read(in_dir("missing"), &text), -ENOENT);
	assert_int_equal(file_read(dir, &text), -EISDIR);
	assert_int_equal(file_write(in_dir("plain"), SPAN("x"), 0600), 0);
	assert_int_equal(file_write(in_dir("plain/below"), SPAN("x"), 0600), -ENOTDIR);
	buf_done(&text);
}

static void a_failed_replacement_leaves_the_old_content(void **state)
{
	struct buf text;

	buf_init(&text, 100);
	assert_int_equal(file_write(in_dir("a/b/keep"), SPAN("old"), 0600), 0);
	assert_int_equal(mkdir(in_dir("a/b/keep.new"), 0700), 0); /* in the way of the temporary file */
	assert_int_equal(file_write(in_dir("a/b/keep"), SPAN("new"), 0600), -EISDIR);
	assert_int_equal(rmdir(in_dir("a/b/keep.new")), 0);
	assert_int_equal(file_read(in_dir("a/b/keep"), &text), 0);
	assert_string_equal(buf_cstr(&text), "old");
	buf_done(&text);
}

static void directories_that_exist_are_fine(void **state)
{
	assert_int_equal(file_make_dirs(in_dir("a/b"), 0700), 0);
	assert_int_equal(file_make_dirs(in_dir("a/b"), 0700), 0);
}

static void a_directory_is_locked_once_and_free_again_when_closed(void **state)
{
	char where[256];
	int first = -1, second = -1;

	(void)state;
	(void)snprintf(where, sizeof(where), "%s/data/deep", dir);
	assert_int_equal(file_lock_dir(where, 0700, &first), 0);
	assert_int_equal(file_lock_dir(where, 0700, &second), -EBUSY);
	assert_int_equal(second, -1);
	close(first);
	assert_int_equal(file_lock_dir(where, 0700, &second), 0);
	close(second);
	assert_int_equal(file_lock_dir("/proc/nowhere", 0700, &first), -ENOENT);
	(void)snprintf(where, sizeof(where), "%s/data/deep/lock", dir);
	assert_int_equal(unlink(where), 0);
	(void)snprintf(where, sizeof(where), "%s/data/deep", dir);
	assert_int_equal(rmdir(where), 0);
	(void)snprintf(where, sizeof(where), "%s/data", dir);
	assert_int_equal(rmdir(where), 0);
}

static void a_path_is_made_whole(void **state)
{
	char here[512], out[1024], wanted[1024];

	assert_int_equal(file_absolute("/a/b", out, sizeof(out)), 0);
	assert_string_equal(out, "/a/b");
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(file_absolute("a/b", out, sizeof(out)), 0);
	(void)snprintf(wanted, sizeof(wanted), "%s/a/b", here);
	assert_string_equal(out, wanted);
	assert_int_equal(file_absolute("/a/b", out, 4), -ENAMETOOLONG);
	assert_int_equal(file_absolute("/a/b", out, 5), 0);
}

/* What an open descriptor sees of a file whose names have gone. */
static void expect_overwritten(int fd, size_t len)
{
	char byte;

	for (size_t i = 0; i < len; i++) {
		assert_int_equal(pread(fd, &byte, 1, (off_t)i), 1);
		assert_int_equal(byte, 0);
	}
	close(fd);
}

static void what_is_shredded_is_overwritten_before_it_goes(void **state)
{
	int fd;

	assert_int_equal(file_write(in_dir("plain"), SPAN("a secret"), 0600), 0);
	fd = open(path, O_RDONLY);
	assert_int_equal(file_shred(path), 0);
	assert_int_equal(access(path, F_OK), -1);
	expect_overwritten(fd, 8);
	assert_int_equal(file_shred(path), 0); /* absent */
}

static void a_file_held_loses_its_old_bytes_once_it_is_replaced_and_not_before(void **state)
{
	struct buf text;
	int fd;

	buf_init(&text, 100);
	assert_int_equal(file_write(in_dir("plain"), SPAN("a secret"), 0600), 0);
	assert_int_equal(file_hold(path), 0);
	assert_int_equal(file_let_go(path), 0); /* nothing took its place */
	assert_int_equal(file_read(path, &text), 0);
	assert_string_equal(buf_cstr(&text), "a secret");
	fd = open(path, O_RDONLY);
	assert_int_equal(file_hold(path), 0);
	assert_int_equal(file_write(path, SPAN("new"), 0600), 0);
	assert_int_equal(file_let_go(path), 0);
	expect_overwritten(fd, 8);
	buf_reset(&text);
	assert_int_equal(file_read(path, &text), 0);
	assert_string_equal(buf_cstr(&text), "new");
	/* Cut short after the replacement, and the file removed since. */
	assert_int_equal(file_hold(path), 0);
	fd = open(path, O_RDONLY);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(file_let_go(path), 0);
	expect_overwritten(fd, 3);
	assert_int_equal(file_hold(path), 0); /* absent: nothing to hold */
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_shredded_is_overwritten_before_it_goes),
		cmocka_unit_test(a_file_held_loses_its_old_bytes_once_it_is_replaced_and_not_before),
		cmocka_unit_test(what_is_written_is_read_with_its_mode_and_its_directories),
		cmocka_unit_test(a_file_as_long_as_the_ceiling_fits_and_one_byte_more_does_not),
		cmocka_unit_test(what_cannot_be_is_reported),
		cmocka_unit_test(a_failed_replacement_leaves_the_old_content),
		cmocka_unit_test(directories_that_exist_are_fine),
		cmocka_unit_test(a_directory_is_locked_once_and_free_again_when_closed),
		cmocka_unit_test(a_path_is_made_whole),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
