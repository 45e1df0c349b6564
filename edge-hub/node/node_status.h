/* node_status: the Node object of this machine: labels, status, conditions with their times. A pure core.
 *
 * The owner reads facts and pressure (node/facts.h), tells what the runtime said, and sends the bytes on when
 * node_status_step says that something a reader would care about has changed. Heartbeat times are not part
 * of that: a live link is the lease. */
#ifndef HOLDFAST_EDGE_HUB_NODE_NODE_STATUS_H
#define HOLDFAST_EDGE_HUB_NODE_NODE_STATUS_H

#include "base/buf.h"
#include "base/walltime.h"
#include "edge-hub/node/facts.h"

#define NODE_PODS_MAX 110
#define NODE_IMAGES_MAX 50u

struct node_image {
	const char *const *names;
	size_t name_count;
	uint64_t size_bytes;
};
struct node_input {
	const struct node_facts *facts;
	const struct node_pressure *pressure;
	const char *node_name;
	const char *internal_ip;     /* "" unknown: no such address is reported */
	const char *runtime_version; /* "containerd://1.6.20", "" while unknown */
	bool runtime_up, runtime_ready, network_ready;
	const char *runtime_message;	 /* why not, "" otherwise */
	int daemon_port;		 /* status.daemonEndpoints.kubeletEndpoint.Port; 0: none */
	const struct node_image *images; /* largest first; may be NULL */
	size_t image_count;
	int64_t wall_ms;
	bool clock_wrong; /* the machine's: not set, or far from the cloud's */
	/* Of the node's checks (health/checks.h): 1 some fail, 0 none, 2 one cannot be asked; -1: not known (yet), what was said stays. */
	int checks_failing;
	const char *checks_reason, *checks_message; /* NULL: not known either */
};

enum node_condition {
	NODE_MEMORY_PRESSURE,
	NODE_DISK_PRESSURE,
	NODE_PID_PRESSURE,
	NODE_CLOCK_SKEWED,
	NODE_CHECKS_FAILING,
	NODE_READY,
	NODE_CONDITIONS,
};
struct node_status {
	struct {
		int value; /* -1 never judged, 0 False, 1 True, 2 Unknown */
		int64_t since_wall_ms, seen_wall_ms, calm_since_wall_ms;
		char reason[48], message[256];
	} conditions[NODE_CONDITIONS];
	uint64_t digest; /* of what was last written, times of heartbeat left out */
};

void node_status_init(struct node_status *status);
/* Takes over conditions from the Node object last stored, so that transition times survive a restart. */
int node_status_restore(struct node_status *status, struct span node_json) must_check;
/* Judges the conditions. *out_changed: something other than a heartbeat differs from the last time it was written. */
int node_status_step(struct node_status *status, const struct node_input *input,
		     bool *out_changed) must_check;
/* The wall time turned out to be another: times of conditions follow. */
void node_status_clock_moved(struct node_status *status, const struct walltime_move *move);
/* The value of Node.status as JSON. */
int node_status_write(const struct node_status *status, const struct node_input *input,
		      struct buf *out) must_check;
/* The whole Node for registration: labels (kubernetes.io/hostname, os, arch) and `labels` beside, then status. `extra_labels`
 * is "k=v,k=v", already validated, "" for none. */
int node_object_write(const struct node_status *status, const struct node_input *input,
		      const char *extra_labels, struct buf *out) must_check;
/* What pods may use of it. */
void node_allocatable(const struct node_facts *facts, int64_t *out_cpu_milli, int64_t *out_memory_bytes,
		      int64_t *out_disk_bytes);

#endif
