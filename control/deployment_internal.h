/* deployment_internal: what the sources behind control/deployment.h share. Nobody else includes it. */
#ifndef HOLDFAST_CONTROL_DEPLOYMENT_INTERNAL_H
#define HOLDFAST_CONTROL_DEPLOYMENT_INTERNAL_H

#include "control/deployment.h"

/* One look. */
struct rollout {
	const struct deployment *d;
	struct json *tree;
	const struct deployment_now *now;
	struct deployment_plan *plan;
	struct deployment_set **all; /* oldest first */
	size_t count;
	struct deployment_set *current; /* NULL: not made yet */
};

int64_t rollout_surge(const struct deployment *d); /* 0 unless rolling */
int64_t rollout_unavailable(const struct deployment *d);
/* Sums over all sets. */
int64_t rollout_wanted(const struct rollout *r); /* spec.replicas as decided */
int64_t rollout_available(const struct rollout *r);

/* --- deployment_sets.c: single sets --- */
int sets_decode(struct rollout *r, struct deployment_set *sets) must_check; /* and which is current */
int set_resize(const struct rollout *r, struct deployment_set *set, int64_t replicas) must_check;
/* Brings the current set's annotations, revision and minReadySeconds up to date; and the Deployment's revision. */
int set_refresh_current(struct rollout *r) must_check;
int set_make(struct rollout *r, int64_t replicas) must_check; /* fills plan->create */
/* An annotation that is a number; false: there is none. */
bool set_number(const struct deployment_set *set, const char *annotation, int64_t *out);

/* --- deployment_scale.c: how many where --- */
int64_t scale_of_current(const struct rollout *r); /* what it may grow to now */
/* Upstream's scale(): in proportion, when spec.replicas changed in the middle of a rollout, or it is paused. */
int scale_all(struct rollout *r) must_check;

/* --- deployment_status.c --- */
int status_counts(struct rollout *r) must_check; /* numbers and condition Available */
int status_progress(struct rollout *r,
		    bool made) must_check; /* counts, and condition Progressing; made: a set is being made */
int status_pause(struct rollout *r) must_check;
bool status_is_complete(const struct rollout *r);

#endif
