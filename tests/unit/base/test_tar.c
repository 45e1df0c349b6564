#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/tar.h"

static struct tar_entry entry_of(const char *name, uint64_t size)
{
	struct tar_entry entry = { .size = size, .modified_s = 1700000000 };

	(void)snprintf(entry.name, sizeof(entry.name), "%s", name);
	return entry;
}

static void what_is_written_is_read(void **state)
{
	static const uint64_t sizes[] = {
		0, 1, 511, 512, 077777777777, 0100000000000, (uint64_t)1 << 40, TAR_SIZE_MAX
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct tar_entry entry = entry_of("pki/root.key", sizes[i]), again;
		uint8_t block[TAR_BLOCK];

		assert_int_equal(tar_header_write(&entry, block), 0);
		assert_int_equal(tar_header_read(block, &again), 1);
		assert_string_equal(again.name, "pki/root.key");
		assert_true(again.size == sizes[i]);
		assert_int_equal(again.modified_s, 1700000000);
	}
}

static void names_that_could_leave_the_directory_are_refused(void **state)
{
	static const char *const bad[] = { "",	"/etc/passwd", "../x", "a/../b", "a//b",    "a/",
					   ".", "a/.",	       "..",   "a\nb",	 "\xc3\xa9" };
	uint8_t block[TAR_BLOCK];
	struct tar_entry good = entry_of("a..b/.c", 0);

	assert_int_equal(tar_header_write(&good, block), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct tar_entry entry = entry_of(bad[i], 0);

		assert_int_equal(tar_header_write(&entry, block), -EINVAL);
	}
}

static void a_changed_bit_is_noticed(void **state)
{
	struct tar_entry entry = entry_of("store.db", 12345), again;
	uint8_t block[TAR_BLOCK];

	assert_int_equal(tar_header_write(&entry, block), 0);
	for (size_t bit = 0; bit < TAR_BLOCK * 8; bit++) {
		block[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (tar_header_read(block, &again) == 1) { /* the sum's own blanks say nothing */
			assert_string_equal(again.name, "store.db");
			assert_int_equal(again.size, 12345);
		}
		block[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void links_directories_and_foreign_bytes_are_refused(void **state)
{
	uint8_t block[TAR_BLOCK] = { 0 };
	struct tar_entry entry;

	assert_int_equal(tar_header_read(block, &entry), 0);
	memset(block, 'x', sizeof(block));
	assert_int_equal(tar_header_read(block, &entry), -EBADMSG);
}

static void padding_fills_the_block(void **state)
{
	assert_int_equal(tar_padding(0), 0);
	assert_int_equal(tar_padding(1), 511);
	assert_int_equal(tar_padding(512), 0);
	assert_int_equal(tar_padding(513), 511);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(names_that_could_leave_the_directory_are_refused),
		cmocka_unit_test(a_changed_bit_is_noticed),
		cmocka_unit_test(links_directories_and_foreign_bytes_are_refused),
		cmocka_unit_test(padding_fills_the_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
