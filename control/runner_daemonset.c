/* runner_daemonset: carries out the plans of DaemonSets, and keeps the history of their templates. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/daemonset.h"
#include "control/revision.h"
#include "control/runner_internal.h"

#define HISTORY_MAX 256u /* revisions of one DaemonSet that are looked at */

/* What one look at one DaemonSet has at hand. */
struct sync {
	struct job *job;
	struct runner *runner;
	struct workload *workload;
	const struct key *key;
	struct json *tree;
	struct daemonset *ds;
	struct json *history[HISTORY_MAX];
	struct revision revisions[HISTORY_MAX];
	size_t history_count;
	uint64_t retry_ms; /* earliest end of a back-off that held something up; 0: none */
};

static struct event_about about_daemonset(const struct sync *s)
{
	return (struct event_about){ DAEMONSET_API_VERSION, DAEMONSET_KIND, s->ds->ns, s->ds->name,
				     s->ds->uid };
}

/* --- pods that keep failing --- */

static bool may_replace(void *ctx, const char *node)
{
	struct sync *s = ctx;
	const struct retry *retry = map_get(&s->workload->retries, span_of(node));

	if (!retry || retry->until_ms <= s->runner->now_ms)
		return true;
	if (!s->retry_ms || retry->until_ms < s->retry_ms)
		s->retry_ms = retry->until_ms;
	return false;
}

/* Each failure doubles the wait before the next replacement; a quiet spell of twice the cap forgets. */
static void count_failure(struct sync *s, const char *node)
{
	struct retry *retry = map_get(&s->workload->retries, span_of(node));
	uint64_t wait = DAEMONSET_BACKOFF_MS;

	if (!retry) {
		retry = calloc(1, sizeof(*retry));
		if (!retry || map_put(&s->workload->retries, span_of(node), retry, NULL)) {
			free(retry); /* replaced without a wait, this once */
			return;
		}
	}
	if (s->runner->now_ms > retry->until_ms + 2 * DAEMONSET_BACKOFF_MAX_MS)
		retry->failures = 0;
	for (unsigned i = 0; i < retry->failures && wait < DAEMONSET_BACKOFF_MAX_MS; i++)
		wait *= 2;
	retry->failures++;
	retry->until_ms =
		s->runner->now_ms + (wait < DAEMONSET_BACKOFF_MAX_MS ? wait : DAEMONSET_BACKOFF_MAX_MS);
}

/* --- history --- */

static bool hash_in_use(const struct sync *s, const char *hash)
{
	struct list *owned = cluster_owned(&s->runner->cluster, s->ds->uid);

	if (!owned)
		return false;
	list_for_each(owned, at)
		if (strcmp(container_of(at, struct cluster_pod, in_owner)->view->revision_hash, hash) == 0)
			return true;
	return false;
}

static int add_revision(void *ctx, struct object *object)
{
	struct sync *s = ctx;
	struct json *tree = NULL;
	const char *hash;

	if (!workload_owns(object, s->ds->uid))
		return 0;
	if (s->history_count == HISTORY_MAX)
		return 1;
	if (object_to_json(object, &tree))
		return -EBADMSG;
	hash = json_str(json_get(json_path(tree, "metadata.labels"), LABEL_REVISION_HASH), "");
	s->revisions[s->history_count] = (struct revision){ tree, hash_in_use(s, hash) };
	s->history[s->history_count++] = tree;
	return 0;
}

static int read_history(struct sync *s)
{
	const struct cache_list list = { .resource = RES_REVISIONS, .ns = s->ds->ns };
	int rc = cache_list(s->runner->cache, &list, add_revision, s, NULL);

	return rc < 0 ? rc : 0;
}

static int raise_in_tree(void *ctx, struct json *tree, const struct object *stored)
{
	struct op *op = ctx;
	int64_t number = *(const int64_t *)op->data;

	if (json_int(json_get(tree, "revision"), 0) >= number)
		return 1;
	return json_set_int(tree, "revision", number);
}

static void raise_revision(struct sync *s, const char *name, int64_t number)
{
	const struct key key = { RES_REVISIONS, s->ds->ns, name };
	struct op *op = op_new(s->runner, s->job, NULL, NULL, NULL);
	int64_t *data = malloc(sizeof(*data));

	if (!op || !data) {
		s->job->failed = true;
		op_drop(op);
		free(data);
		return;
	}
	*data = number;
	op->data = data;
	op_mutate(op, &key, API_PART_OBJECT, raise_in_tree);
}

static void drop_revisions(struct sync *s, const struct revision_plan *plan)
{
	for (size_t i = 0; i < plan->drop_count && runner_can_write(s->runner); i++) {
		const struct json *tree = s->history[plan->drop[i]];
		const struct key key = { RES_REVISIONS, s->ds->ns, json_path_str(tree, "metadata.name", "") };
		const struct api_delete_options options = { .if_uid = json_path_str(tree, "metadata.uid", ""),
							    .grace_s = -1 };
		struct op *op = op_new(s->runner, s->job, NULL, NULL, NULL);

		if (op)
			op_delete(op, &key, &options);
	}
}

static int collide_in_tree(void *ctx, struct json *tree, const struct object *stored)
{
	struct json *status = json_ensure(tree, "status");

	return status ? json_set_int(status, "collisionCount",
				     json_int(json_get(status, "collisionCount"), 0) + 1)
		      : -ENOMEM;
}

/* The name is taken: by an object that is not ours, or by another template of the same hash. */
static void on_revision_created(struct op *op, int code)
{
	struct runner *r = op->runner;
	struct key *key = code == -EEXIST ? runner_split_key(op->name, RES_DAEMONSETS) : NULL;
	struct op *collide = key ? op_new(r, NULL, NULL, NULL, NULL) : NULL;

	if (collide)
		op_mutate(collide, key, API_PART_STATUS, collide_in_tree);
	free(key);
}

/* 0: the history is as it should be, and `plan` says what the current template is called; 1: not yet. */
static int settle_history(struct sync *s, struct revision_plan *plan)
{
	struct op *op;
	int rc = read_history(s);

	if (!rc)
		rc = revision_plan(s->tree, s->revisions, s->history_count, plan);
	if (rc)
		return rc;
	if (plan->create) {
		op = op_new(s->runner, s->job, workqueue_key(s->job->item), NULL, NULL);
		if (!op)
			return -ENOMEM;
		op->ended = on_revision_created;
		op_create(op, plan->create);
		plan->create = NULL;
		s->job->again = true;
		return 1;
	}
	if (*plan->raise)
		raise_revision(s, plan->raise, plan->number);
	drop_revisions(s, plan);
	return 0;
}

/* --- steps --- */

static void on_pod_created(struct op *op, int code)
{
	struct runner *r = op->runner;
	struct key *key = runner_split_key(op->name, RES_DAEMONSETS);
	struct buf message;

	r->stats.pods_created += !code;
	buf_init(&message, 1024);
	(void)buf_addf(&message, code ? "Error creating a pod for node %s" : "Created pod for node %s",
		       op->text);
	if (key && buf_cstr(&message) && code != -EAGAIN) {
		const struct event_about about = { DAEMONSET_API_VERSION, DAEMONSET_KIND, key->ns, key->name,
						   op->uid };

		runner_event(r, &about, code ? "Warning" : "Normal",
			     code ? "FailedCreate" : "SuccessfulCreate", buf_cstr(&message));
	}
	buf_done(&message);
	free(key);
}

static void create_pod(struct sync *s, const char *node, const struct revision_plan *revision)
{
	struct op *op = op_new(s->runner, s->job, workqueue_key(s->job->item), s->ds->uid, node);

	if (!op)
		return;
	op->ended = on_pod_created;
	op_create(op, daemonset_pod(s->tree, node, revision->hash, revision->number));
}

static void on_pod_deleted(struct op *op, int code)
{
	op->runner->stats.pods_deleted += !code;
}

static void delete_pod(struct sync *s, const struct cluster_pod *pod, bool failed)
{
	const struct pod_view *view = pod->view;
	const struct key key = { RES_PODS, view->ns, view->name };
	const struct api_delete_options options = { .if_uid = view->uid,
						    .grace_s = -1,
						    .propagation = API_BACKGROUND };
	struct op *op = op_new(s->runner, s->job, NULL, NULL, NULL);
	struct buf message;

	if (!op)
		return;
	if (failed) {
		const struct event_about about = about_daemonset(s);

		count_failure(s, pod->node ? pod->node->name : "");
		buf_init(&message, 1024);
		(void)buf_addf(&message, "Found failed daemon pod %s/%s on node %s, will try to kill it",
			       view->ns, view->name, view->node);
		if (buf_cstr(&message))
			runner_event(s->runner, &about, "Warning", "FailedDaemonPod", buf_cstr(&message));
		buf_done(&message);
	}
	op->ended = on_pod_deleted;
	op_delete(op, &key, &options);
}

static void adopt_pod(struct sync *s, const struct cluster_pod *pod)
{
	const struct key key = { RES_PODS, pod->view->ns, pod->view->name };
	const struct owner owner = { DAEMONSET_API_VERSION, DAEMONSET_KIND, s->ds->name, s->ds->uid };

	workload_adopt(s->job, &key, pod->view->uid, &owner);
}

static void release_pod(struct sync *s, const struct cluster_pod *pod)
{
	const struct key key = { RES_PODS, pod->view->ns, pod->view->name };

	workload_release(s->job, &key, pod->view->uid, s->ds->uid);
}

static void carry_out(struct sync *s, const struct daemonset_plan *plan, const struct revision_plan *revision)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct daemonset_step *step = &plan->steps[i];

		if (!runner_can_write(s->runner)) {
			s->job->again = true; /* the rest when these are done */
			return;
		}
		switch (step->action) {
		case DAEMON_CREATE: create_pod(s, step->node, revision); break;
		case DAEMON_DELETE: delete_pod(s, step->pod, step->failed); break;
		case DAEMON_ADOPT: adopt_pod(s, step->pod); break;
		case DAEMON_RELEASE: release_pod(s, step->pod); break;
		}
	}
}

/* --- status --- */

struct status_data {
	struct daemonset_counts counts;
	int64_t generation;
};

static int status_in_tree(void *ctx, struct json *tree, const struct object *stored)
{
	struct op *op = ctx;
	const struct status_data *data = op->data;
	int rc = op_is_target(op, tree);

	if (rc)
		return rc;
	rc = daemonset_write_status(tree, &data->counts, data->generation);
	return rc < 0 ? rc : !rc;
}

static void report(struct sync *s, const struct daemonset_counts *counts)
{
	struct op *op;
	struct status_data *data;

	/* Tried on our own copy first: most looks change nothing. */
	if (daemonset_write_status(s->tree, counts, s->ds->generation) == 0)
		return;
	op = op_new(s->runner, s->job, NULL, s->ds->uid, NULL);
	data = malloc(sizeof(*data));
	if (!op || !data) {
		s->job->failed = true;
		op_drop(op);
		free(data);
		return;
	}
	*data = (struct status_data){ *counts, s->ds->generation };
	op->data = data;
	op_mutate(op, s->key, API_PART_STATUS, status_in_tree);
}

/* --- one look --- */

static int look(struct sync *s)
{
	struct daemonset_now now = { .wall_ms = s->runner->now_wall_ms,
				     .may_replace = may_replace,
				     .ctx = s };
	struct revision_plan revision = { .number = 0 };
	struct daemonset_plan plan = { .count = 0 };
	int rc = settle_history(s, &revision);

	if (!rc) {
		now.hash = revision.hash;
		rc = daemonset_plan(s->ds, &s->runner->cluster, &now, &plan);
	}
	if (!rc) {
		carry_out(s, &plan, &revision);
		report(s, &plan.counts);
		if (plan.due_wall_ms)
			runner_queue_at(s->runner, WORK_DAEMONSET, s->workload->key,
					s->runner->now_ms + (uint64_t)(plan.due_wall_ms - now.wall_ms));
		if (s->retry_ms)
			runner_queue_at(s->runner, WORK_DAEMONSET, s->workload->key, s->retry_ms);
	}
	daemonset_plan_done(&plan);
	revision_plan_done(&revision);
	return rc < 0 ? rc : 0;
}

void work_daemonset(struct job *job, const char *key_text)
{
	struct runner *r = job->runner;
	struct sync *s = calloc(1, sizeof(*s));
	struct key *key = runner_split_key(key_text, RES_DAEMONSETS);
	int rc = s && key ? 0 : -ENOMEM;

	if (!rc) {
		s->job = job;
		s->runner = r;
		s->key = key;
		s->workload = map_get(&r->workloads[WORKLOAD_DAEMONSET], span_of(key_text));
		rc = s->workload ? runner_read(r, key, NULL, &s->tree) : -ENOENT;
	}
	if (!rc)
		rc = daemonset_of(s->tree, &s->ds);
	if (!rc && !s->ds->deleting) /* of one being deleted the pods are the collector's */
		rc = look(s);
	/* One that cannot be read is left alone until it changes. */
	job->failed = job->failed || (rc && rc != -ENOENT && rc != -EBADMSG && rc != -EINVAL);
	if (s) {
		for (size_t i = 0; i < s->history_count; i++)
			json_free(s->history[i]);
		daemonset_free(s->ds);
		json_free(s->tree);
	}
	free(s);
	free(key);
}
