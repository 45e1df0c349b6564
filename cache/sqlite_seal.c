/* Sealing a store that is not, at its opening; and, behind a running one, sealing anew what an older key sealed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/files.h"
#include "cache/sqlite.h"

#define RESEAL_REVISIONS 512u /* looked at in one step */

enum sealing { SEALING_NONE, SEALING_TO_WIPE, SEALING_DONE };

/* --- one row, one mark --- */

static int update_body(struct db *db, const struct row *row)
{
	struct query q = query_start(db, STMT_version_reseal);

	query_int(&q, 1, (int64_t)row->revision);
	query_int(&q, 2, (int64_t)row->checksum);
	query_blob(&q, 3, row->body);
	return query_run(&q);
}

/* A damaged row's bytes are sealed too, since they may tell the secret; its checksum goes on saying that it is damaged. */
static int replace_body(struct db *db, struct row *row, struct span body)
{
	struct row plain = *row;
	struct buf sealed;
	bool is_sound = row_check(row) == 0;
	int code;

	plain.body = body;
	code = seal_row(db->seal, &plain, &sealed);
	if (code == 0) {
		row->body = buf_span(&sealed);
		if (is_sound)
			row_seal(row);
		code = update_body(db, row);
	}
	buf_done(&sealed);
	return code;
}

/* Plain rows are sealed; those under an older key are opened and sealed anew; what cannot be opened stays: it is damaged. */
static int settle_row(struct db *db, struct row *row, bool is_plain)
{
	struct buf plain;
	int code;

	if (is_plain)
		return replace_body(db, row, row->body);
	if (db->seal->is_newest(db->seal->ctx, row->body))
		return -EALREADY;
	code = unseal_row(db->seal, row, &plain);
	if (code == 0)
		code = replace_body(db, row, buf_span(&plain));
	seal_wipe(&plain);
	return code == -EBADMSG ? -EALREADY : code;
}

struct mark_walk {
	struct db *db;
	bool is_plain, is_dirty;
};

static int put_mark(struct db *db, struct span name, struct span value)
{
	struct query q = query_start(db, STMT_mark_put);

	query_text_span(&q, 1, name);
	query_blob(&q, 2, value);
	return query_run(&q);
}

static int settle_mark(struct mark_walk *walk, struct span name, struct span value)
{
	const struct cache_seal *seal = walk->db->seal;
	struct buf plain, sealed;
	int code = 0;

	if (!walk->is_plain && seal->is_newest(seal->ctx, value))
		return 0;
	buf_init(&plain, value.len + 1);
	buf_init(&sealed, 0);
	code = walk->is_plain ? buf_add_span(&plain, value) : unseal_mark(seal, name, value, &plain);
	if (code == 0)
		code = seal_mark(seal, name, buf_span(&plain), &sealed);
	if (code == 0)
		code = put_mark(walk->db, name, buf_span(&sealed));
	walk->is_dirty |= code == 0;
	buf_done(&sealed);
	seal_wipe(&plain);
	return code == -EBADMSG ? 0 : code;
}

/* One after the other by name: the statement that reads is over when the table is changed. */
static int settle_marks_of(struct mark_walk *walk, const char *prefix)
{
	struct buf name, value;
	int code;

	buf_init(&name, CACHE_MARK_MAX);
	buf_init(&value, CACHE_MARK_MAX + SEAL_OVERHEAD_MAX);
	code = buf_add_str(&name, prefix);
	while (code == 0) {
		struct query q = query_start(walk->db, STMT_mark_next);

		query_text_span(&q, 1, buf_span(&name));
		code = query_next(&q);
		if (code > 0 && span_has_prefix(query_col_span(&q, 0), span_of(prefix))) {
			buf_reset(&name);
			buf_reset(&value);
			(void)buf_add_span(&value, query_col_span(&q, 1));
			(void)buf_add_span(&name, query_col_span(&q, 0));
			code = buf_error(&name) ? buf_error(&name) : buf_error(&value);
		} else if (code >= 0) {
			code = -ENOENT;
		}
		query_end(&q);
		if (code == 0)
			code = settle_mark(walk, buf_span(&name), buf_span(&value));
	}
	seal_wipe(&value);
	buf_done(&name);
	return code == -ENOENT ? 0 : code;
}

static int settle_marks(struct mark_walk *walk)
{
	int code = 0;

	for (const char *const *prefix = walk->db->seal->marks; code == 0 && *prefix; prefix++)
		code = settle_marks_of(walk, *prefix);
	return code;
}

/* Rows of one resource in (after, upto]. */
static int settle_rows_of(struct db *db, const char *resource, uint64_t after, uint64_t upto, bool is_plain,
			  bool *io_dirty)
{
	int code = 0;

	while (code == 0 && after < upto) {
		struct query q = query_start(db, STMT_version_next_of);
		struct row row;

		query_int(&q, 1, (int64_t)after);
		query_int(&q, 2, upto < INT64_MAX ? (int64_t)upto : INT64_MAX);
		query_text(&q, 3, resource);
		code = query_next(&q);
		if (code <= 0) {
			query_end(&q);
			return code;
		}
		row = row_read(&q, 0);
		after = row.revision;
		code = seal_covers(db->seal, &row) ? settle_row(db, &row, is_plain) : -EALREADY;
		query_end(&q);
		*io_dirty |= code == 0;
		code = code == -EALREADY ? 0 : code;
	}
	return code;
}

static int settle_rows(struct db *db, uint64_t after, uint64_t upto, bool is_plain, bool *io_dirty)
{
	int code = 0;

	for (const char *const *resource = db->seal->resources; code == 0 && *resource; resource++)
		code = settle_rows_of(db, *resource, after, upto, is_plain, io_dirty);
	return code;
}

/* --- the proof --- */

static int write_proof(struct db *db)
{
	struct query q;
	struct buf proof;
	int code;

	buf_init(&proof, 1024);
	code = seal_proof(db->seal, &proof);
	if (code == 0) {
		q = query_start(db, STMT_proof_put);
		query_blob(&q, 1, buf_span(&proof));
		code = query_run(&q);
	}
	buf_done(&proof);
	return code;
}

static int check_proof(struct db *db)
{
	struct query q = query_start(db, STMT_proof);
	int code = query_next(&q);

	if (code >= 0)
		code = code > 0 ? seal_prove(db->seal, query_col_span(&q, 0)) : -EBADMSG;
	query_end(&q);
	return code;
}

/* --- at the opening --- */

static int run(struct db *db, enum statement which)
{
	struct query q = query_start(db, which);

	return query_run(&q);
}

static int seal_all(struct db *db)
{
	struct mark_walk marks = { .db = db, .is_plain = true };
	bool is_dirty = false;
	int code = run(db, STMT_begin_write);

	if (code == 0)
		code = settle_rows(db, 0, INT64_MAX, true, &is_dirty);
	if (code == 0)
		code = settle_marks(&marks);
	if (code == 0)
		code = write_proof(db);
	if (code == 0)
		code = sqlite_write_meta(db, "sealing",
					 is_dirty || marks.is_dirty ? SEALING_TO_WIPE : SEALING_DONE);
	if (code == 0)
		code = run(db, STMT_commit);
	db_rollback(db);
	return code;
}

/* The plain bytes that the file, its log and its copies still hold. Everything is written anew, in memory until it gets
 * into the write-ahead log, and sealed by now. */
static int wipe(struct sqlite_engine *e)
{
	int code = db_exec(&e->writer, "VACUUM");
	int rc;

	if (code == 0) {
		rc = sqlite3_wal_checkpoint_v2(e->writer.handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
					       NULL);
		code = db_errno(&e->writer, rc);
	}
	if (code == 0)
		code = sqlite_wipe_copies(e);
	return code ? code : sqlite_write_meta(&e->writer, "sealing", SEALING_DONE);
}

int sqlite_open_sealed(struct sqlite_engine *e, struct err *err)
{
	struct db *db = &e->writer;
	uint64_t state = 0;
	int code = sqlite_read_meta(db, "sealing", &state);

	if (code == 0 && !db->seal)
		return state == SEALING_NONE
			       ? 0
			       : err_set(err, -ENOKEY, "%s is sealed, and no key was given", e->path);
	if (code == 0 && state != SEALING_NONE) {
		code = check_proof(db);
		if (code == -ENOKEY)
			return err_set(
				err, code,
				"%s was sealed with keys that this data directory's vault does not hold: "
				"bring back the vault directory and the key file it was used with",
				e->path);
	}
	if (code == 0 && state == SEALING_NONE) {
		code = sqlite_drop_plain_damaged(e); /* this may be the empty store that took its place */
		if (code == 0)
			code = seal_all(db);
		if (code == 0)
			code = sqlite_read_meta(db, "sealing", &state);
	}
	if (code == 0 && state == SEALING_TO_WIPE)
		code = wipe(e);
	return code ? err_set(err, code, "%s: sealing its secrets: %s", e->path, strerror(-code)) : 0;
}

/* --- behind a running store --- */

/* The first revision after `after`; 0: there is none. */
static int first_after(struct db *db, uint64_t after, uint64_t *out)
{
	struct query q = query_start(db, STMT_log_heads);
	int code;

	query_int(&q, 1, (int64_t)after);
	query_int(&q, 2, 1);
	code = query_next(&q);
	*out = code > 0 ? (uint64_t)query_col_int(&q, 0) : 0;
	query_end(&q);
	return code < 0 ? code : 0;
}

static int reseal_start(struct sqlite_group *g, struct db *db)
{
	struct mark_walk marks = { .db = db };
	int code = settle_marks(&marks);

	if (code == 0)
		code = write_proof(db);
	g->is_dirty = true;
	return code;
}

int sqlite_reseal(struct sqlite_group *g, uint64_t after, uint64_t *out_reached)
{
	struct db *db = &g->e->writer;
	uint64_t first = 0, upto;
	bool is_dirty = false;
	int code = 0;

	*out_reached = 0;
	if (!db->seal)
		return 0;
	if (after == 0)
		code = reseal_start(g, db);
	if (code == 0)
		code = first_after(db, after, &first);
	if (code < 0)
		return code;
	if (first == 0) {
		g->has_erased = true; /* nothing of the old key's stays in the write-ahead log */
		sqlite_drop_damaged(g->e);
		return 0;
	}
	upto = first + RESEAL_REVISIONS - 1;
	code = settle_rows(db, first - 1, upto, false, &is_dirty);
	g->is_dirty |= is_dirty;
	*out_reached = upto;
	return code;
}
