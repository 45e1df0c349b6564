#include "cloud-hub/regions/check_units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/names.h"

#define KEY_INTERNAL "unit-internal-check"
#define KEY_UNITS "check-units"

bool check_units_is_meant(const struct json *config_map)
{
	return strcmp(json_path_str(config_map, "metadata.name", ""), CHECK_UNITS_CONFIG) == 0 &&
	       strcmp(json_str(json_get(json_path(config_map, "metadata.labels"), "name"), ""),
		      "edge-health") == 0;
}

/* A value written as a block of YAML ends with a line's end. */
static struct span trim(struct span s)
{
	while (s.len && strchr(" \t\r\n", s.ptr[0]))
		s = span_make(s.ptr + 1, s.len - 1);
	while (s.len && strchr(" \t\r\n", s.ptr[s.len - 1]))
		s.len--;
	return s;
}

static int add_unit(struct check_units *units, size_t *len, struct span name, struct err *err)
{
	if (name_label_value(name))
		return err_set(err, -EINVAL, KEY_UNITS ": '%.*s' is no name of a unit",
			       (int)(name.len < 63 ? name.len : 63), name.ptr);
	if (units->count == CHECK_UNITS_MAX)
		return err_set(err, -EINVAL, KEY_UNITS ": more than %u units", CHECK_UNITS_MAX);
	memcpy(units->list + *len, name.ptr, name.len);
	units->list[*len + name.len] = '\0';
	*len += name.len + 1;
	units->count++;
	return 0;
}

static int read_units(const char *text, struct check_units *out, struct err *err)
{
	struct span rest = trim(span_of(text)), name;
	size_t len = 0;
	int code = 0;

	if (!rest.len)
		return 0; /* SuperEdge would judge nobody then; here nothing is asked for */
	out->list = calloc(1, rest.len + 2);
	if (!out->list)
		return err_set(err, -ENOMEM, "out of memory");
	while (!code && rest.len) {
		(void)span_cut(rest, ',', &name, &rest);
		name = trim(name);
		if (name.len)
			code = add_unit(out, &len, name, err);
	}
	return code;
}

int check_units_read(const struct json *config_map, struct check_units *out, struct err *err)
{
	const struct json *data = json_get(config_map, "data");
	struct span internal = trim(span_of(json_str(json_get(data, KEY_INTERNAL), "true")));
	int code = 0;

	*out = (struct check_units){ .is_cluster = span_is(internal, "false") };
	if (!out->is_cluster && !span_is(internal, "true"))
		return err_set(err, -EINVAL, KEY_INTERNAL " is true or false, not '%.*s'",
			       (int)(internal.len < 60 ? internal.len : 60), internal.ptr);
	if (!out->is_cluster) /* else the list means nothing, there as here */
		code = read_units(json_str(json_get(data, KEY_UNITS), ""), out, err);
	if (code)
		check_units_done(out);
	return code;
}

void check_units_done(struct check_units *units)
{
	free(units->list);
	*units = (struct check_units){ 0 };
}

static const char *next_unit(const struct check_units *units, const char *before)
{
	return before ? before + strlen(before) + 1 : units->list;
}

bool check_units_has(const struct check_units *units, const char *region, const struct json *labels)
{
	const char *unit = NULL;

	if (!units->list)
		return true;
	for (size_t i = 0; i < units->count; i++) {
		unit = next_unit(units, unit);
		if (strcmp(unit, region) == 0 ||
		    strcmp(json_str(json_get(labels, unit), ""), CHECK_UNITS_LABEL_VALUE) == 0)
			return true;
	}
	return false;
}

bool check_units_same(const struct check_units *a, const struct check_units *b)
{
	const char *x = NULL, *y = NULL;

	if (a->count != b->count || a->is_cluster != b->is_cluster || !a->list != !b->list)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		x = next_unit(a, x);
		y = next_unit(b, y);
		if (strcmp(x, y) != 0)
			return false;
	}
	return true;
}
