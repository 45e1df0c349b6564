/* One request from its arrival to whoever answers it: parsed, authorized, routed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/server_internal.h"

static const struct {
	const char *verb;
	unsigned bit;
	void (*run)(struct api_call *call);
	bool writes;
} verbs[] = {
	{ "get", VERB_GET, verb_get, false },
	{ "list", VERB_LIST, verb_list, false },
	{ "watch", VERB_WATCH, verb_watch, false },
	{ "create", VERB_CREATE, verb_write, true },
	{ "update", VERB_UPDATE, verb_write, true },
	{ "patch", VERB_PATCH, verb_write, true },
	{ "delete", VERB_DELETE, verb_write, true },
	{ "deletecollection", VERB_DELETECOLLECTION, verb_deletecollection, true },
};

static size_t find_verb(const char *verb)
{
	size_t i = 0;

	while (i < sizeof(verbs) / sizeof(verbs[0]) && strcmp(verbs[i].verb, verb) != 0)
		i++;
	return i;
}

static bool has_subresource(const struct kind *kind, const char *name)
{
	for (size_t i = 0; kind->subresources && kind->subresources[i]; i++)
		if (!strcmp(kind->subresources[i], name))
			return true;
	return false;
}

static int method_not_allowed(struct status *status)
{
	return status_set(status, STATUS_METHOD_NOT_ALLOWED,
			  "the server does not allow this method on the requested resource");
}

/* Does the path fit the kind, and the verb the path? */
static int check_route(const struct api_call *call, struct status *status)
{
	const struct request *request = &call->request;
	const struct api_attributes *what = &request->what;
	const struct kind *kind = request->kind;
	bool own_path = kind && kind->namespaced == request->namespaced_path;

	if (!kind)
		return status_no_resource(status);
	if (what->subresource[0] && !has_subresource(kind, what->subresource) && !handler_of(call->api, what))
		return status_no_resource(status);
	if (!kind->namespaced && request->namespaced_path)
		return status_no_resource(status);
	if (what->name[0] && !own_path)
		return status_no_resource(status);
	/* All namespaces at once can be listed and watched, nothing else. */
	if (!own_path && strcmp(what->verb, "list") != 0 && strcmp(what->verb, "watch") != 0)
		return method_not_allowed(status);
	size_t verb = find_verb(what->verb);

	if (verb == sizeof(verbs) / sizeof(verbs[0]))
		return method_not_allowed(status);
	if (what->subresource[0])
		return 0;
	const unsigned nameless = VERB_CREATE | VERB_LIST | VERB_WATCH | VERB_DELETECOLLECTION;
	bool fits = what->name[0] ? verbs[verb].bit != VERB_CREATE : (verbs[verb].bit & nameless) != 0;

	if (!(kind->verbs & verbs[verb].bit) || !fits)
		return method_not_allowed(status);
	return 0;
}

int api_denied(struct status *status, const struct api_attributes *what, const char *why)
{
	const struct status_about about = { .group = what->group,
					    .resource = what->resource,
					    .name = what->name };
	char scope[STATUS_NAME_MAX + 32] = "at the cluster scope";

	if (!what->is_resource)
		return status_set(status, STATUS_FORBIDDEN,
				  "forbidden: User \"%s\" cannot %s path \"%s\"%s%s", what->identity->user,
				  what->verb, what->path, why[0] ? ": " : "", why);
	if (what->ns[0])
		snprintf(scope, sizeof(scope), "in the namespace \"%s\"", what->ns);
	return status_forbidden(status, about,
				"User \"%s\" cannot %s resource \"%s%s%s\" in API group \"%s\" %s%s%s",
				what->identity->user, what->verb, what->resource,
				what->subresource[0] ? "/" : "", what->subresource, what->group, scope,
				why[0] ? ": " : "", why);
}

static int authorize(struct api_call *call, struct status *status)
{
	const struct api_hooks *hooks = &call->api->options.hooks;
	const struct api_attributes *what = &call->request.what;

	call->decided = true;
	call->allowed =
		hooks->authorize && hooks->authorize(hooks->ctx, what, call->reason, sizeof(call->reason));
	if (call->allowed)
		return 0;
	return api_denied(status, what, call->reason);
}

static int check_feed(const struct api_call *call, struct status *status)
{
	const struct kind *kind = call->request.kind;

	if (!call->api->options.gated || !kind->storage ||
	    cache_feed(call->api->options.cache, kind->storage) == FEED_COMPLETE)
		return 0;
	int code = status_set(status, STATUS_SERVICE_UNAVAILABLE,
			      "the replica of %s is not complete yet, please try again later", kind->plural);

	status->retry_after_s = 2;
	return code;
}

static int read_parent(struct api_call *call, struct object **out, struct status *status)
{
	const struct api_attributes *what = &call->request.what;
	struct key key = { call->request.kind->storage, what->ns, what->name };
	int err = key.resource ? api_read(call->api, &key, out) : -ENOENT;

	if (err == -ENOENT)
		return status_not_found(status, call_about(call));
	return err ? status_of_errno(status, err) : 0;
}

static void hand_to_server(struct api_call *call, const struct api_handler *handler)
{
	struct object *stored = NULL;
	struct status status;

	status_init(&status);
	if (read_parent(call, &stored, &status)) {
		call_status(call, &status);
	} else {
		call_hand_over(call);
		handler->serve(handler->ctx, &call->request.what, stored, call->from, &call_handed_over,
			       call);
	}
	object_unref(stored);
	status_done(&status);
}

void call_compute(struct api_call *call, const struct api_handler *handler)
{
	const struct api_attributes *what = &call->request.what;
	const struct kind *parent = call->request.kind,
			  *kind = what->subresource[0] ? kind_of_subresource(parent, what->subresource)
						       : parent;
	struct object *stored = NULL;
	struct json *body = NULL;
	struct status status;
	int err;

	status_init(&status);
	if (strcmp(what->verb, "create") != 0 || !kind)
		err = status_set(&status, STATUS_METHOD_NOT_ALLOWED,
				 "the server does not allow this method on the requested resource");
	else
		err = what->subresource[0] ? read_parent(call, &stored, &status) : 0;
	if (!err)
		err = body_object(call, kind, &body, &status);
	if (!err)
		err = handler->compute(handler->ctx, what, body, stored, &status);
	if (err && !status_is_failure(&status))
		status_of_errno(&status, err);
	if (err)
		call_status(call, &status);
	else
		call_tree(call, 201, body);
	json_free(body);
	object_unref(stored);
	status_done(&status);
}

/* True: somebody else answers. */
static bool hand_over(struct api_call *call, bool writes)
{
	struct api *api = call->api;
	const struct api_handler *handler = handler_of(api, &call->request.what);

	if (writes && api->forward) {
		call_hand_over(call);
		if (api->forward(api->forward_ctx, &call->request.what, call->from, &call_handed_over, call))
			return true;
		call_take_back(call);
	}
	if (!handler || !handler->serve)
		return false;
	hand_to_server(call, handler);
	return true;
}

static int check_read_only(const struct api_call *call, struct status *status)
{
	const char *why = call->api->options.read_only;
	const struct kind *kind = call->request.kind;

	/* Reviews are questions, not writes. */
	if (!why || !kind->storage)
		return 0;
	return status_forbidden(status, call_about(call), "%s", why);
}

static void serve_resource(struct api_call *call)
{
	const char *verb = call->request.what.verb;
	size_t at = find_verb(verb);
	struct status status;

	status_init(&status);
	int err = authorize(call, &status);

	if (!err)
		err = check_route(call, &status);
	if (!err)
		err = check_feed(call, &status);
	if (!err && accept_choose(call->from->accept, ACCEPT_OBJECTS, &call->accept))
		err = status_set(&status, STATUS_NOT_ACCEPTABLE,
				 "only the following media types are accepted: application/json");
	if (err) {
		call_status(call, &status);
	} else if (!hand_over(call, verbs[at].writes)) {
		if (verbs[at].writes && check_read_only(call, &status))
			call_status(call, &status);
		else
			verbs[at].run(call);
	}
	status_done(&status);
}

bool is_health_path(const char *path)
{
	static const char *const health[] = { "/healthz", "/livez", "/readyz" };

	for (size_t i = 0; i < sizeof(health) / sizeof(health[0]); i++) {
		size_t len = strlen(health[i]);

		if (!strncmp(path, health[i], len) && (path[len] == '\0' || path[len] == '/'))
			return true;
	}
	return false;
}

static bool is_open(const struct api *api, const char *path)
{
	const struct api_route *route = route_of(api, path);

	return is_health_path(path) || (route && route->open);
}

/* In the words of whoever knows what is wrong with the caller. */
static int refuse(const struct api_call *call, struct status *status)
{
	const struct status *refusal = call->from->refusal;

	*status = *refusal;
	status->causes = refusal->causes ? json_copy(refusal->causes) : NULL;
	return -EACCES;
}

static void serve(struct api_call *call)
{
	struct api_attributes *what = &call->request.what;
	struct status status;

	status_init(&status);
	int err = request_parse(call->from, &call->request, &status);
	bool open = !err && !what->is_resource && is_open(call->api, what->path);

	if (call->from->identity && call->from->refusal)
		err = refuse(call, &status);
	else if (!open && !call->from->identity)
		err = status_set(&status, STATUS_UNAUTHORIZED, "Unauthorized");
	else if (!err && !what->is_resource && !open)
		err = authorize(call, &status);
	if (err)
		call_status(call, &status);
	else if (what->is_resource)
		serve_resource(call);
	else
		serve_path(call);
	status_done(&status);
}

static void respond_no_memory(const struct api_responder *responder, void *ctx)
{
	const struct api_header retry = { SPAN("Retry-After"), SPAN("5") };

	responder->respond(ctx, 503, "text/plain", &retry, 1, SPAN("out of memory\n"));
}

struct api_call *api_handle(struct api *api, const struct api_request *request,
			    const struct api_responder *responder, void *ctx)
{
	struct api_call *call = calloc(1, sizeof(*call));

	api->stats.requests++;
	if (!call) {
		respond_no_memory(responder, ctx);
		return NULL;
	}
	call->api = api;
	call->responder = *responder;
	call->ctx = ctx;
	call->from = request;
	call->received_wall_ms = api_wall_ms(api);
	list_push(&api->calls, &call->node);
	call_enter(call);
	serve(call);
	bool over = call->over;

	call_leave(call);
	return over ? NULL : call;
}
