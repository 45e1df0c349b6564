/* engine: what keeps the objects, behind the service that queues, groups, delivers and watches.
 *
 * One implementation today (cache/sqlite.c); the interface is cut so that a store shared over a
 * network fits: a group of transactions in, changes with revisions out, reads at a revision, pages of
 * the log. The writer's side is called by one thread at a time (the writer), the readers' side by one
 * other (the loop's); an engine keeps the two from disturbing each other. All codes are negative errno;
 * -EBADMSG always means damage. */
#ifndef HOLDFAST_CACHE_ENGINE_H
#define HOLDFAST_CACHE_ENGINE_H

#include "cache/cache.h"

/* Ops of the service's own, beside those of cache.h. */
enum engine_op {
	/* Looks at op.key again and records the damage, if it is still there. */
	ENGINE_OP_QUARANTINE = CACHE_OP_LAST + 1,
	ENGINE_OP_RELEASE, /* drops op.key from the quarantine when it reads well */
	/* Seals anew what an older key sealed: a step of the versions after op.if_revision; the result's revision says where to go on. */
	ENGINE_OP_RESEAL,
	ENGINE_OP_CLOSE_WINDOW, /* compacts the log up to the revision before this group */
};

struct engine;

/* Where the store stands after a commit. */
struct engine_state {
	uint64_t revision;	/* newest committed */
	uint64_t oldest;	/* oldest that can be named */
	uint64_t objects;	/* live ones */
	uint64_t commits;	/* since the opening */
	uint64_t log_bytes;	/* between oldest and revision */
	int64_t oldest_wall_ms; /* of the first change after `oldest`; INT64_MAX when there is none */
	bool is_recovered;	/* opened from the last-good snapshot */
	bool lacks_ballast;	/* there was no room for it at the opening */
	uint8_t epoch[CACHE_EPOCH_SIZE];
};

struct engine_change {
	enum change_type type;
	struct object *object, *previous; /* one reference each; previous may be NULL */
};

struct engine_txn {
	struct cache_op *ops; /* an op's object may be replaced by a stamped one, reference for reference */
	size_t count;
	/* results; changes has room for `count` */
	int code;
	size_t failed_op;
	uint64_t revision;
	struct object *first; /* first object written or found equal; a reference */
	struct engine_change *changes;
	size_t change_count;
};
void engine_txn_clear(struct engine_txn *txn); /* drops the results' references, ready for another try */

struct engine_write {
	struct engine_txn *const *txns;
	size_t count;
	int64_t now_wall_ms;
	bool no_growth; /* the disk is full: what would add an object is refused with -ENOSPC */
};

struct engine_options {
	const struct cache_options *cache;
	/* A row that a reader found damaged. `key` is NULL when only the log is hurt. Reader's thread. */
	void (*on_damaged)(void *ctx, const struct key *key);
	void *ctx;
};

/* A change read back from the log. */
typedef int engine_change_fn(void *ctx, const struct change *change);

struct engine_log {
	const char *resource, *ns; /* NULL: all */
	uint64_t after, upto;	   /* changes in (after, upto] */
	size_t limit;		   /* at most this many calls */
};

struct engine_type {
	const char *name;
	int (*open)(const struct engine_options *options, struct engine **out, struct engine_state *state,
		    struct err *err);
	void (*close)(struct engine *engine);

	/* --- writer's side --- */
	/* All in one commit. On failure nothing of any of them happened; a transaction that fails by its own
	 * preconditions only sets its own code. Also compacts the log a bounded step. */
	int (*write)(struct engine *engine, const struct engine_write *write, struct engine_state *state);
	/* After a failed commit: makes sure that nothing of it can come back after a crash. Failure:
	 * read-only from now on. */
	int (*settle)(struct engine *engine);
	/* Frees the ballast; false when there was none. And sets it aside again; 0 when it is complete. */
	bool (*relieve)(struct engine *engine);
	int (*replenish)(struct engine *engine);
	/* Between groups: copies the write-ahead log into the file when it is due. `idle`: nobody is
	 * waiting. True: something was in the way, call again soon. */
	bool (*tend)(struct engine *engine, bool idle);

	/* --- readers' side --- */
	int (*state)(struct engine *engine, uint64_t *out_revision, uint64_t *out_oldest);
	int (*get)(struct engine *engine, const struct key *key, struct object **out);
	int (*list)(struct engine *engine, const struct cache_list *list, cache_each_fn *each, void *ctx,
		    uint64_t *out_revision);
	int (*list_all)(struct engine *engine, cache_each_fn *each, void *ctx, uint64_t *out_revision);
	int (*count)(struct engine *engine, const char *resource, const char *ns, uint64_t *out);
	int (*mark_get)(struct engine *engine, const char *mark, struct buf *out);
	int (*mark_list)(struct engine *engine, const char *prefix,
			 int (*each)(void *, const char *, struct span), void *ctx);
	int (*feed)(struct engine *engine, const char *resource, enum feed_state *out);
	/* The first revisions of this epoch and of the one after it (0: it is the newest). -ESTALE when
	 * unknown. */
	int (*epoch)(struct engine *engine, const uint8_t epoch[CACHE_EPOCH_SIZE], uint64_t *out_first,
		     uint64_t *out_next);
	/* Stops when `each` returns nonzero. *out_position: all changes up to it were passed on. -ERANGE,
	 * -EBADMSG. */
	int (*log)(struct engine *engine, const struct engine_log *log, engine_change_fn *each, void *ctx,
		   uint64_t *out_position);
	int (*quarantined)(struct engine *engine, int (*each)(void *ctx, const struct key *key), void *ctx);
	/* Checks the next rows after *cursor (resource\0ns\0name\0, empty at the start), which moves on. */
	int (*verify)(struct engine *engine, struct buf *cursor, size_t rows, size_t *out_checked);

	/* --- any thread, own connections --- */
	int (*snapshot)(struct engine *engine, const char *path);
};

struct engine {
	const struct engine_type *type;
};

extern const struct engine_type engine_sqlite;

#endif
