#include "tests/tools/faultydisk.h"

#include <stdlib.h>
#include <string.h>

struct handle {
	sqlite3_file base;
	struct faultyvfs *v;
	struct disk_file *file;
	int level; /* SQLITE_LOCK_* */
	bool has_shm;
	uint8_t shm_shared, shm_exclusive;
};

static int guard(struct faultyvfs *v, enum faultyvfs_op op, int io_code)
{
	enum faultyvfs_fault fault;

	pthread_mutex_lock(&v->lock);
	fault = faultydisk_strike(v, op);
	pthread_mutex_unlock(&v->lock);
	return fault == FAULTYVFS_NONE ? SQLITE_OK : fault == FAULTYVFS_FULL_ONCE ? SQLITE_FULL : io_code;
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
		faultydisk_drop(h->v, h->file);
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

static int io_write(sqlite3_file *file, const void *data, int amount, sqlite3_int64 offset)
{
	struct handle *h = handle_of(file);
	int rc;

	pthread_mutex_lock(&h->v->lock);
	rc = faultydisk_write(h->v, h->file, data, (size_t)amount, (size_t)offset);
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
	rc = faultydisk_truncate(h->file, (size_t)size);
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
	rc = faultydisk_sync(h->file);
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
	return FAULTYDISK_SECTOR;
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
	if (region >= FAULTYDISK_SHM_MAX)
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
		for (int i = 0; i < FAULTYDISK_SHM_MAX; i++) {
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
	if (rc != SQLITE_OK || (path && strlen(path) >= FAULTYDISK_PATH_MAX))
		return rc != SQLITE_OK ? rc : SQLITE_CANTOPEN;
	pthread_mutex_lock(&v->lock);
	f = path ? faultydisk_find(v, path) : NULL;
	if (!f && (flags & SQLITE_OPEN_CREATE))
		f = faultydisk_create(v, path);
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
	f = faultydisk_find(v, path);
	if (f) {
		f->is_deleted = true;
		if (f->opens == 0)
			faultydisk_drop(v, f);
	}
	pthread_mutex_unlock(&v->lock);
	return f ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
	struct faultyvfs *v = disk_of(vfs);
	const struct disk_file *f;

	pthread_mutex_lock(&v->lock);
	f = faultydisk_find(v, path);
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
		.mxPathname = FAULTYDISK_PATH_MAX,
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
		faultydisk_drop(v, f);
	}
	(void)pthread_mutex_destroy(&v->lock);
	free(v);
}
