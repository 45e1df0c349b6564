/* nodelife: what the cloud says about a node: its Ready condition while it cannot speak for itself, the condition
 * CutOff, and the taints that follow from conditions. Pure: a decision table, and its application to a Node.
 *
 * Today the evidence is the tunnel alone, so nothing is ever evicted: no NoExecute taint leaves here. Verdicts of the
 * region's electorate fit in as one more column of the table. */
#ifndef HOLDFAST_CONTROL_NODELIFE_H
#define HOLDFAST_CONTROL_NODELIFE_H

#include "base/json.h"

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
};
enum nodelife_ready {
	NODELIFE_AS_REPORTED, /* the node speaks for itself */
	NODELIFE_KEEP,	      /* leave everything as it is: not judged yet */
	NODELIFE_UNKNOWN,     /* Ready=Unknown */
};
struct nodelife_decision {
	enum nodelife_ready ready;
	bool cut_off; /* condition CutOff */
};
struct nodelife_decision nodelife_decide(struct nodelife_evidence evidence);

/* When is this link to be judged? `up` or since when (monotonic ms) it is down, `started_ms` when the hub did. *out_due_ms: when to
 * ask again, UINT64_MAX for never. */
enum nodelife_link nodelife_link(bool up, uint64_t down_since_ms, uint64_t started_ms,
				 uint64_t start_grace_ms, uint64_t link_grace_ms, uint64_t now_ms,
				 uint64_t *out_due_ms);

/* Brings conditions (status) and taints (spec) of a Node into line. 1: changed, 0: nothing to do, negative errno. */
int nodelife_apply_status(struct json *node, struct nodelife_decision decision,
			  int64_t now_wall_ms) must_check;
/* One condition of the Node's status, which is added if need be. 1: changed, 0: it had that status already, negative errno. */
int nodelife_set_condition(struct json *node, const char *type, const char *status, const char *reason,
			   const char *message, int64_t now_wall_ms) must_check;
/* Taints follow the conditions as they stand (and spec.unschedulable). Taints of other keys are left alone. */
int nodelife_apply_taints(struct json *node, int64_t now_wall_ms) must_check;

#endif
