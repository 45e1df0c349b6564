/* The text of HTTP: headers, escapes and queries. Pure. */
#include <errno.h>
#include <strings.h>

#include "base/text.h"
#include "net/http.h"

struct span http_header(const struct http_request *request, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < request->header_count; i++)
		if (request->headers[i].name.len == len &&
		    !strncasecmp(request->headers[i].name.ptr, name, len))
			return request->headers[i].value;
	return span_make(NULL, 0);
}

int http_unescape(struct span text, bool form, struct buf *out)
{
	size_t before = out->len;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		int rc;

		if (c == '+' && form) {
			c = ' ';
		} else if (c == '%') {
			int high = i + 2 < text.len ? text_hex_digit(text.ptr[i + 1]) : -1;
			int low = i + 2 < text.len ? text_hex_digit(text.ptr[i + 2]) : -1;

			if (high < 0 || low < 0) {
				out->len = before;
				return -EINVAL;
			}
			c = (char)(high * 16 + low);
			i += 2;
		}
		rc = buf_add_char(out, c);
		if (rc) {
			out->len = before;
			return rc;
		}
	}
	return 0;
}

int http_query_next(struct span query, size_t *cursor, struct buf *key, struct buf *value)
{
	struct span pair, name, text;
	int rc;

	buf_reset(key);
	buf_reset(value);
	do {
		if (*cursor >= query.len)
			return -ENOENT;
		(void)span_cut(span_make(query.ptr + *cursor, query.len - *cursor), '&', &pair, &text);
		*cursor += pair.len + 1;
	} while (!pair.len);
	(void)span_cut(pair, '=', &name, &text);
	rc = http_unescape(name, true, key);
	return rc ? rc : http_unescape(text, true, value);
}
