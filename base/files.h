/* files: small files read and replaced whole. Any thread. */
#ifndef HOLDFAST_BASE_FILES_H
#define HOLDFAST_BASE_FILES_H

#include "base/buf.h"

#include <sys/types.h>

/* The whole file, up to the buffer's ceiling (-EMSGSIZE past it). -ENOENT and the like. */
int file_read(const char *path, struct buf *out) must_check;
/* Made beside it, synced, renamed over it, directory synced: after a power cut there is the old content or the new.
 * Directories on the way are made, mode 0700. */
int file_write(const char *path, struct span content, mode_t mode) must_check;
int file_write_all(int fd, struct span content) must_check; /* in as many writes as it takes; not synced */
/* The names in a directory, or in the one that holds `path`, are on the disk. */
int file_sync_dir(const char *dir) must_check;
int file_sync_parent(const char *path) must_check;
/* Overwrites what the file holds, so far as the file system writes in place, and removes it. An absent file is fine. */
int file_shred(const char *path) must_check;
/* Around a replacement of PATH by rename, so that its old bytes are gone afterwards: hold gives it the second name PATH.old;
 * let_go shreds what has that name, or only takes the name away when PATH is the same file still. let_go also ends what a power cut
 * left behind. Where the file system has no links (FAT) the old bytes stay in its free space. */
int file_hold(const char *path) must_check;
int file_let_go(const char *path) must_check;
/* Makes a directory and those above it; the last one gets `mode`. An existing one is fine. */
int file_make_dirs(const char *path, mode_t mode) must_check;

/* Makes the directory (see above) if need be and takes the lock on DIR/lock, which lasts as long as *out_fd is open. -EBUSY: another process
 * has it. */
int file_lock_dir(const char *dir, mode_t mode, int *out_fd) must_check;

/* `path` from the root, whatever the working directory: as it is when it starts with '/'. -ENAMETOOLONG. */
int file_absolute(const char *path, char *out, size_t size) must_check;

#endif
