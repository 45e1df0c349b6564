#include "cloud-hub/holds.h"

#include "base/map.h"
#include "cloud-hub/backup/restored.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define HOLDS_MAX 262144u
#define MARK_MAX (sizeof(RESTORED_UNRECONCILED_PREFIX) + 256u)

struct holds {
	struct cache *cache;
	struct map nodes; /* name -> IN_STORE or IN_MEMORY */
};

static const char kinds[2]; /* only their addresses count */
#define IN_STORE ((void *)&kinds[0])
#define IN_MEMORY ((void *)&kinds[1])

static int mark_of(const char *node, char out[MARK_MAX])
{
	int len = snprintf(out, MARK_MAX, RESTORED_UNRECONCILED_PREFIX "%s", node);

	return len < 0 || (size_t)len >= MARK_MAX ? -ENAMETOOLONG : 0;
}

static int load_one(void *ctx, const char *mark, struct span value)
{
	struct holds *holds = ctx;
	const char *node = mark + sizeof(RESTORED_UNRECONCILED_PREFIX) - 1;

	(void)value;
	return map_put(&holds->nodes, span_of(node), IN_STORE, NULL);
}

/* The mark follows when the writer gets to it; past the length of its queue the hold lasts as long as this hub. */
static int hold_one(void *ctx, struct object *object)
{
	struct holds *holds = ctx;
	char mark[MARK_MAX];
	struct cache_op op = { .type = CACHE_MARK, .mark = mark, .value = SPAN("") };
	bool is_stored = !mark_of(object->key.name, mark) && !cache_submit(holds->cache, &op, 1, NULL, NULL);

	return map_put(&holds->nodes, span_of(object->key.name), is_stored ? IN_STORE : IN_MEMORY, NULL);
}

static int load(struct holds *holds, bool recovered)
{
	struct cache_list nodes = { .resource = "nodes" };
	int code = cache_mark_list(holds->cache, RESTORED_UNRECONCILED_PREFIX, load_one, holds);

	if (!code && recovered)
		code = cache_list(holds->cache, &nodes, hold_one, holds, NULL);
	return code;
}

int holds_new(struct cache *cache, bool recovered, struct holds **out)
{
	struct holds *holds = calloc(1, sizeof(*holds));
	int code;

	if (!holds)
		return -ENOMEM;
	holds->cache = cache;
	map_init(&holds->nodes, HOLDS_MAX);
	code = load(holds, recovered);
	if (code) {
		holds_free(holds);
		return code;
	}
	*out = holds;
	return 0;
}

void holds_free(struct holds *holds)
{
	if (!holds)
		return;
	map_done(&holds->nodes, NULL);
	free(holds);
}

void holds_each(const struct holds *holds, void (*fn)(void *ctx, const char *node), void *ctx)
{
	char name[MARK_MAX];
	struct span node;
	size_t cursor = 0;
	void *value;

	while (map_next(&holds->nodes, &cursor, &node, &value))
		if (!span_copy(node, name, sizeof(name)))
			fn(ctx, name);
}

bool holds_has(const struct holds *holds, const char *node)
{
	return map_get(&holds->nodes, span_of(node)) != NULL;
}

size_t holds_count(const struct holds *holds)
{
	return holds->nodes.count;
}

void holds_set(struct holds *holds, const char *node, bool held)
{
	char mark[MARK_MAX];
	struct cache_op op = { .type = CACHE_MARK, .mark = mark };

	if (held) {
		if (!holds_has(holds, node))
			(void)!map_put(&holds->nodes, span_of(node), IN_MEMORY, NULL);
		return;
	}
	/* A mark that cannot be removed now has the node held once more after a restart: harmless. */
	if (map_remove(&holds->nodes, span_of(node)) == IN_STORE && !mark_of(node, mark))
		(void)!cache_submit(holds->cache, &op, 1, NULL, NULL);
}
