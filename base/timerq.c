#include "base/timerq.h"

#include <errno.h>
#include <stdlib.h>

#define TIMERQ_FIRST_CAP 16u

void timerq_init(struct timerq *q)
{
	*q = (struct timerq){ 0 };
}

void timerq_done(struct timerq *q)
{
	for (size_t i = 0; i < q->count; i++)
		q->heap[i]->slot = 0;
	free(q->heap);
	*q = (struct timerq){ 0 };
}

static void put_at(struct timerq *q, size_t slot, struct timerq_node *node)
{
	q->heap[slot - 1] = node;
	node->slot = slot;
}

static void sift_up(struct timerq *q, size_t slot, struct timerq_node *node)
{
	while (slot > 1 && q->heap[slot / 2 - 1]->due_ms > node->due_ms) {
		put_at(q, slot, q->heap[slot / 2 - 1]);
		slot /= 2;
	}
	put_at(q, slot, node);
}

static void sift_down(struct timerq *q, size_t slot, struct timerq_node *node)
{
	for (size_t child; (child = slot * 2) <= q->count; slot = child) {
		if (child < q->count && q->heap[child]->due_ms < q->heap[child - 1]->due_ms)
			child++;
		if (q->heap[child - 1]->due_ms >= node->due_ms)
			break;
		put_at(q, slot, q->heap[child - 1]);
	}
	put_at(q, slot, node);
}

static void settle(struct timerq *q, size_t slot, struct timerq_node *node)
{
	if (slot > 1 && q->heap[slot / 2 - 1]->due_ms > node->due_ms)
		sift_up(q, slot, node);
	else
		sift_down(q, slot, node);
}

int timerq_set(struct timerq *q, struct timerq_node *node, uint64_t due_ms)
{
	if (!node->slot && q->count == q->cap) {
		size_t cap = q->cap ? q->cap * 2 : TIMERQ_FIRST_CAP;
		struct timerq_node **heap = reallocarray(q->heap, cap, sizeof(*heap));

		if (!heap)
			return -ENOMEM;
		q->heap = heap;
		q->cap = cap;
	}
	node->due_ms = due_ms;
	if (node->slot)
		settle(q, node->slot, node);
	else
		sift_up(q, ++q->count, node);
	return 0;
}

void timerq_cancel(struct timerq *q, struct timerq_node *node)
{
	size_t slot = node->slot;
	struct timerq_node *last;

	if (!slot)
		return;
	last = q->heap[--q->count];
	node->slot = 0;
	if (last != node)
		settle(q, slot, last);
}

uint64_t timerq_next(const struct timerq *q)
{
	return q->count ? q->heap[0]->due_ms : TIMERQ_NEVER;
}

struct timerq_node *timerq_pop(struct timerq *q, uint64_t now_ms)
{
	struct timerq_node *node = q->count ? q->heap[0] : NULL;

	if (!node || node->due_ms > now_ms)
		return NULL;
	timerq_cancel(q, node);
	return node;
}
