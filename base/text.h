/* text: base64 and hex at the borders (Secret data, kubeconfig, tokens). */
#ifndef HOLDFAST_BASE_TEXT_H
#define HOLDFAST_BASE_TEXT_H

#include "base/buf.h"

int text_base64(struct buf *out, struct span bytes);	/* RFC 4648 section 4, padded */
int text_base64url(struct buf *out, struct span bytes); /* RFC 4648 section 5, without padding */
/* Accept both alphabets, padding optional. -EINVAL. */
int text_unbase64(struct buf *out, struct span text) must_check;
int text_hex(struct buf *out, struct span bytes); /* lower case */
int text_hex_digit(char c);			  /* -1: none */
int text_unhex(struct buf *out, struct span text) must_check;

#endif
