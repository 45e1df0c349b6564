/* A copy of a store, with the store's own schema and checks, on a connection of its own. */
#include "cache/copy.h"

#include <errno.h>

#include "base/random.h"
#include "cache/sqlite.h"

static int open_copy(const char *path, struct db *db, struct err *err)
{
	struct db_options options = {
		.path = path,
		.mode = DB_WRITE, /* made by copying pages: the index of its log has to be written */
		.page_cache_bytes = SQLITE_ENGINE_PAGE_CACHE
	};
	int64_t version = 0;
	int code = db_open(db, &options, err);

	if (code == 0)
		code = sqlite_identify(db, path, &version, err);
	if (code == 0 && version == 0)
		code = err_set(err, -EBADMSG, "%s is empty", path);
	return code;
}

static int one_int(struct db *db, enum statement which, uint64_t *out)
{
	struct query q = query_start(db, which);
	int64_t value = 0;
	int code = query_one_int(&q, &value);

	*out = (uint64_t)value;
	return code;
}

static int read_epoch(struct db *db, uint8_t out[CACHE_EPOCH_SIZE])
{
	struct query q = query_start(db, STMT_epoch_newest);
	int code = query_next(&q);
	struct span id = code > 0 ? query_col_span(&q, 0) : span_make("", 0);

	if (code > 0 && id.len == CACHE_EPOCH_SIZE)
		memcpy(out, id.ptr, CACHE_EPOCH_SIZE);
	else if (code >= 0)
		code = -EBADMSG;
	query_end(&q);
	return code < 0 ? code : 0;
}

static int read_facts(struct db *db, struct cache_copy *out)
{
	int code = one_int(db, STMT_newest, &out->revision);

	if (code == 0)
		code = one_int(db, STMT_objects_count, &out->objects);
	return code ? code : read_epoch(db, out->epoch);
}

static int explain(struct db *db, const char *path, int code, struct err *err)
{
	if (code == -EBADMSG)
		return err_set(err, code, "%s is damaged", path);
	return code ? err_set(err, code, "%s: %s", path,
			      db->handle ? sqlite3_errmsg(db->handle) : "out of memory")
		    : 0;
}

int cache_copy_check(const char *path, struct cache_copy *out, struct err *err)
{
	struct db db;
	int code = open_copy(path, &db, err);

	if (code == 0)
		code = explain(&db, path, sqlite_check_whole(&db), err);
	if (code == 0)
		code = explain(&db, path, read_facts(&db, out), err);
	db_close(&db);
	return code;
}

/* --- a new branch --- */

static int run(struct db *db, enum statement which)
{
	struct query q = query_start(db, which);

	return query_run(&q);
}

/* An opening that nobody had: it takes what the jump leaves out, so that what came before ends where the copy does. */
static int end_epochs(struct db *db, uint64_t revision)
{
	uint8_t nobody[CACHE_EPOCH_SIZE];
	struct query q = query_start(db, STMT_epoch_add);

	random_bytes(nobody, sizeof(nobody));
	query_blob(&q, 1, span_make(nobody, sizeof(nobody)));
	query_int(&q, 2, (int64_t)revision + 1);
	return query_run(&q);
}

static int branch(struct db *db, uint64_t *out_revision)
{
	uint64_t revision = 0, log_end = 0, compacted = 0;
	int code = run(db, STMT_begin_write);

	if (code == 0)
		code = one_int(db, STMT_newest, &revision);
	if (code == 0) {
		code = one_int(db, STMT_log_end, &log_end);
		code = code == -ENOENT ? 0 : code;
	}
	if (code == 0)
		code = sqlite_read_meta(db, "compacted_offset", &compacted);
	if (code == 0)
		code = end_epochs(db, revision);
	if (code == 0)
		code = run(db, STMT_versions_drop_old);
	if (code == 0)
		code = run(db, STMT_objects_drop_dead);
	if (code == 0)
		code = sqlite_write_meta(db, "compacted", revision + CACHE_COPY_JUMP);
	if (code == 0)
		code = sqlite_write_meta(db, "compacted_offset", log_end > compacted ? log_end : compacted);
	if (code == 0)
		code = run(db, STMT_commit);
	db_rollback(db);
	*out_revision = revision + CACHE_COPY_JUMP;
	return code;
}

int cache_copy_branch(const char *path, uint64_t *out_revision, struct err *err)
{
	struct db db;
	int code = open_copy(path, &db, err);

	if (code == 0)
		code = explain(&db, path, branch(&db, out_revision), err);
	db_close(&db); /* the last connection: copies its log into the file */
	return code;
}
