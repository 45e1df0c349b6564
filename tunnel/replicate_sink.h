/* replicate_sink: the edge's end of replication: turns batches into transactions of the replica, acknowledges
 * what is committed, and knows at any time the digests of what the replica holds.
 *
 * One for each replica, for the life of the process; connections come and go. Rows are objects whose origin
 * is not 0 (the cloud's revision); rows with origin 0 are the edge's own and none of its business. The cursor
 * and the orphans are marks in the replica. It never reads a clock. Thread: the cache's. */
#ifndef HOLDFAST_TUNNEL_REPLICATE_SINK_H
#define HOLDFAST_TUNNEL_REPLICATE_SINK_H

#include "cache/cache.h"
#include "tunnel/message.h"
#include "tunnel/mux.h"

struct repl_sink;

#define REPL_SINK_CURSOR_MARK "replication/cursor"
#define REPL_SINK_ORPHAN_PREFIX "replication/orphan/" /* then resource/ns/name; value: the uid */
#define REPL_SINK_BATCHES_MAX 8u /* received and not committed; more is the source's fault: -EPROTO */
#define REPL_SINK_BATCH_BYTES_MAX (8u * 1024 * 1024)
#define REPL_SINK_RETRIES 16u /* of a transaction that lost against another writer */

struct repl_sink_events {
	/* The replica equals its entitled set as of `revision` (committed). Comes again after each batch that
	 * leaves nothing behind. */
	void (*on_synced)(void *ctx, uint64_t revision);
	/* A row became orphaned, or is one no more (adopted, released). */
	void (*on_orphan)(void *ctx, const struct key *key, const char *uid, bool orphaned);
	/* A commit failed (-ENOSPC, -EIO, -EROFS, ...). The batch is kept; call repl_sink_retry in a
	 * while. */
	void (*on_failed)(void *ctx, int code);
};

/* Scans the replica once. The cache must outlive it. */
int repl_sink_new(struct cache *cache, const struct repl_sink_events *events, void *ctx,
		  struct repl_sink **out) must_check;
void repl_sink_free(
	struct repl_sink
		*sink); /* waits for nothing: dispatch the cache until repl_sink_busy is false before */
bool repl_sink_busy(const struct repl_sink *sink); /* a commit of its own is under way */

/* Fills hello->cursor; what it points to is inside the sink and valid until the next call. -EBUSY: a batch of
 * the connection before is being committed; the link's hello function returns that, and the link tries
 * again. */
int repl_sink_hello(struct repl_sink *sink, Tunnel__Hello *hello) must_check;
/* At LINK_UP: attaches to MUX_REPLICATION. At LINK_DOWN: detach; what is not being committed is dropped, and
 * comes again. */
void repl_sink_attach(struct repl_sink *sink, struct mux *mux);
void repl_sink_detach(struct repl_sink *sink);

/* From LINK_PONG (and the Welcome's revision once synced): remembered, saved with the next commit or
 * repl_sink_save. */
void repl_sink_revision(struct repl_sink *sink, uint64_t revision);
/* At a clean shutdown: makes the cursor durable if it moved. 0: done comes from cache_dispatch; 1: there is
 * nothing to do, and it does not come; else a negative errno. */
int repl_sink_save(struct repl_sink *sink, void (*done)(void *ctx, int code), void *ctx) must_check;
void repl_sink_retry(struct repl_sink *sink);
/* Damaged rows: asks the cloud for them, now or at the next connection. -ENOSPC past
 * REPL_SINK_REFETCH_MAX. */
int repl_sink_refetch(struct repl_sink *sink, const struct key *key) must_check;
#define REPL_SINK_REFETCH_MAX 4096u

bool repl_sink_synced(
	const struct repl_sink *sink); /* in this connection, and nothing newer is known to be on its way */
bool repl_sink_is_orphan(const struct repl_sink *sink, const struct key *key);
/* `each` returns nonzero to stop. */
void repl_sink_orphans(const struct repl_sink *sink,
		       int (*each)(void *ctx, const struct key *key, const char *uid), void *ctx);

struct repl_sink_stats {
	size_t rows, orphans, refetching;
	uint64_t batches, commits, puts, gone,
		left;	    /* since start; commits: transactions of the sink's own */
	uint64_t position;  /* highest cloud revision known */
	uint64_t watermark; /* the replica is complete as of this cloud revision; 0 before the first time */
};
void repl_sink_stats(const struct repl_sink *sink, struct repl_sink_stats *out);

#endif
