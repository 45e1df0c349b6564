/* db: one SQLite connection: pragmas, named statements, and codes turned into errno.
 *
 * Only the sqlite_*.c files see this. One thread at a time; a connection is not shared. */
#ifndef HOLDFAST_CACHE_SQLITE_DB_H
#define HOLDFAST_CACHE_SQLITE_DB_H

#include <sqlite3.h>

#include "cache/seal.h"

/* Every statement of cache/sql/read.sql and write.sql, by its name there. */
/* clang-format off */
#define DB_STATEMENTS(X) \
	X(begin_read) X(newest) X(version) X(version_head) X(object) X(list) X(list_ns) X(list_field) \
	X(list_field_ns) X(list_all) X(verify) X(keys) X(keys_ns) X(count) X(count_ns) X(mark) X(marks) \
	X(feed) X(epoch) X(quarantined) X(begin_write) X(commit) X(rollback) X(savepoint) X(release) \
	X(rollback_to) X(version_add) X(version_drop) X(versions_drop_key) X(object_put) X(object_drop) \
	X(field_add) X(field_drop) X(fields_drop_key) X(mark_put) X(mark_drop) X(feed_put) \
	X(quarantine_add) X(quarantine_drop) X(log_heads) X(meta) X(meta_put) X(settle) X(objects_count) \
	X(log_end) X(epoch_add) X(epochs_prune) \
	X(version_reseal) X(version_next_of) X(mark_next) X(proof) X(proof_put) X(epoch_newest) X(versions_drop_old) X(objects_drop_dead)

enum statement {
#define X(name) STMT_##name,
	DB_STATEMENTS(X)
#undef X
	STATEMENT_COUNT
};
/* clang-format on */

struct db {
	sqlite3 *handle;
	sqlite3_stmt *statements[STATEMENT_COUNT]; /* prepared on first use */
	unsigned read_depth;			   /* nested db_begin_read */
	bool is_corrupt;			   /* a page, not only a row, was found damaged */
	bool wants_rollback; /* one failed, for want of memory: the transaction is open still, and would show its old state to whoever reads next */
	const struct cache_seal *seal; /* of its rows and marks; NULL: none */
};

#define DB_BUSY_TIMEOUT_MS 2000

enum db_mode { DB_CREATE, DB_WRITE, DB_READ };

struct db_options {
	const char *path, *vfs;
#define DB_BUSY_TIMEOUT_MS 2000

	enum db_mode mode;
	size_t page_cache_bytes;
	const struct cache_seal *seal;
};

int db_open(struct db *db, const struct db_options *options, struct err *err) must_check;
void db_close(struct db *db);
int db_exec(struct db *db, const char *sql) must_check; /* fixed text only */
int db_pragma_int(struct db *db, const char *sql, int64_t *out) must_check;
/* The errno for what just failed on this connection. */
int db_errno(struct db *db, int rc) must_check;

/* A read transaction; nested ones share the outermost's snapshot. */
int db_begin_read(struct db *db) must_check;
void db_end_read(struct db *db);
void db_rollback(struct db *db); /* whatever is open; nothing is fine */

/* One use of a statement. Bindings must outlive it. A failure sticks, so that a run of binds needs one
 * check at the step. */
struct query {
	struct db *db;
	sqlite3_stmt *stmt;
	bool is_own; /* the cached one was busy further up the stack */
	int code;
};
struct query query_start(struct db *db, enum statement which);
void query_int(struct query *q, int pos, int64_t value);
void query_text(struct query *q, int pos, const char *text); /* NULL binds NULL */
void query_text_span(struct query *q, int pos, struct span text);
void query_blob(struct query *q, int pos, struct span bytes);
int query_next(struct query *q) must_check; /* 1: a row; 0: done; negative errno */
void query_end(struct query *q);
int query_run(struct query *q) must_check; /* for statements without rows: steps and ends */
/* For one number from one row: steps and ends. -ENOENT when there is no row. */
int query_one_int(struct query *q, int64_t *out) must_check;

int64_t query_col_int(const struct query *q, int col);
struct span query_col_span(const struct query *q, int col); /* text or blob; valid until the next step */

#endif
