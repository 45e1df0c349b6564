#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "auth/vault.h"
#include "base/files.h"
#include "tests/tools/tempdir.h"

#define PLAIN "the plain text that must not be found"

struct place {
	char base[64], dir[96], key[128], ring[128], file[128];
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	(void)snprintf(place->base, sizeof(place->base), "/tmp/holdfast-vault-XXXXXX");
	if (!mkdtemp(place->base))
		return -1;
	(void)snprintf(place->dir, sizeof(place->dir), "%s/vault", place->base);
	(void)snprintf(place->key, sizeof(place->key), "%s/vault/key", place->base);
	(void)snprintf(place->ring, sizeof(place->ring), "%s/vault/keyring", place->base);
	(void)snprintf(place->file, sizeof(place->file), "%s/sealed", place->base);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;
	int code = tempdir_remove(place->dir);

	code = tempdir_remove(place->base) || (code && errno != ENOENT);
	free(place);
	return code;
}

static int open_with(const struct place *place, const char *key_file, struct vault **out, struct err *err)
{
	struct vault_options options = { .dir = place->dir, .key_file = key_file, .wrap = VAULT_FILE };

	return vault_open(&options, out, err);
}

static struct vault *open_ok(const struct place *place)
{
	struct vault *vault = NULL;
	struct err err = { 0 };

	if (open_with(place, NULL, &vault, &err))
		fail_msg("%s", err_text(&err));
	return vault;
}

static void expect_refusal(const struct place *place, const char *key_file, int code, const char *says)
{
	struct vault *vault = NULL;
	struct err err = { 0 };

	assert_int_equal(open_with(place, key_file, &vault, &err), code);
	assert_null(vault);
	if (!strstr(err_text(&err), says))
		fail_msg("'%s' does not say '%s'", err_text(&err), says);
}

static struct buf seal(struct vault *vault, const char *bound)
{
	struct buf out;

	buf_init(&out, 4096);
	assert_int_equal(vault_seal(vault, span_of(bound), SPAN(PLAIN), &out), 0);
	return out;
}

static int unseal(struct vault *vault, const char *bound, struct span sealed)
{
	struct buf out;
	int code;

	buf_init(&out, 4096);
	code = vault_unseal(vault, span_of(bound), sealed, &out);
	if (!code)
		assert_true(span_eq(buf_span(&out), SPAN(PLAIN)));
	else
		assert_int_equal(out.len, 0);
	buf_done(&out);
	return code;
}

static struct buf content_of(const char *path)
{
	struct buf out;

	buf_init(&out, VAULT_FILE_MAX + 4096);
	assert_int_equal(file_read(path, &out), 0);
	return out;
}

static bool holds(const char *path, const char *text)
{
	struct buf content = content_of(path);
	bool found = memmem(content.data, content.len, text, strlen(text)) != NULL;

	buf_done(&content);
	return found;
}

static void what_is_sealed_opens_again_after_a_restart_and_nowhere_else(void **state)
{
	struct vault *vault = open_ok(*state), *again;
	struct buf sealed = seal(vault, "here");

	assert_int_equal(sealed.len, sizeof(PLAIN) - 1 + VAULT_OVERHEAD);
	assert_null(memmem(sealed.data, sealed.len, "plain", 5));
	assert_true(vault_is_sealed(buf_span(&sealed)));
	assert_false(vault_is_sealed(SPAN("{\"format\":1,\"key\":\"and something that goes on and on\"}")));
	vault_free(vault);
	again = open_ok(*state);
	assert_int_equal(unseal(again, "here", buf_span(&sealed)), 0);
	assert_int_equal(unseal(again, "there", buf_span(&sealed)), -EBADMSG);
	assert_int_equal(unseal(again, "", buf_span(&sealed)), -EBADMSG);
	vault_free(again);
	buf_done(&sealed);
}

static void sealing_twice_gives_other_bytes(void **state)
{
	struct vault *vault = open_ok(*state);
	struct buf a = seal(vault, "x"), b = seal(vault, "x");

	assert_false(span_eq(buf_span(&a), buf_span(&b)));
	buf_done(&a);
	buf_done(&b);
	vault_free(vault);
}

static void nothing_is_a_thing_to_seal_too(void **state)
{
	struct vault *vault = open_ok(*state);
	struct buf sealed, plain;

	buf_init(&sealed, 100);
	buf_init(&plain, 100);
	assert_int_equal(vault_seal(vault, SPAN(""), SPAN(""), &sealed), 0);
	assert_int_equal(vault_unseal(vault, SPAN(""), buf_span(&sealed), &plain), 0);
	assert_int_equal(plain.len, 0);
	buf_done(&plain);
	buf_done(&sealed);
	vault_free(vault);
}

static void every_cut_and_every_flipped_bit_is_noticed(void **state)
{
	struct vault *vault = open_ok(*state);
	struct buf sealed = seal(vault, "here");

	for (size_t len = 0; len < sealed.len; len++)
		assert_int_equal(unseal(vault, "here", span_make(sealed.data, len)), -EBADMSG);
	for (size_t bit = 0; bit < sealed.len * 8; bit++) {
		int code;

		sealed.data[bit / 8] ^= (char)(1 << bit % 8);
		code = unseal(vault, "here", buf_span(&sealed));
		/* In the key's number it is another key, which is not there (0 is none). */
		assert_int_equal(code, bit / 8 >= 4 && bit / 8 < 8 && bit != 7 * 8 ? -ENOKEY : -EBADMSG);
		sealed.data[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_int_equal(unseal(vault, "here", buf_span(&sealed)), 0);
	buf_done(&sealed);
	vault_free(vault);
}

static void a_full_buffer_stays_as_it_was(void **state)
{
	struct vault *vault = open_ok(*state);
	char bound[VAULT_BOUND_MAX + 1] = { 0 };
	struct buf out;

	buf_init(&out, 40);
	assert_int_equal(buf_add_str(&out, "before"), 0);
	assert_int_equal(vault_seal(vault, SPAN("b"), SPAN(PLAIN), &out), -EMSGSIZE);
	assert_int_equal(vault_seal(vault, span_make(bound, sizeof(bound)), SPAN(""), &out), -EMSGSIZE);
	assert_int_equal(out.len, 6);
	buf_done(&out);
	vault_free(vault);
}

static void only_its_owner_may_read_the_key(void **state)
{
	struct place *place = *state;
	struct stat st;

	vault_free(open_ok(place));
	assert_int_equal(stat(place->key, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(place->dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	for (mode_t bit = 1; bit < 0100; bit <<= 1) {
		assert_int_equal(chmod(place->key, 0600 | bit), 0);
		expect_refusal(place, NULL, -EPERM, "open to others");
	}
	assert_int_equal(chmod(place->key, 0400), 0);
	vault_free(open_ok(place));
	if (geteuid() != 0)
		return;
	assert_int_equal(chown(place->key, 65534, 0), 0);
	expect_refusal(place, NULL, -EPERM, "another user (uid 65534)");
}

static void a_key_file_that_is_missing_or_wrong_is_said_and_never_made_anew(void **state)
{
	struct place *place = *state;
	char moved[160];

	vault_free(open_ok(place));
	(void)snprintf(moved, sizeof(moved), "%s/moved", place->base);
	assert_int_equal(rename(place->key, moved), 0);
	expect_refusal(place, NULL, -ENOENT, "is not there");
	assert_int_equal(access(place->key, F_OK), -1);
	assert_int_equal(file_write(place->key,
				    SPAN("00112233445566778899aabbccddeeff"
					 "00112233445566778899aabbccddeeff\n"),
				    0600),
			 0);
	expect_refusal(place, NULL, -ENOKEY, "not the one");
	assert_int_equal(file_write(place->key, SPAN("00112233\n"), 0600), 0);
	expect_refusal(place, NULL, -EBADMSG, "64 hexadecimal digits");
	assert_int_equal(file_write(place->key, SPAN(""), 0600), 0);
	expect_refusal(place, NULL, -EBADMSG, "64 hexadecimal digits");
	assert_int_equal(unlink(place->key), 0);
	assert_int_equal(mkdir(place->key, 0700), 0);
	expect_refusal(place, NULL, -EPERM, "not a regular file");
	assert_int_equal(rmdir(place->key), 0);
	assert_int_equal(rename(moved, place->key), 0);
	vault_free(open_ok(place));
}

static void the_key_file_may_lie_elsewhere_and_be_there_before(void **state)
{
	struct place *place = *state;
	struct vault *vault = NULL;
	char elsewhere[160];
	struct buf sealed;

	(void)snprintf(elsewhere, sizeof(elsewhere), "%s/provisioned", place->base);
	assert_int_equal(file_write(elsewhere,
				    SPAN("  00112233445566778899AABBCCDDEEFF"
					 "00112233445566778899aabbccddeeff \r\n"),
				    0600),
			 0);
	assert_int_equal(open_with(place, elsewhere, &vault, NULL), 0);
	assert_int_equal(access(place->key, F_OK), -1);
	sealed = seal(vault, "b");
	vault_free(vault);
	assert_int_equal(open_with(place, elsewhere, &vault, NULL), 0);
	assert_int_equal(unseal(vault, "b", buf_span(&sealed)), 0);
	vault_free(vault);
	assert_int_equal(chmod(elsewhere, 0644), 0);
	expect_refusal(place, elsewhere, -EPERM, elsewhere);
	expect_refusal(place, NULL, -ENOENT, place->key);
	buf_done(&sealed);
}

static bool is_still(const char *path, const struct buf *content)
{
	struct buf now = content_of(path);
	bool same = now.len == content->len && memcmp(now.data, content->data, now.len) == 0;

	buf_done(&now);
	return same;
}

static void a_new_key_file_takes_the_place_of_one_that_lies_beside_it(void **state)
{
	static const char next[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
			  other[] = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100\n";
	struct place *place = *state;
	struct vault *vault = open_ok(place);
	struct buf sealed = seal(vault, "b"), leaked = content_of(place->key), ring;
	char old[160], keyring[160];

	vault_free(vault);
	(void)snprintf(old, sizeof(old), "%s.old", place->key);
	(void)snprintf(keyring, sizeof(keyring), "%s/keyring", place->dir);
	ring = content_of(keyring);
	assert_int_equal(file_write(place->key, span_of(next), 0600), 0);
	assert_int_equal(file_write(old, span_of(other), 0600), 0);
	expect_refusal(place, NULL, -ENOKEY, old);
	assert_int_equal(file_write(old, buf_span(&leaked), 0644), 0);
	expect_refusal(place, NULL, -EPERM, old);
	assert_true(is_still(old, &leaked) && is_still(keyring, &ring)); /* nothing was lost by trying */

	assert_int_equal(chmod(old, 0600), 0);
	vault = open_ok(place);
	assert_int_equal(unseal(vault, "b", buf_span(&sealed)), 0);
	vault_free(vault);
	assert_int_equal(access(old, F_OK), -1);
	vault = open_ok(place);
	assert_int_equal(unseal(vault, "b", buf_span(&sealed)), 0);
	vault_free(vault);
	assert_int_equal(file_write(place->key, buf_span(&leaked), 0600), 0);
	expect_refusal(place, NULL, -ENOKEY, "not the one");

	/* Cut short between the two: the new one opens, and what is left of the old one is in nobody's way. */
	assert_int_equal(file_write(place->key, span_of(next), 0600), 0);
	assert_int_equal(file_write(old, buf_span(&leaked), 0600), 0);
	vault_free(open_ok(place));
	buf_done(&ring);
	buf_done(&leaked);
	buf_done(&sealed);
}

static void a_damaged_keyring_is_said_and_never_made_anew(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *says;
	} cases[] = {
		{ "", -EBADMSG, "damaged" },
		{ "{}", -EBADMSG, "damaged" },
		{ "{\"format\":2}", -EPROTO, "newer release" },
		{ "{\"format\":1,\"id\":\"AAAAAAAAAAAAAAAAAAAAAA==\",\"wrap\":\"file\",\"highest\":1,"
		  "\"keys\":[]}",
		  -EBADMSG, "damaged" },
		{ "{\"format\":1,\"id\":\"AAAAAAAAAAAAAAAAAAAAAA==\",\"wrap\":\"paper\",\"highest\":1,"
		  "\"keys\":[]}",
		  -EBADMSG, "damaged" },
	};
	struct place *place = *state;

	vault_free(open_ok(place));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(file_write(place->ring, span_of(cases[i].text), 0600), 0);
		expect_refusal(place, NULL, cases[i].code, cases[i].says);
	}
	assert_int_equal(unlink(place->ring), 0);
	expect_refusal(place, NULL, -EBADMSG, "keyring");
	assert_int_equal(access(place->ring, F_OK), -1);
}

static void a_vault_made_half_is_made_again(void **state)
{
	struct place *place = *state;
	char leftover[128], junk[160];

	(void)snprintf(leftover, sizeof(leftover), "%s.new", place->dir);
	(void)snprintf(junk, sizeof(junk), "%s/key", leftover);
	assert_int_equal(file_write(junk, SPAN("half"), 0600), 0);
	vault_free(open_ok(place));
	assert_int_equal(access(leftover, F_OK), -1);
	vault_free(open_ok(place));
}

static void a_file_is_bound_to_its_name_and_not_to_its_directory(void **state)
{
	struct place *place = *state;
	struct vault *vault = open_ok(place);
	struct stat st;
	struct buf out;
	char other[128], below[160];

	buf_init(&out, 4096);
	assert_int_equal(vault_file_write(vault, place->file, SPAN(PLAIN)), 0);
	assert_false(holds(place->file, "plain text"));
	assert_int_equal(stat(place->file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(vault_file_read(vault, place->file, &out), 0);
	assert_true(span_is(buf_span(&out), PLAIN));
	buf_reset(&out);
	(void)snprintf(other, sizeof(other), "%s/other", place->base);
	assert_int_equal(rename(place->file, other), 0);
	assert_int_equal(vault_file_read(vault, place->file, &out), -ENOENT);
	assert_int_equal(vault_file_read(vault, other, &out), -EBADMSG);
	assert_int_equal(out.len, 0);
	(void)snprintf(below, sizeof(below), "%s/sealed", place->dir);
	assert_int_equal(rename(other, below), 0);
	assert_int_equal(vault_file_read(vault, below, &out), 0);
	buf_done(&out);
	vault_free(vault);
}

static void a_plain_file_is_sealed_in_place_and_overwritten(void **state)
{
	struct place *place = *state;
	struct vault *vault = open_ok(place);
	struct stat st;
	struct buf out;
	char old[160], peek[16] = { 0 };
	int fd;

	buf_init(&out, 4096);
	assert_int_equal(vault_file_settle(vault, place->file), 0); /* absent */
	assert_int_equal(access(place->file, F_OK), -1);
	assert_int_equal(file_write(place->file, SPAN(PLAIN), 0600), 0);
	fd = open(place->file, O_RDONLY); /* what was there, whatever it is called */
	assert_int_equal(vault_file_settle(vault, place->file), 0);
	assert_int_equal(pread(fd, peek, 5, 0), 5);
	assert_memory_equal(peek, "\0\0\0\0\0", 5);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	close(fd);
	assert_int_equal(vault_file_read(vault, place->file, &out), 0);
	assert_true(span_is(buf_span(&out), PLAIN));
	/* Cut short before the rename: both names are the same file, which must not be overwritten. */
	(void)snprintf(old, sizeof(old), "%s.old", place->file);
	assert_int_equal(link(place->file, old), 0);
	assert_int_equal(vault_file_settle(vault, place->file), 0);
	assert_int_equal(access(old, F_OK), -1);
	/* And after it: the old bytes are still to go. */
	assert_int_equal(file_write(old, SPAN(PLAIN), 0600), 0);
	assert_int_equal(vault_file_settle(vault, place->file), 0);
	assert_int_equal(access(old, F_OK), -1);
	buf_reset(&out);
	assert_int_equal(vault_file_read(vault, place->file, &out), 0);
	buf_done(&out);
	vault_free(vault);
}

static void a_rotation_ends_with_the_old_key_gone(void **state)
{
	struct place *place = *state;
	struct vault *vault = open_ok(place);
	struct buf before = seal(vault, "b"), after, ring = content_of(place->ring);
	struct vault_status status;

	assert_int_equal(vault_file_write(vault, place->file, SPAN(PLAIN)), 0);
	assert_int_equal(vault_rotate_begin(vault, NULL), 0);
	vault_free(vault);
	vault = open_ok(place); /* killed in between: it goes on */
	assert_int_equal(vault_rotate_begin(vault, NULL), 0);
	vault_status(vault, &status);
	assert_int_equal(status.newest, 2);
	assert_int_equal(status.keys, 2);
	after = seal(vault, "b");
	assert_int_equal(vault_key_of(buf_span(&before)), 1);
	assert_int_equal(vault_key_of(buf_span(&after)), 2);
	assert_int_equal(unseal(vault, "b", buf_span(&before)), 0);
	assert_int_equal(vault_settle_files(vault, place->base, NULL, NULL), 0);
	assert_int_equal(vault_rotate_end(vault, NULL), 0);
	assert_int_equal(unseal(vault, "b", buf_span(&before)), -ENOKEY);
	vault_free(vault);
	vault = open_ok(place);
	assert_int_equal(unseal(vault, "b", buf_span(&before)), -ENOKEY);
	assert_int_equal(unseal(vault, "b", buf_span(&after)), 0);
	buf_reset(&after);
	assert_int_equal(vault_file_read(vault, place->file, &after), 0);
	vault_status(vault, &status);
	assert_int_equal(status.keys, 1);
	/* Numbers go on: what was sealed under the first never looks like of another. */
	assert_int_equal(vault_rotate_begin(vault, NULL), 0);
	vault_status(vault, &status);
	assert_int_equal(status.newest, 3);
	vault_free(vault);
	buf_done(&ring);
	buf_done(&before);
	buf_done(&after);
}

static void all_sealed_files_are_found_and_plain_ones_left_alone(void **state)
{
	struct place *place = *state;
	struct vault *vault = open_ok(place);
	char below[160], plain[160], skipped[160];
	struct buf content;

	(void)snprintf(below, sizeof(below), "%s/vault/deep", place->base);
	(void)snprintf(plain, sizeof(plain), "%s/plain", place->base);
	(void)snprintf(skipped, sizeof(skipped), "%s/skipped", place->base);
	assert_int_equal(vault_file_write(vault, below, SPAN(PLAIN)), 0);
	assert_int_equal(vault_file_write(vault, skipped, SPAN(PLAIN)), 0);
	assert_int_equal(file_write(plain, SPAN(PLAIN), 0644), 0);
	assert_int_equal(vault_rotate_begin(vault, NULL), 0);
	assert_int_equal(vault_settle_files(vault, place->base, (const char *const[]){ "skipped", NULL },
					    NULL),
			 0);
	content = content_of(below);
	assert_int_equal(vault_key_of(buf_span(&content)), 2);
	buf_done(&content);
	content = content_of(skipped);
	assert_int_equal(vault_key_of(buf_span(&content)), 1);
	buf_done(&content);
	assert_true(holds(plain, PLAIN));
	vault_free(vault);
}

static void a_vault_that_is_missing_is_not_made_anew_while_something_is_sealed_by_it(void **state)
{
	struct place *place = *state;
	struct vault_settings settings = { .data_dir = place->base, .wrap = "file" };
	struct vault *vault = open_ok(place);
	struct err err = { 0 };
	char aside[96];

	assert_int_equal(vault_file_write(vault, place->file, SPAN(PLAIN)), 0);
	vault_free(vault);
	(void)snprintf(aside, sizeof(aside), "%s/aside", place->base);
	assert_int_equal(rename(place->dir, aside), 0);
	assert_int_equal(vault_open_data(&settings, &vault, &err), -ENOKEY);
	assert_non_null(strstr(err_text(&err), place->file));
	assert_int_equal(access(place->dir, F_OK), -1);
	assert_int_equal(rename(aside, place->dir), 0);
	assert_int_equal(vault_open_data(&settings, &vault, &err), 0);
	vault_free(vault);
	settings.wrap = "paper";
	assert_int_equal(vault_open_data(&settings, &vault, &err), -EINVAL);
}

#define THREADS 4
#define ROUNDS 300

static void *seal_and_unseal(void *ctx)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct buf sealed = seal(ctx, "thread");

		if (unseal(ctx, "thread", buf_span(&sealed)))
			return ctx;
		buf_done(&sealed);
	}
	return NULL;
}

static void threads_seal_while_the_key_is_rotated(void **state)
{
	struct vault *vault = open_ok(*state);
	pthread_t threads[THREADS];
	void *failed;

	assert_int_equal(vault_rotate_begin(vault, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, seal_and_unseal, vault), 0);
	assert_int_equal(vault_rotate_end(vault, NULL), 0);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	vault_free(vault);
}

/* To another directory, as to another machine. */
static int move_to(struct vault *vault, const struct place *place, const char *key_file, struct err *err)
{
	struct vault_options options = { .dir = place->dir, .key_file = key_file };
	struct buf ring, key;
	int code;

	buf_init(&ring, 64 * 1024);
	buf_init(&key, 256);
	assert_int_equal(vault_export(vault, &ring, &key), 0);
	code = vault_import(&options, buf_span(&ring), buf_span(&key), err);
	assert_int_equal(vault_import(&options, buf_span(&ring), SPAN("00"), NULL), -EBADMSG);
	key.data[0] = key.data[0] == '0' ? '1' : '0';
	assert_int_equal(vault_import(&options, buf_span(&ring), buf_span(&key), NULL), -EBADMSG);
	assert_int_equal(vault_import(&options, SPAN("{}"), buf_span(&key), NULL), -EBADMSG);
	buf_done(&ring);
	buf_done(&key);
	return code;
}

static void data_keys_move_to_another_machine(void **state)
{
	struct place *place = *state;
	struct vault *vault = open_ok(place), *moved = NULL;
	struct buf sealed = seal(vault, "here"), later;
	struct err err = { 0 };
	void *other = NULL;

	assert_int_equal(vault_rotate_begin(vault, NULL), 0); /* two keys */
	later = seal(vault, "here");
	assert_int_equal(setup(&other), 0);
	assert_int_equal(move_to(vault, other, NULL, &err), 0);
	vault_free(vault);
	moved = open_ok(other);
	assert_int_equal(unseal(moved, "here", buf_span(&sealed)), 0);
	assert_int_equal(unseal(moved, "here", buf_span(&later)), 0);
	vault_free(moved);
	assert_int_equal(teardown(&other), 0);
	buf_done(&sealed);
	buf_done(&later);
}

static void a_key_file_that_is_there_wraps_what_moves_in(void **state)
{
	struct place *place = *state;
	struct vault *vault = open_ok(place), *moved = NULL;
	struct buf sealed = seal(vault, "here"), before, after;
	struct err err = { 0 };
	void *other = NULL;

	assert_int_equal(setup(&other), 0);
	before = content_of(place->key);
	assert_int_equal(move_to(vault, other, place->key, &err), 0);
	vault_free(vault);
	after = content_of(place->key);
	assert_true(span_eq(buf_span(&before), buf_span(&after)));
	assert_int_equal(open_with(other, place->key, &moved, &err), 0);
	assert_int_equal(unseal(moved, "here", buf_span(&sealed)), 0);
	vault_free(moved);
	vault_free(open_ok(place)); /* what it wrapped before opens still */
	assert_int_equal(teardown(&other), 0);
	buf_done(&before);
	buf_done(&after);
	buf_done(&sealed);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_sealed_opens_again_after_a_restart_and_nowhere_else),
		TEST(sealing_twice_gives_other_bytes),
		TEST(nothing_is_a_thing_to_seal_too),
		TEST(every_cut_and_every_flipped_bit_is_noticed),
		TEST(a_full_buffer_stays_as_it_was),
		TEST(only_its_owner_may_read_the_key),
		TEST(a_key_file_that_is_missing_or_wrong_is_said_and_never_made_anew),
		TEST(the_key_file_may_lie_elsewhere_and_be_there_before),
		TEST(a_new_key_file_takes_the_place_of_one_that_lies_beside_it),
		TEST(a_damaged_keyring_is_said_and_never_made_anew),
		TEST(a_vault_made_half_is_made_again),
		TEST(a_file_is_bound_to_its_name_and_not_to_its_directory),
		TEST(a_plain_file_is_sealed_in_place_and_overwritten),
		TEST(a_rotation_ends_with_the_old_key_gone),
		TEST(all_sealed_files_are_found_and_plain_ones_left_alone),
		TEST(a_vault_that_is_missing_is_not_made_anew_while_something_is_sealed_by_it),
		TEST(data_keys_move_to_another_machine),
		TEST(a_key_file_that_is_there_wraps_what_moves_in),
		TEST(threads_seal_while_the_key_is_rotated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
