/* sqlite: what the parts of the SQLite engine share. Two connections: the writer's, which also copies the
 * write-ahead log into the file, and the readers'. Files beside the store: `.ballast`, `.lock` (one
 * process at a time), `.check` (a damaged page was seen: look closely at the next opening), `.damaged`
 * (the last file given up). */
#ifndef HOLDFAST_CACHE_SQLITE_H
#define HOLDFAST_CACHE_SQLITE_H

#include <stdatomic.h>

#include "cache/engine.h"
#include "cache/sqlite_row.h"

#define SQLITE_ENGINE_PAGE_CACHE (256u * 1024) /* default for each connection */

struct sqlite_engine {
	struct engine engine;
	char *path, *vfs;
	size_t page_cache_bytes, ballast_bytes;
	uint64_t log_max_age_ms, log_max_bytes;
	const struct cache_seal *seal;
	void (*on_damaged)(void *ctx, const struct key *key);
	void *ctx;
	int lock_fd;
	atomic_bool is_marked; /* `.check` was written */

	/* writer's */
	struct db writer;
	struct engine_state state; /* committed */
	uint64_t log_offset, compacted_offset;
	size_t quarantine_count;
	int wal_pages;
	bool wants_truncate; /* something was erased: no copy may stay in the write-ahead log */
	bool has_ballast;

	/* readers' */
	struct db reader;
};

static inline struct sqlite_engine *sqlite_of(struct engine *engine)
{
	return (struct sqlite_engine *)engine;
}

/* --- sqlite_schema.c --- */
#define SQLITE_SCHEMA_VERSION 2
#define SQLITE_EPOCHS_MAX 4096 /* older openings are forgotten: their cursors get a full comparison */
/* What the file says it is; *out_version is 0 for an empty one. -EPROTO: newer than this release; -EBADMSG: not ours. */
int sqlite_identify(struct db *db, const char *path, int64_t *out_version, struct err *err) must_check;
/* Brings the schema up to date. -EPROTO: newer than this release; -EBADMSG: damaged, or not ours. */
int sqlite_migrate(struct db *db, const char *path, struct err *err) must_check;
int sqlite_load_state(struct sqlite_engine *e) must_check;
int sqlite_begin_epoch(struct sqlite_engine *e) must_check;
int sqlite_read_meta(struct db *db, const char *name, uint64_t *out) must_check;
int sqlite_write_meta(struct db *db, const char *name, uint64_t value) must_check;

/* --- sqlite_file.c --- */
int sqlite_lock(struct sqlite_engine *e, struct err *err) must_check;
void sqlite_unlock(struct sqlite_engine *e);
/* Puts the last-good snapshot in place of the file. `is_damaged`: known to be; else only when it is
 * missing or empty while a snapshot exists, or was marked and does not stand a check. *out_recovered says
 * whether it did. */
int sqlite_recover(struct sqlite_engine *e, bool is_damaged, bool *out_recovered, struct err *err) must_check;
void sqlite_mark_damaged(struct sqlite_engine *e); /* so that the next opening checks all pages */
int sqlite_check_whole(struct db *db) must_check;  /* every page and every row; -EBADMSG */
int sqlite_snapshot(struct engine *engine, const char *path) must_check;
bool sqlite_relieve(struct engine *engine);
int sqlite_replenish(struct engine *engine) must_check;

/* After a sealing: a copy and a file given up that hold plain bytes are made anew, or overwritten and removed. */
int sqlite_wipe_copies(struct sqlite_engine *e) must_check;
void sqlite_drop_damaged(struct sqlite_engine *e); /* the file given up, which nobody can open any more */
/* The same only if the release that wrote it sealed nothing. */
int sqlite_drop_plain_damaged(struct sqlite_engine *e) must_check;

/* --- sqlite_log.c --- */
/* What one write transaction has changed so far; becomes the engine's state when it commits. */
struct sqlite_group {
	struct sqlite_engine *e;
	struct engine_state state;
	uint64_t log_offset, compacted_offset;
	int64_t now_wall_ms;
	size_t quarantine_count;
	bool no_growth, is_dirty, has_erased, is_refused;
};
/* Lets at most `rows` changes leave the window; those up to `at_least` whatever their age. */
int sqlite_compact(struct sqlite_group *g, size_t rows, uint64_t at_least) must_check;
int sqlite_log_read(struct engine *engine, const struct engine_log *log, engine_change_fn *each, void *ctx,
		    uint64_t *out_position) must_check;

/* --- sqlite_seal.c --- */
/* Seals a store that is not, and wipes what was plain; goes on where it was cut short. -ENOKEY: sealed with other keys. */
int sqlite_open_sealed(struct sqlite_engine *e, struct err *err) must_check;
/* Seals anew what an older key sealed, a bounded step of the versions after `after`; with 0 the marks too. *out_reached: where to go on;
 * 0: all is done. */
int sqlite_reseal(struct sqlite_group *g, uint64_t after, uint64_t *out_reached) must_check;

/* --- sqlite_write.c --- */
int sqlite_write(struct engine *engine, const struct engine_write *write,
		 struct engine_state *state) must_check;
int sqlite_settle(struct engine *engine) must_check;
bool sqlite_tend(struct engine *engine, bool idle);

/* --- sqlite_read.c --- */
int sqlite_state(struct engine *engine, uint64_t *out_revision, uint64_t *out_oldest) must_check;
int sqlite_get(struct engine *engine, const struct key *key, struct object **out) must_check;
int sqlite_list(struct engine *engine, const struct cache_list *list, cache_each_fn *each, void *ctx,
		uint64_t *out_revision) must_check;
int sqlite_list_all(struct engine *engine, cache_each_fn *each, void *ctx, uint64_t *out_revision) must_check;
int sqlite_count(struct engine *engine, const char *resource, const char *ns, uint64_t *out) must_check;
int sqlite_mark_get(struct engine *engine, const char *mark, struct buf *out) must_check;
int sqlite_mark_list(struct engine *engine, const char *prefix,
		     int (*each)(void *, const char *, struct span), void *ctx) must_check;
int sqlite_feed(struct engine *engine, const char *resource, enum feed_state *out) must_check;
int sqlite_epoch(struct engine *engine, const uint8_t epoch[CACHE_EPOCH_SIZE], uint64_t *out_first,
		 uint64_t *out_next) must_check;
int sqlite_quarantined(struct engine *engine, int (*each)(void *ctx, const struct key *key),
		       void *ctx) must_check;
int sqlite_verify(struct engine *engine, struct buf *cursor, size_t rows, size_t *out_checked) must_check;

#endif
