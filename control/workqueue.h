/* workqueue: keys to be looked at, each once however often it is asked for, with a back-off for those that failed.
 * Pure: told the time. A key taken out is worked on until workqueue_done; asked for meanwhile, it comes again after that. */
#ifndef HOLDFAST_CONTROL_WORKQUEUE_H
#define HOLDFAST_CONTROL_WORKQUEUE_H

#include "base/list.h"
#include "base/map.h"
#include "base/timerq.h"

#define WORKQUEUE_MAX 2000000u
#define WORKQUEUE_BACKOFF_MS 200u
#define WORKQUEUE_BACKOFF_MAX_MS 60000u
#define WORKQUEUE_KEY_MAX 1024u

struct workqueue_item; /* a key and its state; valid from workqueue_take to workqueue_done */
struct workqueue {
	struct map items; /* class letter and key -> item */
	struct list ready;
	struct timerq later;
};
void workqueue_init(struct workqueue *q);
void workqueue_done_all(struct workqueue *q); /* frees everything, items taken out included */

/* `class` is a small number the owner gives meaning to. -ENOMEM, -ENOSPC. */
int workqueue_add(struct workqueue *q, unsigned class, const char *key) must_check;
/* Not before due_ms, unless asked for earlier by somebody else. */
int workqueue_add_at(struct workqueue *q, unsigned class, const char *key, uint64_t due_ms) must_check;
/* The next one due; NULL when there is none. */
struct workqueue_item *workqueue_take(struct workqueue *q, uint64_t now_ms);
unsigned workqueue_class(const struct workqueue_item *item);
const char *workqueue_key(const struct workqueue_item *item);
/* Work on it is over. failed: it comes again after its back-off (which success resets), with jitter from `random`. */
void workqueue_done(struct workqueue *q, struct workqueue_item *item, bool failed, uint64_t now_ms,
		    uint64_t random);
uint64_t workqueue_next(
	const struct workqueue *q); /* 0 when something is ready, else the earliest due, TIMERQ_NEVER */
size_t workqueue_count(const struct workqueue *q);

#endif
