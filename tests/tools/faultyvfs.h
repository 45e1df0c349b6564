/* faultyvfs: a disk in memory, as a SQLite VFS, that can fail, fill up, tear writes and lose power.
 *
 * Files live as long as the disk does, so a store can be closed and opened again on it. What was written
 * but not synced is at the mercy of a power cut: each such write survives whole, in part (in sectors), or
 * not at all, as the seed decides. One disk may hold many stores, each under its own path. Any thread. */
#ifndef HOLDFAST_TESTS_TOOLS_FAULTYVFS_H
#define HOLDFAST_TESTS_TOOLS_FAULTYVFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct faultyvfs;

enum faultyvfs_op {
	FAULTYVFS_OPEN = 1,
	FAULTYVFS_READ = 2,
	FAULTYVFS_WRITE = 4,
	FAULTYVFS_SYNC = 8,
	FAULTYVFS_TRUNCATE = 16,
	FAULTYVFS_DELETE = 32,
	FAULTYVFS_CHANGES = FAULTYVFS_WRITE | FAULTYVFS_SYNC | FAULTYVFS_TRUNCATE | FAULTYVFS_DELETE,
	FAULTYVFS_ALL = 63,
};

enum faultyvfs_fault {
	FAULTYVFS_NONE,
	FAULTYVFS_FAIL_ONCE, /* an I/O error */
	FAULTYVFS_FAIL_ALL,  /* from the nth on */
	FAULTYVFS_TEAR,	     /* the nth write is made in part, then an I/O error */
	FAULTYVFS_FULL_ONCE, /* "disk full" */
	FAULTYVFS_CUT,	     /* power goes at the nth: it and all later ones fail */
};

/* Registers the VFS `name`, which must be unique in the process. NULL without memory. */
struct faultyvfs *faultyvfs_new(const char *name, uint64_t seed);
void faultyvfs_free(struct faultyvfs *v); /* every file must be closed */

/* Arms one fault for the nth (from 1) of the operations in the mask, counting from now. */
void faultyvfs_arm(struct faultyvfs *v, enum faultyvfs_fault fault, unsigned ops, uint64_t nth);
bool faultyvfs_disarm(struct faultyvfs *v);		     /* whether it has struck */
uint64_t faultyvfs_count(struct faultyvfs *v, unsigned ops); /* operations in the mask since the beginning */

void faultyvfs_cut(struct faultyvfs *v); /* power off now: all operations fail */
/* Power back. Files hold what was synced, and of the rest what the seed says. All must be closed by now. */
void faultyvfs_power_on(struct faultyvfs *v);

void faultyvfs_set_space(struct faultyvfs *v, uint64_t bytes); /* capacity of the disk; UINT64_MAX at first */
uint64_t faultyvfs_used(struct faultyvfs *v);

/* Damage done behind the store's back; false when there is no such file or place. */
bool faultyvfs_flip(struct faultyvfs *v, const char *path, uint64_t offset, unsigned char mask);
uint64_t faultyvfs_size(struct faultyvfs *v, const char *path);

#endif
