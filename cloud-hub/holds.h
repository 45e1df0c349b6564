/* holds: nodes that the controllers leave alone, because what they run has not been compared with the store since that lost some of its past.
 *
 * Two reasons: a restore (or the recovery of a damaged store) put every node it knew on hold, in the store, until the node
 * has come and its inventory is reconciled, however long that takes; and a session that finds its node's timeline broken holds it while it
 * works that out. Owner: the hub. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_HOLDS_H
#define HOLDFAST_CLOUD_HUB_HOLDS_H

#include "cache/cache.h"

struct holds;

/* Reads what the store holds. `recovered`: the store's file was damaged and an older copy took its place: every node of it
 * is held from now on. The cache is borrowed. */
int holds_new(struct cache *cache, bool recovered, struct holds **out) must_check;
void holds_free(struct holds *holds);
/* Calls `fn` for each node held. */
void holds_each(const struct holds *holds, void (*fn)(void *ctx, const char *node), void *ctx);
bool holds_has(const struct holds *holds, const char *node);
size_t holds_count(const struct holds *holds);
/* A session found its node's timeline broken, or has reconciled it; or its Node is gone for good (false): then the store forgets too. Without
 * memory a hold lasts only as long as its session. */
void holds_set(struct holds *holds, const char *node, bool held);

#endif
