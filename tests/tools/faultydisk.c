#include "tests/tools/faultydisk.h"

#include <stdlib.h>
#include <string.h>

/* A write (or, without data, a truncation) since the last sync. */
struct pending {
	struct list_node node;
	bool is_truncate;
	size_t offset, len;
	unsigned char data[];
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

void faultydisk_drop(struct faultyvfs *v, struct disk_file *f)
{
	list_remove(&v->files, &f->node);
	drop_pending(f);
	for (int i = 0; i < FAULTYDISK_SHM_MAX; i++)
		free(f->shm[i]);
	free(f->now.data);
	free(f->durable.data);
	free(f);
}

struct disk_file *faultydisk_find(struct faultyvfs *v, const char *path)
{
	list_for_each(&v->files, node) {
		struct disk_file *f = container_of(node, struct disk_file, node);

		if (!f->is_deleted && strcmp(f->path, path) == 0)
			return f;
	}
	return NULL;
}

struct disk_file *faultydisk_create(struct faultyvfs *v, const char *path)
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

enum faultyvfs_fault faultydisk_strike(struct faultyvfs *v, enum faultyvfs_op op)
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

static int fault_code(enum faultyvfs_fault fault)
{
	return fault == FAULTYVFS_NONE	      ? SQLITE_OK
	       : fault == FAULTYVFS_FULL_ONCE ? SQLITE_FULL
					      : SQLITE_IOERR_WRITE;
}

int faultydisk_write(struct faultyvfs *v, struct disk_file *f, const void *data, size_t len, size_t offset)
{
	enum faultyvfs_fault fault = faultydisk_strike(v, FAULTYVFS_WRITE);

	if (fault == FAULTYVFS_TEAR)
		len = (size_t)rng_below(&v->rng, len / FAULTYDISK_SECTOR + 1) * FAULTYDISK_SECTOR;
	else if (fault != FAULTYVFS_NONE)
		return fault_code(fault);
	if (offset + len > f->now.len && used(v) + (offset + len - f->now.len) > v->space)
		return SQLITE_FULL;
	if (!note_pending(f, data, len, offset, false) || !bytes_write(&f->now, data, len, offset))
		return SQLITE_IOERR_NOMEM;
	return fault_code(fault);
}

int faultydisk_truncate(struct disk_file *f, size_t size)
{
	return note_pending(f, NULL, 0, size, true) && bytes_resize(&f->now, size) ? SQLITE_OK
										   : SQLITE_IOERR_NOMEM;
}

int faultydisk_sync(struct disk_file *f)
{
	return sync_file(f) ? SQLITE_OK : SQLITE_IOERR_NOMEM;
}

/* --- what tests do to a disk --- */

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
	for (int i = 0; i < FAULTYDISK_OPS; i++)
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
	size_t sectors;

	if (fate < 2)
		return true;
	if (p->is_truncate)
		return bytes_resize(&f->now, p->offset);
	if (fate < 4)
		return bytes_write(&f->now, p->data, p->len, p->offset);
	sectors = (size_t)rng_below(&v->rng, p->len / FAULTYDISK_SECTOR + 1);
	return bytes_write(&f->now, p->data, sectors * FAULTYDISK_SECTOR, p->offset);
}

/* One time in three all of a file's unsynced writes had reached the platter, one time in three none, else it
 * is decided for each. */
static void lose_power(struct faultyvfs *v, struct disk_file *f)
{
	uint64_t luck = rng_below(&v->rng, 3);

	assert_always(f->opens == 0);
	if (luck > 0)
		assert_always(bytes_copy(&f->now, &f->durable));
	list_for_each(&f->pending, node)
		if (luck > 1)
			assert_always(survive(v, f, container_of(node, struct pending, node)));
	assert_always(sync_file(f));
}

void faultyvfs_power_on(struct faultyvfs *v)
{
	pthread_mutex_lock(&v->lock);
	list_for_each(&v->files, node) {
		struct disk_file *f = container_of(node, struct disk_file, node);

		if (!f->is_durable && rng_below(&v->rng, 2) == 0)
			faultydisk_drop(v, f);
		else
			lose_power(v, f);
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
	f = faultydisk_find(v, path);
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
	f = faultydisk_find(v, path);
	size = f ? f->now.len : 0;
	pthread_mutex_unlock(&v->lock);
	return size;
}
