/* own_checks: asks what the operator defined (check_spec) when it is due (check_plan), and puts the results into the node's score. Loop
 * thread. */
#ifndef HOLDFAST_EDGE_HUB_HEALTH_OWN_CHECKS_H
#define HOLDFAST_EDGE_HUB_HEALTH_OWN_CHECKS_H

#include "edge-hub/health/check_spec.h"
#include "healthcheck/score.h"
#include "net/loop.h"

struct own_checks;

struct own_checks_options {
	struct loop *loop;
	const struct config_objects *specs; /* borrowed until own_checks_free */
	struct score *score;		    /* the same; the checks are added to it here */
	void (*changed)(void *ctx);	    /* a check failed, is well again, or cannot be asked */
	void *ctx;
};
int own_checks_new(const struct own_checks_options *options, struct own_checks **out) must_check;
void own_checks_free(struct own_checks *checks); /* what runs is killed; NULL is fine */

#endif
