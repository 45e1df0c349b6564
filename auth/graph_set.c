#include "auth/graph_set.h"

#include <errno.h>
#include <stdlib.h>

void graph_set_init(struct graph_set *set)
{
	*set = (struct graph_set){ .edges = 0 };
	map_init(&set->nodes, GRAPH_NODES_MAX);
	map_init(&set->items, GRAPH_ITEMS_MAX);
}

static void edge_unlink(struct graph_set *set, struct graph_edge *edge)
{
	list_remove(&edge->node->edges, &edge->in_node);
	list_remove(&edge->item->edges, &edge->in_item);
	set->edges--;
	free(edge);
}

static void free_node(void *value)
{
	struct graph_node *node = value;

	list_for_each(&node->edges, at)
		free(container_of(at, struct graph_edge, in_node));
	free(node);
}

void graph_set_done(struct graph_set *set)
{
	map_done(&set->nodes, free_node); /* every edge hangs on one node */
	map_done(&set->items, free);
}

struct graph_node *graph_set_node(const struct graph_set *set, const char *name)
{
	return map_get(&set->nodes, span_of(name));
}

struct graph_node *graph_set_want_node(struct graph_set *set, const char *name)
{
	struct graph_node *node = graph_set_node(set, name);
	size_t len = strlen(name) + 1;

	if (node)
		return node;
	node = calloc(1, sizeof(*node) + len);
	if (!node)
		return NULL;
	list_init(&node->edges);
	list_init(&node->pods);
	memcpy(node->name, name, len);
	node->member.node = node->name;
	if (map_put(&set->nodes, span_of(name), node, NULL)) {
		free(node);
		return NULL;
	}
	return node;
}

void graph_set_release_node(struct graph_set *set, struct graph_node *node)
{
	if (node->edges.count || node->pods.count || node->member.all)
		return;
	(void)map_remove(&set->nodes, span_of(node->name));
	free(node);
}

struct graph_item *graph_set_item(const struct graph_set *set, const struct key *key)
{
	struct graph_item *item = NULL;
	struct buf text;

	buf_init(&text, GRAPH_KEY_MAX);
	if (!key_text(key, &text))
		item = map_get(&set->items, buf_span(&text));
	buf_done(&text);
	return item;
}

static struct graph_item *item_new(enum graph_rank rank, const struct key *key, struct span text)
{
	size_t ns_len = strlen(key->ns) + 1, name_len = strlen(key->name) + 1;
	struct graph_item *item = calloc(1, sizeof(*item) + text.len + ns_len + name_len);

	if (!item)
		return NULL;
	list_init(&item->edges);
	item->rank = rank;
	item->text_len = text.len;
	memcpy(item->text, text.ptr, text.len);
	memcpy(item->text + text.len, key->ns, ns_len);
	memcpy(item->text + text.len + ns_len, key->name, name_len);
	item->key = (struct key){ key->resource, item->text + text.len, item->text + text.len + ns_len };
	return item;
}

static struct graph_item *want_item(struct graph_set *set, enum graph_rank rank, const struct key *key)
{
	struct graph_item *item = NULL;
	struct buf text;

	buf_init(&text, GRAPH_KEY_MAX);
	if (key_text(key, &text))
		goto out;
	item = map_get(&set->items, buf_span(&text));
	if (item)
		goto out;
	item = item_new(rank, key, buf_span(&text));
	if (item && map_put(&set->items, buf_span(&text), item, NULL)) {
		free(item);
		item = NULL;
	}
out:
	buf_done(&text);
	return item;
}

static void release_item(struct graph_set *set, struct graph_item *item)
{
	if (item->edges.count)
		return;
	(void)map_remove(&set->items, span_make(item->text, item->text_len));
	free(item);
}

struct graph_edge *graph_set_edge(const struct graph_node *node, const struct graph_item *item)
{
	if (node->edges.count <= item->edges.count) {
		list_for_each(&node->edges, at)
			if (container_of(at, struct graph_edge, in_node)->item == item)
				return container_of(at, struct graph_edge, in_node);
	} else {
		list_for_each(&item->edges, at)
			if (container_of(at, struct graph_edge, in_item)->node == node)
				return container_of(at, struct graph_edge, in_item);
	}
	return NULL;
}

struct graph_edge *graph_set_want_edge(struct graph_set *set, struct graph_node *node, enum graph_rank rank,
				       const struct key *key)
{
	struct graph_item *item = want_item(set, rank, key);
	struct graph_edge *edge;

	if (!item)
		return NULL;
	edge = graph_set_edge(node, item);
	if (edge)
		return edge;
	edge = calloc(1, sizeof(*edge));
	if (!edge) {
		release_item(set, item);
		return NULL;
	}
	edge->node = node;
	edge->item = item;
	list_push(&node->edges, &edge->in_node);
	list_push(&item->edges, &edge->in_item);
	set->edges++;
	return edge;
}

void graph_set_release_edge(struct graph_set *set, struct graph_edge *edge)
{
	struct graph_item *item = edge->item;

	edge_unlink(set, edge);
	release_item(set, item);
}
