#include "tunnel/sink_batch.h"

#include <errno.h>
#include <stdlib.h>

#include "tunnel/replicate_sink.h"

struct sink_batch *sink_batch_new(void)
{
	return calloc(1, sizeof(struct sink_batch));
}

void sink_batch_free(struct sink_batch *batch)
{
	if (!batch)
		return;
	for (size_t i = 0; i < batch->count; i++) {
		object_unref(batch->ops[i].object);
		message_free(batch->ops[i].kind, batch->ops[i].message);
	}
	free(batch->ops);
	message_free(MSG_BATCH_END, batch->end);
	free(batch);
}

static struct key key_of(uint16_t kind, const void *message)
{
	switch (kind) {
	case MSG_GONE: return message_key(((const Tunnel__Gone *)message)->key);
	case MSG_LEAVE: return message_key(((const Tunnel__Leave *)message)->key);
	default: return message_key(((const Tunnel__Unknown *)message)->key);
	}
}

int sink_batch_add(struct sink_batch *batch, uint16_t kind, struct span bytes)
{
	struct sink_op op = { .kind = kind };
	int err;

	if (batch->count == SINK_BATCH_OPS_MAX)
		return -ENOSPC;
	if (batch->count == batch->cap) {
		size_t cap = batch->cap ? 2 * batch->cap : 8;
		struct sink_op *ops = realloc(batch->ops, cap * sizeof(*ops));

		if (!ops)
			return -ENOMEM;
		batch->ops = ops;
		batch->cap = cap;
	}
	err = message_decode(kind, bytes, &op.message);
	if (err)
		return err;
	if (kind == MSG_PUT) {
		op.object = message_put_object(op.message);
		message_free(kind, op.message);
		op.message = NULL;
		if (!op.object)
			return -ENOMEM;
		op.key = op.object->key;
	} else {
		op.key = key_of(kind, op.message);
	}
	batch->ops[batch->count++] = op;
	batch->bytes += bytes.len;
	return 0;
}

/* --- transactions --- */

void sink_txn_init(struct sink_txn *txn)
{
	memset(txn, 0, sizeof(*txn));
}

void sink_txn_done(struct sink_txn *txn)
{
	for (size_t i = 0; i < txn->count; i++)
		object_unref(txn->ops[i].object);
	for (size_t i = 0; i < txn->text_count; i++)
		free(txn->texts[i]);
	free(txn->ops);
	free(txn->texts);
	sink_txn_init(txn);
}

static int add_op(struct sink_txn *txn, struct cache_op op)
{
	if (txn->count == txn->cap) {
		size_t cap = txn->cap ? 2 * txn->cap : 16;
		struct cache_op *ops = realloc(txn->ops, cap * sizeof(*ops));

		if (!ops) {
			object_unref(op.object);
			return -ENOMEM;
		}
		txn->ops = ops;
		txn->cap = cap;
	}
	txn->ops[txn->count++] = op;
	return 0;
}

/* The text lives as long as the transaction. */
static int keep_text(struct sink_txn *txn, char *text)
{
	if (!text)
		return -ENOMEM;
	if (txn->text_count == txn->text_cap) {
		size_t cap = txn->text_cap ? 2 * txn->text_cap : 8;
		char **texts = realloc(txn->texts, cap * sizeof(*texts));

		if (!texts) {
			free(text);
			return -ENOMEM;
		}
		txn->texts = texts;
		txn->text_cap = cap;
	}
	txn->texts[txn->text_count++] = text;
	return 0;
}

int sink_txn_mark(struct sink_txn *txn, const char *prefix, struct span name, struct span value)
{
	struct cache_op op = { .type = CACHE_MARK, .value = value };
	struct buf text;
	int err;

	buf_init(&text, 2 * SINK_KEY_MAX);
	buf_add_str(&text, prefix);
	buf_add_span(&text, name);
	buf_add_char(&text, '\0');
	err = buf_error(&text);
	if (!err)
		err = keep_text(txn, buf_take(&text, NULL));
	buf_done(&text);
	if (err)
		return err;
	op.mark = txn->texts[txn->text_count - 1];
	return add_op(txn, op);
}

int sink_txn_feed(struct sink_txn *txn, struct cache *cache, const char *resource)
{
	if (cache_feed(cache, resource) == FEED_COMPLETE)
		return 0;
	return add_op(txn, cache_op_feed(resource, FEED_COMPLETE));
}

/* A row as it will be when the ops so far are done. */
struct state {
	const char *uid; /* NULL: no row */
	bool orphan;
};

struct build {
	const struct sink_index *index;
	const struct map *damaged;
	struct sink_txn *txn;
	struct map changed; /* key text -> struct state inside `states` */
	struct state *states;
	size_t state_count;
};

static int state_of(struct build *build, const struct key *key, struct state **out)
{
	char text[SINK_KEY_MAX];
	struct span id = sink_key(key, text);
	struct state *state = map_get(&build->changed, id);
	const struct sink_row *row;

	if (!state) {
		row = sink_index_find(build->index, key);
		state = &build->states[build->state_count++];
		*state = (struct state){ row ? row->uid : NULL, row && row->orphan };
		*out = state;
		return map_put(&build->changed, id, state, NULL);
	}
	*out = state;
	return 0;
}

static int mark_orphan(struct build *build, const struct key *key, struct span value)
{
	char text[SINK_KEY_MAX];

	return sink_txn_mark(build->txn, REPL_SINK_ORPHAN_PREFIX, sink_key(key, text), value);
}

static int build_put(struct build *build, struct sink_op *op, struct state *state)
{
	struct cache_op put = { .type = CACHE_PUT, .object = object_ref(op->object) };
	int err = add_op(build->txn, put);

	op->effect = state->orphan ? SINK_ADOPTED : SINK_WRITTEN;
	if (!err && state->orphan)
		err = mark_orphan(build, &op->key, span_make(NULL, 0));
	*state = (struct state){ op->object->uid, false };
	return err;
}

/* A removal by the cloud; `uid` NULL for one that is no deletion. */
static int build_removal(struct build *build, struct sink_op *op, struct state *state, const char *uid,
			 bool released)
{
	struct cache_op removal = { .type = uid ? CACHE_DELETE : CACHE_FORGET, .key = op->key };
	char text[SINK_KEY_MAX];
	int err;

	if (!state->uid) {
		/* A damaged row has no place in the index, but its remains have to go. */
		removal.type = CACHE_FORGET;
		return map_get(build->damaged, sink_key(&op->key, text)) ? add_op(build->txn, removal) : 0;
	}
	/* Orphans go by decision only, and a tombstone is for one uid only. */
	if ((state->orphan && !released) || (uid && uid[0] && strcmp(uid, state->uid) != 0))
		return 0;
	if (uid)
		removal.if_uid = state->uid;
	err = add_op(build->txn, removal);
	if (!err && state->orphan)
		err = mark_orphan(build, &op->key, span_make(NULL, 0));
	op->effect = state->orphan ? SINK_DROPPED : SINK_REMOVED;
	*state = (struct state){ NULL, false };
	return err;
}

static int build_unknown(struct build *build, struct sink_op *op, struct state *state)
{
	const Tunnel__Unknown *m = op->message;

	if (!state->uid || state->orphan || strcmp(state->uid, m->uid) != 0)
		return 0;
	op->effect = SINK_ORPHANED;
	state->orphan = true;
	return mark_orphan(build, &op->key, span_of(m->uid));
}

static int build_op(struct build *build, struct sink_op *op)
{
	struct state *state;
	int err = state_of(build, &op->key, &state);

	op->effect = SINK_NOTHING;
	if (err)
		return err;
	switch (op->kind) {
	case MSG_PUT: return build_put(build, op, state);
	case MSG_GONE: {
		const Tunnel__Gone *m = op->message;

		return build_removal(build, op, state, m->uid, m->released);
	}
	case MSG_LEAVE:
		return build_removal(build, op, state, NULL, ((const Tunnel__Leave *)op->message)->released);
	default: return build_unknown(build, op, state);
	}
}

int sink_batch_build(struct sink_batch *batch, const struct sink_index *index, const struct map *damaged,
		     struct sink_txn *txn)
{
	struct build build = { .index = index, .damaged = damaged, .txn = txn };
	int err = 0;

	if (!batch->count)
		return 0;
	build.states = calloc(batch->count, sizeof(*build.states));
	if (!build.states)
		return -ENOMEM;
	map_init(&build.changed, batch->count);
	for (size_t i = 0; i < batch->count && !err; i++)
		err = build_op(&build, &batch->ops[i]);
	map_done(&build.changed, NULL);
	free(build.states);
	return err;
}
