/* POST, PUT, PATCH and DELETE of resources and of the subresources that the server itself knows. */
#include <errno.h>
#include <stdlib.h>

#include "api/patch.h"
#include "api/scale.h"
#include "api/write_internal.h"

struct rest {
	struct api_call *call; /* NULL once the client has gone */
	struct write *write;
	const struct kind *body_kind; /* of the object sent or patched */
	struct json *body;	      /* an object, a patch, a binding */
	enum body_type patch;
	struct write_delete deletion;
	void (*answer)(struct api_call *call, struct write *write);
};

static void rest_free(struct rest *rest)
{
	json_free(rest->body);
	write_free(rest->write);
	free(rest);
}

static void on_finish(struct write *write, int code)
{
	struct rest *rest = write->ctx;
	struct api_call *call = rest->call;

	if (call) {
		call_enter(call);
		call->ops = NULL;
		if (code < 0 && write->status.reason == STATUS_CONFLICT)
			call->api->stats.conflicts++;
		if (code < 0)
			call_status(call, &write->status);
		else
			rest->answer(call, write);
		call_leave(call);
	}
	rest_free(rest);
}

static void rest_cancel(struct api_call *call)
{
	struct rest *rest = call->state;

	/* What was submitted commits; what lost a race is not tried again for nobody. */
	rest->call = NULL;
	rest->write->what = NULL;
}

static const struct call_ops rest_ops = { NULL, rest_cancel };

/* --- answers --- */

static void answer_created(struct api_call *call, struct write *write)
{
	call_object(call, 201, write->outcome);
}

static void answer_object(struct api_call *call, struct write *write)
{
	call_object(call, 200, write->outcome);
}

static void answer_scale(struct api_call *call, struct write *write)
{
	call_scale(call, write->outcome);
}

static void answer_success(struct api_call *call, struct write *write)
{
	struct status status;

	status_init(&status);
	status.code = 201;
	call_status(call, &status);
	status_done(&status);
}

/* Pods come back as they were, other kinds as a Status, what waits for something as it now is. */
static void answer_deleted(struct api_call *call, struct write *write)
{
	struct status status;

	if (!write->removes || !strcmp(write->stored_kind->storage, "pods")) {
		call_object(call, 200, write->outcome);
		return;
	}
	status_init(&status);
	status_success(&status, write_about(write), write->outcome->uid);
	call_status(call, &status);
	status_done(&status);
}

/* --- computing the next state --- */

static int check_name(struct write *write, const struct json *tree)
{
	const char *name = json_path_str(tree, "metadata.name", "");

	if (name[0] && strcmp(name, write->name) != 0)
		return status_set(
			&write->status, STATUS_BAD_REQUEST,
			"the name of the object (%.253s) does not match the name on the URL (%.253s)", name,
			write->name);
	return 0;
}

static int compute_put(struct write *write, struct json **tree, const struct json *old,
		       const struct object *stored)
{
	struct rest *rest = write->ctx;
	struct json *next = json_copy(rest->body);

	if (!next)
		return status_of_errno(&write->status, -ENOMEM);
	json_free(*tree);
	*tree = next;
	return check_name(write, next);
}

static int apply_patch(struct rest *rest, struct json **tree, struct err *err)
{
	switch (rest->patch) {
	case BODY_JSON_PATCH: return patch_json(tree, rest->body, err);
	case BODY_MERGE_PATCH: return patch_merge(tree, rest->body, err);
	default: return patch_strategic(rest->body_kind->schema, tree, rest->body, err);
	}
}

static int patch_failed(struct write *write, int code, const struct err *err)
{
	if (code == -ESTALE)
		return status_set(&write->status, STATUS_INVALID,
				  "the server rejected our request due to an error in our request: %s",
				  err_text(err));
	if (code == -EINVAL)
		return status_set(&write->status, STATUS_BAD_REQUEST, "the patch cannot be applied: %s",
				  err_text(err));
	if (code == -E2BIG)
		return status_set(&write->status, STATUS_TOO_LARGE, "%s", err_text(err));
	return status_of_errno(&write->status, code);
}

static int check_type_kept(struct write *write, const struct json *tree, const struct json *before)
{
	if (json_is(tree, JSON_OBJECT) &&
	    json_equal(json_get(tree, "apiVersion"), json_get(before, "apiVersion")) &&
	    json_equal(json_get(tree, "kind"), json_get(before, "kind")))
		return 0;
	return status_set(&write->status, STATUS_BAD_REQUEST,
			  "a patch must leave an object of the same apiVersion and kind");
}

static int patch_and_check(struct write *write, struct json **tree)
{
	struct rest *rest = write->ctx;
	struct json *before = json_copy(*tree);
	struct err err = { 0 };
	int code = before ? apply_patch(rest, tree, &err) : -ENOMEM;

	if (code)
		code = patch_failed(write, code, &err);
	if (!code)
		code = check_type_kept(write, *tree, before);
	if (!code && rest->call) {
		problems_free(rest->call->warnings); /* of the attempt before */
		rest->call->warnings = NULL;
		code = body_check(rest->call, rest->body_kind, *tree, &write->status);
	}
	json_free(before);
	return code;
}

static int compute_patch(struct write *write, struct json **tree, const struct json *old,
			 const struct object *stored)
{
	int err = object_convert(write->kind, *tree);

	if (err)
		return status_of_errno(&write->status, err);
	err = patch_and_check(write, tree);
	if (!err)
		err = check_name(write, *tree);
	if (err)
		return err;
	err = write_to_storage(write->kind, *tree);
	return err ? status_of_errno(&write->status, err) : 0;
}

/* Takes over what the Scale says, when it is one that can be. */
static int use_scale(struct write *write, const struct json *scale, struct json *tree)
{
	struct rest *rest = write->ctx;
	struct problems *problems = problems_new();
	int err = problems ? check_name(write, scale) : status_of_errno(&write->status, -ENOMEM);

	if (!err)
		rest->body_kind->validate(scale, NULL, problems);
	if (!err && problems_count(problems))
		err = status_invalid(&write->status, status_about(rest->body_kind, write->name), problems);
	problems_free(problems);
	if (err)
		return err;
	err = scale_apply(scale, tree);
	return err ? status_of_errno(&write->status, err) : 0;
}

static int compute_scale(struct write *write, struct json **tree, const struct json *old,
			 const struct object *stored)
{
	struct rest *rest = write->ctx;

	return use_scale(write, rest->body, *tree);
}

static int compute_scale_patch(struct write *write, struct json **tree, const struct json *old,
			       const struct object *stored)
{
	struct json *scale = scale_of(old);
	int err = scale ? patch_and_check(write, &scale) : status_of_errno(&write->status, -ENOMEM);

	if (!err)
		err = use_scale(write, scale, *tree);
	json_free(scale);
	return err;
}

static int compute_delete(struct write *write, struct json **tree, const struct json *old,
			  const struct object *stored)
{
	struct rest *rest = write->ctx;

	return write_delete_compute(write, &rest->deletion, *tree, old, stored);
}

static int compute_binding(struct write *write, struct json **tree, const struct json *old,
			   const struct object *stored)
{
	struct rest *rest = write->ctx;

	return write_bind(write, rest->body, *tree);
}

/* --- setting up --- */

static struct rest *rest_new(struct api_call *call, enum write_type type, const struct kind *kind,
			     const char *name, struct status *status)
{
	const struct api_attributes *what = &call->request.what;
	struct rest *rest = calloc(1, sizeof(*rest));
	struct write *write = rest ? write_new(call->api, type, kind, what->ns, name) : NULL;

	if (!write) {
		free(rest);
		status_of_errno(status, -ENOMEM);
		return NULL;
	}
	write->what = what;
	write->dry_run = call->request.options.dry_run;
	write->finish = on_finish;
	write->ctx = rest;
	rest->write = write;
	rest->body_kind = kind;
	rest->call = call;
	return rest;
}

/* A body's own dryRun counts like the query's. */
static void run(struct rest *rest)
{
	struct api_call *call = rest->call;
	int code = write_run(rest->write);

	if (code) {
		on_finish(rest->write, code < 0 ? code : 0);
		return;
	}
	call->state = rest;
	call->ops = &rest_ops;
}

static int part_of(const char *subresource)
{
	if (!strcmp(subresource, "status"))
		return API_PART_STATUS;
	return !strcmp(subresource, "finalize") ? WRITE_PART_FINALIZE : API_PART_OBJECT;
}

static int read_object(struct rest *rest, struct status *status)
{
	int err = body_object(rest->call, rest->body_kind, &rest->body, status);

	if (err)
		return err;
	err = write_to_storage(rest->write->kind, rest->body);
	return err ? status_of_errno(status, err) : 0;
}

static int start_create(struct rest *rest, struct status *status)
{
	int err = read_object(rest, status);

	rest->write->fresh = rest->body;
	rest->body = NULL;
	rest->answer = answer_created;
	return err;
}

static int start_update(struct rest *rest, struct status *status)
{
	int err = read_object(rest, status);

	rest->write->part = part_of(rest->call->request.what.subresource);
	rest->write->compute = compute_put;
	rest->write->may_retry = !json_path_str(rest->body, "metadata.resourceVersion", "")[0];
	rest->answer = answer_object;
	return err;
}

static const struct kind *body_kind(const struct api_call *call)
{
	return kind_of_subresource(call->request.kind, call->request.what.subresource);
}

static int start_scale(struct rest *rest, struct status *status)
{
	int err;

	rest->body_kind = body_kind(rest->call);
	err = read_object(rest, status);
	rest->write->compute = compute_scale;
	rest->write->may_retry = !json_path_str(rest->body, "metadata.resourceVersion", "")[0];
	rest->answer = answer_scale;
	return err;
}

static int start_patch(struct rest *rest, struct status *status)
{
	struct api_call *call = rest->call;

	rest->patch = body_type(call->from->content_type);
	if (rest->patch != BODY_JSON_PATCH && rest->patch != BODY_MERGE_PATCH &&
	    rest->patch != BODY_STRATEGIC_PATCH)
		return status_set(status, STATUS_UNSUPPORTED_MEDIA_TYPE,
				  "the body of the request was in an unknown format - "
				  "accepted media types include: application/json-patch+json, "
				  "application/merge-patch+json, "
				  "application/strategic-merge-patch+json");
	rest->write->part = part_of(call->request.what.subresource);
	rest->write->compute = compute_patch;
	rest->write->may_retry = true;
	rest->answer = answer_object;
	return body_json(call->from->body, &rest->body, status);
}

static int start_scale_patch(struct rest *rest, struct status *status)
{
	int err = start_patch(rest, status);

	rest->body_kind = body_kind(rest->call);
	rest->write->compute = compute_scale_patch;
	rest->answer = answer_scale;
	return err;
}

static int read_delete_options(struct rest *rest, const struct json *body, struct status *status)
{
	if (json_count(json_get(body, "dryRun")))
		rest->write->dry_run = true;
	rest->write->compute = compute_delete;
	rest->write->may_retry = true;
	return write_delete_options(&rest->call->request.options, body, &rest->deletion, status);
}

static int start_delete(struct rest *rest, struct status *status)
{
	int err = body_options(rest->call, kind_of_name(SPAN(""), SPAN("v1"), SPAN("DeleteOptions")),
			       &rest->body, status);

	rest->answer = answer_deleted;
	return err ? err : read_delete_options(rest, rest->body, status);
}

static int start_eviction(struct rest *rest, struct status *status)
{
	int err = body_options(rest->call, body_kind(rest->call), &rest->body, status);

	rest->answer = answer_success;
	if (err)
		return err;
	err = check_name(rest->write, rest->body);
	if (err) {
		*status = rest->write->status;
		return err;
	}
	return read_delete_options(rest, json_get(rest->body, "deleteOptions"), status);
}

static int start_binding(struct rest *rest, struct status *status)
{
	int err = body_options(rest->call, body_kind(rest->call), &rest->body, status);

	rest->write->part = WRITE_PART_BINDING;
	rest->write->compute = compute_binding;
	rest->write->may_retry = true;
	rest->answer = answer_success;
	return err;
}

static const struct start {
	const char *verb, *subresource;
	enum write_type type;
	int (*fn)(struct rest *rest, struct status *status);
} starts[] = {
	{ "create", "", WRITE_CREATE, start_create },
	{ "update", "", WRITE_UPDATE, start_update },
	{ "update", "status", WRITE_UPDATE, start_update },
	{ "update", "finalize", WRITE_UPDATE, start_update },
	{ "update", SUBRESOURCE_SCALE, WRITE_UPDATE, start_scale },
	{ "patch", SUBRESOURCE_SCALE, WRITE_UPDATE, start_scale_patch },
	{ "patch", "", WRITE_UPDATE, start_patch },
	{ "patch", "status", WRITE_UPDATE, start_patch },
	{ "delete", "", WRITE_DELETE, start_delete },
	{ "create", "binding", WRITE_UPDATE, start_binding },
	{ "create", "eviction", WRITE_DELETE, start_eviction },
};

static const struct start *find_start(const struct api_attributes *what)
{
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (!strcmp(starts[i].verb, what->verb) && !strcmp(starts[i].subresource, what->subresource))
			return &starts[i];
	return NULL;
}

/* POST .../bindings names the pod in its body. */
static void run_bindings(struct api_call *call)
{
	const struct kind *pods = kind_of_storage("pods");
	struct status status;
	struct json *body = NULL;

	status_init(&status);
	int err = body_object(call, call->request.kind, &body, &status);
	struct rest *rest =
		err ? NULL
		    : rest_new(call, WRITE_UPDATE, pods, json_path_str(body, "metadata.name", ""), &status);

	if (!rest) {
		json_free(body);
		call_status(call, &status);
	} else {
		rest->body = body;
		rest->write->part = WRITE_PART_BINDING;
		rest->write->compute = compute_binding;
		rest->write->may_retry = true;
		rest->answer = answer_success;
		run(rest);
	}
	status_done(&status);
}

static void run_start(struct api_call *call, const struct start *start)
{
	struct status status;

	status_init(&status);
	struct rest *rest = rest_new(call, start->type, call->request.kind, call->request.what.name, &status);
	int err = rest ? start->fn(rest, &status) : -ENOMEM;

	if (!err) {
		run(rest);
	} else {
		call_status(call, &status);
		if (rest)
			rest_free(rest);
	}
	status_done(&status);
}

void verb_write(struct api_call *call)
{
	const struct api_attributes *what = &call->request.what;
	const struct api_handler *handler = handler_of(call->api, what);
	const struct start *start = call->request.kind->storage ? find_start(what) : NULL;
	struct status status;

	if (handler && handler->compute) {
		call_compute(call, handler);
	} else if (start) {
		run_start(call, start);
	} else if (!strcmp(what->resource, "bindings") && !what->subresource[0]) {
		run_bindings(call);
	} else {
		status_init(&status);
		status_set(&status, STATUS_METHOD_NOT_ALLOWED,
			   "the server does not allow this method on the requested resource");
		call_status(call, &status);
		status_done(&status);
	}
}
