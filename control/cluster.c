#include "control/cluster.h"

#include <errno.h>
#include <stdlib.h>

#define POD_KEY_MAX 1024u

void cluster_init(struct cluster *cluster)
{
	*cluster = (struct cluster){ .node_objects = 0 };
	map_init(&cluster->pods, CLUSTER_PODS_MAX);
	map_init(&cluster->nodes, CLUSTER_NODES_MAX);
	map_init(&cluster->owners, CLUSTER_PODS_MAX);
	list_init(&cluster->strays);
	list_init(&cluster->pending);
}

static void free_pod(void *value)
{
	struct cluster_pod *pod = value;

	pod_view_free(pod->view);
	free(pod);
}

static void free_node(void *value)
{
	struct cluster_node *node = value;

	node_view_free(node->view);
	free(node->name);
	free(node);
}

void cluster_done(struct cluster *cluster)
{
	map_done(&cluster->pods, free_pod);
	map_done(&cluster->nodes, free_node);
	map_done(&cluster->owners, free);
}

/* --- nodes --- */

struct cluster_node *cluster_node(const struct cluster *cluster, const char *name)
{
	return map_get(&cluster->nodes, span_of(name));
}

static struct cluster_node *want_node(struct cluster *cluster, const char *name)
{
	struct cluster_node *node = cluster_node(cluster, name);

	if (node)
		return node;
	node = calloc(1, sizeof(*node));
	if (!node)
		return NULL;
	list_init(&node->pods);
	node->name = span_dup(span_of(name));
	if (!node->name || map_put(&cluster->nodes, span_of(name), node, NULL)) {
		free_node(node);
		return NULL;
	}
	return node;
}

static void release_node(struct cluster *cluster, struct cluster_node *node)
{
	if (node->view || node->damaged || node->held || node->pods.count)
		return;
	(void)map_remove(&cluster->nodes, span_of(node->name));
	free_node(node);
}

int cluster_put_node(struct cluster *cluster, struct node_view *view, bool *out_matters)
{
	struct cluster_node *node = want_node(cluster, view->at.name);

	if (out_matters)
		*out_matters = true;
	if (!node) {
		node_view_free(view);
		return -ENOMEM;
	}
	if (out_matters && node->view && !node->damaged)
		*out_matters = !node_view_same(node->view, view);
	cluster->node_objects += !node->view && !node->damaged;
	node_view_free(node->view);
	node->view = view;
	node->damaged = false;
	return 0;
}

/* The last good view stays: what was known is a better guide than nothing. */
int cluster_damage_node(struct cluster *cluster, const char *name)
{
	struct cluster_node *node = want_node(cluster, name);

	if (!node)
		return -ENOMEM;
	cluster->node_objects += !node->view && !node->damaged;
	node->damaged = true;
	return 0;
}

void cluster_remove_node(struct cluster *cluster, const char *name)
{
	struct cluster_node *node = cluster_node(cluster, name);

	if (!node)
		return;
	cluster->node_objects -= node->view || node->damaged;
	node_view_free(node->view);
	node->view = NULL;
	node->damaged = false;
	release_node(cluster, node);
}

int cluster_hold_node(struct cluster *cluster, const char *name, bool held)
{
	struct cluster_node *node = held ? want_node(cluster, name) : cluster_node(cluster, name);

	if (!node)
		return held ? -ENOMEM : 0;
	node->held = held;
	release_node(cluster, node);
	return 0;
}

struct cluster_node *cluster_next_node(const struct cluster *cluster, size_t *cursor)
{
	struct span key;
	void *value;

	while (map_next(&cluster->nodes, cursor, &key, &value)) {
		struct cluster_node *node = value;

		if (node->view || node->damaged)
			return node;
	}
	return NULL;
}

/* --- what a pod takes where it is --- */

static void charge(struct cluster_node *node, const struct pod_view *view, int sign)
{
	if (pod_is_over(view))
		return;
	for (size_t i = 0; i < RESOURCES; i++) {
		int64_t sum;

		/* Amounts near the end of the range come from absurd requests; such a node is simply full. */
		if (!__builtin_add_overflow(node->used.of[i], sign * view->requests.of[i], &sum))
			node->used.of[i] = sum;
	}
	node->used_pods += sign;
}

static void unplace(struct cluster *cluster, struct cluster_pod *pod)
{
	struct cluster_node *node = pod->node;

	list_remove(&cluster->pending, &pod->in_pending);
	if (!node)
		return;
	charge(node, pod->view, -1);
	list_remove(&node->pods, &pod->in_node);
	pod->node = NULL;
	release_node(cluster, node);
}

static int place(struct cluster *cluster, struct cluster_pod *pod, const char *name)
{
	struct cluster_node *node;

	if (!*name) {
		if (!pod_is_over(pod->view))
			list_push(&cluster->pending, &pod->in_pending);
		return 0;
	}
	node = want_node(cluster, name);
	if (!node)
		return -ENOMEM;
	pod->node = node;
	list_push(&node->pods, &pod->in_node);
	charge(node, pod->view, 1);
	return 0;
}

/* --- owners --- */

static int own(struct cluster *cluster, struct cluster_pod *pod)
{
	const char *uid = pod->view->controller.uid;
	struct cluster_owner *owner;

	if (!*uid) {
		list_push(&cluster->strays, &pod->in_owner);
		return 0;
	}
	owner = map_get(&cluster->owners, span_of(uid));
	if (!owner) {
		owner = calloc(1, sizeof(*owner) + strlen(uid) + 1);
		if (!owner)
			return -ENOMEM;
		list_init(&owner->pods);
		memcpy(owner->uid, uid, strlen(uid) + 1);
		if (map_put(&cluster->owners, span_of(uid), owner, NULL)) {
			free(owner);
			return -ENOMEM;
		}
	}
	pod->owner = owner;
	list_push(&owner->pods, &pod->in_owner);
	return 0;
}

static void disown(struct cluster *cluster, struct cluster_pod *pod)
{
	struct cluster_owner *owner = pod->owner;

	if (!owner) {
		list_remove(&cluster->strays, &pod->in_owner);
		return;
	}
	list_remove(&owner->pods, &pod->in_owner);
	pod->owner = NULL;
	if (owner->pods.count)
		return;
	(void)map_remove(&cluster->owners, span_of(owner->uid));
	free(owner);
}

struct list *cluster_owned(const struct cluster *cluster, const char *uid)
{
	struct cluster_owner *owner = map_get(&cluster->owners, span_of(uid));

	return owner ? &owner->pods : NULL;
}

/* --- pods --- */

static int pod_key(const char *ns, const char *name, struct buf *key)
{
	return buf_addf(key, "%s/%s", ns, name);
}

struct cluster_pod *cluster_pod(const struct cluster *cluster, const char *ns, const char *name)
{
	struct cluster_pod *pod = NULL;
	struct buf key;

	buf_init(&key, POD_KEY_MAX);
	if (!pod_key(ns, name, &key))
		pod = map_get(&cluster->pods, buf_span(&key));
	buf_done(&key);
	return pod;
}

void cluster_remove_pod(struct cluster *cluster, const char *ns, const char *name)
{
	struct cluster_pod *pod = cluster_pod(cluster, ns, name);
	struct buf key;

	if (!pod)
		return;
	buf_init(&key, POD_KEY_MAX);
	if (!pod_key(ns, name, &key))
		(void)map_remove(&cluster->pods, buf_span(&key));
	buf_done(&key);
	unplace(cluster, pod);
	disown(cluster, pod);
	free_pod(pod);
}

static int insert_pod(struct cluster *cluster, struct cluster_pod *pod)
{
	struct buf key;
	int rc;

	buf_init(&key, POD_KEY_MAX);
	rc = pod_key(pod->view->ns, pod->view->name, &key);
	if (!rc)
		rc = map_put(&cluster->pods, buf_span(&key), pod, NULL);
	buf_done(&key);
	return rc;
}

/* An assumed pod whose binding the store does not show yet stays where it is assumed. */
static const char *whereabouts(const struct cluster_pod *old, const struct pod_view *view)
{
	bool still_assumed = old && old->assumed && !*view->node && strcmp(old->view->uid, view->uid) == 0;

	return still_assumed ? old->node->name : view->node;
}

int cluster_put_pod(struct cluster *cluster, struct pod_view *view)
{
	struct cluster_pod *old = cluster_pod(cluster, view->ns, view->name), *pod = calloc(1, sizeof(*pod));
	char *node_name =
		span_dup(span_of(whereabouts(old, view))); /* a copy: the old pod's node may go with it */
	int rc;

	if (!pod || !node_name) {
		cluster_remove_pod(cluster, view->ns, view->name);
		pod_view_free(view);
		free(pod);
		free(node_name);
		return -ENOMEM;
	}
	pod->view = view;
	pod->assumed = *node_name && !*view->node;
	cluster_remove_pod(cluster, view->ns, view->name);
	rc = insert_pod(cluster, pod);
	if (rc) {
		free_pod(pod);
		free(node_name);
		return rc;
	}
	rc = own(cluster, pod);
	if (!rc)
		rc = place(cluster, pod, node_name);
	if (rc)
		cluster_remove_pod(cluster, view->ns, view->name);
	free(node_name);
	return rc;
}

int cluster_assume(struct cluster *cluster, struct cluster_pod *pod, const char *node)
{
	int rc;

	unplace(cluster, pod);
	rc = place(cluster, pod, node);
	if (rc)
		list_push(&cluster->pending, &pod->in_pending);
	else
		pod->assumed = true;
	return rc;
}

void cluster_unassume(struct cluster *cluster, struct cluster_pod *pod)
{
	if (!pod->assumed)
		return;
	unplace(cluster, pod);
	pod->assumed = false;
	if (!pod_is_over(pod->view))
		list_push(&cluster->pending, &pod->in_pending);
}
