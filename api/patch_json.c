#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/patch.h"

#define POINTER_MAX 4096u

/* A JSON Pointer (RFC 6901), cut into its reference tokens, unescaped in place. */
struct pointer {
	char *text;
	const char *tokens[JSON_MAX_DEPTH + 1];
	size_t count;
};

static int unescape(char *token)
{
	char *to = token;

	for (const char *from = token; *from; from++) {
		if (*from != '~') {
			*to++ = *from;
			continue;
		}
		from++;
		if (*from != '0' && *from != '1')
			return -EINVAL;
		*to++ = *from == '0' ? '~' : '/';
	}
	*to = '\0';
	return 0;
}

static int pointer_parse(const struct json *value, struct pointer *out, struct err *err)
{
	struct span text = json_span(value);

	memset(out, 0, sizeof(*out));
	if (!json_is(value, JSON_STRING) || text.len > POINTER_MAX || memchr(text.ptr, '\0', text.len) ||
	    (text.len && text.ptr[0] != '/'))
		return err_set(err, -EINVAL, "a path must be a JSON pointer");
	out->text = span_dup(text);
	if (!out->text)
		return -ENOMEM;
	for (char *at = out->text[0] ? out->text : NULL; at;) {
		char *token = at + 1;

		if (out->count > JSON_MAX_DEPTH)
			return err_set(err, -E2BIG, "a path is deeper than %u levels", JSON_MAX_DEPTH);
		out->tokens[out->count++] = token;
		at = strchr(token, '/');
		if (at)
			*at = '\0';
	}
	for (size_t i = 0; i < out->count; i++)
		if (unescape((char *)out->tokens[i]))
			return err_set(err, -EINVAL, "a path holds a bad escape");
	return 0;
}

static void pointer_done(struct pointer *pointer)
{
	free(pointer->text);
}

/* "0", "12": no signs, no leading zeros. */
static int array_index(const char *token, size_t limit, size_t *out)
{
	uint64_t n;

	if ((token[0] == '0' && token[1]) || span_to_u64(span_of(token), &n) || n >= limit)
		return -EINVAL;
	*out = (size_t)n;
	return 0;
}

static struct json *child(struct json *parent, const char *token)
{
	size_t index;

	if (json_is(parent, JSON_OBJECT))
		return json_get(parent, token);
	if (!json_is(parent, JSON_ARRAY) || array_index(token, json_count(parent), &index))
		return NULL;
	return json_at(parent, index);
}

static struct json *find(struct json *root, const struct pointer *pointer, size_t depth)
{
	for (size_t i = 0; root && i < depth; i++)
		root = child(root, pointer->tokens[i]);
	return root;
}

static int no_such(struct err *err, const struct json *path)
{
	return err_set(err, -EINVAL, "the path \"%.128s\" does not exist", json_str(path, ""));
}

static int op_add(struct json **root, const struct pointer *at, struct json *value_take,
		  const struct json *path, struct err *err)
{
	struct json *parent = at->count ? find(*root, at, at->count - 1) : NULL;
	const char *last = at->count ? at->tokens[at->count - 1] : "";
	size_t index;

	if (!value_take)
		return -ENOMEM;
	if (!at->count) {
		json_free(*root);
		*root = value_take;
		return 0;
	}
	if (json_is(parent, JSON_OBJECT))
		return json_set(parent, last, value_take);
	if (json_is(parent, JSON_ARRAY) && !strcmp(last, "-"))
		return json_append(parent, value_take);
	if (json_is(parent, JSON_ARRAY) && !array_index(last, json_count(parent) + 1, &index))
		return json_insert(parent, index, value_take);
	json_free(value_take);
	return no_such(err, path);
}

static int op_remove(struct json **root, const struct pointer *at, const struct json *path, struct err *err)
{
	struct json *parent = at->count ? find(*root, at, at->count - 1) : NULL;
	const char *last = at->count ? at->tokens[at->count - 1] : "";
	size_t index;
	bool done = false;

	if (json_is(parent, JSON_OBJECT))
		done = json_remove(parent, last);
	else if (json_is(parent, JSON_ARRAY) && !array_index(last, json_count(parent), &index))
		done = json_remove_at(parent, index);
	return done ? 0 : no_such(err, path);
}

static int op_replace(struct json **root, const struct pointer *at, struct json *value_take,
		      const struct json *path, struct err *err)
{
	struct json *parent = at->count ? find(*root, at, at->count - 1) : NULL;
	size_t index;

	if (!value_take)
		return -ENOMEM;
	if (at->count && !find(*root, at, at->count)) {
		json_free(value_take);
		return no_such(err, path);
	}
	if (!json_is(parent, JSON_ARRAY))
		return op_add(root, at, value_take, path, err);
	if (array_index(at->tokens[at->count - 1], json_count(parent), &index)) {
		json_free(value_take);
		return no_such(err, path);
	}
	return json_replace(parent, index, value_take);
}

/* Copies could double a document with every op: what they add is bounded. */
static int copy_bounded(const struct json *value, size_t *budget, struct json **out, struct err *err)
{
	struct buf text;

	buf_init(&text, PATCH_COPY_BYTES_MAX);
	int code = json_write(value, &text);
	size_t size = text.len;

	buf_done(&text);
	if (code == -EMSGSIZE || (!code && size > *budget))
		return err_set(err, -E2BIG, "the copies of a patch add up to more than %u bytes",
			       PATCH_COPY_BYTES_MAX);
	if (code)
		return code;
	*budget -= size;
	*out = json_copy(value);
	return *out ? 0 : -ENOMEM;
}

static bool is_prefix(const struct pointer *a, const struct pointer *b)
{
	if (a->count >= b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->tokens[i], b->tokens[i]) != 0)
			return false;
	return true;
}

static int op_from(struct json **root, const struct json *op, const struct pointer *at, bool moves,
		   size_t *budget, struct err *err)
{
	const struct json *from_path = json_get(op, "from"), *path = json_get(op, "path");
	struct pointer from;
	struct json *value = NULL;
	int code = pointer_parse(from_path, &from, err);

	if (!code && moves && is_prefix(&from, at))
		code = err_set(err, -EINVAL, "a value cannot be moved into itself");
	if (!code) {
		const struct json *source = find(*root, &from, from.count);

		code = source ? copy_bounded(source, budget, &value, err) : no_such(err, from_path);
	}
	if (!code && moves && from.count)
		code = op_remove(root, &from, from_path, err);
	if (code)
		json_free(value);
	else
		code = op_add(root, at, value, path, err);
	pointer_done(&from);
	return code;
}

static int op_test(struct json *root, const struct json *op, const struct pointer *at, struct err *err)
{
	if (!json_equal(find(root, at, at->count), json_get(op, "value")))
		return err_set(err, -ESTALE, "testing value %.128s failed", json_path_str(op, "path", ""));
	return 0;
}

static int apply(struct json **root, const struct json *op, size_t *budget, struct err *err)
{
	const char *name = json_str(json_get(op, "op"), "");
	const struct json *path = json_get(op, "path"), *value = json_get(op, "value");
	struct pointer at;
	bool needs_value = !strcmp(name, "add") || !strcmp(name, "replace") || !strcmp(name, "test");
	int code = pointer_parse(path, &at, err);

	if (!code && needs_value && !value)
		code = err_set(err, -EINVAL, "the operation \"%s\" needs a value", name);
	if (code)
		;
	else if (!strcmp(name, "add"))
		code = op_add(root, &at, json_copy(value), path, err);
	else if (!strcmp(name, "replace"))
		code = op_replace(root, &at, json_copy(value), path, err);
	else if (!strcmp(name, "remove"))
		code = op_remove(root, &at, path, err);
	else if (!strcmp(name, "test"))
		code = op_test(*root, op, &at, err);
	else if (!strcmp(name, "move") || !strcmp(name, "copy"))
		code = op_from(root, op, &at, name[0] == 'm', budget, err);
	else
		code = err_set(err, -EINVAL, "unknown operation \"%.32s\"", name);
	pointer_done(&at);
	return code;
}

/* Moves and copies can nest what the parser would have refused. */
static bool is_deeper(const struct json *v, unsigned levels)
{
	for (size_t i = 0; json_is(v, JSON_ARRAY) && i < json_count(v); i++)
		if (!levels || is_deeper(json_at(v, i), levels - 1))
			return true;
	for (struct json_iter it = json_iter(v); json_next(&it);)
		if (!levels || is_deeper(it.value, levels - 1))
			return true;
	return false;
}

int patch_json(struct json **tree, const struct json *patch, struct err *err)
{
	size_t budget = PATCH_COPY_BYTES_MAX;
	int code = 0;

	if (!json_is(patch, JSON_ARRAY))
		return err_set(err, -EINVAL, "a JSON patch must be an array of operations");
	if (json_count(patch) > PATCH_OPS_MAX)
		return err_set(err, -E2BIG, "the allowed maximum operations in a JSON patch is %u, got %zu",
			       PATCH_OPS_MAX, json_count(patch));
	for (size_t i = 0; !code && i < json_count(patch); i++)
		code = apply(tree, json_at(patch, i), &budget, err);
	if (!code && is_deeper(*tree, JSON_MAX_DEPTH - 1))
		code = err_set(err, -E2BIG, "the patched object is deeper than %u levels", JSON_MAX_DEPTH);
	return code;
}
