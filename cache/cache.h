/* cache: the versioned object store as its users see it: reads, transactions, changes.
 *
 * The cloud-hub's authoritative store and the edge-hub's replica are both this. All calls belong to
 * one thread (the loop's) except the writer thread inside, which commits transactions in groups, one
 * fsync for many. Nothing here needs an event loop: the cache calls `wake` (from any thread) when
 * there is something to deliver, and the owner then calls cache_dispatch() on its own thread, from
 * which all callbacks come. With `inline_commits` there is no thread: cache_dispatch() commits, so
 * a simulation is deterministic. Engine: SQLite (cache/sqlite.c), behind cache/engine.h. */
#ifndef HOLDFAST_CACHE_CACHE_H
#define HOLDFAST_CACHE_CACHE_H

#include "cache/object.h"
#include "cache/seal.h"

struct cache;

#define CACHE_EPOCH_SIZE 16 /* random bytes naming one opening of the store for writing */

struct cache_options {
	const char *path;	 /* database file; its directory must exist */
	const char *vfs;	 /* SQLite VFS name, NULL for the system's (tests put a failing disk here) */
	uint64_t log_max_age_ms; /* how long superseded versions stay readable; 0: CACHE_LOG_AGE_MS */
	uint64_t log_max_bytes;	 /* and how many bytes of changes; 0: CACHE_LOG_BYTES */
	size_t queue_max;	 /* transactions submitted and not yet answered; 0: CACHE_QUEUE_MAX */
	size_t ballast_bytes;	 /* space set aside, freed when the disk is full; 0 for none */
	size_t page_cache_bytes; /* for each of the two connections; 0: 256 KiB, which suits the edge */
	const struct cache_seal *seal; /* borrowed; NULL: nothing is sealed */
	bool inline_commits;
	void (*wake)(void *ctx); /* any thread; must not call back into the cache */
	void *wake_ctx;
};
#define CACHE_LOG_AGE_MS (10u * 60 * 1000)
#define CACHE_LOG_BYTES (64u * 1024 * 1024)
#define CACHE_QUEUE_MAX 4096u

/* Opens or creates, migrates, records a new epoch. -EBADMSG: the file is damaged beyond its rows and no
 * snapshot helped; -ENOKEY: sealed with other keys; -EPROTO: written by a newer release; -EBUSY: another process has it open; else the
 * system's errno.
 *
 * Beside the file lie its write-ahead log and `PATH.lock`, `.ballast`, `.check` (a damaged page was seen:
 * the next opening checks them all), and `.good`, the last-good snapshot, which the owner makes with
 * cache_snapshot(). When the file is missing, empty or damaged and `.good` is sound, it takes the file's
 * place, the file is kept as `.damaged`, and cache_stats() says `recovered`. */
int cache_open(const struct cache_options *options, struct cache **out, struct err *err) must_check;
/* Commits what is queued, calls every pending callback, joins the writer, closes the watches that are
 * left. Transactions submitted from those last callbacks get -ESHUTDOWN. NULL is fine. */
void cache_close(struct cache *cache);
/* Delivers what was committed, commit by commit: first the new revision, then its changes to the watches,
 * then its completions. In inline mode commits all that was queued before. Each lagging watch is told of a
 * bounded number of changes; `wake` is called when there are more. Also called now and then (a minute is
 * fine) without a wake, for care: the log ages by `now_wall_ms`, a full disk may have room again. Not from
 * inside a callback. */
void cache_dispatch(struct cache *cache, int64_t now_wall_ms);

/* --- time lines --- */
/* The newest revision delivered. Reads go to the newest committed state, which may be ahead of it by what
 * waits for the next cache_dispatch; they say which revision they are of, and a watch opened after that
 * one gets exactly the rest. */
uint64_t cache_revision(const struct cache *cache);
uint64_t cache_oldest(const struct cache *cache); /* oldest revision that lists and watches can still name */
const uint8_t *cache_epoch(const struct cache *cache); /* current, CACHE_EPOCH_SIZE bytes */
/* Does (epoch, position) lie on this store's own past? 0: yes; -ESTALE: it diverged (unknown epoch, or
 * past that epoch's end). The last 4096 epochs are known. */
int cache_epoch_check(struct cache *cache, const uint8_t epoch[CACHE_EPOCH_SIZE],
		      uint64_t position) must_check;

/* --- transactions --- */
enum feed_state { FEED_ABSENT, FEED_SYNCING, FEED_COMPLETE, FEED_DAMAGED };

enum cache_op_type {
	CACHE_CREATE, /* -EEXIST when the key is taken */
	CACHE_UPDATE, /* -ENOENT when it is free */
	CACHE_PUT,    /* either */
	CACHE_DELETE, /* -ENOENT; `object` may give the final state, else the last one is kept in the log */
	CACHE_FORGET, /* erases it, log included; watchers see LEFT. Absent keys are fine */
	CACHE_MARK,   /* sets the named mark to `value`, removes it when value.ptr is NULL */
	CACHE_FEED,   /* sets the state of key.resource's feed; made by cache_op_feed() */
	CACHE_OP_LAST = CACHE_FEED,
};
/* FORGET overwrites body and owners on the disk, in the write-ahead log too. Until the window has passed,
 * a marker of key, uid, labels and fields stays in the log, so that selector watches can be told. Lists as
 * of an older revision lack the object. */
struct cache_op {
	enum cache_op_type type;
	struct object *object; /* CREATE, UPDATE, PUT, maybe DELETE: one reference, taken by cache_submit */
	struct key key;	       /* DELETE and FORGET without object; copied */
	uint64_t if_revision;  /* -ESTALE unless the current state has it; 0: any */
	const char *if_uid;    /* -ESTALE unless the current state has it; NULL: any; copied */
	const char *mark;      /* copied */
	struct span value;     /* copied; at most CACHE_MARK_MAX bytes */
	enum feed_state feed;
};
#define CACHE_MARK_MAX (256u * 1024)
#define CACHE_TXN_OPS_MAX 4096u

struct cache_result {
	int code;	   /* 0 durable; -EEXIST -ENOENT -ESTALE; -ENOSPC -EIO: nothing of it happened */
	size_t failed_op;  /* which op, when code != 0 */
	uint64_t revision; /* of the last op of this transaction that got one; 0 when nothing was written */
	/* The first object written (or found equal), with its revision; borrowed during the callback; NULL
	 * if none. */
	const struct object *object;
};
typedef void cache_done_fn(void *ctx, const struct cache_result *result);

/* All of it or nothing, in order of submission, durable before `done` (which may be NULL) is called from
 * cache_dispatch, after the changes were delivered to watches. An object equal byte for byte to the
 * current state is no write and keeps its revision.
 *
 * Here: -EINVAL: an op or object is malformed (empty name, labels not in order, splice outside the body);
 * -EMSGSIZE: a value is too long; -EAGAIN: queue full; -EROFS: the store went read-only after an I/O error
 * that needs a person; -ESHUTDOWN. The objects are released and `done` is not called then. In the result,
 * for the whole commit: -EIO; -ENOSPC; -EBADMSG; -ENOMEM. A passing I/O error or a full disk does not stop
 * the store. When the disk fills up the ballast is freed; until there is room for it again only what adds
 * no object is let through, the rest gets -ENOSPC. */
int cache_submit(struct cache *cache, struct cache_op *ops, size_t count, cache_done_fn *done,
		 void *ctx) must_check;

/* --- reads: from the newest committed state, own connection, never blocked by the writer --- */
/* -ENOENT; -EBADMSG when the row was damaged and is in quarantine. One reference for the caller. */
int cache_get(struct cache *cache, const struct key *key, struct object **out) must_check;

struct cache_list {
	const char *resource; /* required */
	const char *ns;	      /* NULL: all namespaces */
	const char *after_ns; /* continue after this key; NULL from the start */
	const char *after_name;
	const char *field_key; /* optional exact match on an indexed field ("spec.nodeName"); NULL: none */
	const char *field_value;
	uint64_t revision; /* state as of this revision; 0: newest */
	size_t limit;	   /* 0: all */
};
/* Calls `each` (return 0 to go on, else stop) in order of (namespace, name), which may make other reads.
 * *out_revision (may be NULL) is the revision the list is of. -ERANGE: revision older than the window (410
 * Gone); -EINVAL: newer than the store; -EBADMSG: pages cannot be read, the list is not whole. A damaged
 * row is left out and goes into quarantine: cache_feed() of the resource says DAMAGED from then on, which
 * is how a caller knows that the list was short. */
typedef int cache_each_fn(void *ctx, struct object *object); /* borrowed; object_ref to keep */
int cache_list(struct cache *cache, const struct cache_list *list, cache_each_fn *each, void *ctx,
	       uint64_t *out_revision) must_check;
/* Every object of every resource, in key order (digests, inventory). */
int cache_list_all(struct cache *cache, cache_each_fn *each, void *ctx, uint64_t *out_revision) must_check;
int cache_count(struct cache *cache, const char *resource, const char *ns, uint64_t *out) must_check;
int cache_mark_get(struct cache *cache, const char *mark, struct buf *out) must_check; /* appends; -ENOENT */
/* Marks whose name starts with prefix, in order; `each` returns 0 to go on. */
int cache_mark_list(struct cache *cache, const char *prefix,
		    int (*each)(void *ctx, const char *mark, struct span value), void *ctx) must_check;

/* --- changes --- */
enum change_type { CHANGE_ADDED, CHANGE_MODIFIED, CHANGE_DELETED, CHANGE_LEFT };
struct change {
	enum change_type type;
	uint64_t revision;
	/* The new state; for DELETED the final one; for LEFT key, uid, labels and fields. Carries this
	 * change's revision. */
	const struct object *object;
	/* The state before, with its labels and fields; NULL for ADDED. Its body may be empty; when the
	 * row before was damaged, so are labels and fields. */
	const struct object *previous;
};
struct cache_watch;
struct cache_watch_events {
	/* Every intermediate change after the position given, in order, once. Returning nonzero pauses the
	 * watch after this change; cache_watch_resume goes on from there, from the log if need be, so a
	 * slow reader costs no memory. */
	int (*on_change)(void *ctx, const struct change *change);
	/* The next change fell out of the log's window (noticed when a paused watch resumes), or cannot be
	 * read; no other callback follows; the watch is still to be closed. May be NULL. */
	void (*on_gone)(void *ctx);
};
/* `resource` NULL: all. `ns` NULL: all. `after`: the revision already known. -ERANGE older than the
 * window, -EINVAL in the future, -ENOSPC too many watches. Callbacks come from cache_dispatch only, and
 * may open and close any watch. */
int cache_watch_open(struct cache *cache, const char *resource, const char *ns, uint64_t after,
		     const struct cache_watch_events *events, void *ctx, struct cache_watch **out) must_check;
void cache_watch_resume(struct cache_watch *watch);
uint64_t cache_watch_position(const struct cache_watch *watch); /* told of all changes up to it: bookmarks */
void cache_watch_close(struct cache_watch *watch); /* at once; no callback follows; NULL is fine */

/* --- feeds: how far a part of a replica can be trusted --- */
/* The state last set, ABSENT before; DAMAGED while a key of the resource is in quarantine or pages cannot
 * be read. */
enum feed_state cache_feed(struct cache *cache, const char *resource);
/* As an op in a transaction: sets the feed's state with it. Borrows `resource` until cache_submit. */
struct cache_op cache_op_feed(const char *resource, enum feed_state state);

/* --- care --- */
struct cache_stats {
	uint64_t commits, transactions, objects, log_rows, log_bytes, quarantined, queue_length;
	bool read_only, disk_full;
	bool recovered; /* this opening put the last-good snapshot in place of a damaged file */
};
void cache_stats(const struct cache *cache, struct cache_stats *out);
/* Checks up to `rows` current rows against their checksums, wrapping around; damaged ones are quarantined
 * (no DELETED is emitted), reported through on_damaged, and refetched by whoever owns the replica: any
 * write, deletion or forgetting of the key heals it. Returns rows checked. Damage in the log alone closes
 * the window instead. */
size_t cache_verify(struct cache *cache, size_t rows);
void cache_on_damaged(struct cache *cache, void (*fn)(void *ctx, const struct key *key), void *ctx);
/* A consistent, verified copy at `path` (made beside it and renamed), while serving. Done is called from
 * cache_dispatch; -EBADMSG: something is damaged, no copy was made. -EBUSY: one is being made. */
int cache_snapshot(struct cache *cache, const char *path, void (*done)(void *ctx, int code),
		   void *ctx) must_check;

/* Seals anew what an older key sealed, while serving: one bounded step of the versions after `after`, first 0. `done` (from
 * cache_dispatch) is told in result->revision where to go on, 0 when everything is sealed with the newest key; `.good` is not part of it. */
int cache_reseal(struct cache *cache, uint64_t after, cache_done_fn *done, void *ctx) must_check;

#endif
