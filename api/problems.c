#include "api/problems.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct entry {
	enum problem_type type;
	char *path;
	char *text;
};
struct problems {
	struct entry entries[PROBLEMS_MAX];
	size_t kept, count;
};

static const struct {
	const char *title;  /* how the message begins */
	const char *reason; /* of a Status cause */
	bool shows_value;
} types[] = {
	[PROBLEM_REQUIRED] = { "Required value", "FieldValueRequired", false },
	[PROBLEM_INVALID] = { "Invalid value", "FieldValueInvalid", true },
	[PROBLEM_NOT_SUPPORTED] = { "Unsupported value", "FieldValueNotSupported", true },
	[PROBLEM_DUPLICATE] = { "Duplicate value", "FieldValueDuplicate", true },
	[PROBLEM_FORBIDDEN] = { "Forbidden", "FieldValueForbidden", false },
	[PROBLEM_TOO_LONG] = { "Too long", "FieldValueTooLong", false },
	[PROBLEM_TOO_MANY] = { "Too many", "FieldValueTooMany", true },
	[PROBLEM_NOT_FOUND] = { "Not found", "FieldValueNotFound", true },
	[PROBLEM_TYPE] = { NULL, "FieldValueTypeInvalid", false },
	[PROBLEM_UNKNOWN_FIELD] = { NULL, "FieldValueInvalid", false },
};

struct problems *problems_new(void)
{
	return calloc(1, sizeof(struct problems));
}

void problems_free(struct problems *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->kept; i++) {
		free(p->entries[i].path);
		free(p->entries[i].text);
	}
	free(p);
}

size_t problems_count(const struct problems *p)
{
	return p ? p->count : 0;
}

/* Messages quote what clients sent: cut where it is whole UTF-8, and without the buffer's complaint about the cut. */
static char *take_text(struct buf *text)
{
	while (text->len && !span_is_utf8(buf_span(text)))
		text->len--;
	text->error = 0;
	return buf_take(text, NULL);
}

static void add_cut(struct buf *out, struct span s)
{
	size_t room = out->max - out->len;

	(void)buf_add(out, s.ptr, s.len < room ? s.len : room);
}

/* Go's %q for what fits in a message: JSON's escapes are close enough for any text a person reads. */
static void add_quoted(struct buf *out, struct span s)
{
	if (s.len > PROBLEM_TEXT_MAX / 4)
		s.len = PROBLEM_TEXT_MAX / 4;
	while (s.len && !span_is_utf8(s))
		s.len--;
	(void)buf_add_json_str(out, s);
}

static void add_value(struct buf *out, const struct json *value)
{
	struct buf text;

	if (json_is(value, JSON_STRING)) {
		add_quoted(out, json_span(value));
		return;
	}
	buf_init(&text, PROBLEM_TEXT_MAX / 4);
	if (json_type(value) == JSON_ABSENT)
		(void)buf_add_str(out, "\"\"");
	else if (json_write(value, &text))
		(void)buf_addf(out, "<%s>", json_type_name(json_type(value)));
	else
		add_cut(out, buf_span(&text));
	buf_done(&text);
}

/* Upstream's aggregate names the same complaint once. */
static bool is_known(const struct problems *p, const char *path, const char *text)
{
	for (size_t i = 0; i < p->kept; i++)
		if (!strcmp(p->entries[i].path, path) && !strcmp(p->entries[i].text, text))
			return true;
	return false;
}

static void store(struct problems *p, enum problem_type type, const char *path, struct buf *text)
{
	struct span path_span = span_of(path);
	struct entry entry = { .type = type };

	if (path_span.len > PROBLEM_PATH_MAX)
		path_span.len = PROBLEM_PATH_MAX;
	while (path_span.len && !span_is_utf8(path_span))
		path_span.len--;
	entry.path = span_dup(path_span);
	entry.text = take_text(text);
	if (entry.path && entry.text && is_known(p, entry.path, entry.text))
		p->count--; /* counted again below */
	else if (entry.path && entry.text && p->kept < PROBLEMS_MAX) {
		p->entries[p->kept++] = entry;
		entry.path = entry.text = NULL;
	}
	p->count++;
	free(entry.path);
	free(entry.text);
}

static void begin(struct buf *text, enum problem_type type, bool has_value)
{
	buf_init(text, PROBLEM_TEXT_MAX);
	if (types[type].title)
		(void)buf_add_str(text, types[type].title);
	if (has_value && types[type].shows_value)
		(void)buf_add_str(text, ": ");
}

static void printf_like(5, 0) finish(struct problems *p, enum problem_type type, const char *path,
				     struct buf *text, const char *detail, va_list args)
{
	char cut[PROBLEM_TEXT_MAX];

	(void)vsnprintf(cut, sizeof(cut), detail, args);
	if (type == PROBLEM_UNKNOWN_FIELD) {
		(void)buf_add_str(text, "unknown field ");
		add_quoted(text, span_of(path));
	}
	if (cut[0]) {
		if (text->len)
			add_cut(text, SPAN(": "));
		add_cut(text, span_of(cut));
	}
	store(p, type, path, text);
	buf_done(text);
}

void problems_add(struct problems *p, enum problem_type type, const char *path, const char *bad_value,
		  const char *detail, ...)
{
	struct buf text;
	va_list args;

	begin(&text, type, bad_value != NULL);
	if (bad_value && types[type].shows_value)
		add_quoted(&text, span_of(bad_value));
	va_start(args, detail);
	finish(p, type, path, &text, detail, args);
	va_end(args);
}

void problems_add_json(struct problems *p, enum problem_type type, const char *path,
		       const struct json *bad_value, const char *detail, ...)
{
	struct buf text;
	va_list args;

	begin(&text, type, true);
	if (types[type].shows_value)
		add_value(&text, bad_value);
	va_start(args, detail);
	finish(p, type, path, &text, detail, args);
	va_end(args);
}

void problems_add_int(struct problems *p, enum problem_type type, const char *path, int64_t bad_value,
		      const char *detail, ...)
{
	struct buf text;
	va_list args;

	begin(&text, type, true);
	if (types[type].shows_value)
		(void)buf_addf(&text, "%lld", (long long)bad_value);
	va_start(args, detail);
	finish(p, type, path, &text, detail, args);
	va_end(args);
}

bool problems_at(const struct problems *p, size_t index, struct problem *out)
{
	if (!p || index >= p->kept)
		return false;
	*out = (struct problem){ p->entries[index].type, p->entries[index].path, p->entries[index].text };
	return true;
}

static struct json *cause_of(const struct entry *entry)
{
	struct json *cause = json_new_object();

	if (json_set_str(cause, "reason", types[entry->type].reason) ||
	    json_set_str(cause, "message", entry->text) || json_set_str(cause, "field", entry->path)) {
		json_free(cause);
		return NULL;
	}
	return cause;
}

struct json *problems_causes(const struct problems *p)
{
	struct json *causes = json_new_array();

	for (size_t i = 0; causes && i < p->kept; i++) {
		if (json_append(causes, cause_of(&p->entries[i]))) {
			json_free(causes);
			return NULL;
		}
	}
	return causes;
}

int problems_text(const struct problems *p, struct buf *out)
{
	bool several = p->kept > 1;
	int rc = several ? buf_add_char(out, '[') : 0;

	for (size_t i = 0; !rc && i < p->kept; i++) {
		const struct entry *e = &p->entries[i];
		bool bare = e->type == PROBLEM_UNKNOWN_FIELD || e->type == PROBLEM_TYPE || !e->path[0];

		rc = buf_addf(out, "%s%s%s%s", i ? ", " : "", bare ? "" : e->path, bare ? "" : ": ", e->text);
	}
	return !rc && several ? buf_add_char(out, ']') : rc;
}
