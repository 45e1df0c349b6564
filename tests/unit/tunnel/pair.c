#include "tests/unit/tunnel/pair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <sqlite3.h>

#define WALL_MS 1700000000000

static const char *const feeds[] = { "namespaces", "configmaps", "secrets", "pods", NULL };
static const char disk_name[] = "pair-disk";

struct key pair_key(const char *text)
{
	static char copies[16][128];
	static unsigned at;
	char *copy = copies[at++ % 16];
	char *ns, *name;

	(void)snprintf(copy, sizeof(copies[0]), "%s", text);
	ns = strchr(copy, '/');
	assert_non_null(ns);
	*ns++ = '\0';
	name = strchr(ns, '/');
	assert_non_null(name);
	*name++ = '\0';
	return (struct key){ copy, ns, name };
}

static uint8_t rank_of(void *ctx, const char *resource)
{
	static const struct {
		const char *resource;
		uint8_t rank;
	} ranks[] = { { "namespaces", 1 }, { "configmaps", 3 }, { "secrets", 4 }, { "pods", PAIR_WORKLOAD } };

	for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++)
		if (strcmp(ranks[i].resource, resource) == 0)
			return ranks[i].rank;
	return PAIR_WORKLOAD;
}

static struct cache *open_store(const char *path)
{
	struct cache_options options = { .path = path, .vfs = disk_name, .inline_commits = true };
	struct err err = { 0 };
	struct cache *cache = NULL;

	if (cache_open(&options, &cache, &err))
		fail_msg("%s: %s", path, err_text(&err));
	return cache;
}

/* --- the edge --- */

static int on_edge_change(void *ctx, const struct change *change)
{
	struct pair *p = ctx;
	bool other = change->type == CHANGE_MODIFIED && change->previous && change->previous->uid &&
		     strcmp(change->previous->uid, change->object->uid) != 0;

	(void)buf_addf(&p->seen, "%c%s ", "AMDL"[change->type], other ? "U" : "");
	(void)key_text(&change->object->key, &p->seen);
	(void)buf_add_char(&p->seen, ' ');
	return 0;
}

static void on_synced(void *ctx, uint64_t revision)
{
	((struct pair *)ctx)->synced = revision;
}

static void on_failed(void *ctx, int code)
{
	((struct pair *)ctx)->failed = code;
}

static void open_edge(struct pair *p)
{
	static const struct cache_watch_events changes = { .on_change = on_edge_change };
	static const struct repl_sink_events events = { .on_synced = on_synced, .on_failed = on_failed };

	p->edge = open_store("/edge.db");
	assert_int_equal(cache_watch_open(p->edge, NULL, NULL, cache_revision(p->edge), &changes, p,
					  &p->watch),
			 0);
	assert_int_equal(repl_sink_new(p->edge, &events, p, &p->sink), 0);
}

static void close_edge(struct pair *p)
{
	cache_dispatch(p->edge, WALL_MS);
	repl_sink_free(p->sink);
	cache_watch_close(p->watch);
	cache_close(p->edge);
}

int pair_setup(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->disk = faultyvfs_new(disk_name, 1);
	assert_non_null(p->disk);
	p->encoded = encode_cache_new(1 << 20);
	assert_non_null(p->encoded);
	map_init(&p->set, 100000);
	buf_init(&p->seen, 64 << 20);
	buf_init(&p->orphans, 1 << 20);
	p->cloud_path = "/cloud.db";
	p->cloud = open_store(p->cloud_path);
	open_edge(p);
	*state = p;
	return 0;
}

int pair_teardown(void **state)
{
	struct pair *p = *state;

	pair_cut(p);
	close_edge(p);
	cache_close(p->cloud);
	faultyvfs_free(p->disk);
	encode_cache_free(p->encoded);
	map_done(&p->set, free);
	buf_done(&p->seen);
	buf_done(&p->orphans);
	free(p);
	return 0;
}

void pair_restart_edge(struct pair *p)
{
	pair_cut(p);
	close_edge(p);
	open_edge(p);
}

/* --- the cloud --- */

void pair_restart_cloud(struct pair *p)
{
	pair_cut(p);
	cache_close(p->cloud);
	p->cloud = open_store(p->cloud_path);
}

void pair_backup(struct pair *p)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(p->cloud_path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI,
					 disk_name),
			 SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "VACUUM INTO 'file:/backup.db?vfs=pair-disk'", NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

void pair_restore(struct pair *p)
{
	pair_cut(p);
	cache_close(p->cloud);
	p->cloud_path = "/backup.db";
	p->cloud = open_store(p->cloud_path);
}

static void tell_put(struct pair *p, const struct key *key)
{
	struct object *object;

	if (!p->connected || cache_get(p->cloud, key, &object))
		return;
	assert_int_equal(repl_source_put(p->source, key, rank_of(NULL, key->resource), object->uid,
					 object->revision),
			 0);
	object_unref(object);
	if (!p->lag)
		repl_source_position(p->source, cache_revision(p->cloud));
}

struct written {
	int code;
	uint64_t revision;
	bool called;
};

static void on_written(void *ctx, const struct cache_result *result)
{
	*(struct written *)ctx = (struct written){ result->code, result->revision, true };
}

static uint64_t run(struct pair *p, struct cache_op *op)
{
	struct written written = { 0 };

	assert_int_equal(cache_submit(p->cloud, op, 1, on_written, &written), 0);
	cache_dispatch(p->cloud, WALL_MS);
	assert_true(written.called);
	assert_int_equal(written.code, 0);
	return written.revision;
}

uint64_t pair_put(struct pair *p, const char *text, const char *uid, const char *body)
{
	char own_uid[128];
	struct object from = { .key = pair_key(text), .body = span_of(body) };
	struct cache_op op = { .type = CACHE_PUT };
	uint64_t revision;

	(void)snprintf(own_uid, sizeof(own_uid), "uid-%s", from.key.name);
	from.uid = uid ? uid : own_uid;
	op.object = object_new(&from);
	assert_non_null(op.object);
	revision = run(p, &op);
	if (map_get(&p->set, span_of(text)) && !p->lag)
		tell_put(p, &from.key);
	return revision;
}

#define FILL_OPS 1000u

void pair_fill(struct pair *p, const char *prefix, unsigned count, const char *body)
{
	struct cache_op *ops = calloc(FILL_OPS, sizeof(*ops));
	unsigned used = 0;

	assert_non_null(ops);
	assert_false(p->connected);
	for (unsigned i = 0; i < count; i++) {
		struct written written = { 0 };
		char text[128], uid[128];
		struct object from = { .uid = uid, .body = span_of(body) };

		(void)snprintf(text, sizeof(text), "%s%u", prefix, i);
		from.key = pair_key(text);
		(void)snprintf(uid, sizeof(uid), "uid-%s", from.key.name);
		ops[used++] = (struct cache_op){ .type = CACHE_PUT, .object = object_new(&from) };
		pair_enter(p, text);
		if (used < FILL_OPS && i + 1 < count)
			continue;
		assert_int_equal(cache_submit(p->cloud, ops, used, on_written, &written), 0);
		cache_dispatch(p->cloud, WALL_MS);
		assert_true(written.called && written.code == 0);
		used = 0;
	}
	free(ops);
}

void pair_announce(struct pair *p, const char *text)
{
	struct key key = pair_key(text);

	tell_put(p, &key);
}

void pair_delete(struct pair *p, const char *text)
{
	struct cache_op op = { .type = CACHE_DELETE, .key = pair_key(text) };
	struct object *object;
	char uid[128];

	assert_int_equal(cache_get(p->cloud, &op.key, &object), 0);
	(void)snprintf(uid, sizeof(uid), "%s", object->uid);
	object_unref(object);
	(void)run(p, &op);
	if (p->connected && map_get(&p->set, span_of(text)))
		assert_int_equal(repl_source_gone(p->source, &op.key, uid), 0);
	if (p->connected)
		repl_source_position(p->source, cache_revision(p->cloud));
}

void pair_enter(struct pair *p, const char *text)
{
	struct key key = pair_key(text);

	if (!map_get(&p->set, span_of(text)))
		assert_int_equal(map_put(&p->set, span_of(text), span_dup(span_of(text)), NULL), 0);
	tell_put(p, &key);
}

void pair_leave(struct pair *p, const char *text)
{
	struct key key = pair_key(text);

	free(map_remove(&p->set, span_of(text)));
	if (p->connected)
		assert_int_equal(repl_source_leave(p->source, &key), 0);
}

static int source_get(void *ctx, const struct key *key, struct object **out)
{
	struct pair *p = ctx;

	if (p->unreadable && strcmp(key->name, p->unreadable) == 0)
		return p->get_code;
	return cache_get(p->cloud, key, out);
}

static struct blob *source_encode(void *ctx, const struct object *object)
{
	return encode_cache_put(((struct pair *)ctx)->encoded, object);
}

static void on_watermark(void *ctx, uint64_t watermark)
{
	((struct pair *)ctx)->watermark = watermark;
}

static bool on_orphan(void *ctx, const struct key *key, const char *uid, uint64_t revision)
{
	struct pair *p = ctx;

	(void)buf_add_str(&p->orphans, "ORPHAN ");
	(void)key_text(key, &p->orphans);
	(void)buf_addf(&p->orphans, " %s ", uid);
	return true;
}

static void on_orphan_object(void *ctx, const struct object *object)
{
	struct pair *p = ctx;

	(void)buf_add_str(&p->orphans, "OBJECT ");
	(void)key_text(&object->key, &p->orphans);
	(void)buf_addf(&p->orphans, " %.*s ", SPAN_ARG(object->body));
}

/* --- the session --- */

static int open_source(struct pair *p, const Tunnel__Cursor *cursor)
{
	struct repl_source_options options = {
		.cursor = cursor,
		.epoch = cache_epoch(p->cloud),
		.feeds = feeds,
		.workload_rank = PAIR_WORKLOAD,
		.rank_of = rank_of,
		.mux = p->cloud_mux,
		.get = source_get,
		.encode = source_encode,
		.on_watermark = on_watermark,
		.on_orphan = on_orphan,
		.on_orphan_object = on_orphan_object,
		.ctx = p,
	};
	size_t at = 0;
	struct span text;
	void *value;
	int err;

	err = cursor->epoch.len ? cache_epoch_check(p->cloud, cursor->epoch.data, cursor->position) : -ESTALE;
	if (err && err != -ESTALE)
		return err;
	options.unbroken = err == 0;
	err = repl_source_new(&options, &p->source);
	if (err)
		return err;
	mux_set_channel(p->cloud_mux, MUX_REPLICATION, &repl_source_channel, p->source);
	while (!err && map_next(&p->set, &at, &text, &value)) {
		struct key key = pair_key(value);
		struct object *object;

		err = cache_get(p->cloud, &key, &object);
		if (err) {
			err = err == -ENOENT || err == -EBADMSG ? 0 : err;
			continue;
		}
		err = repl_source_put(p->source, &key, rank_of(NULL, key.resource), object->uid,
				      object->revision);
		object_unref(object);
	}
	return err ? err : repl_source_ready(p->source, cache_revision(p->cloud));
}

static int greet(struct pair *p)
{
	Tunnel__Hello hello = TUNNEL__HELLO__INIT;
	struct blob *bytes;
	void *heard;
	int err = repl_sink_hello(p->sink, &hello);

	if (err)
		return err;
	hello.version_min = hello.version_max = 1;
	hello.node = (char *)"edge";
	bytes = message_blob(MSG_HELLO, &hello);
	if (!bytes)
		return -ENOMEM;
	p->up = blob_span(bytes).len;
	p->down = 0;
	err = message_decode(MSG_HELLO, blob_span(bytes), &heard);
	blob_unref(bytes);
	if (err)
		return err;
	err = open_source(p, ((Tunnel__Hello *)heard)->cursor);
	message_free(MSG_HELLO, heard);
	if (!err)
		repl_sink_attach(p->sink, p->edge_mux);
	return err;
}

int pair_try_connect(struct pair *p)
{
	struct mux_options edge = { .dialer = true }, cloud = { 0 };
	int err;

	assert_false(p->connected);
	p->connected = true;
	p->edge_mux = p->cloud_mux = NULL;
	err = mux_new(&edge, &p->edge_mux);
	if (!err)
		err = mux_new(&cloud, &p->cloud_mux);
	if (!err)
		err = greet(p);
	if (err)
		pair_cut(p);
	return err;
}

void pair_connect(struct pair *p)
{
	assert_int_equal(pair_try_connect(p), 0);
}

void pair_cut(struct pair *p)
{
	if (!p->connected)
		return;
	repl_sink_detach(p->sink);
	if (p->cloud_mux)
		mux_set_channel(p->cloud_mux, MUX_REPLICATION, NULL, NULL);
	repl_source_free(p->source);
	p->source = NULL;
	mux_free(p->edge_mux);
	mux_free(p->cloud_mux);
	p->connected = false;
}

/* How many bytes went over, or a negative errno. */
static int try_carry(struct mux *from, struct mux *to, uint64_t *count)
{
	struct buf bytes;
	int err, len;

	buf_init(&bytes, MUX_RECORD_MAX);
	err = mux_output(from, &bytes, MUX_RECORD_MAX);
	len = (int)bytes.len;
	*count += bytes.len;
	if (!err)
		err = mux_input(to, buf_span(&bytes));
	buf_done(&bytes);
	return err ? err : len;
}

static size_t carry(struct mux *from, struct mux *to, uint64_t *count)
{
	int moved = try_carry(from, to, count);

	assert_true(moved >= 0);
	return (size_t)moved;
}

int pair_try(struct pair *p)
{
	int moved = 1;

	p->failed = 0;
	while (moved > 0) {
		int back;

		moved = try_carry(p->cloud_mux, p->edge_mux, &p->down);
		cache_dispatch(p->edge, WALL_MS);
		back = moved >= 0 ? try_carry(p->edge_mux, p->cloud_mux, &p->up) : 0;
		moved = back < 0 ? back : moved + (back > 0);
		if (p->failed)
			moved = p->failed;
	}
	if (moved < 0)
		pair_cut(p);
	return moved;
}

void pair_step(struct pair *p, unsigned records)
{
	while (records--) {
		(void)carry(p->cloud_mux, p->edge_mux, &p->down);
		cache_dispatch(p->edge, WALL_MS);
		(void)carry(p->edge_mux, p->cloud_mux, &p->up);
	}
}

void pair_step_uncommitted(struct pair *p, unsigned records)
{
	while (records--) {
		(void)carry(p->cloud_mux, p->edge_mux, &p->down);
		(void)carry(p->edge_mux, p->cloud_mux, &p->up);
	}
}

void pair_settle(struct pair *p)
{
	size_t moved = 1;

	while (moved) {
		moved = carry(p->cloud_mux, p->edge_mux, &p->down);
		cache_dispatch(p->edge, WALL_MS);
		moved += carry(p->edge_mux, p->cloud_mux, &p->up);
	}
}

/* --- what came of it --- */

const char *pair_seen(struct pair *p)
{
	static char text[1 << 16];

	(void)snprintf(text, sizeof(text), "%s", buf_cstr(&p->seen));
	buf_reset(&p->seen);
	return text;
}

const char *pair_orphans(struct pair *p)
{
	static char text[1 << 16];

	(void)snprintf(text, sizeof(text), "%s", buf_cstr(&p->orphans));
	buf_reset(&p->orphans);
	return text;
}

bool pair_has(struct pair *p, const char *text)
{
	struct key key = pair_key(text);
	struct object *object;
	int code = cache_get(p->edge, &key, &object);

	if (code == 0)
		object_unref(object);
	return code == 0;
}

static int check_row(void *ctx, struct object *object)
{
	struct pair *p = ctx;
	struct object *origin;
	struct buf text;

	buf_init(&text, 1024);
	assert_int_equal(key_text(&object->key, &text), 0);
	assert_non_null(map_get(&p->set, buf_span(&text)));
	buf_done(&text);
	assert_int_equal(cache_get(p->cloud, &object->key, &origin), 0);
	assert_string_equal(object->uid, origin->uid);
	assert_int_equal(object->origin, origin->revision);
	assert_true(span_eq(object->body, origin->body));
	object_unref(origin);
	return 0;
}

void pair_check_equal(struct pair *p)
{
	struct cache_stats edge;
	size_t at = 0, count = 0;
	struct span text;
	void *value;

	assert_int_equal(cache_list_all(p->edge, check_row, p, NULL), 0);
	while (map_next(&p->set, &at, &text, &value)) {
		struct key key = pair_key(value);
		struct object *object;

		if (cache_get(p->cloud, &key, &object))
			continue;
		object_unref(object);
		assert_true(pair_has(p, value));
		count++;
	}
	cache_stats(p->edge, &edge);
	assert_int_equal(edge.objects, count);
	for (size_t i = 0; feeds[i]; i++)
		assert_int_equal(cache_feed(p->edge, feeds[i]), FEED_COMPLETE);
}

uint64_t pair_edge_commits(struct pair *p)
{
	struct cache_stats stats;

	cache_stats(p->edge, &stats);
	return stats.commits;
}
