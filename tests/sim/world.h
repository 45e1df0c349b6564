/* world: a cloud, its edges, and a workload that changes things at random: writes, cut links, lost power. */
#ifndef HOLDFAST_TESTS_SIM_WORLD_H
#define HOLDFAST_TESTS_SIM_WORLD_H

#include "tests/sim/cloud.h"
#include "tests/sim/edge.h"

#define WORLD_REFS_MAX 64u
#define WORLD_PODS_MAX 4096u

struct world_pod {
	bool exists;
	unsigned node;
	unsigned refs[2]; /* into refs, WORLD_REFS_MAX: none */
	uint64_t uid;
};
struct world_ref {
	bool exists;
	uint64_t uid;
	unsigned users;
};

struct world {
	struct sim sim;
	struct cloud cloud;
	struct edge *edges;
	unsigned edge_count;
	struct world_pod pods[WORLD_PODS_MAX];
	unsigned pod_count; /* slots in use */
	struct world_ref refs[WORLD_REFS_MAX];
	uint64_t uids, versions;
	struct sim_timer action;
	unsigned action_ms; /* about one action in so many ms; 0: quiet */
	bool trouble;	    /* links and power fail too */
	uint64_t actions;
};

struct world *world_new(uint64_t seed, unsigned edges, struct wire_options wire, bool verbose);
void world_free(struct world *world);
void world_start(struct world *world);
void world_set_action(struct world *world, unsigned action_ms, bool trouble);
/* Everything up, no trouble: runs until all edges are synced, and checks them. Fails after limit_ms. Returns
 * how long it took. */
uint64_t world_settle(struct world *world, uint64_t limit_ms);

/* Which edge is not there yet, and why, on stderr. */
void world_explain(struct world *world);

bool world_put_ref(struct world *world, unsigned ref);
bool world_put_pod(struct world *world, unsigned pod, unsigned node, unsigned ref_a, unsigned ref_b,
		   bool new_uid);
bool world_delete_pod(struct world *world, unsigned pod);

#endif
