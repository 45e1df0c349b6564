#include "edge-hub/pods/payload.h"

#include <errno.h>

#include "base/text.h"

int payload_open(const struct object *object, bool secret, struct payload *out)
{
	out->secret = secret;
	return json_parse(object->body, &out->tree, NULL);
}

void payload_close(struct payload *payload)
{
	json_free(payload->tree);
	payload->tree = NULL;
}

static int decode(const struct json *value, bool base64, struct buf *out)
{
	if (!json_is(value, JSON_STRING))
		return -EINVAL;
	return base64 ? text_unbase64(out, json_span(value)) : buf_add_span(out, json_span(value));
}

int payload_value(const struct payload *payload, const char *key, struct buf *out)
{
	const struct json *data = json_get(json_get(payload->tree, "data"), key);
	const struct json *binary =
		payload->secret ? NULL : json_get(json_get(payload->tree, "binaryData"), key);

	if (data)
		return decode(data, payload->secret, out);
	return binary ? decode(binary, true, out) : -ENOENT;
}

static int each_of(const struct json *map, bool base64,
		   int (*fn)(void *ctx, const char *key, struct span value), void *ctx)
{
	struct json_iter it = json_iter(map);
	struct buf value;
	int rc = 0;

	buf_init(&value, PAYLOAD_MAX);
	while (!rc && json_next(&it)) {
		buf_reset(&value);
		rc = decode(it.value, base64, &value);
		if (!rc)
			rc = fn(ctx, it.key, buf_span(&value));
	}
	if (value.data)
		explicit_bzero(value.data, value.cap);
	buf_done(&value);
	return rc;
}

int payload_each(const struct payload *payload, bool binary,
		 int (*fn)(void *ctx, const char *key, struct span value), void *ctx)
{
	int rc = each_of(json_get(payload->tree, "data"), payload->secret, fn, ctx);

	if (!rc && binary && !payload->secret)
		rc = each_of(json_get(payload->tree, "binaryData"), true, fn, ctx);
	return rc;
}
