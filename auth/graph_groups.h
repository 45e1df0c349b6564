/* graph_groups: objects that all nodes get, or all nodes of a region, whatever runs there: Services and EndpointSlices. One record for
 * each object and one membership for each node, not one for each pair. Private to auth/graph*.c. */
#ifndef HOLDFAST_AUTH_GRAPH_GROUPS_H
#define HOLDFAST_AUTH_GRAPH_GROUPS_H

#include "auth/graph.h"
#include "base/list.h"
#include "base/map.h"

struct graph_group;
struct graph_member { /* embedded in a node; zeroed: in no group */
	struct graph_group *all, *region;
	struct list_node in_all, in_region;
	const char *node; /* its name; borrowed */
};
struct graph_groups {
	struct map groups; /* "" is all nodes, else the name of a region -> graph_group */
	struct map items;  /* "resource/ns/name" -> shared item */
};
/* Who is told; any of the events may be NULL. */
struct graph_told {
	const struct graph_events *events;
	void *ctx;
};
void graph_groups_init(struct graph_groups *groups);
void graph_groups_done(struct graph_groups *groups);

/* The object is there, for this group. Everything that can fail comes before the first telling. */
int graph_groups_put(struct graph_groups *groups, const struct key *key, enum graph_rank rank,
		     const char *group, struct graph_told told) must_check;
/* It was deleted (uid) or left the store (NULL). */
void graph_groups_remove(struct graph_groups *groups, const struct key *key, const char *uid,
			 struct graph_told told);
/* The node belongs to all and to this region ("" for none) from now on, whatever it belonged to before. */
int graph_groups_join(struct graph_groups *groups, struct graph_member *member, const char *region,
		      struct graph_told told) must_check;
void graph_groups_leave(struct graph_groups *groups, struct graph_member *member, struct graph_told told);

bool graph_groups_have(const struct graph_groups *groups, const struct graph_member *member,
		       const struct key *key);
int graph_groups_walk(const struct graph_member *member, enum graph_rank rank,
		      int (*each)(void *ctx, const struct key *key, enum graph_rank rank),
		      void *ctx) must_check;
size_t graph_groups_count(const struct graph_member *member);

#endif
