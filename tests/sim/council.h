/* council: the cloud of a simulated fleet: the production electorate, nodelife, eviction and freeing cores on verdicts that travel by tunnels or by
 * a neighbour's, and the roster and roles that it keeps. It can stop and start: what a cloud-hub keeps in its store is kept here, and nothing else. */
#ifndef HOLDFAST_TESTS_SIM_COUNCIL_H
#define HOLDFAST_TESTS_SIM_COUNCIL_H

#include "control/eviction.h"
#include "control/nodelife.h"
#include "healthcheck/electorate.h"
#include "healthcheck/freeing.h"
#include "tests/sim/fleet.h"

#define COUNCIL_LINK_GRACE_MS 15000u
#define COUNCIL_START_GRACE_MS 20000u
#define COUNCIL_TOLERATION_MS 5000
#define COUNCIL_LINK_TIMEOUT_MS 8000u

struct council_node {
	/* in the store */
	bool is_here, in_maintenance; /* of the region; else alone in another one */
	unsigned fence_ms;
	uint64_t start;
	bool is_tainted;
	int64_t tainted_wall_ms;
	struct roster *alone; /* its other region */
	/* known to this hub */
	bool is_up, is_evicting;
	uint64_t session, heard_ms, since_ms, acked, told_ms;
	uint64_t sent, sending; /* revisions */
	unsigned send_step;
	enum nodelife_electorate word;
	uint64_t word_since_ms;
	uint64_t oldest, newest;
};
struct council_role {
	uint64_t uid; /* 0: nobody has it */
	unsigned node;
	bool is_deleting;
	uint64_t since_ms; /* world: given, or freed */
};

struct council {
	struct fleet *fleet;
	struct sim *sim;
	int drift_ppm;
	int64_t wall_offset_ms;
	bool is_running;
	/* in the store */
	struct council_node nodes[FLEET_NODES_MAX];
	struct council_role roles[FLEET_ROLES];
	struct health_policy policy;
	unsigned fence_ms; /* T of the region */
	uint64_t revision, fence_revision, roster_revision, uids;
	struct roster *roster;	 /* as stored */
	struct buf mark;	 /* roster_past_write */
	struct roster **rosters; /* all that ever were: letters point to them */
	size_t roster_count;
	/* known to this hub */
	uint64_t started_ms, roster_due_ms, wanted_ms;
	uint32_t wanted;
	bool is_roster_due, is_mark_due;
	struct electorate *electorate;
	struct roster_past *past;
	struct eviction_rate rate;
	enum verdict_word words[FLEET_NODES_MAX]
			       [FLEET_NODES_MAX]; /* counted beside the electorate: voter, subject */
	uint64_t words_until_ms[FLEET_NODES_MAX][FLEET_NODES_MAX];
	struct list late;
	unsigned late_pc; /* verdicts that come much later */
	uint64_t evictions, freed;
	void (*on_evict)(struct council *council, unsigned node);
};

void council_init(struct council *council, struct fleet *fleet, unsigned fence_ms);
void council_done(struct council *council); /* stopped, and after region_free: hosts go by its rosters */
void council_stop(struct council *council);
void council_start(struct council *council);

uint64_t council_clock(const struct council *council);
void council_move(struct council *council, unsigned node, bool is_here); /* its label is another */
void council_maintain(struct council *council, unsigned node, bool in_maintenance);
void council_set_fence(struct council *council, unsigned fence_ms);

#endif
