/* txn: one transaction on its way through the writer and back: a checked copy of its ops, then its
 * results. */
#ifndef HOLDFAST_CACHE_TXN_H
#define HOLDFAST_CACHE_TXN_H

#include "base/list.h"
#include "cache/engine.h"

#define TXN_KEY_MAX 2048u /* bytes of resource, namespace, name and uid together */

struct txn {
	struct list_node node;
	struct engine_txn engine;
	cache_done_fn *done;
	void *ctx;
	struct engine_state state; /* after the group, in its last transaction */
	bool is_group_end;
};

/* Takes the ops' objects, also on failure. -EINVAL: an op or an object is malformed; -EMSGSIZE: a value is
 * too long. */
int txn_new(const struct cache_op *ops, size_t count, cache_done_fn *done, void *ctx,
	    struct txn **out) must_check;
void txn_free(struct txn *txn);

#endif
