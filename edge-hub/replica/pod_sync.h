/* pod_sync: between the replica and the pod agent: the rows of this node's pods are what the agent is to run, and what the
 * agent says goes into reports and events. Loop thread. */
#ifndef HOLDFAST_EDGE_HUB_REPLICA_POD_SYNC_H
#define HOLDFAST_EDGE_HUB_REPLICA_POD_SYNC_H

#include "edge-hub/node/timekeeper.h"
#include "edge-hub/outbox/events.h"
#include "edge-hub/pods/agent.h"
#include "edge-hub/replica/reports.h"

struct pod_sync;

struct pod_sync_options {
	struct cache *cache;
	struct reports *reports;
	struct events *events;
	struct timekeeper *timekeeper;
	void (*on_runtime)(void *ctx, const struct agent_runtime *runtime);
	void *ctx;
};
int pod_sync_new(const struct pod_sync_options *options, struct pod_sync **out) must_check;
void pod_sync_free(struct pod_sync *sync);
/* For agent_new, with the pod_sync as ctx. */
extern const struct agent_callbacks pod_sync_callbacks;
/* Tells the agent of every pod in the replica. Once, right after agent_new. */
int pod_sync_start(struct pod_sync *sync, struct agent *agent, struct err *err) must_check;
/* Before the agent is closed: it is told no more, whatever the replica still commits. NULL is fine. */
void pod_sync_stop(struct pod_sync *sync);
/* A row changed. */
void pod_sync_changed(struct pod_sync *sync, const struct change *change);
/* The replica may have become complete, or its orphans been decided. */
void pod_sync_feed_changed(struct pod_sync *sync);

#endif
