#include "cloud-hub/gateway/gateway.h"

#include "auth/enrol.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "cloud-hub/gateway/admission.h"
#include "cloud-hub/gateway/departure.h"
#include "cloud-hub/gateway/enrolment_desk.h"
#include "cloud-hub/gateway/gateway_impl.h"
#include "cloud-hub/gateway/notice.h"
#include "cloud-hub/gateway/registry.h"
#include "cloud-hub/gateway/strangers.h"
#include "cloud-hub/gateway/succession.h"
#include "cloud-hub/gateway/tickets.h"
#include "net/handshakes.h"
#include "net/tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define MODULE "gateway"
#define CREDIT_MAX (256u * 1024 * 1024) /* stream bytes under way over all sessions */
#define NOTSENT_LOWAT (16 * 1024)
#define BUSY_RETRY_MS 30000u
#define JOINING_MAX 128u /* connections that join, at once: a flood of them takes no working edge's place */

uint64_t gateway_now(const struct gateway *gateway)
{
	return loop_now_ms(gateway->options.loop);
}

/* --- nodes --- */

struct edge *gateway_edge_of(const struct gateway *gateway, const char *node)
{
	return map_get(&gateway->nodes, span_of(node));
}

int gateway_adopt(struct gateway *gateway, struct edge *edge)
{
	struct edge *old = gateway_edge_of(gateway, edge->node);

	if (old) {
		/* The node dialled again before we noticed that its old link is dead. */
		edge_retire(old, REFUSE_REPLACED, "a newer session of this node took over", 0);
	}
	edge->in_nodes = true;
	return map_put(&gateway->nodes, span_of(edge->node), edge, NULL);
}

static int64_t heard_of(const struct gateway *gateway, const struct edge *edge)
{
	return clock_wall_ms() - (int64_t)(gateway_now(gateway) - session_heard_ms(edge->session));
}

/* Kept for those who ask while the node is away; without memory they are told that it is not known. */
struct gateway_heard {
	int64_t wall_ms;
	bool kept; /* it had said that the secret of this hash is on its disk */
	uint8_t offered[FORK_HASH_SIZE];
};

static void remember_heard(struct gateway *gateway, const struct edge *edge)
{
	struct gateway_heard *heard = malloc(sizeof(*heard));
	void *old = NULL;

	if (!heard)
		return;
	*heard = (struct gateway_heard){ .wall_ms = heard_of(gateway, edge), .kept = edge->secret_kept };
	memcpy(heard->offered, edge->offered, sizeof(heard->offered));
	if (map_put(&gateway->heard, span_of(edge->node), heard, &old))
		free(heard);
	free(old);
}

bool gateway_has_kept(const struct gateway *gateway, const char *node, const uint8_t offered[FORK_HASH_SIZE])
{
	const struct edge *edge = gateway_edge_of(gateway, node);
	const struct gateway_heard *heard = edge ? NULL : map_get(&gateway->heard, span_of(node));

	if (edge)
		return edge->secret_kept && memcmp(edge->offered, offered, FORK_HASH_SIZE) == 0;
	return heard && heard->kept && memcmp(heard->offered, offered, FORK_HASH_SIZE) == 0;
}

bool gateway_is_up(const struct gateway *gateway, const char *node)
{
	return gateway_edge_of(gateway, node) != NULL;
}

int gateway_want_verdicts(struct gateway *gateway, const char *node, const char *const *subjects)
{
	Tunnel__VerdictWant want = TUNNEL__VERDICT_WANT__INIT;
	struct edge *edge = gateway_edge_of(gateway, node);
	int code;

	if (!edge)
		return -ENOTCONN;
	want.subjects = (char **)subjects;
	while (subjects[want.n_subjects])
		want.n_subjects++;
	code = session_send_verdict_want(edge->session, &want);
	if (!code)
		edge_kick(edge);
	return code;
}

void gateway_probe(struct gateway *gateway, const char *node)
{
	struct edge *edge = gateway_edge_of(gateway, node);

	if (edge && !session_probe(edge->session, loop_now_ms(gateway->options.loop)))
		edge_kick(edge);
}

uint64_t gateway_acknowledged(const struct gateway *gateway, const char *node)
{
	const struct edge *edge = gateway_edge_of(gateway, node);
	struct repl_source_stats stats;

	if (!edge || !edge->source)
		return 0;
	repl_source_stats(edge->source, &stats);
	return stats.synced ? gateway->revision : stats.watermark;
}

int64_t gateway_heard(const struct gateway *gateway, const char *node)
{
	const struct edge *edge = gateway_edge_of(gateway, node);
	const struct gateway_heard *heard = edge ? NULL : map_get(&gateway->heard, span_of(node));

	if (edge)
		return heard_of(gateway, edge);
	return heard ? heard->wall_ms : 0;
}

void gateway_release(struct gateway *gateway, struct edge *edge)
{
	if (!edge->in_nodes)
		return;
	remember_heard(gateway, edge);
	edge->in_nodes = false;
	map_remove(&gateway->nodes, span_of(edge->node));
	gateway->options.on_link(gateway->options.ctx, edge->node, false);
}

int gateway_enrolment(struct gateway *gateway, const char *node, struct enrolment *out)
{
	return registry_get(gateway->registry, node, out);
}

int gateway_put_enrolment(struct gateway *gateway, const struct enrolment *record,
			  void (*done)(void *ctx, int code), void *ctx)
{
	return registry_put(gateway->registry, record, done, ctx);
}

int gateway_remove(struct gateway *gateway, const char *node, void (*done)(void *ctx, int code), void *ctx)
{
	return departure_begin(gateway, node, done, ctx);
}

int gateway_fork(struct gateway *gateway, const char *node, struct fork *out)
{
	char mark[sizeof(FORK_MARK_PREFIX) + EDGE_NODE_MAX];
	int len = snprintf(mark, sizeof(mark), "%s%s", FORK_MARK_PREFIX, node), code;
	struct buf record;

	*out = (struct fork){ 0 };
	if (len < 0 || (size_t)len >= sizeof(mark))
		return -ENOENT; /* no such name can be registered */
	buf_init(&record, CACHE_MARK_MAX);
	code = cache_mark_get(gateway->options.cache, mark, &record);
	if (!code)
		code = fork_parse(buf_span(&record), out);
	if (code)
		*out = (struct fork){ 0 };
	buf_done(&record);
	return code;
}

/* --- the operator --- */

bool gateway_peer(const struct gateway *gateway, const char *node, struct gateway_peer *out)
{
	const struct edge *edge = gateway_edge_of(gateway, node);

	if (edge)
		*out = (struct gateway_peer){ stream_peer_address(edge->stream), edge->software };
	return edge != NULL;
}

const struct gateway_stranger *gateway_stranger(const struct gateway *gateway, const char *node)
{
	return strangers_get(gateway->strangers, node);
}

bool gateway_next_stranger(const struct gateway *gateway, size_t *cursor, const struct gateway_stranger **out)
{
	return strangers_next(gateway->strangers, cursor, out);
}

void gateway_forget_stranger(struct gateway *gateway, const char *node)
{
	strangers_forget(gateway->strangers, node);
}

void gateway_drop(struct gateway *gateway, const char *node, unsigned refuse_reason, const char *text)
{
	struct edge *edge = gateway_edge_of(gateway, node);

	admission_drop(gateway->admission, node, refuse_reason, text);
	if (!edge)
		return;
	edge_retire(edge, refuse_reason, text, 0);
}

void gateway_tell_released(struct gateway *gateway, const char *node)
{
	notice_released(gateway, node);
}

bool gateway_node_works(struct gateway *gateway, const char *node, const char *key_sha256)
{
	struct enrolment known;
	struct fork fork;
	struct buf key;
	bool confirmed, works;

	buf_init(&key, 2 * X509_SHA256_SIZE);
	works = text_unhex(&key, span_of(key_sha256)) == 0 && key.len == X509_SHA256_SIZE &&
		gateway_enrolment(gateway, node, &known) == 0 &&
		enrol_admits(&known, (const uint8_t *)key.data, &confirmed, NULL) == 0;
	buf_done(&key);
	/* Which of two machines with this key is calling cannot be told: neither, until it is decided. */
	return works && (gateway_fork(gateway, node, &fork) || !fork.quarantined);
}

/* --- what the graph says --- */

static struct edge *concerned(struct gateway *gateway, const char *node)
{
	struct edge *edge = gateway_edge_of(gateway, node);

	return edge && edge->source ? edge : NULL;
}

static void settle(struct edge *edge, int code)
{
	if (code) {
		log_error(MODULE, "replication-failed", "node=%s error=%d", edge->node, code);
		session_go_away(edge->session, REFUSE_LIMIT, "the node's set of objects is too large",
				BUSY_RETRY_MS, gateway_now(edge->gateway));
	}
	edge_kick(edge);
}

static void on_present(void *ctx, const char *node, const struct key *key, enum graph_rank rank)
{
	struct gateway *gateway = ctx;
	struct edge *edge = concerned(gateway, node);
	struct object *object = NULL;
	int code;

	if (!edge)
		return;
	code = cache_get(gateway->options.cache, key, &object);
	if (code == -ENOENT)
		return;
	if (!code) {
		code = repl_source_put(edge->source, key, (uint8_t)rank, object->uid, object->revision);
		object_unref(object);
	}
	settle(edge, code == -EBADMSG ? 0 : code);
}

static void on_leave(void *ctx, const char *node, const struct key *key)
{
	struct edge *edge = concerned(ctx, node);

	if (edge)
		settle(edge, repl_source_leave(edge->source, key));
}

static void on_gone(void *ctx, const char *node, const struct key *key, const char *uid)
{
	struct edge *edge = concerned(ctx, node);

	if (edge)
		settle(edge, repl_source_gone(edge->source, key, uid));
}

const struct graph_events gateway_graph_events = {
	.enter = on_present,
	.leave = on_leave,
	.changed = on_present,
	.gone = on_gone,
};

void gateway_advanced(struct gateway *gateway, uint64_t revision)
{
	if (revision == gateway->revision)
		return;
	gateway->revision = revision;
	/* Whom it concerned was marked by the graph; a change that concerns nobody costs nothing here, however many are connected. */
	list_for_each(&gateway->dirty, node) {
		struct edge *edge = container_of(node, struct edge, dirty);

		if (edge->source)
			repl_source_position(edge->source, revision);
	}
}

int gateway_release_orphan(struct gateway *gateway, const char *node, const struct key *key, const char *uid)
{
	struct edge *edge = concerned(gateway, node);
	int code = edge ? repl_source_release(edge->source, key, uid) : -ENOTCONN;

	if (!code)
		edge_kick(edge);
	return code;
}

/* --- the loop --- */

static void bury_ended(struct gateway *gateway)
{
	struct list_node *node;

	while ((node = list_pop(&gateway->ended)))
		edge_unref(container_of(node, struct edge, all));
}

static void on_wake(void *ctx)
{
	struct gateway *gateway = ctx;
	struct list_node *node;

	while ((node = list_pop(&gateway->dirty)))
		edge_pump(container_of(node, struct edge, dirty));
	bury_ended(gateway);
}

void gateway_deadline_changed(struct gateway *gateway)
{
	uint64_t next = timerq_next(&gateway->deadlines), now = gateway_now(gateway);

	if (next == TIMERQ_NEVER)
		timer_stop(gateway->timer);
	else
		timer_start(gateway->timer, next > now ? next - now : 0);
}

static void on_timer(void *ctx)
{
	struct gateway *gateway = ctx;
	struct timerq_node *node;

	while ((node = timerq_pop(&gateway->deadlines, gateway_now(gateway))))
		edge_tick(container_of(node, struct edge, deadline));
	gateway_deadline_changed(gateway);
}

/* "system:node:edge-1" -> "edge-1" */
static int name_of_peer(const struct tls_peer *peer, char out[EDGE_NODE_MAX])
{
	struct span name = span_of(peer->common_name), prefix = span_of(AUTHORITY_NODE_PREFIX);

	if (!peer->has_cert || !span_has_prefix(name, prefix))
		return -EACCES;
	return span_copy(span_make(name.ptr + prefix.len, name.len - prefix.len), out, EDGE_NODE_MAX);
}

static enum edge_door door_of(const char *server_name)
{
	if (strcasecmp(server_name, AUTHORITY_JOIN_NAME) == 0)
		return EDGE_DOOR_JOIN;
	return strcasecmp(server_name, AUTHORITY_RENEW_NAME) == 0 ? EDGE_DOOR_RENEW : EDGE_DOOR_WORK;
}

static void on_accept(void *ctx, struct stream *stream)
{
	struct gateway *gateway = ctx;
	const struct tls_peer *peer = stream_tls_peer(stream);
	enum edge_door door = door_of(peer->server_name);
	struct edge *edge = NULL;

	if ((door == EDGE_DOOR_JOIN && gateway->joining >= JOINING_MAX) ||
	    edge_new(gateway, stream, door, &edge)) {
		stream_close(stream);
		return;
	}
	if (door == EDGE_DOOR_JOIN) {
		gateway->joining++;
		return;
	}
	memcpy(edge->key_sha256, peer->key_sha256, sizeof(edge->key_sha256));
	edge->not_after_wall_ms = peer->not_after_wall_ms;
	if (name_of_peer(peer, edge->node) ||
	    succession_look(edge, span_make(peer->cert_der, peer->cert_der_len))) {
		log_warn(MODULE, "not-a-node", "peer=%s name=%s", stream_peer_address(stream),
			 peer->common_name);
		edge_close(edge);
	}
}

/* --- set-up --- */

static void free_clouds(char **clouds)
{
	for (size_t i = 0; clouds && clouds[i]; i++)
		free(clouds[i]);
	free(clouds);
}

/* NULL without memory. */
static char **copy_clouds(const char *const *addresses)
{
	size_t count = 0;
	char **copy;

	while (addresses[count])
		count++;
	copy = calloc(count + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < count; i++) {
		copy[i] = strdup(addresses[i]);
		if (!copy[i]) {
			free_clouds(copy);
			return NULL;
		}
	}
	return copy;
}

int gateway_set_clouds(struct gateway *gateway, const char *const *addresses)
{
	char **copy = copy_clouds(addresses);

	if (!copy)
		return -ENOMEM;
	free_clouds(gateway->clouds);
	gateway->clouds = copy;
	list_for_each(&gateway->edges, node) {
		struct edge *edge = container_of(node, struct edge, all);

		if (edge->state != EDGE_WORKING || !addresses[0])
			continue;
		if (session_send_clouds(edge->session, addresses))
			log_warn(MODULE, "not-told", "node=%s message=clouds",
				 edge->node); /* its next Welcome does */
		edge_kick(edge);
	}
	return 0;
}

int gateway_new(const struct gateway_options *options, struct gateway **out, struct err *err)
{
	struct gateway *gateway = calloc(1, sizeof(*gateway));
	int code;

	if (!gateway)
		return err_set(err, -ENOMEM, "out of memory");
	gateway->options = *options;
	if (!gateway->options.sessions_max)
		gateway->options.sessions_max = GATEWAY_SESSIONS_MAX;
	gateway->budget.max = CREDIT_MAX;
	list_init(&gateway->edges);
	list_init(&gateway->dirty);
	list_init(&gateway->ended);
	timerq_init(&gateway->deadlines);
	map_init(&gateway->nodes, gateway->options.sessions_max + 1);
	map_init(&gateway->heard, GRAPH_NODES_MAX);
	gateway->revision = cache_revision(options->cache);
	gateway->encodings = encode_cache_new(ENCODE_CACHE_BYTES);
	gateway->clouds = calloc(1, sizeof(*gateway->clouds));
	code = gateway->encodings && gateway->clouds ? 0 : -ENOMEM;
	if (!code)
		code = wakeup_new(options->loop, on_wake, gateway, &gateway->wakeup);
	if (!code)
		code = timer_new(options->loop, on_timer, gateway, &gateway->timer);
	if (!code)
		code = registry_new(options->cache, &gateway->registry);
	if (!code)
		code = enrolment_desk_new(gateway, &gateway->desk);
	if (!code)
		code = admission_new(gateway, &gateway->admission);
	if (!code)
		code = strangers_new(options->cache, &gateway->strangers);
	if (code) {
		gateway_free(gateway);
		return err_set(err, code, "out of memory");
	}
	*out = gateway;
	return 0;
}

int gateway_listen(struct gateway *gateway, const struct graph *graph, struct api *api, struct err *err)
{
	static const struct listener_events events = { .on_accept = on_accept };
	struct stream_options options = { .notsent_lowat = NOTSENT_LOWAT };
	struct handshakes_options budget = { .full_per_second = gateway->options.full_handshakes_per_second };
	int code = gateway_open_tickets(gateway, err);

	if (!code)
		code = gateway_make_tls(gateway, &gateway->tls, err);
	if (code)
		return code;
	gateway->graph = graph;
	gateway->api = api;
	options.tls = gateway->tls;
	random_bytes(&budget.seed, sizeof(budget.seed));
	options.handshakes = budget.full_per_second ? &budget : NULL;
	code = listener_new(gateway->options.loop, gateway->options.listen, &options,
			    gateway->options.sessions_max + 256, &events, gateway, &gateway->listener, err);
	if (code)
		return err_wrap(err, "listening for edge-hubs at %s", gateway->options.listen);
	return 0;
}

int gateway_renew(struct gateway *gateway, bool announce, struct err *err)
{
	struct tls_context *next = NULL;
	int code = gateway_make_tls(gateway, &next, err);

	if (code)
		return code;
	tls_unref(gateway->tls);
	gateway->tls = next;
	listener_set_tls(gateway->listener, next);
	if (announce)
		succession_announce(gateway);
	return 0;
}

const char *gateway_address(const struct gateway *gateway)
{
	return listener_address(gateway->listener);
}

void gateway_stop(struct gateway *gateway)
{
	gateway->stopping = true;
	listener_close(gateway->listener);
	gateway->listener = NULL;
	list_for_each(&gateway->edges, node) {
		struct edge *edge = container_of(node, struct edge, all);

		session_go_away(edge->session, REFUSE_STOPPING, "the cloud-hub is stopping", 1000,
				gateway_now(gateway));
		edge_kick(edge);
	}
	on_wake(gateway);
}

void gateway_free(struct gateway *gateway)
{
	if (!gateway)
		return;
	listener_close(gateway->listener);
	list_for_each(&gateway->edges, node)
		edge_close(container_of(node, struct edge, all));
	bury_ended(gateway);
	enrolment_desk_free(gateway->desk);
	admission_free(gateway->admission);
	strangers_free(gateway->strangers);
	registry_free(gateway->registry);
	wakeup_close(gateway->wakeup);
	timer_close(gateway->timer);
	timerq_done(&gateway->deadlines);
	map_done(&gateway->nodes, NULL);
	map_done(&gateway->heard, free);
	encode_cache_free(gateway->encodings);
	timer_close(gateway->ticket_timer);
	tickets_free(gateway->tickets);
	tls_unref(gateway->tls);
	free_clouds(gateway->clouds);
	free(gateway);
}

void gateway_stats(const struct gateway *gateway, struct gateway_stats *out)
{
	struct listener_stats handshakes;

	*out = gateway->stats;
	out->sessions = gateway->nodes.count;
	if (!gateway->listener)
		return;
	listener_stats(gateway->listener, &handshakes);
	out->handshakes_full = handshakes.full;
	out->handshakes_resumed = handshakes.resumed;
	out->handshakes_deferred = handshakes.deferred;
}
