/* daemonset: what a DaemonSet wants done: one pod on every eligible node, replaced bit by bit when the
 * template changes. Pure: a DaemonSet, the cluster and the time in, a plan out.
 *
 * As upstream (pkg/controller/daemon, 1.32), but for nodes that are cut off: they keep their place in every count, what
 * they run is left alone until the link is back, and they take nothing from the budget of a rolling update, for some edge node is
 * always away. Pods of nodes without a Node object are left alone too. */
#ifndef HOLDFAST_CONTROL_DAEMONSET_H
#define HOLDFAST_CONTROL_DAEMONSET_H

#include "api/selector.h"
#include "control/cluster.h"
#include "control/share.h"

#define DAEMONSET_HISTORY_DEFAULT 10
#define DAEMONSET_BACKOFF_MS 1000u /* of pods that failed, per node: doubles up to the cap */
#define DAEMONSET_BACKOFF_MAX_MS (15u * 60 * 1000)
#define LABEL_REVISION_HASH "controller-revision-hash"
#define LABEL_TEMPLATE_GENERATION "pod-template-generation"

struct daemonset {
	struct arena arena;
	const char *ns, *name, *uid;
	int64_t generation;
	bool deleting, on_delete; /* on_delete: updateStrategy OnDelete */
	struct selector *selector;
	struct share max_unavailable, max_surge;
	int64_t min_ready_s, history_limit, collision_count;
	struct placement placement; /* of the template, with the tolerations every daemon pod gets */
	const char *template_node;  /* spec.template.spec.nodeName, "" */
};
/* -EINVAL: of the wrong shape (the tree was not validated). */
int daemonset_of(const struct json *tree, struct daemonset **out) must_check;
void daemonset_free(struct daemonset *ds);

/* Should a pod run on the node; may one that runs there go on? */
struct daemonset_fit {
	bool should_run, may_continue;
};
struct daemonset_fit daemonset_fits(const struct daemonset *ds, const struct cluster_node *node);

enum daemonset_action { DAEMON_CREATE, DAEMON_DELETE, DAEMON_ADOPT, DAEMON_RELEASE };
struct daemonset_step {
	enum daemonset_action action;
	const char *node;	       /* DAEMON_CREATE; borrowed from the cluster */
	const struct cluster_pod *pod; /* the others */
	bool failed;		       /* DAEMON_DELETE: because the pod failed; counts for the back-off */
};
struct daemonset_counts {
	int64_t desired, current, misscheduled, ready, updated, available, unavailable;
};
struct daemonset_plan {
	struct daemonset_step *steps;
	size_t count, cap;
	struct daemonset_counts counts;
	int64_t due_wall_ms; /* look again then (a pod becomes available); 0: no need */
};
struct daemonset_now {
	int64_t wall_ms;
	const char *hash; /* of the current template's revision */
	/* May the failed pod on this node be replaced yet? NULL: always. */
	bool (*may_replace)(void *ctx, const char *node);
	void *ctx;
};
/* `ds` must not be deleting (its pods are the collector's). -ENOMEM. */
int daemonset_plan(const struct daemonset *ds, const struct cluster *cluster, const struct daemonset_now *now,
		   struct daemonset_plan *out) must_check;
void daemonset_plan_done(struct daemonset_plan *plan);

/* The pod for one node, ready for api_create. `revision` is the number of the template's revision. NULL without memory. */
struct json *daemonset_pod(const struct json *ds_tree, const char *node, const char *hash,
			   int64_t revision) must_check;
/* Writes the counts, and the generation they are about, into the DaemonSet's status; returns whether anything changed, or -ENOMEM. */
int daemonset_write_status(struct json *ds_tree, const struct daemonset_counts *counts,
			   int64_t generation) must_check;
#define DAEMONSET_API_VERSION "apps/v1"
#define DAEMONSET_KIND "DaemonSet"

#endif
