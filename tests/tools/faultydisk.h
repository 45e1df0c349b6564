/* faultydisk: the files of a faultyvfs: contents now and as synced, faults, power. The VFS in front of it is
 * faultyvfs.c; callers hold the disk's lock. */
#ifndef HOLDFAST_TESTS_TOOLS_FAULTYDISK_H
#define HOLDFAST_TESTS_TOOLS_FAULTYDISK_H

#include <pthread.h>
#include <sqlite3.h>

#include "base/err.h"
#include "base/list.h"
#include "base/random.h"
#include "tests/tools/faultyvfs.h"

#define FAULTYDISK_SECTOR 512u
#define FAULTYDISK_SHM_MAX 64
#define FAULTYDISK_PATH_MAX 512
#define FAULTYDISK_OPS 6

struct bytes {
	unsigned char *data;
	size_t len, cap;
};

struct shm_lock {
	unsigned shared;
	bool is_exclusive;
};

struct disk_file {
	struct list_node node;
	char path[FAULTYDISK_PATH_MAX];
	struct bytes now, durable;
	struct list pending;
	bool is_durable, is_deleted; /* its name was synced; its name is gone */
	unsigned opens;
	unsigned shared, reserved, pending_lock, exclusive; /* how many handles hold each */
	void *shm[FAULTYDISK_SHM_MAX];
	struct shm_lock shm_locks[SQLITE_SHM_NLOCK];
	unsigned shm_opens;
};

struct faultyvfs {
	sqlite3_vfs vfs; /* first: SQLite hands it back */
	sqlite3_vfs *system;
	pthread_mutex_t lock;
	struct list files;
	struct rng rng;
	char name[64];
	uint64_t space;
	uint64_t counts[FAULTYDISK_OPS];
	enum faultyvfs_fault fault;
	unsigned fault_ops;
	uint64_t fault_in;
	bool has_struck, is_off;
};

struct disk_file *faultydisk_find(struct faultyvfs *v, const char *path);
struct disk_file *faultydisk_create(struct faultyvfs *v, const char *path); /* path NULL: a nameless file */
void faultydisk_drop(struct faultyvfs *v, struct disk_file *file);
/* The fault that strikes this operation, if any. */
enum faultyvfs_fault faultydisk_strike(struct faultyvfs *v, enum faultyvfs_op op);
/* SQLite codes. */
int faultydisk_write(struct faultyvfs *v, struct disk_file *file, const void *data, size_t len,
		     size_t offset);
int faultydisk_truncate(struct disk_file *file, size_t size);
int faultydisk_sync(struct disk_file *file);

#endif
