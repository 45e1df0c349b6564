#include "tunnel/replicate_sink.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bigend.h"
#include "tunnel/sink_batch.h"
#include "tunnel/sink_talk.h"

#define CURSOR_VERSION 1
#define CURSOR_SIZE (1 + CACHE_EPOCH_SIZE + 8 + 8)

struct cursor {
	bool known;
	uint8_t epoch[CACHE_EPOCH_SIZE];
	uint64_t position, watermark;
};

struct repl_sink {
	struct cache *cache;
	struct repl_sink_events events;
	void *ctx;
	struct sink_index index;
	struct cache_watch *watch;
	bool stale; /* the index missed something: scan again */

	struct cursor cursor, saved;
	Tunnel__Cursor hello;
	uint8_t hello_root[DIGEST_SIZE];

	struct mux *mux;
	struct sink_talk talk; /* what is to be said in this connection */
	struct sink_batch *incoming;
	struct list batches; /* whole, the first one maybe being committed */
	bool committing, failed;
	bool disowned;	    /* the batch being committed belongs to a connection that is gone */
	bool complete;	    /* the set was complete once in this connection */
	struct map damaged; /* key text -> "" : to be fetched again */
	struct repl_sink_stats stats;
};

static const struct mux_channel_ops sink_channel;
static void commit_next(struct repl_sink *sink);

/* --- what the replica holds --- */

static int on_change(void *ctx, const struct change *change)
{
	struct repl_sink *sink = ctx;
	bool here = change->type == CHANGE_ADDED || change->type == CHANGE_MODIFIED;
	int err = 0;

	if (here && change->object->origin)
		err = sink_index_set(&sink->index, &change->object->key, change->object->uid,
				     change->object->origin);
	else
		sink_index_remove(&sink->index, &change->object->key);
	if (err)
		sink->stale = true;
	return 0;
}

static void on_gone(void *ctx)
{
	struct repl_sink *sink = ctx;

	sink->watch = NULL;
	sink->stale = true;
}

static int scan_row(void *ctx, struct object *object)
{
	struct repl_sink *sink = ctx;

	if (!object->origin)
		return 0;
	if (sink_index_set(&sink->index, &object->key, object->uid, object->origin))
		sink->stale = true;
	return sink->stale;
}

static int scan_orphan(void *ctx, const char *mark, struct span value)
{
	struct repl_sink *sink = ctx;
	struct sink_row *row = map_get(&sink->index.rows, span_of(mark + strlen(REPL_SINK_ORPHAN_PREFIX)));

	if (row && span_is(value, row->uid))
		sink_index_mark(&sink->index, row, true);
	return 0;
}

static int scan(struct repl_sink *sink)
{
	static const struct cache_watch_events events = { on_change, on_gone };
	uint64_t revision = 0;
	int err;

	if (sink->watch)
		cache_watch_close(sink->watch);
	sink->watch = NULL;
	sink_index_done(&sink->index);
	sink_index_init(&sink->index);
	sink->stale = false;
	err = cache_list_all(sink->cache, scan_row, sink, &revision);
	if (!err && sink->stale)
		err = -ENOMEM;
	if (!err)
		err = cache_mark_list(sink->cache, REPL_SINK_ORPHAN_PREFIX, scan_orphan, sink);
	if (!err)
		err = cache_watch_open(sink->cache, NULL, NULL, revision, &events, sink, &sink->watch);
	sink->stale = err != 0;
	return err;
}

/* --- the cursor --- */

static void encode_cursor(const struct cursor *cursor, uint8_t out[CURSOR_SIZE])
{
	out[0] = CURSOR_VERSION;
	memcpy(out + 1, cursor->epoch, CACHE_EPOCH_SIZE);
	bigend_store(cursor->position, 8, out + 1 + CACHE_EPOCH_SIZE);
	bigend_store(cursor->watermark, 8, out + 1 + CACHE_EPOCH_SIZE + 8);
}

static int load_cursor(struct repl_sink *sink)
{
	struct buf value;
	int err;

	buf_init(&value, CACHE_MARK_MAX);
	err = cache_mark_get(sink->cache, REPL_SINK_CURSOR_MARK, &value);
	/* A cursor that makes no sense is none: the next comparison then trusts nothing. */
	if (!err && value.len == CURSOR_SIZE && value.data[0] == CURSOR_VERSION) {
		const uint8_t *p = (const uint8_t *)value.data + 1;

		sink->cursor.known = true;
		memcpy(sink->cursor.epoch, p, CACHE_EPOCH_SIZE);
		sink->cursor.position = bigend_load(p + CACHE_EPOCH_SIZE, 8);
		sink->cursor.watermark = bigend_load(p + CACHE_EPOCH_SIZE + 8, 8);
		sink->saved = sink->cursor;
	}
	buf_done(&value);
	return err == -ENOENT ? 0 : err;
}

/* The cursor as it is once the batch is committed. */
static struct cursor advance(const struct cursor *cursor, const Tunnel__BatchEnd *end)
{
	struct cursor next = *cursor;

	if (end->epoch.len) {
		bool same = next.known && memcmp(next.epoch, end->epoch.data, CACHE_EPOCH_SIZE) == 0;

		next.known = true;
		memcpy(next.epoch, end->epoch.data, CACHE_EPOCH_SIZE);
		if (!same || end->position > next.position)
			next.position = end->position;
	}
	if (end->complete)
		next.watermark = end->watermark;
	return next;
}

/* --- life --- */

int repl_sink_new(struct cache *cache, const struct repl_sink_events *events, void *ctx,
		  struct repl_sink **out)
{
	struct repl_sink *sink = calloc(1, sizeof(*sink));
	int err;

	if (!sink)
		return -ENOMEM;
	sink->cache = cache;
	if (events)
		sink->events = *events;
	sink->ctx = ctx;
	sink_index_init(&sink->index);
	list_init(&sink->batches);
	map_init(&sink->damaged, REPL_SINK_REFETCH_MAX);
	sink_talk_init(&sink->talk);
	err = load_cursor(sink);
	if (!err)
		err = scan(sink);
	if (err) {
		repl_sink_free(sink);
		return err;
	}
	*out = sink;
	return 0;
}

static void drop_batches(struct repl_sink *sink)
{
	struct list_node *node = list_first(&sink->batches);

	while (node) {
		struct list_node *next = list_next(&sink->batches, node);

		if (!sink->committing || node != list_first(&sink->batches)) {
			list_remove(&sink->batches, node);
			sink_batch_free(container_of(node, struct sink_batch, node));
		}
		node = next;
	}
	sink_batch_free(sink->incoming);
	sink->incoming = NULL;
}

void repl_sink_free(struct repl_sink *sink)
{
	if (!sink)
		return;
	assert_always(!sink->committing);
	repl_sink_detach(sink);
	if (sink->watch)
		cache_watch_close(sink->watch);
	sink_index_done(&sink->index);
	map_done(&sink->damaged, NULL);
	free(sink);
}

bool repl_sink_busy(const struct repl_sink *sink)
{
	return sink->committing;
}

int repl_sink_hello(struct repl_sink *sink, Tunnel__Hello *hello)
{
	int err;

	if (sink->committing)
		return -EBUSY;
	err = sink->stale ? scan(sink) : 0;
	if (err)
		return err;
	tunnel__cursor__init(&sink->hello);
	if (sink->cursor.known) {
		sink->hello.epoch.data = sink->cursor.epoch;
		sink->hello.epoch.len = CACHE_EPOCH_SIZE;
		sink->hello.position = sink->cursor.position;
	}
	digest_store(sink->index.root, sink->hello_root);
	sink->hello.root.data = sink->hello_root;
	sink->hello.root.len = DIGEST_SIZE;
	sink->hello.objects = (uint32_t)(sink->index.rows.count - sink->index.orphans);
	sink->hello.orphans = (uint32_t)sink->index.orphans;
	hello->cursor = &sink->hello;
	return 0;
}

void repl_sink_attach(struct repl_sink *sink, struct mux *mux)
{
	sink->mux = mux;
	sink->complete = false;
	sink_talk_start(&sink->talk, sink->index.orphans > 0);
	mux_set_channel(mux, MUX_REPLICATION, &sink_channel, sink);
}

void repl_sink_detach(struct repl_sink *sink)
{
	if (sink->mux)
		mux_set_channel(sink->mux, MUX_REPLICATION, NULL, NULL);
	sink->mux = NULL;
	sink->disowned = sink->committing;
	sink->complete = false;
	sink->failed = false;
	drop_batches(sink);
	sink_talk_stop(&sink->talk);
}

/* --- commits --- */

static struct sink_batch *first_batch(struct repl_sink *sink)
{
	struct list_node *node = list_first(&sink->batches);

	return node ? container_of(node, struct sink_batch, node) : NULL;
}

static void apply_effect(struct repl_sink *sink, const struct sink_op *op)
{
	struct sink_row *row = sink_index_find(&sink->index, &op->key);
	bool orphaned = op->effect == SINK_ORPHANED;
	char text[SINK_KEY_MAX];

	map_remove(&sink->damaged, sink_key(&op->key, text));
	sink->stats.puts += op->effect == SINK_WRITTEN || op->effect == SINK_ADOPTED;
	sink->stats.gone += op->kind == MSG_GONE && op->effect != SINK_NOTHING;
	sink->stats.left += op->kind == MSG_LEAVE && op->effect != SINK_NOTHING;
	if (op->effect != SINK_ORPHANED && op->effect != SINK_ADOPTED && op->effect != SINK_DROPPED)
		return;
	if (row)
		sink_index_mark(&sink->index, row, orphaned);
	if (sink->events.on_orphan)
		sink->events.on_orphan(sink->ctx, &op->key, row ? row->uid : "", orphaned);
}

/* The batch is durable, or there was nothing in it to make durable. */
static void finish_batch(struct repl_sink *sink, struct sink_batch *batch)
{
	uint64_t watermark = batch->end->watermark;
	bool complete = batch->end->complete;

	for (size_t i = 0; i < batch->count; i++)
		apply_effect(sink, &batch->ops[i]);
	sink->cursor = advance(&sink->cursor, batch->end);
	if (batch->end->n_feeds)
		map_done(&sink->damaged, NULL); /* a whole comparison leaves nothing to fetch */
	list_remove(&sink->batches, &batch->node);
	sink->stats.batches++;
	if (!sink->disowned && sink->mux) {
		sink_talk_ack(&sink->talk, batch->end->number);
		mux_kick(sink->mux, MUX_REPLICATION);
		sink->complete |= complete;
	}
	sink_batch_free(batch);
	if (complete && sink->events.on_synced)
		sink->events.on_synced(sink->ctx, watermark);
}

static void fail_batch(struct repl_sink *sink, int code)
{
	sink->failed = true;
	if (sink->events.on_failed)
		sink->events.on_failed(sink->ctx, code);
}

static void on_done(void *ctx, const struct cache_result *result)
{
	struct repl_sink *sink = ctx;
	struct sink_batch *batch = first_batch(sink);
	bool lost = result->code == -ENOENT || result->code == -ESTALE || result->code == -EEXIST;

	sink->committing = false;
	if (result->code == 0) {
		sink->saved = advance(&sink->cursor, batch->end);
		sink->stats.commits++;
		finish_batch(sink, batch);
	} else if (sink->disowned) {
		list_remove(&sink->batches, &batch->node);
		sink_batch_free(batch);
	} else if (!lost || ++batch->tries > REPL_SINK_RETRIES) {
		fail_batch(sink, result->code);
	}
	sink->disowned = false;
	if (!sink->failed)
		commit_next(sink);
}

static bool feed_is_repaired(const struct repl_sink *sink, const struct sink_batch *batch,
			     const char *resource)
{
	size_t cursor = 0, len = strlen(resource);
	struct span id;
	void *value;

	while (map_next(&sink->damaged, &cursor, &id, &value)) {
		bool here = false;

		if (id.len <= len || id.ptr[len] != '/' || memcmp(id.ptr, resource, len) != 0)
			continue;
		for (size_t i = 0; i < batch->count && !here; i++) {
			char text[SINK_KEY_MAX];

			here = span_eq(sink_key(&batch->ops[i].key, text), id);
		}
		if (!here)
			return false;
	}
	return true;
}

static int build_feeds(struct repl_sink *sink, const struct sink_batch *batch, struct sink_txn *txn)
{
	int err = 0;

	for (size_t i = 0; i < batch->end->n_feeds && !err; i++)
		err = sink_txn_feed(txn, sink->cache, batch->end->feeds[i]);
	for (size_t i = 0; i < batch->count && !err && sink->damaged.count; i++) {
		const char *resource = batch->ops[i].key.resource;

		if (cache_feed(sink->cache, resource) == FEED_DAMAGED &&
		    feed_is_repaired(sink, batch, resource))
			err = sink_txn_feed(txn, sink->cache, resource);
	}
	return err;
}

static int submit(struct repl_sink *sink, struct sink_batch *batch, struct sink_txn *txn)
{
	struct cursor next = advance(&sink->cursor, batch->end);
	uint8_t bytes[CURSOR_SIZE];
	int err;

	encode_cursor(&next, bytes);
	err = next.known
		      ? sink_txn_mark(txn, REPL_SINK_CURSOR_MARK, SPAN(""), span_make(bytes, sizeof(bytes)))
		      : 0;
	if (err)
		return err;
	err = cache_submit(sink->cache, txn->ops, txn->count, on_done, sink);
	txn->count = 0; /* the objects are the cache's, also when it refused */
	if (!err)
		sink->committing = true;
	return err;
}

static void commit_next(struct repl_sink *sink)
{
	struct sink_batch *batch;

	while (!sink->committing && !sink->failed && (batch = first_batch(sink))) {
		struct sink_txn txn;
		int err;

		sink_txn_init(&txn);
		err = sink_batch_build(batch, &sink->index, &sink->damaged, &txn);
		if (!err)
			err = build_feeds(sink, batch, &txn);
		if (!err && txn.count)
			err = submit(sink, batch, &txn);
		else if (!err)
			finish_batch(sink, batch);
		sink_txn_done(&txn);
		if (err)
			fail_batch(sink, err);
	}
}

void repl_sink_retry(struct repl_sink *sink)
{
	sink->failed = false;
	commit_next(sink);
}

/* --- saving --- */

struct saving {
	struct repl_sink *sink;
	struct cursor cursor;
	void (*done)(void *ctx, int code);
	void *ctx;
};

static void on_saved(void *ctx, const struct cache_result *result)
{
	struct saving *saving = ctx;

	if (result->code == 0)
		saving->sink->saved = saving->cursor;
	if (saving->done)
		saving->done(saving->ctx, result->code);
	free(saving);
}

int repl_sink_save(struct repl_sink *sink, void (*done)(void *ctx, int code), void *ctx)
{
	struct cache_op op = { .type = CACHE_MARK, .mark = REPL_SINK_CURSOR_MARK };
	uint8_t bytes[CURSOR_SIZE], saved[CURSOR_SIZE];
	struct saving *saving;
	int err;

	encode_cursor(&sink->cursor, bytes);
	encode_cursor(&sink->saved, saved);
	if (!sink->cursor.known || memcmp(bytes, saved, sizeof(bytes)) == 0)
		return 1;
	saving = malloc(sizeof(*saving));
	if (!saving)
		return -ENOMEM;
	*saving = (struct saving){ sink, sink->cursor, done, ctx };
	op.value = span_make(bytes, sizeof(bytes));
	err = cache_submit(sink->cache, &op, 1, on_saved, saving);
	if (err)
		free(saving);
	return err;
}

/* --- the conversation --- */

static int on_batch_end(struct repl_sink *sink, struct span bytes)
{
	void *message;
	int err;

	if (sink->batches.count >= REPL_SINK_BATCHES_MAX)
		return -EPROTO;
	if (!sink->incoming)
		sink->incoming = sink_batch_new();
	if (!sink->incoming)
		return -ENOMEM;
	err = message_decode(MSG_BATCH_END, bytes, &message);
	if (err)
		return err;
	sink->incoming->end = message;
	list_push(&sink->batches, &sink->incoming->node);
	sink->incoming = NULL;
	commit_next(sink);
	return 0;
}

static int on_op(struct repl_sink *sink, uint16_t kind, struct span bytes)
{
	if (!sink->incoming)
		sink->incoming = sink_batch_new();
	if (!sink->incoming)
		return -ENOMEM;
	if (sink->incoming->bytes + bytes.len > REPL_SINK_BATCH_BYTES_MAX)
		return -EMSGSIZE;
	return sink_batch_add(sink->incoming, kind, bytes);
}

static int on_message(void *ctx, uint16_t kind, struct span bytes)
{
	struct repl_sink *sink = ctx;

	switch (kind) {
	case MSG_PUT:
	case MSG_GONE:
	case MSG_LEAVE:
	case MSG_UNKNOWN: return on_op(sink, kind, bytes);
	case MSG_BATCH_END: return on_batch_end(sink, bytes);
	case MSG_BUCKET_DIGESTS:
	case MSG_ORPHAN_FETCH: {
		int err = sink_talk_on_message(&sink->talk, &sink->index, kind, bytes);

		mux_kick(sink->mux, MUX_REPLICATION);
		return err;
	}
	default: return message_known(kind) ? -EPROTO : 0;
	}
}

static int supply(void *ctx, struct mux_message *out)
{
	struct repl_sink *sink = ctx;

	return sink_talk_supply(&sink->talk, &sink->index, sink->cache, out);
}

static const struct mux_channel_ops sink_channel = { .on_message = on_message, .supply = supply };

void repl_sink_revision(struct repl_sink *sink, uint64_t revision)
{
	if (sink->complete && !sink->batches.count && revision > sink->cursor.position)
		sink->cursor.position = revision;
}

int repl_sink_refetch(struct repl_sink *sink, const struct key *key)
{
	char text[SINK_KEY_MAX];
	int err = map_put(&sink->damaged, sink_key(key, text), "", NULL);

	if (err)
		return err;
	/* Out of the digests, the next comparison finds it missing. */
	sink_index_remove(&sink->index, key);
	if (!sink->mux)
		return 0;
	err = sink_talk_refetch(&sink->talk, key);
	mux_kick(sink->mux, MUX_REPLICATION);
	return err;
}

bool repl_sink_synced(const struct repl_sink *sink)
{
	return sink->mux && sink->complete && !sink->batches.count && !sink->incoming;
}

bool repl_sink_is_orphan(const struct repl_sink *sink, const struct key *key)
{
	const struct sink_row *row = sink_index_find(&sink->index, key);

	return row && row->orphan;
}

void repl_sink_orphans(const struct repl_sink *sink,
		       int (*each)(void *ctx, const struct key *key, const char *uid), void *ctx)
{
	struct sink_row *row;
	size_t cursor = 0;

	while (sink_index_next(&sink->index, &cursor, &row))
		if (row->orphan && each(ctx, &row->key, row->uid))
			return;
}

void repl_sink_stats(const struct repl_sink *sink, struct repl_sink_stats *out)
{
	*out = sink->stats;
	out->rows = sink->index.rows.count;
	out->orphans = sink->index.orphans;
	out->refetching = sink->damaged.count;
	out->position = sink->cursor.position;
	out->watermark = sink->cursor.watermark;
}
