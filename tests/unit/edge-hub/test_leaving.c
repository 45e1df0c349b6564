#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/files.h"
#include "edge-hub/leaving.h"

static int setup(void **state)
{
	char name[] = "/tmp/holdfast-leaving-XXXXXX";

	*state = mkdtemp(name) ? strdup(name) : NULL;
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	int code = rmdir(*state); /* everything in it is gone by then */

	free(*state);
	return code;
}

static void put(const char *dir, const char *name)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(file_write(path, SPAN("content"), 0600), 0);
}

static bool has(const char *dir, const char *name)
{
	char path[512];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return lstat(path, &st) == 0;
}

static void the_note_says_how_far_it_got(void **state)
{
	struct leaving note = { .node = "edge-\"1\"", .runtime = "unix:///run/x.sock", .told = true }, read;
	struct err err = { 0 };

	assert_false(leaving_is(*state));
	assert_int_equal(leaving_read(*state, &read, &err), -ENOENT);
	assert_int_equal(leaving_write(*state, &note, &err), 0);
	assert_true(leaving_is(*state));
	assert_int_equal(leaving_read(*state, &read, &err), 0);
	assert_string_equal(read.node, note.node);
	assert_string_equal(read.runtime, note.runtime);
	assert_true(read.told && !read.stopped);
	put(*state, LEAVING_FILE);
	assert_int_equal(leaving_read(*state, &read, &err), -EBADMSG);
	assert_int_equal(leaving_wipe(*state, &err), 0);
}

static void everything_goes_and_links_are_not_followed(void **state)
{
	char inside[512], outside[512];
	struct err err = { 0 };
	const char *dir = *state;

	put(dir, "vault/key");
	put(dir, "identity/node.json");
	put(dir, "pods/uid/volumes/a/b");
	put(dir, "pods/" LEAVING_FILE);
	put(dir, "replica.db");
	put(dir, LEAVING_FILE);
	(void)snprintf(outside, sizeof(outside), "%s.kept", dir);
	put(outside, "file");
	(void)snprintf(inside, sizeof(inside), "%s/pods/link", dir);
	assert_int_equal(symlink(outside, inside), 0);
	assert_int_equal(leaving_wipe(dir, &err), 0);
	assert_false(has(dir, "vault") || has(dir, "identity") || has(dir, "pods") || has(dir, "replica.db"));
	assert_false(leaving_is(dir));
	assert_true(has(outside, "file"));
	/* Said again when there is nothing left. */
	assert_int_equal(leaving_wipe(dir, &err), 0);
	(void)snprintf(inside, sizeof(inside), "%s/file", outside);
	assert_int_equal(unlink(inside), 0);
	assert_int_equal(rmdir(outside), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_note_says_how_far_it_got, setup, teardown),
		cmocka_unit_test_setup_teardown(everything_goes_and_links_are_not_followed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
