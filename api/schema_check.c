/* An object against its field table: types and unknown fields. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/kind.h"
#include "api/path.h"
#include "api/quantity.h"
#include "base/clock.h"

struct check {
	struct path path;
	struct problems *problems;
	struct problems *unknown; /* where unknown fields are told; NULL: nowhere */
	bool strict;
	int rc;
};

static const char *last_part(const char *dotted)
{
	const char *dot = strrchr(dotted, '.');

	return dot ? dot + 1 : dotted;
}

static void add_go_type(const struct field *field, bool element, struct buf *out)
{
	static const char *const names[] = {
		[FIELD_STRING] = "string",
		[FIELD_BYTES] = "[]uint8",
		[FIELD_BOOL] = "bool",
		[FIELD_INT32] = "int32",
		[FIELD_INT64] = "int64",
		[FIELD_DOUBLE] = "float64",
		[FIELD_TIME] = "string",
		[FIELD_MICRO_TIME] = "string",
		[FIELD_QUANTITY] = "string",
		[FIELD_INT_OR_STRING] = "int32",
		[FIELD_STRING_LIST] = "[]string",
	};

	if (!element && field->shape == FIELD_LIST)
		(void)buf_add_str(out, "[]");
	if (!element && field->shape == FIELD_MAP)
		(void)buf_add_str(out, "map[string]");
	if (field->type == FIELD_MESSAGE)
		(void)buf_addf(out, "v1.%s", last_part(field->schema->name));
	else
		(void)buf_add_str(out, names[field->type] ? names[field->type] : "object");
}

/* Upstream's decoder names lists by their field only. */
static void add_go_path(const struct path *path, struct buf *out)
{
	bool inside = false;

	for (const char *c = path->text; *c; c++) {
		if (*c == '[')
			inside = true;
		if (!inside)
			(void)buf_add_char(out, *c);
		if (*c == ']')
			inside = false;
	}
}

static void wrong_type(struct check *c, const struct schema *schema, const struct field *field, bool element,
		       const struct json *value)
{
	struct buf text;

	buf_init(&text, PROBLEM_TEXT_MAX);
	(void)buf_addf(&text, "json: cannot unmarshal %s",
		       json_is(value, JSON_BOOL)     ? "bool"
		       : json_is(value, JSON_INT)    ? "number"
		       : json_is(value, JSON_DOUBLE) ? "number"
						     : json_type_name(json_type(value)));
	if (json_is(value, JSON_INT) || json_is(value, JSON_DOUBLE)) {
		(void)buf_add_char(&text, ' ');
		(void)json_write(value, &text);
	}
	(void)buf_addf(&text, " into Go struct field %s.", last_part(schema->name));
	add_go_path(&c->path, &text);
	(void)buf_add_str(&text, " of type ");
	add_go_type(field, element, &text);
	text.error = 0; /* a cut sentence is still one */
	problems_add(c->problems, PROBLEM_TYPE, c->path.text, NULL, "%s", buf_cstr(&text));
	buf_done(&text);
}

static bool is_base64_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
	       c == '/';
}

/* Stricter than what we could read: other clients must be able to read it too. Returns the offset of what is wrong, or -1. */
static ptrdiff_t base64_error(struct span s)
{
	size_t end = s.len;

	for (int pad = 0; pad < 2 && end && s.ptr[end - 1] == '='; pad++)
		end--;
	for (size_t i = 0; i < end; i++)
		if (!is_base64_char(s.ptr[i]))
			return (ptrdiff_t)i;
	return s.len % 4 ? (ptrdiff_t)end : -1;
}

/* A string whose text must mean something. */
static void check_text(struct check *c, const struct field *field, struct span text)
{
	int64_t ignored;
	ptrdiff_t at;

	switch (field->type) {
	case FIELD_BYTES:
		at = base64_error(text);
		if (at >= 0)
			problems_add(c->problems, PROBLEM_TYPE, c->path.text, NULL,
				     "illegal base64 data at input byte %td", at);
		break;
	case FIELD_TIME:
	case FIELD_MICRO_TIME:
		if (clock_parse(text, &ignored))
			problems_add(c->problems, PROBLEM_TYPE, c->path.text, NULL,
				     "parsing time \"%.*s\" as \"2006-01-02T15:04:05Z07:00\": cannot parse "
				     "it as RFC 3339",
				     text.len > 64 ? 64 : (int)text.len, text.ptr);
		break;
	case FIELD_QUANTITY:
		if (quantity_parse(text, &ignored))
			problems_add(c->problems, PROBLEM_TYPE, c->path.text, NULL,
				     "quantities must match the regular expression "
				     "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
		break;
	default: break;
	}
}

static bool is_int32(const struct json *v)
{
	int64_t n = json_int(v, INT64_MAX);

	return json_is(v, JSON_INT) && n >= INT32_MIN && n <= INT32_MAX;
}

static bool is_string_list(const struct json *v)
{
	for (size_t i = 0; i < json_count(v); i++)
		if (!json_is(json_at(v, i), JSON_STRING))
			return false;
	return json_is(v, JSON_ARRAY);
}

static bool has_scalar_type(enum field_type type, const struct json *v)
{
	switch (type) {
	case FIELD_STRING:
	case FIELD_BYTES:
	case FIELD_TIME:
	case FIELD_MICRO_TIME: return json_is(v, JSON_STRING);
	case FIELD_BOOL: return json_is(v, JSON_BOOL);
	case FIELD_INT32: return is_int32(v);
	case FIELD_INT64: return json_is(v, JSON_INT);
	case FIELD_DOUBLE: return json_is(v, JSON_INT) || json_is(v, JSON_DOUBLE);
	case FIELD_QUANTITY: return json_is(v, JSON_STRING);
	case FIELD_INT_OR_STRING: return json_is(v, JSON_STRING) || is_int32(v);
	case FIELD_STRING_LIST: return is_string_list(v);
	case FIELD_RAW: return true;
	case FIELD_MESSAGE: return json_is(v, JSON_OBJECT);
	}
	return false;
}

static void check_object(struct check *c, const struct schema *schema, struct json *object);

static void check_value(struct check *c, const struct schema *schema, const struct field *field, bool element,
			struct json *value)
{
	if (!has_scalar_type(field->type, value))
		wrong_type(c, schema, field, element, value);
	else if (field->type == FIELD_MESSAGE)
		check_object(c, field->schema, value);
	else if (json_is(value, JSON_STRING))
		check_text(c, field, json_span(value));
}

static void check_list(struct check *c, const struct schema *schema, const struct field *field,
		       struct json *list)
{
	for (size_t i = 0; i < json_count(list); i++) {
		size_t mark = path_index(&c->path, i);

		check_value(c, schema, field, true, json_at(list, i));
		path_back(&c->path, mark);
	}
}

/* A quantity written as a number becomes the string it means, which is all that readers then need to know. The member is
 * replaced where it stands, so a walk over the object goes on. */
static struct json *quantity_as_text(struct check *c, const struct field *field, struct json *object,
				     const char *key, struct json *value)
{
	struct buf text;

	if (field->type != FIELD_QUANTITY || !(json_is(value, JSON_INT) || json_is(value, JSON_DOUBLE)))
		return value;
	buf_init(&text, PROBLEM_TEXT_MAX);
	c->rc = json_write(value, &text);
	if (!c->rc)
		c->rc = json_set(object, key, json_new_span(buf_span(&text)));
	buf_done(&text);
	return json_get(object, key);
}

static void check_map(struct check *c, const struct schema *schema, const struct field *field,
		      struct json *map)
{
	for (struct json_iter it = json_iter(map); !c->rc && json_next(&it);) {
		size_t mark = path_key(&c->path, it.key);

		/* A Go map takes null for the zero value; the key stays. */
		if (json_is(it.value, JSON_NULL) &&
		    (field->type == FIELD_STRING || field->type == FIELD_BYTES))
			c->rc = json_set_str(map, it.key, "");
		else
			check_value(c, schema, field, true,
				    quantity_as_text(c, field, map, it.key, it.value));
		path_back(&c->path, mark);
	}
}

static void check_field(struct check *c, const struct schema *schema, const struct field *field,
			struct json *value)
{
	if (field->shape == FIELD_SINGLE)
		check_value(c, schema, field, false, value);
	else if (!json_is(value, field->shape == FIELD_LIST ? JSON_ARRAY : JSON_OBJECT))
		wrong_type(c, schema, field, false, value);
	else if (field->shape == FIELD_LIST)
		check_list(c, schema, field, value);
	else
		check_map(c, schema, field, value);
}

static void check_object(struct check *c, const struct schema *schema, struct json *object)
{
	for (struct json_iter it = json_iter(object); !c->rc && json_next(&it);) {
		const struct field *field = schema_field(schema, span_of(it.key));
		size_t mark = path_field(&c->path, it.key);

		if (!field) {
			if (c->unknown)
				problems_add(c->unknown, PROBLEM_UNKNOWN_FIELD, c->path.text, NULL, "%s", "");
			if (!c->strict)
				(void)json_remove(object, it.key);
		} else if (json_is(it.value, JSON_NULL) && field->type != FIELD_RAW) {
			(void)json_remove(object, it.key);
		} else {
			struct json *value = it.value;

			if (field->shape == FIELD_SINGLE)
				value = quantity_as_text(c, field, object, it.key, value);
			check_field(c, schema, field, value);
		}
		path_back(&c->path, mark);
	}
}

int schema_check(const struct schema *schema, struct json *object, bool strict, struct problems *problems,
		 struct problems *out_dropped)
{
	struct check c = { .problems = problems,
			   .unknown = strict ? problems : out_dropped,
			   .strict = strict };

	path_init(&c.path, "");
	if (!json_is(object, JSON_OBJECT)) {
		problems_add(problems, PROBLEM_TYPE, "", NULL,
			     "json: cannot unmarshal %s into Go value of type v1.%s",
			     json_type_name(json_type(object)), last_part(schema->name));
		return 0;
	}
	check_object(&c, schema, object);
	return c.rc;
}

int schema_check_text(const struct kind *kind, const struct problems *problems, struct buf *out)
{
	struct problem problem;
	bool strict = false;

	(void)buf_addf(out, "%s in version \"%s\" cannot be handled as a %s: ", kind->kind, kind->version,
		       kind->kind);
	for (size_t i = 0; problems_at(problems, i, &problem); i++)
		if (problem.type == PROBLEM_TYPE) /* upstream stops at the first */
			return buf_add_str(out, problem.text);
	for (size_t i = 0; problems_at(problems, i, &problem); i++) {
		(void)buf_addf(out, "%s%s", strict ? ", " : "strict decoding error: ", problem.text);
		strict = true;
	}
	return buf_error(out);
}
