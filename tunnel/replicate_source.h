/* replicate_source: the cloud's end of replication for one session: brings one edge's replica to its entitled
 * set and keeps it there.
 *
 * It is told which keys are in the set and which version each has, and only remembers: at most one pending
 * entry for a key, so memory is proportional to objects. Objects are fetched when the mux can send them. What
 * is named goes before what names it (rank); removals of workloads go first, those of references last. After
 * a broken time line absence proves nothing: what the set lacks becomes Unknown, never Gone. Attach with
 * mux_set_channel(mux, MUX_REPLICATION, &repl_source_channel, source). Pure, one thread. */
#ifndef HOLDFAST_TUNNEL_REPLICATE_SOURCE_H
#define HOLDFAST_TUNNEL_REPLICATE_SOURCE_H

#include "cache/cache.h"
#include "tunnel/message.h"
#include "tunnel/mux.h"

struct repl_source;

#define REPL_RANKS 10u		       /* 0 first */
#define REPL_BATCH_BYTES (256u * 1024) /* a batch ends past this many bytes */
#define REPL_BATCH_OPS 512u	       /* or this many operations */
#define REPL_BATCHES_IN_FLIGHT 4u      /* sent and not acknowledged */
#define REPL_OBJECTS_MAX 262144u       /* keys of one node's set */
#define REPL_ORPHANS_MAX 16384u	       /* undecided rows of one node */
#define REPL_FEEDS_MAX 64u

struct repl_source_options {
	const Tunnel__Cursor *cursor; /* from the Hello; NULL: a new replica; copied */
	/* Is the cursor on this store's own past (cache_epoch_check() == 0)? A cursor without epoch never
	 * is. */
	bool unbroken;
	const uint8_t *epoch;	  /* of the store now, CACHE_EPOCH_SIZE bytes; copied */
	const char *const *feeds; /* resources the set can hold, NULL-ended; at most REPL_FEEDS_MAX; kept */
	uint8_t workload_rank;	  /* keys of this rank and above run: see above (GRAPH_POD) */
	/* The rank of keys that the edge has and the set lacks; what is not known for harmless runs:
	 * workload_rank. Required. */
	uint8_t (*rank_of)(void *ctx, const char *resource);
	struct mux *mux; /* kicked when there is something to send */
	/* The newest state; -ENOENT when there is none; another error: unreadable, nothing is concluded from
	 * it. A workload newer than announced waits for its announcement, so that what it names is announced
	 * before it is sent. */
	int (*get)(void *ctx, const struct key *key, struct object **out);
	/* The Put of an object (encode_cache_put); NULL: encoded here. Returns NULL without memory. */
	struct blob *(*encode)(void *ctx, const struct object *object);
	/* The edge committed everything up to `watermark`: for the operator, and convergence. May be NULL. */
	void (*on_watermark)(void *ctx, uint64_t watermark);
	/* A row that the cloud does not know (see above). Return true to be given the full object through
	 * on_orphan_object. NULL: none is wanted */
	bool (*on_orphan)(void *ctx, const struct key *key, const char *uid, uint64_t revision);
	void (*on_orphan_object)(void *ctx, const struct object *object);
	void *ctx;
};

int repl_source_new(const struct repl_source_options *options, struct repl_source **out) must_check;
void repl_source_free(struct repl_source *source); /* detach it from the mux before */
extern const struct mux_channel_ops repl_source_channel;

/* The key is in the set, and its object is now this version. For the initial set, for objects that enter, and
 * for each change. A workload goes out only once repl_source_position has passed its revision. -ENOSPC past
 * REPL_OBJECTS_MAX, -ENOMEM: end the session. */
int repl_source_put(struct repl_source *source, const struct key *key, uint8_t rank, const char *uid,
		    uint64_t revision) must_check;
/* No longer in the set; the object lives on. */
int repl_source_leave(struct repl_source *source, const struct key *key) must_check;
/* The object was deleted. */
int repl_source_gone(struct repl_source *source, const struct key *key, const char *uid) must_check;
/* The initial set is complete: compare. Changes up to `revision` are contained. */
int repl_source_ready(struct repl_source *source, uint64_t revision) must_check;
/* All changes up to `revision`, and what they made enter or leave, have been announced: what was put up to it
 * may be sent. Call it after every turn of the loop that announced something; not needed for changes that do
 * not concern this node. */
void repl_source_position(struct repl_source *source, uint64_t revision);

/* The operator's decision about an orphan: give it up (it is Gone at the edge then, or replaced by the
 * cloud's object of that key). To adopt one, create it in the store with its uid; it then comes as a put.
 * When no orphan of workload_rank is left, the others, which nothing names any more, are released by
 * themselves. -ENOENT: no such orphan in this session. */
int repl_source_release(struct repl_source *source, const struct key *key, const char *uid) must_check;

struct repl_source_stats {
	size_t objects, pending, waiting, unreadable, orphans, batches_in_flight;
	bool synced;				  /* everything announced was sent and acknowledged */
	bool diverged;				  /* the cursor was not on this store's past */
	bool unchanged;				  /* root digests were equal at the start */
	uint64_t watermark;			  /* acknowledged */
	uint64_t puts, removals, unknowns, bytes; /* sent so far */
};
void repl_source_stats(const struct repl_source *source, struct repl_source_stats *out);

#endif
