/* graph_internal: what the sources of the graph share: graph.c (what it is told, and tells) and graph_ask.c. Private to auth/graph*.c. */
#ifndef HOLDFAST_AUTH_GRAPH_INTERNAL_H
#define HOLDFAST_AUTH_GRAPH_INTERNAL_H

#include "auth/graph_set.h"

struct graph_pod {
	struct key key; /* into text */
	const char *uid;
	struct graph_node *node;
	struct list_node in_node;
	size_t ref_count;
	struct graph_edge **refs; /* follows the struct */
};

struct graph {
	struct graph_set set;
	struct graph_groups groups;
	struct map pods; /* "ns/name" -> graph_pod */
	struct graph_events events;
	void *ctx;
	uint64_t refs_cut;
};

struct graph_pod *graph_pod_find(const struct graph *g, const struct key *key); /* NULL */
/* Given to groups of nodes, not by what runs there. */
static inline bool graph_is_shared(enum graph_rank rank)
{
	return rank == GRAPH_SERVICE || rank == GRAPH_SLICE;
}

#endif
