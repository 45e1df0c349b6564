#include "api/selector.h"

#include <errno.h>
#include <stdlib.h>

#include "api/selector_internal.h"
#include "cache/object.h"

static void term_done(struct selector_term *term)
{
	free(term->key);
	for (size_t i = 0; i < term->value_count; i++)
		free(term->values[i]);
	free(term->values);
}

void selector_free(struct selector *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++)
		term_done(&s->terms[i]);
	free(s->terms);
	free(s);
}

struct selector *selector_new(void)
{
	return calloc(1, sizeof(struct selector));
}

struct selector_term *selector_add(struct selector *s, struct span key, enum selector_op op, int *out_rc)
{
	struct selector_term *terms, *term;

	*out_rc = -E2BIG;
	if (s->count == SELECTOR_TERMS_MAX)
		return NULL;
	*out_rc = -ENOMEM;
	terms = realloc(s->terms, (s->count + 1) * sizeof(*terms));
	if (!terms)
		return NULL;
	s->terms = terms;
	term = &terms[s->count];
	*term = (struct selector_term){ .op = op, .key = span_dup(key) };
	if (!term->key)
		return NULL;
	s->count++;
	*out_rc = 0;
	return term;
}

int selector_add_value(struct selector_term *term, struct span value)
{
	char **values;

	if (term->value_count == SELECTOR_VALUES_MAX)
		return -E2BIG;
	values = realloc(term->values, (term->value_count + 1) * sizeof(*values));
	if (!values)
		return -ENOMEM;
	term->values = values;
	values[term->value_count] = span_dup(value);
	if (!values[term->value_count])
		return -ENOMEM;
	term->value_count++;
	return 0;
}

/* --- objects in place of text --- */

static const struct {
	const char *name;
	enum selector_op op;
	bool has_values;
} operators[] = {
	{ "In", SELECTOR_IN, true },	      { "NotIn", SELECTOR_NOT_IN, true },
	{ "Exists", SELECTOR_EXISTS, false }, { "DoesNotExist", SELECTOR_NOT_EXISTS, false },
	{ "Gt", SELECTOR_GREATER, true }, /* nodeSelectorTerms; validation keeps them out of label selectors */
	{ "Lt", SELECTOR_LESS, true },
};
#define OPERATOR_COUNT (sizeof(operators) / sizeof(operators[0]))

static int add_map(struct selector *s, const struct json *map)
{
	struct json_iter it = json_iter(map);
	int rc = 0;

	while (!rc && json_next(&it)) {
		struct selector_term *term = selector_add(s, span_of(it.key), SELECTOR_IN, &rc);

		if (!rc)
			rc = selector_add_value(term, json_span(it.value));
	}
	return rc;
}

static int add_expression(struct selector *s, const struct json *expression, struct err *err)
{
	const char *name = json_str(json_get(expression, "operator"), "");
	const struct json *values = json_get(expression, "values");
	struct selector_term *term;
	size_t i = 0;
	int rc;

	while (i < OPERATOR_COUNT && strcmp(operators[i].name, name) != 0)
		i++;
	if (i == OPERATOR_COUNT)
		return err_set(err, -EINVAL, "\"%.64s\" is not a valid label selector operator", name);
	if (operators[i].has_values != (json_count(values) > 0))
		return err_set(err, -EINVAL,
			       operators[i].has_values
				       ? "for 'in', 'notin' operators, values set can't be empty"
				       : "values set must be empty for exists and does not exist");
	term = selector_add(s, json_span(json_get(expression, "key")), operators[i].op, &rc);
	for (size_t v = 0; !rc && v < json_count(values); v++)
		rc = selector_add_value(term, json_span(json_at(values, v)));
	return rc;
}

static int add_expressions(struct selector *s, const struct json *expressions, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < json_count(expressions); i++)
		rc = add_expression(s, json_at(expressions, i), err);
	return rc;
}

static int finish(struct selector *s, int rc, struct selector **out, struct err *err)
{
	if (!rc) {
		*out = s;
		return 0;
	}
	selector_free(s);
	if (rc == -E2BIG)
		return err_set(err, -EINVAL, "the selector has too many terms");
	return rc;
}

int selector_of_json(const struct json *label_selector, struct selector **out, struct err *err)
{
	struct selector *s = selector_new();
	int rc;

	if (!s)
		return -ENOMEM;
	if (!json_is(label_selector, JSON_OBJECT)) {
		s->matches_nothing = true;
		*out = s;
		return 0;
	}
	rc = add_map(s, json_get(label_selector, "matchLabels"));
	if (!rc)
		rc = add_expressions(s, json_get(label_selector, "matchExpressions"), err);
	return finish(s, rc, out, err);
}

int selector_of_expressions(const struct json *expressions, struct selector **out, struct err *err)
{
	struct selector *s = selector_new();

	if (!s)
		return -ENOMEM;
	return finish(s, add_expressions(s, expressions, err), out, err);
}

int selector_of_map(const struct json *map, struct selector **out)
{
	struct selector *s = selector_new();

	if (!s)
		return -ENOMEM;
	return finish(s, add_map(s, map), out, NULL);
}

/* --- matching --- */

static bool has_value(const struct selector_term *term, const char *value)
{
	for (size_t i = 0; i < term->value_count; i++)
		if (!strcmp(term->values[i], value))
			return true;
	return false;
}

static bool compare(const struct selector_term *term, const char *value)
{
	int64_t have, want;

	if (term->value_count != 1 || span_to_i64(span_of(value), &have) ||
	    span_to_i64(span_of(term->values[0]), &want))
		return false;
	return term->op == SELECTOR_GREATER ? have > want : have < want;
}

/* `value` is NULL when the key is absent. */
static bool term_matches(const struct selector_term *term, const char *value)
{
	switch (term->op) {
	case SELECTOR_IN: return value && has_value(term, value);
	case SELECTOR_NOT_IN: return !value || !has_value(term, value);
	case SELECTOR_EXISTS: return value != NULL;
	case SELECTOR_NOT_EXISTS: return !value;
	case SELECTOR_GREATER:
	case SELECTOR_LESS: return value && compare(term, value);
	}
	return false;
}

bool selector_is_empty(const struct selector *s)
{
	return !s || (!s->count && !s->matches_nothing);
}

/* A field that is absent is an empty one; a label that is absent is none. */
static const char *absent(const struct selector *s, const char *value)
{
	return value || !s->of_fields ? value : "";
}

bool selector_match(const struct selector *s, struct span packed)
{
	if (!s)
		return true;
	for (size_t i = 0; i < s->count; i++)
		if (!term_matches(&s->terms[i], absent(s, pairs_get(packed, s->terms[i].key))))
			return false;
	return !s->matches_nothing;
}

bool selector_match_fields(const struct selector *s, const char *name, const char *ns, struct span packed)
{
	if (!s)
		return true;
	for (size_t i = 0; i < s->count; i++) {
		const char *key = s->terms[i].key;
		const char *value = !strcmp(key, "metadata.name")	 ? name
				    : !strcmp(key, "metadata.namespace") ? ns
									 : pairs_get(packed, key);

		if (!term_matches(&s->terms[i], absent(s, value)))
			return false;
	}
	return !s->matches_nothing;
}

bool selector_match_json(const struct selector *s, const struct json *labels)
{
	if (!s)
		return true;
	for (size_t i = 0; i < s->count; i++)
		if (!term_matches(&s->terms[i], absent(s, json_str(json_get(labels, s->terms[i].key), NULL))))
			return false;
	return !s->matches_nothing;
}

const char *selector_requires(const struct selector *s, const char *key)
{
	for (size_t i = 0; s && i < s->count; i++) {
		const struct selector_term *term = &s->terms[i];

		if (term->op == SELECTOR_IN && term->value_count == 1 && !strcmp(term->key, key))
			return term->values[0];
	}
	return NULL;
}

const char *selector_key(const struct selector *s, size_t index)
{
	return s && index < s->count ? s->terms[index].key : NULL;
}

int selector_rename(struct selector *s, size_t index, const char *key)
{
	char *copy = span_dup(span_of(key));

	if (!copy)
		return -ENOMEM;
	free(s->terms[index].key);
	s->terms[index].key = copy;
	return 0;
}

/* --- as text --- */

static int write_expression(struct buf *text, const struct json *expression)
{
	const char *key = json_str(json_get(expression, "key"), "");
	const char *op = json_str(json_get(expression, "operator"), "");
	const struct json *values = json_get(expression, "values");
	int rc;

	if (!strcmp(op, "Exists") || !strcmp(op, "DoesNotExist"))
		return buf_addf(text, "%s%s", op[0] == 'D' ? "!" : "", key);
	rc = buf_addf(text, "%s %s (", key, !strcmp(op, "In") ? "in" : "notin");
	for (size_t i = 0; !rc && i < json_count(values); i++)
		rc = buf_addf(text, "%s%s", i ? "," : "", json_str(json_at(values, i), ""));
	return rc ? rc : buf_add_char(text, ')');
}

int selector_write_json(const struct json *label_selector, struct buf *out)
{
	const struct json *expressions = json_get(label_selector, "matchExpressions");
	struct json_iter it = json_iter(json_get(label_selector, "matchLabels"));
	size_t start = out->len;
	int rc = 0;

	while (!rc && json_next(&it))
		rc = buf_addf(out, "%s%s=%s", out->len > start ? "," : "", it.key, json_str(it.value, ""));
	for (size_t i = 0; !rc && i < json_count(expressions); i++) {
		rc = out->len > start ? buf_add_char(out, ',') : 0;
		if (!rc)
			rc = write_expression(out, json_at(expressions, i));
	}
	return rc;
}
