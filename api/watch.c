/* WATCH: the state as ADDED events where asked for, then every change, in order. Nothing is queued here:
 * while the client is slow the cache's watch stands still, and goes on from the log; past the log's window
 * the watch ends with 410. */
#include <errno.h>
#include <stdlib.h>

#include "api/watch_internal.h"

static void watch_free(struct watch *watch)
{
	object_unref(watch->after);
	memory_done(&watch->memory);
	free(watch);
}

static void watch_cancel(struct api_call *call)
{
	struct watch *watch = call->state;

	call->state = NULL;
	cache_watch_close(watch->source);
	watch->source = NULL;
	timerq_cancel(&call->api->timers, &watch->timer);
	list_remove(&call->api->watches, &watch->node);
	if (watch->is_walking)
		watch->is_cancelled = true;
	else
		watch_free(watch);
}

static void set_timer(struct watch *watch)
{
	struct api *api = watch->call->api;
	uint64_t due = watch->bookmark_ms < watch->end_ms ? watch->bookmark_ms : watch->end_ms;

	if (timerq_set(&api->timers, &watch->timer, due)) {
		call_abort(watch->call); /* a watch that cannot end is worse than none */
		return;
	}
	if (api->on_due)
		api->on_due(api->on_due_ctx);
}

/* --- changes --- */

static bool is_selected(const struct watch *watch, const struct object *object)
{
	const struct request *request = &watch->call->request;

	if (request->what.name[0] && strcmp(request->what.name, object->key.name) != 0)
		return false;
	return object_selected(object, request->options.labels, request->options.fields);
}

/* What the change is to someone who sees only the selected objects. False: nothing. */
static bool translate(const struct watch *watch, const struct change *change, enum change_type *out)
{
	const struct object *before = change->previous ? change->previous : change->object;
	bool is = (change->type == CHANGE_ADDED || change->type == CHANGE_MODIFIED) &&
		  is_selected(watch, change->object);
	bool was = change->type != CHANGE_ADDED && is_selected(watch, before);

	*out = is ? (was ? CHANGE_MODIFIED : CHANGE_ADDED) : CHANGE_DELETED;
	return is || was;
}

/* An object whose bytes are gone (it left the replica): enough to know it by. */
static struct object *without_bytes(const struct kind *kind, const struct change *change)
{
	struct json *tree = json_new_object(), *metadata = json_ensure(tree, "metadata");
	struct object *bare = NULL, *out = NULL;
	int err = metadata ? 0 : -ENOMEM;

	if (!err)
		err = json_set_str(metadata, "name", change->object->key.name);
	if (!err && kind->namespaced)
		err = json_set_str(metadata, "namespace", change->object->key.ns);
	if (!err)
		err = json_set_str(metadata, "uid", change->object->uid);
	if (!err)
		err = object_from_json(kind_of_storage(kind->storage), tree, &bare);
	if (!err)
		out = virtual_stamp(bare, change->revision);
	object_unref(bare);
	json_free(tree);
	return out;
}

/* The object to show: for one that leaves the selection its last selected state, with the revision of the
 * change; for one whose bytes are gone what is left of it. */
static struct object *object_to_show(const struct watch *watch, const struct change *change,
				     enum change_type as)
{
	const struct object *object = change->object, *previous = change->previous;
	bool has_left = as == CHANGE_DELETED && change->type != CHANGE_DELETED;

	if (has_left && previous && previous->body.len)
		return virtual_stamp(previous, change->revision);
	if (object->body.len)
		return object_ref(object);
	if (previous && previous->body.len)
		return virtual_stamp(previous, change->revision);
	return without_bytes(watch->call->request.kind, change);
}

static int pass_change(struct watch *watch, const struct change *change)
{
	enum change_type as;

	if (!translate(watch, change, &as))
		return 0;
	struct object *object = object_to_show(watch, change, as);

	if (!object) {
		call_abort(watch->call);
		return -ENOMEM;
	}
	int full = watch_send_event(watch, as, object);

	object_unref(object);
	return full;
}

static int on_change(void *ctx, const struct change *change)
{
	struct watch *watch = ctx;
	struct api_call *call = watch->call;

	call_enter(call);
	int full = pass_change(watch, change);

	call_leave(call);
	return full != 0;
}

static void on_gone(void *ctx)
{
	struct watch *watch = ctx;
	struct api_call *call = watch->call;

	call_enter(call);
	watch_send_expired(watch, cache_watch_position(watch->source));
	call_leave(call);
}

void watch_virtual(struct watch *watch, const struct change *change)
{
	struct api_call *call = watch->call;
	const struct kind *kind = call->request.kind;
	const struct key *key = &change->object->key;

	/* To a slow client only the newest state matters, which the next change carries. */
	if (watch->phase != WATCH_LIVE || watch->is_full || strcmp(kind->storage, key->resource) != 0 ||
	    (call->request.namespaced_path && strcmp(call->request.what.ns, key->ns) != 0))
		return;
	uint64_t position = cache_watch_position(watch->source);
	struct object *stamped = virtual_stamp(change->object, position);
	struct change own = { .type = change->type, .revision = position, .object = stamped };

	if (!stamped)
		return;
	own.previous = change->type == CHANGE_ADDED ? NULL : stamped;
	call_enter(call);
	(void)pass_change(watch, &own);
	call_leave(call);
	object_unref(stamped);
}

/* --- changes of what is in memory alone --- */

static int pass_memory(void *ctx, const struct change *change)
{
	struct watch *watch = ctx;

	watch->position = change->revision;
	int full = pass_change(watch, change);

	return watch->is_cancelled ? -ECANCELED : full;
}

/* Goes on from where it stands, until the client is full. */
static void follow_memory(struct watch *watch)
{
	struct api_call *call = watch->call;
	bool is_within = watch->is_walking; /* then it is freed there */

	call_enter(call);
	watch->is_walking = true;
	int err = watch->in_memory->changes(watch->in_memory->ctx, watch->position, pass_memory, watch);

	watch->is_walking = is_within;
	if (!watch->is_cancelled && err == -ERANGE)
		watch_send_expired(watch, watch->position);
	else if (watch->is_cancelled && !is_within)
		watch_free(watch);
	call_leave(call);
}

void watch_moved(struct watch *watch, const char *resource)
{
	if (watch->phase == WATCH_LIVE && !watch->is_full && watch->in_memory &&
	    strcmp(watch->in_memory->resource, resource) == 0)
		follow_memory(watch);
}

static uint64_t position(const struct watch *watch)
{
	return watch->in_memory ? watch->position : cache_watch_position(watch->source);
}

/* --- the initial state --- */

static int send_initial(struct watch *watch, struct object *object)
{
	if (!is_selected(watch, object))
		return 0;
	return watch_send_event(watch, CHANGE_ADDED, object);
}

static int on_object(void *ctx, struct object *object)
{
	struct watch *watch = ctx;
	int full = memory_has(&watch->memory, &object->key) ? 0 : send_initial(watch, object);

	if (watch->is_cancelled)
		return 1;
	object_unref(watch->after);
	watch->after = object_ref(object);
	return full != 0;
}

static void go_live(struct watch *watch)
{
	static const struct cache_watch_events events = { on_change, on_gone };
	struct api_call *call = watch->call;
	const struct request *request = &call->request;
	const char *ns = request->namespaced_path ? request->what.ns : NULL;
	int err = 0;

	if (request->options.send_initial == TRI_TRUE && request->options.bookmarks)
		err = watch_send_bookmark(watch, watch->revision, true);
	if (err < 0)
		return;
	watch->phase = WATCH_LIVE;
	if (watch->in_memory) {
		watch->position = watch->revision;
		follow_memory(watch);
		return;
	}
	err = cache_watch_open(call->api->options.cache, request->kind->storage, ns, watch->revision, &events,
			       watch, &watch->source);
	if (err == -ERANGE)
		watch_send_expired(watch, watch->revision);
	else if (err)
		call_abort(call);
}

static int walk_memory(struct watch *watch)
{
	struct memory *memory = &watch->memory;

	while (memory->next < memory->count) {
		int full = send_initial(watch, memory->objects[memory->next]);

		if (watch->is_cancelled)
			return -ECANCELED;
		memory->next++;
		if (full)
			return full;
	}
	return 0;
}

/* `code`: of the list; more than 0 where it stopped on the way. */
static void end_walk(struct watch *watch, int code)
{
	if (code == -ERANGE)
		watch_send_expired(watch, watch->revision);
	else if (code < 0)
		call_abort(watch->call);
	else if (!code && !watch->is_full)
		go_live(watch);
}

static void walk(struct watch *watch)
{
	struct api_call *call = watch->call;
	const struct request *request = &call->request;
	struct cache_list range = {
		.resource = request->kind->storage,
		.ns = request->namespaced_path ? request->what.ns : NULL,
		.revision = watch->revision,
	};
	uint64_t revision = 0;

	watch->is_walking = true;
	watch->is_full = false;
	int err = walk_memory(watch);

	if (!err && !watch->in_memory) {
		range.after_ns = watch->after ? watch->after->key.ns : NULL;
		range.after_name = watch->after ? watch->after->key.name : NULL;
		err = cache_list(call->api->options.cache, &range, on_object, watch, &revision);
		if (!err && !watch->revision)
			watch->revision = revision;
	}
	if (!watch->is_cancelled)
		end_walk(watch, err);
	watch->is_walking = false;
	if (watch->is_cancelled)
		watch_free(watch);
}

static void watch_drained(struct api_call *call)
{
	struct watch *watch = call->state;

	watch->is_full = false;
	if (watch->phase == WATCH_INITIAL)
		walk(watch);
	else if (watch->in_memory)
		follow_memory(watch);
	else
		cache_watch_resume(watch->source);
}

static const struct call_ops watch_ops = { watch_drained, watch_cancel };

/* --- time --- */

void watch_tick(struct watch *watch)
{
	struct api_call *call = watch->call;
	struct api *api = call->api;
	uint64_t now = api->options.mono_ms(api->options.clock_ctx);
	bool may_mark = watch->phase == WATCH_LIVE && !watch->is_full && call->request.options.bookmarks;
	int err = 0;

	call_enter(call);
	if (may_mark)
		err = watch_send_bookmark(watch, position(watch), false);
	if (err >= 0 && now >= watch->end_ms) {
		call_end(call);
	} else if (err >= 0) {
		watch->bookmark_ms = call->request.options.bookmarks ? now + API_BOOKMARK_MS : TIMERQ_NEVER;
		set_timer(watch);
	}
	call_leave(call);
}

/* --- the start --- */

static uint64_t duration_ms(struct api *api, const struct request_options *options)
{
	if (options->timeout_s)
		return (options->timeout_s < UINT32_MAX ? options->timeout_s : UINT32_MAX) * 1000;
	return API_WATCH_MIN_MS + rng_below(&api->rng, API_WATCH_MIN_MS);
}

static struct watch *watch_new(struct api_call *call)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	uint64_t now = call->api->options.mono_ms(call->api->options.clock_ctx);

	if (!watch)
		return NULL;
	watch->call = call;
	watch->in_memory = memory_of(call->api, call->request.kind->storage);
	watch->end_ms = now + duration_ms(call->api, &call->request.options);
	watch->bookmark_ms = call->request.options.bookmarks ? now + API_BOOKMARK_MS : TIMERQ_NEVER;
	return watch;
}

static int check(struct api_call *call, struct status *status)
{
	const struct request *request = &call->request;
	struct api *api = call->api;
	int err = request_check_list(request, status);

	if (err)
		return err;
	if (api->watches.count >= api->options.watches_max) {
		err = status_set(status, STATUS_TOO_MANY_REQUESTS,
				 "too many watches are open, please try again later");
		status->retry_after_s = 10;
		return err;
	}
	if (request->options.has_revision && !memory_of(api, request->kind->storage) &&
	    list_is_future(api, request->kind->storage, request->options.revision))
		return list_too_large(status, api, request->options.revision);
	return 0;
}

static void start(struct watch *watch)
{
	struct api_call *call = watch->call;
	const struct request_options *options = &call->request.options;
	struct api *api = call->api;
	bool from_state = options->send_initial == TRI_TRUE ||
			  (options->send_initial == TRI_UNSET && !options->revision);

	call->state = watch;
	call->ops = &watch_ops;
	list_push(&api->watches, &watch->node);
	call_begin(call, 200, "application/json");
	set_timer(watch);
	if (call->over)
		return;
	if (from_state) {
		walk(watch);
		return;
	}
	if (options->revision)
		watch->revision = options->revision;
	else if (!watch->in_memory) /* else it is as of the start */
		watch->revision = cache_revision(api->options.cache);
	go_live(watch);
}

void verb_watch(struct api_call *call)
{
	const struct request *request = &call->request;
	struct watch *watch = NULL;
	struct status status;

	status_init(&status);
	int err = check(call, &status);

	if (!err && !(watch = watch_new(call)))
		err = status_of_errno(&status, -ENOMEM);
	if (!err && memory_gather(&watch->memory, call->api, request->kind->storage,
				  request->namespaced_path ? request->what.ns : NULL)) {
		watch_free(watch);
		err = status_of_errno(&status, -ENOMEM);
	}
	if (!err && watch->in_memory)
		watch->revision = watch->in_memory->revision(watch->in_memory->ctx);
	if (err)
		call_status(call, &status);
	else
		start(watch);
	status_done(&status);
}
