#include "cloud-hub/rights.h"

#include "auth/rbac.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MODULE "hub"

struct rights {
	struct cache *cache;
	void (*on_node_deleted)(void *ctx, const char *node);
	void *ctx;
	struct cache_watch *watch;
	struct graph *graph;
	struct rbac *rbac;
	bool roles_lack; /* memory ran out for some of them */
	struct authz *authz;
};

/* Newer than the graph, so that the watch tells some of it again, which changes nothing. */
static int load_rbac(struct rights *rights)
{
	struct rbac_stats stats;
	uint64_t revision;
	int code = rbac_load(rights->rbac, rights->cache, &revision);

	rbac_stats(rights->rbac, &stats);
	if (stats.skipped)
		log_error(MODULE, "rbac-skipped-objects", "count=%llu: they grant nothing",
			  (unsigned long long)stats.skipped);
	return code;
}

static int on_change(void *ctx, const struct change *change)
{
	struct rights *rights = ctx;
	const struct key *key = &change->object->key;
	int code = graph_apply(rights->graph, change);

	if (change->type == CHANGE_DELETED && strcmp(key->resource, "nodes") == 0)
		rights->on_node_deleted(rights->ctx, key->name);
	if (code)
		log_error(MODULE, "graph-skipped-object", "resource=%s namespace=%s name=%s error=%d",
			  key->resource, key->ns, key->name, code);
	code = rbac_apply(rights->rbac, change);
	if (code)
		log_error(MODULE, "rbac-skipped-object",
			  "resource=%s namespace=%s name=%s error=%d: grants nothing", key->resource, key->ns,
			  key->name, code);
	rights->roles_lack = rights->roles_lack || code == -ENOMEM;
	return 0;
}

static int read_store(struct rights *rights, const struct rights_options *options)
{
	static const struct cache_watch_events events = { .on_change = on_change };
	uint64_t revision = 0;
	int code = graph_new(options->events, options->events_ctx, &rights->graph);

	if (!code)
		code = graph_load(rights->graph, rights->cache, &revision);
	if (!code)
		code = rbac_new(&rights->rbac);
	if (!code)
		code = load_rbac(rights);
	if (!code)
		code = authz_new(rights->graph, rights->rbac, &rights->authz);
	if (!code)
		code = cache_watch_open(rights->cache, NULL, NULL, revision, &events, rights, &rights->watch);
	return code;
}

int rights_new(const struct rights_options *options, struct rights **out, struct err *err)
{
	struct rights *rights = calloc(1, sizeof(*rights));
	int code;

	if (!rights)
		return err_set(err, -ENOMEM, "out of memory");
	rights->cache = options->cache;
	rights->on_node_deleted = options->on_node_deleted;
	rights->ctx = options->ctx;
	code = read_store(rights, options);
	if (code) {
		rights_close(rights);
		rights_free(rights);
		return err_set(err, code, "reading the store: %s", strerror(-code));
	}
	*out = rights;
	return 0;
}

struct graph *rights_graph(const struct rights *rights)
{
	return rights->graph;
}

struct authz *rights_authz(const struct rights *rights)
{
	return rights->authz;
}

uint64_t rights_position(const struct rights *rights)
{
	return cache_watch_position(rights->watch);
}

void rights_mend(struct rights *rights)
{
	if (rights->roles_lack)
		rights->roles_lack = load_rbac(rights) != 0;
}

void rights_close(struct rights *rights)
{
	if (rights && rights->watch)
		cache_watch_close(rights->watch);
	if (rights)
		rights->watch = NULL;
}

void rights_free(struct rights *rights)
{
	if (!rights)
		return;
	authz_free(rights->authz);
	rbac_free(rights->rbac);
	graph_free(rights->graph);
	free(rights);
}
