/* fleet: the nodes of a simulated region with what they run: each has a tunnel that can be cut, a replica, the production voter and fence, containers
 * of which there must never be two, and a guard. The hosts, their clocks and what goes on between them is region.h's.
 *
 * A tunnel that is cut loses nothing at once: what was sent comes when it is whole again, if either end still waits for it. */
#ifndef HOLDFAST_TESTS_SIM_FLEET_H
#define HOLDFAST_TESTS_SIM_FLEET_H

#include "edge-hub/health/voter.h"
#include "healthcheck/fence.h"
#include "tests/sim/region.h"

#define FLEET_NODES_MAX 16u
#define FLEET_ROLES 4u /* what must run only once */
#define FLEET_TICK_MS 50u
#define FLEET_PING_MS 3000u
#define FLEET_STOP_MS \
	8000u /* the longest from the fence's closing to the end of a container, by hub or guard: GUARD_LAG_MS */

/* A pod that has a role; uid 0: none. */
struct fleet_pod {
	uint64_t uid;
	bool is_deleting;
};

enum letter_kind {
	/* to the cloud */
	LETTER_HELLO,
	LETTER_FENCE,
	LETTER_PING,
	LETTER_ACK,
	LETTER_VERDICT,
	LETTER_STOPPED,
	/* from it */
	LETTER_PONG,
	LETTER_ROSTER,
	LETTER_PODS,
	LETTER_END,
	LETTER_WANT,
};
struct letter {
	struct list_node node;
	enum letter_kind kind;
	uint64_t due_ms, session;
	uint64_t
		number; /* PING, PONG: the node's clock; ACK, END: a revision; STOPPED: a uid; HELLO: starts of the hub */
	unsigned fence_ms, role;
	const struct roster *roster; /* lives as long as the council */
	struct fleet_pod pods[FLEET_ROLES];
	uint32_t wanted; /* bit by node */
	uint8_t verdict[VERDICT_BYTES_MAX];
	size_t verdict_len;
};

struct fleet_run {
	uint64_t uid;
	bool is_running;
	uint64_t start_ms, stop_ms; /* by the host's clock; 0: not under way */
};

struct fleet_node {
	struct fleet *fleet;
	struct region_host *host;
	unsigned index;
	bool is_cut;	      /* its tunnel */
	struct list up, down; /* letters */
	uint64_t wire_delay_ms;
	/* on the disk */
	struct fleet_pod pods[FLEET_ROLES];
	unsigned fence_ms;
	uint64_t settled; /* the roster with which it was caught up last */
	uint64_t stopped[FLEET_ROLES];
	/* of this boot */
	uint64_t record_proof_ms, record_limit_ms;
	struct fleet_run runs[FLEET_ROLES];
	/* of this hub */
	struct voter *voter;
	struct fence fence;
	uint64_t session, dial_ms, heard_ms, pinged_ms, proof_ms;
	bool is_up, is_caught_up;
	unsigned told_ms;
};

struct fleet {
	struct region *region;
	struct sim *sim;
	struct fleet_node nodes[FLEET_NODES_MAX];
	unsigned count;
	struct sim_timer tick;
	uint64_t sessions;
	void (*on_letter)(void *ctx, struct fleet_node *from,
			  const struct letter *letter); /* arrives at the cloud */
	void (*on_tick)(void *ctx);
	void *ctx;
	uint64_t most_running; /* of one role at a time */
	uint64_t closings;     /* fences that closed */
};

/* The region's hosts run. */
void fleet_init(struct fleet *fleet, struct region *region, unsigned fence_ms);
void fleet_done(struct fleet *fleet); /* before region_free */

void fleet_crash(struct fleet *fleet, unsigned node);
void fleet_kill_hub(struct fleet *fleet, unsigned node); /* its containers run on */
void fleet_boot(struct fleet *fleet, unsigned node);	 /* or starts the hub again */

/* From the cloud: a copy goes to the node in the session it has there. */
void fleet_send(struct fleet_node *node, const struct letter *letter);
unsigned fleet_running(const struct fleet *fleet, unsigned role);

#endif
