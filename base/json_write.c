#include <inttypes.h>

#include "base/json_internal.h"

static void write_value(struct json_object *v, struct buf *out);

static void write_object(struct json_object *v, struct buf *out)
{
	char separator = '{';

	if (!json_object_object_length(v))
		(void)buf_add_char(out, '{');
	json_object_object_foreach(v, key, value) {
		(void)buf_add_char(out, separator);
		(void)buf_add_json_str(out, span_of(key));
		(void)buf_add_char(out, ':');
		write_value(value, out);
		separator = ',';
	}
	(void)buf_add_char(out, '}');
}

static void write_array(struct json_object *v, struct buf *out)
{
	size_t count = json_object_array_length(v);

	(void)buf_add_char(out, '[');
	for (size_t i = 0; i < count; i++) {
		if (i)
			(void)buf_add_char(out, ',');
		write_value(json_object_array_get_idx(v, i), out);
	}
	(void)buf_add_char(out, ']');
}

static void write_int(struct json_object *v, struct buf *out)
{
	int64_t n = json_object_get_int64(v);

	if (n == INT64_MAX) /* where json-c puts what does not fit */
		(void)buf_addf(out, "%" PRIu64, json_object_get_uint64(v));
	else
		(void)buf_addf(out, "%" PRId64, n);
}

static void write_value(struct json_object *v, struct buf *out)
{
	if (out->error)
		return;
	switch (json_object_get_type(v)) {
	case json_type_null: (void)buf_add_str(out, "null"); break;
	case json_type_boolean: (void)buf_add_str(out, json_object_get_boolean(v) ? "true" : "false"); break;
	case json_type_int: write_int(v, out); break;
	case json_type_double: (void)buf_add_str(out, json_double_text(v)); break;
	case json_type_string:
		(void)buf_add_json_str(out, span_make(json_object_get_string(v),
						      (size_t)json_object_get_string_len(v)));
		break;
	case json_type_array: write_array(v, out); break;
	case json_type_object: write_object(v, out); break;
	}
}

int json_write(const struct json *v, struct buf *out)
{
	size_t start = out->len;
	int rc;

	assert_always(v); /* absent is no JSON value */
	write_value(json_in(v), out);
	rc = buf_error(out);
	if (rc)
		out->len = start < out->len ? start : out->len;
	return rc;
}
