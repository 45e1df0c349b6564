/* restamp: Events that came while nobody knew the time: marked with the boot and its monotonic time, and stamped when they are sent.
 * Pure. */
#ifndef HOLDFAST_EDGE_HUB_OUTBOX_RESTAMP_H
#define HOLDFAST_EDGE_HUB_OUTBOX_RESTAMP_H

#include "base/buf.h"
#include "base/json.h"

#define RESTAMP_MARK \
	"holdfast.io/stamped-at" /* annotation, "BOOT-ID FIRST-MS LAST-MS"; never leaves the node */

int restamp_mark(struct json *event, const char *boot_id, uint64_t first_mono_ms,
		 uint64_t last_mono_ms) must_check;

struct restamp {
	const char *boot_id; /* this one */
	uint64_t mono_ms;    /* since it, now */
	int64_t wall_ms;     /* now */
};
/* Writes the Event without its mark. Of this boot: with times that follow from the monotonic clock. Of another one: with those it
 * has, but none after this boot began. -ENOENT: it bears no mark. */
int restamp_event(struct span body, const struct restamp *now, struct buf *out) must_check;

#endif
