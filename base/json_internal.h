/* json_internal: what json.c, json_read.c and json_write.c share about json-c. No other file includes it.
 *
 * json-c holds the values: ordered hash tables, arrays, reference counts. Text is read and written
 * here, because its tokener saturates integers past 64 bits, cuts keys at a NUL, takes NaN and raw control
 * characters, and its printer drops output without memory. Every double is made from its number
 * text, which json-c keeps with the value. json-c's null is a NULL pointer; outside it is the address of json_null. */
#ifndef HOLDFAST_BASE_JSON_INTERNAL_H
#define HOLDFAST_BASE_JSON_INTERNAL_H

/* json-c claims these two names for types of its own. */
#define json_type jsonc_type
#define json_bool jsonc_bool
#include <json-c/json.h>
#undef json_type
#undef json_bool

#include "base/json.h"

extern const char json_null;

static inline struct json_object *json_in(const struct json *v)
{
	return (const char *)v == &json_null ? NULL : (struct json_object *)(uintptr_t)v;
}
static inline struct json *json_out(struct json_object *v)
{
	return v ? (struct json *)v : (struct json *)(uintptr_t)&json_null;
}
/* Text of a number that is not of JSON_INT; number text of one that is has to be printed. */
static inline const char *json_double_text(struct json_object *v)
{
	return json_object_get_userdata(v);
}
/* JSON number text at the front of s: its length, 0 when there is none. */
size_t json_number_length(struct span s, bool *out_integer);
/* A value from number text already checked. NULL without memory, *out_range true when it is past a double. */
struct json_object *json_number_value(struct span text, bool integer, bool *out_range);

#endif
