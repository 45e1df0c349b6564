/* runner_observe: from changes of the store to views and to keys in the queue. */
#include <errno.h>
#include <stdlib.h>

#include "control/runner_internal.h"

static char present;

/* --- pods --- */

/* Has anything changed for those that might adopt it? */
static bool is_news_to_strangers(const struct pod_view *view, const struct cluster_pod *old)
{
	return !old || *old->view->controller.uid || old->view->orphaned != view->orphaned ||
	       !span_eq(old->view->labels, view->labels);
}

static void pod_concerns(struct runner *r, const struct pod_view *view, const struct cluster_pod *old)
{
	if (!*view->node && !pod_is_over(view))
		runner_queue_pair(r, WORK_SCHEDULE, view->ns, view->name);
	if (*view->controller.uid)
		workload_queue_controller(r, view);
	else if (view->labels.len && is_news_to_strangers(view, old))
		workload_queue_all(r, view->ns); /* one of them may want to adopt it */
	if (pod_is_over(view))
		workload_pod_ended(r, view);
}

/* A pod that no longer takes what it took makes room for those that wait. */
static void pod_left(struct runner *r, const struct cluster_pod *old, bool takes_still)
{
	if (old && old->node && !pod_is_over(old->view) && !takes_still)
		runner_queue_pending(r);
}

static void see_pod(struct runner *r, const struct object *object, const struct json *tree)
{
	struct cluster_pod *old = cluster_pod(&r->cluster, object->key.ns, object->key.name);
	struct pod_view *view = NULL;
	int rc = pod_view_of(tree, &view);

	if (rc) { /* what was known of it stays: a pod that cannot be read is no reason to make another */
		r->stats.damaged++;
		return;
	}
	pod_left(r, old, *view->node && !pod_is_over(view));
	pod_concerns(r, view, old);
	if (*view->node && runner_link_of(r, view->node) && runner_link_of(r, view->node)->evicting)
		runner_queue(r, WORK_EVICT, view->node);
	services_see_pod(r, old ? old->view : NULL, view);
	if (cluster_put_pod(&r->cluster, view))
		r->stats.damaged++;
}

static void lose_pod(struct runner *r, const struct object *object)
{
	struct cluster_pod *old = cluster_pod(&r->cluster, object->key.ns, object->key.name);

	if (!old)
		return;
	workload_queue_controller(r, old->view);
	workload_pod_ended(r, old->view);
	pod_left(r, old, false);
	services_lose_pod(r, old->view);
	cluster_remove_pod(&r->cluster, object->key.ns, object->key.name);
}

/* --- nodes --- */

static void see_node(struct runner *r, const struct object *object, const struct json *tree)
{
	struct node_view *view = NULL;
	bool matters = true;
	int rc = node_view_of(tree, &view);

	if (!rc)
		rc = cluster_put_node(&r->cluster, view, &matters);
	else if (cluster_damage_node(&r->cluster, object->key.name))
		rc = -ENOMEM;
	if (rc)
		r->stats.damaged++;
	runner_queue(r, WORK_NODE, object->key.name);
	if (!matters)
		return;
	workload_queue_of_node(r, object->key.name);
	services_node_changed(r, object->key.name);
	runner_queue_pending(r);
}

static void lose_node(struct runner *r, const struct object *object)
{
	cluster_remove_node(&r->cluster, object->key.name);
	runner_queue(r, WORK_NODE, object->key.name); /* it waits for no turn any more */
	workload_queue_of_node(r, object->key.name);
	runner_queue_pending(r);
}

/* --- workloads --- */

static void see_daemonset(struct runner *r, const struct object *object)
{
	workload_see(r, WORKLOAD_DAEMONSET, &object->key);
}

static void lose_daemonset(struct runner *r, const struct object *object)
{
	workload_lose(r, WORKLOAD_DAEMONSET, &object->key);
}

static void see_replicaset(struct runner *r, const struct object *object, const struct json *tree)
{
	workload_see(r, WORKLOAD_REPLICASET, &object->key);
	workload_queue_deployment(r, object, tree);
}

static void see_deployment(struct runner *r, const struct object *object)
{
	workload_see(r, WORKLOAD_DEPLOYMENT, &object->key);
}

static void lose_deployment(struct runner *r, const struct object *object)
{
	workload_lose(r, WORKLOAD_DEPLOYMENT, &object->key);
}

static void lose_replicaset(struct runner *r, const struct object *object)
{
	workload_queue_deployment(r, object, NULL);
	workload_lose(r, WORKLOAD_REPLICASET, &object->key);
}

/* --- namespaces --- */

static void see_namespace(struct runner *r, const struct object *object, const struct json *tree)
{
	struct span name = span_of(object->key.name);

	if (!json_path(tree, "metadata.deletionTimestamp")) {
		runner_queue(r, WORK_ACCOUNT, object->key.name);
		return;
	}
	if (map_put(&r->terminating, name, &present, NULL))
		r->stats.damaged++;
	runner_queue(r, WORK_NAMESPACE, object->key.name);
}

static void lose_namespace(struct runner *r, const struct object *object)
{
	(void)map_remove(&r->terminating, span_of(object->key.name));
	runner_queue(r, WORK_BOOT, "");
}

static void lose_account(struct runner *r, const struct object *object)
{
	if (strcmp(object->key.name, "default") == 0)
		runner_queue(r, WORK_ACCOUNT, object->key.ns);
}

static void see_event(struct runner *r, const struct object *object)
{
	struct buf key;

	buf_init(&key, WORKQUEUE_KEY_MAX);
	(void)buf_addf(&key, "%s/%s", object->key.ns, object->key.name);
	/* Its age is looked at then; when the hub has just started it may have expired already. */
	if (buf_cstr(&key))
		runner_queue_at(r, WORK_EVENT, buf_cstr(&key),
				r->watch ? r->now_ms + r->options.event_ttl_ms
					 : r->started_ms + r->options.start_grace_ms);
	buf_done(&key);
}

/* --- roles that gather the rules of others --- */

static void gather_again(void *ctx, const char *name)
{
	runner_queue(ctx, WORK_ROLE, name);
}

static void see_role(struct runner *r, const struct object *object, const struct json *tree)
{
	if (aggregate_see(r->aggregate, object, tree, gather_again, r))
		r->stats.damaged++;
}

static void lose_role(struct runner *r, const struct object *object)
{
	aggregate_lose(r->aggregate, object->key.name, gather_again, r);
}

/* --- owners and dependents --- */

static void queue_waiting_owners(struct runner *r, const struct object *object)
{
	const char *uid = object->owners.ptr, *end = object->owners.ptr + object->owners.len;

	for (; uid < end; uid += strlen(uid) + 1) {
		const char *key = map_get(&r->waiting, span_of(uid));

		if (key)
			runner_queue(r, WORK_FINALIZE, key);
	}
}

static void see_finalizers(struct runner *r, const struct object *object, const struct json *tree)
{
	struct buf key;
	char *copy;
	void *old = NULL;

	if (collect_policy_of(tree) == COLLECT_NOTHING) {
		free(map_remove(&r->waiting, span_of(object->uid)));
		return;
	}
	buf_init(&key, WORKQUEUE_KEY_MAX);
	(void)key_text(&object->key, &key);
	copy = buf_cstr(&key) ? span_dup(buf_span(&key)) : NULL;
	if (!copy || map_put(&r->waiting, span_of(object->uid), copy, &old)) {
		r->stats.damaged++;
		free(copy);
	}
	free(old);
	buf_done(&key);
	runner_queue_object(r, WORK_FINALIZE, &object->key);
}

static void see_owners(struct runner *r, const struct object *object)
{
	bool owned = false;

	if (collect_see(r->index, object, &owned))
		r->stats.damaged++;
	if (!owned)
		return;
	runner_queue_object(r, WORK_COLLECT, &object->key);
	queue_waiting_owners(r, object);
}

static int queue_dependent(void *ctx, const struct key *key)
{
	runner_queue_object(ctx, WORK_COLLECT, key);
	return 0;
}

static void lose_owner(struct runner *r, const struct object *object)
{
	free(map_remove(&r->waiting, span_of(object->uid)));
	collect_forget(r->index, &object->key);
	queue_waiting_owners(r, object);
	if (collect_dependents(r->index, object->uid, queue_dependent, r))
		r->stats.damaged++;
}

/* --- dispatch --- */

static const struct {
	const char *resource;
	void (*see_tree)(struct runner *r, const struct object *object, const struct json *tree);
	void (*see)(struct runner *r, const struct object *object); /* when the body does not matter */
	void (*lose)(struct runner *r, const struct object *object);
} observers[] = {
	{ RES_PODS, see_pod, NULL, lose_pod },
	{ RES_NODES, see_node, NULL, lose_node },
	{ RES_NAMESPACES, see_namespace, NULL, lose_namespace },
	{ RES_DAEMONSETS, NULL, see_daemonset, lose_daemonset },
	{ RES_DEPLOYMENTS, NULL, see_deployment, lose_deployment },
	{ RES_REPLICASETS, see_replicaset, NULL, lose_replicaset },
	{ RES_ACCOUNTS, NULL, NULL, lose_account },
	{ RES_EVENTS, NULL, see_event, NULL },
	{ RES_SERVICES, services_see, NULL, services_lose },
	{ RES_ENDPOINTS, NULL, services_see_endpoints, services_see_endpoints },
	{ RES_SLICES, NULL, services_see_slice, services_lose_slice },
	{ RES_CLUSTER_ROLES, see_role, NULL, lose_role },
};
#define OBSERVERS (sizeof(observers) / sizeof(observers[0]))

static size_t observer_of(const char *resource)
{
	size_t i = 0;

	while (i < OBSERVERS && strcmp(observers[i].resource, resource) != 0)
		i++;
	return i;
}

/* Most objects that are not being deleted need no parsing: the mark of those that are is a plain substring. */
static bool may_be_deleting(const struct object *object)
{
	return memmem(object->body.ptr, object->body.len, "\"deletionTimestamp\"", 19) != NULL;
}

void observe_object(struct runner *r, const struct object *object)
{
	size_t i = observer_of(object->key.resource);
	bool deleting = may_be_deleting(object), known = i < OBSERVERS;
	struct json *tree = NULL;

	see_owners(r, object);
	if ((deleting || (known && observers[i].see_tree)) && object_to_json(object, &tree)) {
		r->stats.damaged++;
		if (strcmp(object->key.resource, RES_NODES) == 0 &&
		    cluster_damage_node(&r->cluster, object->key.name))
			r->stats.damaged++;
		return;
	}
	if (deleting || map_get(&r->waiting, span_of(object->uid)))
		see_finalizers(r, object, tree);
	if (known && observers[i].see_tree)
		observers[i].see_tree(r, object, tree);
	if (known && observers[i].see)
		observers[i].see(r, object);
	json_free(tree);
}

static void observe_loss(struct runner *r, const struct object *object)
{
	size_t i = observer_of(object->key.resource);

	if (i < OBSERVERS && observers[i].lose)
		observers[i].lose(r, object);
	lose_owner(r, object);
	if (*object->key.ns && map_get(&r->terminating, span_of(object->key.ns)))
		runner_queue(r, WORK_NAMESPACE, object->key.ns);
}

void observe_change(struct runner *r, const struct change *change)
{
	if (change->type == CHANGE_ADDED || change->type == CHANGE_MODIFIED)
		observe_object(r, change->object);
	else
		observe_loss(r, change->object);
}
