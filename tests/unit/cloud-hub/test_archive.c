/* The file that a backup is: what is put in comes out, and nothing that is not whole is taken for one. */
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

#include "base/files.h"
#include "base/json.h"
#include "cloud-hub/backup/archive.h"
#include "tests/tools/tempdir.h"

#define PASSPHRASE SPAN("correct horse battery")
#define NONE SPAN("")

static char dir[64], file[96], store[96];

static int begin(void **state)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/holdfast-archive-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(file, sizeof(file), "%s/backup.tar", dir);
	(void)snprintf(store, sizeof(store), "%s/store", dir);
	return 0;
}

static int end(void **state)
{
	return tempdir_remove(dir);
}

static struct archive_head head_of(void)
{
	return (struct archive_head){ .software = "1.2.3",
				      .cluster = "c1c2",
				      .epoch = "e1e2",
				      .made_wall_ms = 1700000000000,
				      .revision = 77,
				      .objects = 5,
				      .generation = 2 };
}

/* A store of `size` bytes that are not all alike. */
static void make_store(size_t size)
{
	struct buf bytes;

	buf_init(&bytes, 1 << 20);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(buf_add_char(&bytes, (char)(i * 7 + i / 251)), 0);
	assert_int_equal(file_write(store, buf_span(&bytes), 0600), 0);
	buf_done(&bytes);
}

static void make_backup(struct span passphrase, size_t store_size)
{
	struct archive_head head = head_of();
	struct archive_writer *writer = NULL;
	struct err err = { 0 };
	uint64_t size = 0;

	make_store(store_size);
	(void)unlink(file);
	assert_int_equal(archive_create(file, &head, passphrase, &writer, &err), 0);
	assert_int_equal(archive_add(writer, "pki/root.crt", SPAN("certificate"), false, &err), 0);
	assert_int_equal(archive_add(writer, "pki/root.key", SPAN("secret key"), true, &err), 0);
	assert_int_equal(archive_add(writer, "config.yaml", SPAN(""), false, &err), 0);
	assert_int_equal(archive_add_store(writer, store, &err), 0);
	assert_int_equal(access(file, F_OK), -1); /* not before it is whole */
	assert_int_equal(access(file, F_OK), -1); /* not before it is whole */
	assert_int_equal(archive_finish(writer, &size, &err), 0);
}

struct got {
	struct buf small, store;
};

static int on_small(void *ctx, const char *name, struct span content, struct err *err)
{
	struct got *got = ctx;

	return buf_addf(&got->small, "%s=%.*s ", name, SPAN_ARG(content));
}

static int on_store(void *ctx, struct span piece, struct err *err)
{
	struct got *got = ctx;

	return buf_add_span(&got->store, piece);
}

static int read_backup(struct span passphrase, struct got *got, struct archive_head *head, struct err *err)
{
	struct archive_sink sink = { .small = on_small, .store = on_store, .ctx = got };

	buf_init(&got->small, 1 << 16);
	buf_init(&got->store, 1 << 20);
	return archive_read_file(file, passphrase, &sink, head, err);
}

static void got_done(struct got *got)
{
	buf_done(&got->small);
	buf_done(&got->store);
}

static int verify(struct span passphrase, struct err *err)
{
	struct archive_sink nothing = { 0 };

	return archive_read_file(file, passphrase, &nothing, NULL, err);
}

static void comes_back(struct span passphrase, size_t store_size)
{
	struct archive_head head;
	struct err err = { 0 };
	struct buf bytes;
	struct got got;

	make_backup(passphrase, store_size);
	assert_int_equal(read_backup(passphrase, &got, &head, &err), 0);
	assert_string_equal(buf_cstr(&got.small),
			    "pki/root.crt=certificate pki/root.key=secret key config.yaml= ");
	buf_init(&bytes, 1 << 20);
	assert_int_equal(file_read(store, &bytes), 0);
	assert_true(span_eq(buf_span(&bytes), buf_span(&got.store)));
	assert_string_equal(head.software, "1.2.3");
	assert_string_equal(head.cluster, "c1c2");
	assert_int_equal(head.made_wall_ms, 1700000000000);
	assert_int_equal(head.revision, 77);
	assert_int_equal(head.generation, 2);
	assert_int_equal(head.is_sealed, passphrase.len > 0);
	buf_done(&bytes);
	got_done(&got);
}

static void what_is_put_in_comes_out(void **state)
{
	static const size_t sizes[] = { 0, 1, 512, 65536, 200001 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		comes_back(NONE, sizes[i]);
}

static void with_a_passphrase_keys_are_sealed(void **state)
{
	struct err err = { 0 };
	struct buf bytes;
	struct got got;

	comes_back(PASSPHRASE, 700);
	buf_init(&bytes, 1 << 20);
	assert_int_equal(file_read(file, &bytes), 0);
	assert_null(memmem(bytes.data, bytes.len, "secret key", 10));
	assert_non_null(memmem(bytes.data, bytes.len, "certificate", 11));
	buf_done(&bytes);
	assert_int_equal(read_backup(SPAN("another passphrase"), &got, NULL, &err), -ENOKEY);
	got_done(&got);
	assert_int_equal(read_backup(NONE, &got, NULL, &err), -ENOKEY);
	got_done(&got);
	assert_int_equal(verify(NONE, &err), 0); /* its bytes can be told to be whole by anybody */
	assert_int_equal(verify(PASSPHRASE, &err), 0);
	assert_int_equal(verify(SPAN("another passphrase"), &err), -ENOKEY);
}

struct memory {
	struct span left;
};

static ssize_t pull(void *ctx, void *out, size_t size)
{
	struct memory *memory = ctx;
	size_t got = size < memory->left.len ? size : memory->left.len;

	memcpy(out, memory->left.ptr, got);
	memory->left = span_make(memory->left.ptr + got, memory->left.len - got);
	return (ssize_t)got;
}

static int verify_bytes(const void *data, size_t len)
{
	struct memory memory = { span_make(data, len) };
	struct archive_source source = { pull, &memory, "memory" };
	struct archive_sink nothing = { 0 };

	return archive_read(&source, NONE, &nothing, NULL, NULL);
}

static void no_cut_and_no_changed_byte_goes_unnoticed(void **state)
{
	struct buf whole;

	make_backup(NONE, 1000);
	buf_init(&whole, 1 << 20);
	assert_int_equal(file_read(file, &whole), 0);
	assert_int_equal(verify_bytes(whole.data, whole.len), 0);
	for (size_t len = 0; len < whole.len; len++)
		assert_int_equal(verify_bytes(whole.data, len), -EBADMSG);
	for (size_t at = 0; at < whole.len; at++) {
		whole.data[at] ^= 0x10;
		assert_true(verify_bytes(whole.data, whole.len) < 0);
		whole.data[at] ^= 0x10;
	}
	assert_int_equal(buf_add_char(&whole, '\0'), 0);
	assert_int_equal(verify_bytes(whole.data, whole.len), -EBADMSG);
	buf_done(&whole);
}

static void foreign_files_are_named_as_such(void **state)
{
	struct err err = { 0 };

	assert_int_equal(verify(NONE, &err), -ENOENT);
	assert_int_equal(file_write(file, SPAN(""), 0600), 0);
	assert_int_equal(verify(NONE, &err), -EBADMSG);
	assert_non_null(strstr(err_text(&err), "is no backup of a cloud-hub"));
	make_store(5000);
	assert_int_equal(rename(store, file), 0);
	assert_int_equal(verify(NONE, &err), -EBADMSG);
	assert_non_null(strstr(err_text(&err), "is no backup of a cloud-hub"));
}

static void a_newer_format_is_left_to_a_newer_release(void **state)
{
	struct archive_head head = head_of(), again;
	struct err err = { 0 };
	struct json *tree = NULL;
	struct buf text;

	buf_init(&text, 4096);
	assert_int_equal(archive_head_write(&head, &text), 0);
	assert_int_equal(archive_head_parse(buf_span(&text), &again, &err), 0);
	assert_int_equal(json_parse(buf_span(&text), &tree, NULL), 0);
	assert_int_equal(json_set_int(tree, "format", ARCHIVE_FORMAT + 1), 0);
	buf_reset(&text);
	assert_int_equal(json_write(tree, &text), 0);
	assert_int_equal(archive_head_parse(buf_span(&text), &again, &err), -EPROTO);
	assert_non_null(strstr(err_text(&err), "newer release"));
	json_free(tree);
	buf_done(&text);
}

static void short_passphrases_and_unreachable_places_are_refused(void **state)
{
	struct archive_head head = head_of();
	struct archive_writer *writer = NULL;
	struct err err = { 0 };

	assert_int_equal(archive_create(file, &head, SPAN("1234567"), &writer, &err), -EINVAL);
	assert_int_equal(archive_create("/nowhere/at/all", &head, NONE, &writer, &err), -ENOENT);
	assert_null(writer);
}

static void an_abandoned_backup_leaves_what_was_there(void **state)
{
	struct archive_head head = head_of();
	struct archive_writer *writer = NULL;
	struct err err = { 0 };

	make_backup(NONE, 10);
	assert_int_equal(archive_create(file, &head, NONE, &writer, &err), 0);
	assert_int_equal(archive_add(writer, "pki/x", SPAN("x"), false, &err), 0);
	assert_int_equal(archive_add_store(writer, "/nowhere/at/all", &err), -ENOENT);
	archive_abandon(writer);
	assert_int_equal(verify(NONE, &err), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(what_is_put_in_comes_out),
		TEST(with_a_passphrase_keys_are_sealed),
		TEST(no_cut_and_no_changed_byte_goes_unnoticed),
		TEST(foreign_files_are_named_as_such),
		TEST(a_newer_format_is_left_to_a_newer_release),
		TEST(short_passphrases_and_unreachable_places_are_refused),
		TEST(an_abandoned_backup_leaves_what_was_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
