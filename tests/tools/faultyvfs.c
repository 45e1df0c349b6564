#include "tests/tools/faultyvfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/list.h"
#include "base/random.h"

#define SECTOR 512u
#define SHM_REGIONS_MAX 64
#define PATH_MAX_BYTES 512

struct bytes {
	unsigned char *data;
	size_t len, cap;
};

/* A write (or, without data, a truncation) since the last sync. */
struct pending {
	struct list_node node;
	bool is_truncate;
	size_t offset, len;
	unsigned char data[];
};

struct shm_lock {
	unsigned shared;
	bool is_exclusive;
};

struct disk_file {
	struct list_node node;
	char path[PATH_MAX_BYTES];
	struct bytes now, durable;
	struct list pending;
	bool is_durable, is_deleted; /* its name was synced; its name is gone */
	unsigned opens;
	unsigned shared, reserved, pending_lock, exclusive; /* how many handles hold each */
	void *shm[SHM_REGIONS_MAX];
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
	uint64_t counts[6];
	enum faultyvfs_fault fault;
	unsigned fault_ops;
	uint64_t fault_in;
	bool has_struck, is_off;
};

struct handle {
	sqlite3_file base;
	struct faultyvfs *v;
	struct disk_file *file;
	int level;             /* SQLITE_LOCK_* */
	bool has_shm;
	uint8_t shm_shared, shm_exclusive;
};

/* --- bytes --- */

static bool bytes_resize(struct bytes *b, size_t len)
{
	size_t cap = b->cap ? b->cap : 4096;
	unsigned char *data;

	while (cap < len)
		cap *= 2;
	if (cap != b->cap) {
		data = realloc(b->data, cap);
		if (!data)
			return false;
		b->data = data;
		b->cap = cap;
	}
	if (len > b->len)
		memset(b->data + b->len, 0, len - b->len);
	b->len = len;
	return true;
}

static bool bytes_write(struct bytes *b, const void *data, size_t len, size_t offset)
{
	if (offset + len > b->len && !bytes_resize(b, offset + len))
		return false;
	if (len)
		memcpy(b->data + offset, data, len);
	return true;
}

static bool bytes_copy(struct bytes *to, const struct bytes *from)
{
	to->len = 0;
	return bytes_write(to, from->data, from->len, 0);
}

/* --- files --- */

static void drop_pending(struct disk_file *f)
{
	struct list_node *node;

	while ((node = list_pop(&f->pending)))
		free(container_of(node, struct pending, node));
}

static void file_free(struct faultyvfs *v, struct disk_file *f)
{
	list_remove(&v->files, &f->node);
	drop_pending(f);
	for (int i = 0; i < SHM_REGIONS_MAX; i++)
		free(f->shm[i]);
	free(f->now.data);
	free(f->durable.data);
	free(f);
}

static struct disk_file *find_file(struct faultyvfs *v, const char *path)
{
	list_for_each(&v->files, node) {
		struct disk_file *f = container_of(node, struct disk_file, node);

		if (!f->is_deleted && strcmp(f->path, path) == 0)
			return f;
	}
	return NULL;
}

static struct disk_file *create_file(struct faultyvfs *v, const char *path)
{
	struct disk_file *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	if (path)
		memcpy(f->path, path, strlen(path) + 1);
	else
		f->is_deleted = true; /* nameless from the start */
	list_init(&f->pending);
	list_push(&v->files, &f->node);
	return f;
}

static bool note_pending(struct disk_file *f, const void *data, size_t len, size_t offset, bool is_truncate)
{
	struct pending *p = malloc(sizeof(*p) + (is_truncate ? 0 : len));

	if (!p)
		return false;
	*p = (struct pending){ .is_truncate = is_truncate, .offset = offset, .len = len };
	if (!is_truncate && len)
		memcpy(p->data, data, len);
	list_push(&f->pending, &p->node);
	return true;
}

static bool sync_file(struct disk_file *f)
{
	if (!bytes_copy(&f->durable, &f->now))
		return false;
	drop_pending(f);
	f->is_durable = true;
	return true;
}

static uint64_t used(struct faultyvfs *v)
{
	uint64_t sum = 0;

	list_for_each(&v->files, node)
		sum += container_of(node, struct disk_file, node)->now.len;
	return sum;
}

/* --- faults --- */

/* The fault that strikes this operation, if any. */
static enum faultyvfs_fault strike(struct faultyvfs *v, enum faultyvfs_op op)
{
	enum faultyvfs_fault fault = v->fault;

	v->counts[__builtin_ctz(op)]++;
	if (v->is_off)
		return FAULTYVFS_CUT;
	if (fault == FAULTYVFS_NONE || !(v->fault_ops & op) || v->fault_in == 0 || --v->fault_in > 0)
		return FAULTYVFS_NONE;
	v->has_struck = true;
	if (fault == FAULTYVFS_CUT)
		v->is_off = true;
	if (fault == FAULTYVFS_FAIL_ALL)
		v->fault_in = 1;
	return fault;
}

static int fault_code(enum faultyvfs_fault fault, int io_code)
{
	return fault == FAULTYVFS_NONE ? SQLITE_OK : fault == FAULTYVFS_FULL_ONCE ? SQLITE_FULL : io_code;
}

static int guard(struct faultyvfs *v, enum faultyvfs_op op, int io_code)
{
	int rc;

	pthread_mutex_lock(&v->lock);
	rc = fault_code(strike(v, op), io_code);
	pthread_mutex_unlock(&v->lock);
	return rc;
}

/* --- sqlite3_io_methods --- */

static struct handle *handle_of(sqlite3_file *file)
{
	return (struct handle *)file;
}

static int set_level(struct handle *h, int level);
static int io_shm_unmap(sqlite3_file *file, int remove);

static int io_close(sqlite3_file *file)
{
	struct handle *h = handle_of(file);

	(void)io_shm_unmap(file, 0);
	pthread_mutex_lock(&h->v->lock);
	(void)set_level(h, SQLITE_LOCK_NONE);
	if (--h->file->opens == 0 && h->file->is_deleted)
		file_free(h->v, h->file);
	pthread_mutex_unlock(&h->v->lock);
	return SQLITE_OK;
}

static int io_read(sqlite3_file *file, void *out, int amount, sqlite3_int64 offset)
{
	struct handle *h = handle_of(file);
	const struct bytes *b = &h->file->now;
	size_t have, want = (size_t)amount;
	int rc = guard(h->v, FAULTYVFS_READ, SQLITE_IOERR_READ);

	if (rc != SQLITE_OK)
		return rc;
	pthread_mutex_lock(&h->v->lock);
	have = (uint64_t)offset < b->len ? b->len - (size_t)offset : 0;
	if (have > want)
		have = want;
	if (have)
		memcpy(out, b->data + offset, have);
	memset((char *)out + have, 0, want - have);
	pthread_mutex_unlock(&h->v->lock);
	return have < want ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int write_locked(struct handle *h, const void *data, size_t len, size_t offset)
{
	enum faultyvfs_fault fault = strike(h->v, FAULTYVFS_WRITE);
	struct bytes *b = &h->file->now;

	if (fault == FAULTYVFS_TEAR)
		len = (size_t)rng_below(&h->v->rng, len / SECTOR + 1) * SECTOR;
	else if (fault != FAULTYVFS_NONE)
		return fault_code(fault, SQLITE_IOERR_WRITE);
	if (offset + len > b->len && used(h->v) + (offset + len - b->len) > h->v->space)
		return SQLITE_FULL;
	if (!note_pending(h->file, data, len, offset, false) || !bytes_write(b, data, len, offset))
		return SQLITE_IOERR_NOMEM;
	return fault_code(fault, SQLITE_IOERR_WRITE);
}

static int io_write(sqlite3_file *file, const void *data, int amount, sqlite3_int64 offset)
{
	struct handle *h = handle_of(file);
	int rc;

	pthread_mutex_lock(&h->v->lock);
	rc = write_locked(h, data, (size_t)amount, (size_t)offset);
	pthread_mutex_unlock(&h->v->lock);
	return rc;
}

static int io_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct handle *h = handle_of(file);
	int rc = guard(h->v, FAULTYVFS_TRUNCATE, SQLITE_IOERR_TRUNCATE);

	if (rc != SQLITE_OK)
		return rc;
	pthread_mutex_lock(&h->v->lock);
	if (!note_pending(h->file, NULL, 0, (size_t)size, true) || !bytes_resize(&h->file->now, (size_t)size))
		rc = SQLITE_IOERR_NOMEM;
	pthread_mutex_unlock(&h->v->lock);
	return rc;
}

static int io_sync(sqlite3_file *file, int flags)
{
	struct handle *h = handle_of(file);
	int rc = guard(h->v, FAULTYVFS_SYNC, SQLITE_IOERR_FSYNC);

	if (rc != SQLITE_OK)
		return rc;
	pthread_mutex_lock(&h->v->lock);
	rc = sync_file(h->file) ? SQLITE_OK : SQLITE_IOERR_NOMEM;
	pthread_mutex_unlock(&h->v->lock);
	return rc;
}

static int io_size(sqlite3_file *file, sqlite3_int64 *out)
{
	struct handle *h = handle_of(file);

	pthread_mutex_lock(&h->v->lock);
	*out = (sqlite3_int64)h->file->now.len;
	pthread_mutex_unlock(&h->v->lock);
	return SQLITE_OK;
}

/* SQLite's five levels; a handle at a level also holds the ones below it (pending apart). */
static int set_level(struct handle *h, int level)
{
	struct disk_file *f = h->file;
	bool is_shared = h->level >= SQLITE_LOCK_SHARED, is_reserved = h->level >= SQLITE_LOCK_RESERVED;
	bool is_exclusive = h->level >= SQLITE_LOCK_EXCLUSIVE;

	f->shared += (level >= SQLITE_LOCK_SHARED) - is_shared;
	f->reserved += (level >= SQLITE_LOCK_RESERVED) - is_reserved;
	f->exclusive += (level >= SQLITE_LOCK_EXCLUSIVE) - is_exclusive;
	h->level = level;
	return SQLITE_OK;
}

static int io_lock(sqlite3_file *file, int level)
{
	struct handle *h = handle_of(file);
	struct disk_file *f = h->file;
	unsigned others_shared, others_reserved, others_exclusive;
	int rc = SQLITE_OK;

	pthread_mutex_lock(&h->v->lock);
	others_shared = f->shared - (h->level >= SQLITE_LOCK_SHARED);
	others_reserved = f->reserved - (h->level >= SQLITE_LOCK_RESERVED);
	others_exclusive = f->exclusive - (h->level >= SQLITE_LOCK_EXCLUSIVE);
	if (level <= h->level)
		rc = SQLITE_OK;
	else if (others_exclusive || (level >= SQLITE_LOCK_RESERVED && others_reserved) ||
		 (level >= SQLITE_LOCK_EXCLUSIVE && others_shared))
		rc = SQLITE_BUSY;
	else
		rc = set_level(h, level);
	pthread_mutex_unlock(&h->v->lock);
	return rc;
}

static int io_unlock(sqlite3_file *file, int level)
{
	struct handle *h = handle_of(file);

	pthread_mutex_lock(&h->v->lock);
	if (level < h->level)
		(void)set_level(h, level);
	pthread_mutex_unlock(&h->v->lock);
	return SQLITE_OK;
}

static int io_check_reserved(sqlite3_file *file, int *out)
{
	struct handle *h = handle_of(file);

	pthread_mutex_lock(&h->v->lock);
	*out = h->file->reserved > 0;
	pthread_mutex_unlock(&h->v->lock);
	return SQLITE_OK;
}

static int io_control(sqlite3_file *file, int op, void *arg)
{
	return SQLITE_NOTFOUND;
}

static int io_sector_size(sqlite3_file *file)
{
	return SECTOR;
}

static int io_characteristics(sqlite3_file *file)
{
	return 0; /* a power cut may tear any sector being written */
}

static int io_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
	struct handle *h = handle_of(file);
	int rc = SQLITE_OK;

	*out = NULL;
	if (region >= SHM_REGIONS_MAX)
		return SQLITE_IOERR_SHMSIZE;
	pthread_mutex_lock(&h->v->lock);
	if (!h->has_shm) {
		h->has_shm = true;
		h->file->shm_opens++;
	}
	if (!h->file->shm[region] && extend) {
		h->file->shm[region] = calloc(1, (size_t)size);
		if (!h->file->shm[region])
			rc = SQLITE_IOERR_NOMEM;
	}
	*out = h->file->shm[region];
	pthread_mutex_unlock(&h->v->lock);
	return rc;
}

static bool shm_is_free(const struct handle *h, int slot, bool exclusive)
{
	const struct shm_lock *lock = &h->file->shm_locks[slot];
	unsigned others = lock->shared - ((h->shm_shared >> slot) & 1);

	return !(lock->is_exclusive && !((h->shm_exclusive >> slot) & 1)) && !(exclusive && others);
}

static void shm_release(struct handle *h, int slot)
{
	struct shm_lock *lock = &h->file->shm_locks[slot];
	uint8_t bit = (uint8_t)(1 << slot);

	if (h->shm_shared & bit)
		lock->shared--;
	if (h->shm_exclusive & bit)
		lock->is_exclusive = false;
	h->shm_shared &= (uint8_t)~bit;
	h->shm_exclusive &= (uint8_t)~bit;
}

static void shm_take(struct handle *h, int slot, bool exclusive)
{
	struct shm_lock *lock = &h->file->shm_locks[slot];
	uint8_t bit = (uint8_t)(1 << slot);

	shm_release(h, slot);
	if (exclusive) {
		lock->is_exclusive = true;
		h->shm_exclusive |= bit;
	} else {
		lock->shared++;
		h->shm_shared |= bit;
	}
}

static int io_shm_lock(sqlite3_file *file, int first, int count, int flags)
{
	struct handle *h = handle_of(file);
	bool exclusive = flags & SQLITE_SHM_EXCLUSIVE, unlock = flags & SQLITE_SHM_UNLOCK, is_free = true;

	pthread_mutex_lock(&h->v->lock);
	for (int i = first; i < first + count && !unlock; i++)
		is_free = is_free && shm_is_free(h, i, exclusive);
	for (int i = first; i < first + count && is_free; i++)
		if (unlock)
			shm_release(h, i);
		else
			shm_take(h, i, exclusive);
	pthread_mutex_unlock(&h->v->lock);
	return is_free ? SQLITE_OK : SQLITE_BUSY;
}

static void io_shm_barrier(sqlite3_file *file)
{
	struct handle *h = handle_of(file);

	pthread_mutex_lock(&h->v->lock);
	pthread_mutex_unlock(&h->v->lock);
}

static int io_shm_unmap(sqlite3_file *file, int remove)
{
	struct handle *h = handle_of(file);

	pthread_mutex_lock(&h->v->lock);
	for (int i = 0; i < SQLITE_SHM_NLOCK && h->has_shm; i++)
		shm_release(h, i);
	if (h->has_shm && --h->file->shm_opens == 0)
		for (int i = 0; i < SHM_REGIONS_MAX; i++) {
			free(h->file->shm[i]);
			h->file->shm[i] = NULL;
		}
	h->has_shm = false;
	pthread_mutex_unlock(&h->v->lock);
	return SQLITE_OK;
}

static const sqlite3_io_methods io_methods = {
	.iVersion = 2,
	.xClose = io_close,
	.xRead = io_read,
	.xWrite = io_write,
	.xTruncate = io_truncate,
	.xSync = io_sync,
	.xFileSize = io_size,
	.xLock = io_lock,
	.xUnlock = io_unlock,
	.xCheckReservedLock = io_check_reserved,
	.xFileControl = io_control,
	.xSectorSize = io_sector_size,
	.xDeviceCharacteristics = io_characteristics,
	.xShmMap = io_shm_map,
	.xShmLock = io_shm_lock,
	.xShmBarrier = io_shm_barrier,
	.xShmUnmap = io_shm_unmap,
};

/* --- sqlite3_vfs --- */

static struct faultyvfs *disk_of(sqlite3_vfs *vfs)
{
	return (struct faultyvfs *)vfs;
}

static int vfs_open(sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *out, int flags, int *out_flags)
{
	struct faultyvfs *v = disk_of(vfs);
	struct handle *h = handle_of(out);
	struct disk_file *f;
	int rc = guard(v, FAULTYVFS_OPEN, SQLITE_CANTOPEN);

	h->base.pMethods = NULL;
	if (rc != SQLITE_OK || (path && strlen(path) >= PATH_MAX_BYTES))
		return rc != SQLITE_OK ? rc : SQLITE_CANTOPEN;
	pthread_mutex_lock(&v->lock);
	f = path ? find_file(v, path) : NULL;
	if (!f && (flags & SQLITE_OPEN_CREATE))
		f = create_file(v, path);
	if (f) {
		f->opens++;
		*h = (struct handle){ .base.pMethods = &io_methods, .v = v, .file = f };
	}
	pthread_mutex_unlock(&v->lock);
	if (out_flags)
		*out_flags = flags;
	return f ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_dir)
{
	struct faultyvfs *v = disk_of(vfs);
	struct disk_file *f;
	int rc = guard(v, FAULTYVFS_DELETE, SQLITE_IOERR_DELETE);

	if (rc != SQLITE_OK)
		return rc;
	pthread_mutex_lock(&v->lock);
	f = find_file(v, path);
	if (f) {
		f->is_deleted = true;
		if (f->opens == 0)
			file_free(v, f);
	}
	pthread_mutex_unlock(&v->lock);
	return f ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
	struct faultyvfs *v = disk_of(vfs);
	const struct disk_file *f;

	pthread_mutex_lock(&v->lock);
	f = find_file(v, path);
	*out = f && (flags != SQLITE_ACCESS_EXISTS || f->now.len > 0);
	pthread_mutex_unlock(&v->lock);
	return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int size, char *out)
{
	size_t len = strlen(path);

	if (len >= (size_t)size)
		return SQLITE_CANTOPEN;
	memcpy(out, path, len + 1);
	return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *out)
{
	struct faultyvfs *v = disk_of(vfs);

	pthread_mutex_lock(&v->lock);
	for (int i = 0; i < size; i++)
		out[i] = (char)rng_next(&v->rng);
	pthread_mutex_unlock(&v->lock);
	return size;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
	return disk_of(vfs)->system->xSleep(disk_of(vfs)->system, microseconds);
}

static int vfs_time(sqlite3_vfs *vfs, double *out)
{
	return disk_of(vfs)->system->xCurrentTime(disk_of(vfs)->system, out);
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *out)
{
	return 0;
}

struct faultyvfs *faultyvfs_new(const char *name, uint64_t seed)
{
	struct faultyvfs *v = calloc(1, sizeof(*v));
	size_t len = strlen(name);

	if (!v || len >= sizeof(v->name)) {
		free(v);
		return NULL;
	}
	memcpy(v->name, name, len + 1);
	v->system = sqlite3_vfs_find(NULL);
	if (!v->system && sqlite3_initialize() == SQLITE_OK)
		v->system = sqlite3_vfs_find(NULL);
	v->space = UINT64_MAX;
	rng_seed(&v->rng, seed);
	list_init(&v->files);
	(void)pthread_mutex_init(&v->lock, NULL);
	v->vfs = (sqlite3_vfs){
		.iVersion = 1,
		.szOsFile = sizeof(struct handle),
		.mxPathname = PATH_MAX_BYTES,
		.zName = v->name,
		.xOpen = vfs_open,
		.xDelete = vfs_delete,
		.xAccess = vfs_access,
		.xFullPathname = vfs_full_path,
		.xRandomness = vfs_randomness,
		.xSleep = vfs_sleep,
		.xCurrentTime = vfs_time,
		.xGetLastError = vfs_last_error,
	};
	if (!v->system || sqlite3_vfs_register(&v->vfs, 0) != SQLITE_OK) {
		free(v);
		return NULL;
	}
	return v;
}

void faultyvfs_free(struct faultyvfs *v)
{
	if (!v)
		return;
	(void)sqlite3_vfs_unregister(&v->vfs);
	list_for_each(&v->files, node) {
		struct disk_file *f = container_of(node, struct disk_file, node);

		assert_always(f->opens == 0);
		file_free(v, f);
	}
	(void)pthread_mutex_destroy(&v->lock);
	free(v);
}

void faultyvfs_arm(struct faultyvfs *v, enum faultyvfs_fault fault, unsigned ops, uint64_t nth)
{
	pthread_mutex_lock(&v->lock);
	v->fault = fault;
	v->fault_ops = ops;
	v->fault_in = nth;
	v->has_struck = false;
	pthread_mutex_unlock(&v->lock);
}

bool faultyvfs_disarm(struct faultyvfs *v)
{
	bool has_struck;

	pthread_mutex_lock(&v->lock);
	v->fault = FAULTYVFS_NONE;
	has_struck = v->has_struck;
	v->has_struck = false;
	pthread_mutex_unlock(&v->lock);
	return has_struck;
}

uint64_t faultyvfs_count(struct faultyvfs *v, unsigned ops)
{
	uint64_t sum = 0;

	pthread_mutex_lock(&v->lock);
	for (int i = 0; i < 6; i++)
		if (ops & (1u << i))
			sum += v->counts[i];
	pthread_mutex_unlock(&v->lock);
	return sum;
}

void faultyvfs_cut(struct faultyvfs *v)
{
	pthread_mutex_lock(&v->lock);
	v->is_off = true;
	pthread_mutex_unlock(&v->lock);
}

/* Whole, in part or not at all. */
static bool survive(struct faultyvfs *v, struct disk_file *f, const struct pending *p)
{
	uint64_t fate = rng_below(&v->rng, 5);
	size_t sectors = p->len / SECTOR + 1;

	if (fate < 2)
		return true;
	if (p->is_truncate)
		return bytes_resize(&f->now, p->offset);
	if (fate < 4)
		return bytes_write(&f->now, p->data, p->len, p->offset);
	sectors = (size_t)rng_below(&v->rng, sectors);
	return bytes_write(&f->now, p->data, sectors * SECTOR, p->offset);
}

static void revert(struct faultyvfs *v, struct disk_file *f)
{
	assert_always(f->opens == 0 && bytes_copy(&f->now, &f->durable));
	list_for_each(&f->pending, node)
		assert_always(survive(v, f, container_of(node, struct pending, node)));
	assert_always(sync_file(f));
}

void faultyvfs_power_on(struct faultyvfs *v)
{
	pthread_mutex_lock(&v->lock);
	list_for_each(&v->files, node) {
		struct disk_file *f = container_of(node, struct disk_file, node);

		if (!f->is_durable && rng_below(&v->rng, 2) == 0)
			file_free(v, f);
		else
			revert(v, f);
	}
	v->is_off = false;
	v->fault = FAULTYVFS_NONE;
	pthread_mutex_unlock(&v->lock);
}

void faultyvfs_set_space(struct faultyvfs *v, uint64_t bytes)
{
	pthread_mutex_lock(&v->lock);
	v->space = bytes;
	pthread_mutex_unlock(&v->lock);
}

uint64_t faultyvfs_used(struct faultyvfs *v)
{
	uint64_t sum;

	pthread_mutex_lock(&v->lock);
	sum = used(v);
	pthread_mutex_unlock(&v->lock);
	return sum;
}

bool faultyvfs_flip(struct faultyvfs *v, const char *path, uint64_t offset, unsigned char mask)
{
	struct disk_file *f;
	bool is_there;

	pthread_mutex_lock(&v->lock);
	f = find_file(v, path);
	is_there = f && offset < f->now.len;
	if (is_there)
		f->now.data[offset] ^= mask;
	if (is_there && offset < f->durable.len)
		f->durable.data[offset] ^= mask;
	pthread_mutex_unlock(&v->lock);
	return is_there;
}

uint64_t faultyvfs_size(struct faultyvfs *v, const char *path)
{
	const struct disk_file *f;
	uint64_t size;

	pthread_mutex_lock(&v->lock);
	f = find_file(v, path);
	size = f ? f->now.len : 0;
	pthread_mutex_unlock(&v->lock);
	return size;
}
