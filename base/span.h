/* span: a borrowed view of bytes, and the cursor parsers over it.
 *
 * A span owns nothing and may hold NULs; it is valid as long as what it looks at. The parsers
 * take from the front of a span and report -EINVAL or -ERANGE without moving it. Any thread. */
#ifndef HOLDFAST_BASE_SPAN_H
#define HOLDFAST_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

struct span {
	const char *ptr;
	size_t len;
};

/* A span over a string literal. */
#define SPAN(literal) ((struct span){ "" literal, sizeof(literal) - 1 })
/* printf("%.*s", SPAN_ARG(s)) */
#define SPAN_ARG(s) (int)(s).len, (s).ptr

static inline struct span span_of(const char *cstr)
{
	return (struct span){ cstr, cstr ? strlen(cstr) : 0 };
}
static inline struct span span_make(const void *ptr, size_t len)
{
	return (struct span){ ptr, len };
}

bool span_eq(struct span a, struct span b);
bool span_is(struct span a, const char *cstr);
int span_cmp(struct span a, struct span b);
bool span_has_prefix(struct span s, struct span prefix);
bool span_has_suffix(struct span s, struct span suffix);
struct span span_trim(struct span s); /* spaces and tabs at both ends */

/* Cuts at the first `sep`: *head gets what is before it, *rest what follows. False when there is no
 * `sep`: then *head is all of s and *rest is empty. head or rest may point to s itself. */
bool span_cut(struct span s, char sep, struct span *head, struct span *rest);

/* Decimal, all of s, no sign for u64. -EINVAL, -ERANGE. */
int span_to_u64(struct span s, uint64_t *out) must_check;
int span_to_i64(struct span s, int64_t *out) must_check;

/* Copies into a NUL-terminated array of `size` bytes; -ENAMETOOLONG when it does not fit, -EINVAL on an inner NUL. */
int span_copy(struct span s, char *out, size_t size) must_check;
/* The same; what does not fit is left out whole. */
void span_copy_or_nothing(struct span s, char *out, size_t out_size);
/* Heap copy, NUL-terminated, freed with free(); NULL without memory. */
char *span_dup(struct span s) must_check;

bool span_is_utf8(struct span s);

#endif
