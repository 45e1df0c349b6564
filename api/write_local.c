/* In-process writes: controllers, the gateway, whoever has already decided. */
#include <errno.h>
#include <stdlib.h>

#include "api/write_internal.h"

struct local {
	struct write *write;
	api_mutate_fn *mutate;
	struct write_delete deletion;
	api_written_fn *done;
	void *ctx;
};

/* --- extra ops --- */

static int copy_text(const char **slot, const char *text)
{
	*slot = text ? span_dup(span_of(text)) : NULL;
	return text && !*slot ? -ENOMEM : 0;
}

static int copy_op(struct cache_op *to, const struct cache_op *from)
{
	*to = *from;
	to->key = (struct key){ 0 };
	to->if_uid = to->mark = to->value.ptr = NULL;
	int err = copy_text(&to->key.resource, from->key.resource);

	if (!err)
		err = copy_text(&to->key.ns, from->key.ns);
	if (!err)
		err = copy_text(&to->key.name, from->key.name);
	if (!err)
		err = copy_text(&to->if_uid, from->if_uid);
	if (!err)
		err = copy_text(&to->mark, from->mark);
	if (!err && from->value.ptr) {
		char *value = malloc(from->value.len + 1);

		if (!value)
			return -ENOMEM;
		memcpy(value, from->value.ptr, from->value.len);
		to->value.ptr = value;
	}
	return err;
}

/* Takes the references in `extra` whatever happens. */
static int copy_extra(struct write *write, const struct api_extra_ops *extra)
{
	int err = 0;

	write->extra = calloc(extra->count ? extra->count : 1, sizeof(*write->extra));
	if (!write->extra || extra->count > API_EXTRA_OPS_MAX) {
		for (size_t i = 0; i < extra->count; i++)
			object_unref(extra->ops[i].object);
		return write->extra ? -EINVAL : -ENOMEM;
	}
	for (size_t i = 0; i < extra->count; i++) {
		int code = copy_op(&write->extra[i], &extra->ops[i]);

		write->extra_count++;
		err = err ? err : code;
	}
	return err;
}

static void drop_extra(const struct api_extra_ops *extra)
{
	for (size_t i = 0; extra && i < extra->count; i++)
		object_unref(extra->ops[i].object);
}

/* --- one write --- */

static void local_free(struct local *local)
{
	write_free(local->write);
	free(local);
}

static void on_finish(struct write *write, int code)
{
	struct local *local = write->ctx;
	struct api_written written = {
		.code = code,
		.changed = !code && write->changed,
		.revision = write->revision,
		.object = code || write->removes ? NULL : write->outcome,
		.status = &write->status,
	};

	if (local->done && write->api)
		local->done(local->ctx, &written);
	local_free(local);
}

static struct local *local_new(struct api *api, enum write_type type, const struct kind *kind,
			       const struct key *key, const struct api_extra_ops *extra)
{
	struct local *local = calloc(1, sizeof(*local));
	struct write *write = local ? write_new(api, type, kind, key->ns, key->name) : NULL;

	if (!write) {
		drop_extra(extra);
		free(local);
		return NULL;
	}
	static const char *const verbs[] = {
		[WRITE_CREATE] = "create", [WRITE_UPDATE] = "update", [WRITE_DELETE] = "delete"
	};

	write->own = (struct api_attributes){
		.verb = verbs[type],
		.is_resource = true,
		.path = "",
		.group = kind->group,
		.version = kind->version,
		.resource = kind->plural,
		.subresource = "",
		.ns = write->ns,
		.name = write->name,
		.internal = true,
	};
	write->what = &write->own;
	write->is_internal = write->may_retry = true;
	write->finish = on_finish;
	write->ctx = local;
	local->write = write;
	if (extra && copy_extra(write, extra)) {
		local_free(local);
		return NULL;
	}
	return local;
}

/* The status is handed to the caller's where there is one. */
static int local_run(struct local *local, struct status *status)
{
	struct write *write = local->write;
	int code = write_run(write);

	if (!code)
		return 0;
	if (code < 0 && status) {
		status_done(status);
		*status = write->status;
		write->status.causes = NULL;
	}
	local_free(local);
	return code;
}

static int no_memory(struct status *status)
{
	struct status own;

	status_init(&own);
	return status_of_errno(status ? status : &own, -ENOMEM);
}

static int no_kind(struct status *status)
{
	struct status own;

	status_init(&own);
	return status_no_resource(status ? status : &own);
}

static int mutate_compute(struct write *write, struct json **tree, const struct json *old,
			  const struct object *stored)
{
	struct local *local = write->ctx;
	int code = local->mutate(local->ctx, *tree, stored);

	if (code < 0 && !status_is_failure(&write->status))
		status_of_errno(&write->status, code);
	return code;
}

int api_mutate(struct api *api, const struct key *key, enum api_part part, api_mutate_fn *mutate,
	       const struct api_extra_ops *extra, struct status *status, api_written_fn *done, void *ctx)
{
	const struct kind *kind = kind_of_storage(key->resource);

	if (!kind) {
		drop_extra(extra);
		return no_kind(status);
	}
	struct local *local = local_new(api, WRITE_UPDATE, kind, key, extra);

	if (!local)
		return no_memory(status);
	local->mutate = mutate;
	local->done = done;
	local->ctx = ctx;
	local->write->part = part;
	local->write->compute = mutate_compute;
	return local_run(local, status);
}

static const struct kind *kind_of_tree(const struct json *tree)
{
	struct span group = SPAN(""), version = json_span(json_get(tree, "apiVersion"));

	if (memchr(version.ptr ? version.ptr : "", '/', version.len))
		span_cut(version, '/', &group, &version);
	return kind_of_name(group, version, json_span(json_get(tree, "kind")));
}

int api_create(struct api *api, struct json *object_take, const struct api_extra_ops *extra,
	       struct status *status, api_written_fn *done, void *ctx)
{
	const struct kind *kind = kind_of_tree(object_take);
	struct key key = { .ns = json_path_str(object_take, "metadata.namespace", ""),
			   .name = json_path_str(object_take, "metadata.name", "") };
	struct local *local = kind && kind->storage ? local_new(api, WRITE_CREATE, kind, &key, extra) : NULL;

	if (!local) {
		json_free(object_take);
		if (kind && kind->storage)
			return no_memory(status);
		drop_extra(extra);
		return no_kind(status);
	}
	local->done = done;
	local->ctx = ctx;
	local->write->fresh = object_take;
	int err = write_to_storage(kind, object_take);

	if (err) {
		local_free(local);
		return err;
	}
	return local_run(local, status);
}

static int delete_compute(struct write *write, struct json **tree, const struct json *old,
			  const struct object *stored)
{
	struct local *local = write->ctx;

	return write_delete_compute(write, &local->deletion, *tree, old, stored);
}

int api_delete(struct api *api, const struct key *key, const struct api_delete_options *options,
	       const struct api_extra_ops *extra, struct status *status, api_written_fn *done, void *ctx)
{
	const struct kind *kind = kind_of_storage(key->resource);

	if (!kind) {
		drop_extra(extra);
		return no_kind(status);
	}
	struct local *local = local_new(api, WRITE_DELETE, kind, key, extra);

	if (!local)
		return no_memory(status);
	local->done = done;
	local->ctx = ctx;
	local->write->compute = delete_compute;
	local->deletion.grace_s = -1;
	if (options) {
		local->deletion = (struct write_delete){
			.if_revision = options->if_revision,
			.has_grace = options->grace_s >= 0,
			.grace_s = options->grace_s,
			.has_propagation = true,
			.propagation = options->propagation,
		};
		if (options->if_uid && span_copy(span_of(options->if_uid), local->deletion.if_uid,
						 sizeof(local->deletion.if_uid))) {
			local_free(local);
			return -EINVAL;
		}
	}
	return local_run(local, status);
}
