/* Definitions: the field tables as OpenAPI schemas, in both versions of the format. */
#include <errno.h>
#include <stdlib.h>

#include "api/openapi_internal.h"

/* Field numbers of openapi.v2 Schema. */
enum {
	SCHEMA_REF = 1,
	SCHEMA_FORMAT = 2,
	SCHEMA_REQUIRED = 19,
	SCHEMA_ADDITIONAL = 21,
	SCHEMA_TYPE = 22,
	SCHEMA_ITEMS = 23,
	SCHEMA_PROPERTIES = 25,
	SCHEMA_EXTENSION = 31
};

#define META "io.k8s.apimachinery.pkg.apis.meta.v1."
#define DEFINITIONS_MAX 512u

struct definitions {
	const struct schema *schemas[DEFINITIONS_MAX];
	size_t count;
	const char *group, *version; /* of the kinds collected; NULL: all */
};

int definitions_new(struct definitions **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void definitions_free(struct definitions *set)
{
	free(set);
}

static bool has(const struct definitions *set, const struct schema *schema)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->schemas[i] == schema)
			return true;
	return false;
}

static int collect(struct definitions *set, const struct schema *schema)
{
	int rc = 0;

	if (has(set, schema))
		return 0;
	if (set->count == DEFINITIONS_MAX)
		return -E2BIG;
	set->schemas[set->count++] = schema;
	/* What is inlined has no definition of its own, but its fields may. */
	for (const struct schema *part = schema; part; part = part->inlined)
		for (size_t i = 0; !rc && i < part->field_count; i++)
			if (part->fields[i].type == FIELD_MESSAGE)
				rc = collect(set, part->fields[i].schema);
	return rc;
}

static bool is_of(const struct kind *kind, const char *group, const char *version)
{
	return !group || (!strcmp(kind->group, group) && !strcmp(kind->version, version));
}

int definitions_collect(struct definitions *set, const char *group, const char *version)
{
	size_t count;
	const struct kind *const *all = kinds(&count);
	int rc = collect(set, schema_of_name("DeleteOptions"));

	set->group = group;
	set->version = version;
	if (!rc)
		rc = collect(set, schema_of_name("Status")); /* holds ListMeta */
	for (size_t i = 0; !rc && i < count; i++) {
		if (!is_of(all[i], group, version))
			continue;
		rc = collect(set, all[i]->schema);
		for (const char *const *sub = all[i]->subresources; !rc && sub && *sub; sub++)
			rc = collect(set, kind_of_subresource(all[i], *sub)->schema);
	}
	return rc;
}

void definition_ref(struct doc *d, const char *key, const unsigned *path, const char *name)
{
	struct buf ref;

	buf_init(&ref, 256);
	(void)buf_addf(&ref, "%s%s", d->ref_prefix, name ? name : "");
	doc_open(d, key, path);
	doc_text(d, "$ref", SCHEMA_REF, name ? buf_cstr(&ref) : NULL);
	doc_close(d);
	buf_done(&ref);
}

static void put_type(struct doc *d, const char *type)
{
	if (!d->protobuf) {
		doc_text(d, "type", 0, type);
		return;
	}
	doc_open(d, NULL, DOC_PATH(SCHEMA_TYPE));
	doc_text(d, NULL, 1, type);
	doc_close(d);
}

static const struct {
	const char *type, *format, *ref;
} forms[] = {
	[FIELD_STRING] = { "string", NULL, NULL },
	[FIELD_BYTES] = { "string", "byte", NULL },
	[FIELD_BOOL] = { "boolean", NULL, NULL },
	[FIELD_INT32] = { "integer", "int32", NULL },
	[FIELD_INT64] = { "integer", "int64", NULL },
	[FIELD_DOUBLE] = { "number", "double", NULL },
	[FIELD_TIME] = { NULL, NULL, META "Time" },
	[FIELD_MICRO_TIME] = { NULL, NULL, META "MicroTime" },
	[FIELD_QUANTITY] = { NULL, NULL, "io.k8s.apimachinery.pkg.api.resource.Quantity" },
	[FIELD_INT_OR_STRING] = { NULL, NULL, "io.k8s.apimachinery.pkg.util.intstr.IntOrString" },
	[FIELD_RAW] = { "object", NULL, NULL },
	[FIELD_STRING_LIST] = { "array", NULL, NULL },
};

/* What stands inside a schema for one value of the field. */
static void put_value(struct doc *d, const struct field *field)
{
	const char *ref = field->type == FIELD_MESSAGE ? field->schema->name : forms[field->type].ref;
	struct buf text;

	if (ref) {
		buf_init(&text, 256);
		(void)buf_addf(&text, "%s%s", d->ref_prefix, ref);
		doc_text(d, "$ref", SCHEMA_REF, buf_cstr(&text));
		buf_done(&text);
		return;
	}
	put_type(d, forms[field->type].type);
	if (forms[field->type].format)
		doc_text(d, "format", SCHEMA_FORMAT, forms[field->type].format);
	if (field->type != FIELD_STRING_LIST)
		return;
	doc_open(d, "items", DOC_PATH(SCHEMA_ITEMS, 1));
	put_type(d, "string");
	doc_close(d);
}

static void put_keys(struct doc *d, const char *keys)
{
	struct span rest = span_of(keys), key;
	struct buf text;
	bool more = true;

	buf_init(&text, 256);
	(void)buf_add_char(&text, '[');
	while (more) {
		more = span_cut(rest, ',', &key, &rest);
		(void)buf_addf(&text, "\"%.*s\"%s", SPAN_ARG(key), more ? "," : "]");
	}
	doc_extension(d, SCHEMA_EXTENSION, "x-kubernetes-list-map-keys", buf_cstr(&text));
	doc_extension(d, SCHEMA_EXTENSION, "x-kubernetes-list-type", "\"map\"");
	buf_done(&text);
}

/* How clients merge it: strategic patches (kubectl apply) and server-side apply. */
static void put_merge(struct doc *d, const struct field *field)
{
	const char *keys = field->apply_keys ? field->apply_keys : field->merge_key;
	struct buf text;

	if (field->shape != FIELD_LIST) {
		if (field->flags & FIELD_RETAIN_KEYS)
			doc_extension(d, SCHEMA_EXTENSION, "x-kubernetes-patch-strategy", "\"retainKeys\"");
		return;
	}
	if (keys && keys[0] && !(field->flags & FIELD_APPLY_ATOMIC))
		put_keys(d, keys);
	else
		doc_extension(d, SCHEMA_EXTENSION, "x-kubernetes-list-type",
			      field->flags & FIELD_APPLY_SET ? "\"set\"" : "\"atomic\"");
	if (field->merge_key && field->merge_key[0]) {
		buf_init(&text, 128);
		(void)buf_addf(&text, "\"%s\"", field->merge_key);
		doc_extension(d, SCHEMA_EXTENSION, "x-kubernetes-patch-merge-key", buf_cstr(&text));
		buf_done(&text);
	}
	if (field->merge_key)
		doc_extension(d, SCHEMA_EXTENSION, "x-kubernetes-patch-strategy",
			      field->flags & FIELD_RETAIN_KEYS ? "\"merge,retainKeys\"" : "\"merge\"");
}

static void put_property(struct doc *d, const struct field *field)
{
	doc_entry(d, 1, field->name, DOC_PATH(0));
	if (field->shape == FIELD_SINGLE) {
		put_value(d, field);
	} else if (field->shape == FIELD_LIST) {
		put_type(d, "array");
		doc_open(d, "items", DOC_PATH(SCHEMA_ITEMS, 1));
		put_value(d, field);
		doc_close(d);
	} else {
		put_type(d, "object");
		doc_open(d, "additionalProperties", DOC_PATH(SCHEMA_ADDITIONAL, 1));
		put_value(d, field);
		doc_close(d);
	}
	put_merge(d, field);
	doc_close(d);
}

static void put_required(struct doc *d, const struct schema *schema)
{
	bool any = false;

	for (const struct schema *part = schema; part; part = part->inlined) {
		for (size_t i = 0; i < part->field_count; i++) {
			if (!(part->fields[i].flags & FIELD_REQUIRED))
				continue;
			if (!any)
				doc_list(d, "required");
			any = true;
			doc_text(d, NULL, SCHEMA_REQUIRED, part->fields[i].name);
		}
	}
	if (any)
		doc_list_end(d);
}

void gvk_text(const struct kind *kind, struct buf *out)
{
	(void)buf_addf(out, "{\"group\":\"%s\",\"kind\":\"%s\",\"version\":\"%s\"}", kind->group, kind->kind,
		       kind->version);
}

/* Which kinds have this form; options are known under every group version. */
static void put_kinds(struct doc *d, const struct schema *schema)
{
	const char *group, *version;
	size_t count, cursor = 0;
	const struct kind *const *all = kinds(&count);
	struct buf text;

	buf_init(&text, 4096);
	(void)buf_add_char(&text, '[');
	for (size_t i = 0; i < count; i++)
		if (all[i]->schema == schema)
			gvk_text(all[i], &text);
	while (schema == schema_of_name("DeleteOptions") && openapi_next_version(&cursor, &group, &version)) {
		struct kind options = { .group = group, .version = version, .kind = "DeleteOptions" };

		if (text.len > 1)
			(void)buf_add_char(&text, ',');
		gvk_text(&options, &text);
	}
	if (text.error || text.len > 1) {
		(void)buf_add_char(&text, ']');
		doc_extension(d, SCHEMA_EXTENSION, "x-kubernetes-group-version-kind", buf_cstr(&text));
	}
	buf_done(&text);
}

static void put_schema(struct doc *d, const struct schema *schema, unsigned number)
{
	doc_entry(d, number, schema->name, DOC_PATH(0));
	put_type(d, "object");
	put_required(d, schema);
	doc_open(d, "properties", DOC_PATH(SCHEMA_PROPERTIES));
	for (const struct schema *part = schema; part; part = part->inlined)
		for (size_t i = 0; i < part->field_count; i++)
			put_property(d, &part->fields[i]);
	doc_close(d);
	put_kinds(d, schema);
	doc_close(d);
}

/* PodList and the like: all of one shape. */
static void put_list(struct doc *d, const struct kind *kind, unsigned number)
{
	struct field items = {
		.name = "items", .type = FIELD_MESSAGE, .shape = FIELD_LIST, .schema = kind->schema
	};
	struct schema meta_schema = { .name = META "ListMeta" };
	const struct field meta = { .name = "metadata", .type = FIELD_MESSAGE, .schema = &meta_schema };
	static const struct field words[] = { { .name = "apiVersion" }, { .name = "kind" } };
	const struct kind list = { .group = kind->group, .version = kind->version, .kind = kind->list_kind };
	struct buf text;

	buf_init(&text, 512);
	(void)buf_addf(&text, "%sList", kind->schema->name);
	doc_entry(d, number, buf_cstr(&text), DOC_PATH(0));
	put_type(d, "object");
	doc_list(d, "required");
	doc_text(d, NULL, SCHEMA_REQUIRED, "items");
	doc_list_end(d);
	doc_open(d, "properties", DOC_PATH(SCHEMA_PROPERTIES));
	put_property(d, &words[0]);
	put_property(d, &items);
	put_property(d, &words[1]);
	put_property(d, &meta);
	doc_close(d);
	buf_reset(&text);
	(void)buf_add_char(&text, '[');
	gvk_text(&list, &text);
	(void)buf_add_char(&text, ']');
	doc_extension(d, SCHEMA_EXTENSION, "x-kubernetes-group-version-kind", buf_cstr(&text));
	doc_close(d);
	buf_done(&text);
}

static const struct {
	const char *name, *type, *format;
	const char *one_of; /* version 3 */
} scalars[] = {
	{ META "Time", "string", "date-time", NULL },
	{ META "MicroTime", "string", "date-time", NULL },
	{ "io.k8s.apimachinery.pkg.api.resource.Quantity", "string", NULL,
	  "[{\"type\":\"string\"},{\"type\":\"number\"}]" },
	{ "io.k8s.apimachinery.pkg.util.intstr.IntOrString", "string", "int-or-string",
	  "[{\"type\":\"integer\"},{\"type\":\"string\"}]" },
};

static void put_scalars(struct doc *d, unsigned number)
{
	bool version3 = !d->protobuf && strcmp(d->ref_prefix, "#/definitions/") != 0;

	for (size_t i = 0; i < sizeof(scalars) / sizeof(scalars[0]); i++) {
		doc_entry(d, number, scalars[i].name, DOC_PATH(0));
		if (version3 && scalars[i].one_of)
			doc_extension(d, 0, "oneOf", scalars[i].one_of);
		else
			put_type(d, scalars[i].type);
		if (scalars[i].format)
			doc_text(d, "format", SCHEMA_FORMAT, scalars[i].format);
		doc_close(d);
	}
}

void definitions_write(struct doc *d, const struct definitions *set, unsigned number)
{
	size_t count;
	const struct kind *const *all = kinds(&count);

	for (size_t i = 0; i < set->count; i++)
		put_schema(d, set->schemas[i], number);
	for (size_t i = 0; i < count; i++)
		if (all[i]->list_kind && is_of(all[i], set->group, set->version))
			put_list(d, all[i], number);
	put_scalars(d, number);
}
