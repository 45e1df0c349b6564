/* buf: a growing byte buffer with a ceiling.
 *
 * Embedded in its owner; `buf_init` allocates nothing. There is no buffer without a maximum:
 * growth past it is -EMSGSIZE and leaves the content as it was. A failed append also marks the
 * buffer, so that a run of appends may be checked once at the end with buf_error(). */
#ifndef HOLDFAST_BASE_BUF_H
#define HOLDFAST_BASE_BUF_H

#include <stdarg.h>

#include "base/span.h"

struct buf {
	char *data;
	size_t len;
	size_t cap;
	size_t max;
	int error; /* first failure since init or reset, 0 or negative errno */
};

void buf_init(struct buf *buf, size_t max_bytes);
void buf_done(struct buf *buf);	 /* frees; the buffer may be used again after buf_init */
void buf_reset(struct buf *buf); /* empties, keeps the memory and the ceiling, clears the error */

int buf_add(struct buf *buf, const void *data, size_t len);
int buf_add_span(struct buf *buf, struct span s);
int buf_add_str(struct buf *buf, const char *cstr);
int buf_add_char(struct buf *buf, char c);
int buf_addf(struct buf *buf, const char *fmt, ...) printf_like(2, 3);
int buf_vaddf(struct buf *buf, const char *fmt, va_list args);
/* The JSON string literal for s, quotes included (RFC 8259 section 7). -EILSEQ when s is not UTF-8. */
int buf_add_json_str(struct buf *buf, struct span s);

/* Room for `len` more bytes at buf->data + buf->len; the caller then raises buf->len. */
int buf_reserve(struct buf *buf, size_t len) must_check;
void buf_consume(struct buf *buf, size_t len); /* drops from the front */
int buf_error(const struct buf *buf) must_check;

static inline struct span buf_span(const struct buf *buf)
{
	return span_make(buf->data, buf->len);
}
/* NUL-terminates without counting the NUL and returns the text, "" when empty; NULL on a failed buffer. */
const char *buf_cstr(struct buf *buf);
/* Hands the memory to the caller (free()); *out_len may be NULL. NULL on a failed buffer. The buffer is empty afterwards. */
char *buf_take(struct buf *buf, size_t *out_len);

#endif
