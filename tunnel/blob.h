/* blob: immutable bytes shared by reference: the encoding of a message, made once and sent by many sessions.
 *
 * References are atomic, because sessions live on several loops. */
#ifndef HOLDFAST_TUNNEL_BLOB_H
#define HOLDFAST_TUNNEL_BLOB_H

#include "base/span.h"

struct blob;

struct blob *
blob_new(struct span bytes) must_check; /* copies; one reference for the caller; NULL without memory */
/* `len` bytes for the caller to fill through *out_data before anyone else gets a reference. NULL without
 * memory. */
struct blob *blob_alloc(size_t len, uint8_t **out_data) must_check;
struct blob *blob_ref(struct blob *blob);
void blob_unref(struct blob *blob); /* NULL is fine */
struct span blob_span(const struct blob *blob);

#endif
