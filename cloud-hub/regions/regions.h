/* regions: the regions that nodes belong to (label topology.kubernetes.io/region): keeps a Region object for each, with the roster
 * and the keys of its members, asks them about those whose tunnel is down, and counts what they say. A node without that label is
 * alone. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_REGIONS_REGIONS_H
#define HOLDFAST_CLOUD_HUB_REGIONS_REGIONS_H

#include "api/server.h"
#include "cloud-hub/gateway/gateway.h"
#include "control/runner.h"
#include "healthcheck/electorate.h"

struct regions;

#define REGIONS_MAX 65536u
#define REGIONS_CHECKS_PER_S \
	512u /* signatures of verdicts checked for a region; more are lost, and said again */
#define REGIONS_ANNOTATION_MAINTENANCE "health.holdfast.io/maintenance"

struct regions_options {
	struct loop *loop;
	struct api *api;	 /* borrowed, as is its cache */
	struct gateway *gateway; /* borrowed */
	struct audit *audit;	 /* borrowed; NULL: none */
	uint64_t start_grace_ms; /* as the runner's */
	/* What is said of the node, or what its region wants, has changed; never from inside regions_neighbours. */
	void (*changed)(void *ctx, const char *node);
	void *ctx;
};
/* Reads the store, and watches it from there. */
int regions_new(const struct regions_options *options, struct regions **out, struct err *err) must_check;
/* Before api_free, after cache_close, whose last completions come here. */
void regions_free(struct regions *regions);
/* No more callbacks, and nothing more is begun: the hub closes. NULL is fine, as below. */
void regions_stop(struct regions *regions);

/* The tunnel: a node's hub said Hello for the so-manieth time; it came up or went down. */
void regions_started(struct regions *regions, const char *node, uint64_t start);
void regions_link(struct regions *regions, const char *node, bool is_up);
/* As gateway_options.on_fence: the node told by which T it fences itself. */
void regions_fence(struct regions *regions, const char *node, unsigned fence_ms, bool is_hello);
/* As gateway_options.on_verdicts. */
void regions_verdicts(struct regions *regions, const char *node, const char *region,
		      const struct span *verdicts, size_t count);
/* Registrations have changed (a node was revoked): looks at all nodes again. */
void regions_recheck(struct regions *regions);
/* A new key for the region. -ENOENT: it has no member. */
int regions_rotate(struct regions *regions, const char *region) must_check;
/* For the runner. */
void regions_neighbours(void *regions, const char *node, uint64_t now_ms, struct runner_neighbours *out);
/* As runner_options.exclusive. */
void regions_exclusive(void *regions, const char *node);
/* The unexpired verdicts of all regions. `each` returns 0 to go on. */
struct regions_verdict {
	const char *region;
	const struct roster_member *voter, *subject;
	const struct verdict *verdict;
	uint64_t taken_ms, until_ms; /* monotonic */
};
/* `region`: of this one; NULL: of all. */
int regions_each_verdict(const struct regions *regions, const char *region,
			 int (*each)(void *ctx, const struct regions_verdict *v), void *ctx) must_check;
/* Verdicts of the region came or became void otherwise than by expiry. One listener; never from inside the above. */
void regions_on_verdicts(struct regions *regions, void (*fn)(void *ctx, const char *region), void *ctx);

/* Who of the node's neighbours says what, and on what ground, as a sentence for people; "" for a node without a region. At most
 * REGIONS_SAID_NAMES of those who say the same are named. For the runner. */
#define REGIONS_SAID_NAMES 4u
void regions_said(void *regions, const char *node, uint64_t now_ms, char out[RUNNER_SAID_SIZE]);

/* For the runner: what is said of the node has come to something else. Goes to the audit log, with at most REGIONS_RECORDED signed verdicts,
 * those that agree with it first; beyond REGIONS_RECORDS_PER_S without them. */
#define REGIONS_RECORDED 16u
#define REGIONS_RECORDS_PER_S 32u
void regions_record(void *regions, const char *node, enum nodelife_electorate was,
		    enum nodelife_electorate is, uint64_t now_ms);

/* Figures. Those of the first REGIONS_APART regions are kept apart, those of all others are one, "*". */
#define REGIONS_APART 512u
struct regions_figures {
	uint64_t taken, refused, forged, deferred; /* verdicts */
	uint64_t rotations;			   /* new keys made */
	size_t regions, members, connected, in_maintenance;
	size_t said[ELECTORATE_WORDS]; /* what is said of those that are not connected */
	struct runner_evictions evictions;
};
/* runner: NULL leaves evictions out. `each` hears of every region that is kept apart, and then of "*": all others, and what belonged to no region. */
void regions_each_figures(struct regions *regions, const struct runner *runner,
			  void (*each)(void *ctx, const char *region, const struct regions_figures *figures),
			  void *ctx);

#endif
