/* arena: small memory of one view, given back all at once. Embedded; a zeroed arena is empty. */
#ifndef HOLDFAST_CONTROL_ARENA_H
#define HOLDFAST_CONTROL_ARENA_H

#include "base/span.h"

struct arena_chunk;
struct arena {
	struct arena_chunk *chunks;
	size_t used; /* in the first chunk */
};
void arena_done(struct arena *arena);
void *arena_alloc(struct arena *arena,
		  size_t size) must_check; /* zeroed, aligned for anything; NULL without memory */
void *arena_array(struct arena *arena, size_t count, size_t size) must_check;
const char *arena_str(struct arena *arena, const char *text) must_check;
const char *arena_copy(struct arena *arena, struct span bytes) must_check; /* NUL-terminated */

#endif
