/* watch: who is told of changes, and how far each has been told.
 *
 * A watch is live (told as commits are delivered), lagging (reads pages of the log until it has caught
 * up), paused by its own reader, or gone (its position fell out of the log). Loop's thread. Watches closed
 * while changes are being delivered are freed when that is over, so a callback may close any watch. */
#ifndef HOLDFAST_CACHE_WATCH_H
#define HOLDFAST_CACHE_WATCH_H

#include "base/list.h"
#include "base/map.h"
#include "cache/engine.h"

#define WATCH_MAX 65536u /* watches on one store */
#define WATCH_TOPIC_MAX 4096u
#define WATCH_PAGE 256u /* changes that a lagging watch is told of in one dispatch */

struct watches {
	struct engine *engine;
	struct map topics; /* resource ("" for all) to its watches */
	struct list lagging, closed;
	size_t count;
	uint64_t published; /* newest revision whose delivery has begun */
	uint64_t delivered; /* newest whose delivery is over */
	unsigned depth;	    /* inside a delivery */
	void (*wake)(void *ctx);
	void *wake_ctx;
};

void watches_init(struct watches *watches, struct engine *engine, uint64_t revision);
void watches_done(struct watches *watches);
int watches_open(struct watches *watches, const char *resource, const char *ns, uint64_t after,
		 const struct cache_watch_events *events, void *ctx, struct cache_watch **out) must_check;
/* A group of changes: begin with its revision, each change, end. */
void watches_begin(struct watches *watches, uint64_t revision);
void watches_tell(struct watches *watches, const struct change *change);
void watches_end(struct watches *watches);
/* One page for each lagging watch; true when some have more to read. */
bool watches_catch_up(struct watches *watches);

#endif
