#include "cloud-hub/gateway/registry.h"

#include "base/list.h"
#include "base/map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PENDING_MAX 100000u /* the store's queue is shorter */
#define MARK_SIZE (sizeof(ENROL_MARK_PREFIX) + TOKEN_NODE_NAME_SIZE)

/* A record of which writes are under way: the last one submitted. */
struct pending {
	struct enrolment record;
	unsigned writes;
};

struct write {
	struct list_node node;
	struct registry *registry; /* NULL: gone */
	char name[TOKEN_NODE_NAME_SIZE];
	void (*done)(void *ctx, int code);
	void *ctx;
};

struct registry {
	struct cache *cache;
	struct map pending; /* node name -> struct pending */
	struct list writes;
};

static int mark_of(const char *node, char out[MARK_SIZE])
{
	int len = snprintf(out, MARK_SIZE, "%s%s", ENROL_MARK_PREFIX, node);

	return len < 0 || (size_t)len >= MARK_SIZE ? -ENOENT : 0; /* no such name can be registered */
}

int registry_get(const struct registry *registry, const char *node, struct enrolment *out)
{
	const struct pending *pending = map_get(&registry->pending, span_of(node));
	char mark[MARK_SIZE];
	struct buf text;
	int code;

	if (pending) {
		*out = pending->record;
		return 0;
	}
	code = mark_of(node, mark);
	if (code)
		return code;
	buf_init(&text, CACHE_MARK_MAX);
	code = cache_mark_get(registry->cache, mark, &text);
	if (!code)
		code = enrolment_parse(buf_span(&text), out, NULL);
	buf_done(&text);
	return code;
}

int registry_writing(struct registry *registry, const struct enrolment *record)
{
	struct pending *pending = map_get(&registry->pending, span_of(record->node_name));
	int code;

	if (!pending) {
		pending = calloc(1, sizeof(*pending));
		if (!pending)
			return -ENOMEM;
		code = map_put(&registry->pending, span_of(record->node_name), pending, NULL);
		if (code) {
			free(pending);
			return code;
		}
	}
	pending->record = *record;
	pending->writes++;
	return 0;
}

/* One that failed is forgotten with the last of them: from then on the store is read again. */
void registry_written(struct registry *registry, const char *node)
{
	struct pending *pending = map_get(&registry->pending, span_of(node));

	if (!pending || --pending->writes)
		return;
	map_remove(&registry->pending, span_of(node));
	free(pending);
}

static void on_written(void *ctx, const struct cache_result *result)
{
	struct write *write = ctx;

	if (write->registry) {
		list_remove(&write->registry->writes, &write->node);
		registry_written(write->registry, write->name);
		if (write->done)
			write->done(write->ctx, result->code);
	}
	free(write);
}

static int submit(struct registry *registry, const struct enrolment *record, struct write *write)
{
	char mark[MARK_SIZE];
	struct cache_op op = { .type = CACHE_MARK, .mark = mark };
	struct buf text;
	int code = mark_of(record->node_name, mark);

	buf_init(&text, CACHE_MARK_MAX);
	if (!code)
		code = enrolment_write(record, &text);
	op.value = buf_span(&text);
	if (!code)
		code = cache_submit(registry->cache, &op, 1, on_written, write);
	buf_done(&text);
	return code;
}

int registry_put(struct registry *registry, const struct enrolment *record, void (*done)(void *ctx, int code),
		 void *ctx)
{
	struct write *write = calloc(1, sizeof(*write));
	int code;

	if (!write)
		return -ENOMEM;
	*write = (struct write){ .registry = registry, .done = done, .ctx = ctx };
	(void)snprintf(write->name, sizeof(write->name), "%s", record->node_name);
	code = registry_writing(registry, record);
	if (code) {
		free(write);
		return code;
	}
	code = submit(registry, record, write);
	if (code) {
		registry_written(registry, record->node_name);
		free(write);
		return code;
	}
	list_push(&registry->writes, &write->node);
	return 0;
}

int registry_new(struct cache *cache, struct registry **out)
{
	struct registry *registry = calloc(1, sizeof(*registry));

	if (!registry)
		return -ENOMEM;
	registry->cache = cache;
	map_init(&registry->pending, PENDING_MAX);
	list_init(&registry->writes);
	*out = registry;
	return 0;
}

void registry_free(struct registry *registry)
{
	struct list_node *node;

	if (!registry)
		return;
	while ((node = list_pop(&registry->writes))) {
		struct write *write = container_of(node, struct write, node);

		write->registry = NULL;
		if (write->done)
			write->done(write->ctx, -ECANCELED);
	}
	map_done(&registry->pending, free);
	free(registry);
}
