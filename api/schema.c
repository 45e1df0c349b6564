#include "api/kind.h"

#include <errno.h>
#include <stdlib.h>

const struct field *schema_field(const struct schema *schema, struct span name)
{
	for (; schema; schema = schema->inlined) {
		size_t low = 0, high = schema->field_count;

		while (low < high) {
			size_t mid = (low + high) / 2;
			int order = span_cmp(name, span_of(schema->fields[mid].name));

			if (!order)
				return &schema->fields[mid];
			if (order < 0)
				high = mid;
			else
				low = mid + 1;
		}
	}
	return NULL;
}

static bool is_zero(const struct json *v)
{
	switch (json_type(v)) {
	case JSON_ABSENT:
	case JSON_NULL: return true;
	case JSON_STRING: return !json_span(v).len;
	case JSON_INT: return !json_int(v, 0);
	case JSON_BOOL: return !json_bool(v, false);
	default: return false;
	}
}

static int default_field(const struct field *field, struct json *object)
{
	struct json *value = json_get(object, field->name), *fresh;
	bool keeps = value && !json_is(value, JSON_NULL) && (field->flags & FIELD_KEEP_ZERO);
	int rc;

	if (keeps || !is_zero(value))
		return 0;
	rc = json_parse(span_of(field->default_json), &fresh, NULL);
	return rc ? rc : json_set(object, field->name, fresh);
}

static int default_below(const struct field *field, struct json *value)
{
	int rc = 0;

	if (field->shape == FIELD_SINGLE)
		return schema_default(field->schema, value);
	if (field->shape == FIELD_LIST) {
		for (size_t i = 0; !rc && i < json_count(value); i++)
			rc = schema_default(field->schema, json_at(value, i));
		return rc;
	}
	for (struct json_iter it = json_iter(value); !rc && json_next(&it);)
		rc = schema_default(field->schema, it.value);
	return rc;
}

/* Defaults first, as they may open new parents; then down into what the object holds, which is less than what it could. */
int schema_default(const struct schema *schema, struct json *object)
{
	int rc = 0;

	if (!json_is(object, JSON_OBJECT))
		return 0;
	for (const struct schema *part = schema; part; part = part->inlined)
		for (size_t i = 0; !rc && i < part->field_count; i++)
			if (part->fields[i].default_json)
				rc = default_field(&part->fields[i], object);
	for (struct json_iter it = json_iter(object); !rc && json_next(&it);) {
		const struct field *field = schema_field(schema, span_of(it.key));

		if (field && field->type == FIELD_MESSAGE)
			rc = default_below(field, it.value);
	}
	return rc;
}
