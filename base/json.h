/* json: the JSON border. One value tree, parsed with limits and written compactly; json-c inside,
 * and no other file includes it.
 *
 * Ownership: a tree has one owner, json_free on its root. Getters borrow and accept NULL (absent),
 * so that chains need no checks. Setters take the value given, also when they fail, and treat a
 * NULL value as -ENOMEM, so that constructors nest. Number text survives a round trip. Not
 * thread-safe per tree. */
#ifndef HOLDFAST_BASE_JSON_H
#define HOLDFAST_BASE_JSON_H

#include "base/buf.h"

struct json;

enum json_type {
	JSON_ABSENT, /* NULL pointer */
	JSON_NULL,
	JSON_BOOL,
	JSON_INT, /* an integer that fits 64 bits */
	JSON_DOUBLE,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

#define JSON_MAX_DEPTH 64u
#define JSON_MAX_BYTES (3u * 1024 * 1024) /* kube-apiserver's own request limit */

/* All of text, one value, strict RFC 8259, UTF-8, at most JSON_MAX_DEPTH levels and JSON_MAX_BYTES.
 * -EINVAL (err says where), -E2BIG (too deep or long), -ENOMEM. */
int json_parse(struct span text, struct json **out, struct err *err) must_check;
void json_free(struct json *v); /* NULL is fine */
struct json *json_copy(const struct json *v) must_check;

enum json_type json_type(const struct json *v);
const char *json_type_name(enum json_type type); /* "string", "object", ... */
bool json_is(const struct json *v, enum json_type type);

/* Borrowing getters; NULL (absent) when missing or of another type. A JSON null is returned as JSON_NULL. */
struct json *json_get(const struct json *object, const char *key);
struct json *json_at(const struct json *array, size_t index);
/* Dotted path of object keys and array indices, "spec.containers.0.name". Keys holding dots need json_get. */
struct json *json_path(const struct json *v, const char *path);
size_t json_count(const struct json *v); /* elements of an array or object, else 0 */

/* Scalars with a fallback for absent or other types. The string is NUL-terminated; json_span sees inner NULs. */
const char *json_str(const struct json *v, const char *fallback);
struct span json_span(const struct json *v);
int64_t json_int(const struct json *v, int64_t fallback);
double json_double(const struct json *v, double fallback);
bool json_bool(const struct json *v, bool fallback);
/* Shorthands for json_str(json_path(v, path), fallback) and so on. */
const char *json_path_str(const struct json *v, const char *path, const char *fallback);
int64_t json_path_int(const struct json *v, const char *path, int64_t fallback);
bool json_path_bool(const struct json *v, const char *path, bool fallback);

struct json *json_new_object(void) must_check;
struct json *json_new_array(void) must_check;
struct json *json_new_null(void) must_check;
struct json *json_new_str(const char *cstr) must_check;
struct json *json_new_span(struct span s) must_check;
struct json *json_new_int(int64_t n) must_check;
struct json *json_new_bool(bool b) must_check;
/* A number kept as the text given, which must be a JSON number. NULL otherwise. */
struct json *json_new_number(struct span text) must_check;

/* Replace or add; order of first insertion is kept. */
int json_set(struct json *object, const char *key, struct json *value_take);
int json_set_str(struct json *object, const char *key, const char *value);
int json_set_int(struct json *object, const char *key, int64_t value);
int json_set_bool(struct json *object, const char *key, bool value);
int json_append(struct json *array, struct json *value_take);
int json_insert(struct json *array, size_t index, struct json *value_take); /* index <= count */
int json_replace(struct json *array, size_t index, struct json *value_take);
/* The object under `path` (dotted keys, no indices), created with its parents where absent. NULL without
 * memory or when something of another type is in the way. Borrowed. */
struct json *json_ensure(struct json *object, const char *path);
bool json_remove(struct json *object, const char *key); /* false when it was not there */
bool json_remove_at(struct json *array, size_t index);

/* Walk an object: struct json_iter it = json_iter(obj); while (json_next(&it)) { it.key, it.value }.
 * The entry just returned may be removed; nothing may be added. */
struct json_iter {
	const char *key;
	struct json *value;
	void *next;
};
struct json_iter json_iter(const struct json *object);
bool json_next(struct json_iter *it);

bool json_equal(const struct json *a,
		const struct json *b); /* order of keys does not count; absent equals absent only */
int json_write(const struct json *v, struct buf *out); /* compact, no trailing newline */

#endif
