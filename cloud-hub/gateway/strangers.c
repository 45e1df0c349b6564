#include "cloud-hub/gateway/strangers.h"

#include "base/clock.h"
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>

struct strangers {
	struct cache *cache;
	struct map
		seen; /* node name -> struct gateway_stranger on the heap, the one seen longest ago first */
};

static bool is_restored(const struct strangers *strangers)
{
	struct buf value;
	int code;

	buf_init(&value, CACHE_MARK_MAX);
	code = cache_mark_get(strangers->cache, STRANGERS_RESTORED_MARK, &value);
	buf_done(&value);
	return !code;
}

/* Each comes again by itself: the one that did not for the longest time makes room. */
static void make_room(struct strangers *strangers)
{
	struct span name;
	void *value;
	size_t cursor = 0;

	if (strangers->seen.count >= STRANGERS_MAX && map_next(&strangers->seen, &cursor, &name, &value))
		free(map_remove(&strangers->seen, name));
}

static void describe(const struct edge *edge, const Tunnel__Hello *hello, struct gateway_stranger *out)
{
	const char *address = stream_peer_address(edge->stream);

	memcpy(out->key_sha256, edge->key_sha256, sizeof(out->key_sha256));
	out->not_after_wall_ms = edge->not_after_wall_ms;
	out->seen_wall_ms = clock_wall_ms();
	span_copy_or_nothing(span_of(edge->node), out->node, sizeof(out->node));
	span_copy_or_nothing(span_of(address), out->address, sizeof(out->address));
	span_copy_or_nothing(span_of(hello->machine_id), out->machine_id, sizeof(out->machine_id));
	span_copy_or_nothing(span_of(hello->region), out->region, sizeof(out->region));
	span_copy_or_nothing(span_of(hello->software), out->software, sizeof(out->software));
}

bool strangers_note(struct strangers *strangers, const struct edge *edge, const Tunnel__Hello *hello)
{
	struct gateway_stranger *stranger = calloc(1, sizeof(*stranger));
	bool restored = is_restored(strangers);

	if (!stranger)
		return restored;
	describe(edge, hello, stranger);
	stranger->unconfirmed = restored;
	strangers_forget(strangers, edge->node);
	make_room(strangers);
	if (map_put(&strangers->seen, span_of(stranger->node), stranger, NULL))
		free(stranger);
	return restored;
}

const struct gateway_stranger *strangers_get(const struct strangers *strangers, const char *node)
{
	return map_get(&strangers->seen, span_of(node));
}

bool strangers_next(const struct strangers *strangers, size_t *cursor, const struct gateway_stranger **out)
{
	struct span name;
	void *value;
	bool more = map_next(&strangers->seen, cursor, &name, &value);

	if (more)
		*out = value;
	return more;
}

void strangers_forget(struct strangers *strangers, const char *node)
{
	free(map_remove(&strangers->seen, span_of(node)));
}

int strangers_new(struct cache *cache, struct strangers **out)
{
	struct strangers *strangers = calloc(1, sizeof(*strangers));

	if (!strangers)
		return -ENOMEM;
	strangers->cache = cache;
	map_init(&strangers->seen, STRANGERS_MAX);
	*out = strangers;
	return 0;
}

void strangers_free(struct strangers *strangers)
{
	if (!strangers)
		return;
	map_done(&strangers->seen, free);
	free(strangers);
}
