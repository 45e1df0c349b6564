#include <errno.h>

#include "base/random.h"
#include "cache/sql.h"
#include "cache/sqlite.h"

#define APPLICATION_ID 0x48465354 /* "HFST", in the file's header */

/* Migration n takes a store from schema n - 1 to n. */
static const char *const migrations[SQLITE_SCHEMA_VERSION] = { sql_schema_1, sql_schema_2 };

int sqlite_identify(struct db *db, const char *path, int64_t *out_version, struct err *err)
{
	int64_t application = 0, tables = 0;
	int code = db_pragma_int(db, "PRAGMA user_version", out_version);

	if (code == 0)
		code = db_pragma_int(db, "PRAGMA application_id", &application);
	if (code == 0)
		code = db_pragma_int(db, "SELECT count(*) FROM sqlite_schema", &tables);
	if (code < 0)
		return err_set(err, code, "%s: %s", path, sqlite3_errmsg(db->handle));
	if (tables > 0 && application != APPLICATION_ID)
		return err_set(err, -EBADMSG, "%s is a database of something else", path);
	if ((tables == 0) != (*out_version == 0) || *out_version < 0)
		return err_set(err, -EBADMSG, "%s has lost its tables", path);
	if (*out_version > SQLITE_SCHEMA_VERSION)
		return err_set(err, -EPROTO,
			       "%s has schema %lld; this release knows %d and older: "
			       "install the release that wrote it again (docs/operations.md, Going back)",
			       path, (long long)*out_version, SQLITE_SCHEMA_VERSION);
	return 0;
}

static int apply_migration(struct db *db, int number)
{
	char *version =
		sqlite3_mprintf("PRAGMA application_id=%d; PRAGMA user_version=%d", APPLICATION_ID, number);
	int code = version ? db_exec(db, "BEGIN IMMEDIATE") : -ENOMEM;

	if (code == 0)
		code = db_exec(db, migrations[number - 1]);
	if (code == 0)
		code = db_exec(db, version);
	if (code == 0)
		code = db_exec(db, "COMMIT");
	db_rollback(db);
	sqlite3_free(version);
	return code;
}

int sqlite_migrate(struct db *db, const char *path, struct err *err)
{
	int64_t version = 0;
	int code = sqlite_identify(db, path, &version, err);

	if (code < 0)
		return code;
	code = db_exec(db, "PRAGMA journal_mode=WAL");
	for (int number = (int)version + 1; code == 0 && number <= SQLITE_SCHEMA_VERSION; number++)
		code = apply_migration(db, number);
	if (code < 0)
		return err_set(err, code, "%s: bringing the schema up to date: %s", path,
			       sqlite3_errmsg(db->handle));
	return 0;
}

int sqlite_read_meta(struct db *db, const char *name, uint64_t *out)
{
	struct query q = query_start(db, STMT_meta);
	int64_t value = 0;
	int code;

	query_text(&q, 1, name);
	code = query_one_int(&q, &value);
	*out = (uint64_t)value;
	return code == -ENOENT ? -EBADMSG : code;
}

int sqlite_write_meta(struct db *db, const char *name, uint64_t value)
{
	struct query q = query_start(db, STMT_meta_put);

	query_text(&q, 1, name);
	query_int(&q, 2, (int64_t)value);
	return query_run(&q);
}

static int count_one(void *ctx, const struct key *key)
{
	(*(size_t *)ctx)++;
	return 0;
}

static int load_oldest_wall(struct sqlite_engine *e)
{
	struct query q = query_start(&e->writer, STMT_log_heads);
	int code;

	e->state.oldest_wall_ms = INT64_MAX;
	query_int(&q, 1, (int64_t)e->state.oldest);
	query_int(&q, 2, 1);
	code = query_next(&q);
	if (code > 0)
		e->state.oldest_wall_ms = row_read_head(&q, 0).wall_ms;
	query_end(&q);
	return code < 0 ? code : 0;
}

int sqlite_load_state(struct sqlite_engine *e)
{
	struct query q = query_start(&e->writer, STMT_newest);
	int64_t end = 0, objects = 0;
	int code = query_next(&q);

	if (code > 0) {
		e->state.revision = (uint64_t)query_col_int(&q, 0);
		e->state.oldest = (uint64_t)query_col_int(&q, 1);
	}
	query_end(&q);
	if (code >= 0)
		code = sqlite_read_meta(&e->writer, "compacted_offset", &e->compacted_offset);
	if (code == 0) {
		q = query_start(&e->writer, STMT_objects_count);
		code = query_one_int(&q, &objects);
	}
	if (code == 0) {
		q = query_start(&e->writer, STMT_log_end);
		code = query_one_int(&q, &end);
		code = code == -ENOENT ? 0 : code;
	}
	e->state.objects = (uint64_t)objects;
	e->log_offset = (uint64_t)end > e->compacted_offset ? (uint64_t)end : e->compacted_offset;
	e->state.log_bytes = e->log_offset - e->compacted_offset;
	if (code == 0)
		code = load_oldest_wall(e);
	if (code == 0)
		code = sqlite_quarantined(&e->engine, count_one, &e->quarantine_count);
	return code;
}

int sqlite_begin_epoch(struct sqlite_engine *e)
{
	struct query q;
	int code;

	random_bytes(e->state.epoch, sizeof(e->state.epoch));
	q = query_start(&e->writer, STMT_begin_write);
	code = query_run(&q);
	if (code == 0) {
		q = query_start(&e->writer, STMT_epoch_add);
		query_blob(&q, 1, span_make(e->state.epoch, sizeof(e->state.epoch)));
		query_int(&q, 2, (int64_t)e->state.revision + 1);
		code = query_run(&q);
	}
	if (code == 0) {
		q = query_start(&e->writer, STMT_epochs_prune);
		query_int(&q, 1, SQLITE_EPOCHS_MAX);
		code = query_run(&q);
	}
	if (code == 0) {
		q = query_start(&e->writer, STMT_commit);
		code = query_run(&q);
	}
	db_rollback(&e->writer);
	return code;
}
