#include "api/validate.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "api/names.h"

void complain(struct validation *v, enum problem_type type, const struct json *object, const char *field,
	      const char *detail, ...)
{
	const struct json *value = field ? json_get(object, field) : object;
	size_t mark = field ? path_field(&v->path, field) : v->path.len;
	char text[PROBLEM_TEXT_MAX];
	va_list args;

	va_start(args, detail);
	(void)vsnprintf(text, sizeof(text), detail, args);
	va_end(args);
	problems_add_json(v->problems, type, v->path.text, value, "%s", text);
	path_back(&v->path, mark);
}

bool path_climbs(const char *path)
{
	struct span rest = span_of(path), part;
	bool more = true;

	while (more) {
		more = span_cut(rest, '/', &part, &rest);
		if (span_is(part, ".."))
			return true;
	}
	return false;
}

const char *text_of(const struct json *object, const char *field)
{
	return json_str(json_get(object, field), "");
}

bool need_text(struct validation *v, const struct json *object, const char *field, const char *detail)
{
	if (text_of(object, field)[0])
		return true;
	complain(v, PROBLEM_REQUIRED, object, field, "%s", detail);
	return false;
}

void check_text(struct validation *v, const struct json *object, const char *field, name_fn *fn)
{
	struct span text = json_span(json_get(object, field));
	const char *reason = text.len ? fn(text) : NULL;

	if (reason)
		complain(v, PROBLEM_INVALID, object, field, "%s", reason);
}

bool need_name(struct validation *v, const struct json *object, const char *field, name_fn *fn)
{
	if (!need_text(v, object, field, ""))
		return false;
	check_text(v, object, field, fn);
	return true;
}

bool check_choice(struct validation *v, const struct json *object, const char *field,
		  const char *const *choices)
{
	const char *text = text_of(object, field);
	struct buf names;

	if (!text[0])
		return true;
	buf_init(&names, PROBLEM_TEXT_MAX / 2);
	for (const char *const *choice = choices; *choice; choice++) {
		if (!strcmp(*choice, text)) {
			buf_done(&names);
			return true;
		}
		(void)buf_addf(&names, "%s\"%s\"", names.len ? ", " : "", *choice);
	}
	complain(v, PROBLEM_NOT_SUPPORTED, object, field, "supported values: %.*s", (int)names.len,
		 names.len ? names.data : "");
	buf_done(&names);
	return false;
}

bool need_choice(struct validation *v, const struct json *object, const char *field,
		 const char *const *choices)
{
	return need_text(v, object, field, "") && check_choice(v, object, field, choices);
}

void check_range(struct validation *v, const struct json *object, const char *field, int64_t low,
		 int64_t high)
{
	const struct json *value = json_get(object, field);

	if (value && (json_int(value, low - 1) < low || json_int(value, low - 1) > high))
		complain(v, PROBLEM_INVALID, object, field, "must be between %lld and %lld, inclusive",
			 (long long)low, (long long)high);
}

void check_least(struct validation *v, const struct json *object, const char *field, int64_t least)
{
	if (json_int(json_get(object, field), least) < least)
		complain(v, PROBLEM_INVALID, object, field, "%s", least ? MSG_POSITIVE : MSG_NOT_NEGATIVE);
}

void check_port(struct validation *v, const struct json *object, const char *field)
{
	const struct json *port = json_get(object, field);
	const char *reason;

	if (json_is(port, JSON_STRING)) {
		reason = name_port(json_span(port));
		if (reason)
			complain(v, PROBLEM_INVALID, object, field, "%s", reason);
	} else if (json_int(port, 0) < 1 || json_int(port, 0) > 65535) {
		complain(v, PROBLEM_INVALID, object, field, MSG_PORT);
	}
}

void check_int_or_percent(struct validation *v, const struct json *object, const char *field,
			  bool whole_at_most)
{
	const struct json *value = json_get(object, field);
	struct span text = json_span(value);
	uint64_t percent;

	if (json_is(value, JSON_INT)) {
		check_least(v, object, field, 0);
	} else if (json_is(value, JSON_STRING)) {
		if (!text.len || text.ptr[text.len - 1] != '%' ||
		    span_to_u64(span_make(text.ptr, text.len - 1), &percent))
			complain(v, PROBLEM_INVALID, object, field,
				 "a valid percent string must be a numeric string followed by an ending '%%' "
				 "(e.g. '1%%',  or "
				 "'93%%', regex used for validation is '[0-9]+%%')");
		else if (whole_at_most && percent > 100)
			complain(v, PROBLEM_INVALID, object, field, "must not be greater than 100%%");
	}
}

void check_ip(struct validation *v, const struct json *object, const char *field)
{
	const char *text = text_of(object, field);
	struct in6_addr address;

	if (inet_pton(AF_INET, text, &address) != 1 && inet_pton(AF_INET6, text, &address) != 1)
		complain(v, PROBLEM_INVALID, object, field,
			 "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
}

void each_item(struct validation *v, const struct json *object, const char *field, validate_item_fn *fn,
	       void *ctx)
{
	const struct json *list = json_get(object, field);
	size_t mark = path_field(&v->path, field);

	for (size_t i = 0; i < json_count(list); i++) {
		size_t at = path_index(&v->path, i);

		fn(v, json_at(list, i), ctx);
		path_back(&v->path, at);
	}
	path_back(&v->path, mark);
}

void below(struct validation *v, const struct json *object, const char *field, validate_item_fn *fn,
	   void *ctx)
{
	const struct json *value = json_get(object, field);
	size_t mark;

	if (!json_is(value, JSON_OBJECT))
		return;
	mark = path_field(&v->path, field);
	fn(v, value, ctx);
	path_back(&v->path, mark);
}

static bool came_before(const struct json *list, size_t index, const char *key, const char *text)
{
	for (size_t i = 0; i < index; i++)
		if (!strcmp(text_of(json_at(list, i), key), text))
			return true;
	return false;
}

/* Lists are short (a pod's containers); those that may be long have validation of their own. */
void check_unique(struct validation *v, const struct json *object, const char *field, const char *key)
{
	const struct json *list = json_get(object, field);
	size_t mark = path_field(&v->path, field);

	for (size_t i = 0; i < json_count(list); i++) {
		size_t at = path_index(&v->path, i);
		const char *text = text_of(json_at(list, i), key);

		if (text[0] && came_before(list, i, key, text))
			complain(v, PROBLEM_DUPLICATE, json_at(list, i), key, "%s", "");
		path_back(&v->path, at);
	}
	path_back(&v->path, mark);
}

size_t count_of(const struct json *object, const char *const *choices)
{
	size_t count = 0;

	for (; *choices; choices++)
		count += json_get(object, *choices) != NULL;
	return count;
}

void validate_labels(struct validation *v, const struct json *object, const char *field)
{
	size_t mark = path_field(&v->path, field);

	for (struct json_iter it = json_iter(json_get(object, field)); json_next(&it);) {
		const char *reason = name_qualified(span_of(it.key));

		if (reason)
			problems_add(v->problems, PROBLEM_INVALID, v->path.text, it.key, "%s", reason);
		reason = name_label_value(json_span(it.value));
		if (reason)
			problems_add(v->problems, PROBLEM_INVALID, v->path.text, json_str(it.value, ""), "%s",
				     reason);
	}
	path_back(&v->path, mark);
}

static void label_requirement(struct validation *v, const struct json *item, void *ctx)
{
	const char *op = text_of(item, "operator");
	bool listed = !strcmp(op, "In") || !strcmp(op, "NotIn"),
	     bare = !strcmp(op, "Exists") || !strcmp(op, "DoesNotExist");

	(void)need_name(v, item, "key", name_qualified);
	if (!listed && !bare)
		complain(v, PROBLEM_INVALID, item, "operator", "not a valid selector operator");
	if (listed && !json_count(json_get(item, "values")))
		complain(v, PROBLEM_REQUIRED, item, "values",
			 "must be specified when `operator` is 'In' or 'NotIn'");
	if (bare && json_count(json_get(item, "values")))
		complain(v, PROBLEM_FORBIDDEN, item, "values",
			 "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
}

void validate_selector_item(struct validation *v, const struct json *selector, void *ctx)
{
	validate_labels(v, selector, "matchLabels");
	each_item(v, selector, "matchExpressions", label_requirement, NULL);
}

void validate_label_selector(struct validation *v, const struct json *object, const char *field)
{
	below(v, object, field, validate_selector_item, NULL);
}
