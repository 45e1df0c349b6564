/* replicaset: what a ReplicaSet wants done: as many live pods as it names, wherever they fit. Pure: a ReplicaSet, the
 * cluster and the time in, a plan out.
 *
 * As upstream (pkg/controller/replicaset and controller_utils.go, 1.32): pods that are being deleted or are over do not count, so that
 * another is made at once when a node is given up; but an exclusive one keeps its place until it is gone. Unlike there, what nodes that cannot be heard say of their pods is not
 * counted as ready; of pods that are over only the newest are kept; and pods that fail as soon as they are made are made
 * again with a growing wait. Pods of nodes whose inventory is being reconciled count and are left alone. */
#ifndef HOLDFAST_CONTROL_REPLICASET_H
#define HOLDFAST_CONTROL_REPLICASET_H

#include "api/selector.h"
#include "control/cluster.h"

#define REPLICASET_API_VERSION "apps/v1"
#define REPLICASET_KIND "ReplicaSet"
#define CONDITION_REPLICA_FAILURE "ReplicaFailure"
#define REPLICASET_OVER_KEPT 10u  /* pods that are over, for the operator to look at */
#define REPLICASET_RETRY_MS 1000u /* after a pod that failed young: doubles with each, up to the cap */
#define REPLICASET_RETRY_MAX_MS (5u * 60 * 1000)
#define REPLICASET_YOUNG_MS (10u * 60 * 1000)

struct replicaset {
	struct arena arena;
	const char *ns, *name, *uid;
	int64_t generation, replicas, min_ready_s;
	bool deleting;
	struct selector *selector;
	struct span template_labels; /* packed */
};
/* -EINVAL: of the wrong shape (the tree was not validated); -ENOMEM. */
int replicaset_of(const struct json *tree, struct replicaset **out) must_check;
void replicaset_free(struct replicaset *rs);

enum replicaset_action { REPLICA_ADOPT, REPLICA_RELEASE, REPLICA_DELETE, REPLICA_TIDY };
struct replicaset_step {
	enum replicaset_action action; /* TIDY: delete one that is over */
	const struct cluster_pod *pod;
};
struct replicaset_counts {
	int64_t replicas, fully_labeled, ready, available;
};
struct replicaset_plan {
	struct replicaset_step *steps;
	size_t count, cap;
	size_t create;	     /* pods to make now */
	bool more;	     /* the batch was too small: ask again when they are made */
	int64_t due_wall_ms; /* look again then; 0: no need */
	struct replicaset_counts counts;
};
struct replicaset_now {
	int64_t wall_ms;
	size_t batch; /* at most so many are made at once; doubled by the caller while it goes well */
	/* Does the pod serve the same purpose (the sets of one Deployment)? Where many of those are on one node, the set's own there go
	 * first. NULL: only the set's own pods do. */
	bool (*is_related)(void *ctx, const struct pod_view *pod);
	void *ctx;
};
/* `rs` must not be deleting (its pods are the collector's). -ENOMEM. */
int replicaset_plan(const struct replicaset *rs, const struct cluster *cluster,
		    const struct replicaset_now *now, struct replicaset_plan *out) must_check;
void replicaset_plan_done(struct replicaset_plan *plan);

/* Why the last attempt to make or delete pods failed. */
struct replicaset_failure {
	const char *reason, *message; /* reason NULL: it did not */
};
/* Writes what is counted, the generation it is about, and the condition ReplicaFailure; returns whether anything changed, or -ENOMEM. */
int replicaset_write_status(struct json *tree, const struct replicaset_counts *counts, int64_t generation,
			    struct replicaset_failure failure, int64_t now_wall_ms) must_check;

#endif
