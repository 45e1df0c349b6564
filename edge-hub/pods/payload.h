/* payload: the keys and values of a ConfigMap or Secret, read from its stored JSON. */
#ifndef HOLDFAST_EDGE_HUB_PODS_PAYLOAD_H
#define HOLDFAST_EDGE_HUB_PODS_PAYLOAD_H

#include "base/json.h"
#include "cache/object.h"

#define PAYLOAD_MAX (2u * 1024 * 1024)

struct payload {
	struct json *tree;
	bool secret;
};
int payload_open(const struct object *object, bool secret, struct payload *out) must_check;
void payload_close(struct payload *payload);
/* Appends the value of a key. -ENOENT, -EINVAL (not base64). */
int payload_value(const struct payload *payload, const char *key, struct buf *out) must_check;
/* Every key with its value, in the object's order; binaryData is no text and left out unless asked for. What fn returns
 * nonzero ends the walk and is returned. */
int payload_each(const struct payload *payload, bool binary,
		 int (*fn)(void *ctx, const char *key, struct span value), void *ctx) must_check;

#endif
