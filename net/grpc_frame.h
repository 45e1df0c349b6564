/* grpc_frame: gRPC's length-prefixed messages out of a byte stream, and the small texts of its
 * headers. Pure. Private to net/. */
#ifndef HOLDFAST_NET_GRPC_FRAME_H
#define HOLDFAST_NET_GRPC_FRAME_H

#include "base/buf.h"

#define GRPC_PREFIX_SIZE 5u

/* Writes the prefix of a message of `len` bytes. */
void grpc_frame_prefix(size_t len, uint8_t out[GRPC_PREFIX_SIZE]);
/* Takes bytes from the front of *bytes; `held` keeps an unfinished message between calls and must be empty at the start.
 * 1: *out_message is complete, valid until the next call with this `held` (which then drops it); 0: more is needed;
 * -ENOTSUP: compressed; -EMSGSIZE: longer than held->max less the prefix; -ENOMEM. */
int grpc_frame_next(struct buf *held, struct span *bytes, struct span *out_message) must_check;
/* grpc-message: %XX where valid, anything else as it stands; control characters become blanks. Cut to fit. */
void grpc_text_decode(struct span text, char *out, size_t size);

#endif
