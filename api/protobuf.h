/* protobuf: the wire format below the kind tables: a reader that takes one field after another, and a writer.
 * Pure; a reader borrows its bytes. Encoding: protobuf.dev/programming-guides/encoding. */
#ifndef HOLDFAST_API_PROTOBUF_H
#define HOLDFAST_API_PROTOBUF_H

#include "base/buf.h"

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };
struct wire_field {
	unsigned number;
	enum wire_type type;
	uint64_t value;	   /* all but WIRE_BYTES */
	struct span bytes; /* WIRE_BYTES */
};
/* Takes the next field from the front of *rest: 1 with *out, 0 at the end, -EINVAL when malformed (groups too). */
int wire_next(struct span *rest, struct wire_field *out) must_check;
/* One varint from the front of *rest. -EINVAL. */
int wire_varint(struct span *rest, uint64_t *out) must_check;

/* Writers return the buffer's error. */
int wire_put_varint(struct buf *out, unsigned number, uint64_t value);
int wire_put_bytes(struct buf *out, unsigned number, struct span bytes);
/* Just the tag and length of bytes that the caller appends. */
int wire_put_head(struct buf *out, unsigned number, size_t len);

#endif
