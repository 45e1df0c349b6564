/* bigend: whole numbers of one to eight bytes in network byte order, which is how all bytes that the house lays out by itself have them:
 * frames, datagrams, cursors, heads of sealed things. */
#ifndef HOLDFAST_BASE_BIGEND_H
#define HOLDFAST_BASE_BIGEND_H

#include "base/buf.h"

#define BIGEND_MAX 8u /* bytes of a number */

/* The low `bytes` bytes of it. */
void bigend_store(uint64_t number, unsigned bytes, void *out);
uint64_t bigend_load(const void *from, unsigned bytes);
int bigend_add(struct buf *out, uint64_t number, unsigned bytes);
/* Takes it from the front. False: there are fewer bytes, and none was taken. */
bool bigend_take(struct span *rest, unsigned bytes, uint64_t *out) must_check;

#endif
