/* metrics: the edge-hub's figures as Prometheus text, at /metrics of its local API. Loop thread. */
#ifndef HOLDFAST_EDGE_HUB_METRICS_H
#define HOLDFAST_EDGE_HUB_METRICS_H

#include "edge-hub/local.h"

#define METRICS_PATH "/metrics"
#define METRICS_MAX (64u * 1024)

/* Where they come from. Agent, uplink and renewer may be NULL: those figures are left out. */
struct metrics_sources {
	const struct local_options *local;
	const struct agent *agent;
	const struct uplink *uplink;
	const struct renewer *renewer;
	const struct peers *peers; /* NULL too */
	const struct score *score; /* the same */
	const struct fencing *fencing;
	const struct withdrawals *withdrawals;
};
int metrics_write(const struct metrics_sources *sources, struct buf *out) must_check;

#endif
