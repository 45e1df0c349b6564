/* Values in a struct, and the sample. */
#include "base/config_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/units.h"

/* --- values --- */

void *config_member(const struct config_field *field, void *out)
{
	return (char *)out + field->offset;
}

void config_list_done(struct config_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct config_list){ 0 };
}

int config_list_add(struct config_list *list, struct span item)
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
		rc = config_list_add(&list, span_trim(item));
	}
	if (rc) {
		config_list_done(&list);
		return rc;
	}
	config_list_done(at);
	*(struct config_list *)at = list;
	return 0;
}

/* One line says nothing of several keys. */
static int store_objects(const struct config_field *field, void *at, struct span value)
{
	return -EINVAL;
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
	[CONFIG_OBJECTS] = { store_objects, "set in a configuration file" },
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

static int range_error(struct err *err, const char *where, const struct config_field *field)
{
	struct buf text;
	int rc;

	buf_init(&text, 128);
	add_bound(&text, field, field->min);
	(void)buf_add_str(&text, " to ");
	add_bound(&text, field, field->max);
	rc = err_set(err, -EINVAL, "'%s%s' is out of range%s%s", where, field->path,
		     field->max || field->min ? ", allowed: " : "",
		     (field->max || field->min) && buf_cstr(&text) ? buf_cstr(&text) : "");
	buf_done(&text);
	return rc;
}

int config_store(const struct config_field *field, const char *where, void *out, struct span value,
		 struct err *err)
{
	int rc = types[field->type].store(field, config_member(field, out), value);

	if (rc == -ERANGE)
		return range_error(err, where, field);
	if (rc == -EINVAL)
		return err_set(err, -EINVAL, "'%s%s' must be %s, not '%.*s'", where, field->path,
			       types[field->type].wanted, (int)(value.len < 60 ? value.len : 60),
			       value.ptr ? value.ptr : "");
	if (rc == -E2BIG)
		return err_set(err, -EINVAL, "'%s%s' has more than %u items", where, field->path,
			       CONFIG_MAX_ITEMS);
	return rc ? err_set(err, rc, "out of memory") : 0;
}

const struct config_field *config_find(const struct config_table *table, const char *path)
{
	for (size_t i = 0; i < table->count; i++)
		if (strcmp(table->fields[i].path, path) == 0)
			return &table->fields[i];
	return NULL;
}

/* --- whole structs --- */

void config_clear(const struct config_table *table, void *out)
{
	static const size_t sizes[] = {
		[CONFIG_TEXT] = sizeof(char *),
		[CONFIG_BOOL] = sizeof(bool),
		[CONFIG_INT] = sizeof(int64_t),
		[CONFIG_DURATION] = sizeof(uint64_t),
		[CONFIG_SIZE] = sizeof(uint64_t),
		[CONFIG_LIST] = sizeof(struct config_list),
		[CONFIG_OBJECTS] = sizeof(struct config_objects),
	};

	for (size_t i = 0; i < table->count; i++)
		memset(config_member(&table->fields[i], out), 0, sizes[table->fields[i].type]);
}

int config_defaults(const struct config_table *table, void *out, struct err *err)
{
	int rc = 0;

	assert_always(table->count <= CONFIG_FIELDS_MAX);
	config_clear(table, out);
	for (size_t i = 0; i < table->count && !rc; i++)
		if (table->fields[i].fallback)
			rc = config_store(&table->fields[i], "", out, span_of(table->fields[i].fallback),
					  err);
	if (rc)
		config_done(table, out);
	return rc;
}

void config_done(const struct config_table *table, void *out)
{
	for (size_t i = 0; i < table->count; i++) {
		if (table->fields[i].type == CONFIG_TEXT)
			free(*(char **)config_member(&table->fields[i], out));
		else if (table->fields[i].type == CONFIG_LIST)
			config_list_done(config_member(&table->fields[i], out));
		else if (table->fields[i].type == CONFIG_OBJECTS)
			config_objects_done(table->fields[i].items, config_member(&table->fields[i], out));
	}
	config_clear(table, out);
}

void config_objects_done(const struct config_items *of, struct config_objects *objects)
{
	for (size_t i = 0; i < objects->count; i++)
		config_done(&of->table, (char *)objects->items + i * of->size);
	free(objects->items);
	*objects = (struct config_objects){ 0 };
}

int config_objects_add(const struct config_items *of, struct config_objects *objects, void **out,
		       struct err *err)
{
	void *items, *item;
	int rc;

	if (objects->count >= of->max)
		return -E2BIG;
	items = reallocarray(objects->items, objects->count + 1, of->size);
	if (!items)
		return err_set(err, -ENOMEM, "out of memory");
	objects->items = items;
	item = (char *)items + objects->count * of->size;
	memset(item, 0, of->size);
	rc = config_defaults(&of->table, item, err);
	if (rc)
		return rc;
	objects->count++;
	*out = item;
	return 0;
}

int config_set(const struct config_table *table, void *out, const char *path, const char *value,
	       struct err *err)
{
	const struct config_field *field = config_find(table, path);

	if (!field)
		return err_set(err, -EINVAL, "unknown key '%.80s'", path);
	return config_store(field, "", out, span_of(value), err);
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
	case CONFIG_OBJECTS: (void)buf_add_str(out, "[]"); break;
	case CONFIG_BOOL: (void)buf_add_str(out, field->fallback ? field->fallback : "false"); break;
	default: (void)buf_add_str(out, field->fallback ? field->fallback : "0"); break;
	}
}

/* Keys of an item, as a comment: an empty list is the default, and one item of each key would be another. */
static void add_item_keys(struct buf *out, const struct config_items *of, size_t depth)
{
	for (size_t i = 0; i < of->table.count; i++) {
		const struct config_field *field = &of->table.fields[i];

		add_indent(out, depth);
		(void)buf_addf(out, "# %s %s: ", i ? " " : "-", field->path);
		add_default(out, field);
		(void)buf_addf(out, "  # %s\n", field->help);
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
		if (field->type == CONFIG_OBJECTS)
			add_item_keys(out, field->items, depth);
		before = field->path;
	}
	return buf_error(out);
}
