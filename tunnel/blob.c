#include "tunnel/blob.h"

#include <stdatomic.h>
#include <stdlib.h>

struct blob {
	atomic_uint refs;
	size_t len;
	uint8_t data[];
};

struct blob *blob_alloc(size_t len, uint8_t **out_data)
{
	struct blob *blob;

	if (len > SIZE_MAX / 2)
		return NULL;
	blob = malloc(sizeof(*blob) + len);
	if (!blob)
		return NULL;
	atomic_init(&blob->refs, 1);
	blob->len = len;
	*out_data = blob->data;
	return blob;
}

struct blob *blob_new(struct span bytes)
{
	uint8_t *data;
	struct blob *blob = blob_alloc(bytes.len, &data);

	if (blob && bytes.len)
		memcpy(data, bytes.ptr, bytes.len);
	return blob;
}

struct blob *blob_ref(struct blob *blob)
{
	atomic_fetch_add_explicit(&blob->refs, 1, memory_order_relaxed);
	return blob;
}

void blob_unref(struct blob *blob)
{
	if (blob && atomic_fetch_sub_explicit(&blob->refs, 1, memory_order_acq_rel) == 1)
		free(blob);
}

struct span blob_span(const struct blob *blob)
{
	return span_make(blob->data, blob->len);
}
