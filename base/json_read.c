#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/json_internal.h"

#define NUMBER_TEXT_MAX 512u

struct reader {
	struct span left;
	const char *start;
	struct err *err;
	struct buf scratch; /* the string being unescaped */
};

static int fail(struct reader *r, int code, const char *what)
{
	size_t offset = (size_t)(r->left.ptr - r->start), line = 1, column = 1;

	for (size_t i = 0; i < offset; i++, column++) {
		if (r->start[i] == '\n') {
			line++;
			column = 0;
		}
	}
	return err_set(r->err, code, "JSON line %zu column %zu: %s", line, column, what);
}

static int no_memory(struct reader *r)
{
	return err_set(r->err, -ENOMEM, "out of memory reading JSON");
}

static void skip(struct reader *r, size_t len)
{
	r->left.ptr += len;
	r->left.len -= len;
}

/* The next character that is no white space, '\0' at the end (a NUL in the text is an error anyway). */
static char peek(struct reader *r)
{
	while (r->left.len) {
		char c = r->left.ptr[0];

		if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
			return c;
		skip(r, 1);
	}
	return '\0';
}

static size_t digits(struct span s, size_t at)
{
	size_t n = 0;

	while (at + n < s.len && s.ptr[at + n] >= '0' && s.ptr[at + n] <= '9')
		n++;
	return n;
}

size_t json_number_length(struct span s, bool *out_integer)
{
	size_t at = s.len && s.ptr[0] == '-' ? 1 : 0;
	size_t n = digits(s, at);

	*out_integer = true;
	if (!n || (n > 1 && s.ptr[at] == '0'))
		return 0;
	at += n;
	if (at < s.len && s.ptr[at] == '.') {
		*out_integer = false;
		n = digits(s, ++at);
		if (!n)
			return 0;
		at += n;
	}
	if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
		*out_integer = false;
		at++;
		if (at < s.len && (s.ptr[at] == '+' || s.ptr[at] == '-'))
			at++;
		n = digits(s, at);
		if (!n)
			return 0;
		at += n;
	}
	return at;
}

struct json_object *json_number_value(struct span text, bool integer, bool *out_range)
{
	char copy[NUMBER_TEXT_MAX];
	double value;
	int64_t i;
	uint64_t u;

	*out_range = false;
	if (integer && !span_is(text, "-0")) {
		if (span_to_i64(text, &i) == 0)
			return json_object_new_int64(i);
		if (span_to_u64(text, &u) == 0)
			return json_object_new_uint64(u);
	}
	*out_range = span_copy(text, copy, sizeof(copy)) != 0;
	if (*out_range)
		return NULL;
	value = strtod(copy, NULL);
	*out_range = !isfinite(value);
	return *out_range ? NULL : json_object_new_double_s(value, copy);
}

static int read_number(struct reader *r, struct json_object **out)
{
	bool integer, out_of_range;
	size_t len = json_number_length(r->left, &integer);

	if (!len)
		return fail(r, -EINVAL, "malformed number");
	*out = json_number_value(span_make(r->left.ptr, len), integer, &out_of_range);
	if (out_of_range)
		return fail(r, -EINVAL, "number out of range");
	if (!*out)
		return no_memory(r);
	skip(r, len);
	return 0;
}

static int hex4(struct span s, unsigned *out)
{
	unsigned n = 0;

	if (s.len < 4)
		return -EINVAL;
	for (int i = 0; i < 4; i++) {
		char c = s.ptr[i];

		if (c >= '0' && c <= '9')
			n = n << 4 | (unsigned)(c - '0');
		else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
			n = n << 4 | (unsigned)((c | 0x20) - 'a' + 10);
		else
			return -EINVAL;
	}
	*out = n;
	return 0;
}

static void add_utf8(struct buf *out, unsigned c)
{
	if (c < 0x80) {
		(void)buf_add_char(out, (char)c);
	} else if (c < 0x800) {
		(void)buf_add(out, (char[]){ (char)(0xc0 | c >> 6), (char)(0x80 | (c & 63)) }, 2);
	} else if (c < 0x10000) {
		(void)buf_add(out,
			      (char[]){ (char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 63)),
					(char)(0x80 | (c & 63)) },
			      3);
	} else {
		(void)buf_add(out,
			      (char[]){ (char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 63)),
					(char)(0x80 | (c >> 6 & 63)), (char)(0x80 | (c & 63)) },
			      4);
	}
}

/* After "\u". Half a surrogate pair becomes U+FFFD, as upstream's Go decoder does. */
static int read_unicode_escape(struct reader *r)
{
	unsigned c, low;

	if (hex4(r->left, &c))
		return fail(r, -EINVAL, "malformed \\u escape");
	skip(r, 4);
	if (c >= 0xd800 && c <= 0xdfff) {
		bool pair = c < 0xdc00 && r->left.len >= 6 && r->left.ptr[0] == '\\' &&
			    r->left.ptr[1] == 'u' &&
			    hex4(span_make(r->left.ptr + 2, r->left.len - 2), &low) == 0 && low >= 0xdc00 &&
			    low <= 0xdfff;

		if (pair) {
			skip(r, 6);
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		} else {
			c = 0xfffd;
		}
	}
	add_utf8(&r->scratch, c);
	return 0;
}

static int read_escape(struct reader *r)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at = r->left.len > 1 && r->left.ptr[1] ? strchr(from, r->left.ptr[1]) : NULL;

	if (at) {
		skip(r, 2);
		(void)buf_add_char(&r->scratch, to[at - from]);
		return 0;
	}
	if (r->left.len < 2 || r->left.ptr[1] != 'u')
		return fail(r, -EINVAL, "unknown escape in string");
	skip(r, 2);
	return read_unicode_escape(r);
}

static size_t plain_length(struct span s)
{
	size_t n = 0;

	while (n < s.len && s.ptr[n] != '"' && s.ptr[n] != '\\' && (unsigned char)s.ptr[n] >= 0x20)
		n++;
	return n;
}

/* At the opening quote. *out is valid until the next string is read. */
static int read_text(struct reader *r, struct span *out)
{
	int rc = 0;

	*out = span_make(NULL, 0);
	skip(r, 1);
	buf_reset(&r->scratch);
	for (;;) {
		size_t n = plain_length(r->left);
		bool whole = r->scratch.len == 0 && n < r->left.len && r->left.ptr[n] == '"';

		if (whole) { /* the usual string holds no escape: no copy */
			*out = span_make(r->left.ptr, n);
			skip(r, n + 1);
			return 0;
		}
		(void)buf_add(&r->scratch, r->left.ptr, n);
		skip(r, n);
		if (!r->left.len)
			return fail(r, -EINVAL, "unterminated string");
		if (r->left.ptr[0] == '"')
			break;
		if (r->left.ptr[0] != '\\')
			return fail(r, -EINVAL, "control character in string");
		rc = read_escape(r);
		if (rc)
			return rc;
	}
	skip(r, 1);
	*out = buf_span(&r->scratch);
	return buf_error(&r->scratch) ? no_memory(r) : 0;
}

static int read_string(struct reader *r, struct json_object **out)
{
	struct span text;
	int rc = read_text(r, &text);

	if (rc)
		return rc;
	*out = json_object_new_string_len(text.len ? text.ptr : "", (int)text.len);
	return *out ? 0 : no_memory(r);
}

static int read_word(struct reader *r, struct json_object **out)
{
	if (span_has_prefix(r->left, SPAN("null"))) {
		skip(r, 4);
		*out = NULL;
		return 0;
	}
	if (span_has_prefix(r->left, SPAN("true"))) {
		skip(r, 4);
		*out = json_object_new_boolean(1);
	} else if (span_has_prefix(r->left, SPAN("false"))) {
		skip(r, 5);
		*out = json_object_new_boolean(0);
	} else {
		return fail(r, -EINVAL, r->left.len ? "expected a value" : "unexpected end");
	}
	return *out ? 0 : no_memory(r);
}

static int read_value(struct reader *r, unsigned depth, struct json_object **out);

static int read_member(struct reader *r, unsigned depth, struct json_object *object)
{
	struct json_object *value = NULL;
	struct span text;
	char *key;
	int rc;

	if (peek(r) != '"')
		return fail(r, -EINVAL, "expected a key");
	rc = read_text(r, &text);
	if (rc)
		return rc;
	if (text.len && memchr(text.ptr, '\0', text.len))
		return fail(r, -EINVAL, "NUL in a key");
	if (peek(r) != ':')
		return fail(r, -EINVAL, "expected ':'");
	skip(r, 1);
	key = span_dup(text);
	if (!key)
		return no_memory(r);
	rc = read_value(r, depth, &value);
	/* A key that comes twice keeps its last value, as upstream's decoder does. */
	if (!rc && json_object_object_add(object, key, value)) {
		json_object_put(value);
		rc = no_memory(r);
	}
	free(key);
	return rc;
}

static int read_element(struct reader *r, unsigned depth, struct json_object *array)
{
	struct json_object *value = NULL;
	int rc = read_value(r, depth, &value);

	if (!rc && json_object_array_add(array, value)) {
		json_object_put(value);
		rc = no_memory(r);
	}
	return rc;
}

/* At the opening bracket of an array or object. */
static int read_container(struct reader *r, unsigned depth, struct json_object **out)
{
	bool is_object = r->left.ptr[0] == '{';
	char end = is_object ? '}' : ']';
	struct json_object *container;
	int rc = 0;

	if (depth >= JSON_MAX_DEPTH)
		return fail(r, -E2BIG, "nested too deeply");
	container = is_object ? json_object_new_object() : json_object_new_array();
	if (!container)
		return no_memory(r);
	skip(r, 1);
	if (peek(r) == end)
		goto closed;
	for (;;) {
		rc = is_object ? read_member(r, depth + 1, container) : read_element(r, depth + 1, container);
		if (rc)
			goto failed;
		if (peek(r) == end)
			goto closed;
		if (peek(r) != ',') {
			rc = fail(r, -EINVAL, is_object ? "expected ',' or '}'" : "expected ',' or ']'");
			goto failed;
		}
		skip(r, 1);
	}
closed:
	skip(r, 1);
	*out = container;
	return 0;
failed:
	json_object_put(container);
	return rc;
}

static int read_value(struct reader *r, unsigned depth, struct json_object **out)
{
	char c = peek(r);

	if (c == '{' || c == '[')
		return read_container(r, depth, out);
	if (c == '"')
		return read_string(r, out);
	if (c == '-' || (c >= '0' && c <= '9'))
		return read_number(r, out);
	return read_word(r, out);
}

int json_parse(struct span text, struct json **out, struct err *err)
{
	struct reader r = { .left = text, .start = text.ptr, .err = err };
	struct json_object *value = NULL;
	int rc;

	*out = NULL;
	if (text.len > JSON_MAX_BYTES)
		return err_set(err, -E2BIG, "JSON longer than %u bytes", JSON_MAX_BYTES);
	if (!span_is_utf8(text))
		return err_set(err, -EINVAL, "JSON is not valid UTF-8");
	buf_init(&r.scratch, JSON_MAX_BYTES);
	rc = read_value(&r, 0, &value);
	if (!rc && (peek(&r) != '\0' || r.left.len)) {
		json_object_put(value);
		rc = fail(&r, -EINVAL, "text after the value");
	}
	buf_done(&r.scratch);
	if (!rc)
		*out = json_out(value);
	return rc;
}
