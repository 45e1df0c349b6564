/* watch_internal: the state of one watch, as its sources and the server's timers and virtual objects see it. Internal to
 * api/. */
#ifndef HOLDFAST_API_WATCH_INTERNAL_H
#define HOLDFAST_API_WATCH_INTERNAL_H

#include "api/server_internal.h"

enum watch_phase {
	WATCH_INITIAL, /* the state is being sent as ADDED events */
	WATCH_LIVE,    /* changes flow */
};
struct watch {
	struct list_node node;	  /* api->watches */
	struct timerq_node timer; /* the nearer of bookmark and end */
	struct api_call *call;
	struct cache_watch *source; /* NULL during the initial state */
	enum watch_phase phase;
	uint64_t bookmark_ms, end_ms;	     /* mono; TIMERQ_NEVER: no bookmarks */
	uint64_t revision;		     /* of the initial state */
	const struct api_virtual *in_memory; /* of a kind that the store knows nothing of; NULL */
	uint64_t position;		     /* there: told of all changes up to it */
	struct object *after;		     /* the last one of the initial state that was sent */
	struct memory memory;		     /* objects in memory, a part of the initial state */
	bool is_full;			     /* the client is slow: nothing until it drains */
	bool sent_columns;		     /* only the first table event carries them */
	bool is_walking, is_cancelled;
};
/* watch_send.c. 0: taken; 1: taken, and the client is full; negative: the watch is gone, do not touch it. */
int watch_send_event(struct watch *watch, enum change_type type, const struct object *object) must_check;
int watch_send_bookmark(struct watch *watch, uint64_t revision, bool initial_end) must_check;
/* The last event of a watch whose next change is not known any more, and its end. */
void watch_send_expired(struct watch *watch, uint64_t revision);

void watch_tick(struct watch *watch);
void watch_virtual(struct watch *watch, const struct change *change);
void watch_moved(struct watch *watch, const char *resource);

#endif
