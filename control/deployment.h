/* deployment: what a Deployment wants done with its ReplicaSets: one for each template it has had, pods moved from the old ones to the
 * current one as the strategy allows. Pure: trees, what is known of the sets, and the time in; changed trees out.
 *
 * As upstream (pkg/controller/deployment, 1.32), whose names of annotations, conditions, reasons and labels kubectl's rollout
 * verbs read. Unlike there, what a step may take down is bounded by both of upstream's bounds at once, so that counts that are not up to date
 * yet never cost an available pod. */
#ifndef HOLDFAST_CONTROL_DEPLOYMENT_H
#define HOLDFAST_CONTROL_DEPLOYMENT_H

#include "api/selector.h"
#include "control/arena.h"
#include "control/share.h"

#define DEPLOYMENT_API_VERSION "apps/v1"
#define DEPLOYMENT_KIND "Deployment"
#define DEPLOYMENT_SETS_MAX 256u /* ReplicaSets of one Deployment that are looked at */
#define LABEL_TEMPLATE_HASH "pod-template-hash"
#define ANNOTATION_REVISION "deployment.kubernetes.io/revision"
#define ANNOTATION_REVISIONS "deployment.kubernetes.io/revision-history"
#define ANNOTATION_WANTED "deployment.kubernetes.io/desired-replicas"
#define ANNOTATION_MOST "deployment.kubernetes.io/max-replicas"

struct deployment {
	struct arena arena;
	const char *ns, *name, *uid;
	int64_t generation, replicas, min_ready_s;
	int64_t history_limit; /* negative: keep all */
	int64_t deadline_s;    /* negative: none */
	bool deleting, paused, recreate;
	struct share max_unavailable, max_surge;
	struct selector *selector;
};
/* -EINVAL: of the wrong shape (the tree was not validated); -ENOMEM. */
int deployment_of(const struct json *tree, struct deployment **out) must_check;
void deployment_free(struct deployment *d);

/* One ReplicaSet of the Deployment: owned by it and of its selector. */
struct deployment_set {
	struct json *tree; /* the caller's; changed in place */
	bool running;	   /* it has pods that are not over, those being deleted included */

	/* What deployment_plan makes of it: */
	const char *name; /* borrowed from the tree */
	int64_t was;	  /* spec.replicas before; */
	int64_t replicas; /* and after */
	int64_t has, ready, available, revision, created_wall_ms;
	bool current; /* of the present template */
	bool changed; /* the tree is to be written: spec.replicas, spec.minReadySeconds, metadata.annotations */
	bool remove; /* it is beyond the history that is kept */
};
struct deployment_now {
	int64_t wall_ms;
	const char *trouble; /* why the new ReplicaSet could not be made last time; NULL: it could */
};
struct deployment_plan {
	struct json *create; /* a ReplicaSet to be made; NULL: none */
	bool changed;	     /* status or the annotation of the revision in the Deployment's tree */
	int64_t due_wall_ms; /* look again then; 0: no need */
};
/* `tree` is the Deployment's, and its status is changed in place. Of one being deleted nothing is planned. -ENOMEM, -EINVAL. */
int deployment_plan(const struct deployment *d, struct json *tree, struct deployment_set *sets, size_t count,
		    const struct deployment_now *now, struct deployment_plan *out) must_check;
void deployment_plan_done(struct deployment_plan *plan);

#endif
