#include "tunnel/encode_cache.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"
#include "tunnel/message.h"

struct entry {
	struct list_node node; /* in order of use, oldest first */
	struct span id;	       /* key text and revision; points behind the struct */
	struct blob *blob;
};

struct encode_cache {
	struct map map;
	struct list order;
	size_t bytes, max_bytes;
	uint64_t hits, misses;
};

static size_t weight(const struct entry *entry)
{
	return sizeof(*entry) + entry->id.len + blob_span(entry->blob).len;
}

static void drop(struct encode_cache *cache, struct entry *entry)
{
	list_remove(&cache->order, &entry->node);
	cache->bytes -= weight(entry);
	blob_unref(entry->blob);
	free(entry);
}

struct encode_cache *encode_cache_new(size_t max_bytes)
{
	struct encode_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	map_init(&cache->map, ENCODE_CACHE_ENTRIES_MAX);
	list_init(&cache->order);
	cache->max_bytes = max_bytes;
	return cache;
}

void encode_cache_free(struct encode_cache *cache)
{
	if (!cache)
		return;
	list_for_each(&cache->order, node)
		drop(cache, container_of(node, struct entry, node));
	map_done(&cache->map, NULL);
	free(cache);
}

static bool is_full(const struct encode_cache *cache, size_t wanted)
{
	return cache->bytes + wanted > cache->max_bytes || cache->map.count >= ENCODE_CACHE_ENTRIES_MAX;
}

static void evict(struct encode_cache *cache, size_t wanted)
{
	list_for_each(&cache->order, node) {
		struct entry *entry = container_of(node, struct entry, node);

		if (!is_full(cache, wanted))
			return;
		map_remove(&cache->map, entry->id);
		drop(cache, entry);
	}
}

/* Remembering is a favour: without memory or room the encoding is simply not shared. */
static void remember(struct encode_cache *cache, struct span id, struct blob *blob)
{
	size_t wanted = sizeof(struct entry) + id.len + blob_span(blob).len;
	struct entry *entry;

	if (wanted > cache->max_bytes / 4)
		return;
	evict(cache, wanted);
	entry = malloc(sizeof(*entry) + id.len);
	if (!entry)
		return;
	memset(entry, 0, sizeof(*entry));
	memcpy(entry + 1, id.ptr, id.len);
	entry->id = span_make(entry + 1, id.len);
	if (map_put(&cache->map, entry->id, entry, NULL)) {
		free(entry);
		return;
	}
	entry->blob = blob_ref(blob);
	list_push(&cache->order, &entry->node);
	cache->bytes += weight(entry);
}

struct blob *encode_cache_put(struct encode_cache *cache, const struct object *object)
{
	struct buf id;
	struct entry *entry;
	struct blob *blob;

	buf_init(&id, 4 * MESSAGE_NAME_MAX);
	key_text(&object->key, &id);
	buf_addf(&id, " %llu", (unsigned long long)object->revision);
	if (buf_error(&id)) {
		buf_done(&id);
		return message_encode_put(object);
	}
	entry = map_get(&cache->map, buf_span(&id));
	if (entry) {
		cache->hits++;
		list_remove(&cache->order, &entry->node);
		list_push(&cache->order, &entry->node);
		buf_done(&id);
		return blob_ref(entry->blob);
	}
	cache->misses++;
	blob = message_encode_put(object);
	if (blob)
		remember(cache, buf_span(&id), blob);
	buf_done(&id);
	return blob;
}

uint64_t encode_cache_hits(const struct encode_cache *cache)
{
	return cache->hits;
}

uint64_t encode_cache_misses(const struct encode_cache *cache)
{
	return cache->misses;
}
