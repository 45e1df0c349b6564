#include "base/map.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/random.h"

#define MAP_FIRST_CAP 8u
#define INDEX_FREE 0u
#define INDEX_GONE UINT32_MAX /* was in use: probes go on past it */

struct map_slot {
	uint64_t hash;
	char *key; /* NULL: removed */
	size_t len;
	void *value;
};

void map_init(struct map *map, size_t max_entries)
{
	*map = (struct map){ .max = max_entries < INDEX_GONE / 4 ? max_entries : INDEX_GONE / 4 };
}

void map_done(struct map *map, void (*free_value)(void *value))
{
	if (!map)
		return;
	for (size_t i = 0; i < map->used; i++) {
		if (map->slots[i].key && free_value)
			free_value(map->slots[i].value);
		free(map->slots[i].key);
	}
	free(map->slots);
	free(map->index);
	map_init(map, map->max);
}

/* The index is twice the slots, so that at least half of it is free and probes end. */
static size_t index_mask(const struct map *map)
{
	return map->cap * 2 - 1;
}

static uint32_t *find(const struct map *map, struct span key, uint64_t hash)
{
	if (!map->cap)
		return NULL;
	for (size_t i = hash & index_mask(map);; i = (i + 1) & index_mask(map)) {
		uint32_t at = map->index[i];
		const struct map_slot *slot;

		if (at == INDEX_FREE)
			return NULL;
		if (at == INDEX_GONE)
			continue;
		slot = &map->slots[at - 1];
		if (slot->hash == hash && span_eq(span_make(slot->key, slot->len), key))
			return &map->index[i];
	}
}

static void index_add(struct map *map, size_t slot)
{
	size_t i = map->slots[slot].hash & index_mask(map);

	while (map->index[i] != INDEX_FREE)
		i = (i + 1) & index_mask(map);
	map->index[i] = (uint32_t)slot + 1;
}

/* Moves everything to new memory without the holes; on -ENOMEM the map is as it was. */
static int rebuild(struct map *map)
{
	size_t cap = MAP_FIRST_CAP;
	struct map grown = *map;

	while (cap <= map->count + map->count / 2)
		cap *= 2;
	grown.slots = calloc(cap, sizeof(*grown.slots));
	grown.index = calloc(cap * 2, sizeof(*grown.index));
	if (!grown.slots || !grown.index) {
		free(grown.slots);
		free(grown.index);
		return -ENOMEM;
	}
	if (!map->cap)
		random_bytes(grown.key, sizeof(grown.key));
	grown.cap = cap;
	grown.used = 0;
	for (size_t i = 0; i < map->used; i++) {
		if (!map->slots[i].key)
			continue;
		grown.slots[grown.used] = map->slots[i];
		index_add(&grown, grown.used++);
	}
	free(map->slots);
	free(map->index);
	map->slots = grown.slots;
	map->index = grown.index;
	map->used = grown.used;
	map->cap = cap;
	memcpy(map->key, grown.key, sizeof(map->key));
	return 0;
}

void *map_get(const struct map *map, struct span key)
{
	const uint32_t *at = map->cap ? find(map, key, hash_keyed(key, map->key)) : NULL;

	return at ? map->slots[*at - 1].value : NULL;
}

static int insert(struct map *map, struct span key, void *value)
{
	struct map_slot slot = { .len = key.len, .value = value };

	if (map->count >= map->max)
		return -ENOSPC;
	if (map->used == map->cap && rebuild(map))
		return -ENOMEM;
	slot.key = span_dup(key);
	if (!slot.key)
		return -ENOMEM;
	slot.hash = hash_keyed(key, map->key);
	map->slots[map->used] = slot;
	index_add(map, map->used++);
	map->count++;
	return 0;
}

int map_put(struct map *map, struct span key, void *value, void **out_old)
{
	uint32_t *at = map->cap ? find(map, key, hash_keyed(key, map->key)) : NULL;

	if (out_old)
		*out_old = at ? map->slots[*at - 1].value : NULL;
	if (!at)
		return insert(map, key, value);
	map->slots[*at - 1].value = value;
	return 0;
}

void *map_remove(struct map *map, struct span key)
{
	uint32_t *at = map->cap ? find(map, key, hash_keyed(key, map->key)) : NULL;
	struct map_slot *slot;

	if (!at)
		return NULL;
	slot = &map->slots[*at - 1];
	free(slot->key);
	slot->key = NULL;
	*at = INDEX_GONE;
	map->count--;
	return slot->value;
}

bool map_next(const struct map *map, size_t *cursor, struct span *key, void **value)
{
	while (*cursor < map->used) {
		const struct map_slot *slot = &map->slots[(*cursor)++];

		if (!slot->key)
			continue;
		if (key)
			*key = span_make(slot->key, slot->len);
		if (value)
			*value = slot->value;
		return true;
	}
	return false;
}
