/* Pods of any shape into the reference graph, and out again without a trace. */
#include "auth/graph.h"
#include "auth/podrefs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count(void *ctx, const struct key *key, enum graph_rank rank)
{
	++*(size_t *)ctx;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct object pod = { .key = { "pods", "default", "p" }, .uid = "u", .body = span_make(data, size) };
	struct object other = { .key = { "pods", "default", "q" },
				.uid = "v",
				.body = SPAN("{\"spec\":{\"nodeName\":\"n1\"}}") };
	struct change gone = { .type = CHANGE_DELETED, .object = &pod },
		      other_gone = { .type = CHANGE_DELETED, .object = &other };
	struct graph *graph = NULL;
	struct graph_stats stats;
	size_t walked = 0;

	if (graph_new(NULL, NULL, &graph))
		return 0;
	assert_always(graph_put(graph, &other) == 0);
	(void)!graph_put(graph, &pod);
	assert_always(graph_walk(graph, "n1", count, &walked) == 0);
	assert_always(walked == graph_count(graph, "n1"));
	assert_always(graph_apply(graph, &gone) == 0);
	assert_always(graph_apply(graph, &other_gone) == 0);
	graph_stats(graph, &stats);
	assert_always(stats.edges + stats.items + stats.pods + stats.nodes == 0);
	graph_free(graph);
	return 0;
}
