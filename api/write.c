/* The path of every write: read the current state, compute the next, check it, submit it on the condition
 * that nobody was faster, and start over when somebody was. */
#include "api/write.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "api/write_internal.h"

#define OPS_MAX (API_EXTRA_OPS_MAX + 1)

struct status_about write_about(const struct write *write)
{
	return status_about(write->kind, write->name);
}

struct write *write_new(struct api *api, enum write_type type, const struct kind *kind, const char *ns,
			const char *name)
{
	struct write *write = calloc(1, sizeof(*write));

	if (!write)
		return NULL;
	status_init(&write->status);
	write->api = api;
	write->type = type;
	write->kind = kind;
	write->stored_kind = kind_of_storage(kind->storage);
	write->ns = span_dup(span_of(kind->namespaced ? ns : ""));
	write->name = span_dup(span_of(name));
	if (!write->ns || !write->name || !write->stored_kind) {
		write_free(write);
		return NULL;
	}
	return write;
}

static void free_extra(struct write *write)
{
	for (size_t i = 0; i < write->extra_count; i++) {
		struct cache_op *op = &write->extra[i];

		object_unref(op->object);
		free((char *)op->key.resource);
		free((char *)op->key.ns);
		free((char *)op->key.name);
		free((char *)op->if_uid);
		free((char *)op->mark);
		free((char *)op->value.ptr);
	}
	free(write->extra);
}

void write_free(struct write *write)
{
	if (!write)
		return;
	free_extra(write);
	object_unref(write->stored);
	object_unref(write->outcome);
	json_free(write->fresh);
	status_done(&write->status);
	free(write->ns);
	free(write->name);
	free(write);
}

void writes_orphan(struct api *api)
{
	struct list_node *node;

	while ((node = list_pop(&api->writes)))
		container_of(node, struct write, node)->api = NULL;
}

static void set_object(struct object **slot, const struct object *object)
{
	struct object *kept = object ? object_ref(object) : NULL;

	object_unref(*slot);
	*slot = kept;
}

/* --- submitting --- */

static void on_committed(void *ctx, const struct cache_result *result);

static int submit(struct write *write, struct cache_op *op)
{
	struct cache_op ops[OPS_MAX];
	size_t count = 0;

	if (op)
		ops[count++] = *op;
	for (size_t i = 0; i < write->extra_count; i++) {
		ops[count] = write->extra[i];
		/* The cache takes one reference for each try, the copy keeps its own. */
		ops[count].object = ops[count].object ? object_ref(ops[count].object) : NULL;
		count++;
	}
	int err = cache_submit(write->api->options.cache, ops, count, on_committed, write);

	if (err)
		return status_of_errno(&write->status, err);
	list_push(&write->api->writes, &write->node);
	return 0;
}

/* Nothing to change in the object; extra ops are committed all the same. */
static int leave(struct write *write)
{
	set_object(&write->outcome, write->stored);
	write->changed = false;
	write->revision = write->stored ? write->stored->revision : 0;
	if (!write->extra_count || write->dry_run)
		return 1;
	return submit(write, NULL);
}

static int put_virtual(struct write *write, struct object *object)
{
	const struct api_virtual *provider = virtual_of(write->api, object->key.resource, object->key.ns);

	return provider && provider->put && object->key.ns[0] ? provider->put(provider->ctx, object)
							      : -ENOENT;
}

static int store(struct write *write, struct json *tree)
{
	struct object *object = NULL;
	struct cache_op op = { .type = write->type == WRITE_CREATE ? CACHE_CREATE : CACHE_UPDATE };
	int err = object_from_json(write->stored_kind, tree, &object);

	if (err)
		return status_of_errno(&write->status, err);
	if (write->stored)
		object->revision = write->stored->revision; /* for those who see it before it is committed */
	set_object(&write->outcome, object);
	write->changed = true;
	write->revision = object->revision;
	err = write->dry_run ? 0 : write->extra_count ? -ENOENT : put_virtual(write, object);
	if (err != -ENOENT) {
		object_unref(object);
		return err ? status_of_errno(&write->status, err) : 1;
	}
	op.object = object;
	op.if_revision = write->type == WRITE_CREATE ? 0 : write->stored->revision;
	return submit(write, &op);
}

/* `tree`: the final state where it differs from the stored one, else NULL. */
static int remove_object(struct write *write, struct json *tree)
{
	struct cache_op op = { .type = CACHE_DELETE,
			       .key = write->stored->key,
			       .if_revision = write->stored->revision };

	write->removes = write->changed = true;
	if (tree) {
		int err = object_from_json(write->stored_kind, tree, &op.object);

		if (err)
			return status_of_errno(&write->status, err);
		set_object(&write->outcome, op.object);
		write->outcome->revision = write->stored->revision;
	} else {
		set_object(&write->outcome, write->stored);
	}
	if (write->dry_run) {
		object_unref(op.object);
		return 1;
	}
	return submit(write, &op);
}

/* --- one attempt --- */

static int run_create(struct write *write)
{
	struct json *tree = json_copy(write->fresh);
	int err;

	if (!tree)
		return status_of_errno(&write->status, -ENOMEM);
	err = write_prepare_create(write, tree);
	if (!err)
		err = store(write, tree);
	json_free(tree);
	return err;
}

static int read_stored(struct write *write, struct json **out_old)
{
	struct key key = { write->stored_kind->storage, write->ns, write->name };

	object_unref(write->stored);
	write->stored = NULL;
	int err = api_read(write->api, &key, &write->stored);

	if (err == -ENOENT)
		return status_not_found(&write->status, write_about(write));
	if (!err)
		err = object_to_json(write->stored, out_old);
	return err ? status_of_errno(&write->status, err) : 0;
}

static int apply_update(struct write *write, struct json *tree, const struct json *old)
{
	int err = write_prepare_update(write, tree, old);

	if (err)
		return err;
	if (write_is_over(tree))
		return remove_object(write, tree);
	return json_equal(tree, old) ? leave(write) : store(write, tree);
}

static int apply_delete(struct write *write, struct json *tree, const struct json *old)
{
	if (write->removes)
		return remove_object(write, NULL);
	return json_equal(tree, old) ? leave(write) : store(write, tree);
}

static int run_change(struct write *write)
{
	struct json *old = NULL, *tree = NULL;
	int err = read_stored(write, &old);

	write->removes = false;
	if (!err && !(tree = json_copy(old)))
		err = status_of_errno(&write->status, -ENOMEM);
	if (!err)
		err = write->compute(write, &tree, old, write->stored);
	if (err == 1)
		err = leave(write);
	else if (!err)
		err = write->type == WRITE_DELETE ? apply_delete(write, tree, old)
						  : apply_update(write, tree, old);
	json_free(tree);
	json_free(old);
	return err;
}

int write_run(struct write *write)
{
	write->attempts++;
	if (write->attempts == 1)
		write->api->stats.writes++;
	return write->type == WRITE_CREATE ? run_create(write) : run_change(write);
}

/* --- the outcome --- */

/* A race was lost. True: another attempt is under way or has ended the write. */
static bool try_again(struct write *write, int code)
{
	bool renames = write->type == WRITE_CREATE && code == -EEXIST &&
		       !json_path_str(write->fresh, "metadata.name", "")[0];

	write->api->stats.conflicts++;
	if (!(code == -ESTALE && write->may_retry) &&
	    !(code == -ENOENT && write->type == WRITE_UPDATE && write->may_retry) && !renames)
		return false;
	if (!write->what || write->attempts >= API_WRITE_RETRIES)
		return false;
	int again = write_run(write);

	if (again)
		write->finish(write, again < 0 ? again : 0);
	return true;
}

static int word_failure(struct write *write, int code)
{
	if (code == -EEXIST)
		return status_exists(&write->status, write_about(write));
	if (code == -ESTALE)
		return status_modified(&write->status, write_about(write));
	if (code == -ENOENT)
		return status_not_found(&write->status, write_about(write));
	return status_of_errno(&write->status, code);
}

/* Which op failed: the object's own comes first, except when only extra ops were submitted. */
static bool is_own_failure(const struct write *write, const struct cache_result *result)
{
	return write->changed && result->failed_op == 0;
}

static void on_committed(void *ctx, const struct cache_result *result)
{
	struct write *write = ctx;
	int code = result->code;

	if (!write->api) {
		write->finish(write, -ECANCELED); /* the server is gone: it only cleans up */
		return;
	}
	list_remove(&write->api->writes, &write->node);
	if (code && is_own_failure(write, result) && try_again(write, code))
		return;
	if (code) {
		write->finish(write, word_failure(write, code));
		return;
	}
	if (write->changed) {
		write->revision = result->revision;
		if (result->object && !write->removes) {
			set_object(&write->outcome, result->object);
			write->revision = result->object->revision;
		}
	}
	write->finish(write, 0);
}
