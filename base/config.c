#include "base/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
/* libyaml rather than libcyaml on top of it: libcyaml tells key and line only as text for a log, over several
 * lines and without the file, and knows neither durations nor sizes. */
#include <yaml.h>

#include "base/files.h"
#include "base/units.h"

#define CONFIG_PATH_BYTES 128u
#define CONFIG_FIELDS_MAX 256u

struct loader {
	const struct config_table *table;
	const char *name;
	void *out;
	struct err *err;
	yaml_parser_t parser;
	bool seen[CONFIG_FIELDS_MAX];
};

/* --- values --- */

static void *member(const struct config_field *field, void *out)
{
	return (char *)out + field->offset;
}

static void list_done(struct config_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct config_list){ 0 };
}

static int list_add(struct config_list *list, struct span item)
{
	char **items;

	if (list->count >= CONFIG_MAX_ITEMS)
		return -E2BIG;
	if (item.len && memchr(item.ptr, '\0', item.len))
		return -EINVAL;
	items = reallocarray(list->items, list->count + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	list->items = items;
	items[list->count] = span_dup(item);
	if (!items[list->count])
		return -ENOMEM;
	list->count++;
	return 0;
}

static bool in_range(const struct config_field *field, int64_t n)
{
	return (!field->min && !field->max) || (n >= field->min && n <= field->max);
}

static int store_text(const struct config_field *field, void *at, struct span value)
{
	char *text;

	if (value.len && memchr(value.ptr, '\0', value.len))
		return -EINVAL;
	text = span_dup(value);
	if (!text)
		return -ENOMEM;
	free(*(char **)at);
	*(char **)at = text;
	return 0;
}

static int store_bool(const struct config_field *field, void *at, struct span value)
{
	if (!span_is(value, "true") && !span_is(value, "false"))
		return -EINVAL;
	*(bool *)at = span_is(value, "true");
	return 0;
}

static int store_int(const struct config_field *field, void *at, struct span value)
{
	int64_t n;
	int rc = span_to_i64(value, &n);

	if (rc || !in_range(field, n))
		return rc ? rc : -ERANGE;
	*(int64_t *)at = n;
	return 0;
}

static int store_units(const struct config_field *field, void *at, struct span value)
{
	uint64_t n;
	int rc = field->type == CONFIG_SIZE ? units_size_bytes(value, &n) : units_duration_ms(value, &n);

	if (!rc && (n > INT64_MAX || !in_range(field, (int64_t)n)))
		rc = -ERANGE;
	if (!rc)
		*(uint64_t *)at = n;
	return rc;
}

static int store_list(const struct config_field *field, void *at, struct span value)
{
	struct config_list list = { 0 };
	struct span item;
	int rc = 0;

	while (value.len && !rc) {
		(void)span_cut(value, ',', &item, &value);
		rc = list_add(&list, span_trim(item));
	}
	if (rc) {
		list_done(&list);
		return rc;
	}
	list_done(at);
	*(struct config_list *)at = list;
	return 0;
}

static const struct {
	int (*store)(const struct config_field *field, void *at, struct span value);
	const char *wanted;
} types[] = {
	[CONFIG_TEXT] = { store_text, "text" },
	[CONFIG_BOOL] = { store_bool, "true or false" },
	[CONFIG_INT] = { store_int, "a whole number" },
	[CONFIG_DURATION] = { store_units, "a duration such as 500ms, 40s or 1h30m" },
	[CONFIG_SIZE] = { store_units, "a size such as 4096, 64Mi or 2Gi" },
	[CONFIG_LIST] = { store_list, "a list" },
};

/* A bound as it would be written. */
static void add_bound(struct buf *out, const struct config_field *field, int64_t n)
{
	if (field->type == CONFIG_DURATION)
		(void)units_add_duration(out, (uint64_t)n);
	else if (field->type == CONFIG_SIZE)
		(void)units_add_size(out, (uint64_t)n);
	else
		(void)buf_addf(out, "%" PRId64, n);
}

static int range_error(struct err *err, const struct config_field *field)
{
	struct buf text;
	int rc;

	buf_init(&text, 128);
	add_bound(&text, field, field->min);
	(void)buf_add_str(&text, " to ");
	add_bound(&text, field, field->max);
	rc = err_set(err, -EINVAL, "'%s' is out of range%s%s", field->path,
		     field->max || field->min ? ", allowed: " : "",
		     (field->max || field->min) && buf_cstr(&text) ? buf_cstr(&text) : "");
	buf_done(&text);
	return rc;
}

static int store(const struct config_field *field, void *out, struct span value, struct err *err)
{
	int rc = types[field->type].store(field, member(field, out), value);

	if (rc == -ERANGE)
		return range_error(err, field);
	if (rc == -EINVAL)
		return err_set(err, -EINVAL, "'%s' must be %s, not '%.*s'", field->path,
			       types[field->type].wanted, (int)(value.len < 60 ? value.len : 60),
			       value.ptr ? value.ptr : "");
	if (rc == -E2BIG)
		return err_set(err, -EINVAL, "'%s' has more than %u items", field->path, CONFIG_MAX_ITEMS);
	return rc ? err_set(err, rc, "out of memory") : 0;
}

static const struct config_field *find(const struct config_table *table, const char *path)
{
	for (size_t i = 0; i < table->count; i++)
		if (strcmp(table->fields[i].path, path) == 0)
			return &table->fields[i];
	return NULL;
}

static bool is_section(const struct config_table *table, const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < table->count; i++)
		if (strncmp(table->fields[i].path, path, len) == 0 && table->fields[i].path[len] == '.')
			return true;
	return false;
}

/* --- files --- */

static int fail_at(struct loader *l, size_t line, const char *what, const char *path)
{
	return err_set(l->err, -EINVAL, "%s:%zu: %s '%s'", l->name, line, what, path);
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
	struct config_list *list = member(field, l->out);
	yaml_event_t event;
	bool ended = false;
	int rc = 0;

	list_done(list);
	while (!rc && !ended) {
		rc = next_event(l, &event);
		if (rc)
			return rc;
		ended = event.type == YAML_SEQUENCE_END_EVENT;
		if (event.type == YAML_SCALAR_EVENT) {
			rc = list_add(list, scalar_of(&event));
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

static int read_field(struct loader *l, const struct config_field *field, const yaml_event_t *event)
{
	struct err err = { 0 };
	int rc;

	if (field->type == CONFIG_LIST && event->type == YAML_SEQUENCE_START_EVENT)
		return read_list(l, field);
	if (field->type == CONFIG_LIST || event->type != YAML_SCALAR_EVENT)
		return fail_at(l, line_of(event),
			       field->type == CONFIG_LIST ? "expected a list for" : "expected one value for",
			       field->path);
	rc = store(field, l->out, scalar_of(event), &err);
	return rc ? err_set(l->err, rc, "%s:%zu: %s", l->name, line_of(event), err.msg) : 0;
}

static int read_section(struct loader *l, const char *section);

/* event: the value that belongs to path */
static int read_value(struct loader *l, const char *path, size_t key_line, const yaml_event_t *event)
{
	const struct config_field *field = find(l->table, path);
	bool nothing = event->type == YAML_SCALAR_EVENT && event->data.scalar.length == 0 &&
		       event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	if (field) {
		if (l->seen[field - l->table->fields])
			return fail_at(l, key_line, "key given twice:", path);
		l->seen[field - l->table->fields] = true;
		if (nothing)
			return fail_at(l, key_line, "no value for", path);
		return read_field(l, field, event);
	}
	if (!is_section(l->table, path))
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
		return err_set(l->err, -EINVAL, "%s:%zu: unknown key '%.*s'", l->name, line_of(event),
			       (int)(text.len < 60 ? text.len : 60), text.ptr);
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

static void clear(const struct config_table *table, void *out)
{
	static const size_t sizes[] = {
		[CONFIG_TEXT] = sizeof(char *),	  [CONFIG_BOOL] = sizeof(bool),
		[CONFIG_INT] = sizeof(int64_t),	  [CONFIG_DURATION] = sizeof(uint64_t),
		[CONFIG_SIZE] = sizeof(uint64_t), [CONFIG_LIST] = sizeof(struct config_list),
	};

	for (size_t i = 0; i < table->count; i++)
		memset(member(&table->fields[i], out), 0, sizes[table->fields[i].type]);
}

int config_defaults(const struct config_table *table, void *out, struct err *err)
{
	int rc = 0;

	assert_always(table->count <= CONFIG_FIELDS_MAX);
	clear(table, out);
	for (size_t i = 0; i < table->count && !rc; i++)
		if (table->fields[i].fallback)
			rc = store(&table->fields[i], out, span_of(table->fields[i].fallback), err);
	if (rc)
		config_done(table, out);
	return rc;
}

int config_parse(const struct config_table *table, struct span text, const char *name, void *out,
		 struct err *err)
{
	struct loader l = { .table = table, .name = name, .out = out, .err = err };
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

	clear(table, out);
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

void config_done(const struct config_table *table, void *out)
{
	for (size_t i = 0; i < table->count; i++) {
		if (table->fields[i].type == CONFIG_TEXT)
			free(*(char **)member(&table->fields[i], out));
		else if (table->fields[i].type == CONFIG_LIST)
			list_done(member(&table->fields[i], out));
	}
	clear(table, out);
}

int config_set(const struct config_table *table, void *out, const char *path, const char *value,
	       struct err *err)
{
	const struct config_field *field = find(table, path);

	if (!field)
		return err_set(err, -EINVAL, "unknown key '%.80s'", path);
	return store(field, out, span_of(value), err);
}

/* --- the sample --- */

static void add_indent(struct buf *out, size_t depth)
{
	(void)buf_addf(out, "%*s", (int)depth * 2, "");
}

/* Opens the sections of path that `before` does not share; returns their count. */
static size_t add_sections(struct buf *out, const char *path, const char *before)
{
	struct span rest = span_of(path), part, other = span_of(before), other_part;
	bool same = true;
	size_t depth = 0;

	while (span_cut(rest, '.', &part, &rest)) {
		same = same && span_cut(other, '.', &other_part, &other) && span_eq(part, other_part);
		if (!same) {
			add_indent(out, depth);
			(void)buf_addf(out, "%.*s:\n", SPAN_ARG(part));
		}
		depth++;
	}
	return depth;
}

static void add_default(struct buf *out, const struct config_field *field)
{
	struct span rest = span_of(field->fallback), item;
	const char *separator = "";

	switch (field->type) {
	case CONFIG_TEXT:
		if (field->fallback)
			(void)buf_add_json_str(out, span_of(field->fallback));
		break;
	case CONFIG_LIST:
		(void)buf_add_char(out, '[');
		while (rest.len) {
			(void)span_cut(rest, ',', &item, &rest);
			(void)buf_add_str(out, separator);
			(void)buf_add_json_str(out, span_trim(item));
			separator = ", ";
		}
		(void)buf_add_char(out, ']');
		break;
	case CONFIG_BOOL: (void)buf_add_str(out, field->fallback ? field->fallback : "false"); break;
	default: (void)buf_add_str(out, field->fallback ? field->fallback : "0"); break;
	}
}

int config_sample(const struct config_table *table, struct buf *out)
{
	const char *before = "";

	for (size_t i = 0; i < table->count; i++) {
		const struct config_field *field = &table->fields[i];
		size_t depth = add_sections(out, field->path, before);
		const char *key = strrchr(field->path, '.');

		add_indent(out, depth);
		(void)buf_addf(out, "# %s\n", field->help);
		add_indent(out, depth);
		/* Text without a default has no way to be written as absent: its line is a comment. */
		(void)buf_addf(out, "%s%s: ", field->type == CONFIG_TEXT && !field->fallback ? "# " : "",
			       key ? key + 1 : field->path);
		add_default(out, field);
		(void)buf_add_char(out, '\n');
		before = field->path;
	}
	return buf_error(out);
}
