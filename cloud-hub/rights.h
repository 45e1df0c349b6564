/* rights: who may see and do what, as the store has it from moment to moment: the graph of what each node needs, the roles, and the
 * decisions made from both. Follows the store by a watch. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_RIGHTS_H
#define HOLDFAST_CLOUD_HUB_RIGHTS_H

#include "auth/authz.h"
#include "auth/graph.h"
#include "cache/cache.h"

struct rights;

struct rights_options { /* borrowed */
	struct cache *cache;
	const struct graph_events *events; /* of the graph */
	void *events_ctx;
	void (*on_node_deleted)(void *ctx, const char *node);
	void *ctx;
};
/* Reads the store. */
int rights_new(const struct rights_options *options, struct rights **out, struct err *err) must_check;
struct graph *rights_graph(const struct rights *rights);
struct authz *rights_authz(const struct rights *rights);
uint64_t rights_position(const struct rights *rights); /* of the watch: revision up to which this is true */
/* Now and then: reads the roles again when memory ran out for some of them. */
void rights_mend(struct rights *rights);
void rights_close(
	struct rights
		*rights); /* follows the store no more; before cache_close. NULL is fine, here and below */
void rights_free(struct rights *rights);

#endif
