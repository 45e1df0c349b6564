#include "api/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/server_internal.h"
#include "api/watch_internal.h"
#include "api/write_internal.h"

int api_new(const struct api_options *options, struct api **out)
{
	struct api *api = calloc(1, sizeof(*api));
	uint64_t seed;

	*out = NULL;
	if (!api)
		return -ENOMEM;
	assert_always(options->cache && options->mono_ms && options->wall_ms);
	api->options = *options;
	if (!api->options.watches_max)
		api->options.watches_max = API_WATCHES_MAX;
	list_init(&api->calls);
	list_init(&api->writes);
	list_init(&api->watches);
	timerq_init(&api->timers);
	map_init(&api->documents, API_DOCUMENTS_MAX);
	buf_init(&api->rendered.text, EVENT_MAX);
	random_bytes(&seed, sizeof(seed));
	rng_seed(&api->rng, seed);
	*out = api;
	return 0;
}

static void free_document(void *value)
{
	struct buf *document = value;

	buf_done(document);
	free(document);
}

static void free_tables(struct api *api)
{
	for (size_t i = 0; i < api->route_count; i++)
		free(api->routes[i].path);
	for (size_t i = 0; i < api->handler_count; i++) {
		free(api->handlers[i].group);
		free(api->handlers[i].resource);
		free(api->handlers[i].subresource);
	}
	for (size_t i = 0; i < api->virtual_count; i++) {
		free((char *)api->virtuals[i].resource);
		free((char *)api->virtuals[i].ns);
	}
}

static void abort_call(struct api *api, struct api_call *call)
{
	call_enter(call);
	call_abort(call);
	/* One that somebody else answers stays theirs, without us. */
	if (call->busy > 1) {
		list_remove(&api->calls, &call->node);
		call->api = NULL;
	}
	call_leave(call);
}

void api_free(struct api *api)
{
	if (!api)
		return;
	list_for_each(&api->calls, node)
		abort_call(api, container_of(node, struct api_call, node));
	writes_orphan(api);
	timerq_done(&api->timers);
	map_done(&api->documents, free_document);
	free_tables(api);
	object_unref(api->rendered.object);
	buf_done(&api->rendered.text);
	free(api);
}

struct cache *api_cache(const struct api *api)
{
	return api->options.cache;
}

int64_t api_wall_ms(const struct api *api)
{
	return api->options.wall_ms(api->options.clock_ctx);
}

void api_stats(const struct api *api, struct api_stats *out)
{
	*out = api->stats;
	out->calls = api->calls.count;
	out->watches = api->watches.count;
}

void api_end_watches(struct api *api)
{
	list_for_each(&api->watches, node)
		call_end(container_of(node, struct watch, node)->call);
}

void api_end_watches_unless(struct api *api, bool (*may_go_on)(void *ctx, const struct api_attributes *what),
			    void *ctx)
{
	list_for_each(&api->watches, node) {
		struct api_call *call = container_of(node, struct watch, node)->call;

		if (!may_go_on(ctx, &call->request.what))
			call_end(call);
	}
}

/* --- what the daemon adds --- */

int api_route_add(struct api *api, const char *path, bool open, api_route_fn *fn, void *ctx)
{
	if (api->route_count == API_ROUTES_MAX)
		return -ENOSPC;
	char *copy = span_dup(span_of(path));

	if (!copy)
		return -ENOMEM;
	api->routes[api->route_count++] =
		(struct api_route){ .path = copy, .open = open, .fn = fn, .ctx = ctx };
	return 0;
}

const struct api_route *route_of(const struct api *api, const char *path)
{
	for (size_t i = 0; i < api->route_count; i++) {
		const struct api_route *route = &api->routes[i];
		size_t len = strlen(route->path);
		bool is_prefix = len > 1 && route->path[len - 1] == '/';

		if (!strcmp(route->path, path) || (is_prefix && !strncmp(path, route->path, len)))
			return route;
	}
	return NULL;
}

static int add_handler(struct api *api, const char *group, const char *resource, const char *subresource,
		       struct api_handler handler)
{
	if (api->handler_count == API_HANDLERS_MAX)
		return -ENOSPC;
	handler.group = span_dup(span_of(group));
	handler.resource = span_dup(span_of(resource));
	handler.subresource = span_dup(span_of(subresource ? subresource : ""));
	if (!handler.group || !handler.resource || !handler.subresource) {
		free(handler.group);
		free(handler.resource);
		free(handler.subresource);
		return -ENOMEM;
	}
	api->handlers[api->handler_count++] = handler;
	return 0;
}

int api_compute_add(struct api *api, const char *group, const char *resource, const char *subresource,
		    api_compute_fn *fn, void *ctx)
{
	return add_handler(api, group, resource, subresource,
			   (struct api_handler){ .compute = fn, .ctx = ctx });
}

int api_serve_add(struct api *api, const char *group, const char *resource, const char *subresource,
		  api_serve_fn *fn, void *ctx)
{
	return add_handler(api, group, resource, subresource,
			   (struct api_handler){ .serve = fn, .ctx = ctx });
}

const struct api_handler *handler_of(const struct api *api, const struct api_attributes *what)
{
	for (size_t i = 0; i < api->handler_count; i++) {
		const struct api_handler *handler = &api->handlers[i];

		if (!strcmp(handler->resource, what->resource) && !strcmp(handler->group, what->group) &&
		    !strcmp(handler->subresource, what->subresource))
			return handler;
	}
	return NULL;
}

void api_on_write(struct api *api, api_forward_fn *fn, void *ctx)
{
	api->forward = fn;
	api->forward_ctx = ctx;
}

void api_on_due(struct api *api, void (*fn)(void *ctx), void *ctx)
{
	api->on_due = fn;
	api->on_due_ctx = ctx;
}

uint64_t api_next_due(const struct api *api)
{
	return timerq_next(&api->timers);
}

void api_tick(struct api *api)
{
	uint64_t now = api->options.mono_ms(api->options.clock_ctx);
	struct timerq_node *node;

	while ((node = timerq_pop(&api->timers, now)))
		watch_tick(container_of(node, struct watch, timer));
}

/* --- objects in memory --- */

int api_virtual_set(struct api *api, const struct api_virtual *provider)
{
	if (api->virtual_count == API_VIRTUALS_MAX)
		return -ENOSPC;
	struct api_virtual copy = *provider;

	copy.resource = span_dup(span_of(provider->resource));
	copy.ns = span_dup(span_of(provider->ns));
	if (!copy.resource || !copy.ns) {
		free((char *)copy.resource);
		free((char *)copy.ns);
		return -ENOMEM;
	}
	api->virtuals[api->virtual_count++] = copy;
	return 0;
}

const struct api_virtual *virtual_of(const struct api *api, const char *resource, const char *ns)
{
	for (size_t i = 0; i < api->virtual_count; i++)
		if (!strcmp(api->virtuals[i].resource, resource) &&
		    (!ns[0] || !strcmp(api->virtuals[i].ns, ns)))
			return &api->virtuals[i];
	return NULL;
}

const struct api_virtual *memory_of(const struct api *api, const char *resource)
{
	const struct api_virtual *provider = virtual_of(api, resource, "");

	return provider && provider->revision ? provider : NULL;
}

struct object *virtual_stamp(const struct object *object, uint64_t revision)
{
	struct object copy = *object;

	copy.revision = revision;
	return object_new(&copy);
}

struct one {
	const struct api *api;
	bool has_revision;
	struct object *object;
};

static int keep_one(void *ctx, struct object *object)
{
	struct one *one = ctx;

	if (!one->object)
		one->object =
			virtual_stamp(object, one->has_revision ? object->revision
								: cache_revision(one->api->options.cache));
	return 1;
}

int api_read(struct api *api, const struct key *key, struct object **out)
{
	const struct api_virtual *provider = virtual_of(api, key->resource, key->ns);
	struct one one = { .api = api, .has_revision = provider && provider->revision };

	*out = NULL;
	if (provider && !strcmp(provider->ns, key->ns)) {
		int err = provider->list(provider->ctx, key->name, keep_one, &one);

		if (one.object) {
			*out = one.object;
			return 0;
		}
		if (err && err != -ENOENT)
			return err;
	}
	return cache_get(api->options.cache, key, out);
}

void api_virtual_changed(struct api *api, enum change_type type, const struct object *object)
{
	struct object *stamped = virtual_stamp(object, cache_revision(api->options.cache));
	struct change change = { .type = type, .object = stamped };

	if (!stamped)
		return; /* the next change carries the newest state anyway */
	change.revision = stamped->revision;
	change.previous = type == CHANGE_ADDED ? NULL : stamped;
	list_for_each(&api->watches, node)
		watch_virtual(container_of(node, struct watch, node), &change);
	object_unref(stamped);
}

void api_virtual_moved(struct api *api, const char *resource)
{
	list_for_each(&api->watches, node)
		watch_moved(container_of(node, struct watch, node), resource);
}
