/* The files around the store: lock, ballast, the mark of damage, the snapshot and the way back to it. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/random.h"
#include "cache/sqlite.h"

#define BACKUP_STEP_PAGES 256
#define BALLAST_CHUNK 65536
#define PATH_MAX_BYTES 4096u

/* path + suffix, freed with free(); NULL without memory. */
static char *beside(const char *path, const char *suffix)
{
	struct buf text;

	buf_init(&text, PATH_MAX_BYTES);
	(void)buf_addf(&text, "%s%s", path, suffix);
	(void)buf_add_char(&text, '\0');
	return buf_take(&text, NULL);
}

/* --- one process at a time --- */

int sqlite_lock(struct sqlite_engine *e, struct err *err)
{
	char *path;
	int code = 0;

	e->lock_fd = -1;
	if (e->vfs)
		return 0; /* not on the system's disk */
	path = beside(e->path, ".lock");
	if (!path)
		return err_set(err, -ENOMEM, "out of memory");
	e->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (e->lock_fd < 0)
		code = err_set(err, -errno, "%s: %s", path, strerror(errno));
	else if (flock(e->lock_fd, LOCK_EX | LOCK_NB) < 0)
		code = err_set(err, errno == EWOULDBLOCK ? -EBUSY : -errno, "%s is open in another process",
			       e->path);
	free(path);
	return code;
}

void sqlite_unlock(struct sqlite_engine *e)
{
	if (e->lock_fd >= 0)
		(void)close(e->lock_fd);
	e->lock_fd = -1;
}

void sqlite_mark_damaged(struct sqlite_engine *e)
{
	char *path;
	int fd;

	if (e->vfs || atomic_exchange(&e->is_marked, true))
		return;
	path = beside(e->path, ".check");
	fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (fd >= 0) {
		(void)fsync(fd); /* best effort: without the mark the damage is only found again later */
		(void)close(fd);
	}
	free(path);
}

/* --- ballast: through the VFS, since that is where the disk fills up --- */

static int fill(sqlite3_file *file, size_t bytes)
{
	unsigned char chunk[BALLAST_CHUNK];
	struct rng rng;
	int rc = SQLITE_OK;

	rng_seed(&rng, bytes); /* noise: zeros would take no room on a file system that compresses */
	for (size_t at = 0; at < bytes && rc == SQLITE_OK; at += sizeof(chunk)) {
		size_t len = bytes - at < sizeof(chunk) ? bytes - at : sizeof(chunk);

		for (size_t i = 0; i + 8 <= sizeof(chunk); i += 8) {
			uint64_t n = rng_next(&rng);

			memcpy(chunk + i, &n, 8);
		}
		rc = file->pMethods->xWrite(file, chunk, (int)len, (sqlite3_int64)at);
	}
	return rc == SQLITE_OK ? file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) : rc;
}

static int write_ballast(struct sqlite_engine *e, sqlite3_vfs *vfs, const char *path)
{
	sqlite3_file *file = calloc(1, (size_t)vfs->szOsFile);
	sqlite3_int64 size = 0;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_TEMP_DB;
	int rc;

	if (!file)
		return SQLITE_NOMEM;
	rc = vfs->xOpen(vfs, path, file, flags, NULL);
	if (rc == SQLITE_OK)
		rc = file->pMethods->xFileSize(file, &size);
	if (rc == SQLITE_OK && (uint64_t)size < e->ballast_bytes)
		rc = fill(file, e->ballast_bytes);
	if (file->pMethods)
		(void)file->pMethods->xClose(file);
	free(file);
	return rc;
}

bool sqlite_relieve(struct engine *engine)
{
	struct sqlite_engine *e = sqlite_of(engine);
	sqlite3_vfs *vfs = sqlite3_vfs_find(e->vfs);
	char *path = e->has_ballast ? beside(e->path, ".ballast") : NULL;
	bool is_freed = path && vfs && vfs->xDelete(vfs, path, 0) == SQLITE_OK;

	e->has_ballast = e->has_ballast && !is_freed;
	free(path);
	return is_freed;
}

int sqlite_replenish(struct engine *engine)
{
	struct sqlite_engine *e = sqlite_of(engine);
	sqlite3_vfs *vfs = sqlite3_vfs_find(e->vfs);
	char *path;
	int rc;

	if (e->ballast_bytes == 0)
		return 0;
	path = vfs ? beside(e->path, ".ballast") : NULL;
	if (!path)
		return -ENOMEM;
	rc = write_ballast(e, vfs, path);
	if (rc != SQLITE_OK)
		(void)vfs->xDelete(vfs, path, 0); /* half a ballast only takes room away */
	free(path);
	e->has_ballast = rc == SQLITE_OK;
	return rc == SQLITE_OK ? 0 : rc == SQLITE_NOMEM ? -ENOMEM : -ENOSPC;
}

/* --- copies --- */

int sqlite_check_whole(struct db *db)
{
	struct query q;
	sqlite3_stmt *stmt = NULL;
	int code = db_errno(db, sqlite3_prepare_v2(db->handle, "PRAGMA quick_check(1)", -1, &stmt, NULL));

	if (code == 0)
		code = sqlite3_step(stmt) == SQLITE_ROW &&
				       strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0
			       ? 0
			       : -EBADMSG;
	sqlite3_finalize(stmt);
	if (code < 0)
		return code;
	q = query_start(db, STMT_list_all);
	while ((code = query_next(&q)) > 0) {
		struct row row = row_read(&q, 4);

		if (row_check(&row) < 0) {
			code = -EBADMSG;
			break;
		}
	}
	query_end(&q);
	return code;
}

static int copy_pages(struct db *from, struct db *to)
{
	sqlite3_backup *backup = sqlite3_backup_init(to->handle, "main", from->handle, "main");
	int rc = SQLITE_OK;

	if (!backup)
		return db_errno(to, sqlite3_errcode(to->handle));
	while (rc == SQLITE_OK)
		rc = sqlite3_backup_step(backup, BACKUP_STEP_PAGES);
	(void)sqlite3_backup_finish(backup);
	return rc == SQLITE_DONE ? 0 : db_errno(to, rc);
}

static void remove_database(const char *path)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char *file = beside(path, suffixes[i]);

		if (file)
			(void)unlink(file);
		free(file);
	}
}

static int copy_checked(struct sqlite_engine *e, const char *from_path, const char *to_path)
{
	struct db_options options = { .path = from_path,
				      .mode = DB_READ,
				      .page_cache_bytes = e->page_cache_bytes };
	struct db from, to;
	int code = db_open(&from, &options, NULL);

	if (code < 0)
		return code;
	options.path = to_path;
	options.mode = DB_CREATE;
	code = db_open(&to, &options, NULL);
	if (code == 0)
		code = db_begin_read(&from); /* one state, whatever is written meanwhile */
	if (code == 0) {
		code = copy_pages(&from, &to);
		db_end_read(&from);
	}
	if (code == 0)
		code = sqlite_check_whole(&to);
	db_close(&to);
	db_close(&from);
	return code;
}

static int sync_directory(const char *path)
{
	char *copy = strdup(path);
	int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int code = fd < 0 ? -errno : fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		(void)close(fd);
	free(copy);
	return code;
}

/* A checked copy of the store at `from` takes the name `to`, or nothing has happened. */
static int install_copy(struct sqlite_engine *e, const char *from, const char *to)
{
	char *temporary = beside(to, ".tmp");
	int code;

	if (!temporary)
		return -ENOMEM;
	remove_database(temporary);
	code = copy_checked(e, from, temporary);
	if (code == 0 && rename(temporary, to) < 0)
		code = -errno;
	if (code == 0)
		code = sync_directory(to);
	remove_database(temporary);
	free(temporary);
	return code;
}

int sqlite_snapshot(struct engine *engine, const char *path)
{
	struct sqlite_engine *e = sqlite_of(engine);

	if (e->vfs)
		return -EOPNOTSUPP; /* a copy takes its name by rename(2), on the system's disk */
	return install_copy(e, e->path, path);
}

/* --- after a sealing --- */

static bool is_there(const char *path, bool *out_is_empty)
{
	struct stat st;
	bool is_file = path && stat(path, &st) == 0;

	*out_is_empty = !is_file || st.st_size == 0;
	return is_file;
}

static int shred_beside(const struct sqlite_engine *e, const char *suffix)
{
	char *path = beside(e->path, suffix);
	int code = path ? file_shred(path) : -ENOMEM;

	free(path);
	return code;
}

void sqlite_drop_damaged(struct sqlite_engine *e)
{
	if (!e->vfs)
		(void)shred_beside(e, ".damaged"); /* only for people to look at, and useless to them now */
}

#define SCHEMA_AT 60 /* user_version in the header, big end first: SQLite file format, section 1.3 */
#define SCHEMA_SEALED 2

int sqlite_drop_plain_damaged(struct sqlite_engine *e)
{
	char *path = e->vfs ? NULL : beside(e->path, ".damaged");
	uint8_t schema[4] = { 0 };
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1, code = 0;

	if (fd >= 0) {
		bool is_sealed = pread(fd, schema, sizeof(schema), SCHEMA_AT) == (ssize_t)sizeof(schema) &&
				 schema[0] == 0 && schema[1] == 0 && schema[2] == 0 &&
				 schema[3] >= SCHEMA_SEALED;

		(void)close(fd);
		code = is_sealed ? 0 : file_shred(path);
	}
	free(path);
	return code;
}

/* The new copy takes the old one's place: there is one at any time. */
static int renew_copy(struct sqlite_engine *e)
{
	char *good = beside(e->path, ".good");
	int code = good ? file_let_go(good) : -ENOMEM, ended;
	bool ignored;

	if (code == 0 && is_there(good, &ignored)) {
		code = file_hold(good);
		if (code == 0)
			code = install_copy(e, e->path, good);
		ended = file_let_go(good);
		code = code ? code : ended;
	}
	free(good);
	return code;
}

int sqlite_wipe_copies(struct sqlite_engine *e)
{
	int code;

	if (e->vfs)
		return 0;
	code = renew_copy(e);
	return code ? code : shred_beside(e, ".damaged");
}

/* --- the way back --- */

static bool stands_check(struct sqlite_engine *e)
{
	struct db_options options = { .path = e->path,
				      .mode = DB_WRITE,
				      .page_cache_bytes = e->page_cache_bytes };
	struct db db;
	bool is_sound = db_open(&db, &options, NULL) == 0;

	is_sound = is_sound && sqlite_check_whole(&db) == 0;
	db_close(&db);
	return is_sound;
}

static int give_up_file(struct sqlite_engine *e)
{
	char *damaged = beside(e->path, ".damaged");
	int code = damaged ? 0 : -ENOMEM;

	if (code == 0 && rename(e->path, damaged) < 0 && errno != ENOENT)
		code = -errno;
	if (code == 0)
		remove_database(e->path); /* its log must not be played into the copy */
	free(damaged);
	return code;
}

static int restore(struct sqlite_engine *e, const char *good, struct err *err)
{
	int code = give_up_file(e);

	if (code == 0)
		code = install_copy(e, good, e->path);
	if (code < 0)
		return err_set(err, code, "%s is damaged, and its snapshot %s cannot be used", e->path, good);
	return 0;
}

int sqlite_recover(struct sqlite_engine *e, bool is_damaged, bool *out_recovered, struct err *err)
{
	char *good = beside(e->path, ".good"), *mark = beside(e->path, ".check");
	bool has_good, has_mark, is_empty, ignored;
	int code = 0;

	*out_recovered = false;
	if (!e->vfs && good && mark) {
		has_good = is_there(good, &ignored);
		has_mark = is_there(mark, &ignored);
		(void)is_there(e->path, &is_empty);
		is_damaged =
			is_damaged || (has_good && is_empty) || (has_mark && !is_empty && !stands_check(e));
		if (is_damaged && has_good) {
			code = restore(e, good, err);
			*out_recovered = code == 0;
		} else if (is_damaged) {
			code = err_set(err, -EBADMSG, "%s is damaged, and there is no snapshot %s", e->path,
				       good);
		}
		if (code == 0 && has_mark)
			(void)unlink(mark);
	}
	free(good);
	free(mark);
	return code;
}
