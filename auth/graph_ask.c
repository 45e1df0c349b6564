/* What is asked of the graph. */
#include "auth/graph_internal.h"

bool graph_has(const struct graph *g, const char *node_name, const struct key *key)
{
	const struct graph_node *node;
	const struct graph_item *item;
	const struct graph_pod *pod;
	enum graph_rank rank;

	if (!graph_rank_of(key->resource, &rank))
		return false;
	if (rank == GRAPH_NODE)
		return !*key->ns && strcmp(key->name, node_name) == 0;
	node = graph_set_node(&g->set, node_name);
	if (!node)
		return false;
	if (rank == GRAPH_POD) {
		pod = graph_pod_find(g, key);
		return pod && pod->node == node;
	}
	if (graph_is_shared(rank))
		return graph_groups_have(&g->groups, &node->member, key);
	item = graph_set_item(&g->set, key);
	return item && graph_set_edge(node, item);
}

bool graph_runs_as(const struct graph *g, const char *node, const char *ns, const char *service_account)
{
	const struct key key = { graph_resources()[GRAPH_SERVICE_ACCOUNT], ns, service_account };

	return graph_has(g, node, &key);
}

static int walk_rank(const struct graph_node *node, enum graph_rank rank,
		     int (*each)(void *ctx, const struct key *key, enum graph_rank rank), void *ctx)
{
	int rc = 0;

	list_for_each(&node->edges, at) {
		const struct graph_item *item = container_of(at, struct graph_edge, in_node)->item;

		if (item->rank == rank && (rc = each(ctx, &item->key, rank)))
			return rc;
	}
	return rc;
}

int graph_walk(const struct graph *g, const char *node_name,
	       int (*each)(void *ctx, const struct key *key, enum graph_rank rank), void *ctx)
{
	const struct graph_node *node = graph_set_node(&g->set, node_name);
	const struct key own = { graph_resources()[GRAPH_NODE], "", node_name };
	int rc = each(ctx, &own, GRAPH_NODE);

	if (!node)
		return rc;
	for (enum graph_rank rank = GRAPH_REGION; !rc && rank < GRAPH_POD; rank++)
		rc = graph_is_shared(rank) ? graph_groups_walk(&node->member, rank, each, ctx)
					   : walk_rank(node, rank, each, ctx);
	if (rc)
		return rc;
	list_for_each(&node->pods, at) {
		rc = each(ctx, &container_of(at, struct graph_pod, in_node)->key, GRAPH_POD);
		if (rc)
			return rc;
	}
	return 0;
}

size_t graph_count(const struct graph *g, const char *node_name)
{
	const struct graph_node *node = graph_set_node(&g->set, node_name);

	return node ? 1 + node->edges.count + node->pods.count + graph_groups_count(&node->member) : 1;
}

void graph_stats(const struct graph *g, struct graph_stats *out)
{
	*out = (struct graph_stats){
		.nodes = g->set.nodes.count,
		.pods = g->pods.count,
		.items = g->set.items.count + g->groups.items.count,
		.edges = g->set.edges,
		.refs_cut = g->refs_cut,
	};
}
