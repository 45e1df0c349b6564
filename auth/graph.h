/* graph: the one reference graph: which objects each node is entitled to. Replication, forwarded reads and
 * authorization all ask it, so that they can never disagree.
 *
 * A node's set: its own Node object; the Region that its label names; the pods bound to it; their namespaces, and the ServiceAccounts, ConfigMaps,
 * Secrets and claims these pods name anywhere; once it has a Node object, all Services, and the EndpointSlices of its region and those
 * without one. A key is in the set while at least one pod names it, whether an object of that key
 * exists or not. Pure, in memory, told of every change in the order of the store; 10^4 pods and 10^3 nodes cost a few
 * megabytes. One thread. */
#ifndef HOLDFAST_AUTH_GRAPH_H
#define HOLDFAST_AUTH_GRAPH_H

#include "cache/cache.h"

struct graph;

#define GRAPH_REGIONS "regions.health.holdfast.io" /* storage resource */
#define GRAPH_SERVICES "services"
#define GRAPH_SLICES "endpointslices.discovery.k8s.io"
/* Of Nodes, and of the EndpointSlices that are for one region only. */
#define GRAPH_REGION_LABEL "topology.kubernetes.io/region"
#define GRAPH_REFS_PER_POD_MAX \
	1024u /* further references of one pod are not entitled (the pod itself is); counted */
#define GRAPH_PODS_MAX 1000000u
#define GRAPH_NODES_MAX 200000u

/* Ranks are the order in which a replica must learn of things: what is named comes before what names it. */
enum graph_rank {
	GRAPH_NODE,
	GRAPH_REGION,
	GRAPH_NAMESPACE,
	GRAPH_SERVICE_ACCOUNT,
	GRAPH_CONFIG_MAP,
	GRAPH_SECRET,
	GRAPH_CLAIM,
	GRAPH_SERVICE,
	GRAPH_SLICE,
	GRAPH_POD,
	GRAPH_RANKS,
};

/* Called from graph_apply and graph_put only, in the order in which a replica must take them: references enter before the pod
 * that names them and leave after it. Keys are borrowed during the call; `node` too. The graph must not be changed from inside.
 * Any of them may be NULL. */
struct graph_events {
	/* The key is now in the node's set: send the object, whatever its age, if there is one. */
	void (*enter)(void *ctx, const char *node, const struct key *key, enum graph_rank rank);
	/* No longer in the set, though the object may live on: erase the bytes; no deletion. */
	void (*leave)(void *ctx, const char *node, const struct key *key);
	/* The object of a key that was in the set already was created or changed. */
	void (*changed)(void *ctx, const char *node, const struct key *key, enum graph_rank rank);
	/* The object of a key in the set was deleted: its uid is a tombstone. Of a pod it also means that it left the set. */
	void (*gone)(void *ctx, const char *node, const struct key *key, const char *uid);
};
int graph_new(const struct graph_events *events, void *ctx,
	      struct graph **out) must_check; /* events may be NULL */
void graph_free(struct graph *graph);

/* Feeds one object as it is (the scan at start, then every change follows). 0, -ENOMEM; a body that does not parse is -EBADMSG and
 * leaves what was known of that object. */
int graph_put(struct graph *graph, const struct object *object) must_check;
/* Feeds one change, in order. */
int graph_apply(struct graph *graph, const struct change *change) must_check;
/* The whole scan: cache_list_all into graph_put. *out_revision: apply changes after it. */
int graph_load(struct graph *graph, struct cache *cache, uint64_t *out_revision) must_check;

/* Is the key in the set of this node? */
bool graph_has(const struct graph *graph, const char *node, const struct key *key);
/* Is a pod of this namespace and service account bound to the node? (whose tokens it may ask for) */
bool graph_runs_as(const struct graph *graph, const char *node, const char *ns, const char *service_account);
/* The whole set in order of rank. `each` returns 0 to go on, else stops and that is returned. */
int graph_walk(const struct graph *graph, const char *node,
	       int (*each)(void *ctx, const struct key *key, enum graph_rank rank), void *ctx) must_check;
size_t graph_count(const struct graph *graph, const char *node); /* keys in the set */

/* Kinds of which nodes get anything at all, NULL-ended storage resources in order of rank; others need not be fed. */
const char *const *graph_resources(void);
/* False: nodes get nothing of that resource. */
bool graph_rank_of(const char *resource, enum graph_rank *out) must_check;

struct graph_stats {
	size_t nodes, pods, items, edges;
	uint64_t refs_cut; /* references beyond GRAPH_REFS_PER_POD_MAX */
};
void graph_stats(const struct graph *graph, struct graph_stats *out);

#endif
