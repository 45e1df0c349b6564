#include "cloud-hub/backup/archive_internal.h"

#include "base/files.h"
#include "base/random.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct archive_writer {
	int fd;
	char path[PATH_MAX], temporary[PATH_MAX];
	struct crypt_digest *digest; /* of all bytes written */
	struct buf piece;
	int64_t made_s;
	size_t files;
	uint64_t size;
	bool is_sealed;
	uint8_t key[CRYPT_KEY_SIZE];
	struct buf passphrase; /* for reading it again */
};

int archive_sum_text(const struct crypt_digest *digest, const uint8_t *key, struct buf *out)
{
	uint8_t sum[CRYPT_SHA256_SIZE], hmac[CRYPT_SHA256_SIZE];
	int code = 0;

	crypt_digest_peek(digest, sum);
	(void)buf_add_str(out, "sha256 ");
	(void)text_hex(out, span_make(sum, sizeof(sum)));
	(void)buf_add_char(out, '\n');
	if (key) {
		code = crypt_hmac_sha256(span_make(key, CRYPT_KEY_SIZE), span_make(sum, sizeof(sum)), hmac);
		(void)buf_add_str(out, "hmac-sha256 ");
		(void)text_hex(out, span_make(hmac, sizeof(hmac)));
		(void)buf_add_char(out, '\n');
	}
	return code ? code : buf_error(out);
}

static void writer_free(struct archive_writer *w)
{
	if (w->fd >= 0)
		(void)close(w->fd);
	crypt_digest_free(w->digest);
	explicit_bzero(w->key, sizeof(w->key));
	if (w->passphrase.data)
		explicit_bzero(w->passphrase.data, w->passphrase.cap);
	buf_done(&w->passphrase);
	buf_done(&w->piece);
	free(w);
}

void archive_abandon(struct archive_writer *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		(void)unlink(w->temporary);
	writer_free(w);
}

static int put(struct archive_writer *w, struct span bytes, struct err *err)
{
	int code = file_write_all(w->fd, bytes);

	if (code)
		return err_set(err, code, "writing %s: %s", w->temporary, strerror(-code));
	crypt_digest_add(w->digest, bytes);
	w->size += bytes.len;
	return 0;
}

static int put_zeros(struct archive_writer *w, size_t len, struct err *err)
{
	static const char zeros[ARCHIVE_END_BLOCKS * TAR_BLOCK];

	return len ? put(w, span_make(zeros, len), err) : 0;
}

static int put_header(struct archive_writer *w, const char *name, uint64_t size, struct err *err)
{
	struct tar_entry entry = { .size = size, .modified_s = w->made_s };
	uint8_t block[TAR_BLOCK];

	if (++w->files > ARCHIVE_FILES_MAX)
		return err_set(err, -E2BIG, "more than %u files to back up", ARCHIVE_FILES_MAX);
	if (span_copy(span_of(name), entry.name, sizeof(entry.name)) || tar_header_write(&entry, block))
		return err_set(err, -EINVAL, "the name %.64s cannot stand in a backup", name);
	return put(w, span_make(block, sizeof(block)), err);
}

static int put_small(struct archive_writer *w, const char *name, struct span content, struct err *err)
{
	int code = put_header(w, name, content.len, err);

	if (!code)
		code = put(w, content, err);
	return code ? code : put_zeros(w, tar_padding(content.len), err);
}

static int put_sealed(struct archive_writer *w, const char *name, struct span content, struct err *err)
{
	char sealed_name[TAR_NAME_MAX + 1];
	struct buf sealed;
	int len = snprintf(sealed_name, sizeof(sealed_name), "%s" ARCHIVE_SEALED, name), code;

	if (len < 0 || (size_t)len >= sizeof(sealed_name))
		return err_set(err, -ENAMETOOLONG, "the name %.64s is too long for a backup", name);
	buf_init(&sealed, ARCHIVE_SMALL_MAX + CRYPT_SEAL_OVERHEAD);
	code = crypt_seal(w->key, span_of(name), content, &sealed);
	code = code ? err_set(err, code, "out of memory") : put_small(w, sealed_name, buf_span(&sealed), err);
	buf_done(&sealed);
	return code;
}

int archive_add(struct archive_writer *w, const char *name, struct span content, bool is_secret,
		struct err *err)
{
	if (content.len > ARCHIVE_SMALL_MAX)
		return err_set(err, -EFBIG, "%s is larger than a backup takes (%u bytes)", name,
			       ARCHIVE_SMALL_MAX);
	return is_secret && w->is_sealed ? put_sealed(w, name, content, err)
					 : put_small(w, name, content, err);
}

static int copy_content(struct archive_writer *w, int from, uint64_t size, struct err *err)
{
	while (size) {
		size_t want = size < ARCHIVE_PIECE ? (size_t)size : ARCHIVE_PIECE;
		ssize_t got = read(from, w->piece.data, want);
		int code;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_set(err, got ? -errno : -EIO, "reading the store's copy: %s",
				       got ? strerror(errno) : "it became shorter");
		code = put(w, span_make(w->piece.data, (size_t)got), err);
		if (code)
			return code;
		size -= (size_t)got;
	}
	return 0;
}

int archive_add_store(struct archive_writer *w, const char *from, struct err *err)
{
	int fd = open(from, O_RDONLY | O_CLOEXEC), code;
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		code = err_set(err, -errno, "%s: %s", from, strerror(errno));
	} else {
		code = put_header(w, ARCHIVE_STORE, (uint64_t)st.st_size, err);
		if (!code)
			code = copy_content(w, fd, (uint64_t)st.st_size, err);
		if (!code)
			code = put_zeros(w, tar_padding((uint64_t)st.st_size), err);
	}
	if (fd >= 0)
		(void)close(fd);
	return code;
}

/* --- the beginning --- */

static int set_passphrase(struct archive_writer *w, struct archive_head *head, struct span passphrase,
			  struct err *err)
{
	int code;

	head->is_sealed = passphrase.len > 0;
	if (!head->is_sealed)
		return 0;
	if (passphrase.len < ARCHIVE_PASSPHRASE_MIN || passphrase.len > ARCHIVE_PASSPHRASE_MAX)
		return err_set(err, -EINVAL, "a passphrase has %u to %u bytes", ARCHIVE_PASSPHRASE_MIN,
			       ARCHIVE_PASSPHRASE_MAX);
	head->iterations = ARCHIVE_ITERATIONS;
	random_bytes(head->salt, sizeof(head->salt));
	w->is_sealed = true;
	code = buf_add_span(&w->passphrase, passphrase);
	if (!code)
		code = crypt_stretch(passphrase, span_make(head->salt, sizeof(head->salt)), head->iterations,
				     w->key);
	return code ? err_set(err, code, "out of memory") : 0;
}

static int start_file(struct archive_writer *w, const char *path, struct err *err)
{
	int len = snprintf(w->temporary, sizeof(w->temporary), "%s.new", path);

	if (len < 0 || (size_t)len >= sizeof(w->temporary) ||
	    span_copy(span_of(path), w->path, sizeof(w->path)))
		return err_set(err, -ENAMETOOLONG, "the backup's name is too long");
	(void)unlink(w->temporary); /* of an attempt that was cut short */
	w->fd = open(w->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return w->fd < 0 ? err_set(err, -errno, "%s: %s", w->temporary, strerror(errno)) : 0;
}

static int put_head(struct archive_writer *w, const struct archive_head *head, struct err *err)
{
	struct buf text;
	int code;

	buf_init(&text, ARCHIVE_SMALL_MAX);
	code = archive_head_write(head, &text);
	code = code ? err_set(err, code, "out of memory") : put_small(w, ARCHIVE_HEAD, buf_span(&text), err);
	buf_done(&text);
	return code;
}

int archive_create(const char *path, struct archive_head *head, struct span passphrase,
		   struct archive_writer **out, struct err *err)
{
	struct archive_writer *w = calloc(1, sizeof(*w));
	int code;

	if (!w)
		return err_set(err, -ENOMEM, "out of memory");
	w->fd = -1;
	w->made_s = head->made_wall_ms / 1000;
	buf_init(&w->piece, ARCHIVE_PIECE);
	buf_init(&w->passphrase, ARCHIVE_PASSPHRASE_MAX);
	code = crypt_digest_new(&w->digest);
	if (!code)
		code = buf_reserve(&w->piece, ARCHIVE_PIECE);
	code = code ? err_set(err, code, "out of memory") : set_passphrase(w, head, passphrase, err);
	if (!code)
		code = start_file(w, path, err);
	if (!code)
		code = put_head(w, head, err);
	if (code) {
		archive_abandon(w);
		return code;
	}
	*out = w;
	return 0;
}

/* --- the end --- */

static int put_sum(struct archive_writer *w, struct err *err)
{
	struct buf text;
	int code;

	buf_init(&text, ARCHIVE_SUM_MAX);
	code = archive_sum_text(w->digest, w->is_sealed ? w->key : NULL, &text);
	code = code ? err_set(err, code, "out of memory") : put_small(w, ARCHIVE_SUM, buf_span(&text), err);
	buf_done(&text);
	return code ? code : put_zeros(w, (size_t)ARCHIVE_END_BLOCKS * TAR_BLOCK, err);
}

/* What the disk gives back is what was written: not from memory, as far as the kernel lets itself be asked. */
static int read_again(struct archive_writer *w, struct err *err)
{
	struct archive_sink nothing = { 0 };
	int code;

	(void)posix_fadvise(w->fd, 0, 0, POSIX_FADV_DONTNEED);
	code = archive_read_file(w->temporary, buf_span(&w->passphrase), &nothing, NULL, err);
	if (code)
		(void)err_wrap(err, "reading the new backup again");
	return code;
}

int archive_finish(struct archive_writer *w, uint64_t *out_size, struct err *err)
{
	int code = put_sum(w, err);

	*out_size = w->size;
	if (!code && fsync(w->fd))
		code = err_set(err, -errno, "writing %s: %s", w->temporary, strerror(errno));
	if (!code)
		code = read_again(w, err);
	if (!code && rename(w->temporary, w->path))
		code = err_set(err, -errno, "%s: %s", w->path, strerror(errno));
	if (code) {
		archive_abandon(w);
		return code;
	}
	code = file_sync_parent(w->path);
	if (code)
		(void)err_set(err, code, "%s: %s", w->path, strerror(-code));
	writer_free(w);
	return code;
}
