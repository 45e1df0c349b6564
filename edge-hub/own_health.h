/* own_health: what this node knows against itself: looks at the machine and its runtime now and then, asks what its operator defined, and
 * says so where it matters: to the detector of neighbours, in the Node object and in Events. What is told to the cloud is told when it
 * has changed, and no more often than a look. Loop thread. */
#ifndef HOLDFAST_EDGE_HUB_OWN_HEALTH_H
#define HOLDFAST_EDGE_HUB_OWN_HEALTH_H

#include "edge-hub/node/facts.h"
#include "edge-hub/node/timekeeper.h"
#include "edge-hub/outbox/events.h"
#include "edge-hub/pods/agent.h"
#include "edge-hub/replica/node_sync.h"
#include "edge-hub/settings.h"
#include "healthcheck/score.h"

struct own_health;

struct own_health_options { /* all borrowed */
	const struct settings *settings;
	struct loop *loop;
	struct cache *cache;
	const struct agent *agent;
	struct timekeeper *timekeeper;
	struct node_sync *node_sync;
	struct events *events;
	const char *node;
	void (*on_trouble)(void *ctx, unsigned trouble); /* changed; see score_trouble. From the loop */
	void *ctx;
};
int own_health_new(const struct own_health_options *options, struct own_health **out,
		   struct err *err) must_check;
void own_health_free(struct own_health *own); /* before what it borrows; NULL is fine */
const struct score *own_health_score(const struct own_health *own);

#endif
