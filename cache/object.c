#include "cache/object.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"

/* The public part first, then every string and span it points to, in one allocation. */
struct object_block {
	struct object object;
	atomic_uint refs;
	char data[];
};

static struct object_block *block_of(const struct object *object)
{
	return container_of((struct object *)object, struct object_block, object);
}

bool key_eq(const struct key *a, const struct key *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->ns, b->ns) == 0 &&
	       strcmp(a->resource, b->resource) == 0;
}

int key_cmp(const struct key *a, const struct key *b)
{
	int order = strcmp(a->resource, b->resource);

	if (order == 0)
		order = strcmp(a->ns, b->ns);
	return order ? order : strcmp(a->name, b->name);
}

int key_text(const struct key *key, struct buf *out)
{
	return buf_addf(out, "%s/%s/%s", key->resource, key->ns, key->name);
}

/* The NUL-terminated string at *cursor, which moves past it; NULL when the span ends first. */
static const char *packed_string(struct span packed, size_t *cursor)
{
	const char *start, *end;

	if (*cursor >= packed.len)
		return NULL;
	start = packed.ptr + *cursor;
	end = memchr(start, '\0', packed.len - *cursor);
	if (!end)
		return NULL;
	*cursor = (size_t)(end - packed.ptr) + 1;
	return start;
}

bool pairs_next(struct span packed, size_t *cursor, const char **out_key, const char **out_value)
{
	size_t at = *cursor;
	const char *key = packed_string(packed, &at);
	const char *value = key ? packed_string(packed, &at) : NULL;

	if (!value)
		return false;
	*cursor = at;
	*out_key = key;
	*out_value = value;
	return true;
}

const char *pairs_get(struct span packed, const char *key)
{
	const char *k, *value;
	size_t cursor = 0;

	while (pairs_next(packed, &cursor, &k, &value))
		if (strcmp(k, key) == 0)
			return value;
	return NULL;
}

bool pairs_valid(struct span packed)
{
	const char *key, *value, *last = NULL;
	size_t cursor = 0;

	while (pairs_next(packed, &cursor, &key, &value)) {
		if (last && strcmp(last, key) >= 0)
			return false;
		last = key;
	}
	return cursor == packed.len;
}

int pairs_add(struct buf *packed, const char *key, const char *value)
{
	size_t before = packed->len;
	int code = buf_add(packed, key, strlen(key) + 1);

	if (code == 0)
		code = buf_add(packed, value, strlen(value) + 1);
	if (code < 0)
		packed->len = before; /* never half a pair */
	return code;
}

static const char *put_bytes(char **at, const char *ptr, size_t len)
{
	char *start = *at;

	if (len)
		memcpy(start, ptr, len);
	start[len] = '\0';
	*at += len + 1;
	return start;
}

static const char *put_string(char **at, const char *s)
{
	return put_bytes(at, s, s ? strlen(s) : 0);
}

static struct span put_span(char **at, struct span s)
{
	return span_make(put_bytes(at, s.ptr, s.len), s.len);
}

static size_t string_room(const char *s)
{
	return (s ? strlen(s) : 0) + 1;
}

struct object *object_new(const struct object *from)
{
	size_t room = string_room(from->key.resource) + string_room(from->key.ns) +
		      string_room(from->key.name) + string_room(from->uid) + from->labels.len +
		      from->fields.len + from->owners.len + from->body.len + 4;
	struct object_block *block = malloc(sizeof(*block) + room);
	char *at;

	if (!block)
		return NULL;
	at = block->data;
	block->object = *from;
	atomic_init(&block->refs, 1);
	block->object.key.resource = put_string(&at, from->key.resource);
	block->object.key.ns = put_string(&at, from->key.ns);
	block->object.key.name = put_string(&at, from->key.name);
	block->object.uid = put_string(&at, from->uid);
	block->object.labels = put_span(&at, from->labels);
	block->object.fields = put_span(&at, from->fields);
	block->object.owners = put_span(&at, from->owners);
	block->object.body = put_span(&at, from->body);
	return &block->object;
}

struct object *object_ref(const struct object *object)
{
	struct object_block *block = block_of(object);

	atomic_fetch_add_explicit(&block->refs, 1, memory_order_relaxed);
	return &block->object;
}

void object_unref(const struct object *object)
{
	if (object && atomic_fetch_sub_explicit(&block_of(object)->refs, 1, memory_order_acq_rel) == 1)
		free(block_of(object));
}

struct object *object_stamp(struct object *object_take, uint64_t revision)
{
	struct object copy = *object_take;
	struct object *stamped;

	/* With the only reference in hand nobody else can look, so no copy is needed. */
	if (atomic_load_explicit(&block_of(object_take)->refs, memory_order_acquire) == 1) {
		object_take->revision = revision;
		return object_take;
	}
	copy.revision = revision;
	stamped = object_new(&copy);
	object_unref(object_take);
	return stamped;
}

bool object_same(const struct object *a, const struct object *b)
{
	return span_eq(a->body, b->body) && a->generation == b->generation && a->origin == b->origin &&
	       a->splice == b->splice && strcmp(a->uid, b->uid) == 0 && span_eq(a->labels, b->labels) &&
	       span_eq(a->fields, b->fields) && span_eq(a->owners, b->owners) && key_eq(&a->key, &b->key);
}

void object_parts(const struct object *object, char scratch[48], struct span out[3])
{
	size_t at = object->splice <= object->body.len ? object->splice : 0;
	bool is_only_member = at < object->body.len && object->body.ptr[at] == '}';
	int len = at == 0 ? 0
			  : snprintf(scratch, 48, "\"resourceVersion\":\"%llu\"%s",
				     (unsigned long long)object->revision, is_only_member ? "" : ",");

	out[0] = span_make(object->body.ptr, at);
	out[1] = span_make(scratch, len > 0 ? (size_t)len : 0);
	out[2] = span_make(object->body.ptr + at, object->body.len - at);
}

int object_write(const struct object *object, struct buf *out)
{
	struct span parts[3];
	char scratch[48];
	size_t before = out->len;
	int code = 0;

	object_parts(object, scratch, parts);
	for (int i = 0; i < 3 && code == 0; i++)
		code = buf_add_span(out, parts[i]);
	if (code < 0)
		out->len = before;
	return code;
}
