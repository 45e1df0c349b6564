#include "api/object_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/selector.h"

#define PACKED_MAX (256u * 1024)

/* metadata is written in this order, whatever the writer sent, and the rest after it. */
static const char *const metadata_order[] = {
	"name",	      "generateName",	   "namespace",		"uid",
	"generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
	"labels",     "annotations",	   "ownerReferences",	"finalizers",
	NULL,
};

static bool is_ordered(const char *key)
{
	for (size_t i = 0; metadata_order[i]; i++)
		if (!strcmp(metadata_order[i], key))
			return true;
	return false;
}

static void write_member(struct buf *out, const char *key, const struct json *value)
{
	char last = out->len ? out->data[out->len - 1] : '{';

	if (last != '{')
		buf_add_char(out, ',');
	buf_add_json_str(out, span_of(key));
	buf_add_char(out, ':');
	json_write(value, out);
}

static void write_metadata(const struct json *metadata, struct buf *out)
{
	struct json_iter it = json_iter(metadata);

	for (size_t i = 0; metadata_order[i]; i++) {
		const struct json *value = json_get(metadata, metadata_order[i]);

		if (value && !json_is(value, JSON_NULL))
			write_member(out, metadata_order[i], value);
	}
	while (json_next(&it))
		if (!is_ordered(it.key) && strcmp(it.key, "resourceVersion") != 0 &&
		    !json_is(it.value, JSON_NULL))
			write_member(out, it.key, it.value);
}

static int write_body(const struct kind *kind, const struct json *tree, struct buf *out, uint32_t *out_splice)
{
	struct json_iter it = json_iter(tree);

	buf_addf(out, "{\"apiVersion\":\"%s%s%s\",\"kind\":\"%s\",\"metadata\":{", kind->group,
		 kind->group[0] ? "/" : "", kind->version, kind->kind);
	*out_splice = (uint32_t)out->len;
	write_metadata(json_get(tree, "metadata"), out);
	buf_add_char(out, '}');
	while (json_next(&it)) {
		if (!strcmp(it.key, "apiVersion") || !strcmp(it.key, "kind") || !strcmp(it.key, "metadata"))
			continue;
		write_member(out, it.key, it.value);
	}
	buf_add_char(out, '}');
	return buf_error(out);
}

struct pair {
	const char *key, *value;
};

static int pair_cmp(const void *a, const void *b)
{
	return strcmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

/* A JSON map of strings as packed pairs. */
static int pack_map(const struct json *map, struct buf *out)
{
	size_t count = json_count(map), n = 0;
	struct json_iter it = json_iter(map);
	int err = 0;

	if (!count)
		return 0;
	struct pair *pairs = calloc(count, sizeof(*pairs));

	if (!pairs)
		return -ENOMEM;
	while (!err && json_next(&it)) {
		if (!json_is(it.value, JSON_STRING))
			err = -EINVAL;
		else
			pairs[n++] = (struct pair){ it.key, json_str(it.value, "") };
	}
	qsort(pairs, n, sizeof(*pairs), pair_cmp);
	for (size_t i = 0; !err && i < n; i++)
		err = pairs_add(out, pairs[i].key, pairs[i].value);
	free(pairs);
	return err;
}

static int pack_owners(const struct json *owners, struct buf *out)
{
	for (size_t i = 0; i < json_count(owners); i++) {
		const char *uid = json_str(json_get(json_at(owners, i), "uid"), "");

		if (uid[0])
			buf_add(out, uid, strlen(uid) + 1);
	}
	return buf_error(out);
}

static bool is_shaped(const struct json *metadata)
{
	static const struct {
		const char *key;
		enum json_type type;
	} parts[] = {
		{ "labels", JSON_OBJECT },	   { "annotations", JSON_OBJECT },
		{ "ownerReferences", JSON_ARRAY }, { "finalizers", JSON_ARRAY },
		{ "namespace", JSON_STRING },	   { "uid", JSON_STRING },
	};

	if (json_str(json_get(metadata, "name"), "")[0] == '\0')
		return false;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const struct json *value = json_get(metadata, parts[i].key);

		if (value && !json_is(value, parts[i].type) && !json_is(value, JSON_NULL))
			return false;
	}
	return true;
}

struct packed {
	struct buf body, labels, fields, owners;
};

static void packed_init(struct packed *packed)
{
	buf_init(&packed->body, OBJECT_BODY_MAX);
	buf_init(&packed->labels, PACKED_MAX);
	buf_init(&packed->fields, PACKED_MAX);
	buf_init(&packed->owners, PACKED_MAX);
}

static void packed_done(struct packed *packed)
{
	buf_done(&packed->body);
	buf_done(&packed->labels);
	buf_done(&packed->fields);
	buf_done(&packed->owners);
}

static int pack(const struct kind *kind, const struct json *tree, struct packed *packed, uint32_t *splice)
{
	const struct json *metadata = json_get(tree, "metadata");
	int err = write_body(kind, tree, &packed->body, splice);

	if (!err)
		err = pack_map(json_get(metadata, "labels"), &packed->labels);
	if (!err)
		err = pack_owners(json_get(metadata, "ownerReferences"), &packed->owners);
	if (!err && kind->index_fields)
		err = kind->index_fields(tree, &packed->fields);
	return err;
}

int object_from_json(const struct kind *kind, const struct json *tree, struct object **out)
{
	const struct json *metadata = json_get(tree, "metadata");
	struct packed packed;
	struct object object = { 0 };

	*out = NULL;
	if (!is_shaped(metadata))
		return -EINVAL;
	packed_init(&packed);
	int err = pack(kind, tree, &packed, &object.splice);

	if (!err) {
		object.key.resource = kind->storage;
		object.key.ns = kind->namespaced ? json_str(json_get(metadata, "namespace"), "") : "";
		object.key.name = json_str(json_get(metadata, "name"), "");
		object.uid = json_str(json_get(metadata, "uid"), "");
		object.generation = json_int(json_get(metadata, "generation"), 0);
		object.labels = buf_span(&packed.labels);
		object.fields = buf_span(&packed.fields);
		object.owners = buf_span(&packed.owners);
		object.body = buf_span(&packed.body);
		*out = object_new(&object);
		if (!*out)
			err = -ENOMEM;
	}
	packed_done(&packed);
	return err;
}

int object_from_body(const char *storage, struct span body, uint64_t origin, struct object **out)
{
	const struct kind *kind = kind_of_storage(storage);
	struct json *tree = NULL;

	*out = NULL;
	if (!kind)
		return -EINVAL;
	int err = json_parse(body, &tree, NULL);

	if (!err)
		err = object_from_json(kind, tree, out);
	if (!err)
		(*out)->origin = origin;
	json_free(tree);
	return err;
}

int object_to_json(const struct object *object, struct json **out)
{
	char text[24];
	int err = json_parse(object->body, out, NULL);

	if (err || !object->revision)
		return err;
	snprintf(text, sizeof(text), "%" PRIu64, object->revision);
	err = json_set_str(json_ensure(*out, "metadata"), "resourceVersion", text);
	if (err) {
		json_free(*out);
		*out = NULL;
	}
	return err;
}

int object_convert(const struct kind *kind, struct json *tree)
{
	char version[128];

	if (!kind->from_storage)
		return 0;
	int err = kind->from_storage(tree);

	if (err)
		return err;
	snprintf(version, sizeof(version), "%s%s%s", kind->group, kind->group[0] ? "/" : "", kind->version);
	err = json_set_str(tree, "apiVersion", version);
	return err ? err : json_set_str(tree, "kind", kind->kind);
}

bool object_selected(const struct object *object, const struct selector *labels,
		     const struct selector *fields)
{
	if (labels && !selector_match(labels, object->labels))
		return false;
	return !fields || selector_match_fields(fields, object->key.name, object->key.ns, object->fields);
}
