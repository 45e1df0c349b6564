/* schedule: picks the node for one pod. Pure and deterministic: the same cluster gives the same answer.
 * Filters and their sentences are upstream's (kube-scheduler 1.32, plugins in their order of evaluation). */
#ifndef HOLDFAST_CONTROL_SCHEDULE_H
#define HOLDFAST_CONTROL_SCHEDULE_H

#include "control/cluster.h"

#define SCHEDULE_MESSAGE_MAX 1024u

/* The node, borrowed from the cluster; or NULL with a message like
 * "0/3 nodes are available: 1 node(s) had untolerated taint {a: b}, 2 Insufficient cpu." */
const struct cluster_node *schedule_pick(const struct cluster *cluster, const struct pod_view *pod,
					 struct buf *out_message);

#endif
