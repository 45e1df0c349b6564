/* runner_nodes: conditions and taints of nodes, from what is known of their links and what their neighbours say. */
#include <errno.h>
#include <stdlib.h>

#include "auth/graph.h"
#include "control/nodelife.h"
#include "control/runner_internal.h"

struct node_link *runner_link_of(const struct runner *r, const char *node)
{
	return map_get(&r->links, span_of(node));
}

static struct node_link *want_link(struct runner *r, const char *node)
{
	struct node_link *link = runner_link_of(r, node);

	if (link)
		return link;
	link = calloc(1, sizeof(*link));
	if (!link)
		return NULL;
	link->since_ms = r->started_ms;
	link->word_since_ms = r->now_ms;
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

void runner_neighbours_changed(struct runner *r, const char *node, uint64_t now_ms)
{
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
	runner_queue(r, WORK_NODE, node);
}

/* --- judging --- */

static void ask_neighbours(const struct runner *r, const char *node, struct runner_neighbours *out)
{
	*out = (struct runner_neighbours){ .policy = health_policy_default, .until_ms = TIMERQ_NEVER };
	if (r->options.neighbours)
		r->options.neighbours(r->options.neighbours_ctx, node, r->now_ms, out);
}

/* A majority that says dead is worth more than waiting for the link; but not before everybody had time to come back. */
static enum nodelife_link link_state(const struct runner *r, const struct node_link *link, bool is_dead,
				     uint64_t *out_due_ms)
{
	return nodelife_link(link && link->up, link ? link->since_ms : r->started_ms, r->started_ms,
			     r->options.start_grace_ms, is_dead ? 0 : r->options.link_grace_ms, r->now_ms,
			     out_due_ms);
}

/* How long the link has been down and the neighbours have been saying this. */
static uint64_t lasted(const struct runner *r, const struct node_link *link, enum nodelife_electorate word)
{
	uint64_t since = link ? link->since_ms : r->started_ms;

	if (link && link->word != word)
		return 0;
	if (link && link->word_since_ms > since)
		since = link->word_since_ms;
	return r->now_ms > since ? r->now_ms - since : 0;
}

static bool is_held(const struct runner *r, const char *node)
{
	const struct cluster_node *known = cluster_node(&r->cluster, node);

	return known && known->held;
}

void runner_judge(const struct runner *r, const char *node, struct node_judgement *out)
{
	const struct node_link *link = runner_link_of(r, node);
	struct nodelife_evidence evidence;

	ask_neighbours(r, node, &out->neighbours);
	evidence = (struct nodelife_evidence){
		.link = link_state(r, link, out->neighbours.word == NODELIFE_DEAD, &out->due_ms),
		.electorate = out->neighbours.word,
		.electors = out->neighbours.electors,
		.only_dead = out->neighbours.only_dead,
		.since_ms = lasted(r, link, out->neighbours.word),
		.policy = &out->neighbours.policy,
	};
	out->decision = nodelife_decide(evidence);
	if (out->decision.evict_in_ms != NODELIFE_NEVER && out->decision.evict_in_ms &&
	    r->now_ms + out->decision.evict_in_ms < out->due_ms)
		out->due_ms = r->now_ms + out->decision.evict_in_ms;
	if (out->neighbours.until_ms < out->due_ms)
		out->due_ms = out->neighbours.until_ms;
	/* What it runs is being compared with what the store knows: nothing is moved meanwhile. */
	if (is_held(r, node))
		out->decision.evict = false;
}

static int judge_in_tree(void *ctx, struct json *tree, const struct object *stored)
{
	struct op *op = ctx;
	const struct node_link *link = runner_link_of(op->runner, op->name);
	struct node_judgement judgement;
	int status, taints;

	runner_judge(op->runner, op->name, &judgement);
	judgement.decision.evict = judgement.decision.evict && link && link->evicting;
	status = nodelife_apply_status(tree, &judgement.decision, op->runner->now_wall_ms);
	taints = status < 0 ? status
			    : nodelife_apply_taints(tree, &judgement.decision, op->runner->now_wall_ms);
	if (taints < 0)
		return taints;
	return !status && !taints;
}

/* --- whose turn it is to be emptied --- */

static struct eviction_rate *rate_of(struct runner *r, const struct node_view *view)
{
	const char *region = pairs_get(view->at.labels, GRAPH_REGION_LABEL);
	struct span key = span_of(region && *region ? region : "/"); /* no region's name */
	struct eviction_rate *rate = map_get(&r->rates, key);

	if (rate)
		return rate;
	rate = calloc(1, sizeof(*rate));
	if (rate && map_put(&r->rates, key, rate, NULL)) {
		free(rate);
		rate = NULL;
	}
	return rate;
}

static bool has_no_execute(const struct node_view *view)
{
	for (size_t i = 0; i < view->at.taint_count; i++)
		if (view->at.taints[i].effect == EFFECT_NO_EXECUTE &&
		    (strcmp(view->at.taints[i].key, TAINT_UNREACHABLE) == 0 ||
		     strcmp(view->at.taints[i].key, TAINT_NOT_READY) == 0))
			return true;
	return false;
}

static void take_turn(struct runner *r, const char *name, struct node_link *link,
		      struct node_judgement *judgement)
{
	const struct node_view *view = cluster_node(&r->cluster, name)->view;
	struct eviction_rate *rate;
	uint64_t due = r->now_ms + 1000;

	if (!judgement->decision.evict) {
		link->evicting = false;
		return;
	}
	if (link->evicting)
		return;
	rate = rate_of(r, view);
	/* One that was begun with before this hub started has had its turn. */
	link->evicting = has_no_execute(view) ||
			 (rate && eviction_take(rate, judgement->neighbours.policy.rate, r->now_ms, &due));
	if (!link->evicting && due < judgement->due_ms)
		judgement->due_ms = due;
}

void work_node(struct job *job, const char *name)
{
	struct runner *r = job->runner;
	const struct key key = { RES_NODES, "", name };
	struct node_link *link = want_link(r, name);
	struct node_judgement judgement;
	struct op *op;

	if (!link) {
		job->failed = true;
		return;
	}
	runner_judge(r, name, &judgement);
	if (link->word != judgement.neighbours.word) {
		link->word = judgement.neighbours.word;
		link->word_since_ms = r->now_ms;
		runner_judge(r, name, &judgement);
	}
	if (!cluster_node(&r->cluster, name) || !cluster_node(&r->cluster, name)->view)
		return; /* no Node object, or one that cannot be read: comes again with it */
	take_turn(r, name, link, &judgement);
	if (judgement.due_ms != TIMERQ_NEVER)
		runner_queue_at(r, WORK_NODE, name, judgement.due_ms);
	if (link->evicting)
		runner_queue(r, WORK_EVICT, name);
	op = op_new(r, job, name, NULL, NULL);
	if (op)
		op_mutate(op, &key, API_PART_ALL, judge_in_tree);
}
