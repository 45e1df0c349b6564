#include "control/arena.h"

#include <stdlib.h>

#define CHUNK_BYTES 480u /* most views fit in one */
#define ALIGNMENT 8u

struct arena_chunk {
	struct arena_chunk *next;
	size_t size;
	_Alignas(ALIGNMENT) char data[];
};

void arena_done(struct arena *arena)
{
	while (arena->chunks) {
		struct arena_chunk *chunk = arena->chunks;

		arena->chunks = chunk->next;
		free(chunk);
	}
	arena->used = 0;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk = arena->chunks;
	size_t room;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (!chunk || chunk->size - arena->used < size) {
		room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
		chunk = calloc(1, sizeof(*chunk) + room);
		if (!chunk)
			return NULL;
		chunk->size = room;
		chunk->next = arena->chunks;
		arena->chunks = chunk;
		arena->used = 0;
	}
	arena->used += size;
	return chunk->data + arena->used - size;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	return size && count > SIZE_MAX / 2 / size ? NULL : arena_alloc(arena, count * size);
}

const char *arena_copy(struct arena *arena, struct span bytes)
{
	char *copy;

	if (!bytes.len)
		return "";
	copy = arena_alloc(arena, bytes.len + 1);
	if (copy)
		memcpy(copy, bytes.ptr, bytes.len);
	return copy;
}

const char *arena_str(struct arena *arena, const char *text)
{
	return arena_copy(arena, span_of(text));
}
