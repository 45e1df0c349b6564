#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST_BYTES 64u

void buf_init(struct buf *buf, size_t max_bytes)
{
	*buf = (struct buf){ .max = max_bytes };
}

void buf_done(struct buf *buf)
{
	if (!buf)
		return;
	free(buf->data);
	*buf = (struct buf){ .max = buf->max };
}

void buf_reset(struct buf *buf)
{
	buf->len = 0;
	buf->error = 0;
}

static int buf_fail(struct buf *buf, int code)
{
	if (!buf->error)
		buf->error = code;
	return code;
}

/* Memory for `need` bytes and a NUL behind them; doubling keeps a run of appends linear. */
static int buf_grow(struct buf *buf, size_t need)
{
	size_t cap = buf->cap ? buf->cap : BUF_FIRST_BYTES;
	char *data;

	if (need < buf->cap)
		return 0;
	while (cap <= need)
		cap = cap > buf->max / 2 ? buf->max + 1 : cap * 2;
	data = realloc(buf->data, cap);
	if (!data)
		return buf_fail(buf, -ENOMEM);
	buf->data = data;
	buf->cap = cap;
	return 0;
}

int buf_reserve(struct buf *buf, size_t len)
{
	if (buf->error)
		return buf->error;
	if (len > buf->max - buf->len || buf->max == SIZE_MAX)
		return buf_fail(buf, -EMSGSIZE);
	return buf_grow(buf, buf->len + len);
}

int buf_add(struct buf *buf, const void *data, size_t len)
{
	int rc = buf_reserve(buf, len);

	if (rc)
		return rc;
	if (len)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	return 0;
}

int buf_add_span(struct buf *buf, struct span s)
{
	return buf_add(buf, s.ptr, s.len);
}

int buf_add_str(struct buf *buf, const char *cstr)
{
	return buf_add(buf, cstr, strlen(cstr));
}

int buf_add_char(struct buf *buf, char c)
{
	return buf_add(buf, &c, 1);
}

int buf_addf(struct buf *buf, const char *fmt, ...)
{
	va_list args;
	int rc;

	va_start(args, fmt);
	rc = buf_vaddf(buf, fmt, args);
	va_end(args);
	return rc;
}

int buf_vaddf(struct buf *buf, const char *fmt, va_list args)
{
	va_list again;
	int len, rc;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0)
		return buf_fail(buf, -EINVAL);
	rc = buf_reserve(buf, (size_t)len);
	if (rc)
		return rc;
	(void)vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, args);
	buf->len += (size_t)len;
	return 0;
}

/* What stands for c, which cannot stand for itself, inside a JSON string. */
static const char *json_escape(unsigned char c, char hex[7])
{
	switch (c) {
	case '"': return "\\\"";
	case '\\': return "\\\\";
	case '\b': return "\\b";
	case '\f': return "\\f";
	case '\n': return "\\n";
	case '\r': return "\\r";
	case '\t': return "\\t";
	}
	(void)snprintf(hex, 7, "\\u%04x", c);
	return hex;
}

int buf_add_json_str(struct buf *buf, struct span s)
{
	size_t start = buf->len, done = 0;
	char hex[7];

	if (!s.len)
		return buf_add_str(buf, "\"\"");
	if (!span_is_utf8(s))
		return buf_fail(buf, -EILSEQ);
	(void)buf_add_char(buf, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		const char *escape;

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		escape = json_escape(c, hex);
		(void)buf_add(buf, s.ptr + done, i - done);
		(void)buf_add_str(buf, escape);
		done = i + 1;
	}
	(void)buf_add(buf, s.ptr + done, s.len - done);
	(void)buf_add_char(buf, '"');
	if (buf->error)
		buf->len = start;
	return buf->error;
}

void buf_consume(struct buf *buf, size_t len)
{
	assert_always(len <= buf->len);
	buf->len -= len;
	if (buf->len && len)
		memmove(buf->data, buf->data + len, buf->len);
}

int buf_error(const struct buf *buf)
{
	return buf->error;
}

const char *buf_cstr(struct buf *buf)
{
	if (buf->error)
		return NULL;
	if (!buf->len)
		return "";
	buf->data[buf->len] = '\0'; /* buf_grow leaves room for it */
	return buf->data;
}

char *buf_take(struct buf *buf, size_t *out_len)
{
	char *data;

	if (buf->error || buf_grow(buf, buf->len))
		return NULL;
	data = buf->data;
	data[buf->len] = '\0';
	if (out_len)
		*out_len = buf->len;
	*buf = (struct buf){ .max = buf->max };
	return data;
}
