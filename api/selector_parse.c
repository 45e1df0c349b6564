/* The text forms of selectors. */
#include <errno.h>
#include <stdlib.h>

#include "api/names.h"
#include "api/selector_internal.h"

enum token_type { TOKEN_END, TOKEN_WORD, TOKEN_COMMA, TOKEN_NOT, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_OPERATOR };
struct token {
	enum token_type type;
	struct span text;
	enum selector_op op; /* TOKEN_OPERATOR, and words that may be one */
	bool is_operator;    /* "in" and "notin" are words where a value or key stands */
};
struct parser {
	struct span rest;
	struct token next;
	struct err *err;
	struct selector *selector;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_special(char c)
{
	return c && strchr("=!(),><", c);
}

/* Longest first. */
static const struct {
	const char *text;
	enum token_type type;
	enum selector_op op;
} specials[] = {
	{ "==", TOKEN_OPERATOR, SELECTOR_IN },	   { "!=", TOKEN_OPERATOR, SELECTOR_NOT_IN },
	{ "=", TOKEN_OPERATOR, SELECTOR_IN },	   { "!", TOKEN_NOT, SELECTOR_NOT_EXISTS },
	{ ">", TOKEN_OPERATOR, SELECTOR_GREATER }, { "<", TOKEN_OPERATOR, SELECTOR_LESS },
	{ ",", TOKEN_COMMA, SELECTOR_IN },	   { "(", TOKEN_OPEN, SELECTOR_IN },
	{ ")", TOKEN_CLOSE, SELECTOR_IN },
};
#define SPECIAL_COUNT (sizeof(specials) / sizeof(specials[0]))

static struct span take(struct parser *p, size_t len)
{
	struct span s = span_make(p->rest.ptr, len);

	p->rest = span_make(p->rest.ptr + len, p->rest.len - len);
	return s;
}

static void scan_special(struct parser *p)
{
	for (size_t i = 0; i < SPECIAL_COUNT; i++) {
		if (!span_has_prefix(p->rest, span_of(specials[i].text)))
			continue;
		p->next = (struct token){ .type = specials[i].type,
					  .op = specials[i].op,
					  .is_operator = specials[i].type == TOKEN_OPERATOR,
					  .text = take(p, strlen(specials[i].text)) };
		return;
	}
}

static void scan(struct parser *p)
{
	size_t len = 0;

	while (p->rest.len && is_space(p->rest.ptr[0]))
		(void)take(p, 1);
	if (!p->rest.len) {
		p->next = (struct token){ .type = TOKEN_END };
		return;
	}
	if (is_special(p->rest.ptr[0])) {
		scan_special(p);
		return;
	}
	while (len < p->rest.len && !is_space(p->rest.ptr[len]) && !is_special(p->rest.ptr[len]))
		len++;
	p->next = (struct token){ .type = TOKEN_WORD, .text = take(p, len) };
	p->next.is_operator = span_is(p->next.text, "in") || span_is(p->next.text, "notin");
	p->next.op = span_is(p->next.text, "notin") ? SELECTOR_NOT_IN : SELECTOR_IN;
}

static int unexpected(struct parser *p, const char *expected)
{
	int len = p->next.text.len > 64 ? 64 : (int)p->next.text.len;

	return err_set(p->err, -EINVAL, "found '%.*s', expected: %s", len, len ? p->next.text.ptr : "",
		       expected);
}

static int add_value(struct parser *p, struct selector_term *term, struct span value)
{
	const char *reason = name_label_value(value);
	int len = value.len > 64 ? 64 : (int)value.len;

	if (reason)
		return err_set(p->err, -EINVAL,
			       "unable to parse requirement: values[%zu][%.64s]: Invalid value: \"%.*s\": %s",
			       term->value_count, term->key, len, value.ptr, reason);
	return selector_add_value(term, value);
}

/* Inside the parentheses; empty items count as "". */
static int parse_list(struct parser *p, struct selector_term *term)
{
	int rc = 0;

	if (p->next.type != TOKEN_OPEN)
		return unexpected(p, "'('");
	do {
		struct span value = SPAN("");

		scan(p);
		if (p->next.type == TOKEN_WORD) {
			value = p->next.text;
			scan(p);
		}
		rc = add_value(p, term, value);
	} while (!rc && p->next.type == TOKEN_COMMA);
	if (!rc && p->next.type != TOKEN_CLOSE)
		return unexpected(p, "',' or ')'");
	scan(p);
	return rc;
}

/* After an operator of one value; nothing there means "". */
static int parse_value(struct parser *p, struct selector_term *term)
{
	struct span value = SPAN("");
	int64_t number;

	if (p->next.type == TOKEN_WORD) {
		value = p->next.text;
		scan(p);
	} else if (p->next.type != TOKEN_END && p->next.type != TOKEN_COMMA) {
		return unexpected(p, "identifier");
	}
	if ((term->op == SELECTOR_GREATER || term->op == SELECTOR_LESS) && span_to_i64(value, &number))
		return err_set(p->err, -EINVAL, "for 'Gt', 'Lt' operators, the value must be an integer");
	return add_value(p, term, value);
}

static int parse_term(struct parser *p)
{
	bool negated = p->next.type == TOKEN_NOT;
	struct selector_term *term;
	const char *reason;
	struct token key;
	bool is_list;
	int rc;

	if (negated)
		scan(p);
	key = p->next;
	if (key.type != TOKEN_WORD)
		return unexpected(p, "!, identifier, or 'end of string'");
	reason = name_qualified(key.text);
	if (reason)
		return err_set(p->err, -EINVAL,
			       "unable to parse requirement: <nil>: Invalid value: \"%.*s\": %s",
			       key.text.len > 64 ? 64 : (int)key.text.len, key.text.ptr, reason);
	scan(p);
	if (negated || p->next.type == TOKEN_END || p->next.type == TOKEN_COMMA) {
		(void)!selector_add(p->selector, key.text, negated ? SELECTOR_NOT_EXISTS : SELECTOR_EXISTS,
				    &rc);
		return rc;
	}
	if (!p->next.is_operator)
		return unexpected(p, "in, notin, =, ==, !=, gt, lt");
	is_list = p->next.type == TOKEN_WORD;
	term = selector_add(p->selector, key.text, p->next.op, &rc);
	if (!term)
		return rc;
	scan(p);
	return is_list ? parse_list(p, term) : parse_value(p, term);
}

static int parse_terms(struct parser *p)
{
	int rc;

	scan(p);
	while (p->next.type != TOKEN_END) {
		rc = parse_term(p);
		if (rc || p->next.type == TOKEN_END)
			return rc;
		if (p->next.type != TOKEN_COMMA)
			return unexpected(p, "',' or 'end of string'");
		scan(p);
		if (p->next.type == TOKEN_END)
			return unexpected(p, "identifier after ','");
	}
	return 0;
}

static int finish(struct selector *s, int rc, struct selector **out, struct err *err)
{
	if (!rc) {
		*out = s;
		return 0;
	}
	selector_free(s);
	return rc == -E2BIG ? err_set(err, -EINVAL, "the selector has too many terms") : rc;
}

int selector_parse_labels(struct span text, struct selector **out, struct err *err)
{
	struct parser p = { .rest = text.len ? text : SPAN(""), .err = err, .selector = selector_new() };

	if (!p.selector)
		return -ENOMEM;
	if (memchr(p.rest.ptr, 0, p.rest.len))
		return finish(p.selector, err_set(err, -EINVAL, "the selector holds a NUL"), out, err);
	return finish(p.selector, parse_terms(&p), out, err);
}

/* --- fields: key, "=", "==" or "!=", value; backslash escapes backslash, comma and equals sign in the value --- */

static size_t term_length(struct span text)
{
	size_t i = 0;

	while (i < text.len && text.ptr[i] != ',')
		i += text.ptr[i] == '\\' && i + 1 < text.len ? 2 : 1;
	return i;
}

static int unescape(struct span value, struct buf *out, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < value.len; i++) {
		char c = value.ptr[i];

		if (c == '\\') {
			if (i + 1 == value.len || !strchr("\\,=", value.ptr[i + 1]))
				return err_set(err, -EINVAL,
					       "invalid field selector: invalid escape sequence");
			c = value.ptr[++i];
		} else if (c == ',' || c == '=') {
			return err_set(err, -EINVAL, "invalid field selector: unescaped '%c' in a value", c);
		}
		rc = buf_add_char(out, c);
	}
	return rc;
}

static int parse_field(struct selector *s, struct span text, struct err *err)
{
	struct selector_term *term;
	enum selector_op op = SELECTOR_IN;
	struct span key, value;
	struct buf plain;
	size_t at = 0;
	int rc;

	while (at < text.len && text.ptr[at] != '=' &&
	       !(text.ptr[at] == '!' && at + 1 < text.len && text.ptr[at + 1] == '='))
		at++;
	if (at == text.len)
		return err_set(err, -EINVAL, "invalid selector: '%.*s'; can't understand '%.*s'",
			       at > 64 ? 64 : (int)at, text.ptr, at > 64 ? 64 : (int)at, text.ptr);
	key = span_make(text.ptr, at);
	if (text.ptr[at] == '!') {
		op = SELECTOR_NOT_IN;
		at++;
	} else if (at + 1 < text.len && text.ptr[at + 1] == '=') {
		at++;
	}
	value = span_make(text.ptr + at + 1, text.len - at - 1);
	buf_init(&plain, value.len + 1);
	rc = unescape(value, &plain, err);
	term = rc ? NULL : selector_add(s, key, op, &rc);
	if (term)
		rc = selector_add_value(term, buf_span(&plain));
	buf_done(&plain);
	return rc;
}

int selector_parse_fields(struct span text, struct selector **out, struct err *err)
{
	struct selector *s = selector_new();
	int rc = 0;

	if (!s)
		return -ENOMEM;
	s->of_fields = true;
	if (text.len && memchr(text.ptr, 0, text.len))
		rc = err_set(err, -EINVAL, "the selector holds a NUL");
	while (!rc && text.len) {
		size_t len = term_length(text);

		if (len)
			rc = parse_field(s, span_make(text.ptr, len), err);
		len += len < text.len;
		text = span_make(text.ptr + len, text.len - len);
	}
	return finish(s, rc, out, err);
}
