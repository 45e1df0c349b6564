#include <errno.h>
#include <stdio.h>

#include "api/quantity.h"
#include "edge-hub/pods/spec_internal.h"

bool spec_is_component(const char *name)
{
	return name[0] && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !strchr(name, '/') &&
	       strlen(name) <= 253;
}

bool spec_is_inside(const char *path)
{
	struct span rest = span_of(path), head;
	bool more = true;

	if (!path[0] || path[0] == '/' || strlen(path) > 4000)
		return false;
	while (more) {
		more = span_cut(rest, '/', &head, &rest);
		if (span_is(head, ".."))
			return false;
	}
	return true;
}

/* --- files in a volume --- */
static int mode_check(struct decoder *d, const struct opt_int *mode)
{
	return mode->set && (mode->value < 0 || mode->value > 0777) ? decode_fail(d, "mode is not one") : 0;
}

static int key_path_check(struct decoder *d, void *out)
{
	const struct key_path *item = out;

	if (!spec_is_inside(item->path))
		return decode_fail(d, "path leaves the volume");
	return mode_check(d, &item->mode);
}

static const struct decode_field key_path_fields[] = {
	F(key_path, "key", DECODE_STR, key, .required = true),
	F(key_path, "path", DECODE_STR, path, .required = true),
	F(key_path, "mode", DECODE_OPT_INT, mode),
};
DECODE_TABLE(key_path_table, struct key_path, key_path_fields, .check = key_path_check);

static int decode_field_ref(struct decoder *d, const struct json *value, void *member)
{
	const struct json *path = json_get(value, "fieldPath");

	return path ? decode_str(d, path, member) : decode_fail(d, "has no fieldPath");
}

static int decode_resource_ref(struct decoder *d, const struct json *value, void *member)
{
	struct downward_item *item =
		(struct downward_item *)((char *)member - offsetof(struct downward_item, resource));
	const struct json *container = json_get(value, "containerName");
	const struct json *resource = json_get(value, "resource");
	const struct json *divisor = json_get(value, "divisor");
	int rc = container ? decode_str(d, container, &item->container) : 0;

	if (!rc && resource)
		rc = decode_str(d, resource, &item->resource);
	if (!rc && json_is(divisor, JSON_STRING) &&
	    quantity_parse_milli(json_span(divisor), &item->divisor_milli))
		rc = decode_fail(d, "divisor is not a quantity");
	return rc;
}

static void downward_defaults(void *out)
{
	struct downward_item *item = out;

	item->field = item->container = item->resource = "";
}

static int downward_check(struct decoder *d, void *out)
{
	const struct downward_item *item = out;

	if (!spec_is_inside(item->path))
		return decode_fail(d, "path leaves the volume");
	return mode_check(d, &item->mode);
}

static const struct decode_field downward_fields[] = {
	F(downward_item, "path", DECODE_STR, path, .required = true),
	F(downward_item, "fieldRef", DECODE_FN, field, .fn = decode_field_ref),
	F(downward_item, "resourceFieldRef", DECODE_FN, resource, .fn = decode_resource_ref),
	F(downward_item, "mode", DECODE_OPT_INT, mode),
};
DECODE_TABLE(downward_table, struct downward_item, downward_fields, .defaults = downward_defaults,
	     .check = downward_check);

/* The object's name is "name" in projected sources and config maps, "secretName" in secret volumes. */
static const struct decode_field named_fields[] = {
	F(volume_source, "name", DECODE_STR, name),
	F(volume_source, "optional", DECODE_BOOL, optional),
	F(volume_source, "items", DECODE_LIST, items, .table = &key_path_table),
};
static const struct decode_field secret_fields[] = {
	F(volume_source, "secretName", DECODE_STR, name),
	F(volume_source, "optional", DECODE_BOOL, optional),
	F(volume_source, "items", DECODE_LIST, items, .table = &key_path_table),
};
static const struct decode_field downward_source_fields[] = {
	F(volume_source, "items", DECODE_LIST, downward, .table = &downward_table),
};
static const struct decode_field token_fields[] = {
	F(volume_source, "path", DECODE_STR, token_path, .required = true),
	F(volume_source, "audience", DECODE_STR, token_audience),
	F(volume_source, "expirationSeconds", DECODE_INT, token_expiration_s),
};

static void source_defaults(void *out)
{
	struct volume_source *source = out;

	source->name = source->token_path = source->token_audience = "";
	source->token_expiration_s = 3600;
}

static int source_check(struct decoder *d, void *out)
{
	const struct volume_source *source = out;

	return source->token_path[0] && !spec_is_inside(source->token_path)
		       ? decode_fail(d, "path leaves the volume")
		       : 0;
}

DECODE_TABLE(named_table, struct volume_source, named_fields, .defaults = source_defaults);
DECODE_TABLE(secret_table, struct volume_source, secret_fields, .defaults = source_defaults);
DECODE_TABLE(downward_source_table, struct volume_source, downward_source_fields,
	     .defaults = source_defaults);
DECODE_TABLE(token_table, struct volume_source, token_fields, .defaults = source_defaults,
	     .check = source_check);

static const struct {
	const char *name;
	enum source_kind kind;
	const struct decode_table *table;
} source_kinds[] = {
	{ "configMap", SOURCE_CONFIG_MAP, &named_table },
	{ "secret", SOURCE_SECRET, &named_table },
	{ "downwardAPI", SOURCE_DOWNWARD, &downward_source_table },
	{ "serviceAccountToken", SOURCE_TOKEN, &token_table },
};

static int decode_projection(struct decoder *d, const struct json *value, struct volume_source *out)
{
	source_defaults(out);
	out->kind = SOURCE_UNSUPPORTED;
	for (size_t i = 0; i < sizeof(source_kinds) / sizeof(source_kinds[0]); i++) {
		const struct json *body = json_get(value, source_kinds[i].name);

		if (!json_is(body, JSON_OBJECT))
			continue;
		out->kind = source_kinds[i].kind;
		return decode_object(d, body, source_kinds[i].table, out);
	}
	return 0;
}

/* --- the kinds of volumes --- */
static int one_source(struct decoder *d, const struct json *value, struct volume_spec *volume,
		      enum source_kind kind, const struct decode_table *table)
{
	struct volume_source *source = arena_alloc(d->arena, sizeof(*source));
	const struct json *mode = json_get(value, "defaultMode");

	if (!source)
		return d->arena->error;
	volume->sources = (struct decoded_list){ source, 1 };
	source->kind = kind;
	volume->default_mode = json_int(mode, volume->default_mode);
	if (volume->default_mode < 0 || volume->default_mode > 0777)
		return decode_fail(d, "defaultMode is not a mode");
	return decode_object(d, value, table, source);
}

static int decode_config_map(struct decoder *d, const struct json *value, struct volume_spec *volume)
{
	return one_source(d, value, volume, SOURCE_CONFIG_MAP, &named_table);
}

static int decode_secret(struct decoder *d, const struct json *value, struct volume_spec *volume)
{
	return one_source(d, value, volume, SOURCE_SECRET, &secret_table);
}

static int decode_downward(struct decoder *d, const struct json *value, struct volume_spec *volume)
{
	return one_source(d, value, volume, SOURCE_DOWNWARD, &downward_source_table);
}

static int decode_projected(struct decoder *d, const struct json *value, struct volume_spec *volume)
{
	const struct json *sources = json_get(value, "sources");
	size_t count = json_count(sources);
	struct volume_source *list;

	volume->default_mode = json_int(json_get(value, "defaultMode"), volume->default_mode);
	if (volume->default_mode < 0 || volume->default_mode > 0777)
		return decode_fail(d, "defaultMode is not a mode");
	if (count > SPEC_VOLUMES_MAX)
		return decode_fail(d, "too many sources");
	list = arena_alloc(d->arena, (count ? count : 1) * sizeof(*list));
	if (!list)
		return d->arena->error;
	volume->sources = (struct decoded_list){ list, (uint32_t)count };
	for (size_t i = 0; i < count; i++) {
		int rc = decode_projection(d, json_at(sources, i), &list[i]);

		if (rc)
			return rc;
	}
	return 0;
}

static int decode_empty_dir(struct decoder *d, const struct json *value, struct volume_spec *volume)
{
	const struct json *limit = json_get(value, "sizeLimit");
	const char *medium = json_str(json_get(value, "medium"), "");

	volume->memory = strcmp(medium, "Memory") == 0;
	if (medium[0] && !volume->memory)
		volume->kind = VOLUME_UNSUPPORTED; /* huge pages */
	if (json_is(limit, JSON_STRING) && !quantity_parse(json_span(limit), &volume->size_limit.value))
		volume->size_limit.set = volume->size_limit.value > 0;
	return 0;
}

static int decode_host_path(struct decoder *d, const struct json *value, struct volume_spec *volume)
{
	static const struct decode_field fields[] = {
		F(volume_spec, "path", DECODE_STR, host_path, .required = true),
		F(volume_spec, "type", DECODE_STR, host_path_type),
	};
	static const struct decode_table table = { sizeof(struct volume_spec), fields, 2, NULL, NULL };
	int rc = decode_object(d, value, &table, volume);

	if (!rc && (volume->host_path[0] != '/' ||
		    !spec_is_inside(volume->host_path[1] ? volume->host_path + 1 : "root")))
		rc = decode_fail(d, "path is not an absolute one without \"..\"");
	return rc;
}

static const struct {
	const char *name;
	enum volume_kind kind;
	int (*decode)(struct decoder *d, const struct json *value, struct volume_spec *volume);
} volume_kinds[] = {
	{ "configMap", VOLUME_CONFIG_MAP, decode_config_map },
	{ "secret", VOLUME_SECRET, decode_secret },
	{ "emptyDir", VOLUME_EMPTY_DIR, decode_empty_dir },
	{ "hostPath", VOLUME_HOST_PATH, decode_host_path },
	{ "downwardAPI", VOLUME_DOWNWARD, decode_downward },
	{ "projected", VOLUME_PROJECTED, decode_projected },
};

static int decode_kind(struct decoder *d, const struct json *object, struct volume_spec *volume)
{
	struct json_iter it = json_iter(object);

	for (size_t i = 0; i < sizeof(volume_kinds) / sizeof(volume_kinds[0]); i++) {
		const struct json *value = json_get(object, volume_kinds[i].name);

		if (!json_is(value, JSON_OBJECT))
			continue;
		volume->kind = volume_kinds[i].kind;
		volume->kind_name = volume_kinds[i].name;
		return volume_kinds[i].decode(d, value, volume);
	}
	volume->kind_name = "none";
	while (json_next(&it)) { /* the name of what we cannot do, for the message */
		if (strcmp(it.key, "name") == 0)
			continue;
		volume->kind_name = arena_str(d->arena, span_of(it.key));
		if (!volume->kind_name)
			return d->arena->error;
	}
	if (strcmp(volume->kind_name, "none") == 0)
		volume->kind = VOLUME_EMPTY_DIR; /* no source at all is an emptyDir, as the API defaults it */
	return 0;
}

int spec_decode_volume(struct decoder *d, const struct json *object, struct volume_spec *out)
{
	int rc;

	if (!json_is(object, JSON_OBJECT))
		return decode_fail(d, "must be an object");
	out->default_mode = 0644;
	out->host_path = out->host_path_type = out->name = out->kind_name = "";
	rc = json_get(object, "name") ? decode_str(d, json_get(object, "name"), &out->name) : 0;
	if (!rc && !spec_is_component(out->name))
		rc = decode_fail(d, "name is not usable");
	return rc ? rc : decode_kind(d, object, out);
}
