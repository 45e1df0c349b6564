#include "edge-hub/pods/decode.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "api/quantity.h"
#include "base/clock.h"

int decode_fail(struct decoder *d, const char *fmt, ...)
{
	char text[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return err_set(d->err, -EINVAL, "%s: %s", d->path[0] ? d->path : ".", text);
}

static int no_memory(struct decoder *d)
{
	return err_set(d->err, d->arena->error, "%s: %s", d->path[0] ? d->path : ".",
		       d->arena->error == -E2BIG ? "too large to hold" : "no memory");
}

/* Appends ".name" or "[i]" to the path; returns the length to cut back to. */
static size_t path_enter(struct decoder *d, const char *name, size_t index)
{
	size_t before = strlen(d->path);
	size_t room = sizeof(d->path) - before;

	if (name)
		snprintf(d->path + before, room, "%s%s", before ? "." : "", name);
	else
		snprintf(d->path + before, room, "[%zu]", index);
	return before;
}

static void path_leave(struct decoder *d, size_t before)
{
	d->path[before] = '\0';
}

static int wrong_type(struct decoder *d, const struct json *value, const char *wanted)
{
	return decode_fail(d, "must be %s, not %s", wanted, json_type_name(json_type(value)));
}

int decode_str(struct decoder *d, const struct json *value, const char **out)
{
	struct span s;

	if (!json_is(value, JSON_STRING))
		return wrong_type(d, value, "a string");
	s = json_span(value);
	if (s.len && memchr(s.ptr, '\0', s.len))
		return decode_fail(d, "holds a NUL");
	*out = arena_str(d->arena, s);
	return *out ? 0 : no_memory(d);
}

static int decode_strs(struct decoder *d, const struct json *value, size_t max, struct strs *out)
{
	size_t count = json_count(value);

	if (!json_is(value, JSON_ARRAY))
		return wrong_type(d, value, "a list");
	if (count > max)
		return decode_fail(d, "more than %zu entries", max);
	if (!count)
		return 0;
	out->v = arena_alloc(d->arena, count * sizeof(*out->v));
	if (!out->v)
		return no_memory(d);
	for (size_t i = 0; i < count; i++) {
		size_t before = path_enter(d, NULL, i);
		int rc = decode_str(d, json_at(value, i), &out->v[i]);

		if (rc)
			return rc;
		path_leave(d, before);
	}
	out->n = (uint32_t)count;
	return 0;
}

static int decode_pairs(struct decoder *d, const struct json *value, size_t max, struct pair_list *out)
{
	struct json_iter it = json_iter(value);
	size_t count = json_count(value);

	if (!json_is(value, JSON_OBJECT))
		return wrong_type(d, value, "an object");
	if (count > max)
		return decode_fail(d, "more than %zu entries", max);
	if (!count)
		return 0;
	out->v = arena_alloc(d->arena, count * sizeof(*out->v));
	if (!out->v)
		return no_memory(d);
	while (json_next(&it)) {
		struct pair *pair = &out->v[out->n];
		int rc = decode_str(d, it.value, &pair->value);

		if (rc)
			return rc;
		pair->key = arena_str(d->arena, span_of(it.key));
		if (!pair->key)
			return no_memory(d);
		out->n++;
	}
	return 0;
}

static int decode_enum(struct decoder *d, const struct json *value, const char *const *names, int *out)
{
	const char *text;
	int rc = decode_str(d, value, &text);

	if (rc)
		return rc;
	for (int i = 0; names[i]; i++) {
		if (strcmp(names[i], text) == 0) {
			*out = i;
			return 0;
		}
	}
	return decode_fail(d, "unknown value \"%.60s\"", text);
}

static int decode_quantity(struct decoder *d, const struct json *value, bool milli, struct opt_int *out)
{
	char number[32];
	struct span text = json_span(value);
	int rc;

	if (json_is(value, JSON_INT)) {
		snprintf(number, sizeof(number), "%lld", (long long)json_int(value, 0));
		text = span_of(number);
	} else if (!json_is(value, JSON_STRING)) {
		return wrong_type(d, value, "a quantity");
	}
	rc = milli ? quantity_parse_milli(text, &out->value) : quantity_parse(text, &out->value);
	if (rc)
		return decode_fail(d, "not a quantity");
	if (out->value < 0)
		return decode_fail(d, "must not be negative");
	out->set = true;
	return 0;
}

static int decode_time(struct decoder *d, const struct json *value, struct opt_int *out)
{
	if (!json_is(value, JSON_STRING))
		return wrong_type(d, value, "a time");
	if (clock_parse(json_span(value), &out->value))
		return decode_fail(d, "not a time");
	out->set = true;
	return 0;
}

static int decode_int(struct decoder *d, const struct json *value, int64_t *out)
{
	if (!json_is(value, JSON_INT))
		return wrong_type(d, value, "an integer");
	*out = json_int(value, 0);
	return 0;
}

static int decode_bool(struct decoder *d, const struct json *value, bool *out)
{
	if (!json_is(value, JSON_BOOL))
		return wrong_type(d, value, "true or false");
	*out = json_bool(value, false);
	return 0;
}

static int decode_list(struct decoder *d, const struct json *value, const struct decode_field *field,
		       size_t max, struct decoded_list *out)
{
	size_t count = json_count(value);

	if (!json_is(value, JSON_ARRAY))
		return wrong_type(d, value, "a list");
	if (count > max)
		return decode_fail(d, "more than %zu entries", max);
	if (!count)
		return 0;
	out->v = arena_alloc(d->arena, count * field->table->size);
	if (!out->v)
		return no_memory(d);
	for (size_t i = 0; i < count; i++) {
		size_t before = path_enter(d, NULL, i);
		int rc = decode_object(d, json_at(value, i), field->table,
				       (char *)out->v + i * field->table->size);

		if (rc)
			return rc;
		path_leave(d, before);
	}
	out->n = (uint32_t)count;
	return 0;
}

static int decode_ptr(struct decoder *d, const struct json *value, const struct decode_table *table,
		      void **out)
{
	*out = arena_alloc(d->arena, table->size);
	if (!*out)
		return no_memory(d);
	return decode_object(d, value, table, *out);
}

static int decode_value(struct decoder *d, const struct json *value, const struct decode_field *field,
			void *member)
{
	size_t max = field->max ? field->max : DECODE_ENTRIES_MAX;
	int rc;

	switch (field->type) {
	case DECODE_STR: return decode_str(d, value, member);
	case DECODE_BOOL: return decode_bool(d, value, member);
	case DECODE_OPT_BOOL:
		((struct opt_bool *)member)->set = true;
		return decode_bool(d, value, &((struct opt_bool *)member)->value);
	case DECODE_INT: return decode_int(d, value, member);
	case DECODE_OPT_INT:
		rc = decode_int(d, value, &((struct opt_int *)member)->value);
		((struct opt_int *)member)->set = !rc;
		return rc;
	case DECODE_STRS: return decode_strs(d, value, max, member);
	case DECODE_PAIRS: return decode_pairs(d, value, max, member);
	case DECODE_ENUM: return decode_enum(d, value, field->names, member);
	case DECODE_MILLI:
	case DECODE_BYTES: return decode_quantity(d, value, field->type == DECODE_MILLI, member);
	case DECODE_STRUCT: return decode_object(d, value, field->table, member);
	case DECODE_PTR: return decode_ptr(d, value, field->table, member);
	case DECODE_LIST: return decode_list(d, value, field, max, member);
	case DECODE_TIME: return decode_time(d, value, member);
	case DECODE_FN: return field->fn(d, value, member);
	}
	err_bug("decode type", __FILE__, __LINE__);
}

/* An object that is not there: defaults and empty strings, no checks. */
static void fill_absent(const struct decode_table *table, void *out)
{
	if (table->defaults)
		table->defaults(out);
	for (size_t i = 0; i < table->field_count; i++) {
		void *member = (char *)out + table->fields[i].offset;

		if (table->fields[i].type == DECODE_STR && !*(const char **)member)
			*(const char **)member = "";
		else if (table->fields[i].type == DECODE_STRUCT)
			fill_absent(table->fields[i].table, member);
	}
}

static int decode_field_of(struct decoder *d, const struct json *object, const struct decode_field *field,
			   void *out)
{
	const struct json *value = json_get(object, field->name);
	void *member = (char *)out + field->offset;
	size_t before = path_enter(d, field->name, 0);
	int rc = 0;

	if (value && !json_is(value, JSON_NULL))
		rc = decode_value(d, value, field, member);
	else if (field->required)
		rc = decode_fail(d, "is required");
	else if (field->type == DECODE_STR && !*(const char **)member)
		*(const char **)member = "";
	else if (field->type == DECODE_STRUCT)
		fill_absent(field->table, member);
	if (!rc && field->required && field->type == DECODE_STR && !**(const char **)member)
		rc = decode_fail(d, "must not be empty");
	if (!rc)
		path_leave(d, before);
	return rc;
}

int decode_object(struct decoder *d, const struct json *object, const struct decode_table *table, void *out)
{
	if (!json_is(object, JSON_OBJECT))
		return wrong_type(d, object, "an object");
	if (table->defaults)
		table->defaults(out);
	for (size_t i = 0; i < table->field_count; i++) {
		int rc = decode_field_of(d, object, &table->fields[i], out);

		if (rc)
			return rc;
	}
	return table->check ? table->check(d, out) : 0;
}

const char *pair_list_get(const struct pair_list *list, const char *key)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i].key, key) == 0)
			return list->v[i].value;
	return NULL;
}
