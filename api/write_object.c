/* What the server adds to objects and what it keeps of them: metadata, status apart from spec, generation,
 * checks. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/write_internal.h"
#include "base/clock.h"

#define NAME_BASE_MAX 58u
#define NAME_SUFFIX 5u

bool kind_has_status(const struct kind *kind)
{
	for (size_t i = 0; kind->subresources && kind->subresources[i]; i++)
		if (!strcmp(kind->subresources[i], "status"))
			return true;
	return false;
}

int write_to_storage(const struct kind *kind, struct json *tree)
{
	struct buf version;

	if (!kind->to_storage)
		return 0;
	const struct kind *stored = kind_of_storage(kind->storage);
	int err = kind->to_storage(tree);

	buf_init(&version, 256);
	if (!err)
		err = kind_api_version(stored, &version);
	if (!err)
		err = json_set_str(tree, "apiVersion", buf_cstr(&version));
	if (!err)
		err = json_set_str(tree, "kind", stored->kind);
	buf_done(&version);
	return err;
}

/* --- members taken from the object as it was --- */

static int restore(struct json *object, const struct json *old, const char *key)
{
	struct json *value = json_get(old, key);

	if (value)
		return json_set(object, key, json_copy(value));
	(void)json_remove(object, key);
	return 0;
}

static int restore_all(struct json *object, const struct json *old, const char *const *keys)
{
	int err = 0;

	for (size_t i = 0; !err && keys[i]; i++)
		err = restore(object, old, keys[i]);
	return err;
}

/* Everything outside metadata and status, which the spec side owns. */
static int restore_spec(struct json *tree, const struct json *old)
{
	struct json_iter it = json_iter(old);
	int err = 0;

	for (struct json_iter new = json_iter(tree); json_next(&new);)
		if (strcmp(new.key, "metadata") != 0 && strcmp(new.key, "status") != 0 &&
		    !json_get(old, new.key))
			(void)json_remove(tree, new.key);
	while (!err && json_next(&it))
		if (strcmp(it.key, "metadata") != 0 && strcmp(it.key, "status") != 0)
			err = json_set(tree, it.key, json_copy(it.value));
	return err;
}

static int restore_finalizers(struct json *tree, const struct json *old)
{
	const struct json *finalizers = json_path(old, "spec.finalizers");

	if (!finalizers) {
		(void)json_remove(json_get(tree, "spec"), "finalizers");
		return 0;
	}
	return json_set(json_ensure(tree, "spec"), "finalizers", json_copy(finalizers));
}

static int keep_only_finalizers(struct json *tree, const struct json *old)
{
	struct json *wanted = json_copy(json_path(tree, "spec.finalizers"));
	int err = restore_spec(tree, old);

	if (!err)
		err = restore(tree, old, "metadata");
	if (!err)
		err = restore(tree, old, "status");
	if (err || !wanted) {
		json_free(wanted);
		if (!err)
			(void)json_remove(json_get(tree, "spec"), "finalizers");
		return err;
	}
	return json_set(json_ensure(tree, "spec"), "finalizers", wanted);
}

static int restore_parts(const struct write *write, struct json *tree, const struct json *old)
{
	const struct kind *kind = write->stored_kind;
	int err = 0;

	switch (write->part) {
	case API_PART_OBJECT:
		if (kind_has_status(kind))
			err = restore(tree, old, "status");
		if (!err && !strcmp(kind->storage, "namespaces"))
			err = restore_finalizers(tree, old);
		return err;
	case API_PART_STATUS:
		err = restore_spec(tree, old);
		return err ? err
			   : restore(json_get(tree, "metadata"), json_get(old, "metadata"),
				     "ownerReferences");
	case WRITE_PART_FINALIZE: return keep_only_finalizers(tree, old);
	default: return 0;
	}
}

/* --- metadata --- */

static const char *const server_fields[] = {
	"name",
	"namespace",
	"uid",
	"creationTimestamp",
	"deletionTimestamp",
	"deletionGracePeriodSeconds",
	"generation",
	NULL,
};

static int no_metadata(struct write *write)
{
	return status_set(&write->status, STATUS_BAD_REQUEST, "metadata must be an object");
}

static int random_suffix(char out[NAME_SUFFIX + 1])
{
	static const char alphabet[] =
		"bcdfghjklmnpqrstvwxz2456789"; /* no vowels and nothing that looks like one */
	uint8_t bytes[NAME_SUFFIX];

	random_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i < NAME_SUFFIX; i++)
		out[i] = alphabet[bytes[i] % (sizeof(alphabet) - 1)];
	out[NAME_SUFFIX] = '\0';
	return 0;
}

int write_choose_name(struct write *write, struct json *tree)
{
	const char *base = json_path_str(tree, "metadata.generateName", "");
	char suffix[NAME_SUFFIX + 1], name[NAME_BASE_MAX + NAME_SUFFIX + 1];
	size_t len = strnlen(base, NAME_BASE_MAX);

	int err = random_suffix(suffix);

	memcpy(name, base, len);
	memcpy(name + len, suffix, sizeof(suffix));
	free(write->name);
	write->name = span_dup(span_of(name));
	if (!err && !write->name)
		err = -ENOMEM;
	return err ? err : json_set_str(json_get(tree, "metadata"), "name", name);
}

static int check_namespace_of(struct write *write, struct json *metadata)
{
	const char *ns = json_str(json_get(metadata, "namespace"), "");

	if (!write->stored_kind->namespaced) {
		(void)json_remove(metadata, "namespace");
		return 0;
	}
	if (ns[0] && strcmp(ns, write->ns) != 0)
		return status_set(&write->status, STATUS_BAD_REQUEST,
				  "the namespace of the provided object does not match the "
				  "namespace sent on the request");
	int err = json_set_str(metadata, "namespace", write->ns);

	return err ? status_of_errno(&write->status, err) : 0;
}

static int stamp_new(const struct write *write, struct json *metadata)
{
	char uid[RANDOM_UUID_SIZE], now[CLOCK_TEXT_SIZE];
	bool keeps = write->is_internal && json_str(json_get(metadata, "uid"), "")[0];
	int err = 0;

	random_uuid(uid);
	clock_format(api_wall_ms(write->api), now);
	if (!keeps)
		err = json_set_str(metadata, "uid", uid);
	if (!err && (!keeps || !json_get(metadata, "creationTimestamp")))
		err = json_set_str(metadata, "creationTimestamp", now);
	if (write->stored_kind->has_generation)
		return err ? err : json_set_int(metadata, "generation", 1);
	(void)json_remove(metadata, "generation");
	return err;
}

static void drop_server_fields(struct json *metadata)
{
	static const char *const dropped[] = { "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink",
					       "managedFields", "resourceVersion" };

	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
		(void)json_remove(metadata, dropped[i]);
}

static int new_metadata(struct write *write, struct json *tree)
{
	struct json *metadata = json_ensure(tree, "metadata");
	const char *name = json_str(json_get(metadata, "name"), "");
	int err;

	if (!metadata)
		return no_metadata(write);
	if (json_str(json_get(metadata, "resourceVersion"), "")[0])
		return status_set(&write->status, STATUS_BAD_REQUEST,
				  "resourceVersion should not be set on objects to be created");
	drop_server_fields(metadata);
	err = check_namespace_of(write, metadata);
	if (err)
		return err;
	if (!name[0] && json_str(json_get(metadata, "generateName"), "")[0]) {
		err = write_choose_name(write, tree);
	} else {
		free(write->name);
		write->name = span_dup(span_of(name));
		err = write->name ? 0 : -ENOMEM;
	}
	if (!err)
		err = stamp_new(write, metadata);
	return err ? status_of_errno(&write->status, err) : 0;
}

/* --- checks --- */

static int validate(struct write *write, const struct json *tree, const struct json *old)
{
	struct problems *problems = problems_new();
	const struct kind *kind = write->stored_kind;
	int err = 0;

	if (!problems)
		return status_of_errno(&write->status, -ENOMEM);
	kind_validate_meta(kind, tree, old, problems);
	/* A status is not held against rules for specs that may be newer than the object; and what the
	 * server itself assigns once (nodeName, finalizers) may change where a client could not change it. */
	if (kind->validate && write->part == API_PART_OBJECT)
		kind->validate(tree, old, problems);
	else if (kind->validate && write->part == API_PART_ALL)
		kind->validate(tree, NULL, problems);
	if (problems_count(problems))
		err = status_invalid(&write->status, write_about(write), problems);
	problems_free(problems);
	return err;
}

static int admit(struct write *write, struct json *tree, const struct json *old)
{
	const struct api_hooks *hooks = &write->api->options.hooks;

	return hooks->admit
		       ? hooks->admit(hooks->ctx, write->what, write->stored_kind, tree, old, &write->status)
		       : 0;
}

static int complete(struct write *write, struct json *tree, const struct json *old)
{
	int err = kind_default(write->stored_kind, tree);

	if (err)
		return status_of_errno(&write->status, err);
	err = admit(write, tree, old);
	return err ? err : validate(write, tree, old);
}

/* A namespace that is missing or going away takes nothing new. */
static int check_namespace(struct write *write)
{
	struct key key = { "namespaces", "", write->ns };
	struct object *ns = NULL;
	struct json *tree = NULL;

	if (!write->stored_kind->namespaced)
		return 0;
	int err = cache_get(write->api->options.cache, &key, &ns);

	if (err == -ENOENT)
		return status_not_found(&write->status,
					status_about(kind_of_storage("namespaces"), write->ns));
	if (!err)
		err = object_to_json(ns, &tree);
	bool is_ending = !err && json_path(tree, "metadata.deletionTimestamp");

	json_free(tree);
	object_unref(ns);
	if (err)
		return status_of_errno(&write->status, err);
	if (!is_ending)
		return 0;
	char message[STATUS_NAME_MAX + 64];

	err = status_forbidden(&write->status, write_about(write),
			       "unable to create new content in namespace %s because it is being terminated",
			       write->ns);
	snprintf(message, sizeof(message), "namespace %s is being terminated", write->ns);
	return status_cause(&write->status, "NamespaceTerminating", message, "metadata.namespace") ? -ENOMEM
												   : err;
}

int write_prepare_create(struct write *write, struct json *tree)
{
	bool keeps_status = write->part == API_PART_ALL || !strcmp(write->stored_kind->storage, "nodes");
	int err = new_metadata(write, tree);

	if (!err)
		err = check_namespace(write);
	if (err)
		return err;
	if (kind_has_status(write->stored_kind) && !keeps_status)
		(void)json_remove(tree, "status");
	return complete(write, tree, NULL);
}

/* --- updates --- */

static bool same_spec(const struct json *tree, const struct json *old)
{
	for (struct json_iter it = json_iter(tree); json_next(&it);)
		if (strcmp(it.key, "metadata") != 0 && strcmp(it.key, "status") != 0 &&
		    !json_equal(it.value, json_get(old, it.key)))
			return false;
	for (struct json_iter it = json_iter(old); json_next(&it);)
		if (strcmp(it.key, "metadata") != 0 && strcmp(it.key, "status") != 0 &&
		    !json_get(tree, it.key))
			return false;
	return true;
}

static int count_generation(struct json *tree, const struct json *old)
{
	int64_t before = json_path_int(old, "metadata.generation", 0);

	return same_spec(tree, old) ? 0 : json_set_int(json_get(tree, "metadata"), "generation", before + 1);
}

/* The preconditions a client writes into the object. */
static int check_conflict(struct write *write, const struct json *metadata, const struct json *old)
{
	const char *uid = json_str(json_get(metadata, "uid"), ""),
		   *old_uid = json_path_str(old, "metadata.uid", "");
	const char *version = json_str(json_get(metadata, "resourceVersion"), "");

	if (uid[0] && strcmp(uid, old_uid) != 0)
		return status_conflict(&write->status, write_about(write),
				       "Precondition failed: UID in precondition: %s, UID in object meta: %s",
				       uid, old_uid);
	if (version[0] && strcmp(version, "0") != 0 &&
	    strcmp(version, json_path_str(old, "metadata.resourceVersion", "")) != 0)
		return status_modified(&write->status, write_about(write));
	return 0;
}

int write_prepare_update(struct write *write, struct json *tree, const struct json *old)
{
	struct json *metadata = json_ensure(tree, "metadata");
	const struct json *old_metadata = json_get(old, "metadata");
	int err;

	if (!metadata)
		return no_metadata(write);
	err = check_conflict(write, metadata, old);
	if (!err)
		err = check_namespace_of(write, metadata);
	if (err)
		return err;
	drop_server_fields(metadata);
	err = restore_all(metadata, old_metadata, server_fields);
	if (!err)
		err = restore(metadata, old_metadata, "resourceVersion");
	if (!err)
		err = restore_parts(write, tree, old);
	if (err)
		return status_of_errno(&write->status, err);
	err = complete(write, tree, old);
	if (!err && write->stored_kind->has_generation && write->part != API_PART_STATUS)
		err = count_generation(tree, old) ? status_of_errno(&write->status, -ENOMEM) : 0;
	return err;
}

bool write_is_over(const struct json *tree)
{
	const struct json *metadata = json_get(tree, "metadata");

	return json_get(metadata, "deletionTimestamp") && !json_count(json_get(metadata, "finalizers")) &&
	       json_int(json_get(metadata, "deletionGracePeriodSeconds"), 0) == 0 &&
	       (strcmp(json_path_str(tree, "kind", ""), "Namespace") != 0 ||
		!json_count(json_path(tree, "spec.finalizers")));
}
