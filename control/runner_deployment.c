/* runner_deployment: carries out the plans of Deployments. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "control/deployment.h"
#include "control/runner_internal.h"

#define EVENT_MAX 1024u

/* What one look at one Deployment has at hand. */
struct sync {
	struct job *job;
	struct runner *runner;
	struct workload *workload;
	const struct key *key;
	struct json *tree;
	struct deployment *d;
	struct deployment_set sets[DEPLOYMENT_SETS_MAX];
	size_t count;
	bool claiming; /* sets are being adopted: nothing is decided without them */
};

/* --- its ReplicaSets --- */

static const char *controller_uid(const struct json *tree)
{
	const struct json *owners = json_path(tree, "metadata.ownerReferences");

	for (size_t i = 0; i < json_count(owners); i++)
		if (json_bool(json_get(json_at(owners, i), "controller"), false))
			return json_path_str(json_at(owners, i), "uid", "");
	return "";
}

static bool has_running_pods(const struct runner *r, const char *uid)
{
	struct list *owned = cluster_owned(&r->cluster, uid);

	if (!owned)
		return false;
	list_for_each(owned, at)
		if (!pod_is_over(container_of(at, struct cluster_pod, in_owner)->view))
			return true;
	return false;
}

static void adopt(struct sync *s, const struct object *set)
{
	const struct owner owner = { DEPLOYMENT_API_VERSION, DEPLOYMENT_KIND, s->d->name, s->d->uid };

	s->claiming = true;
	if (runner_can_write(s->runner))
		workload_adopt(s->job, &set->key, set->uid, &owner);
	else
		s->job->again = true;
}

/* 1: it is ours, and stays in hand. */
static int claim(struct sync *s, const struct object *object, const struct json *tree)
{
	const char *controller = controller_uid(tree);
	bool fits = selector_match(s->d->selector, object->labels),
	     deleting = json_path(tree, "metadata.deletionTimestamp") != NULL;

	if (strcmp(controller, s->d->uid) == 0) {
		if (!fits && !deleting && runner_can_write(s->runner))
			workload_release(s->job, &object->key, object->uid, s->d->uid);
		return fits;
	}
	if (!*controller && fits && !deleting)
		adopt(s, object); /* comes again as ours */
	return 0;
}

static bool has_set(const struct sync *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(json_path_str(s->sets[i].tree, "metadata.name", ""), name) == 0)
			return true;
	return false;
}

static int add_set(struct sync *s, const struct key *key)
{
	struct object *object = NULL;
	struct json *tree = NULL;
	int rc;

	if (s->count == DEPLOYMENT_SETS_MAX || has_set(s, key->name))
		return 0;
	rc = runner_read(s->runner, key, &object, &tree);
	if (rc == -ENOENT)
		return 0;
	if (!rc && claim(s, object, tree)) {
		s->sets[s->count++] =
			(struct deployment_set){ .tree = tree,
						 .running = has_running_pods(s->runner, object->uid) };
		tree = NULL;
	}
	json_free(tree);
	object_unref(object);
	return rc;
}

static int add_own(void *ctx, const struct key *key)
{
	struct sync *s = ctx;

	return strcmp(key->resource, RES_REPLICASETS) == 0 ? add_set(s, key) : 0;
}

static int add_strays(struct sync *s)
{
	size_t cursor = 0;
	struct span text;
	void *value;
	int rc = 0;

	while (!rc && map_next(&s->runner->workloads[WORKLOAD_REPLICASET], &cursor, &text, &value)) {
		const struct workload *set = value;
		struct key *key;

		if (!set->stray || strcmp(set->ns, s->d->ns) != 0)
			continue;
		key = runner_split_key(set->key, RES_REPLICASETS);
		rc = key ? add_set(s, key) : -ENOMEM;
		free(key);
	}
	return rc;
}

/* A set that cannot be read is no reason to make another. */
static int read_sets(struct sync *s)
{
	int rc = collect_dependents(s->runner->index, s->d->uid, add_own, s);

	return rc ? rc : add_strays(s);
}

/* --- how its writes end --- */

static void say(const struct op *op, const char *type, const char *reason, const char *words)
{
	struct key *key = runner_split_key(op->name, RES_DEPLOYMENTS);

	if (key) {
		const struct event_about about = { DEPLOYMENT_API_VERSION, DEPLOYMENT_KIND, key->ns,
						   key->name, op->data };

		runner_event(op->runner, &about, type, reason, words);
	}
	free(key);
}

static void on_set_resized(struct op *op, int code)
{
	if (!code && op->answer->changed && op->text)
		say(op, "Normal", "ScalingReplicaSet", op->text);
}

static int collide_in_tree(void *ctx, struct json *tree, const struct object *stored)
{
	struct json *status = json_ensure(tree, "status");

	return status ? json_set_int(status, "collisionCount",
				     json_int(json_get(status, "collisionCount"), 0) + 1)
		      : -ENOMEM;
}

/* The name is taken by a set that is not ours, or by another template of the same hash. */
static void choose_another_name(const struct op *op)
{
	struct key *key = runner_split_key(op->name, RES_DEPLOYMENTS);
	struct op *collide = key ? op_new(op->runner, NULL, NULL, NULL, NULL) : NULL;

	if (collide)
		op_mutate(collide, key, API_PART_STATUS, collide_in_tree);
	free(key);
}

static void on_set_made(struct op *op, int code)
{
	struct workload *workload = map_get(&op->runner->workloads[WORKLOAD_DEPLOYMENT], span_of(op->name));

	if (workload) {
		workload->trouble = code && code != -EEXIST ? "FailedCreate" : NULL;
		free(workload->trouble_text);
		workload->trouble_text =
			workload->trouble ? span_dup(span_of(op->answer->status->message)) : NULL;
	}
	if (code == -EEXIST)
		choose_another_name(op);
	else if (code)
		say(op, "Warning", "ReplicaSetCreateError", op->answer->status->message);
	else if (op->text)
		say(op, "Normal", "ScalingReplicaSet", op->text);
}

/* --- writes --- */

/* An op that tells of the Deployment when it has ended: its key as name, its uid as data, words for an Event (may be NULL). */
static struct op *new_op(struct sync *s, const char *target_uid, const struct buf *words)
{
	const char *text = words && words->len ? buf_cstr((struct buf *)words) : NULL;
	struct op *op = op_new(s->runner, s->job, s->workload->key, target_uid, text);

	if (op && !(op->data = span_dup(span_of(s->d->uid)))) {
		s->job->failed = true;
		op_drop(op);
		return NULL;
	}
	return op;
}

/* What was decided holds for the state it was decided on; a newer one is looked at anew, since its change brings us here. */
static bool is_as_seen(const struct op *op, const struct json *tree)
{
	return op->tree && strcmp(json_path_str(tree, "metadata.resourceVersion", ""),
				  json_path_str(op->tree, "metadata.resourceVersion", "-")) == 0;
}

static int copy_member(struct json *to, const struct json *from, const char *key)
{
	const struct json *value = json_get(from, key);

	if (value)
		return json_set(to, key, json_copy(value));
	(void)json_remove(to, key);
	return 0;
}

static int resize_in_tree(void *ctx, struct json *tree, const struct object *stored)
{
	struct op *op = ctx;
	struct json *spec = json_get(tree, "spec"), *decided = json_get(op->tree, "spec");
	int rc;

	if (!is_as_seen(op, tree))
		return 1;
	rc = copy_member(spec, decided, "replicas");
	if (!rc)
		rc = copy_member(spec, decided, "minReadySeconds");
	return rc ? rc
		  : copy_member(json_get(tree, "metadata"), json_get(op->tree, "metadata"), "annotations");
}

static void write_set(struct sync *s, struct deployment_set *set)
{
	const struct key key = { RES_REPLICASETS, s->d->ns, set->name };
	struct buf words;
	struct op *op;

	buf_init(&words, EVENT_MAX);
	if (set->replicas != set->was)
		(void)buf_addf(&words, "Scaled %s replica set %s from %" PRId64 " to %" PRId64,
			       set->replicas > set->was ? "up" : "down", set->name, set->was, set->replicas);
	op = new_op(s, json_path_str(set->tree, "metadata.uid", ""), &words);
	buf_done(&words);
	if (!op)
		return;
	op->tree = json_copy(set->tree);
	op->ended = on_set_resized;
	op_mutate(op, &key, API_PART_OBJECT, resize_in_tree);
}

static void remove_set(struct sync *s, const struct deployment_set *set)
{
	const struct key key = { RES_REPLICASETS, s->d->ns, set->name };
	const struct api_delete_options options = { .if_uid = json_path_str(set->tree, "metadata.uid", ""),
						    .grace_s = -1,
						    .propagation = API_BACKGROUND };
	struct op *op = op_new(s->runner, s->job, NULL, NULL, NULL);

	if (op)
		op_delete(op, &key, &options);
}

static void make_set(struct sync *s, struct deployment_plan *plan)
{
	struct buf words;
	struct op *op;

	buf_init(&words, EVENT_MAX);
	(void)buf_addf(&words, "Scaled up replica set %s from 0 to %" PRId64,
		       json_path_str(plan->create, "metadata.name", ""),
		       json_path_int(plan->create, "spec.replicas", 0));
	op = new_op(s, NULL, &words);
	buf_done(&words);
	if (!op)
		return;
	op->ended = on_set_made;
	op_create(op, plan->create);
	plan->create = NULL;
}

static int status_in_tree(void *ctx, struct json *tree, const struct object *stored)
{
	struct op *op = ctx;
	int rc;

	if (!is_as_seen(op, tree))
		return 1;
	rc = copy_member(tree, op->tree, "status");
	return rc ? rc
		  : copy_member(json_get(tree, "metadata"), json_get(op->tree, "metadata"), "annotations");
}

static void report(struct sync *s)
{
	struct op *op = op_new(s->runner, s->job, NULL, NULL, NULL);

	if (!op)
		return;
	op->tree = json_copy(s->tree);
	op_mutate(op, s->key, API_PART_STATUS, status_in_tree);
}

/* --- one look --- */

static void carry_out(struct sync *s, struct deployment_plan *plan)
{
	if (plan->changed)
		report(s);
	for (size_t i = 0; i < s->count; i++) {
		if (!runner_can_write(s->runner)) {
			s->job->again = true; /* the rest when these are done */
			return;
		}
		if (s->sets[i].remove)
			remove_set(s, &s->sets[i]);
		else if (s->sets[i].changed)
			write_set(s, &s->sets[i]);
	}
	if (plan->create && runner_can_write(s->runner))
		make_set(s, plan);
	else if (plan->create)
		s->job->again = true;
}

static int look(struct sync *s)
{
	struct deployment_now now = { .wall_ms = s->runner->now_wall_ms };
	struct deployment_plan plan = { .create = NULL };
	int rc = read_sets(s);

	if (rc || s->claiming)
		return rc;
	if (s->workload->trouble)
		now.trouble = s->workload->trouble_text ? s->workload->trouble_text : "";
	rc = deployment_plan(s->d, s->tree, s->sets, s->count, &now, &plan);
	if (!rc) {
		carry_out(s, &plan);
		if (plan.due_wall_ms)
			runner_queue_at(s->runner, WORK_DEPLOYMENT, s->workload->key,
					s->runner->now_ms + (uint64_t)(plan.due_wall_ms - now.wall_ms));
	}
	deployment_plan_done(&plan);
	return rc;
}

void work_deployment(struct job *job, const char *key_text)
{
	struct runner *r = job->runner;
	struct sync *s = calloc(1, sizeof(*s));
	struct key *key = runner_split_key(key_text, RES_DEPLOYMENTS);
	int rc = s && key ? 0 : -ENOMEM;

	if (!rc) {
		s->job = job;
		s->runner = r;
		s->key = key;
		s->workload = map_get(&r->workloads[WORKLOAD_DEPLOYMENT], span_of(key_text));
		rc = s->workload ? runner_read(r, key, NULL, &s->tree) : -ENOENT;
	}
	if (!rc)
		rc = deployment_of(s->tree, &s->d);
	if (!rc && !s->d->deleting) /* of one being deleted the sets are the collector's */
		rc = look(s);
	/* One that cannot be read is left alone until it changes. */
	job->failed = job->failed || (rc && rc != -ENOENT && rc != -EBADMSG && rc != -EINVAL);
	if (s) {
		for (size_t i = 0; i < s->count; i++)
			json_free(s->sets[i].tree);
		deployment_free(s->d);
		json_free(s->tree);
	}
	free(s);
	free(key);
}
