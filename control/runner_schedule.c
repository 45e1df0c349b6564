/* runner_schedule: binds pending pods, and says of those that fit nowhere why. */
#include <errno.h>
#include <stdlib.h>

#include "control/condition.h"
#include "control/runner_internal.h"
#include "control/schedule.h"

static struct event_about about_pod(const struct pod_view *view)
{
	return (struct event_about){ "v1", "Pod", view->ns, view->name, view->uid };
}

/* --- binding --- */

static int bind_in_tree(void *ctx, struct json *tree, const struct object *stored)
{
	struct op *op = ctx;
	struct json *spec = json_get(tree, "spec");
	int rc = op_is_target(op, tree);

	if (rc)
		return rc;
	if (*json_str(json_get(spec, "nodeName"), "") || json_path(tree, "metadata.deletionTimestamp"))
		return 1; /* somebody else was quicker */
	rc = json_set_str(spec, "nodeName", op->text);
	if (!rc)
		rc = condition_set(tree, "PodScheduled", "True", "", "", op->runner->now_wall_ms);
	return rc < 0 ? rc : 0;
}

static void on_bound(struct op *op, int code)
{
	struct runner *r = op->runner;
	struct key *key = runner_split_key(op->name, RES_PODS);
	struct cluster_pod *pod = key ? cluster_pod(&r->cluster, key->ns, key->name) : NULL;
	struct buf message;

	free(key);
	if (!pod || strcmp(pod->view->uid, op->uid) != 0)
		return;
	if (code) {
		cluster_unassume(&r->cluster, pod);
		return;
	}
	r->stats.scheduled++;
	buf_init(&message, 2048);
	(void)buf_addf(&message, "Successfully assigned %s to %s", op->name, op->text);
	if (buf_cstr(&message)) {
		const struct event_about about = about_pod(pod->view);

		runner_event(r, &about, "Normal", "Scheduled", buf_cstr(&message));
	}
	buf_done(&message);
}

static void bind_pod(struct job *job, const char *key_text, struct cluster_pod *pod, const char *node)
{
	struct runner *r = job->runner;
	struct op *op = op_new(r, job, key_text, pod->view->uid, node);
	const struct key key = { RES_PODS, pod->view->ns, pod->view->name };

	if (!op)
		return;
	op->ended = on_bound;
	/* Without memory to assume, other pods may be given the same room: the node then says OutOf..., which is rare and honest. */
	if (cluster_assume(&r->cluster, pod, op->text))
		r->stats.damaged++;
	op_mutate(op, &key, API_PART_ALL, bind_in_tree);
}

/* --- fitting nowhere --- */

static int refuse_in_tree(void *ctx, struct json *tree, const struct object *stored)
{
	struct op *op = ctx;
	int rc = op_is_target(op, tree);

	if (rc || *json_path_str(tree, "spec.nodeName", ""))
		return 1;
	rc = condition_set(tree, "PodScheduled", "False", "Unschedulable", op->text, op->runner->now_wall_ms);
	return rc < 0 ? rc : !rc;
}

static void refuse_pod(struct job *job, const struct pod_view *view, const char *message)
{
	struct runner *r = job->runner;
	const struct event_about about = about_pod(view);
	const struct key key = { RES_PODS, view->ns, view->name };
	struct op *op;

	r->stats.unschedulable++;
	if (view->unschedulable && strcmp(view->unschedulable_message, message) == 0)
		return; /* said already */
	op = op_new(r, job, NULL, view->uid, message);
	if (!op)
		return;
	runner_event(r, &about, "Warning", "FailedScheduling", message);
	op_mutate(op, &key, API_PART_STATUS, refuse_in_tree);
}

void work_schedule(struct job *job, const char *key_text)
{
	struct runner *r = job->runner;
	struct key *key = runner_split_key(key_text, RES_PODS);
	struct cluster_pod *pod = key ? cluster_pod(&r->cluster, key->ns, key->name) : NULL;
	const struct cluster_node *node;
	struct buf message;

	free(key);
	if (!pod || pod->node || pod->view->deleting || pod->view->scheduling_gated ||
	    pod_is_over(pod->view) || pod->view->orphaned ||
	    strcmp(pod->view->scheduler, "default-scheduler") != 0)
		return;
	buf_init(&message, SCHEDULE_MESSAGE_MAX);
	node = schedule_pick(&r->cluster, pod->view, &message);
	if (node)
		bind_pod(job, key_text, pod, node->name);
	else
		refuse_pod(job, pod->view, buf_cstr(&message) ? buf_cstr(&message) : "no node fits");
	buf_done(&message);
}
