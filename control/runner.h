/* runner: the controllers of a hub in one place. It watches the cache, keeps small typed views of what the
 * cores need, queues what changed, asks the pure cores what to do, and carries it out through api/write.h.
 *
 * No event loop inside: the owner calls runner_step when the cache has delivered changes, when a link changed,
 * and at the deadline runner_next names; so a simulation drives it under a virtual clock. One thread, the cache's. */
#ifndef HOLDFAST_CONTROL_RUNNER_H
#define HOLDFAST_CONTROL_RUNNER_H

#include "api/server.h"
#include "control/nodelife.h"
#include "healthcheck/freeing.h"

struct runner;

#define RUNNER_START_GRACE_MS \
	60000u /* after a start no node is judged before its link had this long to return */
#define RUNNER_LINK_GRACE_MS 40000u /* a link down for longer makes Ready Unknown */
#define RUNNER_EVENT_TTL_MS (60u * 60 * 1000)
#define RUNNER_WRITES_MAX 64u	     /* writes under way at a time */
#define RUNNER_KEYS_PER_STEP 256u    /* work done before giving the loop back */
#define RUNNER_WORKLOADS_MAX 200000u /* of each kind */
#define RUNNER_SAID_SIZE 512u

/* Objects that every cluster has, by number: made at the start where absent, else given what they lack. */
struct runner_defaults {
	size_t (*count)(void);
	struct key (*key)(size_t index);
	struct json *(*make)(size_t index);		/* NULL: no memory */
	int (*mend)(size_t index, struct json *object); /* as api_mutate_fn: 0 changed, 1 leave it */
};

/* What a node's region says of it at the moment, and wants. */
struct runner_neighbours {
	enum nodelife_electorate word;
	size_t electors;
	bool only_dead; /* as in struct nodelife_evidence */
	struct health_policy policy;
	/* T, after which the node has stopped its exclusive pods by itself (healthcheck/fence.h); 0: it does not stop them, and
	 * their names are never free while it may be running. */
	uint64_t fence_ms;
	uint64_t
		proof_ms; /* monotonic; the latest time at which it can have been with a majority of its region; FREEING_UNKNOWN */
	uint64_t until_ms; /* monotonic; the word changes by itself then; UINT64_MAX */
};

struct runner_options {
	struct api *api;	 /* borrowed, as is its cache; callbacks come from cache_dispatch */
	uint64_t seed;		 /* names of pods, jitter; random in a hub, fixed in tests */
	uint64_t start_grace_ms; /* 0: RUNNER_START_GRACE_MS */
	uint64_t link_grace_ms;	 /* 0: RUNNER_LINK_GRACE_MS */
	uint64_t event_ttl_ms;	 /* 0: RUNNER_EVENT_TTL_MS */
	const char *component;	 /* source of events, "cloud-hub" */
	const struct runner_defaults *defaults; /* borrowed; NULL: none */
	/* NULL: nobody says anything of anybody. */
	void (*neighbours)(void *ctx, const char *node, uint64_t now_ms, struct runner_neighbours *out);
	/* Who of them says what, as one sentence for people; "" where there is nothing to say. NULL: nobody knows. */
	void (*said)(void *ctx, const char *node, uint64_t now_ms, char out[RUNNER_SAID_SIZE]);
	/* What they say of it has come to something else. May be NULL. */
	void (*word)(void *ctx, const char *node, enum nodelife_electorate was, enum nodelife_electorate is,
		     uint64_t now_ms);
	/* Exclusive pods of a node that is given up wait, and proof_ms is not known: see to it that it will be. May be NULL. */
	void (*exclusive)(void *ctx, const char *node);
	void *neighbours_ctx;
	void (*wake)(
		void *ctx); /* work came up between steps: call runner_step soon. Never from inside runner_step. May be NULL */
	void *wake_ctx;
};
/* Reads the store once and starts watching. */
int runner_new(const struct runner_options *options, uint64_t now_ms, int64_t now_wall_ms,
	       struct runner **out, struct err *err) must_check;
/* Before cache_close. Writes under way are forgotten: they commit, and their completions, which may still come, do nothing. */
void runner_free(struct runner *r);

/* Works off what is queued and due. Cheap when there is nothing. */
void runner_step(struct runner *r, uint64_t now_ms, int64_t now_wall_ms);
/* When to call runner_step at the latest (monotonic ms), TIMERQ_NEVER for never; 0 or the past: at once. */
uint64_t runner_next(const struct runner *r);

/* The tunnel of a node came up or went down. A node never told of counts as down since the start. */
void runner_link(struct runner *r, const char *node, bool up, uint64_t now_ms);
/* While held, controllers neither create, bind nor delete pods on the node: its inventory is being reconciled after its cursor
 * diverged (a store restored from a backup). Not kept over a restart. */
void runner_hold(struct runner *r, const char *node, bool held, uint64_t now_ms);

/* What its neighbours say of the node, or what its region wants, has changed. */
void runner_neighbours_changed(struct runner *r, const char *node, uint64_t now_ms);

struct runner_stats {
	uint64_t scheduled, unschedulable, pods_created, pods_deleted, collected, writes, write_conflicts,
		write_failures, evicted, freed;
	size_t pods, nodes, daemonsets, deployments, replicasets, queued, in_flight;
	uint64_t damaged; /* objects that could not be decoded into views, and are left alone */
};
void runner_stats(const struct runner *r, struct runner_stats *out);
/* Evictions of the nodes of a region ("": nodes without one): begun with since the start; waiting for their turn now. */
struct runner_evictions {
	uint64_t begun;
	size_t held;
};
void runner_evictions(const struct runner *r, const char *region, struct runner_evictions *out);

#endif
