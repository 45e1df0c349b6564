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
	workload_queue_of_node(r, node);
	runner_queue_pending(r);
	runner_queue(r, WORK_NODE, node);
}

/* --- judging --- */

static void ask_neighbours(const struct runner *r, const char *node, struct runner_neighbours *out)
{
	*out = (struct runner_neighbours){ .policy = health_policy_default,
					   .proof_ms = FREEING_UNKNOWN,
					   .until_ms = TIMERQ_NEVER };
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
	if (out->decision.again_in_ms != NODELIFE_NEVER &&
	    r->now_ms + out->decision.again_in_ms < out->due_ms)
		out->due_ms = r->now_ms + out->decision.again_in_ms;
	if (out->neighbours.until_ms < out->due_ms)
		out->due_ms = out->neighbours.until_ms;
	/* What it runs is being compared with what the store knows: nothing is moved meanwhile. */
	if (is_held(r, node))
		out->decision.evict = false;
}

/* What a change of the Node made of what is said about it. */
struct stances {
	unsigned was, is;
	char said[RUNNER_SAID_SIZE];
};

static int judge_in_tree(void *ctx, struct json *tree, const struct object *stored)
{
	struct op *op = ctx;
	struct runner *r = op->runner;
	struct stances *stances = op->data;
	const struct node_link *link = runner_link_of(r, op->name);
	struct node_judgement judgement;
	int status, taints;

	runner_judge(r, op->name, &judgement);
	judgement.decision.evict = judgement.decision.evict && link && link->evicting;
	stances->said[0] = '\0';
	if (r->options.said)
		r->options.said(r->options.neighbours_ctx, op->name, r->now_ms, stances->said);
	judgement.decision.said = stances->said[0] ? stances->said : NULL;
	stances->was = nodelife_stance(tree);
	status = nodelife_apply_status(tree, &judgement.decision, r->now_wall_ms);
	taints = status < 0 ? status : nodelife_apply_taints(tree, &judgement.decision, r->now_wall_ms);
	if (taints < 0)
		return taints;
	stances->is = nodelife_stance(tree);
	return !status && !taints;
}

/* Its name stands for its uid, as in a kubelet's Events: `kubectl describe node` of old releases looks for no others. */
static void tell(struct runner *r, const char *node, const struct stances *stances,
		 const struct nodelife_event *event)
{
	const struct event_about about = { "v1", "Node", "", node, node };
	struct buf text;

	buf_init(&text, 1024);
	(void)buf_addf(&text, event->message, node);
	if (event->with_said && stances->said[0])
		(void)buf_addf(&text, " %s", stances->said);
	if (buf_cstr(&text))
		runner_event_again(r, &about, event->type, event->reason, buf_cstr(&text));
	buf_done(&text);
}

static void judged(struct op *op, int code)
{
	const struct stances *stances = op->data;
	size_t count;
	const struct nodelife_event *events = nodelife_events(&count);

	if (code)
		return;
	for (size_t i = 0; i < count; i++)
		if ((stances->was ^ stances->is) & events[i].stance &&
		    events[i].is_new == !!(stances->is & events[i].stance))
			tell(op->runner, op->name, stances, &events[i]);
}

/* --- whose turn it is to be emptied --- */

/* "/" is no region's name. */
static struct span turns_key(const char *region)
{
	return span_of(region && *region ? region : "/");
}

static struct turns *turns_of(struct runner *r, const struct node_view *view)
{
	struct span key = turns_key(pairs_get(view->at.labels, GRAPH_REGION_LABEL));
	struct turns *turns = map_get(&r->turns, key);

	if (turns)
		return turns;
	turns = calloc(1, sizeof(*turns));
	if (turns && map_put(&r->turns, key, turns, NULL)) {
		free(turns);
		turns = NULL;
	}
	return turns;
}

void runner_evictions(const struct runner *r, const char *region, struct runner_evictions *out)
{
	const struct turns *turns = map_get(&r->turns, turns_key(region));

	*out = turns ? turns->count : (struct runner_evictions){ 0 };
}

static void wait_for(struct node_link *link, struct turns *turns)
{
	if (link->waits_for)
		link->waits_for->count.held--;
	link->waits_for = turns;
	if (turns)
		turns->count.held++;
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
	struct turns *turns;
	uint64_t due = r->now_ms + 1000;

	wait_for(link, NULL);
	if (!judgement->decision.evict) {
		link->evicting = false;
		return;
	}
	if (link->evicting)
		return;
	turns = turns_of(r, view);
	/* One that was begun with before this hub started has had its turn. */
	link->evicting =
		has_no_execute(view) ||
		(turns && eviction_take(&turns->rate, judgement->neighbours.policy.rate, r->now_ms, &due));
	if (turns)
		turns->count.begun += link->evicting;
	if (!link->evicting)
		wait_for(link, turns);
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
		if (r->options.word)
			r->options.word(r->options.neighbours_ctx, name, link->word,
					judgement.neighbours.word, r->now_ms);
		link->word = judgement.neighbours.word;
		link->word_since_ms = r->now_ms;
		runner_judge(r, name, &judgement);
	}
	if (!cluster_node(&r->cluster, name) || !cluster_node(&r->cluster, name)->view) {
		wait_for(link, NULL);
		return; /* no Node object, or one that cannot be read: comes again with it */
	}
	take_turn(r, name, link, &judgement);
	if (judgement.due_ms != TIMERQ_NEVER)
		runner_queue_at(r, WORK_NODE, name, judgement.due_ms);
	if (link->evicting)
		runner_queue(r, WORK_EVICT, name);
	op = op_new(r, job, name, NULL, NULL);
	if (!op)
		return;
	op->data = calloc(1, sizeof(struct stances));
	if (!op->data) {
		job->failed = true;
		op_drop(op);
		return;
	}
	op->ended = judged;
	op_mutate(op, &key, API_PART_ALL, judge_in_tree);
}
