/* pkidir: a directory of small secret files that appears whole or not at all, and single files replaced whole.
 * Blocking; for start-up and for commands. */
#ifndef HOLDFAST_AUTH_PKIDIR_H
#define HOLDFAST_AUTH_PKIDIR_H

#include "base/buf.h"

#define PKIDIR_FILE_MAX (64u * 1024)
#define PKIDIR_PATH_MAX 1024u

struct pkidir_file {
	const char *name;
	struct span content;
};
/* Waits for and takes the lock beside the directory ("<dir>.lock"); close(*out_fd) gives it back. */
int pkidir_lock(const char *dir, int *out_fd, struct err *err) must_check;
bool pkidir_exists(const char *dir);
/* Under the lock. Everything is on the disk when this returns. Leftovers of an attempt cut short are removed. */
int pkidir_create(const char *dir, const struct pkidir_file *files, size_t count, struct err *err) must_check;
/* And all files in it; nothing there is fine. Under the lock. */
int pkidir_remove(const char *dir, struct err *err) must_check;
int pkidir_read(const char *dir, const char *name, struct buf *out,
		struct err *err) must_check; /* -ENOENT among others */
/* Mode 0600, written beside it, synced and renamed. */
int pkidir_replace(const char *path, struct span content, struct err *err) must_check;
int pkidir_sync_parent(const char *path) must_check; /* of the directory that `path` is in */
int pkidir_read_file(const char *path, struct buf *out) must_check;

#endif
