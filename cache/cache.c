#include "cache/service.h"

#include <errno.h>
#include <stdlib.h>

#define OR_DEFAULT(value, otherwise) ((value) ? (value) : (otherwise))

/* --- opening --- */

static int start(struct cache *cache, const struct cache_options *options, struct err *err)
{
	struct engine_options engine = { .cache = options, .on_damaged = damage_found, .ctx = cache };
	struct writer_options writer = {
		.queue_max = OR_DEFAULT(options->queue_max, CACHE_QUEUE_MAX),
		.is_inline = options->inline_commits,
		.has_ballast = options->ballast_bytes > 0,
		.wake = options->wake,
		.wake_ctx = options->wake_ctx,
	};
	int code = engine_sqlite.open(&engine, &cache->engine, &cache->state, err);

	if (code < 0)
		return code;
	writer.engine = cache->engine;
	writer.state = cache->state;
	code = writer_new(&writer, &cache->writer);
	if (code < 0)
		return err_set(err, code, "%s: starting the writer: %s", options->path, strerror(-code));
	watches_init(&cache->watches, cache->engine, cache->state.revision);
	cache->watches.wake = options->wake;
	cache->watches.wake_ctx = options->wake_ctx;
	code = damage_init(cache);
	return code < 0 ? err_set(err, code, "%s: reading its quarantine: %s", options->path, strerror(-code))
			: 0;
}

int cache_open(const struct cache_options *options, struct cache **out, struct err *err)
{
	struct cache *cache = calloc(1, sizeof(*cache));
	int code;

	if (!cache)
		return err_set(err, -ENOMEM, "out of memory");
	cache->log_max_age_ms = OR_DEFAULT(options->log_max_age_ms, CACHE_LOG_AGE_MS);
	cache->is_inline = options->inline_commits;
	cache->wake = options->wake;
	cache->wake_ctx = options->wake_ctx;
	code = start(cache, options, err);
	if (code < 0)
		cache_close(cache);
	else
		*out = cache;
	return code;
}

/* --- delivering --- */

static void deliver_changes(struct cache *cache, const struct engine_txn *txn)
{
	for (size_t i = 0; i < txn->change_count; i++) {
		const struct engine_change *from = &txn->changes[i];
		struct change change = { .type = from->type,
					 .revision = from->object->revision,
					 .object = from->object,
					 .previous = from->previous };

		damage_healed(cache, &from->object->key);
		watches_tell(&cache->watches, &change);
	}
}

static void complete(struct txn *txn)
{
	struct cache_result result = { .code = txn->engine.code,
				       .failed_op = txn->engine.failed_op,
				       .revision = txn->engine.revision,
				       .object = txn->engine.first };

	if (txn->done)
		txn->done(txn->ctx, &result);
}

/* The transactions of one commit: all changes, then all completions. */
static void deliver_group(struct cache *cache, struct list *group, const struct engine_state *state)
{
	struct list_node *node;

	watches_begin(&cache->watches, state->revision);
	list_for_each(group, each)
		deliver_changes(cache, &container_of(each, struct txn, node)->engine);
	watches_end(&cache->watches);
	while ((node = list_pop(group))) {
		struct txn *txn = container_of(node, struct txn, node);

		complete(txn);
		txn_free(txn);
	}
}

static void deliver(struct cache *cache)
{
	struct list finished, group;
	struct list_node *node;

	writer_take(cache->writer, &finished);
	list_init(&group);
	while ((node = list_pop(&finished))) {
		struct txn *txn = container_of(node, struct txn, node);
		bool is_end = txn->is_group_end;
		struct engine_state state = txn->state;

		list_push(&group, node);
		if (is_end)
			deliver_group(cache, &group, &state);
	}
}

/* --- care --- */

static void snapshot_take(struct snapshot *s, struct engine *engine)
{
	s->code = engine->type->snapshot(engine, s->path);
	atomic_store_explicit(&s->is_done, true, memory_order_release);
}

static void *snapshot_thread(void *ctx)
{
	struct cache *cache = ctx;
	void (*wake)(void *) = cache->wake;
	void *wake_ctx = cache->wake_ctx;

	snapshot_take(&cache->snapshot, cache->engine);
	if (wake)
		wake(wake_ctx);
	return NULL;
}

static void snapshot_finish(struct cache *cache, bool wait)
{
	struct snapshot *s = &cache->snapshot;

	if (!s->is_running)
		return;
	if (cache->is_inline)
		snapshot_take(s, cache->engine);
	if (!wait && !atomic_load_explicit(&s->is_done, memory_order_acquire))
		return;
	if (s->has_thread)
		(void)pthread_join(s->thread, NULL);
	s->has_thread = s->is_running = false;
	free(s->path);
	s->path = NULL;
	if (s->done)
		s->done(s->ctx, s->code);
}

int cache_snapshot(struct cache *cache, const char *path, void (*done)(void *ctx, int code), void *ctx)
{
	struct snapshot *s = &cache->snapshot;
	int error = 0;

	if (s->is_running)
		return -EBUSY;
	s->path = strdup(path);
	if (!s->path)
		return -ENOMEM;
	s->done = done;
	s->ctx = ctx;
	atomic_store(&s->is_done, false);
	if (!cache->is_inline) {
		error = pthread_create(&s->thread, NULL, snapshot_thread, cache);
		s->has_thread = error == 0;
	} else if (cache->wake) {
		cache->wake(cache->wake_ctx);
	}
	s->is_running = error == 0;
	if (error) {
		free(s->path);
		s->path = NULL;
	}
	return -error;
}

/* A store that falls quiet has its log compacted once more, late, and then no commit ever again. */
static bool needs_care(struct cache *cache, int64_t now_wall_ms, const struct writer_status *status)
{
	return !status->read_only &&
	       (status->disk_full || status->wants_tending ||
		cache->state.oldest_wall_ms <= now_wall_ms - 2 * (int64_t)cache->log_max_age_ms);
}

void cache_dispatch(struct cache *cache, int64_t now_wall_ms)
{
	struct writer_status status;

	assert_always(!cache->is_dispatching);
	cache->is_dispatching = true;
	cache->now_wall_ms = now_wall_ms;
	writer_status(cache->writer, &status);
	cache->state = status.state;
	if (needs_care(cache, now_wall_ms, &status))
		writer_care(cache->writer);
	writer_run(cache->writer, now_wall_ms);
	deliver(cache);
	if (watches_catch_up(&cache->watches) && cache->wake)
		cache->wake(cache->wake_ctx);
	damage_report(cache);
	snapshot_finish(cache, false);
	writer_status(cache->writer, &status);
	cache->state = status.state;
	cache->is_dispatching = false;
}

void cache_close(struct cache *cache)
{
	if (!cache)
		return;
	cache->is_closing = true;
	if (cache->writer) {
		writer_run(cache->writer, cache->now_wall_ms);
		writer_stop(cache->writer);
		deliver(cache);
		snapshot_finish(cache, true);
		watches_done(&cache->watches);
		damage_done(cache);
		writer_free(cache->writer);
	}
	if (cache->engine)
		cache->engine->type->close(cache->engine);
	free(cache);
}

/* --- transactions --- */

int cache_submit(struct cache *cache, struct cache_op *ops, size_t count, cache_done_fn *done, void *ctx)
{
	struct txn *txn;
	int code;

	for (size_t i = 0; i < count; i++)
		if (ops[i].type > CACHE_OP_LAST) {
			ops[i].type = CACHE_OP_LAST + 1000; /* not one of the service's own */
		}
	code = txn_new(ops, count, done, ctx, &txn);
	if (code < 0)
		return code;
	code = cache->is_closing ? -ESHUTDOWN : writer_submit(cache->writer, txn, false);
	if (code < 0)
		txn_free(txn);
	return code;
}

int cache_reseal(struct cache *cache, uint64_t after, cache_done_fn *done, void *ctx)
{
	struct cache_op op = { .type = (enum cache_op_type)ENGINE_OP_RESEAL, .if_revision = after };

	return cache->is_closing ? -ESHUTDOWN : cache_submit_own(cache, &op, done, ctx);
}

struct cache_op cache_op_feed(const char *resource, enum feed_state state)
{
	return (struct cache_op){ .type = CACHE_FEED, .key = { .resource = resource }, .feed = state };
}

/* --- time lines, figures --- */

uint64_t cache_revision(const struct cache *cache)
{
	return cache->watches.published;
}

uint64_t cache_oldest(const struct cache *cache)
{
	return cache->state.oldest;
}

const uint8_t *cache_epoch(const struct cache *cache)
{
	return cache->state.epoch;
}

int cache_epoch_check(struct cache *cache, const uint8_t epoch[CACHE_EPOCH_SIZE], uint64_t position)
{
	uint64_t first = 0, next = 0, newest = 0, oldest = 0;
	int code = cache->engine->type->epoch(cache->engine, epoch, &first, &next);

	if (code == 0)
		code = cache->engine->type->state(cache->engine, &newest, &oldest);
	if (code < 0)
		return code;
	return position <= (next ? next - 1 : newest) ? 0 : -ESTALE;
}

void cache_stats(const struct cache *cache, struct cache_stats *out)
{
	struct writer_status status;

	writer_status(cache->writer, &status);
	*out = (struct cache_stats){
		.commits = status.state.commits,
		.transactions = status.transactions,
		.objects = status.state.objects,
		.log_rows = status.state.revision - status.state.oldest,
		.log_bytes = status.state.log_bytes,
		.quarantined = cache->damage.keys.count,
		.queue_length = status.pending,
		.read_only = status.read_only,
		.disk_full = status.disk_full,
		.recovered = status.state.is_recovered,
	};
}

int cache_watch_open(struct cache *cache, const char *resource, const char *ns, uint64_t after,
		     const struct cache_watch_events *events, void *ctx, struct cache_watch **out)
{
	return watches_open(&cache->watches, resource, ns, after, events, ctx, out);
}
