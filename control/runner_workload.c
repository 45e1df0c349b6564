/* runner_workload: the workloads there are, by kind; who of them is to be looked at when a pod or a node changes; and the
 * writes that all of them need. */
#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "control/runner_internal.h"
#include "control/template.h"

static const struct {
	const char *kind; /* as owner references name it */
	enum work work;
	bool of_pods; /* its pods are its own */
} kinds_of_work[WORKLOAD_KINDS] = {
	[WORKLOAD_DAEMONSET] = { "DaemonSet", WORK_DAEMONSET, true },
	[WORKLOAD_REPLICASET] = { "ReplicaSet", WORK_REPLICASET, true },
	[WORKLOAD_DEPLOYMENT] = { "Deployment", WORK_DEPLOYMENT, false },
};

/* --- which there are --- */

void workload_free(void *value)
{
	struct workload *workload = value;

	map_done(&workload->retries, free);
	free(workload->key);
	free(workload->ns);
	free(workload->trouble_text);
	free(workload->owner);
	free(workload);
}

static struct workload *workload_new(const char *key, const char *ns)
{
	struct workload *workload = calloc(1, sizeof(*workload));

	if (!workload)
		return NULL;
	map_init(&workload->retries, CLUSTER_NODES_MAX);
	workload->key = span_dup(span_of(key));
	workload->ns = span_dup(span_of(ns));
	if (workload->key && workload->ns)
		return workload;
	workload_free(workload);
	return NULL;
}

static void remember(struct runner *r, enum workload_kind kind, const char *key, const char *ns)
{
	struct workload *workload;

	if (map_get(&r->workloads[kind], span_of(key)))
		return;
	workload = workload_new(key, ns);
	if (workload && !map_put(&r->workloads[kind], span_of(key), workload, NULL))
		return;
	r->stats.damaged++;
	if (workload)
		workload_free(workload);
}

void workload_see(struct runner *r, enum workload_kind kind, const struct key *key)
{
	struct buf text;

	buf_init(&text, WORKQUEUE_KEY_MAX);
	(void)buf_addf(&text, "%s/%s", key->ns, key->name);
	if (buf_cstr(&text)) {
		remember(r, kind, buf_cstr(&text), key->ns);
		runner_queue(r, kinds_of_work[kind].work, buf_cstr(&text));
	}
	buf_done(&text);
}

void workload_lose(struct runner *r, enum workload_kind kind, const struct key *key)
{
	struct workload *workload = NULL;
	struct buf text;

	buf_init(&text, WORKQUEUE_KEY_MAX);
	if (!buf_addf(&text, "%s/%s", key->ns, key->name))
		workload = map_remove(&r->workloads[kind], buf_span(&text));
	buf_done(&text);
	if (workload)
		workload_free(workload);
}

/* --- who is to be looked at --- */

static void queue_kind(struct runner *r, enum workload_kind kind, const char *ns)
{
	size_t cursor = 0;
	struct span key;
	void *value;

	while (map_next(&r->workloads[kind], &cursor, &key, &value)) {
		struct workload *workload = value;

		if (!ns || strcmp(ns, workload->ns) == 0)
			runner_queue(r, kinds_of_work[kind].work, workload->key);
	}
}

void workload_queue_all(struct runner *r, const char *ns)
{
	for (size_t i = 0; i < WORKLOAD_KINDS; i++)
		if (kinds_of_work[i].of_pods)
			queue_kind(r, i, ns);
}

void workload_queue_controller(struct runner *r, const struct pod_view *pod)
{
	for (size_t i = 0; i < WORKLOAD_KINDS; i++)
		if (kinds_of_work[i].of_pods && strcmp(pod->controller.kind, kinds_of_work[i].kind) == 0)
			runner_queue_pair(r, kinds_of_work[i].work, pod->ns, pod->controller.name);
}

static struct workload *find(const struct runner *r, enum workload_kind kind, const char *ns,
			     const char *name)
{
	struct workload *workload = NULL;
	struct buf text;

	buf_init(&text, WORKQUEUE_KEY_MAX);
	if (!buf_addf(&text, "%s/%s", ns, name))
		workload = map_get(&r->workloads[kind], buf_span(&text));
	buf_done(&text);
	return workload;
}

static const struct json *controller_of(const struct json *tree)
{
	const struct json *owners = json_path(tree, "metadata.ownerReferences");

	for (size_t i = 0; i < json_count(owners); i++)
		if (json_bool(json_get(json_at(owners, i), "controller"), false))
			return json_at(owners, i);
	return NULL;
}

static void set_owner(struct workload *set, const char *ns, const struct json *controller)
{
	bool owned =
		strcmp(json_path_str(controller, "kind", ""), kinds_of_work[WORKLOAD_DEPLOYMENT].kind) == 0;
	struct buf text;

	free(set->owner);
	set->owner = NULL;
	if (!owned)
		return;
	buf_init(&text, WORKQUEUE_KEY_MAX);
	if (!buf_addf(&text, "%s/%s", ns, json_path_str(controller, "name", "")))
		set->owner = span_dup(buf_span(&text));
	buf_done(&text);
}

/* One of them may want to adopt it; once is enough for each state of its labels. */
static void offer(struct runner *r, struct workload *set, const struct object *object)
{
	uint64_t labels = hash64(object->labels, 1) | 1;

	if (set->stray != labels)
		queue_kind(r, WORKLOAD_DEPLOYMENT, object->key.ns);
	set->stray = labels;
}

void workload_queue_deployment(struct runner *r, const struct object *object, const struct json *tree)
{
	struct workload *set = find(r, WORKLOAD_REPLICASET, object->key.ns, object->key.name);
	const struct json *controller = controller_of(tree);

	if (!set)
		return;
	if (set->owner) /* also the one that it was taken from */
		runner_queue(r, WORK_DEPLOYMENT, set->owner);
	if (tree)
		set_owner(set, object->key.ns, controller);
	if (set->owner)
		runner_queue(r, WORK_DEPLOYMENT, set->owner);
	if (tree && !controller)
		offer(r, set, object);
	else
		set->stray = 0;
}

void workload_pod_ended(struct runner *r, const struct pod_view *pod)
{
	const struct workload *set =
		strcmp(pod->controller.kind, kinds_of_work[WORKLOAD_REPLICASET].kind) == 0
			? find(r, WORKLOAD_REPLICASET, pod->ns, pod->controller.name)
			: NULL;

	if (set && set->owner)
		runner_queue(r, WORK_DEPLOYMENT, set->owner);
}

bool workload_shares_owner(const struct runner *r, const char *owner, const struct pod_view *pod)
{
	const struct workload *set;

	if (!owner || strcmp(pod->controller.kind, kinds_of_work[WORKLOAD_REPLICASET].kind) != 0)
		return false;
	set = find(r, WORKLOAD_REPLICASET, pod->ns, pod->controller.name);
	return set && set->owner && strcmp(set->owner, owner) == 0;
}

bool workload_owns(const struct object *object, const char *uid)
{
	const char *at = object->owners.ptr, *end = object->owners.ptr + object->owners.len;

	for (; at < end; at += strlen(at) + 1)
		if (strcmp(at, uid) == 0)
			return true;
	return false;
}

/* Every DaemonSet may want a pod there; to the others only the pods matter that are there already. */
void workload_queue_of_node(struct runner *r, const char *name)
{
	const struct cluster_node *node = cluster_node(&r->cluster, name);

	queue_kind(r, WORKLOAD_DAEMONSET, NULL);
	if (!node)
		return;
	list_for_each(&node->pods, at)
		workload_queue_controller(r, container_of(at, struct cluster_pod, in_node)->view);
}

/* --- writes --- */

static int adopt_in_tree(void *ctx, struct json *tree, const struct object *stored)
{
	struct op *op = ctx;
	const struct owner *owner = op->data;
	struct json *meta = json_get(tree, "metadata"), *owners = json_get(meta, "ownerReferences");
	int rc = op_is_target(op, tree);

	if (rc || json_get(meta, "deletionTimestamp"))
		return 1;
	for (size_t i = 0; i < json_count(owners); i++)
		if (json_bool(json_get(json_at(owners, i), "controller"), false))
			return 1; /* taken meanwhile */
	if (!json_is(owners, JSON_ARRAY)) {
		rc = json_set(meta, "ownerReferences", json_new_array());
		owners = json_get(meta, "ownerReferences");
	}
	return rc ? rc
		  : json_append(owners, owner_reference(owner->api_version, owner->kind, op->name, op->text));
}

void workload_adopt(struct job *job, const struct key *child, const char *child_uid,
		    const struct owner *owner)
{
	struct op *op = op_new(job->runner, job, owner->name, child_uid, owner->uid);
	struct owner *copy = malloc(sizeof(*copy));

	if (!op || !copy) {
		job->failed = true;
		op_drop(op);
		free(copy);
		return;
	}
	*copy = (struct owner){ owner->api_version, owner->kind, op->name, op->text };
	op->data = copy;
	op_mutate(op, child, API_PART_OBJECT, adopt_in_tree);
}

static int release_in_tree(void *ctx, struct json *tree, const struct object *stored)
{
	struct op *op = ctx;
	int rc = op_is_target(op, tree);

	return rc ? rc : !collect_drop_owner(tree, op->text);
}

void workload_release(struct job *job, const struct key *child, const char *child_uid, const char *owner_uid)
{
	struct op *op = op_new(job->runner, job, NULL, child_uid, owner_uid);

	if (op)
		op_mutate(op, child, API_PART_OBJECT, release_in_tree);
}
