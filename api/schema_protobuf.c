/* Protobuf bodies to the JSON tree their kind's table describes. */
#include <errno.h>
#include <stdlib.h>

#include "api/kind.h"
#include "api/protobuf.h"
#include "base/clock.h"
#include "base/text.h"

/* Years 1 to 9999: what RFC 3339 can say. */
#define SECONDS_MIN (-62135596800)
#define SECONDS_MAX 253402300799

static int decode_message(const struct schema *schema, struct span body, struct json *object,
			  struct err *err);

static int malformed(struct err *err, const struct field *field)
{
	return err_set(err, -EINVAL, "malformed protobuf: field %s", field->name);
}

/* A message of two varints at most: Time and MicroTime. */
static int decode_pair(struct span body, int64_t out[2])
{
	struct wire_field wire;
	int rc;

	out[0] = out[1] = 0;
	while ((rc = wire_next(&body, &wire)) > 0)
		if (wire.number <= 2 && wire.type == WIRE_VARINT)
			out[wire.number - 1] = (int64_t)wire.value;
	return rc;
}

/* *out stays NULL for Go's zero time. */
static int decode_time(const struct field *field, struct span body, struct json **out)
{
	char text[CLOCK_TEXT_SIZE];
	int64_t pair[2];

	if (decode_pair(body, pair) || pair[0] < SECONDS_MIN || pair[0] > SECONDS_MAX || pair[1] < 0 ||
	    pair[1] > 999999999)
		return -EINVAL;
	if (!pair[0] && !pair[1])
		return 0;
	if (field->type == FIELD_TIME)
		clock_format(pair[0] * 1000, text);
	else
		clock_format_micro(pair[0] * 1000000 + pair[1] / 1000, text);
	*out = json_new_str(text);
	return *out ? 0 : -ENOMEM;
}

static int decode_string(struct span body, struct json **out)
{
	if (!span_is_utf8(body))
		return -EINVAL;
	*out = json_new_span(body);
	return *out ? 0 : -ENOMEM;
}

static int decode_bytes(struct span body, struct json **out)
{
	struct buf text;
	int rc;

	buf_init(&text, body.len / 3 * 4 + 8);
	rc = text_base64(&text, body);
	if (!rc)
		*out = json_new_span(buf_span(&text));
	buf_done(&text);
	return rc ? rc : *out ? 0 : -ENOMEM;
}

/* A message whose field 1 is all there is: Quantity, FieldsV1, RawExtension. Absent is empty. */
static int first_field(struct span body, struct span *out)
{
	struct wire_field wire;
	int rc;

	*out = SPAN("");
	while ((rc = wire_next(&body, &wire)) > 0)
		if (wire.number == 1 && wire.type == WIRE_BYTES)
			*out = wire.bytes;
	return rc;
}

static int decode_quantity(struct span body, struct json **out)
{
	struct span text;

	if (first_field(body, &text))
		return -EINVAL;
	return decode_string(text.len ? text : SPAN("0"), out);
}

static int decode_raw(struct span body, struct json **out)
{
	struct span text;

	if (first_field(body, &text))
		return -EINVAL;
	return text.len ? json_parse(text, out, NULL) : 0;
}

static int decode_int_or_string(struct span body, struct json **out)
{
	struct wire_field wire;
	struct span text = SPAN("");
	uint64_t type = 0, number = 0;
	int rc;

	while ((rc = wire_next(&body, &wire)) > 0) {
		if (wire.number == 1 && wire.type == WIRE_VARINT)
			type = wire.value;
		else if (wire.number == 2 && wire.type == WIRE_VARINT)
			number = wire.value;
		else if (wire.number == 3 && wire.type == WIRE_BYTES)
			text = wire.bytes;
	}
	if (rc)
		return rc;
	if (type)
		return decode_string(text, out);
	*out = json_new_int((int32_t)number);
	return *out ? 0 : -ENOMEM;
}

static int decode_string_list(struct span body, struct json **out)
{
	struct wire_field wire;
	int rc;

	*out = json_new_array();
	while (*out && (rc = wire_next(&body, &wire)) > 0) {
		if (wire.number != 1 || wire.type != WIRE_BYTES || !span_is_utf8(wire.bytes))
			return -EINVAL;
		rc = json_append(*out, json_new_span(wire.bytes));
		if (rc)
			return rc;
	}
	return *out ? rc : -ENOMEM;
}

static int decode_submessage(const struct field *field, struct span body, struct json **out, struct err *err)
{
	*out = json_new_object();
	return *out ? decode_message(field->schema, body, *out, err) : -ENOMEM;
}

static int decode_by_type(const struct field *field, struct span body, struct json **out, struct err *err)
{
	switch (field->type) {
	case FIELD_STRING: return decode_string(body, out);
	case FIELD_BYTES: return decode_bytes(body, out);
	case FIELD_TIME:
	case FIELD_MICRO_TIME: return decode_time(field, body, out);
	case FIELD_QUANTITY: return decode_quantity(body, out);
	case FIELD_INT_OR_STRING: return decode_int_or_string(body, out);
	case FIELD_RAW: return decode_raw(body, out);
	case FIELD_STRING_LIST: return decode_string_list(body, out);
	case FIELD_MESSAGE: return decode_submessage(field, body, out, err);
	default: return -EINVAL;
	}
}

static bool is_varint(enum field_type type)
{
	return type == FIELD_BOOL || type == FIELD_INT32 || type == FIELD_INT64;
}

static struct json *varint_value(enum field_type type, uint64_t value)
{
	if (type == FIELD_BOOL)
		return json_new_bool(value != 0);
	return json_new_int(type == FIELD_INT32 ? (int32_t)value : (int64_t)value);
}

static int decode_double(uint64_t bits, struct json **out)
{
	struct buf text;
	double value;
	int rc;

	memcpy(&value, &bits, sizeof(value));
	if (!(value - value == 0)) /* not finite: JSON has no word for it */
		return -EINVAL;
	buf_init(&text, 64);
	rc = buf_addf(&text, "%.17g", value);
	if (!rc)
		*out = json_new_number(buf_span(&text));
	buf_done(&text);
	return rc ? rc : *out ? 0 : -ENOMEM;
}

/* One value of the field, list element or map value. *out may stay NULL: nothing to set. */
static int decode_value(const struct field *field, const struct wire_field *wire, struct json **out,
			struct err *err)
{
	int rc;

	*out = NULL;
	if (is_varint(field->type)) {
		if (wire->type != WIRE_VARINT)
			return malformed(err, field);
		*out = varint_value(field->type, wire->value);
		return *out ? 0 : -ENOMEM;
	}
	if (field->type == FIELD_DOUBLE)
		rc = wire->type == WIRE_FIXED64 ? decode_double(wire->value, out) : -EINVAL;
	else
		rc = wire->type == WIRE_BYTES ? decode_by_type(field, wire->bytes, out, err) : -EINVAL;
	if (!rc)
		return 0;
	json_free(*out);
	*out = NULL;
	if (rc == -EINVAL && field->type != FIELD_MESSAGE)
		return malformed(err, field);
	return rc;
}

static struct json *ensure(struct json *object, const char *name, struct json *(*make)(void))
{
	struct json *value = json_get(object, name);

	if (!value && !json_set(object, name, make()))
		value = json_get(object, name);
	return value;
}

static int decode_packed(const struct field *field, struct span body, struct json *list, struct err *err)
{
	uint64_t value;
	int rc = 0;

	while (!rc && body.len) {
		if (wire_varint(&body, &value))
			return malformed(err, field);
		rc = json_append(list, varint_value(field->type, value));
	}
	return rc;
}

static int decode_element(const struct field *field, const struct wire_field *wire, struct json *object,
			  struct err *err)
{
	struct json *list = ensure(object, field->name, json_new_array), *value;
	int rc;

	if (!list)
		return -ENOMEM;
	if (is_varint(field->type) && wire->type == WIRE_BYTES)
		return decode_packed(field, wire->bytes, list, err);
	rc = decode_value(field, wire, &value, err);
	return rc || !value ? rc : json_append(list, value);
}

/* An absent value is the type's zero. */
static int map_zero(const struct field *field, struct json **out, struct err *err)
{
	struct wire_field none = { .type = is_varint(field->type) ? WIRE_VARINT : WIRE_BYTES,
				   .bytes = SPAN("") };

	return decode_value(field, &none, out, err);
}

static int decode_entry(const struct field *field, const struct wire_field *entry, struct json *object,
			struct err *err)
{
	struct json *map = ensure(object, field->name, json_new_object), *value = NULL;
	struct span key = SPAN(""), body = entry->bytes;
	struct wire_field wire;
	char *name;
	int rc;

	if (!map)
		return -ENOMEM;
	if (entry->type != WIRE_BYTES)
		return malformed(err, field);
	while ((rc = wire_next(&body, &wire)) > 0) {
		if (wire.number == 1 && wire.type == WIRE_BYTES)
			key = wire.bytes;
		if (wire.number != 2)
			continue;
		json_free(value);
		rc = decode_value(field, &wire, &value, err);
		if (rc)
			return rc;
	}
	if (!rc && !value)
		rc = map_zero(field, &value, err);
	if (rc || !span_is_utf8(key) || memchr(key.ptr, 0, key.len)) {
		json_free(value);
		return rc == -ENOMEM ? rc : malformed(err, field);
	}
	if (!value)
		return 0;
	name = span_dup(key);
	rc = name ? json_set(map, name, value) : -ENOMEM;
	if (!name)
		json_free(value);
	free(name);
	return rc;
}

static bool is_zero(const struct json *v)
{
	return (json_is(v, JSON_STRING) && !json_span(v).len) || (json_is(v, JSON_INT) && !json_int(v, 0)) ||
	       (json_is(v, JSON_BOOL) && !json_bool(v, false));
}

/* Go writes every field that is no pointer; those that are zero and not told apart from absent are left out, as
 * its JSON does. */
static int decode_single(const struct field *field, const struct wire_field *wire, struct json *object,
			 struct err *err)
{
	struct json *value, *there = json_get(object, field->name);
	int rc;

	if (field->type == FIELD_MESSAGE && there && wire->type == WIRE_BYTES)
		return decode_message(field->schema, wire->bytes, there,
				      err); /* parts of one message are merged */
	rc = decode_value(field, wire, &value, err);
	if (rc || !value)
		return rc;
	if (is_zero(value) && !(field->flags & (FIELD_REQUIRED | FIELD_KEEP_ZERO)) &&
	    field->type != FIELD_INT_OR_STRING) {
		json_free(value);
		(void)json_remove(object, field->name);
		return 0;
	}
	return json_set(object, field->name, value);
}

static const struct field *field_of_number(const struct schema *schema, unsigned number)
{
	for (size_t i = 0; i < schema->field_count; i++)
		if (schema->fields[i].number == number)
			return &schema->fields[i];
	return NULL;
}

static int decode_message(const struct schema *schema, struct span body, struct json *object, struct err *err)
{
	struct wire_field wire;
	int rc;

	while ((rc = wire_next(&body, &wire)) > 0) {
		const struct field *field = field_of_number(schema, wire.number);

		if (schema->inlined && wire.number == schema->inline_number)
			rc = wire.type == WIRE_BYTES
				     ? decode_message(schema->inlined, wire.bytes, object, err)
				     : err_set(err, -EINVAL, "malformed protobuf: %s", schema->name);
		else if (!field)
			continue; /* of a newer release */
		else if (field->shape == FIELD_SINGLE)
			rc = decode_single(field, &wire, object, err);
		else if (field->shape == FIELD_LIST)
			rc = decode_element(field, &wire, object, err);
		else
			rc = decode_entry(field, &wire, object, err);
		if (rc)
			return rc;
	}
	return rc ? err_set(err, rc, "malformed protobuf: %s", schema->name) : 0;
}

static int decode_into(const struct schema *schema, struct span body, struct json *object_take,
		       struct json **out, struct err *err)
{
	int rc;

	if (!object_take)
		return -ENOMEM;
	rc = body.len > JSON_MAX_BYTES
		     ? err_set(err, -E2BIG, "the body is larger than %u bytes", JSON_MAX_BYTES)
		     : decode_message(schema, body, object_take, err);
	if (rc)
		json_free(object_take);
	else
		*out = object_take;
	return rc;
}

int schema_decode_protobuf(const struct schema *schema, struct span body, struct json **out, struct err *err)
{
	return decode_into(schema, body, json_new_object(), out, err);
}

/* --- the envelope: k8s\0 and runtime.Unknown {typeMeta = 1 {apiVersion = 1, kind = 2}, raw = 2, contentEncoding = 3} --- */

struct envelope {
	struct span api_version, kind, raw, encoding;
};

static int parse_type(struct span body, struct envelope *out)
{
	struct wire_field wire;
	int rc;

	while ((rc = wire_next(&body, &wire)) > 0) {
		if (wire.number == 1 && wire.type == WIRE_BYTES)
			out->api_version = wire.bytes;
		else if (wire.number == 2 && wire.type == WIRE_BYTES)
			out->kind = wire.bytes;
	}
	return rc;
}

static int parse_envelope(struct span body, struct envelope *out)
{
	struct wire_field wire;
	int rc = 0;

	*out = (struct envelope){ SPAN(""), SPAN(""), SPAN(""), SPAN("") };
	while (!rc && (rc = wire_next(&body, &wire)) > 0) {
		rc = 0;
		if (wire.type != WIRE_BYTES)
			continue;
		if (wire.number == 1)
			rc = parse_type(wire.bytes, out);
		else if (wire.number == 2)
			out->raw = wire.bytes;
		else if (wire.number == 3)
			out->encoding = wire.bytes;
	}
	return rc;
}

static struct json *typed_object(const struct envelope *e)
{
	struct json *object = json_new_object();

	if (json_set(object, "apiVersion", json_new_span(e->api_version)) ||
	    json_set(object, "kind", json_new_span(e->kind))) {
		json_free(object);
		return NULL;
	}
	return object;
}

int kind_decode_protobuf(struct span body, const struct kind **out_kind, struct json **out, struct err *err)
{
	static const struct span magic = { "k8s\0", 4 };
	struct span group, version;
	struct envelope e;

	if (body.len > JSON_MAX_BYTES)
		return err_set(err, -E2BIG, "the body is larger than %u bytes", JSON_MAX_BYTES);
	if (!span_has_prefix(body, magic))
		return err_set(err, -EINVAL,
			       "provided data does not appear to be a protobuf message, expected prefix 6b "
			       "38 73 00");
	if (parse_envelope(span_make(body.ptr + magic.len, body.len - magic.len), &e) || e.encoding.len ||
	    !span_is_utf8(e.api_version) || !span_is_utf8(e.kind))
		return err_set(err, -EINVAL, "malformed protobuf: runtime.Unknown");
	if (!span_cut(e.api_version, '/', &group, &version)) {
		group = SPAN("");
		version = e.api_version;
	}
	*out_kind = kind_of_name(group, version, e.kind);
	if (!*out_kind)
		return err_set(err, -EINVAL, "no kind \"%.*s\" is registered for version \"%.*s\"",
			       e.kind.len > 64 ? 64 : (int)e.kind.len, e.kind.ptr,
			       e.api_version.len > 64 ? 64 : (int)e.api_version.len, e.api_version.ptr);
	return decode_into((*out_kind)->schema, e.raw, typed_object(&e), out, err);
}
