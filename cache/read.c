/* Reads, handed to the engine; a page that cannot be read makes every feed count as damaged. */
#include <errno.h>

#include "cache/service.h"

static int note(struct cache *cache, int code)
{
	if (code == -EBADMSG)
		damage_pages(cache);
	return code;
}

int cache_get(struct cache *cache, const struct key *key, struct object **out)
{
	return cache->engine->type->get(cache->engine, key, out); /* a damaged row is not a damaged page */
}

int cache_list(struct cache *cache, const struct cache_list *list, cache_each_fn *each, void *ctx,
	       uint64_t *out_revision)
{
	if (!list->resource || (list->field_key && !list->field_value))
		return -EINVAL;
	return note(cache, cache->engine->type->list(cache->engine, list, each, ctx, out_revision));
}

int cache_list_all(struct cache *cache, cache_each_fn *each, void *ctx, uint64_t *out_revision)
{
	return note(cache, cache->engine->type->list_all(cache->engine, each, ctx, out_revision));
}

int cache_count(struct cache *cache, const char *resource, const char *ns, uint64_t *out)
{
	return note(cache, cache->engine->type->count(cache->engine, resource, ns, out));
}

int cache_mark_get(struct cache *cache, const char *mark, struct buf *out)
{
	return cache->engine->type->mark_get(cache->engine, mark, out);
}

int cache_mark_list(struct cache *cache, const char *prefix,
		    int (*each)(void *ctx, const char *mark, struct span value), void *ctx)
{
	return cache->engine->type->mark_list(cache->engine, prefix, each, ctx);
}

enum feed_state cache_feed(struct cache *cache, const char *resource)
{
	enum feed_state state = FEED_DAMAGED;

	if (damage_has(cache, resource) ||
	    note(cache, cache->engine->type->feed(cache->engine, resource, &state)) < 0)
		return FEED_DAMAGED;
	return state;
}
