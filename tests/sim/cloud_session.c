#include "tests/sim/cloud_session.h"

#include <errno.h>
#include <stdlib.h>

static const char *const feeds[] = { "configmaps", "secrets", "pods", NULL };

uint8_t cloud_rank(void *ctx, const char *resource)
{
	if (strcmp(resource, "configmaps") == 0)
		return 3;
	return strcmp(resource, "secrets") == 0 ? 4 : CLOUD_WORKLOAD;
}

/* --- replication --- */

static int source_get(void *ctx, const struct key *key, struct object **out)
{
	struct cloud_session *s = ctx;

	return cache_get(s->cloud->cache, key, out);
}

static struct blob *source_encode(void *ctx, const struct object *object)
{
	struct cloud_session *s = ctx;

	return encode_cache_put(s->cloud->encoded, object);
}

static bool on_orphan(void *ctx, const struct key *key, const char *uid, uint64_t revision)
{
	struct cloud_session *s = ctx;

	s->cloud->orphans_seen++;
	return false;
}

void cloud_session_put(struct cloud_session *s, const struct key *key)
{
	struct object *object;

	if (!s->source || cache_get(s->cloud->cache, key, &object))
		return;
	sim_check(s->cloud->sim,
		  repl_source_put(s->source, key, cloud_rank(NULL, key->resource), object->uid,
				  object->revision) == 0,
		  "repl_source_put");
	object_unref(object);
}

static void open_source(struct cloud_session *s, const Tunnel__Cursor *cursor)
{
	struct cloud *cloud = s->cloud;
	struct repl_source_options options = {
		.cursor = cursor,
		.epoch = cache_epoch(cloud->cache),
		.feeds = feeds,
		.workload_rank = CLOUD_WORKLOAD,
		.rank_of = cloud_rank,
		.mux = session_mux(s->session),
		.get = source_get,
		.encode = source_encode,
		.on_orphan = on_orphan,
		.ctx = s,
	};
	struct repl_source_stats stats;
	struct span text;
	void *value;
	size_t at = 0;

	options.unbroken = cursor->epoch.len &&
			   cache_epoch_check(cloud->cache, cursor->epoch.data, cursor->position) == 0;
	sim_check(cloud->sim, repl_source_new(&options, &s->source) == 0, "repl_source_new");
	mux_set_channel(session_mux(s->session), MUX_REPLICATION, &repl_source_channel, s->source);
	while (map_next(&cloud->sets[s->edge->id].keys, &at, &text, &value)) {
		char copy[128];
		struct key key;

		sim_check(cloud->sim, span_copy(text, copy, sizeof(copy)) == 0, "key too long");
		key = cloud_key(copy);
		cloud_session_put(s, &key);
	}
	sim_check(cloud->sim, repl_source_ready(s->source, cache_watch_position(cloud->watch)) == 0,
		  "repl_source_ready");
	repl_source_stats(s->source, &stats);
	cloud->sessions_started++;
	cloud->unchanged += stats.unchanged;
	cloud->diverged += stats.diverged;
}

/* --- the outbox --- */

struct applying {
	struct cloud *cloud;
	struct edge *edge;
	uint64_t session, sequence;
};

static struct cloud_session *find(struct cloud *cloud, uint64_t number)
{
	list_for_each(&cloud->sessions, node)
		if (container_of(node, struct cloud_session, node)->number == number)
			return container_of(node, struct cloud_session, node);
	return NULL;
}

static void on_applied(void *ctx, const struct cache_result *result)
{
	struct applying *a = ctx;
	struct cloud_session *s = find(a->cloud, a->session);
	struct outbox_result done = { .sequence = a->sequence, .revision = result->revision };

	/* The effect is a creation: a second one would fail here. */
	sim_check(a->cloud->sim, result->code != -EEXIST, "%s: effect %llu happened twice", a->edge->name,
		  (unsigned long long)a->sequence);
	if (result->code == 0)
		cloud_applied(a->cloud, a->edge, a->sequence);
	if (s && result->code == 0)
		sim_check(a->cloud->sim, outbox_receiver_done(s->receiver, &done) == 0,
			  "outbox_receiver_done");
	free(a);
}

static int apply(void *ctx, const struct outbox_entry *entry)
{
	struct cloud_session *s = ctx;
	struct applying *a = malloc(sizeof(*a));
	char name[64], mark[64], value[24];
	struct object from = { .key = { "events", "reports", name }, .uid = name, .body = entry->body };
	struct cache_op ops[2] = { { .type = CACHE_CREATE }, { .type = CACHE_MARK, .mark = mark } };
	int err;

	sim_check(s->cloud->sim, a != NULL, "no memory");
	*a = (struct applying){ s->cloud, s->edge, s->number, entry->sequence };
	(void)snprintf(name, sizeof(name), "%s-%llu", s->edge->name, (unsigned long long)entry->sequence);
	(void)snprintf(mark, sizeof(mark), "outbox/%s", s->edge->name);
	(void)snprintf(value, sizeof(value), "%llu", (unsigned long long)entry->sequence);
	ops[0].object = object_new(&from);
	ops[1].value = span_of(value);
	err = cache_submit(s->cloud->cache, ops, 2, on_applied, a);
	if (err)
		free(a);
	return err;
}

uint64_t cloud_last_applied(struct cloud *cloud, const struct edge *edge)
{
	char mark[64];
	struct buf value;
	uint64_t sequence = 0;

	(void)snprintf(mark, sizeof(mark), "outbox/%s", edge->name);
	buf_init(&value, 64);
	if (cache_mark_get(cloud->cache, mark, &value) == 0)
		sim_check(cloud->sim, span_to_u64(buf_span(&value), &sequence) == 0, "mark");
	buf_done(&value);
	return sequence;
}

/* --- the shell --- */

static void welcome(struct cloud_session *s, const Tunnel__Hello *hello)
{
	static const struct outbox_apply ops = { apply };
	Tunnel__Welcome message = TUNNEL__WELCOME__INIT;
	struct cloud *cloud = s->cloud;
	struct mux *mux = session_mux(s->session);

	cloud->sets[s->edge->id].session = s;
	message.revision = cache_revision(cloud->cache);
	message.wall_ms = sim_wall_ms(cloud->sim);
	message.outbox_applied = cloud_last_applied(cloud, s->edge);
	sim_check(cloud->sim, outbox_receiver_new(mux, message.outbox_applied, &ops, s, &s->receiver) == 0,
		  "receiver");
	mux_set_channel(mux, MUX_OUTBOX, &outbox_receiver_channel, s->receiver);
	open_source(s, hello->cursor);
	sim_check(cloud->sim, session_welcome(s->session, &message, cloud->sim->now_ms) == 0,
		  "session_welcome");
}

void cloud_session_close(struct cloud_session *s)
{
	struct cloud_set *set = &s->cloud->sets[s->edge->id];

	if (set->session == s)
		set->session = NULL;
	list_remove(&s->cloud->sessions, &s->node);
	sim_cancel(s->cloud->sim, &s->timer);
	wire_close(s->wire);
	session_free(s->session);
	repl_source_free(s->source);
	outbox_receiver_free(s->receiver);
	free(s);
}

static void feed_bulk(struct cloud_session *s)
{
	static const char block[16384];

	for (unsigned i = 0; i < s->bulk_count; i++)
		while (mux_room(session_mux(s->session), s->bulks[i]) >= sizeof(block) &&
		       mux_write(session_mux(s->session), s->bulks[i], span_make(block, sizeof(block))) > 0)
			;
}

static void send_records(struct cloud_session *s)
{
	struct buf record;

	buf_init(&record, MUX_RECORD_MAX);
	while (s->wire && wire_can_send(s->wire)) {
		if (s->bulk_count && session_state(s->session) == SESSION_READY)
			feed_bulk(s);
		if (!session_wants_output(s->session))
			break;
		buf_reset(&record);
		session_output(s->session, &record, MUX_RECORD_MAX, s->cloud->sim->now_ms);
		if (!record.len)
			break;
		wire_send(s->wire, buf_span(&record));
	}
	buf_done(&record);
}

void cloud_session_pump(struct cloud_session *s)
{
	struct session_action action;

	send_records(s);
	while (session_next(s->session, &action)) {
		if (action.type == SESSION_DROP) {
			cloud_session_close(s);
			return;
		}
		welcome(s, action.hello);
		send_records(s);
	}
	session_set_clock(s->session, cache_revision(s->cloud->cache), sim_wall_ms(s->cloud->sim));
	sim_at(s->cloud->sim, &s->timer, session_deadline(s->session));
}

static void on_bytes(void *ctx, struct span bytes)
{
	struct cloud_session *s = ctx;

	session_input(s->session, bytes, s->cloud->sim->now_ms);
	cloud_session_pump(s);
}

/* An outbox entry commits in the store: everyone may have something to hear. */
static void on_bytes_then_all(void *ctx, struct span bytes)
{
	struct cloud_session *s = ctx;
	struct cloud *cloud = s->cloud;

	on_bytes(s, bytes);
	cloud_pump(cloud);
}

static void on_drained(void *ctx)
{
	cloud_session_pump(ctx);
}

static void on_closed(void *ctx)
{
	struct cloud_session *s = ctx;

	s->wire = NULL;
	session_closed(s->session, s->cloud->sim->now_ms);
	cloud_session_pump(s);
}

static void on_timer(void *ctx)
{
	struct cloud_session *s = ctx;

	session_tick(s->session, s->cloud->sim->now_ms);
	cloud_session_pump(s);
}

static const struct wire_events wire_events = { on_bytes_then_all, on_drained, on_closed };

struct wire_end *cloud_session_open(struct cloud *cloud, const struct wire_options *options,
				    struct edge *edge)
{
	static uint64_t numbers;
	struct session_options session = { .ctx = cloud };
	struct cloud_session *s = calloc(1, sizeof(*s));
	struct wire_end *theirs;

	sim_check(cloud->sim, s != NULL, "no memory");
	s->cloud = cloud;
	s->edge = edge;
	s->number = ++numbers;
	sim_check(cloud->sim, session_new(&session, cloud->sim->now_ms, &s->session) == 0, "session_new");
	(void)wire_new(cloud->sim, options, &s->wire, &theirs);
	wire_open(s->wire, &wire_events, s);
	s->timer = (struct sim_timer){ .fire = on_timer, .ctx = s };
	list_push(&cloud->sessions, &s->node);
	sim_at(cloud->sim, &s->timer, session_deadline(s->session));
	return theirs;
}
