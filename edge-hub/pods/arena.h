/* arena: memory that goes at once: many small allocations with one owner and one end.
 *
 * Holds a decoded pod. Blocks grow with use, so that a small pod costs a few KiB. Zeroed memory. */
#ifndef HOLDFAST_EDGE_HUB_PODS_ARENA_H
#define HOLDFAST_EDGE_HUB_PODS_ARENA_H

#include "base/span.h"

struct arena_block;
struct arena {
	struct arena_block *blocks;
	size_t used, max; /* bytes handed out, and their ceiling */
	int error;	  /* why the last allocation failed: -E2BIG or -ENOMEM */
};

void arena_init(struct arena *arena, size_t max_bytes);
void arena_done(struct arena *arena);
void *arena_alloc(struct arena *arena, size_t size)
	must_check; /* zeroed, aligned for any type; NULL at the ceiling or without memory */
char *arena_str(struct arena *arena, struct span s) must_check; /* NUL-terminated copy; NULL as above */

#endif
