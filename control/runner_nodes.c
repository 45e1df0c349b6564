/* runner_nodes: conditions and taints of nodes, from what is known of their links. */
#include <errno.h>
#include <stdlib.h>

#include "control/nodelife.h"
#include "control/runner_internal.h"

static struct node_link *want_link(struct runner *r, const char *node)
{
	struct node_link *link = map_get(&r->links, span_of(node));

	if (link)
		return link;
	link = calloc(1, sizeof(*link));
	if (!link)
		return NULL;
	link->since_ms = r->started_ms;
	if (map_put(&r->links, span_of(node), link, NULL)) {
		free(link);
		return NULL;
	}
	return link;
}

void runner_link(struct runner *r, const char *node, bool up, uint64_t now_ms)
{
	struct node_link *link = want_link(r, node);

	if (!link) {
		r->stats.damaged++;
		return;
	}
	if (link->up == up && up)
		return;
	if (link->up != up)
		link->since_ms = now_ms;
	link->up = up;
	r->now_ms = now_ms;
	runner_queue(r, WORK_NODE, node);
}

void runner_hold(struct runner *r, const char *node, bool held, uint64_t now_ms)
{
	r->now_ms = now_ms;
	if (cluster_hold_node(&r->cluster, node, held))
		r->stats.damaged++;
	runner_queue_daemonsets(r, NULL);
	runner_queue_pending(r);
}

/* The evidence as of now; also told is when it will have to be looked at again. */
static struct nodelife_evidence evidence_of(const struct runner *r, const char *node, uint64_t *out_due_ms)
{
	const struct node_link *link = map_get(&r->links, span_of(node));
	bool up = link && link->up;
	uint64_t since = link ? link->since_ms : r->started_ms;

	return (struct nodelife_evidence){
		nodelife_link(up, since, r->started_ms, r->options.start_grace_ms, r->options.link_grace_ms,
			      r->now_ms, out_due_ms),
		NODELIFE_SILENT,
	};
}

static int judge_in_tree(void *ctx, struct json *tree, const struct object *stored)
{
	struct op *op = ctx;
	uint64_t due;
	struct nodelife_decision decision = nodelife_decide(evidence_of(op->runner, op->name, &due));
	int status = nodelife_apply_status(tree, decision, op->runner->now_wall_ms);
	int taints = status < 0 ? status : nodelife_apply_taints(tree, op->runner->now_wall_ms);

	if (taints < 0)
		return taints;
	return !status && !taints;
}

void work_node(struct job *job, const char *name)
{
	struct runner *r = job->runner;
	const struct key key = { RES_NODES, "", name };
	uint64_t due = TIMERQ_NEVER;
	struct op *op;

	(void)evidence_of(r, name, &due);
	if (!cluster_node(&r->cluster, name) || !cluster_node(&r->cluster, name)->view)
		return; /* no Node object, or one that cannot be read: comes again with it */
	if (due != TIMERQ_NEVER)
		runner_queue_at(r, WORK_NODE, name, due);
	op = op_new(r, job, name, NULL, NULL);
	if (op)
		op_mutate(op, &key, API_PART_ALL, judge_in_tree);
}
