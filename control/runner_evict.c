/* runner_evict: the pods of a node that is given up: they go when their tolerations of its taint end; and the identity of an exclusive one is
 * free when the node has surely stopped it. */
#include <errno.h>
#include <stdlib.h>

#include "healthcheck/fence.h"
#include "healthcheck/freeing.h"
#include "control/runner_internal.h"

/* The node's pods as they are looked at, one after the other. */
struct emptying {
	struct job *job;
	const char *node, *taint;
	int64_t since_wall_ms; /* of the taint */
	uint64_t free_ms;      /* exclusive identities; TIMERQ_NEVER: not free for all that is known */
	int64_t default_s;
	uint64_t due_ms; /* the next one */
	bool is_waiting; /* an exclusive one, with free_ms TIMERQ_NEVER */
};

static void look_again(struct emptying *e, uint64_t at_ms)
{
	if (at_ms < e->due_ms)
		e->due_ms = at_ms;
}

static void evicted(struct op *op, int code)
{
	op->runner->stats.evicted += !code;
}

static void freed(struct op *op, int code)
{
	op->runner->stats.freed += !code;
}

static void remove_pod(struct emptying *e, const struct pod_view *pod, bool by_force)
{
	struct runner *r = e->job->runner;
	const struct key key = { RES_PODS, pod->ns, pod->name };
	struct api_delete_options options = { .if_uid = pod->uid,
					      .grace_s = by_force ? 0 : -1,
					      .propagation = API_BACKGROUND };
	const struct event_about about = { "v1", "Pod", pod->ns, pod->name, pod->uid };
	struct op *op = op_new(r, e->job, NULL, NULL, NULL);

	if (!op)
		return;
	op->ended = by_force ? freed : evicted;
	if (by_force)
		runner_event(r, &about, "Warning", "ExclusiveIdentityFreed",
			     "Its node is gone for longer than it keeps exclusive pods: the name is free.");
	else
		runner_event(r, &about, "Normal", "TaintManagerEviction", "Marking for deletion Pod");
	op_delete(op, &key, &options);
}

/* An exclusive pod that is being deleted: its name is kept until there cannot be two. */
static void look_at_deleting(struct emptying *e, const struct pod_view *pod, const struct json *tree)
{
	if (!eviction_is_exclusive(tree))
		return;
	if (e->free_ms == TIMERQ_NEVER) {
		e->is_waiting = true;
		return;
	}
	if (e->job->runner->now_ms >= e->free_ms)
		remove_pod(e, pod, true);
	else
		look_again(e, e->free_ms);
}

static void look_at_pod(struct emptying *e, const struct pod_view *pod, const struct json *tree)
{
	struct runner *r = e->job->runner;
	int64_t after_s, due_wall_ms;

	if (pod->deleting) {
		look_at_deleting(e, pod, tree);
		return;
	}
	if (!eviction_after(tree, e->taint, e->default_s, &after_s))
		return;
	due_wall_ms = after_s > INT64_MAX / 2000 ? INT64_MAX / 2 : e->since_wall_ms + after_s * 1000;
	if (due_wall_ms <= r->now_wall_ms)
		remove_pod(e, pod, false);
	else
		look_again(e, r->now_ms + (uint64_t)(due_wall_ms - r->now_wall_ms));
}

static void look_at_all(struct emptying *e)
{
	struct runner *r = e->job->runner;

	list_for_each(&cluster_node(&r->cluster, e->node)->pods, at) {
		const struct cluster_pod *pod = container_of(at, struct cluster_pod, in_node);
		const struct key key = { RES_PODS, pod->view->ns, pod->view->name };
		struct json *tree = NULL;

		if (pod_is_over(pod->view) || pod->view->orphaned || pod->assumed)
			continue;
		if (!runner_can_write(r)) {
			e->job->failed = true; /* the rest a little later */
			return;
		}
		if (runner_read(r, &key, NULL, &tree))
			continue; /* damaged or gone: nothing is concluded */
		look_at_pod(e, pod->view, tree);
		json_free(tree);
	}
}

/* The node was last with the cloud before its link went (or before this hub started, which the hub of before outlived nobody's link), and last with a
 * majority of its region before its neighbours' words say so. They have to say dead now, too. */
static uint64_t free_at(const struct runner *r, const char *node, const struct node_judgement *judgement)
{
	const struct node_link *link = runner_link_of(r, node);
	uint64_t proof = judgement->neighbours.proof_ms;

	if (!judgement->decision.dead || !link || link->up || link->word != NODELIFE_DEAD ||
	    !judgement->neighbours.fence_ms || proof == FREEING_UNKNOWN)
		return TIMERQ_NEVER;
	return fence_free_at(link->since_ms > proof ? link->since_ms : proof, judgement->neighbours.fence_ms);
}

void work_evict(struct job *job, const char *name)
{
	struct runner *r = job->runner;
	const struct key key = { RES_NODES, "", name };
	const struct node_link *link = runner_link_of(r, name);
	struct emptying e = { .job = job, .node = name, .due_ms = TIMERQ_NEVER };
	struct node_judgement judgement;
	struct json *tree = NULL;

	runner_judge(r, name, &judgement);
	if (!judgement.decision.evict || !link || !link->evicting || !cluster_node(&r->cluster, name))
		return; /* it is back, or others say so now */
	if (runner_read(r, &key, NULL, &tree))
		return;
	e.taint = nodelife_no_execute(tree, &e.since_wall_ms);
	json_free(tree);
	if (!e.taint)
		return; /* on its way: comes again with the Node */
	e.default_s = judgement.neighbours.policy.toleration_s;
	e.free_ms = free_at(r, name, &judgement);
	look_at_all(&e);
	if (e.is_waiting && judgement.neighbours.fence_ms && r->options.exclusive)
		r->options.exclusive(r->options.neighbours_ctx, name);
	if (e.due_ms != TIMERQ_NEVER)
		runner_queue_at(r, WORK_EVICT, name, e.due_ms);
}
