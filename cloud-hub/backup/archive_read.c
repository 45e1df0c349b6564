#include "cloud-hub/backup/archive_internal.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct reader {
	const struct archive_source *source;
	const struct archive_sink *sink;
	struct span passphrase;
	struct crypt_digest *digest; /* of all bytes read */
	struct archive_head head;
	struct buf content; /* of a small file, or a piece of the store */
	bool has_key, has_store;
	uint8_t key[CRYPT_KEY_SIZE];
	size_t files;
	struct err *err;
};

/* Names that a backup holds. What a later release adds comes with a new format. */
static const char *const small_files[] = { "pki/", "vault/", "serviceaccounts.keys", "config.yaml", NULL };

static int damaged(struct reader *r, const char *how)
{
	return err_set(r->err, -EBADMSG, "%s %s", r->source->name, how);
}

/* All of `size` bytes, counted into the digest. */
static int take(struct reader *r, void *out, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = r->source->read(r->source->ctx, (char *)out + done, size - done);

		if (got < 0)
			return err_set(r->err, (int)got, "reading %s: %s", r->source->name,
				       strerror((int)-got));
		if (got == 0)
			return damaged(r, "is truncated");
		done += (size_t)got;
	}
	crypt_digest_add(r->digest, span_make(out, size));
	return 0;
}

static int take_padding(struct reader *r, uint64_t size)
{
	uint8_t padding[TAR_BLOCK];
	unsigned len = tar_padding(size);
	int code = len ? take(r, padding, len) : 0;

	for (unsigned i = 0; !code && i < len; i++)
		if (padding[i])
			code = damaged(r, "is damaged: something lies between its files");
	return code;
}

static int take_small(struct reader *r, const struct tar_entry *entry)
{
	size_t size = (size_t)entry->size;
	int code;

	if (entry->size > ARCHIVE_SMALL_MAX + CRYPT_SEAL_OVERHEAD)
		return damaged(r, "is damaged: a small file in it is large");
	buf_reset(&r->content);
	code = buf_reserve(&r->content, size + 1);
	if (code)
		return err_set(r->err, code, "out of memory");
	code = take(r, r->content.data, size);
	if (!code)
		code = take_padding(r, entry->size);
	r->content.len = code ? 0 : size;
	return code;
}

/* --- the parts --- */

static int on_head(struct reader *r, const struct tar_entry *entry)
{
	int code = take_small(r, entry);

	if (code)
		return code;
	code = archive_head_parse(buf_span(&r->content), &r->head, r->err);
	if (code) {
		(void)err_wrap(r->err, "%s", r->source->name);
		return code;
	}
	if (r->head.is_sealed && r->passphrase.len) {
		code = crypt_stretch(r->passphrase, span_make(r->head.salt, sizeof(r->head.salt)),
				     r->head.iterations, r->key);
		if (code)
			return err_set(r->err, code, "out of memory");
		r->has_key = true;
	}
	if (r->head.is_sealed && !r->has_key && r->sink->small)
		return err_set(r->err, -ENOKEY,
			       "the keys in %s are sealed with a passphrase, and none was given",
			       r->source->name);
	return r->sink->head ? r->sink->head(r->sink->ctx, &r->head, r->err) : 0;
}

static int on_store(struct reader *r, const struct tar_entry *entry)
{
	uint64_t left = entry->size;
	int code = 0;

	if (r->has_store)
		return damaged(r, "is damaged: it holds two stores");
	r->has_store = true;
	buf_reset(&r->content);
	if (buf_reserve(&r->content, ARCHIVE_PIECE))
		return err_set(r->err, -ENOMEM, "out of memory");
	while (!code && left) {
		size_t size = left < ARCHIVE_PIECE ? (size_t)left : ARCHIVE_PIECE;

		code = take(r, r->content.data, size);
		if (!code && r->sink->store)
			code = r->sink->store(r->sink->ctx, span_make(r->content.data, size), r->err);
		left -= size;
	}
	return code ? code : take_padding(r, entry->size);
}

static bool is_known(struct span name)
{
	for (size_t i = 0; small_files[i]; i++) {
		struct span known = span_of(small_files[i]);

		if (known.ptr[known.len - 1] == '/' ? span_has_prefix(name, known) && name.len > known.len
						    : span_eq(name, known))
			return true;
	}
	return false;
}

static int give_small(struct reader *r, const char *name, struct span content)
{
	return r->sink->small ? r->sink->small(r->sink->ctx, name, content, r->err) : 0;
}

static int give_sealed(struct reader *r, const char *name)
{
	struct buf plain;
	int code;

	if (!r->has_key) /* only summed up */
		return r->head.is_sealed ? 0 : damaged(r, "is damaged: something in it is sealed");
	buf_init(&plain, ARCHIVE_SMALL_MAX + 1);
	code = crypt_open(r->key, span_of(name), buf_span(&r->content), &plain);
	if (code == -EBADMSG)
		code = err_set(r->err, -ENOKEY, "the passphrase is not the one that sealed the keys in %s",
			       r->source->name);
	else if (code)
		code = err_set(r->err, code, "out of memory");
	else
		code = give_small(r, name, buf_span(&plain));
	if (plain.data)
		explicit_bzero(plain.data, plain.cap);
	buf_done(&plain);
	return code;
}

static int on_small(struct reader *r, const struct tar_entry *entry)
{
	struct span name = span_of(entry->name), suffix = SPAN(ARCHIVE_SEALED);
	bool is_sealed = span_has_suffix(name, suffix);
	char plain_name[TAR_NAME_MAX + 1];
	int code;

	if (is_sealed)
		name.len -= suffix.len;
	if (!is_known(name) || span_copy(name, plain_name, sizeof(plain_name)))
		return err_set(r->err, -EBADMSG, "%s holds %s, which this release does not know",
			       r->source->name, entry->name);
	code = take_small(r, entry);
	if (code)
		return code;
	return is_sealed ? give_sealed(r, plain_name) : give_small(r, plain_name, buf_span(&r->content));
}

/* The sum is of all before its header, which has been read by now: so `digest` is a copy from before. */
static int on_sum(struct reader *r, const struct tar_entry *entry, struct span wanted)
{
	struct span got;
	uint8_t block[TAR_BLOCK];
	int code = take_small(r, entry);

	if (code)
		return code;
	got = buf_span(&r->content);
	/* Without the passphrase the first line can be compared, the second not. */
	if (r->head.is_sealed && !r->has_key && got.len > wanted.len)
		got.len = wanted.len;
	if (!crypt_equal(got, wanted))
		return damaged(r, "is damaged: its sum is not that of its bytes");
	if (!r->has_store)
		return damaged(r, "is damaged: it holds no store");
	for (unsigned i = 0; i < ARCHIVE_END_BLOCKS; i++) {
		struct tar_entry none;

		code = take(r, block, sizeof(block));
		if (code)
			return code;
		if (tar_header_read(block, &none) != 0)
			return damaged(r, "is damaged: it goes on behind its sum");
	}
	return r->source->read(r->source->ctx, block, 1) == 0
		       ? 0
		       : damaged(r, "is damaged: something follows its end");
}

/* --- all of it --- */

static int next_header(struct reader *r, struct tar_entry *entry)
{
	uint8_t block[TAR_BLOCK], canonical[TAR_BLOCK];
	bool is_first = r->files == 0;
	int code = take(r, block, sizeof(block));

	if (code == -EBADMSG && is_first)
		return damaged(r, "is no backup of a cloud-hub");
	if (code)
		return code;
	code = tar_header_read(block, entry);
	if (is_first && (code != 1 || strcmp(entry->name, ARCHIVE_HEAD) != 0))
		return damaged(r, "is no backup of a cloud-hub");
	if (code != 1)
		return damaged(r, code ? "is damaged" : "is damaged: it ends before its sum");
	/* The header of the sum is the one thing that no sum is of. */
	if (tar_header_write(entry, canonical) || memcmp(block, canonical, sizeof(block)) != 0)
		return damaged(r, "is damaged");
	if (++r->files > ARCHIVE_FILES_MAX)
		return damaged(r, "is damaged: it holds too many files");
	return 0;
}

static int read_files(struct reader *r)
{
	struct tar_entry entry;
	struct buf sum;
	bool is_over = false;
	int code = 0;

	buf_init(&sum, ARCHIVE_SUM_MAX);
	while (!code && !is_over) {
		buf_reset(&sum);
		code = archive_sum_text(r->digest, r->has_key ? r->key : NULL, &sum);
		code = code ? err_set(r->err, code, "out of memory") : next_header(r, &entry);
		if (code)
			break;
		is_over = strcmp(entry.name, ARCHIVE_SUM) == 0;
		if (r->files == 1)
			code = on_head(r, &entry);
		else if (is_over)
			code = on_sum(r, &entry, buf_span(&sum));
		else if (strcmp(entry.name, ARCHIVE_STORE) == 0)
			code = on_store(r, &entry);
		else
			code = on_small(r, &entry);
	}
	buf_done(&sum);
	return code;
}

int archive_read(const struct archive_source *source, struct span passphrase, const struct archive_sink *sink,
		 struct archive_head *out_head, struct err *err)
{
	struct reader r = { .source = source, .sink = sink, .passphrase = passphrase, .err = err };
	int code = crypt_digest_new(&r.digest);

	buf_init(&r.content, ARCHIVE_SMALL_MAX + CRYPT_SEAL_OVERHEAD + 1);
	code = code ? err_set(err, code, "out of memory") : read_files(&r);
	if (!code && out_head)
		*out_head = r.head;
	explicit_bzero(r.key, sizeof(r.key));
	if (r.content.data)
		explicit_bzero(r.content.data, r.content.cap);
	buf_done(&r.content);
	crypt_digest_free(r.digest);
	return code;
}

static ssize_t read_fd(void *ctx, void *out, size_t size)
{
	ssize_t got;

	do
		got = read(*(int *)ctx, out, size);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

int archive_read_file(const char *path, struct span passphrase, const struct archive_sink *sink,
		      struct archive_head *out_head, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), code;
	struct archive_source source = { read_fd, &fd, path };

	if (fd < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	code = archive_read(&source, passphrase, sink, out_head, err);
	(void)close(fd);
	return code;
}
