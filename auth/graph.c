#include "auth/graph.h"

#include <errno.h>
#include <stdlib.h>

#include "auth/graph_internal.h"
#include "auth/podrefs.h"

static const char *const rank_resources[GRAPH_RANKS + 1] = {
	[GRAPH_NODE] = "nodes",
	[GRAPH_REGION] = GRAPH_REGIONS,
	[GRAPH_NAMESPACE] = "namespaces",
	[GRAPH_SERVICE_ACCOUNT] = "serviceaccounts",
	[GRAPH_CONFIG_MAP] = "configmaps",
	[GRAPH_SECRET] = "secrets",
	[GRAPH_CLAIM] = "persistentvolumeclaims",
	[GRAPH_SERVICE] = GRAPH_SERVICES,
	[GRAPH_SLICE] = GRAPH_SLICES,
	[GRAPH_POD] = "pods",
	[GRAPH_RANKS] = NULL,
};

const char *const *graph_resources(void)
{
	return rank_resources;
}

bool graph_rank_of(const char *resource, enum graph_rank *out)
{
	for (unsigned i = 0; i < GRAPH_RANKS; i++)
		if (strcmp(resource, rank_resources[i]) == 0) {
			*out = i;
			return true;
		}
	return false;
}

int graph_new(const struct graph_events *events, void *ctx, struct graph **out)
{
	struct graph *graph = calloc(1, sizeof(*graph));

	if (!graph)
		return -ENOMEM;
	graph_set_init(&graph->set);
	graph_groups_init(&graph->groups);
	map_init(&graph->pods, GRAPH_PODS_MAX);
	if (events)
		graph->events = *events;
	graph->ctx = ctx;
	*out = graph;
	return 0;
}

void graph_free(struct graph *graph)
{
	if (!graph)
		return;
	map_done(&graph->pods, free);
	graph_groups_done(&graph->groups);
	graph_set_done(&graph->set);
	free(graph);
}

/* --- telling --- */

static void tell_enter(const struct graph *g, const struct graph_node *node, const struct key *key,
		       enum graph_rank rank)
{
	if (g->events.enter)
		g->events.enter(g->ctx, node->name, key, rank);
}

static void tell_leave(const struct graph *g, const struct graph_node *node, const struct key *key)
{
	if (g->events.leave)
		g->events.leave(g->ctx, node->name, key);
}

static void tell_changed(const struct graph *g, const char *node, const struct key *key, enum graph_rank rank)
{
	if (g->events.changed)
		g->events.changed(g->ctx, node, key, rank);
}

static void tell_gone(const struct graph *g, const char *node, const struct key *key, const char *uid)
{
	if (g->events.gone)
		g->events.gone(g->ctx, node, key, uid);
}

/* --- collecting what one pod names --- */

struct collection {
	struct graph *graph;
	struct graph_node *node;
	const char *ns;
	struct graph_edge **edges;
	size_t count, cap;
};

static int collect_grow(struct collection *c)
{
	size_t cap = c->cap ? c->cap * 2 : 8;
	struct graph_edge **edges;

	if (c->count < c->cap)
		return 0;
	edges = reallocarray(c->edges, cap, sizeof(struct graph_edge *));
	if (!edges)
		return -ENOMEM;
	c->edges = edges;
	c->cap = cap;
	return 0;
}

/* Counts the edge at once: a failure later takes all counts back. */
static int collect(void *ctx, enum graph_rank rank, const char *name)
{
	struct collection *c = ctx;
	const struct key key = { rank_resources[rank], rank == GRAPH_NAMESPACE ? "" : c->ns, name };
	struct graph_edge *edge;

	if (c->count == GRAPH_REFS_PER_POD_MAX) {
		c->graph->refs_cut++;
		return 0;
	}
	if (strlen(name) > 253 ||
	    strchr(name, '/')) /* no object has such a name, and texts of keys stay unambiguous */
		return 0;
	if (collect_grow(c))
		return -ENOMEM;
	edge = graph_set_want_edge(&c->graph->set, c->node, rank, &key);
	if (!edge)
		return -ENOMEM;
	if (edge->stamp == c->graph->set.stamp)
		return 0;
	edge->stamp = c->graph->set.stamp;
	edge->entering = edge->count++ == 0;
	c->edges[c->count++] = edge;
	return 0;
}

/* Gives the counts back; edges nobody counts any more go, with or without telling. */
static void uncollect(struct graph *g, struct graph_edge **edges, size_t count, bool tell)
{
	for (size_t i = count; i--;) {
		struct graph_edge *edge = edges[i];

		if (--edge->count)
			continue;
		if (tell)
			tell_leave(g, edge->node, &edge->item->key);
		graph_set_release_edge(&g->set, edge);
	}
}

static int collect_all(struct graph *g, struct graph_node *node, const char *ns, const struct json *pod,
		       struct collection *out)
{
	int rc;

	*out = (struct collection){ .graph = g, .node = node, .ns = ns };
	g->set.stamp++;
	rc = collect(out, GRAPH_NAMESPACE, ns);
	if (!rc)
		rc = podrefs_each(pod, collect, out);
	if (!rc)
		return 0;
	uncollect(g, out->edges, out->count, false);
	free(out->edges);
	return rc;
}

static void tell_entering(struct graph *g, struct graph_edge **edges, size_t count)
{
	for (enum graph_rank rank = GRAPH_NAMESPACE; rank < GRAPH_POD; rank++)
		for (size_t i = 0; i < count; i++)
			if (edges[i]->entering && edges[i]->item->rank == rank) {
				edges[i]->entering = false;
				tell_enter(g, edges[i]->node, &edges[i]->item->key, rank);
			}
}

/* --- pods --- */

static int pod_text(const struct key *key, struct buf *text)
{
	return buf_addf(text, "%s/%s", key->ns, key->name);
}

struct graph_pod *graph_pod_find(const struct graph *g, const struct key *key)
{
	struct graph_pod *pod = NULL;
	struct buf text;

	buf_init(&text, GRAPH_KEY_MAX);
	if (!pod_text(key, &text))
		pod = map_get(&g->pods, buf_span(&text));
	buf_done(&text);
	return pod;
}

/* One block: struct, references, texts. */
static struct graph_pod *pod_new(const struct object *object, const struct collection *c)
{
	size_t refs = c->count * sizeof(struct graph_edge *);
	size_t ns = strlen(object->key.ns) + 1, name = strlen(object->key.name) + 1,
	       uid = strlen(object->uid) + 1;
	struct graph_pod *pod = calloc(1, sizeof(*pod) + refs + ns + name + uid);
	char *text;

	if (!pod)
		return NULL;
	pod->refs = (struct graph_edge **)(pod + 1);
	text = (char *)pod->refs + refs;
	if (refs)
		memcpy(pod->refs, c->edges, refs);
	memcpy(text, object->key.ns, ns);
	memcpy(text + ns, object->key.name, name);
	memcpy(text + ns + name, object->uid, uid);
	pod->key = (struct key){ rank_resources[GRAPH_POD], text, text + ns };
	pod->uid = text + ns + name;
	pod->ref_count = c->count;
	pod->node = c->node;
	return pod;
}

/* Takes the pod's counts back and frees it; it is in no map any more. */
static void pod_drop(struct graph *g, struct graph_pod *pod)
{
	struct graph_node *node = pod->node;

	list_remove(&node->pods, &pod->in_node);
	uncollect(g, pod->refs, pod->ref_count, true);
	graph_set_release_node(&g->set, node);
	free(pod);
}

static void pod_remove(struct graph *g, struct graph_pod *pod, bool gone)
{
	struct buf text;

	buf_init(&text, GRAPH_KEY_MAX);
	if (!pod_text(&pod->key, &text))
		(void)map_remove(&g->pods, buf_span(&text));
	buf_done(&text);
	if (gone)
		tell_gone(g, pod->node->name, &pod->key, pod->uid);
	else
		tell_leave(g, pod->node, &pod->key);
	pod_drop(g, pod);
}

static int pod_insert(struct graph *g, struct graph_pod *pod, struct graph_pod **out_old)
{
	struct buf text;
	void *old = NULL;
	int rc;

	buf_init(&text, GRAPH_KEY_MAX);
	rc = pod_text(&pod->key, &text);
	if (!rc)
		rc = map_put(&g->pods, buf_span(&text), pod, &old);
	buf_done(&text);
	*out_old = old;
	return rc;
}

/* Everything that can fail comes before the first telling. */
static int pod_bind(struct graph *g, struct graph_node *node, const struct object *object,
		    const struct json *tree)
{
	struct collection c;
	struct graph_pod *pod, *old = NULL;
	int rc = collect_all(g, node, object->key.ns, tree, &c);

	if (rc)
		return rc;
	pod = pod_new(object, &c);
	rc = pod ? pod_insert(g, pod, &old) : -ENOMEM;
	free(c.edges);
	if (rc) {
		if (pod)
			uncollect(g, pod->refs, pod->ref_count, false);
		free(pod);
		return rc;
	}
	tell_entering(g, pod->refs, pod->ref_count);
	list_push(&node->pods, &pod->in_node);
	if (old && old->node == node)
		tell_changed(g, node->name, &pod->key, GRAPH_POD);
	else
		tell_enter(g, node, &pod->key, GRAPH_POD);
	if (old && old->node != node)
		tell_leave(g, old->node, &old->key);
	if (old)
		pod_drop(g, old);
	return 0;
}

static int pod_put(struct graph *g, const struct object *object)
{
	struct graph_pod *old = graph_pod_find(g, &object->key);
	struct graph_node *node;
	struct json *tree = NULL;
	const char *name;
	int rc = json_parse(object->body, &tree, NULL);

	if (rc)
		return rc == -ENOMEM ? rc : -EBADMSG;
	if (old && strcmp(old->uid, object->uid) != 0) { /* another pod of the same name */
		pod_remove(g, old, true);
		old = NULL;
	}
	name = json_path_str(tree, "spec.nodeName", "");
	if (!*name || strlen(name) > 253) {
		if (old)
			pod_remove(g, old, false);
		json_free(tree);
		return 0;
	}
	node = graph_set_want_node(&g->set, name);
	rc = node ? pod_bind(g, node, object, tree) : -ENOMEM;
	if (rc && node)
		graph_set_release_node(&g->set, node);
	json_free(tree);
	return rc;
}

/* --- the node's region --- */

static const char *region_of(const struct object *object)
{
	const char *region = pairs_get(object->labels, GRAPH_REGION_LABEL);

	return region && *region && strlen(region) <= 63 && !strchr(region, '/') ? region : NULL;
}

static void region_drop(struct graph *g, struct graph_node *node)
{
	struct graph_edge *edge = node->region;

	node->region = NULL;
	if (edge)
		uncollect(g, &edge, 1, true);
	graph_set_release_node(&g->set, node);
}

/* Enters before the other one leaves: the node is never without. */
static int region_set(struct graph *g, const char *name, const char *region)
{
	const struct key key = { rank_resources[GRAPH_REGION], "", region };
	struct graph_node *node = graph_set_want_node(&g->set, name);
	struct graph_edge *edge, *old;

	if (!node)
		return -ENOMEM;
	edge = graph_set_want_edge(&g->set, node, GRAPH_REGION, &key);
	if (!edge) {
		graph_set_release_node(&g->set, node);
		return -ENOMEM;
	}
	if (edge == node->region)
		return 0;
	edge->count++;
	old = node->region;
	node->region = edge;
	tell_enter(g, node, &edge->item->key, GRAPH_REGION);
	if (old)
		uncollect(g, &old, 1, true);
	return 0;
}

static struct graph_told told_of(const struct graph *g)
{
	return (struct graph_told){ &g->events, g->ctx };
}

static int node_put(struct graph *g, const struct object *object)
{
	const char *region = region_of(object);
	struct graph_node *node;
	int rc = 0;

	tell_changed(g, object->key.name, &object->key, GRAPH_NODE);
	if (region)
		rc = region_set(g, object->key.name, region);
	node = rc ? NULL : graph_set_want_node(&g->set, object->key.name);
	if (!node)
		return rc ? rc : -ENOMEM;
	rc = graph_groups_join(&g->groups, &node->member, region ? region : "", told_of(g));
	if (rc)
		graph_set_release_node(&g->set, node);
	else if (!region)
		region_drop(g, node);
	return rc;
}

static void node_remove(struct graph *g, const struct object *object, bool gone)
{
	struct graph_node *node = graph_set_node(&g->set, object->key.name);

	if (gone)
		tell_gone(g, object->key.name, &object->key, object->uid);
	if (!node)
		return;
	graph_groups_leave(&g->groups, &node->member, told_of(g));
	region_drop(g, node);
}

/* --- what all of a region get --- */

static int shared_put(struct graph *g, const struct object *object, enum graph_rank rank)
{
	const char *region = rank == GRAPH_SLICE ? region_of(object) : NULL;

	return graph_groups_put(&g->groups, &object->key, rank, region ? region : "", told_of(g));
}

/* --- everything else --- */

static void item_changed(struct graph *g, const struct key *key, enum graph_rank rank)
{
	struct graph_item *item = graph_set_item(&g->set, key);

	if (!item)
		return;
	list_for_each(&item->edges, at)
		tell_changed(g, container_of(at, struct graph_edge, in_item)->node->name, &item->key, rank);
}

static void item_gone(struct graph *g, const struct key *key, const char *uid)
{
	struct graph_item *item = graph_set_item(&g->set, key);

	if (!item)
		return;
	list_for_each(&item->edges, at)
		tell_gone(g, container_of(at, struct graph_edge, in_item)->node->name, &item->key, uid);
}

int graph_put(struct graph *g, const struct object *object)
{
	enum graph_rank rank;

	if (!graph_rank_of(object->key.resource, &rank))
		return 0;
	if (rank == GRAPH_POD)
		return pod_put(g, object);
	if (rank == GRAPH_NODE)
		return node_put(g, object);
	if (graph_is_shared(rank))
		return shared_put(g, object, rank);
	item_changed(g, &object->key, rank);
	return 0;
}

static void graph_remove(struct graph *g, const struct object *object, bool gone)
{
	enum graph_rank rank;
	struct graph_pod *pod;

	if (!graph_rank_of(object->key.resource, &rank))
		return;
	if (rank == GRAPH_POD) {
		pod = graph_pod_find(g, &object->key);
		if (pod)
			pod_remove(g, pod, gone);
	} else if (rank == GRAPH_NODE) {
		node_remove(g, object, gone);
	} else if (graph_is_shared(rank)) {
		graph_groups_remove(&g->groups, &object->key, gone ? object->uid : NULL, told_of(g));
	} else if (gone) {
		item_gone(g, &object->key, object->uid);
	}
}

int graph_apply(struct graph *g, const struct change *change)
{
	switch (change->type) {
	case CHANGE_ADDED:
	case CHANGE_MODIFIED: return graph_put(g, change->object);
	case CHANGE_DELETED: graph_remove(g, change->object, true); return 0;
	case CHANGE_LEFT: graph_remove(g, change->object, false); return 0;
	}
	return -EINVAL;
}

struct loading {
	struct graph *graph;
	int rc;
};

static int load_one(void *ctx, struct object *object)
{
	struct loading *loading = ctx;
	int rc = graph_put(loading->graph, object);

	/* A damaged pod is entitled to nothing; the rest must not suffer for it. */
	loading->rc = rc == -EBADMSG ? 0 : rc;
	return loading->rc;
}

int graph_load(struct graph *graph, struct cache *cache, uint64_t *out_revision)
{
	struct loading loading = { graph, 0 };
	int rc = cache_list_all(cache, load_one, &loading, out_revision);

	return loading.rc ? loading.rc : rc;
}
