#include "cache/watch.h"

#include <errno.h>
#include <stdlib.h>

enum watch_state { WATCH_LIVE, WATCH_LAGGING, WATCH_PAUSED, WATCH_GONE, WATCH_CLOSED };

struct topic {
	struct list watches;
};

struct cache_watch {
	struct list_node in_topic;
	struct list_node in_queue; /* of the lagging, or of the closed */
	struct watches *owner;
	struct topic *topic;
	char *resource, *ns; /* NULL: all */
	uint64_t position;
	enum watch_state state;
	struct cache_watch_events events;
	void *ctx;
};

static void set_state(struct cache_watch *w, enum watch_state state)
{
	assert_always(w->state != WATCH_CLOSED && (w->state != WATCH_GONE || state == WATCH_CLOSED));
	if (w->state == WATCH_LAGGING)
		list_remove(&w->owner->lagging, &w->in_queue);
	if (state == WATCH_LAGGING)
		list_push(&w->owner->lagging, &w->in_queue);
	w->state = state;
}

static void call_wake(struct watches *ws)
{
	if (ws->wake)
		ws->wake(ws->wake_ctx);
}

/* --- opening and closing --- */

void watches_init(struct watches *ws, struct engine *engine, uint64_t revision)
{
	*ws = (struct watches){ .engine = engine, .published = revision, .delivered = revision };
	map_init(&ws->topics, WATCH_TOPIC_MAX);
	list_init(&ws->lagging);
	list_init(&ws->closed);
}

static void watch_free(struct cache_watch *w)
{
	free(w->resource);
	free(w->ns);
	free(w);
}

static void sweep(struct watches *ws)
{
	if (ws->depth > 0)
		return;
	list_for_each(&ws->closed, node) {
		struct cache_watch *w = container_of(node, struct cache_watch, in_queue);

		list_remove(&ws->closed, &w->in_queue);
		list_remove(&w->topic->watches, &w->in_topic);
		ws->count--;
		watch_free(w);
	}
}

static void topic_free(void *value)
{
	struct topic *topic = value;

	list_for_each(&topic->watches, node)
		watch_free(container_of(node, struct cache_watch, in_topic));
	free(topic);
}

void watches_done(struct watches *ws)
{
	map_done(&ws->topics, topic_free);
}

static struct topic *topic_of(struct watches *ws, const char *resource)
{
	return map_get(&ws->topics, span_of(resource ? resource : ""));
}

static int ensure_topic(struct watches *ws, const char *resource, struct topic **out)
{
	struct topic *topic = topic_of(ws, resource);
	int code;

	*out = topic;
	if (topic)
		return 0;
	topic = calloc(1, sizeof(*topic));
	if (!topic)
		return -ENOMEM;
	list_init(&topic->watches);
	code = map_put(&ws->topics, span_of(resource ? resource : ""), topic, NULL);
	if (code < 0) {
		free(topic);
		return code;
	}
	*out = topic;
	return 0;
}

static int check_position(struct watches *ws, uint64_t after)
{
	uint64_t newest = 0, oldest = 0;
	int code = ws->engine->type->state(ws->engine, &newest, &oldest);

	if (code < 0)
		return code;
	if (after < oldest)
		return -ERANGE;
	return after > newest && after > ws->published ? -EINVAL : 0;
}

static int watch_new(const char *resource, const char *ns, struct cache_watch **out)
{
	struct cache_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->resource = resource ? strdup(resource) : NULL;
	w->ns = ns ? strdup(ns) : NULL;
	if ((resource && !w->resource) || (ns && !w->ns)) {
		watch_free(w);
		return -ENOMEM;
	}
	*out = w;
	return 0;
}

int watches_open(struct watches *ws, const char *resource, const char *ns, uint64_t after,
		 const struct cache_watch_events *events, void *ctx, struct cache_watch **out)
{
	struct cache_watch *w = NULL;
	struct topic *topic = NULL;
	int code = ws->count >= WATCH_MAX ? -ENOSPC : check_position(ws, after);

	if (code == 0)
		code = ensure_topic(ws, resource, &topic);
	if (code == 0)
		code = watch_new(resource, ns, &w);
	if (code < 0)
		return code;
	w->owner = ws;
	w->topic = topic;
	w->events = *events;
	w->ctx = ctx;
	w->position = after;
	list_push(&topic->watches, &w->in_topic);
	ws->count++;
	if (after < ws->published) {
		set_state(w, WATCH_LAGGING);
		call_wake(ws);
	}
	*out = w;
	return 0;
}

void cache_watch_close(struct cache_watch *w)
{
	struct watches *ws;

	if (!w)
		return;
	ws = w->owner;
	set_state(w, WATCH_CLOSED);
	list_push(&ws->closed, &w->in_queue);
	sweep(ws);
}

void cache_watch_resume(struct cache_watch *w)
{
	if (w->state != WATCH_PAUSED)
		return;
	/* Through the log even when nothing may have been missed: it knows best. */
	set_state(w, WATCH_LAGGING);
	call_wake(w->owner);
}

uint64_t cache_watch_position(const struct cache_watch *w)
{
	/* A live watch has also been told of everything that did not concern it. */
	return w->state == WATCH_LIVE && w->owner->delivered > w->position ? w->owner->delivered
									   : w->position;
}

/* --- telling --- */

static void tell(struct cache_watch *w, const struct change *change)
{
	w->position = change->revision;
	if (w->events.on_change(w->ctx, change) != 0 && (w->state == WATCH_LIVE || w->state == WATCH_LAGGING))
		set_state(w, WATCH_PAUSED);
}

static void tell_topic(struct topic *topic, const struct change *change)
{
	if (!topic)
		return;
	list_for_each(&topic->watches, node) {
		struct cache_watch *w = container_of(node, struct cache_watch, in_topic);

		/* One that listed newer than what is being delivered waits for its own turn. */
		if (w->state == WATCH_LIVE && change->revision > w->position &&
		    (!w->ns || strcmp(w->ns, change->object->key.ns) == 0))
			tell(w, change);
	}
}

void watches_begin(struct watches *ws, uint64_t revision)
{
	ws->depth++;
	if (revision > ws->published)
		ws->published = revision;
}

void watches_tell(struct watches *ws, const struct change *change)
{
	tell_topic(topic_of(ws, change->object->key.resource), change);
	tell_topic(topic_of(ws, NULL), change);
}

void watches_end(struct watches *ws)
{
	ws->delivered = ws->published;
	ws->depth--;
	sweep(ws);
}

/* --- catching up --- */

static int tell_from_log(void *ctx, const struct change *change)
{
	struct cache_watch *w = ctx;

	tell(w, change);
	return w->state != WATCH_LAGGING;
}

static void read_page(struct watches *ws, struct cache_watch *w)
{
	struct engine_log log = { .resource = w->resource,
				  .ns = w->ns,
				  .after = w->position,
				  .upto = ws->published,
				  .limit = WATCH_PAGE };
	uint64_t position = w->position;
	int code = ws->engine->type->log(ws->engine, &log, tell_from_log, w, &position);

	if (w->state != WATCH_LAGGING)
		return; /* paused or closed meanwhile: it stands after the last change that it was told of */
	if (position > w->position)
		w->position = position;
	if (code == -ERANGE || code == -EBADMSG) { /* what it should be told next cannot be read any more */
		set_state(w, WATCH_GONE);
		if (w->events.on_gone)
			w->events.on_gone(w->ctx);
	} else if (code == 0 && w->position >= ws->published) {
		set_state(w, WATCH_LIVE);
	}
}

bool watches_catch_up(struct watches *ws)
{
	size_t turns = ws->lagging.count;
	struct list_node *node;

	ws->depth++;
	while (turns-- > 0 && (node = list_first(&ws->lagging))) {
		struct cache_watch *w = container_of(node, struct cache_watch, in_queue);

		list_remove(&ws->lagging, node); /* to the end: a callback may take it out, or others */
		list_push(&ws->lagging, node);
		read_page(ws, w);
	}
	ws->depth--;
	sweep(ws);
	return ws->lagging.count > 0;
}
