#include "cloud-hub/gateway/edge.h"

#include "auth/authority.h"
#include "base/clock.h"
#include "base/log.h"
#include "cloud-hub/audit/audit.h"
#include "cloud-hub/gateway/admission.h"
#include "cloud-hub/gateway/departure.h"
#include "cloud-hub/gateway/enrolment_desk.h"
#include "cloud-hub/gateway/gateway_impl.h"
#include "cloud-hub/gateway/renewal_desk.h"
#include "cloud-hub/gateway/succession.h"
#include "cloud-hub/gateway/upload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE "gateway"
#define TICKET_MAX (32u * 1024)

/* Resources that an entitled set can hold: what a complete replica is complete of. */
void edge_ref(struct edge *edge)
{
	edge->refs++;
}

void edge_unref(struct edge *edge)
{
	if (--edge->refs == 0)
		free(edge);
}

void edge_kick(struct edge *edge)
{
	if (edge->state == EDGE_CLOSED || list_is_linked(&edge->dirty))
		return;
	list_push(&edge->gateway->dirty, &edge->dirty);
	wakeup_send(edge->gateway->wakeup);
}

static void count_bytes(struct edge *edge)
{
	uint64_t in = stream_bytes_in(edge->stream), out = stream_bytes_out(edge->stream);

	edge->gateway->stats.bytes_in += in - edge->counted_in;
	edge->gateway->stats.bytes_out += out - edge->counted_out;
	edge->counted_in = in;
	edge->counted_out = out;
}

static void hold(struct edge *edge, bool held)
{
	struct gateway *gateway = edge->gateway;

	if (edge->held == held)
		return;
	edge->held = held;
	gateway->options.on_hold(gateway->options.ctx, edge->node, held);
}

static void stop_working(struct edge *edge)
{
	if (session_mux(edge->session)) {
		mux_set_channel(session_mux(edge->session), MUX_REPLICATION, NULL, NULL);
		mux_set_channel(session_mux(edge->session), MUX_OUTBOX, NULL, NULL);
	}
	upload_free(edge->upload);
	edge->upload = NULL;
	repl_source_free(edge->source);
	edge->source = NULL;
	gateway_release(edge->gateway, edge);
}

/* `closed` NULL: the stream is still open and is closed here. */
static void end(struct edge *edge, bool stream_gone)
{
	struct gateway *gateway = edge->gateway;

	if (edge->state == EDGE_CLOSED)
		return;
	count_bytes(edge);
	stop_working(edge);
	edge->state = EDGE_CLOSED;
	admission_gone(gateway->admission, edge);
	gateway->joining -= edge->door == EDGE_DOOR_JOIN;
	session_free(edge->session);
	edge->session = NULL;
	if (!stream_gone)
		stream_close(edge->stream);
	edge->stream = NULL;
	timerq_cancel(&gateway->deadlines, &edge->deadline);
	list_remove(&gateway->dirty, &edge->dirty);
	list_remove(&gateway->edges, &edge->all);
	/* Whoever ended it may be deep inside its pump: it goes when the loop is back in the gateway. */
	list_push(&gateway->ended, &edge->all);
	wakeup_send(gateway->wakeup);
}

void edge_close(struct edge *edge)
{
	end(edge, false);
}

/* Trouble of ours, and nobody's attempt at anything. */
static bool is_passing(enum refuse_reason reason)
{
	return reason == REFUSE_BUSY || reason == REFUSE_STOPPING;
}

static void note_refusal(struct edge *edge, enum refuse_reason reason, const char *text)
{
	char user[sizeof(AUTHORITY_NODE_PREFIX) + EDGE_NODE_MAX];
	struct audit_note note = { .verb = edge->node[0] ? "connect" : "join",
				   .node = edge->node,
				   .source = stream_peer_address(edge->stream),
				   .resource = "nodes",
				   .name = edge->node,
				   .code = 403,
				   .reason = text };

	snprintf(user, sizeof(user), AUTHORITY_NODE_PREFIX "%s", edge->node);
	if (edge->node[0])
		note.user = user;
	if (!is_passing(reason))
		audit_note(edge->gateway->options.audit, &note);
}

void edge_refuse(struct edge *edge, enum refuse_reason reason, const char *text, unsigned retry_after_ms)
{
	edge->gateway->stats.refused++;
	log_warn(MODULE, "refused", "node=%s peer=%s reason=%s text=\"%s\"", edge->node[0] ? edge->node : "-",
		 stream_peer_address(edge->stream), refuse_reason_name(reason), text);
	note_refusal(edge, reason, text);
	session_refuse(edge->session, reason, text, retry_after_ms, gateway_now(edge->gateway));
	edge_kick(edge);
}

void edge_retire(struct edge *edge, enum refuse_reason reason, const char *text, unsigned retry_after_ms)
{
	gateway_release(edge->gateway, edge);
	session_go_away(edge->session, reason, text, retry_after_ms, gateway_now(edge->gateway));
	edge_kick(edge);
}

/* --- replication --- */

static uint8_t rank_of(void *ctx, const char *resource)
{
	enum graph_rank rank;

	(void)ctx;
	return graph_rank_of(resource, &rank) ? (uint8_t)rank
					      : GRAPH_POD; /* what is not known for harmless runs */
}

static int get_object(void *ctx, const struct key *key, struct object **out)
{
	struct edge *edge = ctx;

	return cache_get(edge->gateway->options.cache, key, out);
}

static struct blob *encode_object(void *ctx, const struct object *object)
{
	struct edge *edge = ctx;

	edge->gateway->stats.objects_sent++;
	return encode_cache_put(edge->gateway->encodings, object);
}

static void on_watermark(void *ctx, uint64_t watermark)
{
	struct edge *edge = ctx;
	struct repl_source_stats stats;

	(void)watermark;
	repl_source_stats(edge->source, &stats);
	if (edge->held && stats.synced && !stats.orphans) {
		log_info(MODULE, "reconciled", "node=%s", edge->node);
		hold(edge, false);
	}
}

static bool on_orphan(void *ctx, const struct key *key, const char *uid, uint64_t revision)
{
	struct edge *edge = ctx;

	log_warn(MODULE, "orphan", "node=%s resource=%s namespace=%s name=%s uid=%s", edge->node,
		 key->resource, key->ns, key->name, uid);
	(void)revision;
	hold(edge, true);
	return true;
}

static void on_orphan_object(void *ctx, const struct object *object)
{
	struct edge *edge = ctx;

	edge->gateway->options.on_orphan(edge->gateway->options.ctx, edge->node, object);
}

static int announce(void *ctx, const struct key *key, enum graph_rank rank)
{
	struct edge *edge = ctx;
	struct object *object = NULL;
	int code = cache_get(edge->gateway->options.cache, key, &object);

	if (code == -ENOENT)
		return 0; /* named by a pod, not there yet: comes when it is created */
	if (code == -EBADMSG)
		return repl_source_put(edge->source, key, (uint8_t)rank, "",
				       0); /* in the set, unreadable: nothing is concluded */
	if (code)
		return code;
	code = repl_source_put(edge->source, key, (uint8_t)rank, object->uid, object->revision);
	object_unref(object);
	return code;
}

static int start_source(struct edge *edge, const Tunnel__Hello *hello)
{
	struct gateway *gateway = edge->gateway;
	const Tunnel__Cursor *cursor = hello->cursor;
	bool has_epoch = cursor && cursor->epoch.len == CACHE_EPOCH_SIZE;
	struct repl_source_options options = {
		.cursor = cursor,
		.epoch = cache_epoch(gateway->options.cache),
		.feeds = graph_resources(),
		.workload_rank = GRAPH_POD,
		.rank_of = rank_of,
		.mux = session_mux(edge->session),
		.get = get_object,
		.encode = encode_object,
		.on_watermark = on_watermark,
		.on_orphan = on_orphan,
		.on_orphan_object = on_orphan_object,
		.ctx = edge,
	};
	int code = has_epoch ? cache_epoch_check(gateway->options.cache, cursor->epoch.data, cursor->position)
			     : -ESTALE;

	if (code && code != -ESTALE)
		return code; /* what cannot be read is no broken timeline: running pods would become orphans for nothing */
	options.unbroken = code == 0;
	code = repl_source_new(&options, &edge->source);
	if (code)
		return code;
	mux_set_channel(options.mux, MUX_REPLICATION, &repl_source_channel, edge->source);
	if (has_epoch && !options.unbroken)
		log_warn(MODULE, "timeline-broken", "node=%s position=%llu", edge->node,
			 (unsigned long long)cursor->position);
	if ((has_epoch && !options.unbroken) || (cursor && cursor->orphans) ||
	    gateway->options.is_held(gateway->options.ctx, edge->node))
		hold(edge, true);
	code = graph_walk(gateway->graph, edge->node, announce, edge);
	return code ? code : repl_source_ready(edge->source, gateway->revision);
}

/* --- life --- */

static int welcome(struct edge *edge, const Tunnel__Hello *hello, const uint8_t *secret)
{
	struct gateway *gateway = edge->gateway;
	Tunnel__Welcome message = TUNNEL__WELCOME__INIT;
	uint64_t applied = 0, now = gateway_now(gateway);
	int code = upload_applied(gateway->options.cache, edge->node, hello->outbox, &applied);

	if (code)
		return code;
	message.revision = gateway->revision;
	message.wall_ms = clock_wall_ms();
	message.outbox_applied = applied;
	message.session_secret.data = (uint8_t *)secret;
	message.session_secret.len = FORK_SECRET_SIZE;
	message.clouds = gateway->clouds;
	while (gateway->clouds[message.n_clouds])
		message.n_clouds++;
	code = session_welcome(edge->session, &message, now);
	if (code)
		return code;
	session_set_clock(edge->session, gateway->revision, clock_wall_ms());
	code = upload_new(edge, hello->outbox, applied, &edge->upload);
	if (!code)
		code = start_source(edge, hello);
	return code;
}

void edge_welcome(struct edge *edge, const Tunnel__Hello *hello, const uint8_t *secret,
		  const uint8_t *secret_sha256)
{
	struct gateway *gateway = edge->gateway;
	int code;

	if (session_state(edge->session) != SESSION_DECIDING)
		return; /* refused in the meantime */
	memcpy(edge->offered, secret_sha256, sizeof(edge->offered));
	span_copy_or_nothing(span_of(hello->software), edge->software, sizeof(edge->software));
	code = gateway_adopt(gateway, edge);
	if (!code) {
		edge->state = EDGE_WORKING;
		code = welcome(edge, hello, secret);
	}
	if (code) {
		log_error(MODULE, "welcome-failed", "node=%s error=%d", edge->node, code);
		edge_close(edge);
		return;
	}
	edge_kick(edge);
	gateway->stats.accepted++;
	log_info(MODULE, "node-up", "node=%s peer=%s software=\"%s\"", edge->node,
		 stream_peer_address(edge->stream), hello->software);
	if (gateway->options.on_fence)
		gateway->options.on_fence(gateway->options.ctx, edge->node, hello->fence_ms, true);
	if (gateway->options.on_start)
		gateway->options.on_start(gateway->options.ctx, edge->node, hello->incarnation);
	gateway->options.on_link(gateway->options.ctx, edge->node, true);
	succession_welcomed(edge, hello);
}

static void on_drop(struct edge *edge, const struct session_action *action)
{
	if (edge->state == EDGE_WORKING)
		log_info(MODULE, "node-down", "node=%s reason=\"%s\"", edge->node,
			 action->text ? action->text : "closed");
	else if (action->code)
		log_debug(MODULE, "dropped", "peer=%s reason=\"%s\"", stream_peer_address(edge->stream),
			  action->text ? action->text : "closed");
	count_bytes(edge);
	/* Last words are in the stream's queue: they still go out. */
	if (action->code == 0) {
		stream_finish(edge->stream);
		end(edge, true);
	} else {
		end(edge, false);
	}
}

static void act(struct edge *edge)
{
	struct session_action action;

	while (edge->state != EDGE_CLOSED && session_next(edge->session, &action)) {
		switch (action.type) {
		case SESSION_HELLO: admission_take(edge->gateway->admission, edge, action.hello); break;
		case SESSION_JOIN: enrolment_desk_take(edge->gateway->desk, edge, action.join); break;
		case SESSION_ALIVE: admission_alive(edge->gateway->admission, edge); break;
		case SESSION_RENEW: renewal_desk_take(edge, action.renew); break;
		case SESSION_DROP: on_drop(edge, &action); return;
		}
	}
}

/* One record at a time, and only when the kernel has taken the one before: so what is most urgent then goes next. */
static void fill(struct edge *edge)
{
	struct buf out;

	buf_init(&out, 2 * MUX_RECORD_MAX);
	while (stream_queued(edge->stream) == 0 && session_wants_output(edge->session)) {
		buf_reset(&out);
		session_output(edge->session, &out, MUX_RECORD_MAX, gateway_now(edge->gateway));
		if (!out.len)
			break;
		if (stream_write(edge->stream, buf_span(&out)))
			break; /* ended: on_closed is on its way */
	}
	buf_done(&out);
}

void edge_pump(struct edge *edge)
{
	act(edge);
	if (edge->state != EDGE_CLOSED)
		fill(edge);
	if (edge->state != EDGE_CLOSED)
		act(edge);
	if (edge->state != EDGE_CLOSED) {
		count_bytes(edge);
		if (timerq_set(&edge->gateway->deadlines, &edge->deadline, session_deadline(edge->session)))
			edge_close(edge);
		else
			gateway_deadline_changed(edge->gateway);
	}
}

void edge_tick(struct edge *edge)
{
	session_tick(edge->session, gateway_now(edge->gateway));
	edge_pump(edge);
}

/* A connection outlives the ticket that it began with; without another its edge could not resume after it. Done when the edge
 * says something, such as a ping, so that they are spread. */
static void renew_ticket(struct edge *edge)
{
	struct buf ticket;
	int code;

	edge->ticket_ms = gateway_now(edge->gateway);
	buf_init(&ticket, TICKET_MAX);
	code = stream_ticket_make(edge->stream, &ticket);
	if (!code)
		code = session_send_ticket(edge->session, buf_span(&ticket));
	buf_done(&ticket);
	if (code)
		log_debug(MODULE, "no-ticket", "node=%s error=%d", edge->node, code);
	else
		edge_kick(edge);
}

static void on_data(void *ctx, struct span data)
{
	struct edge *edge = ctx;

	session_set_clock(edge->session, edge->gateway->revision,
			  clock_wall_ms()); /* for the pong this may be asking for */
	session_input(edge->session, data, gateway_now(edge->gateway));
	edge_pump(edge);
	if (edge->state == EDGE_WORKING && gateway_ticket_is_due(edge->gateway, edge->ticket_ms))
		renew_ticket(edge);
}

static void on_drain(void *ctx)
{
	edge_pump(ctx);
}

static void on_closed(void *ctx, const struct err *why)
{
	struct edge *edge = ctx;

	if (edge->state == EDGE_WORKING)
		log_info(MODULE, "node-down", "node=%s reason=\"%s\"", edge->node,
			 why && why->code ? err_text(why) : "closed");
	end(edge, true);
}

static const struct stream_events stream_callbacks = { .on_data = on_data,
						       .on_drain = on_drain,
						       .on_closed = on_closed };

static int on_verdicts(struct edge *edge, struct span bytes)
{
	struct span verdicts[MESSAGE_VERDICTS_MAX];
	void *message = NULL;
	const Tunnel__Verdicts *brought;
	int code = message_decode(MSG_VERDICTS, bytes, &message);

	if (code)
		return code;
	brought = message;
	for (size_t i = 0; i < brought->n_verdicts; i++)
		verdicts[i] = span_make(brought->verdicts[i].data, brought->verdicts[i].len);
	if (edge->gateway->options.on_verdicts)
		edge->gateway->options.on_verdicts(edge->gateway->options.ctx, edge->node, brought->region,
						   verdicts, brought->n_verdicts);
	message_free(MSG_VERDICTS, message);
	return 0;
}

static int on_fence(struct edge *edge, struct span bytes)
{
	void *message = NULL;
	int code = message_decode(MSG_FENCE, bytes, &message);

	if (!code && edge->gateway->options.on_fence && gateway_edge_of(edge->gateway, edge->node) == edge)
		edge->gateway->options.on_fence(edge->gateway->options.ctx, edge->node,
						((const Tunnel__Fence *)message)->fence_ms, false);
	message_free(MSG_FENCE, code ? NULL : message);
	return code;
}

/* What an edge says on the control channel while it works, beside the session's own. */
static int on_control(void *ctx, uint16_t kind, struct span bytes)
{
	struct edge *edge = ctx;
	void *message = NULL;
	int code;

	if (kind == MSG_SECRET_KEPT)
		edge->secret_kept = true;
	if (kind == MSG_NODE_LEAVE)
		departure_ask(edge);
	if (kind == MSG_VERDICTS)
		return on_verdicts(edge, bytes);
	if (kind == MSG_FENCE)
		return on_fence(edge, bytes);
	if (kind != MSG_AUTHORITY_KEPT)
		return 0;
	code = message_decode(kind, bytes, &message);
	if (!code)
		succession_kept(edge, message);
	message_free(kind, message);
	return code;
}

int edge_new(struct gateway *gateway, struct stream *stream, enum edge_door door, struct edge **out)
{
	struct edge *edge = calloc(1, sizeof(*edge));
	struct session_options options = { .budget = &gateway->budget,
					   .on_control = on_control,
					   .join_only = door == EDGE_DOOR_JOIN,
					   .renew_only = door == EDGE_DOOR_RENEW };
	int code;

	if (!edge)
		return -ENOMEM;
	*edge = (struct edge){ .ticket_ms = gateway_now(gateway),
			       .gateway = gateway,
			       .stream = stream,
			       .door = door,
			       .refs = 1 };
	options.ctx = edge;
	code = session_new(&options, gateway_now(gateway), &edge->session);
	if (code) {
		free(edge);
		return code;
	}
	list_push(&gateway->edges, &edge->all);
	stream_set_events(stream, &stream_callbacks, edge);
	edge_kick(edge); /* its greeting has a deadline */
	*out = edge;
	return 0;
}
