#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/patch.h"

#define DIRECTIVE "$patch"
#define RETAIN_KEYS "$retainKeys"
#define SET_ORDER "$setElementOrder/"
#define DELETE_PRIMITIVES "$deleteFromPrimitiveList/"

/* How the members of an object merge: by the fields of a schema, or all alike (the values of a map). */
struct shape {
	const struct schema *schema; /* NULL: unknown */
	const struct field *map;     /* the field whose map this is; NULL: it is a message */
};

static int merge_object(struct shape shape, struct json *target, const struct json *patch, struct err *err);

static const char *directive_of(const struct json *patch)
{
	return json_str(json_get(patch, DIRECTIVE), "merge");
}

static bool has_prefix(const char *key, const char *prefix)
{
	return !strncmp(key, prefix, strlen(prefix));
}

static bool is_directive(const char *key)
{
	return !strcmp(key, DIRECTIVE) || !strcmp(key, RETAIN_KEYS) || has_prefix(key, SET_ORDER) ||
	       has_prefix(key, DELETE_PRIMITIVES);
}

static const struct field *field_of(struct shape shape, const char *key)
{
	return !shape.map && shape.schema ? schema_field(shape.schema, span_of(key)) : NULL;
}

/* The shape of the object found under `key`. */
static struct shape shape_below(struct shape shape, const struct field *field)
{
	if (shape.map)
		return (struct shape){ .schema = shape.map->schema };
	if (!field)
		return (struct shape){ 0 };
	return (struct shape){ .schema = field->schema, .map = field->shape == FIELD_MAP ? field : NULL };
}

/* --- lists --- */

/* The one of `list` that is the same item as `item`: equal merge keys, or equal scalars. */
static bool find_item(const struct json *list, const struct json *item, const char *key, size_t *out)
{
	const struct json *want = key[0] && json_is(item, JSON_OBJECT) ? json_get(item, key) : item;

	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *other = json_at(list, i);

		if (key[0] && json_is(other, JSON_OBJECT))
			other = json_get(other, key);
		if (want && other && json_equal(other, want)) {
			*out = i;
			return true;
		}
	}
	return false;
}

static int delete_items(struct json *target, const struct json *item, const char *key)
{
	size_t at;

	while (find_item(target, item, key, &at))
		if (!json_remove_at(target, at))
			return -ENOMEM;
	return 0;
}

static int merge_item(struct shape shape, struct json *target, const struct json *item, const char *key,
		      struct err *err)
{
	size_t at;
	int code = 0;

	if (!find_item(target, item, key, &at)) {
		at = json_count(target);
		code = json_append(target, json_new_object());
	}
	return code ? code : merge_object(shape, json_at(target, at), item, err);
}

static int merge_objects(struct shape shape, struct json *target, const struct json *patch, const char *key,
			 struct err *err)
{
	int code = 0;

	for (size_t i = 0; !code && i < json_count(patch); i++) {
		const struct json *item = json_at(patch, i);
		const char *directive = directive_of(item);

		if (!json_is(item, JSON_OBJECT))
			return err_set(err, -EINVAL, "a list merged by \"%s\" must hold objects", key);
		if (!strcmp(directive, "replace"))
			continue;
		if (!json_get(item, key))
			return err_set(err, -EINVAL, "an item does not contain declared merge key: %s", key);
		if (!strcmp(directive, "delete"))
			code = delete_items(target, item, key);
		else if (!strcmp(directive, "merge"))
			code = merge_item(shape, target, item, key, err);
		else
			return err_set(err, -EINVAL, "unrecognized $patch directive: %.32s", directive);
	}
	return code;
}

static int merge_scalars(struct json *target, const struct json *patch)
{
	size_t at;
	int code = 0;

	for (size_t i = 0; !code && i < json_count(patch); i++)
		if (!find_item(target, json_at(patch, i), "", &at))
			code = json_append(target, json_copy(json_at(patch, i)));
	return code;
}

static bool replaces_list(const struct json *patch)
{
	for (size_t i = 0; i < json_count(patch); i++)
		if (!strcmp(directive_of(json_at(patch, i)), "replace"))
			return true;
	return false;
}

static bool is_merged_list(const struct field *field)
{
	return field && field->shape == FIELD_LIST && field->merge_key && !(field->flags & FIELD_ATOMIC);
}

/* `target` has the list already, empty when it is new. */
static int merge_list(const struct field *field, struct json *parent, const char *name,
		      const struct json *patch, struct err *err)
{
	struct json *target = json_get(parent, name);
	struct shape shape = { .schema = field->schema };
	int code = 0;

	if (!json_is(target, JSON_ARRAY) || replaces_list(patch)) {
		code = json_set(parent, name, json_new_array());
		target = json_get(parent, name);
	}
	if (code)
		return code;
	return field->merge_key[0] ? merge_objects(shape, target, patch, field->merge_key, err)
				   : merge_scalars(target, patch);
}

/* --- order --- */

/* The place of an item in a list of items or of their keys; the list's length when it is not there. */
static size_t place_in(const struct json *list, const struct json *item, const char *key)
{
	size_t at;

	return find_item(list, item, key, &at) ? at : json_count(list);
}

struct ordering {
	const struct json *order;  /* what the patch wants */
	const struct json *before; /* the list as it was on the server */
	const char *key;
	struct json *ordered,
		*others; /* items named in the order, in that order; and the rest, as they were */
};

/* All items under one merge key, of which there may be several (a port for TCP and for UDP). */
static int take_same(struct ordering *o, const struct json *list, const struct json *wanted)
{
	int code = 0;

	for (size_t i = 0; !code && i < json_count(list); i++) {
		const struct json *item = json_at(list, i);

		if (o->key[0] ? json_equal(json_get(item, o->key),
					   json_is(wanted, JSON_OBJECT) ? json_get(wanted, o->key) : wanted)
			      : json_equal(item, wanted))
			code = json_append(o->ordered, json_copy(item));
	}
	return code;
}

static int sort_named(struct ordering *o, const struct json *list)
{
	int code = 0;

	for (size_t i = 0; !code && i < json_count(o->order); i++)
		if (place_in(o->order, json_at(o->order, i), o->key) == i)
			code = take_same(o, list, json_at(o->order, i));
	for (size_t i = 0; !code && i < json_count(list); i++) {
		const struct json *item = json_at(list, i);

		if (place_in(o->order, item, o->key) == json_count(o->order))
			code = json_append(o->others, json_copy(item));
	}
	return code;
}

/* Two heads that the server knew both keep the server's order; otherwise the item only the server has goes
 * first. */
static bool takes_ordered(const struct ordering *o, const struct json *named, const struct json *other)
{
	size_t count = json_count(o->before);
	size_t a = place_in(o->before, named, o->key), b = place_in(o->before, other, o->key);

	return a < count && b < count && a < b;
}

static int weave(struct ordering *o, struct json *out)
{
	size_t i = 0, j = 0;
	int code = 0;

	while (!code && (i < json_count(o->ordered) || j < json_count(o->others))) {
		const struct json *named = json_at(o->ordered, i), *other = json_at(o->others, j);

		if (!other || (named && takes_ordered(o, named, other))) {
			code = json_append(out, json_copy(named));
			i++;
		} else {
			code = json_append(out, json_copy(other));
			j++;
		}
	}
	return code;
}

static int order_list(struct json *parent, const char *name, const char *key, const struct json *order,
		      const struct json *before)
{
	struct json *list = json_get(parent, name), *out = json_new_array();
	struct ordering o = { .order = order,
			      .before = before,
			      .key = key,
			      .ordered = json_new_array(),
			      .others = json_new_array() };
	int code = out && o.ordered && o.others ? 0 : -ENOMEM;

	if (!code)
		code = sort_named(&o, list);
	if (!code)
		code = weave(&o, out);
	json_free(o.ordered);
	json_free(o.others);
	if (code) {
		json_free(out);
		return code;
	}
	return json_set(parent, name, out);
}

/* --- objects --- */

static int delete_primitives(struct json *target, const char *name, const struct json *values,
			     struct err *err)
{
	struct json *list = json_get(target, name);
	int code = 0;

	if (!json_is(values, JSON_ARRAY))
		return err_set(err, -EINVAL, DELETE_PRIMITIVES "%.64s must be a list", name);
	for (size_t i = 0; !code && i < json_count(values); i++)
		code = delete_items(list, json_at(values, i), "");
	return code;
}

static int retain_keys(struct json *target, const struct json *keys, struct err *err)
{
	size_t at;

	if (!json_is(keys, JSON_ARRAY))
		return err_set(err, -EINVAL, RETAIN_KEYS " must be a list of keys");
	for (struct json_iter it = json_iter(target); json_next(&it);) {
		struct json *name = json_new_str(it.key);

		if (!name)
			return -ENOMEM;
		if (!find_item(keys, name, "", &at))
			(void)json_remove(target, it.key);
		json_free(name);
	}
	return 0;
}

static int empty_object(struct json *target)
{
	for (struct json_iter it = json_iter(target); json_next(&it);)
		(void)json_remove(target, it.key);
	return 0;
}

static int merge_member(struct shape shape, struct json *target, const char *key, const struct json *value,
			struct err *err)
{
	const struct field *field = field_of(shape, key);
	bool atomic = field && (field->flags & FIELD_ATOMIC);
	int code = 0;

	if (json_is(value, JSON_NULL)) {
		(void)json_remove(target, key);
		return 0;
	}
	if (json_is(value, JSON_ARRAY) && is_merged_list(field))
		return merge_list(field, target, key, value, err);
	if (!json_is(value, JSON_OBJECT))
		return json_set(target, key, json_copy(value));
	/* What is new is merged into nothing, so that directives and nulls do not stay behind. */
	if (atomic || !json_is(json_get(target, key), JSON_OBJECT))
		code = json_set(target, key, json_new_object());
	return code ? code : merge_object(shape_below(shape, field), json_get(target, key), value, err);
}

/* Directives that act before members are merged. */
static int prepare_object(struct json *target, const struct json *patch, struct err *err)
{
	const char *directive = directive_of(patch);
	int code = 0;

	if (json_get(patch, DIRECTIVE) && !json_is(json_get(patch, DIRECTIVE), JSON_STRING))
		return err_set(err, -EINVAL, "unrecognized $patch directive");
	if (!strcmp(directive, "replace") || !strcmp(directive, "delete"))
		code = empty_object(target);
	else if (strcmp(directive, "merge") != 0)
		return err_set(err, -EINVAL, "unrecognized $patch directive: %.32s", directive);
	if (!code && json_get(patch, RETAIN_KEYS))
		code = retain_keys(target, json_get(patch, RETAIN_KEYS), err);
	for (struct json_iter it = json_iter(patch); !code && json_next(&it);)
		if (has_prefix(it.key, DELETE_PRIMITIVES))
			code = delete_primitives(target, it.key + strlen(DELETE_PRIMITIVES), it.value, err);
	return code;
}

static int merge_members(struct shape shape, struct json *target, const struct json *patch, struct err *err)
{
	int code = 0;

	for (struct json_iter it = json_iter(patch); !code && json_next(&it);)
		if (!is_directive(it.key))
			code = merge_member(shape, target, it.key, it.value, err);
	return code;
}

/* The lists that the patch wants ordered, as they were before it. */
static int apply_orders(struct shape shape, struct json *target, const struct json *before,
			const struct json *patch, struct err *err)
{
	int code = 0;

	for (struct json_iter it = json_iter(patch); !code && json_next(&it);) {
		const char *name = it.key + strlen(SET_ORDER);
		const struct field *field;

		if (!has_prefix(it.key, SET_ORDER))
			continue;
		field = field_of(shape, name);
		if (!json_is(it.value, JSON_ARRAY))
			return err_set(err, -EINVAL, SET_ORDER "%.64s must be a list", name);
		if (is_merged_list(field) && json_is(json_get(target, name), JSON_ARRAY))
			code = order_list(target, name, field->merge_key, it.value, json_get(before, name));
	}
	return code;
}

static bool has_orders(const struct json *patch)
{
	for (struct json_iter it = json_iter(patch); json_next(&it);)
		if (has_prefix(it.key, SET_ORDER))
			return true;
	return false;
}

static int merge_object(struct shape shape, struct json *target, const struct json *patch, struct err *err)
{
	struct json *before = has_orders(patch) ? json_copy(target) : NULL;
	int code = prepare_object(target, patch, err);

	if (!code && has_orders(patch) && !before)
		code = -ENOMEM;
	if (!code && strcmp(directive_of(patch), "delete") != 0)
		code = merge_members(shape, target, patch, err);
	if (!code && before)
		code = apply_orders(shape, target, before, patch, err);
	json_free(before);
	return code;
}

int patch_strategic(const struct schema *schema, struct json **tree, const struct json *patch,
		    struct err *err)
{
	if (!json_is(patch, JSON_OBJECT) || !json_is(*tree, JSON_OBJECT))
		return err_set(err, -EINVAL, "a strategic merge patch must be a JSON object");
	return merge_object((struct shape){ .schema = schema }, *tree, patch, err);
}
