#include "cache/txn.h"

#include <errno.h>
#include <stdlib.h>

static bool is_key(const struct key *key)
{
	return key->resource && key->ns && key->name && key->resource[0] && key->name[0] &&
	       strlen(key->resource) + strlen(key->ns) + strlen(key->name) <= TXN_KEY_MAX;
}

/* What would later read as a damaged row must not get in. */
static bool is_object(const struct object *object)
{
	return object && is_key(&object->key) && object->uid && strlen(object->uid) <= TXN_KEY_MAX / 2 &&
	       pairs_valid(object->labels) && pairs_valid(object->fields) &&
	       (object->owners.len == 0 || object->owners.ptr[object->owners.len - 1] == '\0') &&
	       object->splice <= object->body.len;
}

static int check_op(const struct cache_op *op)
{
	switch ((int)op->type) {
	case CACHE_CREATE:
	case CACHE_UPDATE:
	case CACHE_PUT: return is_object(op->object) ? 0 : -EINVAL;
	case CACHE_DELETE:
	case CACHE_FORGET: return (op->object ? is_object(op->object) : is_key(&op->key)) ? 0 : -EINVAL;
	case CACHE_MARK:
		if (!op->mark || !op->mark[0] || strlen(op->mark) > TXN_KEY_MAX)
			return -EINVAL;
		return op->value.len > CACHE_MARK_MAX ? -EMSGSIZE : 0;
	case CACHE_FEED:
		return op->key.resource && op->key.resource[0] && strlen(op->key.resource) <= TXN_KEY_MAX
			       ? 0
			       : -EINVAL;
	case ENGINE_OP_QUARANTINE:
	case ENGINE_OP_RELEASE: return is_key(&op->key) ? 0 : -EINVAL;
	case ENGINE_OP_RESEAL:
	case ENGINE_OP_CLOSE_WINDOW: return 0;
	default: return -EINVAL;
	}
}

static size_t text_room(const char *s)
{
	return s ? strlen(s) + 1 : 0;
}

static size_t op_room(const struct cache_op *op)
{
	return text_room(op->key.resource) + text_room(op->key.ns) + text_room(op->key.name) +
	       text_room(op->if_uid) + text_room(op->mark) + op->value.len + 1;
}

static const char *put(char **at, const char *bytes, size_t len)
{
	char *start = *at;

	if (len)
		memcpy(start, bytes, len);
	*at += len;
	return start;
}

static const char *put_text(char **at, const char *s)
{
	return s ? put(at, s, strlen(s) + 1) : NULL;
}

static void copy_op(struct cache_op *to, const struct cache_op *from, char **at)
{
	*to = *from;
	to->key.resource = put_text(at, from->key.resource);
	to->key.ns = put_text(at, from->key.ns);
	to->key.name = put_text(at, from->key.name);
	to->if_uid = put_text(at, from->if_uid);
	to->mark = put_text(at, from->mark);
	if (from->value.ptr)
		to->value.ptr = put(at, from->value.ptr, from->value.len);
}

static void release_objects(const struct cache_op *ops, size_t count)
{
	for (size_t i = 0; i < count; i++)
		object_unref(ops[i].object);
}

static int check_ops(const struct cache_op *ops, size_t count, size_t *out_room)
{
	int code = count == 0 || count > CACHE_TXN_OPS_MAX ? -EINVAL : 0;

	*out_room = 0;
	for (size_t i = 0; i < count && code == 0; i++) {
		code = check_op(&ops[i]);
		if (code == 0)
			*out_room += op_room(&ops[i]);
	}
	return code;
}

int txn_new(const struct cache_op *ops, size_t count, cache_done_fn *done, void *ctx, struct txn **out)
{
	struct txn *txn = NULL;
	size_t room;
	char *at;
	int code = check_ops(ops, count, &room);

	if (code == 0) {
		/* One block: the transaction, its ops, room for its changes, and all texts. */
		txn = calloc(1, sizeof(*txn) +
					count * (sizeof(struct cache_op) + sizeof(struct engine_change)) +
					room);
		code = txn ? 0 : -ENOMEM;
	}
	if (code < 0) {
		release_objects(ops, count);
		return code;
	}
	txn->engine.ops = (struct cache_op *)(txn + 1);
	txn->engine.changes = (struct engine_change *)(txn->engine.ops + count);
	txn->engine.count = count;
	txn->done = done;
	txn->ctx = ctx;
	at = (char *)(txn->engine.changes + count);
	for (size_t i = 0; i < count; i++)
		copy_op(&txn->engine.ops[i], &ops[i], &at);
	*out = txn;
	return 0;
}

void txn_free(struct txn *txn)
{
	if (!txn)
		return;
	engine_txn_clear(&txn->engine);
	release_objects(txn->engine.ops, txn->engine.count);
	free(txn);
}

void engine_txn_clear(struct engine_txn *txn)
{
	for (size_t i = 0; i < txn->change_count; i++) {
		object_unref(txn->changes[i].object);
		object_unref(txn->changes[i].previous);
	}
	object_unref(txn->first);
	txn->first = NULL;
	txn->change_count = 0;
	txn->failed_op = 0;
	txn->revision = 0;
}
