#include "base/span.h"

#include <errno.h>
#include <stdlib.h>

bool span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool span_is(struct span a, const char *cstr)
{
	return span_eq(a, span_of(cstr));
}

int span_cmp(struct span a, struct span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.ptr, b.ptr, len) : 0;

	if (order)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

bool span_has_prefix(struct span s, struct span prefix)
{
	return s.len >= prefix.len && span_eq(span_make(s.ptr, prefix.len), prefix);
}

bool span_has_suffix(struct span s, struct span suffix)
{
	return s.len >= suffix.len && span_eq(span_make(s.ptr + (s.len - suffix.len), suffix.len), suffix);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct span span_trim(struct span s)
{
	while (s.len && is_blank(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

bool span_cut(struct span s, char sep, struct span *head, struct span *rest)
{
	const char *at = s.len ? memchr(s.ptr, sep, s.len) : NULL;
	size_t before = at ? (size_t)(at - s.ptr) : s.len;
	size_t skip = before + (at ? 1 : 0);

	*head = span_make(s.ptr, before);
	*rest = skip ? span_make(s.ptr + skip, s.len - skip) : s;
	return at != NULL;
}

int span_to_u64(struct span s, uint64_t *out)
{
	uint64_t n = 0;

	if (!s.len)
		return -EINVAL;
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return -EINVAL;
	for (size_t i = 0; i < s.len; i++)
		if (__builtin_mul_overflow(n, 10u, &n) ||
		    __builtin_add_overflow(n, (unsigned)(s.ptr[i] - '0'), &n))
			return -ERANGE;
	*out = n;
	return 0;
}

int span_to_i64(struct span s, int64_t *out)
{
	bool negative = s.len && s.ptr[0] == '-';
	uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
	uint64_t n;
	int rc = span_to_u64(negative ? span_make(s.ptr + 1, s.len - 1) : s, &n);

	if (rc)
		return rc;
	if (n > limit)
		return -ERANGE;
	if (negative)
		*out = n == limit ? INT64_MIN : -(int64_t)n;
	else
		*out = (int64_t)n;
	return 0;
}

int span_copy(struct span s, char *out, size_t size)
{
	if (s.len >= size)
		return -ENAMETOOLONG;
	if (s.len && memchr(s.ptr, '\0', s.len))
		return -EINVAL;
	if (s.len)
		memcpy(out, s.ptr, s.len);
	out[s.len] = '\0';
	return 0;
}

void span_copy_or_nothing(struct span s, char *out, size_t out_size)
{
	if (span_copy(s, out, out_size))
		out[0] = '\0';
}

char *span_dup(struct span s)
{
	char *copy = malloc(s.len + 1);

	if (!copy)
		return NULL;
	if (s.len)
		memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return copy;
}

/* Length of the well-formed sequence at p (Unicode 15, table 3-7), 0 when there is none. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		len = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		len = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		len = 4;
	else
		return 0;
	if (len > left)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0; /* overlong */
	else if (p[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (p[0] == 0xf0)
		low = 0x90; /* overlong */
	else if (p[0] == 0xf4)
		high = 0x8f; /* past U+10FFFF */
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return len;
}

bool span_is_utf8(struct span s)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	uint64_t word;

	for (size_t i = 0, n; i < s.len; i += n) {
		n = 8;
		if (s.len - i >= 8) { /* almost everything is ASCII: eight bytes at a time */
			memcpy(&word, p + i, 8);
			if (!(word & 0x8080808080808080u))
				continue;
		}
		n = utf8_sequence(p + i, s.len - i);
		if (!n)
			return false;
	}
	return true;
}
