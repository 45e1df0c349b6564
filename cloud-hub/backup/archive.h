/* archive: the file that a backup is: a tar archive, so that it says what it is to any tool.
 *
 *     holdfast-backup.json   what this is of: struct archive_head
 *     pki/..., vault/..., serviceaccounts.keys, config.yaml   small files; with a passphrase those that hold keys are sealed and end in ".sealed"
 *     store.db               the store
 *     holdfast-backup.sum    SHA-256 of all bytes before its header, and with a passphrase their HMAC
 *
 * Neither writer nor reader holds more than a piece of the store in memory. Blocking; any thread. */
#ifndef HOLDFAST_CLOUD_HUB_BACKUP_ARCHIVE_H
#define HOLDFAST_CLOUD_HUB_BACKUP_ARCHIVE_H

#include "base/buf.h"

#include <sys/types.h>

#define ARCHIVE_FORMAT 1
#define ARCHIVE_HEAD "holdfast-backup.json"
#define ARCHIVE_SUM "holdfast-backup.sum"
#define ARCHIVE_STORE "store.db"
#define ARCHIVE_SEALED ".sealed"
#define ARCHIVE_SMALL_MAX (256u * 1024) /* bytes of a small file */
#define ARCHIVE_FILES_MAX 512u
#define ARCHIVE_PASSPHRASE_MIN 8u
#define ARCHIVE_PASSPHRASE_MAX 1024u
#define ARCHIVE_SALT_SIZE 16u
/* Of crypt_stretch. OWASP's Password Storage Cheat Sheet (2023) asks for 210000 with SHA-512. */
#define ARCHIVE_ITERATIONS 600000u
#define ARCHIVE_ITERATIONS_MAX 10000000u

struct archive_head {
	char software[64]; /* version that wrote it */
	char cluster[65];  /* SHA-256 of the root certificate, hexadecimal */
	char epoch[33];	   /* of the store when it was copied, hexadecimal */
	int64_t made_wall_ms;
	uint64_t revision, objects;
	uint64_t generation; /* of restores that the cluster has been through */
	bool is_sealed;	     /* with a passphrase: */
	uint32_t iterations;
	uint8_t salt[ARCHIVE_SALT_SIZE];
};
int archive_head_write(const struct archive_head *head, struct buf *out) must_check;
/* -EBADMSG: not one; -EPROTO: of a newer release. */
int archive_head_parse(struct span json, struct archive_head *out, struct err *err) must_check;

/* --- writing --- */

struct archive_writer;
/* Starts PATH.new beside `path`, mode 0600. An empty passphrase: nothing is sealed. Sets the head's salt and iterations. */
int archive_create(const char *path, struct archive_head *head, struct span passphrase,
		   struct archive_writer **out, struct err *err) must_check;
int archive_add(struct archive_writer *writer, const char *name, struct span content, bool is_secret,
		struct err *err) must_check;
/* The store; content up to the size that the file has now. */
int archive_add_store(struct archive_writer *writer, const char *from, struct err *err) must_check;
/* Puts the sum behind it, syncs, reads all of it again, and gives it its name. Frees the writer, also on failure. */
int archive_finish(struct archive_writer *writer, uint64_t *out_size, struct err *err) must_check;
void archive_abandon(struct archive_writer *writer); /* nothing stays; NULL is fine */

/* --- reading --- */

/* What comes out, in order. Each may be NULL, and ends the reading with what it returns unless that is 0. */
struct archive_sink {
	int (*head)(void *ctx, const struct archive_head *head, struct err *err);
	int (*small)(void *ctx, const char *name, struct span content, struct err *err);
	int (*store)(void *ctx, struct span piece, struct err *err);
	void *ctx;
};
/* Gives up to `size` bytes: their number, 0 at the end, negative on failure. */
typedef ssize_t archive_source_fn(void *ctx, void *out, size_t size);
struct archive_source {
	archive_source_fn *read;
	void *ctx;
	const char *name; /* for messages */
};
/* All of it. -EBADMSG: no backup, truncated, damaged; -EPROTO: of a newer release; -ENOKEY: the passphrase is not the one, or it
 * wants one and there is none (then, with `sink->small` NULL, what is sealed is only summed up). What came out counts
 * only when this returns 0. *out_head may be NULL. */
int archive_read(const struct archive_source *source, struct span passphrase, const struct archive_sink *sink,
		 struct archive_head *out_head, struct err *err) must_check;
int archive_read_file(const char *path, struct span passphrase, const struct archive_sink *sink,
		      struct archive_head *out_head, struct err *err) must_check;

#endif
