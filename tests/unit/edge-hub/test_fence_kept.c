/* What a node knows about its fence after a power cut. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/files.h"
#include "edge-hub/fence/kept.h"

static char dir[64], path[96];

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/holdfast-kept-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/" KEPT_FILE, dir);
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	return rmdir(dir);
}

static void nothing_is_assumed_of_a_new_node(void **state)
{
	struct kept k;

	assert_int_equal(kept_open(dir, &k), 0);
	assert_false(k.is_off);
	assert_int_equal(k.settled, 0);
}

static void what_was_kept_is_there_again(void **state)
{
	struct kept k, again;

	assert_int_equal(kept_open(dir, &k), 0);
	assert_int_equal(kept_set_off(&k, true), 0);
	assert_int_equal(kept_set_settled(&k, "east-1", 42), 0);
	assert_int_equal(kept_open(dir, &again), 0);
	assert_true(again.is_off);
	assert_int_equal(again.settled, 42);
	assert_string_equal(again.region, "east-1");
	assert_int_equal(kept_set_off(&again, false), 0);
	assert_int_equal(kept_open(dir, &k), 0);
	assert_false(k.is_off);
	assert_int_equal(k.settled, 42);
}

static void the_same_again_costs_no_write(void **state)
{
	struct stat before, after;
	struct kept k;

	assert_int_equal(kept_open(dir, &k), 0);
	assert_int_equal(kept_set_settled(&k, "east", 7), 0);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(kept_set_settled(&k, "east", 7), 0);
	assert_int_equal(kept_set_off(&k, false), 0);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino); /* a write replaces the file */
	assert_int_equal(kept_set_settled(&k, "west", 7), 0);
	assert_string_equal(k.region, "west");
}

static void damage_says_nothing(void **state)
{
	static const char *const texts[] = { "",
					     "off",
					     "off maybe\nsettled\n",
					     "settled 12\n",
					     "settled x east\n",
					     "settled 99999999999999999999 east\n",
					     "settled 1 ",
					     "\n\n \n" };
	struct kept k;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(file_write(path, span_of(texts[i]), 0600), 0);
		assert_int_equal(kept_open(dir, &k), 0);
		assert_false(k.is_off);
		assert_int_equal(k.settled, 0);
		assert_string_equal(k.region, "");
	}
}

static void what_cannot_be_written_is_not_so(void **state)
{
	struct kept k;

	assert_int_equal(kept_open(dir, &k), 0);
	snprintf(k.path, sizeof(k.path), "/proc/nowhere/fence");
	assert_true(kept_set_off(&k, true) < 0);
	assert_false(k.is_off);
	assert_true(kept_set_settled(&k, "east", 3) < 0);
	assert_int_equal(k.settled, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_assumed_of_a_new_node, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_kept_is_there_again, setup, teardown),
		cmocka_unit_test_setup_teardown(the_same_again_costs_no_write, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_says_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_written_is_not_so, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
