#include "edge-hub/pods/arena.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>

#define BLOCK_SMALL 2048u
#define BLOCK_LARGE 16384u

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	alignas(max_align_t) char data[];
};

void arena_init(struct arena *arena, size_t max_bytes)
{
	*arena = (struct arena){ .max = max_bytes };
}

void arena_done(struct arena *arena)
{
	struct arena_block *block = arena->blocks;

	while (block) {
		struct arena_block *next = block->next;

		free(block);
		block = next;
	}
	arena->blocks = NULL;
	arena->used = 0;
}

static struct arena_block *block_with_room(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->blocks;
	size_t want = arena->used < BLOCK_LARGE ? BLOCK_SMALL : BLOCK_LARGE;

	if (block && block->size - block->used >= size)
		return block;
	if (want < size)
		want = size;
	block = calloc(1, sizeof(*block) + want);
	if (!block)
		return NULL;
	block->size = want;
	block->next = arena->blocks;
	arena->blocks = block;
	return block;
}

static void *take(struct arena *arena, size_t size, size_t align)
{
	struct arena_block *block;
	size_t start;

	arena->error = size > arena->max || arena->used > arena->max - size ? -E2BIG : -ENOMEM;
	if (arena->error == -E2BIG)
		return NULL;
	block = block_with_room(arena, size + align);
	if (!block)
		return NULL;
	arena->error = 0;
	start = (block->used + align - 1) & ~(align - 1);
	block->used = start + size;
	arena->used += size;
	return block->data + start;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	return take(arena, size ? size : 1, alignof(max_align_t));
}

char *arena_str(struct arena *arena, struct span s)
{
	char *copy = take(arena, s.len + 1, 1);

	if (copy && s.len)
		memcpy(copy, s.ptr, s.len);
	return copy;
}
