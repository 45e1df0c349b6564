/* graph_model: the reference graph as anybody would write it first: no counts, no indices, everything recomputed. */
#ifndef TESTS_UNIT_AUTH_GRAPH_MODEL_H
#define TESTS_UNIT_AUTH_GRAPH_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#define MODEL_PODS 60
#define MODEL_NODES 5
#define MODEL_REFS 6
#define MODEL_NAMESPACES 3
#define MODEL_NAMES 8 /* of each kind in each namespace */

struct model_pod {
	bool exists;
	unsigned uid;
	int node; /* -1: not bound */
	int ns;
	int account;
	struct {
		bool secret; /* else a config map */
		int name;
	} refs[MODEL_REFS];
	size_t ref_count;
};
struct model {
	struct model_pod pods[MODEL_PODS];
};

/* Does `node` need the item? kinds: 'N' namespace, 'a' account, 'c' config map, 's' secret; name unused for namespaces. */
bool model_needs(const struct model *m, int node, char kind, int ns, int name);
size_t model_count(const struct model *m, int node); /* the whole set, the node itself included */

#endif
