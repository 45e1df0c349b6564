/* events: Events as a kubelet makes them: named, counted when they repeat, held back when they come too fast, put into
 * the outbox. Loop thread. */
#ifndef HOLDFAST_EDGE_HUB_OUTBOX_EVENTS_H
#define HOLDFAST_EDGE_HUB_OUTBOX_EVENTS_H

#include "edge-hub/node/timekeeper.h"
#include "edge-hub/outbox/outbox.h"
#include "net/loop.h"

struct events;

#define EVENTS_KNOWN_MAX 256u	 /* recent ones that a repeat is counted into */
#define EVENTS_INTERVAL_MS 5000u /* a repeating one is reported this often */

struct event {
	const char *kind; /* "Pod", "Node" */
	struct key about; /* resource unused; ns "" for nodes */
	const char *uid, *field_path;
	bool warning;
	const char *reason, *message;
};
/* Sees to it that what was stamped before the time was known is stamped anew when it is sent. */
int events_new(struct loop *loop, struct outbox *outbox, struct timekeeper *timekeeper, const char *node,
	       struct events **out) must_check;
void events_free(struct events *events);
/* Lost only when memory or the outbox is full; counted there. */
void events_report(struct events *events, const struct event *event);

#endif
