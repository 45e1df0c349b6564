/* Damage: rows whose checksum fails are kept apart by key until they are written again. Readers find them;
 * the writer looks for itself before it records one, since a reader may have seen a passing failure. */
#include <errno.h>
#include <stdlib.h>

#include "cache/service.h"

struct damaged {
	struct list_node node; /* in fresh */
	struct cache *cache;
	bool is_waiting; /* the writer has been asked */
	bool is_mended;	 /* written while the writer was being asked: freed by its answer */
	struct key key;
	char text[]; /* "resource/ns/name", then the key's own strings */
};

static struct damaged *damaged_new(struct cache *cache, const struct key *key)
{
	size_t resource = strlen(key->resource) + 1, ns = strlen(key->ns) + 1, name = strlen(key->name) + 1;
	struct damaged *d = calloc(1, sizeof(*d) + resource + ns + name);

	if (!d)
		return NULL;
	d->cache = cache;
	memcpy(d->text, key->resource, resource);
	memcpy(d->text + resource, key->ns, ns);
	memcpy(d->text + resource + ns, key->name, name);
	d->key = (struct key){ d->text, d->text + resource, d->text + resource + ns };
	return d;
}

static int map_key(const struct key *key, struct buf *out)
{
	buf_init(out, 2 * TXN_KEY_MAX);
	return key_text(key, out);
}

static void forget(struct damaged *d)
{
	struct damage *damage = &d->cache->damage;
	struct buf text;

	if (map_key(&d->key, &text) == 0)
		(void)map_remove(&damage->keys, buf_span(&text));
	buf_done(&text);
	list_remove(&damage->fresh, &d->node);
	if (d->is_waiting)
		d->is_mended = true;
	else
		free(d);
}

static void add(struct cache *cache, const struct key *key, bool is_fresh)
{
	struct damage *damage = &cache->damage;
	struct damaged *d = NULL;
	struct buf text;
	int code = map_key(key, &text);

	if (code == 0 && map_get(&damage->keys, buf_span(&text))) {
		buf_done(&text);
		return;
	}
	if (code == 0) {
		d = damaged_new(cache, key);
		code = d ? map_put(&damage->keys, buf_span(&text), d, NULL) : -ENOMEM;
	}
	buf_done(&text);
	if (code != 0) {
		free(d);
		damage->is_widespread = true;
	} else if (is_fresh) {
		list_push(&damage->fresh, &d->node);
		if (cache->wake)
			cache->wake(cache->wake_ctx);
	}
}

void damage_found(void *ctx, const struct key *key)
{
	struct cache *cache = ctx;

	if (key)
		add(cache, key, true);
	else
		cache->damage.closes_window = true;
}

void damage_pages(struct cache *cache)
{
	cache->damage.is_widespread = true;
}

void damage_healed(struct cache *cache, const struct key *key)
{
	struct damaged *d;
	struct buf text;

	if (cache->damage.keys.count == 0)
		return;
	d = map_key(key, &text) == 0 ? map_get(&cache->damage.keys, buf_span(&text)) : NULL;
	buf_done(&text);
	if (d)
		forget(d);
}

bool damage_has(const struct cache *cache, const char *resource)
{
	size_t cursor = 0;
	struct span text;
	void *value;

	if (cache->damage.is_widespread)
		return true;
	while (cache->damage.keys.count && map_next(&cache->damage.keys, &cursor, &text, &value))
		if (strcmp(((struct damaged *)value)->key.resource, resource) == 0)
			return true;
	return false;
}

/* --- recording --- */

int cache_submit_own(struct cache *cache, const struct cache_op *op, cache_done_fn *done, void *ctx)
{
	struct txn *txn;
	int code = txn_new(op, 1, done, ctx, &txn);

	if (code < 0)
		return code;
	code = writer_submit(cache->writer, txn, true);
	if (code < 0)
		txn_free(txn);
	return code;
}

static void on_recorded(void *ctx, const struct cache_result *result)
{
	struct damaged *d = ctx;

	d->is_waiting = false;
	if (d->is_mended)
		free(d);
	else if (result->code == -ENOENT) /* the writer reads it well, or it is gone */
		forget(d);
}

static void report_one(struct cache *cache, struct damaged *d)
{
	struct cache_op op = { .type = (enum cache_op_type)ENGINE_OP_QUARANTINE, .key = d->key };

	/* In a store that takes no more writes the damage is only remembered. */
	d->is_waiting = cache_submit_own(cache, &op, on_recorded, d) == 0;
	if (cache->damage.on_damaged)
		cache->damage.on_damaged(cache->damage.ctx, &d->key);
}

void damage_report(struct cache *cache)
{
	struct cache_op close_window = { .type = (enum cache_op_type)ENGINE_OP_CLOSE_WINDOW };
	size_t turns = cache->damage.fresh.count;
	struct list_node *node;

	while (turns-- > 0 && (node = list_pop(&cache->damage.fresh)))
		report_one(cache, container_of(node, struct damaged, node));
	if (cache->damage.closes_window)
		cache->damage.closes_window = cache_submit_own(cache, &close_window, NULL, NULL) == -ENOMEM;
}

/* --- at the start and the end --- */

static int load_one(void *ctx, const struct key *key)
{
	add(ctx, key, false);
	return 0;
}

/* What reads well again leaves the quarantine. */
static void look_again(struct cache *cache, struct damaged *d)
{
	struct cache_op op = { .type = (enum cache_op_type)ENGINE_OP_RELEASE, .key = d->key };
	struct object *object = NULL;
	int code = cache->engine->type->get(cache->engine, &d->key, &object);

	if (code != 0 && code != -ENOENT)
		return;
	object_unref(object);
	if (cache_submit_own(cache, &op, NULL, NULL) == 0)
		forget(d);
}

int damage_init(struct cache *cache)
{
	size_t cursor = 0;
	struct span text;
	void *value;
	int code;

	map_init(&cache->damage.keys, CACHE_QUARANTINE_MAX);
	list_init(&cache->damage.fresh);
	buf_init(&cache->damage.cursor, 2 * TXN_KEY_MAX);
	code = cache->engine->type->quarantined(cache->engine, load_one, cache);
	while (code == 0 && map_next(&cache->damage.keys, &cursor, &text, &value))
		look_again(cache, value);
	return code;
}

void damage_done(struct cache *cache)
{
	map_done(&cache->damage.keys, free);
	buf_done(&cache->damage.cursor);
}

size_t cache_verify(struct cache *cache, size_t rows)
{
	size_t checked = 0;

	if (cache->engine->type->verify(cache->engine, &cache->damage.cursor, rows, &checked) == -EBADMSG)
		damage_pages(cache);
	return checked;
}

void cache_on_damaged(struct cache *cache, void (*fn)(void *ctx, const struct key *key), void *ctx)
{
	cache->damage.on_damaged = fn;
	cache->damage.ctx = ctx;
}
