#include "control/workqueue.h"

#include <errno.h>
#include <stdlib.h>

enum item_state { ITEM_IDLE, ITEM_READY, ITEM_LATER, ITEM_TAKEN };

struct workqueue_item {
	enum item_state state;
	bool again;	   /* asked for while taken */
	uint64_t again_ms; /* then not before this; 0: at once */
	unsigned failures;
	unsigned class;
	struct list_node in_ready;
	struct timerq_node in_later;
	size_t text_len;
	char text[]; /* class letter, then the key */
};

void workqueue_init(struct workqueue *q)
{
	map_init(&q->items, WORKQUEUE_MAX);
	list_init(&q->ready);
	timerq_init(&q->later);
}

void workqueue_done_all(struct workqueue *q)
{
	timerq_done(&q->later);
	map_done(&q->items, free);
	list_init(&q->ready);
}

static struct workqueue_item *want_item(struct workqueue *q, unsigned class, const char *key)
{
	char text[WORKQUEUE_KEY_MAX + 2] = { (char)('a' + class) };
	size_t len = strlen(key);
	struct workqueue_item *item;

	if (len > WORKQUEUE_KEY_MAX)
		return NULL;
	memcpy(text + 1, key, len + 1);
	item = map_get(&q->items, span_make(text, len + 1));
	if (item)
		return item;
	item = calloc(1, sizeof(*item) + len + 2);
	if (!item)
		return NULL;
	item->class = class;
	item->text_len = len + 1;
	memcpy(item->text, text, len + 2);
	if (map_put(&q->items, span_make(text, len + 1), item, NULL)) {
		free(item);
		return NULL;
	}
	return item;
}

static void make_ready(struct workqueue *q, struct workqueue_item *item)
{
	timerq_cancel(&q->later, &item->in_later);
	item->state = ITEM_READY;
	list_push(&q->ready, &item->in_ready);
}

/* Without memory for a timer it comes at once: too early is better than never. */
static void make_later(struct workqueue *q, struct workqueue_item *item, uint64_t due_ms)
{
	item->state = ITEM_LATER;
	if (timerq_set(&q->later, &item->in_later, due_ms))
		make_ready(q, item);
}

int workqueue_add_at(struct workqueue *q, unsigned class, const char *key, uint64_t due_ms)
{
	struct workqueue_item *item = want_item(q, class, key);

	if (!item)
		return -ENOMEM;
	switch (item->state) {
	case ITEM_IDLE:
		if (due_ms)
			make_later(q, item, due_ms);
		else
			make_ready(q, item);
		break;
	case ITEM_LATER:
		/* A failed key waits out its back-off, whatever happens around it. */
		if (item->failures)
			break;
		if (!due_ms)
			make_ready(q, item);
		else if (due_ms < item->in_later.due_ms)
			make_later(q, item, due_ms);
		break;
	case ITEM_READY: break;
	case ITEM_TAKEN:
		item->again_ms = item->again && item->again_ms < due_ms ? item->again_ms : due_ms;
		item->again = true;
		break;
	}
	return 0;
}

int workqueue_add(struct workqueue *q, unsigned class, const char *key)
{
	return workqueue_add_at(q, class, key, 0);
}

struct workqueue_item *workqueue_take(struct workqueue *q, uint64_t now_ms)
{
	struct timerq_node *due;
	struct list_node *first;
	struct workqueue_item *item;

	while ((due = timerq_pop(&q->later, now_ms)))
		make_ready(q, container_of(due, struct workqueue_item, in_later));
	first = list_pop(&q->ready);
	if (!first)
		return NULL;
	item = container_of(first, struct workqueue_item, in_ready);
	item->state = ITEM_TAKEN;
	item->again = false;
	item->again_ms = 0;
	return item;
}

unsigned workqueue_class(const struct workqueue_item *item)
{
	return item->class;
}

const char *workqueue_key(const struct workqueue_item *item)
{
	return item->text + 1;
}

static uint64_t backoff(const struct workqueue_item *item, uint64_t random)
{
	uint64_t wait = WORKQUEUE_BACKOFF_MS;

	for (unsigned i = 1; i < item->failures && wait < WORKQUEUE_BACKOFF_MAX_MS; i++)
		wait *= 2;
	if (wait > WORKQUEUE_BACKOFF_MAX_MS)
		wait = WORKQUEUE_BACKOFF_MAX_MS;
	return wait / 2 + random % (wait / 2 + 1);
}

void workqueue_done(struct workqueue *q, struct workqueue_item *item, bool failed, uint64_t now_ms,
		    uint64_t random)
{
	item->failures = failed ? item->failures + 1 : 0;
	if (failed) {
		make_later(q, item, now_ms + backoff(item, random));
	} else if (item->again && item->again_ms) {
		make_later(q, item, item->again_ms);
	} else if (item->again) {
		make_ready(q, item);
	} else {
		(void)map_remove(&q->items, span_make(item->text, item->text_len));
		free(item);
	}
}

uint64_t workqueue_next(const struct workqueue *q)
{
	return q->ready.count ? 0 : timerq_next(&q->later);
}

size_t workqueue_count(const struct workqueue *q)
{
	return q->items.count;
}
