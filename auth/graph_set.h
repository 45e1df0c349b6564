/* graph_set: the sets behind the reference graph: nodes, items that pods name, and counted edges between
 * them. Private to auth/graph*.c.
 *
 * An edge (node, item) exists while its count is above zero or somebody is filling it in; both ends list it, and a look-up walks the
 * shorter of the two lists, so neither a namespace on every node nor a node with ten thousand items makes it slow. */
#ifndef HOLDFAST_AUTH_GRAPH_SET_H
#define HOLDFAST_AUTH_GRAPH_SET_H

#include "auth/graph.h"
#include "auth/graph_groups.h"
#include "base/list.h"
#include "base/map.h"

#define GRAPH_ITEMS_MAX 4000000u
#define GRAPH_KEY_MAX 1024u

struct graph_item {
	struct key key;
	enum graph_rank rank;
	struct list edges; /* of struct graph_edge.in_item */
	size_t text_len;
	char text[]; /* "resource/ns/name", then ns and name with their NULs */
};
struct graph_node {
	struct list edges;	    /* of struct graph_edge.in_node, in order of entry */
	struct list pods;	    /* of struct graph_pod.in_node */
	struct graph_edge *region;  /* to the Region of its label, counted; NULL */
	struct graph_member member; /* while there is a Node object */
	char name[];
};
struct graph_edge {
	struct graph_node *node;
	struct graph_item *item;
	struct list_node in_node, in_item;
	uint32_t count; /* pods that name the item */
	uint64_t stamp; /* of the pod that collected it last: each counts once for a pod */
	bool entering;
};
struct graph_set {
	struct map nodes; /* name -> graph_node */
	struct map items; /* text -> graph_item */
	size_t edges;
	uint64_t stamp;
};

void graph_set_init(struct graph_set *set);
void graph_set_done(struct graph_set *set); /* pods must be gone from the nodes' lists */
struct graph_node *graph_set_node(const struct graph_set *set, const char *name);		 /* NULL */
struct graph_item *graph_set_item(const struct graph_set *set, const struct key *key);		 /* NULL */
struct graph_edge *graph_set_edge(const struct graph_node *node, const struct graph_item *item); /* NULL */
/* The node, made where absent; NULL without memory. Dropped by graph_set_release_node when nothing hangs on it. */
struct graph_node *graph_set_want_node(struct graph_set *set, const char *name);
void graph_set_release_node(struct graph_set *set, struct graph_node *node);
/* The edge to the item of this key, both made where absent, the count untouched; NULL without memory. */
struct graph_edge *graph_set_want_edge(struct graph_set *set, struct graph_node *node, enum graph_rank rank,
				       const struct key *key);
/* Frees an edge whose count is zero, and its item when that was the last one. */
void graph_set_release_edge(struct graph_set *set, struct graph_edge *edge);

#endif
