/* Configuration files. */
#include "base/config_internal.h"

#include <errno.h>
/* libyaml rather than libcyaml on top of it: libcyaml tells key and line only as text for a log, over several
 * lines and without the file, and knows neither durations nor sizes. */
#include <yaml.h>

#include "base/files.h"

/* The struct that keys go to now: that of the file, or an item of a list. */
struct place {
	const struct config_table *table;
	void *out;
	char where[CONFIG_PATH_BYTES]; /* "" or "section.list[2]." */
	bool seen[CONFIG_FIELDS_MAX];
};

struct loader {
	const char *name;
	struct err *err;
	yaml_parser_t parser;
	struct place *at;
};

static bool is_section(const struct config_table *table, const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < table->count; i++)
		if (strncmp(table->fields[i].path, path, len) == 0 && table->fields[i].path[len] == '.')
			return true;
	return false;
}

static int fail_at(struct loader *l, size_t line, const char *what, const char *path)
{
	return err_set(l->err, -EINVAL, "%s:%zu: %s '%s%s'", l->name, line, what, l->at->where, path);
}

static int next_event(struct loader *l, yaml_event_t *event)
{
	if (yaml_parser_parse(&l->parser, event))
		return 0;
	if (l->parser.error == YAML_MEMORY_ERROR)
		return err_set(l->err, -ENOMEM, "out of memory");
	return err_set(l->err, -EINVAL, "%s:%zu: %s", l->name, l->parser.problem_mark.line + 1,
		       l->parser.problem ? l->parser.problem : "not valid YAML");
}

static struct span scalar_of(const yaml_event_t *event)
{
	return span_make(event->data.scalar.value, event->data.scalar.length);
}

static size_t line_of(const yaml_event_t *event)
{
	return event->start_mark.line + 1;
}

/* Behind the opening of a sequence. */
static int read_list(struct loader *l, const struct config_field *field)
{
	struct config_list *list = config_member(field, l->at->out);
	yaml_event_t event;
	bool ended = false;
	int rc = 0;

	config_list_done(list);
	while (!rc && !ended) {
		rc = next_event(l, &event);
		if (rc)
			return rc;
		ended = event.type == YAML_SEQUENCE_END_EVENT;
		if (event.type == YAML_SCALAR_EVENT) {
			rc = config_list_add(list, scalar_of(&event));
			if (rc == -ENOMEM)
				rc = err_set(l->err, rc, "out of memory");
			else if (rc)
				rc = fail_at(l, line_of(&event),
					     rc == -E2BIG ? "too many items in" : "NUL in an item of",
					     field->path);
		} else if (!ended) {
			rc = fail_at(l, line_of(&event), "expected text for each item of", field->path);
		}
		yaml_event_delete(&event);
	}
	return rc;
}

static int read_section(struct loader *l, const char *section);

/* One item, behind the opening of its mapping on that line. */
static int read_object(struct loader *l, const struct config_field *field, struct config_objects *objects,
		       size_t line)
{
	struct place *outer = l->at;
	struct place inner = { .table = &field->items->table };
	struct err err = { 0 };
	int rc = config_objects_add(field->items, objects, &inner.out, &err);

	if (rc == -E2BIG)
		return fail_at(l, line, "too many items in", field->path);
	if (rc)
		return err_set(l->err, rc, "%s", err_text(&err));
	if (snprintf(inner.where, sizeof(inner.where), "%s%s[%zu].", outer->where, field->path,
		     objects->count - 1) >= (int)sizeof(inner.where))
		return fail_at(l, line, "too deep:", field->path);
	l->at = &inner;
	rc = read_section(l, "");
	l->at = outer;
	if (!rc && field->items->check)
		rc = field->items->check(objects->items, objects->count, &err);
	if (err.code)
		return err_set(l->err, rc, "%s:%zu: '%s%s[%zu]': %s", l->name, line, outer->where,
			       field->path, objects->count - 1, err.msg);
	return rc;
}

/* Behind the opening of a sequence. */
static int read_objects(struct loader *l, const struct config_field *field)
{
	struct config_objects *objects = config_member(field, l->at->out);

	for (;;) {
		yaml_event_t event;
		yaml_event_type_t type;
		size_t line;
		int rc = next_event(l, &event);

		if (rc)
			return rc;
		type = event.type;
		line = line_of(&event);
		yaml_event_delete(&event);
		if (type == YAML_SEQUENCE_END_EVENT)
			return 0;
		if (type != YAML_MAPPING_START_EVENT)
			return fail_at(l, line, "expected keys with values for each item of", field->path);
		rc = read_object(l, field, objects, line);
		if (rc)
			return rc;
	}
}

static int read_field(struct loader *l, const struct config_field *field, const yaml_event_t *event)
{
	struct err err = { 0 };
	int rc;

	if (field->type == CONFIG_LIST && event->type == YAML_SEQUENCE_START_EVENT)
		return read_list(l, field);
	if (field->type == CONFIG_OBJECTS && event->type == YAML_SEQUENCE_START_EVENT)
		return read_objects(l, field);
	if (field->type == CONFIG_LIST || field->type == CONFIG_OBJECTS || event->type != YAML_SCALAR_EVENT)
		return fail_at(l, line_of(event),
			       field->type == CONFIG_LIST || field->type == CONFIG_OBJECTS
				       ? "expected a list for"
				       : "expected one value for",
			       field->path);
	rc = config_store(field, l->at->where, l->at->out, scalar_of(event), &err);
	return rc ? err_set(l->err, rc, "%s:%zu: %s", l->name, line_of(event), err.msg) : 0;
}

/* event: the value that belongs to path */
static int read_value(struct loader *l, const char *path, size_t key_line, const yaml_event_t *event)
{
	const struct config_field *field = config_find(l->at->table, path);
	bool nothing = event->type == YAML_SCALAR_EVENT && event->data.scalar.length == 0 &&
		       event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	if (field) {
		if (l->at->seen[field - l->at->table->fields])
			return fail_at(l, key_line, "key given twice:", path);
		l->at->seen[field - l->at->table->fields] = true;
		if (nothing)
			return fail_at(l, key_line, "no value for", path);
		return read_field(l, field, event);
	}
	if (!is_section(l->at->table, path))
		return fail_at(l, key_line, "unknown key", path);
	if (nothing)
		return 0;
	if (event->type != YAML_MAPPING_START_EVENT)
		return fail_at(l, line_of(event), "expected keys under", path);
	return read_section(l, path);
}

/* event: the key; its text and the section's make *path */
static int read_key(struct loader *l, const char *section, const yaml_event_t *event,
		    char path[CONFIG_PATH_BYTES])
{
	char key[CONFIG_PATH_BYTES];
	struct span text;
	bool fits;

	if (event->type != YAML_SCALAR_EVENT)
		return fail_at(l, line_of(event), "expected a key under", section);
	text = scalar_of(event);
	fits = span_copy(text, key, sizeof(key)) == 0 &&
	       snprintf(path, CONFIG_PATH_BYTES, "%s%s%s", section, section[0] ? "." : "", key) <
		       (int)CONFIG_PATH_BYTES;
	if (!fits)
		return err_set(l->err, -EINVAL, "%s:%zu: unknown key '%s%.*s'", l->name, line_of(event),
			       l->at->where, (int)(text.len < 60 ? text.len : 60), text.ptr);
	/* A dotted key would name a path by another spelling. */
	return memchr(text.ptr, '.', text.len) ? fail_at(l, line_of(event), "unknown key", path) : 0;
}

/* Behind the opening of a mapping. Recursion is as deep as the table: unknown sections are not entered. */
static int read_section(struct loader *l, const char *section)
{
	for (;;) {
		char path[CONFIG_PATH_BYTES];
		yaml_event_t key, value;
		bool ended;
		size_t line;
		int rc = next_event(l, &key);

		if (rc)
			return rc;
		ended = key.type == YAML_MAPPING_END_EVENT;
		line = line_of(&key);
		rc = ended ? 0 : read_key(l, section, &key, path);
		yaml_event_delete(&key);
		if (ended || rc)
			return rc;
		rc = next_event(l, &value);
		if (rc)
			return rc;
		rc = read_value(l, path, line, &value);
		yaml_event_delete(&value);
		if (rc)
			return rc;
	}
}

static int read_document(struct loader *l)
{
	bool had_document = false;

	for (;;) {
		yaml_event_t event;
		yaml_event_type_t type;
		bool empty;
		size_t line;
		int rc = next_event(l, &event);

		if (rc)
			return rc;
		type = event.type;
		line = line_of(&event);
		empty = type == YAML_SCALAR_EVENT && event.data.scalar.length == 0;
		yaml_event_delete(&event);
		if (type == YAML_STREAM_END_EVENT)
			return 0;
		if (type == YAML_DOCUMENT_START_EVENT && had_document)
			return err_set(l->err, -EINVAL, "%s:%zu: more than one document", l->name, line);
		had_document |= type == YAML_DOCUMENT_START_EVENT;
		if (type == YAML_MAPPING_START_EVENT)
			rc = read_section(l, "");
		else if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_START_EVENT &&
			 type != YAML_DOCUMENT_END_EVENT && !empty)
			rc = err_set(l->err, -EINVAL, "%s:%zu: expected keys with values", l->name, line);
		if (rc)
			return rc;
	}
}

int config_parse(const struct config_table *table, struct span text, const char *name, void *out,
		 struct err *err)
{
	struct place top = { .table = table, .out = out };
	struct loader l = { .name = name, .err = err, .at = &top };
	int rc = config_defaults(table, out, err);

	if (!rc && text.len > CONFIG_MAX_BYTES)
		rc = err_set(err, -EFBIG, "%s: longer than %u bytes", name, CONFIG_MAX_BYTES);
	if (!rc && !yaml_parser_initialize(&l.parser))
		rc = err_set(err, -ENOMEM, "out of memory");
	if (rc)
		goto out;
	yaml_parser_set_input_string(&l.parser, (const unsigned char *)(text.ptr ? text.ptr : ""), text.len);
	rc = read_document(&l);
	yaml_parser_delete(&l.parser);
out:
	if (rc)
		config_done(table, out);
	return rc;
}

int config_load(const struct config_table *table, const char *file, void *out, struct err *err)
{
	struct buf text;
	int rc;

	config_clear(table, out);
	buf_init(&text, CONFIG_MAX_BYTES);
	rc = file_read(file, &text);
	if (rc) {
		struct err why = { .code = rc == -EMSGSIZE ? -EFBIG : rc };

		rc = err_set(err, why.code, "%s: %s", file, err_text(&why));
	} else {
		rc = config_parse(table, buf_span(&text), file, out, err);
	}
	buf_done(&text);
	return rc;
}
