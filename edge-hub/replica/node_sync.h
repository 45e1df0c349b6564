/* node_sync: looks at the machine now and then, asks what the runtime says, and reports the Node. Loop thread. */
#ifndef HOLDFAST_EDGE_HUB_REPLICA_NODE_SYNC_H
#define HOLDFAST_EDGE_HUB_REPLICA_NODE_SYNC_H

#include "edge-hub/node/node_status.h"
#include "edge-hub/node/timekeeper.h"
#include "edge-hub/outbox/events.h"
#include "edge-hub/pods/agent.h"
#include "edge-hub/replica/reports.h"

struct node_sync;

struct node_sync_options {
	struct loop *loop;
	struct cache *cache;
	struct reports *reports;
	struct events *events;
	struct timekeeper *timekeeper;
	const char *node, *data_dir;
	uint64_t check_ms; /* between looks */
};
/* Reads the machine's facts. */
int node_sync_new(const struct node_sync_options *options, struct node_sync **out,
		  struct err *err) must_check;
void node_sync_free(struct node_sync *sync);
void node_sync_start(struct node_sync *sync, struct agent *agent);
/* Before the agent is closed: it is asked no more. NULL is fine. */
void node_sync_stop(struct node_sync *sync);
/* The runtime's state changed. */
void node_sync_runtime(struct node_sync *sync, const struct agent_runtime *runtime);
struct checks_summary;
/* What the node knows against itself changed. */
void node_sync_checks(struct node_sync *sync, const struct checks_summary *summary);
/* The address by which the cloud sees this node; "" keeps the last one. */
void node_sync_address(struct node_sync *sync, const char *address);
/* The wall time turned out to be another: what was said by the wrong one is said again. */
void node_sync_clock_moved(struct node_sync *sync, const struct walltime_move *move);
const struct node_facts *node_sync_facts(const struct node_sync *sync);

#endif
