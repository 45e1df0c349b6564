/* list: an intrusive doubly linked list. A node is in one list at most; a zeroed node is in none. */
#ifndef HOLDFAST_BASE_LIST_H
#define HOLDFAST_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_node {
	struct list_node *prev, *next;
};
struct list {
	struct list_node head; /* head.next first, head.prev last */
	size_t count;
};

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
	list->head.prev = list->head.next = &list->head;
	list->count = 0;
}
static inline bool list_is_linked(const struct list_node *node)
{
	return node->next != NULL;
}
static inline void list_insert_before(struct list *list, struct list_node *at, struct list_node *node)
{
	node->prev = at->prev;
	node->next = at;
	at->prev->next = node;
	at->prev = node;
	list->count++;
}
static inline void list_push(struct list *list, struct list_node *node)
{
	list_insert_before(list, &list->head, node);
}
static inline void list_push_front(struct list *list, struct list_node *node)
{
	list_insert_before(list, list->head.next, node);
}
/* Safe on a node that is in no list. */
static inline void list_remove(struct list *list, struct list_node *node)
{
	if (!node->next)
		return;
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->prev = node->next = NULL;
	list->count--;
}
static inline struct list_node *list_first(const struct list *list)
{
	return list->head.next == &list->head ? NULL : list->head.next;
}
static inline struct list_node *list_next(const struct list *list, const struct list_node *node)
{
	return node->next == &list->head ? NULL : node->next;
}
static inline struct list_node *list_pop(struct list *list)
{
	struct list_node *node = list_first(list);

	if (!node)
		return NULL;
	list->head.next =
		node->next; /* as list_remove does, said so that an analyser sees that the list has let go */
	node->next->prev = &list->head;
	node->prev = node->next = NULL;
	list->count--;
	return node;
}

/* The node after the current one is read first, so the body may remove the current one. */
#define list_for_each(list, node)                                                                          \
	for (struct list_node *node = (list)->head.next, *node##_next = node->next; node != &(list)->head; \
	     node = node##_next, node##_next = node->next)

#endif
