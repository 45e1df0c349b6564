/* The fence's record: what a reader finds after whatever became of the writer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "edge-hub/fence/record.h"

#define BOOT "6c3b9a4e-2f1d-4a53-9a47-7b6f1c1f0a11"
#define POD1 "/kubepods/burstable/pod0b1c2d3e-1"
#define POD2 "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod0b1c2d3e_2.slice"

struct bench {
	char dir[64], path[96];
	int fd;
	struct record_writer writer;
	struct record record;
};

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	snprintf(b->dir, sizeof(b->dir), "/tmp/holdfast-record-XXXXXX");
	if (!b || !mkdtemp(b->dir))
		return -1;
	snprintf(b->path, sizeof(b->path), "%s/fence", b->dir);
	if (record_open(b->path, &b->fd))
		return -1;
	record_writer_init(&b->writer, b->fd, BOOT);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	close(b->fd);
	unlink(b->path);
	rmdir(b->dir);
	free(b);
	return 0;
}

static const struct span both = { POD1 "\0" POD2, sizeof(POD1) + sizeof(POD2) };

static void write_state(struct bench *b, uint64_t proof_ms)
{
	const struct record_head head = { true, proof_ms, 60000 };

	assert_int_equal(record_write_groups(&b->writer, both), 0);
	assert_int_equal(record_write_head(&b->writer, &head), 0);
}

static void what_was_written_last_is_read(void **state)
{
	struct bench *b = *state;
	const char *group;

	assert_int_equal(record_read(b->fd, BOOT, &b->record), -ESTALE); /* empty */
	for (uint64_t i = 1; i < 10; i++) {
		write_state(b, i);
		assert_int_equal(record_read(b->fd, BOOT, &b->record), 0);
		assert_true(b->record.head.armed);
		assert_int_equal(b->record.head.proof_ms, i);
		assert_int_equal(b->record.head.limit_ms, 60000);
	}
	group = record_next(&b->record, NULL);
	assert_string_equal(group, POD1);
	group = record_next(&b->record, group);
	assert_string_equal(group, POD2);
	assert_null(record_next(&b->record, group));
	assert_int_equal(record_write_groups(&b->writer, SPAN("")), 0);
	assert_int_equal(record_write_head(&b->writer, &(struct record_head){ 0 }), 0);
	assert_int_equal(record_read(b->fd, BOOT, &b->record), 0);
	assert_false(b->record.head.armed);
	assert_null(record_next(&b->record, NULL));
}

static void another_boot_s_record_is_none(void **state)
{
	struct bench *b = *state;

	write_state(b, 5);
	assert_int_equal(record_read(b->fd, "another", &b->record), -ESTALE);
}

/* Wherever a byte is damaged, or the file ends: an older state, or none; never another. */
static void damage_is_noticed(void **state)
{
	struct bench *b = *state;

	write_state(b, 5);
	write_state(b, 6);
	for (off_t at = 0; at < 4096 + RECORD_GROUPS_MAX + 200; at += at < 1200 || at > 4000 ? 1 : 97) {
		uint8_t byte, other;
		int code;

		if (pread(b->fd, &byte, 1, at) != 1)
			break;
		other = byte ^ 0x40;
		assert_int_equal(pwrite(b->fd, &other, 1, at), 1);
		code = record_read(b->fd, BOOT, &b->record);
		if (!code) {
			assert_in_range(b->record.head.proof_ms, 5, 6);
			assert_memory_equal(b->record.groups, both.ptr, both.len);
		} else {
			assert_int_equal(code, -EBADMSG);
		}
		assert_int_equal(pwrite(b->fd, &byte, 1, at), 1);
	}
	assert_int_equal(record_read(b->fd, BOOT, &b->record), 0);
	assert_int_equal(ftruncate(b->fd, 700), 0);
	assert_int_equal(record_read(b->fd, BOOT, &b->record), -EBADMSG);
	write_state(b, 7); /* the next word heals it */
	assert_int_equal(record_read(b->fd, BOOT, &b->record), 0);
	assert_int_equal(b->record.head.proof_ms, 7);
}

static void a_next_writer_goes_on(void **state)
{
	struct bench *b = *state;

	for (uint64_t i = 1; i < 6; i++) {
		write_state(b, i);
		record_writer_init(&b->writer, b->fd, BOOT);
	}
	assert_int_equal(record_read(b->fd, BOOT, &b->record), 0);
	assert_int_equal(b->record.head.proof_ms, 5);
}

/* The guard kills what is in them: nothing but a pod's own group may be named. */
static void only_groups_of_pods_are_taken(void **state)
{
	static const char *const bad[] = {
		"",
		"/",
		"/kubepods",
		"/kubepods/burstable",
		"/system.slice/sshd.service",
		"pod1",
		"/pod12345",
		"/kubepods/../pod123456",
		"/kubepods/pod/..",
		"/kubepods/pod1",
		"/kubepods.slice/kubepods-besteffort.slice",
		"/a/kubepods/pod0b1c2d3e",
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(record_is_group(bad[i]));
		assert_int_equal(record_write_groups(&b->writer, span_make(bad[i], strlen(bad[i]) + 1)),
				 -EINVAL);
	}
	assert_true(record_is_group(POD1));
	assert_true(record_is_group(POD2));
	assert_int_equal(record_write_groups(&b->writer, span_make(POD1, strlen(POD1))),
			 -EINVAL); /* no NUL */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_written_last_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(another_boot_s_record_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_next_writer_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(only_groups_of_pods_are_taken, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
