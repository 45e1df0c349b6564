/* sink_batch: one batch as received, and the transaction it amounts to for a replica in a given state.
 * Internal to replicate_sink.
 *
 * A batch is kept until it is committed, because a transaction can lose against another writer and is then
 * built anew. */
#ifndef HOLDFAST_TUNNEL_SINK_BATCH_H
#define HOLDFAST_TUNNEL_SINK_BATCH_H

#include "base/list.h"
#include "cache/cache.h"
#include "tunnel/message.h"
#include "tunnel/sink_index.h"

#define SINK_BATCH_OPS_MAX 1024u

enum sink_effect {
	SINK_NOTHING,
	SINK_WRITTEN,
	SINK_ADOPTED, /* written, and an orphan no more */
	SINK_REMOVED,
	SINK_DROPPED, /* an orphan was removed */
	SINK_ORPHANED,
};

struct sink_op {
	uint16_t kind;		 /* MSG_PUT, MSG_GONE, MSG_LEAVE or MSG_UNKNOWN */
	struct object *object;	 /* of a put */
	void *message;		 /* decoded, of the others */
	struct key key;		 /* inside one of the two */
	enum sink_effect effect; /* by the transaction built last */
};

struct sink_batch {
	struct list_node node;
	struct sink_op *ops;
	size_t count, cap, bytes;
	Tunnel__BatchEnd *end; /* NULL: still coming in */
	unsigned tries;
};

struct sink_batch *sink_batch_new(void) must_check; /* NULL without memory */
void sink_batch_free(struct sink_batch *batch);
/* Takes the bytes of one message. -ENOSPC past SINK_BATCH_OPS_MAX, -EBADMSG, -ENOMEM. */
int sink_batch_add(struct sink_batch *batch, uint16_t kind, struct span bytes) must_check;

/* A transaction in the making. */
struct sink_txn {
	struct cache_op *ops;
	size_t count, cap;
	char **texts; /* names of marks */
	size_t text_count, text_cap;
};
void sink_txn_init(struct sink_txn *txn);
void sink_txn_done(struct sink_txn *txn); /* releases objects that were not submitted */
int sink_txn_mark(struct sink_txn *txn, const char *prefix, struct span name, struct span value) must_check;
int sink_txn_feed(struct sink_txn *txn, struct cache *cache,
		  const char *resource) must_check; /* COMPLETE, if it is not */

/* Appends what the batch changes in a replica that the index describes, and notes each op's effect. Keys in
 * `damaged` may exist without a row in the index. */
int sink_batch_build(struct sink_batch *batch, const struct sink_index *index, const struct map *damaged,
		     struct sink_txn *txn) must_check;

#endif
