#include "tests/sim/cloud.h"

#include <errno.h>
#include <stdlib.h>

#include <sqlite3.h>

#include "tests/sim/cloud_session.h"

#define DISK "disk-cloud"
#define LAG_MS_MAX 500u

struct key cloud_key(const char *text)
{
	static char copies[64][128];
	static unsigned at;
	char *copy = copies[at++ % 64];
	char *ns, *name;

	(void)snprintf(copy, sizeof(copies[0]), "%s", text);
	ns = strchr(copy, '/');
	assert_always(ns);
	*ns++ = '\0';
	name = strchr(ns, '/');
	assert_always(name);
	*name++ = '\0';
	return (struct key){ copy, ns, name };
}

static struct span text_of(const struct key *key, char out[128])
{
	int n = snprintf(out, 128, "%s/%s/%s", key->resource, key->ns, key->name);

	assert_always(n > 0 && n < 128);
	return span_make(out, (size_t)n);
}

/* --- the sets: which keys an edge's pods name --- */

static void set_add(struct cloud *cloud, unsigned node, const char *text, bool announce)
{
	struct cloud_set *set = &cloud->sets[node];
	uintptr_t count = (uintptr_t)map_get(&set->keys, span_of(text));
	struct key key = cloud_key(text);

	sim_check(cloud->sim, map_put(&set->keys, span_of(text), (void *)(count + 1), NULL) == 0,
		  "no memory");
	if (!count && announce && set->session)
		cloud_session_put(set->session, &key);
}

static void set_drop(struct cloud *cloud, unsigned node, const char *text, bool announce)
{
	struct cloud_set *set = &cloud->sets[node];
	uintptr_t count = (uintptr_t)map_get(&set->keys, span_of(text));
	struct key key = cloud_key(text);

	sim_check(cloud->sim, count > 0, "%s is not in the set of edge-%u", text, node);
	if (count > 1) {
		sim_check(cloud->sim, map_put(&set->keys, span_of(text), (void *)(count - 1), NULL) == 0,
			  "no memory");
		return;
	}
	(void)map_remove(&set->keys, span_of(text));
	if (announce && set->session && set->session->source)
		sim_check(cloud->sim, repl_source_leave(set->session->source, &key) == 0,
			  "repl_source_leave");
}

static void each_ref(struct cloud *cloud, const struct object *pod, bool add, bool announce)
{
	const char *node = pairs_get(pod->fields, "node"), *refs = pairs_get(pod->fields, "refs");
	struct span rest = span_of(refs ? refs : ""), one;
	uint64_t id = 0;
	char text[128];

	sim_check(cloud->sim, node && span_to_u64(span_of(node), &id) == 0, "pod without node");
	while (rest.len) {
		(void)span_cut(rest, ' ', &one, &rest);
		if (!one.len)
			continue;
		sim_check(cloud->sim, span_copy(one, text, sizeof(text)) == 0, "reference too long");
		if (add)
			set_add(cloud, (unsigned)id, text, announce);
		else
			set_drop(cloud, (unsigned)id, text, announce);
	}
}

static unsigned node_of(struct cloud *cloud, const struct object *pod)
{
	const char *node = pairs_get(pod->fields, "node");
	uint64_t id = 0;

	sim_check(cloud->sim, node && span_to_u64(span_of(node), &id) == 0, "pod without node");
	return (unsigned)id;
}

static bool is_pod(const struct object *object)
{
	return strcmp(object->key.resource, "pods") == 0;
}

static void on_pod(struct cloud *cloud, const struct change *change)
{
	const struct object *pod = change->object;
	struct cloud_set *set;
	char text[128];

	(void)text_of(&pod->key, text);
	if (change->type == CHANGE_DELETED || change->type == CHANGE_LEFT) {
		const struct object *last = change->previous ? change->previous : pod;

		set = &cloud->sets[node_of(cloud, last)];
		if (set->session && set->session->source)
			sim_check(cloud->sim,
				  repl_source_gone(set->session->source, &pod->key, pod->uid) == 0, "gone");
		(void)map_remove(&set->keys, span_of(text));
		each_ref(cloud, last, false, true);
		return;
	}
	set = &cloud->sets[node_of(cloud, pod)];
	each_ref(cloud, pod, true, true);
	sim_check(cloud->sim, map_put(&set->keys, span_of(text), (void *)1, NULL) == 0, "no memory");
	if (set->session && set->session->source)
		sim_check(cloud->sim,
			  repl_source_put(set->session->source, &pod->key, CLOUD_WORKLOAD, pod->uid,
					  change->revision) == 0,
			  "put");
	if (change->previous)
		each_ref(cloud, change->previous, false, true);
}

static void on_reference(struct cloud *cloud, const struct change *change)
{
	const struct key *key = &change->object->key;
	char text[128];
	struct span id = text_of(key, text);

	list_for_each(&cloud->sessions, node) {
		struct cloud_session *s = container_of(node, struct cloud_session, node);
		int err = 0;

		if (cloud->sets[s->edge->id].session != s || !s->source ||
		    !map_get(&cloud->sets[s->edge->id].keys, id))
			continue;
		if (change->type == CHANGE_DELETED)
			err = repl_source_gone(s->source, key, change->object->uid);
		else
			err = repl_source_put(s->source, key, cloud_rank(NULL, key->resource),
					      change->object->uid, change->revision);
		sim_check(cloud->sim, err == 0, "announcement: %d", err);
	}
}

static int on_change(void *ctx, const struct change *change)
{
	struct cloud *cloud = ctx;
	const char *where = pairs_get(change->object->fields, "node"),
		   *refs = pairs_get(change->object->fields, "refs");

	sim_log(cloud->sim, "cloud: %c %s %s at %llu node=%s refs=%s", "AMDL"[change->type],
		change -> object -> key.name, change->object->uid, (unsigned long long)change->revision,
		where ? where : "", refs ? refs : "");
	if (is_pod(change->object))
		on_pod(cloud, change);
	else
		on_reference(cloud, change);
	list_for_each(&cloud->sessions, node) {
		struct cloud_session *s = container_of(node, struct cloud_session, node);

		if (s->source)
			repl_source_position(s->source, change->revision);
	}
	if (!sim_chance(cloud->sim, cloud->lag_percent))
		return 0;
	sim_at(cloud->sim, &cloud->resume, cloud->sim->now_ms + 1 + sim_below(cloud->sim, LAG_MS_MAX));
	return 1;
}

static void on_resume(void *ctx)
{
	struct cloud *cloud = ctx;

	cache_watch_resume(cloud->watch);
	cloud_pump(cloud);
}

static int scan(void *ctx, struct object *object)
{
	struct cloud *cloud = ctx;
	char text[128];

	if (!is_pod(object))
		return 0;
	each_ref(cloud, object, true, false);
	return map_put(&cloud->sets[node_of(cloud, object)].keys, text_of(&object->key, text), (void *)1,
		       NULL);
}

/* --- life --- */

static void on_reboot(void *ctx)
{
	cloud_start(ctx);
}

void cloud_init(struct cloud *cloud, struct sim *sim)
{
	memset(cloud, 0, sizeof(*cloud));
	cloud->sim = sim;
	cloud->path = "/cloud.db";
	cloud->disk = faultyvfs_new(DISK, sim->seed);
	cloud->encoded = encode_cache_new(1 << 20);
	sim_check(sim, cloud->disk && cloud->encoded, "no memory");
	list_init(&cloud->sessions);
	map_init(&cloud->deleted, 10000000);
	map_init(&cloud->applied, 10000000);
	for (unsigned i = 0; i < CLOUD_EDGES_MAX; i++)
		map_init(&cloud->sets[i].keys, REPL_OBJECTS_MAX);
	cloud->resume = (struct sim_timer){ .fire = on_resume, .ctx = cloud };
	cloud->reboot = (struct sim_timer){ .fire = on_reboot, .ctx = cloud };
}

void cloud_start(struct cloud *cloud)
{
	struct cache_options options = { .path = cloud->path, .vfs = DISK, .inline_commits = true };
	struct cache_watch_events events = { .on_change = on_change };
	struct err err = { 0 };
	uint64_t revision;

	sim_check(cloud->sim, cache_open(&options, &cloud->cache, &err) == 0, "cloud: %s", err_text(&err));
	cloud->is_up = true;
	sim_check(cloud->sim, cache_list_all(cloud->cache, scan, cloud, &revision) == 0, "scan");
	sim_check(cloud->sim,
		  cache_watch_open(cloud->cache, NULL, NULL, revision, &events, cloud, &cloud->watch) == 0,
		  "watch");
}

static void tear_down(struct cloud *cloud)
{
	struct list_node *node;

	cloud->is_up = false;
	sim_cancel(cloud->sim, &cloud->resume);
	cache_watch_close(cloud->watch);
	cache_close(cloud->cache);
	while ((node = list_first(&cloud->sessions)))
		cloud_session_close(container_of(node, struct cloud_session, node));
	for (unsigned i = 0; i < CLOUD_EDGES_MAX; i++)
		map_done(&cloud->sets[i].keys, NULL);
}

void cloud_stop(struct cloud *cloud)
{
	if (cloud->is_up)
		tear_down(cloud);
}

void cloud_crash(struct cloud *cloud, uint64_t back_after_ms)
{
	if (!cloud->is_up)
		return;
	sim_log(cloud->sim, "the cloud loses power");
	faultyvfs_cut(cloud->disk);
	tear_down(cloud);
	(void)faultyvfs_disarm(cloud->disk);
	faultyvfs_power_on(cloud->disk);
	sim_at(cloud->sim, &cloud->reboot, cloud->sim->now_ms + back_after_ms);
}

void cloud_done(struct cloud *cloud)
{
	sim_cancel(cloud->sim, &cloud->reboot);
	cloud_stop(cloud);
	encode_cache_free(cloud->encoded);
	map_done(&cloud->deleted, NULL);
	map_done(&cloud->applied, NULL);
	faultyvfs_free(cloud->disk);
}

bool cloud_is_up(const struct cloud *cloud)
{
	return cloud->is_up;
}

void cloud_backup(struct cloud *cloud)
{
	sqlite3 *db = NULL;

	sim_check(cloud->sim,
		  sqlite3_open_v2(cloud->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI, DISK) ==
			  SQLITE_OK,
		  "backup");
	sim_check(cloud->sim,
		  sqlite3_exec(db, "VACUUM INTO 'file:/backup.db?vfs=" DISK "'", NULL, NULL, NULL) ==
			  SQLITE_OK,
		  "backup: %s", sqlite3_errmsg(db));
	(void)sqlite3_close(db);
	cloud->backup_deletions = cloud->deletions;
}

void cloud_restore(struct cloud *cloud)
{
	size_t at = 0;
	struct span uid;
	void *value;

	sim_check(cloud->sim, !cloud->is_up, "stop it first");
	cloud->path = "/backup.db";
	/* What was deleted after the backup was not, on this time line. */
	while (map_next(&cloud->deleted, &at, &uid, &value))
		if ((uintptr_t)value > cloud->backup_deletions)
			(void)map_remove(&cloud->deleted, uid);
	cloud_start(cloud);
}

/* --- writes --- */

static void on_written(void *ctx, const struct cache_result *result)
{
	*(int *)ctx = result->code;
}

static bool write_ops(struct cloud *cloud, struct cache_op *ops, size_t count)
{
	int code = 1;

	if (!cloud->is_up || cache_submit(cloud->cache, ops, count, on_written, &code))
		return false;
	cloud_pump(cloud);
	sim_check(cloud->sim, code <= 0, "a commit without an answer");
	return code == 0;
}

bool cloud_put(struct cloud *cloud, const char *text, const char *uid, unsigned node, const char *refs,
	       const char *body)
{
	struct cache_op op = { .type = CACHE_PUT };
	struct object from = { .key = cloud_key(text), .uid = uid, .body = span_of(body) };
	char number[16];
	struct buf fields;

	if (!cloud->is_up)
		return false;
	buf_init(&fields, 4096);
	(void)snprintf(number, sizeof(number), "%u", node);
	if (refs && (pairs_add(&fields, "node", number) || pairs_add(&fields, "refs", refs)))
		return false;
	from.fields = buf_span(&fields);
	op.object = object_new(&from);
	buf_done(&fields);
	return op.object && write_ops(cloud, &op, 1);
}

#define FILL_OPS 1000u

static struct object *filler(const char *prefix, unsigned node, unsigned i)
{
	char text[128], uid[64], number[16];
	struct object from = { .uid = uid, .body = SPAN("{\"spec\":\"of a pod\"}") };
	struct object *object = NULL;
	struct buf fields;

	(void)snprintf(text, sizeof(text), "%s%u", prefix, i);
	(void)snprintf(uid, sizeof(uid), "01234567-89ab-cdef-0123-%012u", i);
	(void)snprintf(number, sizeof(number), "%u", node);
	buf_init(&fields, 256);
	if (!pairs_add(&fields, "node", number) && !pairs_add(&fields, "refs", "")) {
		from.key = cloud_key(text);
		from.fields = buf_span(&fields);
		object = object_new(&from);
	}
	buf_done(&fields);
	return object;
}

bool cloud_fill(struct cloud *cloud, const char *prefix, unsigned node, unsigned count)
{
	struct cache_op *ops = calloc(FILL_OPS, sizeof(*ops));
	bool ok = ops != NULL;

	for (unsigned i = 0; ok && i < count; i += FILL_OPS) {
		unsigned n = count - i < FILL_OPS ? count - i : FILL_OPS;

		for (unsigned k = 0; k < n; k++)
			ops[k] =
				(struct cache_op){ .type = CACHE_PUT, .object = filler(prefix, node, i + k) };
		ok = write_ops(cloud, ops, n);
	}
	free(ops);
	return ok;
}

bool cloud_delete(struct cloud *cloud, const char *text)
{
	struct cache_op op = { .type = CACHE_DELETE, .key = cloud_key(text) };
	struct object *object;

	if (!cloud->is_up || cache_get(cloud->cache, &op.key, &object))
		return false;
	sim_check(cloud->sim,
		  map_put(&cloud->deleted, span_of(object->uid), (void *)(uintptr_t)++cloud->deletions,
			  NULL) == 0,
		  "no memory");
	object_unref(object);
	return write_ops(cloud, &op, 1);
}

void cloud_pump(struct cloud *cloud)
{
	if (!cloud->is_up)
		return;
	cache_dispatch(cloud->cache, sim_wall_ms(cloud->sim));
	list_for_each(&cloud->sessions, node) {
		struct cloud_session *s = container_of(node, struct cloud_session, node);

		if (session_wants_output(s->session))
			cloud_session_pump(s);
	}
}

struct wire_end *cloud_accept(struct cloud *cloud, const struct wire_options *options, struct edge *edge)
{
	return cloud_session_open(cloud, options, edge);
}

bool cloud_bulk(struct cloud *cloud, unsigned edge, const char *request)
{
	struct cloud_session *s = cloud->sets[edge].session;

	if (!s || s->bulk_count == CLOUD_BULKS_MAX ||
	    mux_open(session_mux(s->session), MUX_CLASS_BULK, span_of(request), NULL,
		     &s->bulks[s->bulk_count]))
		return false;
	s->bulk_count++;
	cloud_session_pump(s);
	return true;
}

/* --- what is known of the past --- */

bool cloud_was_deleted(const struct cloud *cloud, const char *uid)
{
	return map_get(&cloud->deleted, span_of(uid)) != NULL;
}

static struct span effect_id(const struct edge *edge, uint64_t sequence, char out[64])
{
	int n = snprintf(out, 64, "%s/%llu", edge->name, (unsigned long long)sequence);

	return span_make(out, (size_t)n);
}

void cloud_applied(struct cloud *cloud, const struct edge *edge, uint64_t sequence)
{
	char text[64];

	sim_check(cloud->sim, map_put(&cloud->applied, effect_id(edge, sequence, text), (void *)1, NULL) == 0,
		  "no memory");
}

bool cloud_has_applied(const struct cloud *cloud, const struct edge *edge, uint64_t sequence)
{
	char text[64];

	return !sequence || map_get(&cloud->applied, effect_id(edge, sequence, text)) != NULL;
}

/* --- checks --- */

bool cloud_edge_is_quiet(struct cloud *cloud, unsigned edge)
{
	struct cloud_session *s = cloud->sets[edge].session;
	struct repl_source_stats stats;

	if (!cloud->is_up || !s || !s->source)
		return false;
	repl_source_stats(s->source, &stats);
	return stats.synced;
}

struct check {
	struct cloud *cloud;
	const struct edge *edge;
	size_t rows;
};

static int check_row(void *ctx, struct object *row)
{
	struct check *check = ctx;
	struct cloud *cloud = check->cloud;
	struct object *object;
	char text[128];

	(void)text_of(&row->key, text);
	sim_check(cloud->sim, map_get(&cloud->sets[check->edge->id].keys, span_of(text)) != NULL,
		  "%s holds %s, which is not its own", check->edge->name, text);
	sim_check(cloud->sim, cache_get(cloud->cache, &row->key, &object) == 0, "%s holds %s, which is gone",
		  check->edge->name, text);
	sim_check(cloud->sim,
		  strcmp(object->uid, row->uid) == 0 && object->revision == row->origin &&
			  span_eq(object->body, row->body),
		  "%s holds %s at %llu, the cloud has %llu", check->edge->name, text,
		  (unsigned long long)row->origin, (unsigned long long)object->revision);
	object_unref(object);
	check->rows++;
	return 0;
}

void cloud_check_edge(struct cloud *cloud, const struct edge *edge)
{
	struct check check = { cloud, edge, 0 };
	size_t at = 0, wanted = 0;
	struct span text;
	void *value;

	sim_check(cloud->sim, cache_list_all(edge->cache, check_row, &check, NULL) == 0, "list");
	while (map_next(&cloud->sets[edge->id].keys, &at, &text, &value)) {
		struct object *object;
		char copy[128];
		struct key key;

		sim_check(cloud->sim, span_copy(text, copy, sizeof(copy)) == 0, "key too long");
		key = cloud_key(copy);
		if (cache_get(cloud->cache, &key, &object))
			continue;
		object_unref(object);
		wanted++;
	}
	sim_check(cloud->sim, wanted == check.rows, "%s holds %zu rows of %zu", edge->name, check.rows,
		  wanted);
	sim_check(cloud->sim, cache_feed(edge->cache, "pods") == FEED_COMPLETE, "%s: feed not complete",
		  edge->name);
}

struct release {
	struct cloud *cloud;
	struct cloud_session *session;
	unsigned count;
};

static int release_one(void *ctx, const struct key *key, const char *uid)
{
	struct release *r = ctx;

	if (strcmp(key->resource, "pods") != 0)
		return 0;
	sim_check(r->cloud->sim,
		  map_put(&r->cloud->deleted, span_of(uid), (void *)(uintptr_t)++r->cloud->deletions, NULL) ==
			  0,
		  "no memory");
	sim_check(r->cloud->sim, repl_source_release(r->session->source, key, uid) == 0, "release of %s",
		  key->name);
	r->count++;
	return 0;
}

unsigned cloud_release_orphans(struct cloud *cloud, struct edge *edge)
{
	struct release r = { cloud, cloud->sets[edge->id].session, 0 };

	repl_sink_orphans(edge->sink, release_one, &r);
	cloud_session_pump(r.session);
	return r.count;
}
