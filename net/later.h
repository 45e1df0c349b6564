/* later: what a server that has no time for a TLS handshake says instead, before any cryptography: 12 bytes that no TLS record begins
 * with ("HFLATER" and 1, then milliseconds, most significant byte first), after which it closes. Whoever does not know them
 * sees a handshake that failed. Nobody vouches for them: they are a hint, taken only as the first bytes of a handshake,
 * and no longer than LATER_MAX_MS. Pure. */
#ifndef HOLDFAST_NET_LATER_H
#define HOLDFAST_NET_LATER_H

#include "base/span.h"

#define LATER_SIZE 12u
#define LATER_MAX_MS 60000u

void later_write(unsigned retry_after_ms, char out[LATER_SIZE]);
/* -EAGAIN: may become one; -EBADMSG: is none. */
int later_read(struct span bytes, unsigned *out_retry_after_ms) must_check;

#endif
