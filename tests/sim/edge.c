#include "tests/sim/edge.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/sim/cloud.h"

/* --- what a pod agent would see --- */

static void check_references(struct edge *edge, const struct object *pod)
{
	const char *refs = pairs_get(pod->fields, "refs");
	struct span rest = span_of(refs ? refs : ""), one;
	char text[128];

	while (rest.len) {
		struct object *object;
		struct key key;
		int code;

		(void)span_cut(rest, ' ', &one, &rest);
		if (!one.len)
			continue;
		sim_check(edge->sim, span_copy(one, text, sizeof(text)) == 0, "reference too long");
		key = cloud_key(text);
		code = cache_get(edge->cache, &key, &object);
		sim_check(edge->sim, code != -ENOENT, "%s: pod %s came before %s", edge->name, pod->key.name,
			  text);
		if (code == 0) /* else the power is going */
			object_unref(object);
	}
}

static int on_change(void *ctx, const struct change *change)
{
	struct edge *edge = ctx;
	bool here = change->type == CHANGE_ADDED || change->type == CHANGE_MODIFIED;

	sim_log(edge->sim, "%s: %c %s %s origin=%llu", edge->name, "AMDL"[change->type],
		change -> object -> key.name, change->object->uid,
		(unsigned long long)change->object->origin);
	edge->changes++;
	edge->last_change_ms = edge->sim->now_ms;
	if (change->type == CHANGE_DELETED) {
		edge->deleted++;
		sim_check(edge->sim, cloud_was_deleted(edge->cloud, change->object->uid),
			  "%s: %s %s counted as deleted, but it was not", edge->name,
			  change->object->key.name, change->object->uid);
	}
	edge->left += change->type == CHANGE_LEFT;
	if (here && strcmp(change->object->key.resource, "pods") == 0)
		check_references(edge, change->object);
	return 0;
}

static const struct cache_watch_events changes = { .on_change = on_change };

/* --- the outbox: numbers that survive everything --- */

static int outbox_next(void *ctx, uint64_t after, struct outbox_entry *out)
{
	struct edge *edge = ctx;

	if (after >= edge->outbox_last)
		return -ENOENT;
	*out = (struct outbox_entry){ .sequence = after + 1,
				      .effect = OUTBOX_EVENT,
				      .key = { "events", "reports", edge->name },
				      .uid = "",
				      .body = SPAN("{\"report\":true}") };
	return 0;
}

static void outbox_acked(void *ctx, uint64_t sequence)
{
	struct edge *edge = ctx;

	sim_check(edge->sim, cloud_has_applied(edge->cloud, edge, sequence),
		  "%s: ack of %llu, which is not committed", edge->name, (unsigned long long)sequence);
	if (sequence > edge->outbox_acked)
		edge->outbox_acked = sequence;
}

static const struct outbox_queue outbox = { .next = outbox_next, .acked = outbox_acked };

void edge_report(struct edge *edge)
{
	edge->outbox_last++;
	if (!edge->is_up)
		return;
	outbox_sender_kick(edge->sender);
	edge_pump(edge);
}

/* --- the sink --- */

static void on_failed(void *ctx, int code)
{
	struct edge *edge = ctx;

	sim_at(edge->sim, &edge->retry, edge->sim->now_ms + 1000);
}

static const struct repl_sink_events sink_events = { .on_failed = on_failed };

static void on_retry(void *ctx)
{
	struct edge *edge = ctx;

	repl_sink_retry(edge->sink);
	edge_pump(edge);
}

/* --- bulk from the cloud --- */

static void on_bulk_open(void *ctx, uint32_t stream, enum mux_class cls, struct span request)
{
	struct edge *edge = ctx;

	/* "stall": a consumer that never reads. */
	if (span_is(request, "stall"))
		(void)!mux_set_user(link_mux(edge->link), stream, edge);
}

static void on_bulk_data(void *ctx, uint32_t stream, void *user, struct span data, bool end)
{
	struct edge *edge = ctx;

	edge->bulk_bytes += data.len;
	if (!user)
		mux_drained(link_mux(edge->link), stream, data.len);
}

static const struct mux_stream_ops bulk = { .on_open = on_bulk_open, .on_data = on_bulk_data };

/* --- the link's shell --- */

static void on_wire_bytes(void *ctx, struct span bytes)
{
	struct edge *edge = ctx;

	edge->bytes_in += bytes.len;
	link_input(edge->link, bytes, edge->sim->now_ms);
	edge_pump(edge);
}

static void on_wire_drained(void *ctx)
{
	edge_pump(ctx);
}

static void on_wire_closed(void *ctx)
{
	struct edge *edge = ctx;

	edge->wire = NULL;
	link_closed(edge->link, 0, edge->sim->now_ms);
	edge_pump(edge);
}

static const struct wire_events wire_events = { on_wire_bytes, on_wire_drained, on_wire_closed };

static void on_opening(void *ctx)
{
	struct edge *edge = ctx;
	struct wire_options options = edge->wire_options;

	if (!edge->network_up || !cloud_is_up(edge->cloud)) {
		link_closed(edge->link, -ECONNREFUSED, edge->sim->now_ms);
		edge_pump(edge);
		return;
	}
	if (sim_chance(edge->sim, edge->break_percent)) {
		options.break_after = 1 + sim_below(edge->sim, sim_chance(edge->sim, 50) ? 500 : 50000);
		options.silent_break = sim_chance(edge->sim, 30);
	}
	edge->connections++;
	edge->wire = cloud_accept(edge->cloud, &options, edge);
	wire_open(edge->wire, &wire_events, edge);
	link_opened(edge->link, edge->sim->now_ms);
	edge_pump(edge);
}

static int hello(void *ctx, Tunnel__Hello *out)
{
	struct edge *edge = ctx;

	out->node = edge->name;
	out->outbox = (char *)"first";
	return repl_sink_hello(edge->sink, out);
}

static void on_action(struct edge *edge, const struct link_action *action)
{
	switch (action->type) {
	case LINK_DIAL:
		sim_at(edge->sim, &edge->opening, edge->sim->now_ms + 2 * edge->wire_options.delay_ms);
		break;
	case LINK_DROP:
		sim_cancel(edge->sim, &edge->opening);
		wire_close(edge->wire);
		edge->wire = NULL;
		break;
	case LINK_UP:
		sim_log(edge->sim, "%s: up", edge->name);
		repl_sink_attach(edge->sink, link_mux(edge->link));
		outbox_sender_attach(edge->sender, link_mux(edge->link), action->welcome->outbox_applied);
		break;
	case LINK_DOWN:
		sim_log(edge->sim, "%s: down: %s", edge->name, action->text);
		repl_sink_detach(edge->sink);
		outbox_sender_detach(edge->sender);
		break;
	case LINK_PONG: repl_sink_revision(edge->sink, action->revision); break;
	case LINK_REFUSED:
	case LINK_CLOUDS: break;
	}
}

static void send_records(struct edge *edge)
{
	struct buf record;

	buf_init(&record, MUX_RECORD_MAX);
	while (edge->wire && wire_can_send(edge->wire) && link_wants_output(edge->link)) {
		buf_reset(&record);
		link_output(edge->link, &record, MUX_RECORD_MAX, edge->sim->now_ms);
		if (!record.len)
			break;
		edge->bytes_out += record.len;
		wire_send(edge->wire, buf_span(&record));
	}
	buf_done(&record);
}

void edge_pump(struct edge *edge)
{
	struct link_action action;
	bool again = true;

	while (again) {
		cache_dispatch(edge->cache, sim_wall_ms(edge->sim));
		again = false;
		while (link_next(edge->link, &action)) {
			on_action(edge, &action);
			again = true;
		}
	}
	send_records(edge);
	sim_at(edge->sim, &edge->timer, link_deadline(edge->link));
}

static void on_timer(void *ctx)
{
	struct edge *edge = ctx;

	link_tick(edge->link, edge->sim->now_ms);
	edge_pump(edge);
}

/* --- life --- */

static void on_reboot(void *ctx)
{
	edge_start(ctx);
}

void edge_init(struct edge *edge, struct sim *sim, struct cloud *cloud, unsigned id, struct wire_options wire)
{
	memset(edge, 0, sizeof(*edge));
	edge->sim = sim;
	edge->cloud = cloud;
	edge->id = id;
	edge->wire_options = wire;
	edge->network_up = true;
	edge->drains = true;
	edge->ping_interval_ms = LINK_PING_INTERVAL_MS;
	(void)snprintf(edge->name, sizeof(edge->name), "edge-%u", id);
	(void)snprintf(edge->disk_name, sizeof(edge->disk_name), "disk-%u", id);
	edge->disk = faultyvfs_new(edge->disk_name, sim->seed + id);
	sim_check(sim, edge->disk != NULL, "no memory");
	edge->timer = (struct sim_timer){ .fire = on_timer, .ctx = edge };
	edge->opening = (struct sim_timer){ .fire = on_opening, .ctx = edge };
	edge->retry = (struct sim_timer){ .fire = on_retry, .ctx = edge };
	edge->reboot = (struct sim_timer){ .fire = on_reboot, .ctx = edge };
}

static void start_link(struct edge *edge)
{
	static const char *const clouds[] = { "cloud:7443", NULL };
	struct link_options options = {
		.clouds = clouds,
		.seed = rng_next(&edge->sim->rng),
		.ping_interval_ms = edge->ping_interval_ms,
		.streams = &bulk,
		.hello = hello,
		.ctx = edge,
	};

	sim_check(edge->sim, link_new(&options, &edge->link) == 0, "link_new");
	link_start(edge->link, edge->sim->now_ms);
}

void edge_start(struct edge *edge)
{
	struct cache_options options = { .path = "/replica.db",
					 .vfs = edge->disk_name,
					 .inline_commits = true };
	struct err err = { 0 };

	sim_check(edge->sim, cache_open(&options, &edge->cache, &err) == 0, "%s: %s", edge->name,
		  err_text(&err));
	sim_check(edge->sim,
		  cache_watch_open(edge->cache, NULL, NULL, cache_revision(edge->cache), &changes, edge,
				   &edge->watch) == 0,
		  "watch");
	sim_check(edge->sim, repl_sink_new(edge->cache, &sink_events, edge, &edge->sink) == 0,
		  "repl_sink_new");
	sim_check(edge->sim, outbox_sender_new(&outbox, edge, &edge->sender) == 0, "outbox_sender_new");
	edge->is_up = true;
	start_link(edge);
	edge_pump(edge);
}

static void tear_down(struct edge *edge)
{
	edge->is_up = false;
	if (edge->doom.fire)
		sim_cancel(edge->sim, &edge->doom);
	edge->doom.fire = NULL;
	sim_cancel(edge->sim, &edge->timer);
	sim_cancel(edge->sim, &edge->opening);
	sim_cancel(edge->sim, &edge->retry);
	wire_close(edge->wire);
	edge->wire = NULL;
	cache_dispatch(edge->cache, sim_wall_ms(edge->sim));
	repl_sink_free(edge->sink);
	outbox_sender_free(edge->sender);
	link_free(edge->link);
	cache_watch_close(edge->watch);
	cache_close(edge->cache);
}

void edge_stop(struct edge *edge)
{
	int code;

	if (!edge->is_up)
		return;
	code = repl_sink_save(edge->sink, NULL, NULL);
	sim_check(edge->sim, code >= 0, "repl_sink_save: %d", code);
	tear_down(edge);
}

void edge_crash(struct edge *edge, uint64_t back_after_ms)
{
	if (!edge->is_up)
		return;
	sim_log(edge->sim, "%s loses power", edge->name);
	edge->crashes++;
	faultyvfs_cut(edge->disk);
	if (edge->wire)
		wire_break(edge->wire, true);
	tear_down(edge);
	(void)faultyvfs_disarm(edge->disk);
	faultyvfs_power_on(edge->disk);
	sim_at(edge->sim, &edge->reboot, edge->sim->now_ms + back_after_ms);
}

static void on_doom(void *ctx)
{
	struct edge *edge = ctx;

	edge_crash(edge, edge->doom_back_ms);
}

void edge_crash_at(struct edge *edge, uint64_t nth, uint64_t in_ms, uint64_t back_after_ms)
{
	if (!edge->is_up || edge->doom.fire)
		return;
	faultyvfs_arm(edge->disk, FAULTYVFS_CUT, FAULTYVFS_CHANGES, nth);
	edge->doom = (struct sim_timer){ .fire = on_doom, .ctx = edge };
	edge->doom_back_ms = back_after_ms;
	sim_at(edge->sim, &edge->doom, edge->sim->now_ms + in_ms);
}

void edge_network(struct edge *edge, bool up, bool silent)
{
	edge->network_up = up;
	if (!up && edge->wire)
		wire_break(edge->wire, silent);
}

void edge_done(struct edge *edge)
{
	sim_cancel(edge->sim, &edge->reboot);
	if (edge->is_up)
		tear_down(edge);
	faultyvfs_free(edge->disk);
}

uint64_t edge_commits(const struct edge *edge)
{
	struct cache_stats stats;

	cache_stats(edge->cache, &stats);
	return stats.commits;
}

bool edge_is_synced(const struct edge *edge)
{
	return edge->is_up && link_state(edge->link) == LINK_READY && repl_sink_synced(edge->sink) &&
	       edge->outbox_acked >= edge->outbox_last;
}
