/* service: the cache's own parts, seen only by the files that make it up: cache.c, read.c, damage.c. */
#ifndef HOLDFAST_CACHE_SERVICE_H
#define HOLDFAST_CACHE_SERVICE_H

#include <pthread.h>
#include <stdatomic.h>

#include "cache/watch.h"
#include "cache/writer.h"

#define CACHE_QUARANTINE_MAX 65536u /* damaged keys; beyond it the whole store counts as damaged */

/* What was found damaged and not yet mended. Loop's thread. */
struct damage {
	struct map keys;    /* key_text to struct damaged */
	struct list fresh;  /* not yet reported and recorded */
	bool is_widespread; /* pages cannot be read, or there was no room to note more keys */
	bool closes_window; /* a row of the log only */
	struct buf cursor;  /* of cache_verify */
	void (*on_damaged)(void *ctx, const struct key *key);
	void *ctx;
};

struct snapshot {
	pthread_t thread;
	bool is_running, has_thread;
	atomic_bool is_done;
	char *path;
	int code;
	void (*done)(void *ctx, int code);
	void *ctx;
};

struct cache {
	struct engine *engine;
	struct writer *writer;
	struct watches watches;
	struct damage damage;
	struct snapshot snapshot;
	struct engine_state state; /* newest taken from the writer */
	uint64_t log_max_age_ms;
	int64_t now_wall_ms; /* last told */
	bool is_inline, is_closing, is_dispatching;
	void (*wake)(void *ctx);
	void *wake_ctx;
};

/* --- damage.c --- */
int damage_init(struct cache *cache) must_check; /* loads the quarantine; looks again at what is in it */
void damage_done(struct cache *cache);
void damage_found(void *cache, const struct key *key); /* from the engine's readers; NULL: in the log only */
void damage_pages(struct cache *cache);		       /* a page could not be read */
void damage_healed(struct cache *cache, const struct key *key); /* it was written, deleted or forgotten */
void damage_report(struct cache *cache);			/* calls back, and has the writer record it */
bool damage_has(const struct cache *cache, const char *resource);
/* Submits one op of the service's own. */
int cache_submit_own(struct cache *cache, const struct cache_op *op, cache_done_fn *done,
		     void *ctx) must_check;

#endif
