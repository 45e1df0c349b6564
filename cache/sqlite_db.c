#include "cache/sqlite_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/sql.h"

#define LOOKASIDE_SLOT_BYTES 512
#define LOOKASIDE_SLOTS 32

static const char *const statement_names[STATEMENT_COUNT] = {
#define X(name) [STMT_##name] = #name,
	DB_STATEMENTS(X)
#undef X
};

static int io_errno(const struct db *db, int extended)
{
	int os = sqlite3_system_errno(db->handle);

	switch (extended) {
	case SQLITE_IOERR_NOMEM: return -ENOMEM;
	case SQLITE_IOERR_CORRUPTFS: return -EBADMSG;
	default: return os == ENOSPC || os == EDQUOT ? -ENOSPC : -EIO;
	}
}

int db_errno(struct db *db, int rc)
{
	static const struct {
		int rc, code;
	} codes[] = {
		{ SQLITE_OK, 0 },
		{ SQLITE_ROW, 0 },
		{ SQLITE_DONE, 0 },
		{ SQLITE_NOMEM, -ENOMEM },
		{ SQLITE_FULL, -ENOSPC },
		{ SQLITE_CORRUPT, -EBADMSG },
		{ SQLITE_NOTADB, -EBADMSG },
		{ SQLITE_BUSY, -EBUSY },
		{ SQLITE_LOCKED, -EBUSY },
		{ SQLITE_READONLY, -EROFS },
		{ SQLITE_PERM, -EACCES },
		{ SQLITE_AUTH, -EACCES },
		{ SQLITE_TOOBIG, -EMSGSIZE },
		/* What a constraint forbids was excluded before, so the file contradicts itself. */
		{ SQLITE_CONSTRAINT, -EBADMSG },
	};
	int os;

	if ((rc & 0xff) == SQLITE_IOERR)
		return io_errno(db, db->handle ? sqlite3_extended_errcode(db->handle) : rc);
	if ((rc & 0xff) == SQLITE_CANTOPEN) {
		os = db->handle ? sqlite3_system_errno(db->handle) : 0;
		return os ? -os : -EIO;
	}
	if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB)
		db->is_corrupt = true;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].rc == (rc & 0xff))
			return codes[i].code;
	return -EIO;
}

int db_exec(struct db *db, const char *sql)
{
	return db_errno(db, sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

int db_pragma_int(struct db *db, const char *sql, int64_t *out)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db->handle, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int64(stmt, 0);
	rc = rc == SQLITE_ROW ? 0 : db_errno(db, rc == SQLITE_DONE ? SQLITE_ERROR : rc);
	sqlite3_finalize(stmt);
	return rc;
}

static int configure(struct db *db, const struct db_options *options)
{
	static const char *const common = "PRAGMA trusted_schema=OFF;"
					  "PRAGMA mmap_size=0;"
					  "PRAGMA temp_store=MEMORY;"
					  "PRAGMA cell_size_check=ON;"
					  "PRAGMA synchronous=FULL;"
					  "PRAGMA journal_size_limit=8388608;"
					  "PRAGMA secure_delete=ON;";
	char cache_size[64];
	int code;

	(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_LOOKASIDE, NULL, LOOKASIDE_SLOT_BYTES,
				LOOKASIDE_SLOTS);
	(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_extended_result_codes(db->handle, 1);
	(void)sqlite3_busy_timeout(db->handle, DB_BUSY_TIMEOUT_MS);
	code = db_exec(db, common);
	if (code < 0)
		return code;
	(void)snprintf(cache_size, sizeof(cache_size), "PRAGMA cache_size=-%zu",
		       options->page_cache_bytes / 1024);
	return db_exec(db, cache_size);
}

/* The owner's alone, whatever the umask and the directory's mode: write-ahead log and index get the file's mode from SQLite. Never opened when
 * it is there, because closing it would end the locks of this process on it (fcntl(2)). */
static void make_private(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		(void)close(fd);
	else if (errno == EEXIST && stat(path, &st) == 0 && (st.st_mode & 077))
		(void)chmod(path, 0600); /* what fails here, opening will tell better */
}

int db_open(struct db *db, const struct db_options *options, struct err *err)
{
	static const int flags[] = {
		[DB_CREATE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
		[DB_WRITE] = SQLITE_OPEN_READWRITE,
		[DB_READ] =
			SQLITE_OPEN_READWRITE, /* a reader of a write-ahead log needs its index writable */
	};
	int rc, code;

	*db = (struct db){ .seal = options->seal };
	if (options->mode == DB_CREATE && !options->vfs)
		make_private(options->path);
	rc = sqlite3_open_v2(options->path, &db->handle, flags[options->mode] | SQLITE_OPEN_NOMUTEX,
			     options->vfs);
	code = db_errno(db, rc);
	if (code == 0)
		code = configure(db, options);
	if (code == 0 && options->mode == DB_READ)
		code = db_exec(db, "PRAGMA query_only=ON");
	if (code < 0) {
		(void)err_set(err, code, "%s: %s", options->path,
			      db->handle ? sqlite3_errmsg(db->handle) : "out of memory");
		db_close(db);
	}
	return code;
}

void db_close(struct db *db)
{
	for (int i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(db->statements[i]);
	if (db->handle && sqlite3_close(db->handle) != SQLITE_OK)
		err_bug("a statement outlived its connection", __FILE__, __LINE__);
	*db = (struct db){ 0 };
}

int db_begin_read(struct db *db)
{
	struct query q;
	int code = 0;

	if (db->read_depth == 0) {
		q = query_start(db, STMT_begin_read);
		code = query_run(&q);
	}
	if (code == 0)
		db->read_depth++;
	return code;
}

void db_end_read(struct db *db)
{
	if (--db->read_depth == 0)
		db_rollback(db);
}

void db_rollback(struct db *db)
{
	struct query q;

	db->wants_rollback = false;
	if (sqlite3_get_autocommit(db->handle))
		return; /* SQLite undoes some failed transactions itself */
	q = query_start(db, STMT_rollback);
	if (query_run(&q) < 0)
		(void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL,
				   NULL); /* no memory to prepare it, perhaps */
	db->wants_rollback = !sqlite3_get_autocommit(db->handle);
}

/* The text between the line "--@ name" and the next such line. */
static struct span find_statement(const char *texts, const char *name)
{
	char marker[48];
	const char *start, *end;
	int len = snprintf(marker, sizeof(marker), "--@ %s\n", name);

	start = strstr(texts, marker);
	if (!start)
		return span_make(NULL, 0);
	start += len;
	end = strstr(start, "--@ ");
	return span_make(start, end ? (size_t)(end - start) : strlen(start));
}

static int prepare(struct db *db, enum statement which, bool is_cached, sqlite3_stmt **out)
{
	struct span sql = find_statement(sql_read, statement_names[which]);

	if (!sql.ptr)
		sql = find_statement(sql_write, statement_names[which]);
	assert_always(sql.ptr);
	return db_errno(db, sqlite3_prepare_v3(db->handle, sql.ptr, (int)sql.len,
					       is_cached ? SQLITE_PREPARE_PERSISTENT : 0, out, NULL));
}

struct query query_start(struct db *db, enum statement which)
{
	struct query q = { .db = db };

	if (db->wants_rollback && which != STMT_rollback)
		db_rollback(db);
	if (db->wants_rollback && which != STMT_rollback) {
		q.code = -ENOMEM;
		return q;
	}
	if (!db->statements[which])
		q.code = prepare(db, which, true, &db->statements[which]);
	q.stmt = db->statements[which];
	if (q.stmt && sqlite3_stmt_busy(q.stmt)) {
		q.stmt = NULL;
		q.is_own = true;
		q.code = prepare(db, which, false, &q.stmt);
	}
	return q;
}

static void bound(struct query *q, int rc)
{
	if (q->code == 0 && rc != SQLITE_OK)
		q->code = db_errno(q->db, rc);
}

void query_int(struct query *q, int pos, int64_t value)
{
	if (q->code == 0)
		bound(q, sqlite3_bind_int64(q->stmt, pos, value));
}

void query_text_span(struct query *q, int pos, struct span text)
{
	if (q->code == 0)
		bound(q, sqlite3_bind_text64(q->stmt, pos, text.ptr ? text.ptr : "", text.len, SQLITE_STATIC,
					     SQLITE_UTF8));
}

void query_text(struct query *q, int pos, const char *text)
{
	if (text)
		query_text_span(q, pos, span_of(text));
	else if (q->code == 0)
		bound(q, sqlite3_bind_null(q->stmt, pos));
}

void query_blob(struct query *q, int pos, struct span bytes)
{
	if (q->code == 0)
		bound(q, sqlite3_bind_blob64(q->stmt, pos, bytes.ptr ? bytes.ptr : "", bytes.len,
					     SQLITE_STATIC));
}

int query_next(struct query *q)
{
	int rc;

	if (q->code < 0)
		return q->code;
	rc = sqlite3_step(q->stmt);
	if (rc == SQLITE_ROW)
		return 1;
	q->code = db_errno(q->db, rc);
	return q->code;
}

void query_end(struct query *q)
{
	if (q->is_own)
		sqlite3_finalize(q->stmt);
	else if (q->stmt)
		(void)sqlite3_reset(q->stmt); /* repeats the error of the step, already taken */
	q->stmt = NULL;
}

int query_run(struct query *q)
{
	int code = query_next(q);

	query_end(q);
	return code > 0 ? 0 : code;
}

int query_one_int(struct query *q, int64_t *out)
{
	int code = query_next(q);

	if (code > 0)
		*out = query_col_int(q, 0);
	query_end(q);
	return code > 0 ? 0 : code == 0 ? -ENOENT : code;
}

int64_t query_col_int(const struct query *q, int col)
{
	return sqlite3_column_int64(q->stmt, col);
}

struct span query_col_span(const struct query *q, int col)
{
	const void *bytes =
		sqlite3_column_blob(q->stmt, col); /* also for text: the bytes as stored, no conversion */
	int len = sqlite3_column_bytes(q->stmt, col);

	return bytes && len > 0 ? span_make(bytes, (size_t)len) : span_make("", 0);
}
