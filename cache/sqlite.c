/* The SQLite engine: opening, closing, and the table of its parts. */
#include "cache/sqlite.h"

#include <errno.h>
#include <stdlib.h>

#define OR_DEFAULT(value, otherwise) ((value) ? (value) : (otherwise))

static int on_wal(void *ctx, sqlite3 *handle, const char *database, int pages)
{
	struct sqlite_engine *e = ctx;

	e->wal_pages = pages;
	return SQLITE_OK;
}

static int open_connections(struct sqlite_engine *e, struct err *err)
{
	struct db_options options = { .path = e->path,
				      .vfs = e->vfs,
				      .mode = DB_CREATE,
				      .page_cache_bytes = e->page_cache_bytes,
				      .seal = e->seal };
	int code = db_open(&e->writer, &options, err);

	if (code == 0)
		code = sqlite_migrate(&e->writer, e->path, err);
	if (code == 0)
		code = sqlite_open_sealed(e, err);
	if (code == 0) {
		(void)sqlite3_wal_hook(e->writer.handle, on_wal,
				       e); /* takes the place of SQLite's own checkpoints */
		options.mode = DB_READ;
		code = db_open(&e->reader, &options, err);
	}
	if (code == 0) {
		code = sqlite_load_state(e);
		if (code < 0)
			(void)err_set(err, code, "%s: reading its state: %s", e->path,
				      sqlite3_errmsg(e->writer.handle));
	}
	return code;
}

static void close_connections(struct sqlite_engine *e)
{
	db_close(&e->reader);
	db_close(&e->writer); /* last, so that it can copy the write-ahead log and remove it */
}

static int open_or_recover(struct sqlite_engine *e, struct err *err)
{
	bool is_recovered = false;
	int code = sqlite_recover(e, false, &is_recovered, err);

	if (code < 0)
		return code;
	code = open_connections(e, err);
	if (code == -EBADMSG && !e->vfs && !is_recovered) {
		close_connections(e);
		code = sqlite_recover(e, true, &is_recovered, err);
		if (code == 0)
			code = open_connections(e, err);
	}
	e->state.is_recovered = is_recovered;
	if (code == 0) {
		code = sqlite_begin_epoch(e);
		if (code < 0)
			(void)err_set(err, code, "%s: recording this opening: %s", e->path, strerror(-code));
	}
	return code;
}

static void engine_close(struct engine *engine)
{
	struct sqlite_engine *e = sqlite_of(engine);

	close_connections(e);
	sqlite_unlock(e);
	free(e->path);
	free(e->vfs);
	free(e);
}

static int engine_new(const struct engine_options *options, struct sqlite_engine **out)
{
	const struct cache_options *o = options->cache;
	struct sqlite_engine *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->engine.type = &engine_sqlite;
	e->lock_fd = -1;
	e->path = strdup(o->path);
	e->vfs = o->vfs ? strdup(o->vfs) : NULL;
	e->page_cache_bytes = OR_DEFAULT(o->page_cache_bytes, SQLITE_ENGINE_PAGE_CACHE);
	e->ballast_bytes = o->ballast_bytes;
	e->log_max_age_ms = OR_DEFAULT(o->log_max_age_ms, CACHE_LOG_AGE_MS);
	e->log_max_bytes = OR_DEFAULT(o->log_max_bytes, CACHE_LOG_BYTES);
	e->seal = o->seal;
	e->on_damaged = options->on_damaged;
	e->ctx = options->ctx;
	if (!e->path || (o->vfs && !e->vfs)) {
		engine_close(&e->engine);
		return -ENOMEM;
	}
	*out = e;
	return 0;
}

static int engine_open(const struct engine_options *options, struct engine **out, struct engine_state *state,
		       struct err *err)
{
	struct sqlite_engine *e;
	int code = engine_new(options, &e);

	if (code < 0)
		return err_set(err, code, "out of memory");
	code = sqlite_lock(e, err);
	if (code == 0)
		code = open_or_recover(e, err);
	if (code < 0) {
		engine_close(&e->engine);
		return code;
	}
	e->state.lacks_ballast =
		sqlite_replenish(&e->engine) < 0; /* opens on a full disk too: deletions help */
	*state = e->state;
	*out = &e->engine;
	return 0;
}

const struct engine_type engine_sqlite = {
	.name = "sqlite",
	.open = engine_open,
	.close = engine_close,
	.write = sqlite_write,
	.settle = sqlite_settle,
	.relieve = sqlite_relieve,
	.replenish = sqlite_replenish,
	.tend = sqlite_tend,
	.state = sqlite_state,
	.get = sqlite_get,
	.list = sqlite_list,
	.list_all = sqlite_list_all,
	.count = sqlite_count,
	.mark_get = sqlite_mark_get,
	.mark_list = sqlite_mark_list,
	.feed = sqlite_feed,
	.epoch = sqlite_epoch,
	.log = sqlite_log_read,
	.quarantined = sqlite_quarantined,
	.verify = sqlite_verify,
	.snapshot = sqlite_snapshot,
};
