/* DELETE of a collection: what the selectors choose now, each object by itself, a few at a time. */
#include <errno.h>
#include <stdlib.h>

#include "api/write_internal.h"

#define IN_FLIGHT_MAX 32u
#define COLLECTION_MAX 65536u

struct collection {
	struct api_call *call; /* NULL once the client has gone */
	struct write_delete options;
	bool dry_run;
	struct object **objects;
	size_t count, cap, next, in_flight;
	struct status failure;
};

static void collection_free(struct collection *c)
{
	for (size_t i = 0; i < c->count; i++)
		object_unref(c->objects[i]);
	free(c->objects);
	status_done(&c->failure);
	free(c);
}

static void collection_cancel(struct api_call *call)
{
	struct collection *c = call->state;

	c->call = NULL;
	if (!c->in_flight)
		collection_free(c);
}

static const struct call_ops collection_ops = { NULL, collection_cancel };

static int render(const struct collection *c, struct buf *out)
{
	struct render render = call_render(c->call);
	int err = render_list_head(&render, out);

	for (size_t i = 0; !err && i < c->count; i++) {
		if (i)
			buf_add_char(out, ',');
		err = render_item(&render, c->objects[i], out);
	}
	buf_addf(out, "],\"metadata\":{\"resourceVersion\":\"%llu\"}}",
		 (unsigned long long)cache_revision(c->call->api->options.cache));
	return err ? err : buf_error(out);
}

/* The objects deleted, as upstream answers; only that it worked, when they are more than one answer holds. */
static void answer(struct collection *c)
{
	struct status success;
	struct buf text;

	if (status_is_failure(&c->failure)) {
		call_status(c->call, &c->failure);
		return;
	}
	buf_init(&text, API_ANSWER_MAX);
	status_init(&success);
	if (render(c, &text))
		call_status(c->call, &success);
	else
		call_respond(c->call, 200, "application/json", buf_span(&text));
	status_done(&success);
	buf_done(&text);
}

static void step(struct collection *c);

/* An object that went by itself is as good as deleted. */
static void note(struct collection *c, struct write *write, int code)
{
	if (code < 0 && write->status.reason != STATUS_NOT_FOUND && !status_is_failure(&c->failure)) {
		c->failure = write->status;
		write->status.causes = NULL;
	}
}

static void on_finish(struct write *write, int code)
{
	struct collection *c = write->ctx;

	c->in_flight--;
	note(c, write, code);
	bool is_over = !write->api || !c->call;

	write_free(write);
	if (!is_over)
		step(c);
	else if (!c->in_flight)
		collection_free(c);
}

static int compute(struct write *write, struct json **tree, const struct json *old,
		   const struct object *stored)
{
	struct collection *c = write->ctx;

	/* A lost race is not tried again for a client who has gone, and with it the attributes. */
	if (!c->call)
		return status_of_errno(&write->status, -ECANCELED);
	return write_delete_compute(write, &c->options, *tree, old, stored);
}

static void start_one(struct collection *c, const struct object *object)
{
	struct api_call *call = c->call;
	struct write *write =
		write_new(call->api, WRITE_DELETE, call->request.kind, object->key.ns, object->key.name);

	if (!write) {
		status_of_errno(&c->failure, -ENOMEM);
		return;
	}
	write->what = &call->request.what;
	write->dry_run = c->dry_run;
	write->may_retry = true;
	write->compute = compute;
	write->finish = on_finish;
	write->ctx = c;
	int code = write_run(write);

	if (code == 0) {
		c->in_flight++;
		return;
	}
	note(c, write, code);
	write_free(write);
}

static void step(struct collection *c)
{
	struct api_call *call = c->call;

	while (c->in_flight < IN_FLIGHT_MAX && c->next < c->count && !status_is_failure(&c->failure))
		start_one(c, c->objects[c->next++]);
	if (c->in_flight)
		return;
	call_enter(call);
	call->ops = NULL;
	answer(c);
	collection_free(c);
	call_leave(call);
}

static int collect(void *ctx, struct object *object)
{
	struct collection *c = ctx;
	const struct request_options *options = &c->call->request.options;

	if (!object_selected(object, options->labels, options->fields))
		return 0;
	if (c->count == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 64;
		struct object **grown =
			cap <= COLLECTION_MAX ? realloc(c->objects, cap * sizeof(struct object *)) : NULL;

		if (!grown) {
			status_of_errno(&c->failure, -ENOMEM);
			return 1;
		}
		c->objects = grown;
		c->cap = cap;
	}
	c->objects[c->count++] = object_ref(object);
	return 0;
}

static int prepare(struct collection *c, struct status *status)
{
	struct api_call *call = c->call;
	const struct request *request = &call->request;
	struct cache_list range = { .resource = request->kind->storage,
				    .ns = request->namespaced_path ? request->what.ns : NULL };
	struct json *body = NULL;
	int err =
		body_options(call, kind_of_name(SPAN(""), SPAN("v1"), SPAN("DeleteOptions")), &body, status);

	if (!err)
		err = write_delete_options(&request->options, body, &c->options, status);
	c->dry_run = request->options.dry_run || json_count(json_get(body, "dryRun"));
	json_free(body);
	if (err)
		return err;
	err = cache_list(call->api->options.cache, &range, collect, c, NULL);
	return err ? status_of_errno(status, err) : 0;
}

void verb_deletecollection(struct api_call *call)
{
	struct collection *c = calloc(1, sizeof(*c));
	struct status status;

	status_init(&status);
	if (c) {
		status_init(&c->failure);
		c->call = call;
	}
	int err = c ? prepare(c, &status) : status_of_errno(&status, -ENOMEM);

	if (err) {
		if (c)
			collection_free(c);
		call_status(call, &status);
	} else {
		call->state = c;
		call->ops = &collection_ops;
		step(c);
	}
	status_done(&status);
}
