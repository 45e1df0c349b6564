/* outbox: what this node has to tell the cloud, durable until the cloud has committed it. Lives as marks in the replica's
 * store, so that a report commits together with the row it is about.
 *
 * Order holds for each object. A newer whole state of the same thing replaces one that was never sent; nothing that may have been
 * sent changes any more. When full, the oldest Events go first, counted; never a status. Loop thread. */
#ifndef HOLDFAST_EDGE_HUB_OUTBOX_OUTBOX_H
#define HOLDFAST_EDGE_HUB_OUTBOX_OUTBOX_H

#include "cache/cache.h"
#include "tunnel/outbox.h"

struct outbox;

#define OUTBOX_MARK_PREFIX "outbox/entry/"
#define OUTBOX_STATE_MARK "outbox/state" /* "INCARNATION LAST-SEQUENCE-ACKED" */
#define OUTBOX_ENTRIES_MAX 65536u
#define OUTBOX_BODY_MAX (CACHE_MARK_MAX - 4096u)

/* Reads what waits from earlier. `max_bytes`: of all entries together. */
int outbox_open(struct cache *cache, uint64_t max_bytes, struct outbox **out, struct err *err) must_check;
void outbox_free(struct outbox *outbox); /* dispatch the cache until its writes are done before */

struct outbox_report {
	enum outbox_effect effect;
	struct key key;
	const char *uid;
	struct span body;
	uint64_t base; /* cloud revision known of the object */
};
/* Commits the report and the ops beside it (at most OUTBOX_WITH_MAX, taken like those of cache_submit) in one transaction, then calls
 * done (may be NULL). -EMSGSIZE: body too long; -ENOSPC: an Event, and there is no room; -EAGAIN: the store's queue is full; else as
 * cache_submit. On failure the objects in `with` are released. */
#define OUTBOX_WITH_MAX 4u
int outbox_put(struct outbox *outbox, const struct outbox_report *report, struct cache_op *with,
	       size_t with_count, cache_done_fn *done, void *ctx) must_check;

const char *outbox_incarnation(const struct outbox *outbox);
uint64_t outbox_acked(const struct outbox *outbox);
/* The link came up or went down. */
void outbox_attach(struct outbox *outbox, struct mux *mux, uint64_t applied);
void outbox_detach(struct outbox *outbox);
/* Called when there is something new to send; once for each commit. */
void outbox_on_ready(struct outbox *outbox, void (*fn)(void *ctx), void *ctx);

/* Asked for each entry that is sent, each time: 0: other bytes for its body are in `out`; else they go as they are. */
void outbox_on_sending(struct outbox *outbox,
		       int (*fn)(void *ctx, const struct outbox_entry *entry, struct buf *out), void *ctx);

struct outbox_stats {
	size_t entries;
	uint64_t bytes, reported, acked, replaced, dropped_events, refused;
};
void outbox_stats(const struct outbox *outbox, struct outbox_stats *out);

#endif
