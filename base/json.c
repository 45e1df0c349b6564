#include "base/json.h"

#include <errno.h>
#include <stdlib.h>

#include "base/json_internal.h"

const char json_null = 0;

static const char *const type_names[] = {
	[JSON_ABSENT] = "absent", [JSON_NULL] = "null",	    [JSON_BOOL] = "boolean", [JSON_INT] = "integer",
	[JSON_DOUBLE] = "number", [JSON_STRING] = "string", [JSON_ARRAY] = "array",  [JSON_OBJECT] = "object",
};

void json_free(struct json *v)
{
	if (v)
		json_object_put(json_in(v));
}

enum json_type json_type(const struct json *v)
{
	if (!v)
		return JSON_ABSENT;
	switch (json_object_get_type(json_in(v))) {
	case json_type_null: return JSON_NULL;
	case json_type_boolean: return JSON_BOOL;
	case json_type_int: return JSON_INT;
	case json_type_double: return JSON_DOUBLE;
	case json_type_string: return JSON_STRING;
	case json_type_array: return JSON_ARRAY;
	case json_type_object: return JSON_OBJECT;
	}
	return JSON_ABSENT;
}

const char *json_type_name(enum json_type type)
{
	return type_names[type];
}

bool json_is(const struct json *v, enum json_type type)
{
	return json_type(v) == type;
}

/* --- borrowing getters --- */

struct json *json_get(const struct json *object, const char *key)
{
	struct json_object *value;

	if (!json_is(object, JSON_OBJECT) || !json_object_object_get_ex(json_in(object), key, &value))
		return NULL;
	return json_out(value);
}

struct json *json_at(const struct json *array, size_t index)
{
	if (!json_is(array, JSON_ARRAY) || index >= json_object_array_length(json_in(array)))
		return NULL;
	return json_out(json_object_array_get_idx(json_in(array), index));
}

size_t json_count(const struct json *v)
{
	if (json_is(v, JSON_ARRAY))
		return json_object_array_length(json_in(v));
	return json_is(v, JSON_OBJECT) ? (size_t)json_object_object_length(json_in(v)) : 0;
}

struct json *json_path(const struct json *v, const char *path)
{
	struct span rest = span_of(path), part;
	bool more = true;

	while (v && more) {
		char key[256]; /* longest legal label or annotation key is 317, but those hold dots */
		uint64_t index;

		more = span_cut(rest, '.', &part, &rest);
		if (json_is(v, JSON_ARRAY))
			v = span_to_u64(part, &index) ? NULL : json_at(v, index);
		else
			v = span_copy(part, key, sizeof(key)) ? NULL : json_get(v, key);
	}
	return (struct json *)(uintptr_t)v;
}

const char *json_str(const struct json *v, const char *fallback)
{
	return json_is(v, JSON_STRING) ? json_object_get_string(json_in(v)) : fallback;
}

struct span json_span(const struct json *v)
{
	if (!json_is(v, JSON_STRING))
		return span_make(NULL, 0);
	return span_make(json_object_get_string(json_in(v)), (size_t)json_object_get_string_len(json_in(v)));
}

int64_t json_int(const struct json *v, int64_t fallback)
{
	return json_is(v, JSON_INT) ? json_object_get_int64(json_in(v)) : fallback;
}

double json_double(const struct json *v, double fallback)
{
	return json_is(v, JSON_INT) || json_is(v, JSON_DOUBLE) ? json_object_get_double(json_in(v))
							       : fallback;
}

bool json_bool(const struct json *v, bool fallback)
{
	return json_is(v, JSON_BOOL) ? json_object_get_boolean(json_in(v)) != 0 : fallback;
}

const char *json_path_str(const struct json *v, const char *path, const char *fallback)
{
	return json_str(json_path(v, path), fallback);
}

int64_t json_path_int(const struct json *v, const char *path, int64_t fallback)
{
	return json_int(json_path(v, path), fallback);
}

bool json_path_bool(const struct json *v, const char *path, bool fallback)
{
	return json_bool(json_path(v, path), fallback);
}

/* --- constructors --- */

struct json *json_new_object(void)
{
	return (struct json *)json_object_new_object();
}

struct json *json_new_array(void)
{
	return (struct json *)json_object_new_array();
}

struct json *json_new_null(void)
{
	return json_out(NULL);
}

struct json *json_new_str(const char *cstr)
{
	return cstr ? json_new_span(span_of(cstr)) : NULL;
}

struct json *json_new_span(struct span s)
{
	if (s.len > INT32_MAX || !span_is_utf8(s))
		return NULL;
	return (struct json *)json_object_new_string_len(s.len ? s.ptr : "", (int)s.len);
}

struct json *json_new_int(int64_t n)
{
	return (struct json *)json_object_new_int64(n);
}

struct json *json_new_bool(bool b)
{
	return (struct json *)json_object_new_boolean(b);
}

struct json *json_new_number(struct span text)
{
	bool integer, out_of_range;

	if (!text.len || json_number_length(text, &integer) != text.len)
		return NULL;
	return (struct json *)json_number_value(text, integer, &out_of_range);
}

static struct json *copy_object(const struct json *v)
{
	struct json *copy = json_new_object();
	struct json_iter it = json_iter(v);

	while (copy && json_next(&it)) {
		if (json_set(copy, it.key, json_copy(it.value))) {
			json_free(copy);
			return NULL;
		}
	}
	return copy;
}

static struct json *copy_array(const struct json *v)
{
	struct json *copy = json_new_array();
	size_t count = json_count(v);

	for (size_t i = 0; copy && i < count; i++) {
		if (json_append(copy, json_copy(json_at(v, i)))) {
			json_free(copy);
			return NULL;
		}
	}
	return copy;
}

/* Not json_object_deep_copy: its default does not promise to keep number text. */
struct json *json_copy(const struct json *v)
{
	switch (json_type(v)) {
	case JSON_ABSENT: return NULL;
	case JSON_NULL: return json_new_null();
	case JSON_BOOL: return json_new_bool(json_bool(v, false));
	case JSON_INT:
		if (json_int(v, 0) == INT64_MAX)
			return (struct json *)json_object_new_uint64(json_object_get_uint64(json_in(v)));
		return json_new_int(json_int(v, 0));
	case JSON_DOUBLE: return json_new_number(span_of(json_double_text(json_in(v))));
	case JSON_STRING: return json_new_span(json_span(v));
	case JSON_ARRAY: return copy_array(v);
	case JSON_OBJECT: return copy_object(v);
	}
	return NULL;
}

/* --- setters: the value given is theirs, whatever happens --- */

int json_set(struct json *object, const char *key, struct json *value_take)
{
	int rc = -EINVAL;

	if (!value_take)
		return -ENOMEM;
	if (json_is(object, JSON_OBJECT) && span_is_utf8(span_of(key)))
		rc = json_object_object_add(json_in(object), key, json_in(value_take)) ? -ENOMEM : 0;
	if (rc)
		json_free(value_take);
	return rc;
}

int json_set_str(struct json *object, const char *key, const char *value)
{
	return json_set(object, key, json_new_str(value));
}

int json_set_int(struct json *object, const char *key, int64_t value)
{
	return json_set(object, key, json_new_int(value));
}

int json_set_bool(struct json *object, const char *key, bool value)
{
	return json_set(object, key, json_new_bool(value));
}

int json_append(struct json *array, struct json *value_take)
{
	int rc = -EINVAL;

	if (!value_take)
		return -ENOMEM;
	if (json_is(array, JSON_ARRAY))
		rc = json_object_array_add(json_in(array), json_in(value_take)) ? -ENOMEM : 0;
	if (rc)
		json_free(value_take);
	return rc;
}

/* json-c 0.16 cannot insert: make room at the end, then move the elements behind up by one. */
int json_insert(struct json *array, size_t index, struct json *value_take)
{
	struct json_object *a;
	size_t count = json_count(array);
	int rc;

	if (value_take && index > count) {
		json_free(value_take);
		return -EINVAL;
	}
	rc = json_append(array, value_take);
	if (rc)
		return rc;
	a = json_in(array);
	for (size_t i = count; i > index; i--) {
		/* Each put drops a reference to the value it covers, so both keep one more meanwhile. */
		struct json_object *moved = json_object_get(json_object_array_get_idx(a, i - 1));
		struct json_object *taken = json_object_get(json_object_array_get_idx(a, i));
		int up = json_object_array_put_idx(a, i, moved);
		int down = json_object_array_put_idx(a, i - 1, taken);

		assert_always(up == 0 && down == 0); /* nothing grows, so nothing fails */
	}
	return 0;
}

int json_replace(struct json *array, size_t index, struct json *value_take)
{
	if (!value_take)
		return -ENOMEM;
	if (index >= json_count(array) || !json_is(array, JSON_ARRAY)) {
		json_free(value_take);
		return -EINVAL;
	}
	if (json_object_array_put_idx(json_in(array), index, json_in(value_take))) {
		json_free(value_take);
		return -ENOMEM;
	}
	return 0;
}

struct json *json_ensure(struct json *object, const char *path)
{
	struct span rest = span_of(path), part;
	bool more = true;

	while (object && more) {
		struct json *child;
		char key[256];

		more = span_cut(rest, '.', &part, &rest);
		if (!json_is(object, JSON_OBJECT) || span_copy(part, key, sizeof(key)))
			return NULL;
		child = json_get(object, key);
		if (!child) {
			child = json_new_object();
			if (json_set(object, key, child))
				return NULL;
		}
		object = child;
	}
	return json_is(object, JSON_OBJECT) ? object : NULL;
}

bool json_remove(struct json *object, const char *key)
{
	if (!json_get(object, key))
		return false;
	json_object_object_del(json_in(object), key);
	return true;
}

bool json_remove_at(struct json *array, size_t index)
{
	if (!json_at(array, index))
		return false;
	return json_object_array_del_idx(json_in(array), index, 1) == 0;
}

/* --- walking and comparing --- */

struct json_iter json_iter(const struct json *object)
{
	struct json_iter it = { 0 };

	if (json_is(object, JSON_OBJECT))
		it.next = json_object_get_object(json_in(object))->head;
	return it;
}

bool json_next(struct json_iter *it)
{
	const struct lh_entry *entry = it->next;

	if (!entry)
		return false;
	it->key = entry->k;
	it->value = json_out((struct json_object *)(uintptr_t)entry->v);
	it->next = entry->next;
	return true;
}

/* Numbers are equal by value: 1, 1.0 and 1e0 are one number. */
static bool numbers_equal(const struct json *a, const struct json *b)
{
	if (json_is(a, JSON_INT) && json_is(b, JSON_INT))
		return json_int(a, 0) == json_int(b, 0) &&
		       json_object_get_uint64(json_in(a)) == json_object_get_uint64(json_in(b));
	return json_double(a, 0) == json_double(b, 0);
}

static bool objects_equal(const struct json *a, const struct json *b)
{
	struct json_iter it = json_iter(a);

	if (json_count(a) != json_count(b))
		return false;
	while (json_next(&it))
		if (!json_equal(it.value, json_get(b, it.key)))
			return false;
	return true;
}

static bool arrays_equal(const struct json *a, const struct json *b)
{
	size_t count = json_count(a);

	if (count != json_count(b))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!json_equal(json_at(a, i), json_at(b, i)))
			return false;
	return true;
}

static bool is_number(const struct json *v)
{
	return json_is(v, JSON_INT) || json_is(v, JSON_DOUBLE);
}

bool json_equal(const struct json *a, const struct json *b)
{
	if (is_number(a) && is_number(b))
		return numbers_equal(a, b);
	if (json_type(a) != json_type(b))
		return false;
	switch (json_type(a)) {
	case JSON_BOOL: return json_bool(a, false) == json_bool(b, false);
	case JSON_STRING: return span_eq(json_span(a), json_span(b));
	case JSON_ARRAY: return arrays_equal(a, b);
	case JSON_OBJECT: return objects_equal(a, b);
	default: return true; /* null and absent have one value */
	}
}
