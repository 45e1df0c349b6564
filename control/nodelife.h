/* nodelife: what the cloud says about a node: its Ready condition while it cannot speak for itself, the conditions CutOff, AgentDown
 * and PeersUnreachable, and the taints that follow. Pure: a decision table over the tunnel and what the node's neighbours say, what its
 * region wants done about it, and the application of both to a Node. The table with examples is in docs/health.md. */
#ifndef HOLDFAST_CONTROL_NODELIFE_H
#define HOLDFAST_CONTROL_NODELIFE_H

#include "healthcheck/policy.h"

#define NODELIFE_NEVER UINT64_MAX
/* A node that is dead to its neighbours while its tunnel is up is asked whether it is there (tunnel/session.h): until it must have answered
 * nothing is made of it. */
#define NODELIFE_DOUBT_MS 6000u
/* "yes" while a majority of the region says that the node is dead, as users of SuperEdge know it. */
#define ANNOTATION_UNHEALTHY "nodeunhealth"

enum nodelife_link {
	NODELIFE_LINK_UP,
	NODELIFE_LINK_PENDING, /* down, but within the grace (after a start, or since it went down) */
	NODELIFE_LINK_DOWN,
};
/* What the node's neighbours say of it. */
enum nodelife_electorate {
	NODELIFE_SILENT,
	NODELIFE_UNDECIDED,
	NODELIFE_ALIVE,
	NODELIFE_AGENT_DOWN,
	NODELIFE_DEAD
};

struct nodelife_evidence {
	enum nodelife_link link;
	enum nodelife_electorate electorate;
	size_t electors;		    /* who might say something */
	bool only_dead;			    /* some do, and all of these say dead */
	uint64_t since_ms;		    /* for how long link and electorate have been as they are */
	const struct health_policy *policy; /* of the region; NULL: the defaults */
};
enum nodelife_ready {
	NODELIFE_AS_REPORTED, /* the node speaks for itself */
	NODELIFE_KEEP,	      /* leave everything as it is: not judged yet */
	NODELIFE_UNKNOWN,     /* Ready=Unknown */
	NODELIFE_NOT_READY,   /* Ready=False */
};
struct nodelife_decision {
	enum nodelife_ready ready;
	bool cut_off, agent_down, peers_unreachable; /* the conditions of these names */
	bool dead;				     /* annotation ANNOTATION_UNHEALTHY */
	bool evict;				     /* taint NoExecute: pods go when their tolerations end */
	uint64_t again_in_ms;	       /* then it becomes another, if all stays as it is; NODELIFE_NEVER */
	enum nodelife_electorate word; /* it rests on */
	const char *said; /* who says so, as a sentence for people; borrowed; NULL: nothing is added */
};
struct nodelife_decision nodelife_decide(struct nodelife_evidence evidence);

/* When is this link to be judged? `up` or since when (monotonic ms) it is down, `started_ms` when the hub did. *out_due_ms: when to
 * ask again, UINT64_MAX for never. */
enum nodelife_link nodelife_link(bool up, uint64_t down_since_ms, uint64_t started_ms,
				 uint64_t start_grace_ms, uint64_t link_grace_ms, uint64_t now_ms,
				 uint64_t *out_due_ms);

/* Brings conditions (status) and the annotation of a Node into line. 1: changed, 0: nothing to do, negative errno. */
int nodelife_apply_status(struct json *node, const struct nodelife_decision *decision,
			  int64_t now_wall_ms) must_check;
/* One condition of the Node's status, which is added if need be. 1: changed, 0: it had that status for that reason already (and keeps its
 * message), negative errno. */
int nodelife_set_condition(struct json *node, const char *type, const char *status, const char *reason,
			   const char *message, int64_t now_wall_ms) must_check;
/* Taints follow the conditions as they stand (and spec.unschedulable), NoExecute the decision. Taints of other keys are left alone. */
int nodelife_apply_taints(struct json *node, const struct nodelife_decision *decision,
			  int64_t now_wall_ms) must_check;
/* What is said about a node as it stands, and what is told of a change of it: one entry for each bit. */
enum nodelife_stance {
	NODELIFE_IS_NOT_READY = 1 << 0, /* by its taints */
	NODELIFE_IS_CUT_OFF = 1 << 1,
	NODELIFE_IS_AGENT_DOWN = 1 << 2,
	NODELIFE_IS_PEERS_UNREACHABLE = 1 << 3,
	NODELIFE_IS_DEAD = 1 << 4, /* and its tunnel is down */
	NODELIFE_IS_EVICTING = 1 << 5,
};
unsigned nodelife_stance(const struct json *node);
/* The event that a change from one stance to another calls for; names as upstream's where it has them. `is_new`: the bit came, else it
 * went. NULL: none. */
struct nodelife_event {
	unsigned stance;
	bool is_new;
	const char *type, *reason, *message; /* %s in the message is the node's name */
	bool with_said;			     /* who says so belongs to it */
};
const struct nodelife_event *nodelife_events(size_t *out_count);
/* Since when the node has a taint NoExecute of ours: its key (static), or NULL. */
const char *nodelife_no_execute(const struct json *node, int64_t *out_since_wall_ms);

#endif
