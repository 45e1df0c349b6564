/* timerq: deadlines of a pure state machine, as an intrusive heap. It reads no clock: the owner
 * says what time it is. Nodes are embedded in their owners; a zeroed node is not queued. */
#ifndef HOLDFAST_BASE_TIMERQ_H
#define HOLDFAST_BASE_TIMERQ_H

#include <stdint.h>

#include "base/err.h"

#define TIMERQ_NEVER UINT64_MAX

struct timerq_node {
	uint64_t due_ms;
	size_t slot; /* 1-based position in the heap, 0 when not queued */
};
struct timerq {
	struct timerq_node **heap;
	size_t count, cap;
};

void timerq_init(struct timerq *q);
void timerq_done(struct timerq *q);
/* Queues or moves. -ENOMEM. */
int timerq_set(struct timerq *q, struct timerq_node *node, uint64_t due_ms) must_check;
void timerq_cancel(struct timerq *q, struct timerq_node *node);
uint64_t timerq_next(const struct timerq *q); /* TIMERQ_NEVER when empty */
/* The earliest node with due_ms <= now_ms, taken out; NULL when none is due. Equal times leave in no order. */
struct timerq_node *timerq_pop(struct timerq *q, uint64_t now_ms);

#endif
