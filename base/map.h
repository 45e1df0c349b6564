/* map: a hash map from byte strings to pointers, with a ceiling on its entries.
 *
 * Keys are copied; values are borrowed unless a free function is given to map_done. Not
 * thread-safe. The hash has a random key per map, so that outside keys cannot be aimed at one slot;
 * a walk goes in order of insertion all the same, so that simulations replay. */
#ifndef HOLDFAST_BASE_MAP_H
#define HOLDFAST_BASE_MAP_H

#include "base/span.h"

struct map_slot;
struct map {
	struct map_slot *slots; /* in order of insertion, holes where something was removed */
	uint32_t *index;	/* hash table of positions in slots, plus one */
	size_t count, used, cap, max;
	uint64_t key[2];
};

void map_init(struct map *map, size_t max_entries);
void map_done(struct map *map, void (*free_value)(void *value)); /* free_value may be NULL */
void *map_get(const struct map *map, struct span key);		 /* NULL when absent */
/* Inserts or replaces; *out_old (may be NULL) gets the value replaced. -ENOMEM, -ENOSPC at the ceiling. */
int map_put(struct map *map, struct span key, void *value, void **out_old) must_check;
void *map_remove(struct map *map, struct span key); /* the value that was there, or NULL */
/* Walk in order of insertion: start with *cursor 0; false at the end. Removing the entry just returned is allowed, inserting is not. */
bool map_next(const struct map *map, size_t *cursor, struct span *key, void **value);

#endif
