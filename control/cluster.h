/* cluster: pods and nodes as the controllers see them together: which pod is where, what it takes there, who owns
 * it, and which wait for a node. Fed with views in the order of the store. Pure. */
#ifndef HOLDFAST_CONTROL_CLUSTER_H
#define HOLDFAST_CONTROL_CLUSTER_H

#include "base/list.h"
#include "base/map.h"
#include "control/view.h"

#define CLUSTER_PODS_MAX 1000000u
#define CLUSTER_NODES_MAX 200000u

struct cluster_node {
	char *name;
	struct node_view *view; /* NULL: there is no Node object (any more), only pods bound to the name */
	bool damaged;		/* the Node object exists but cannot be read: nothing is concluded from it */
	bool held;		/* its inventory is being reconciled: hands off */
	struct list pods;	/* bound or assumed, of struct cluster_pod.in_node */
	struct amounts used;	/* by those that are not over */
	int64_t used_pods;
};
struct cluster_owner {
	struct list pods; /* of struct cluster_pod.in_owner */
	char uid[];
};
struct cluster_pod {
	struct pod_view *view;
	struct cluster_node *node; /* where it is bound or assumed, NULL while pending */
	struct cluster_owner *owner;
	bool assumed; /* bound by a write that is under way */
	struct list_node in_node, in_owner, in_pending;
};
struct cluster {
	struct map pods;     /* "ns/name" -> cluster_pod */
	struct map nodes;    /* name -> cluster_node */
	struct map owners;   /* uid of the controller -> cluster_owner */
	struct list strays;  /* without a controller, of struct cluster_pod.in_owner */
	struct list pending; /* unbound and not over, of struct cluster_pod.in_pending */
	size_t node_objects;
};
void cluster_init(struct cluster *cluster);
void cluster_done(struct cluster *cluster);

/* Takes the view, also on failure (-ENOMEM, -ENOSPC; then the pod is unknown). */
int cluster_put_pod(struct cluster *cluster, struct pod_view *view_take) must_check;
void cluster_remove_pod(struct cluster *cluster, const char *ns, const char *name);
struct cluster_pod *cluster_pod(const struct cluster *cluster, const char *ns, const char *name); /* NULL */

/* *out_matters (may be NULL): something changed that placement or workloads look at. */
int cluster_put_node(struct cluster *cluster, struct node_view *view_take, bool *out_matters) must_check;
int cluster_damage_node(struct cluster *cluster, const char *name) must_check;
void cluster_remove_node(struct cluster *cluster, const char *name);
struct cluster_node *cluster_node(const struct cluster *cluster, const char *name); /* NULL */
int cluster_hold_node(struct cluster *cluster, const char *name, bool held) must_check;

/* The pod counts on the node from now on, until the store says where it really is. */
int cluster_assume(struct cluster *cluster, struct cluster_pod *pod, const char *node) must_check;
void cluster_unassume(struct cluster *cluster, struct cluster_pod *pod);
/* The pods controlled by this uid; NULL when there are none. */
struct list *cluster_owned(const struct cluster *cluster, const char *uid);

/* Walks nodes that have a Node object, in order of appearance; *cursor starts at 0. */
struct cluster_node *cluster_next_node(const struct cluster *cluster, size_t *cursor);

#endif
