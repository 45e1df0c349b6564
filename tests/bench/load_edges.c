/* load_edges: a swarm of edge-hubs for a real cloud-hub: joins each with a key of its own, keeps a mutual-TLS tunnel for each, and
 * measures how long one change takes to reach all, and what it costs the hub.
 *
 * The link, the multiplexer and the streams are those of edge-hub; a replica is not: what arrives is counted and acknowledged
 * at once, so that a thousand of them fit into one process. One thread and one event loop. Prints one line of JSON. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/authority.h"
#include "auth/token.h"
#include "auth/x509.h"
#include "base/files.h"
#include "base/timerq.h"
#include "net/http.h"
#include "net/stream.h"
#include "tests/bench/load.h"
#include "tunnel/link.h"

#define EDGES_MAX 10000u
#define JOINING_MAX 16u
#define CONNECTING_MAX 32u
#define OBJECT "fan" /* the ConfigMap that all pods name */
#define QUIET_MS 1500u

struct swarm;

struct edge {
	struct swarm *swarm;
	unsigned number;
	char node[32], boot_id[32], outbox[32];
	struct x509_key *key;
	struct buf chain, authority;
	struct tls_context *tls;
	struct stream *stream;
	struct mux *joining;
	struct link *link;
	struct timer *timer; /* of the join, then of the link */
	bool pumping, up, reached;
	uint64_t acked, ack_due; /* numbers of batches */
};

enum phase { JOINING, CONNECTING, STORM, FILLING, QUIET, CHANGING };

struct swarm {
	const struct options *options;
	struct loop *loop;
	struct timer *timer;
	struct token token;
	struct tls_context *join_tls;
	const char *cloud, *clouds[2], *hub_socket;
	struct edge *edges;
	unsigned count, opened, settled, changes, change, pods_sent;
	enum phase phase;
	long pid;
	struct buf pod, config_map, body;
	uint64_t began_us, cpu_us, own_cpu_us;
	uint64_t rss_empty, rss_full, puts, bytes;
	double join_seconds, connect_seconds, join_cpu, connect_cpu, own_connect_cpu, storm_seconds,
		storm_cpu;
	unsigned attempts; /* of the storm */
	struct samples delivery, last;
	struct err err;
};

static void fail(struct swarm *swarm, int code, const char *text)
{
	if (!swarm->err.code)
		(void)err_set(&swarm->err, code, "%s", text);
	loop_stop(swarm->loop);
}

/* --- writes to the hub, through its unix socket --- */

static void on_written(void *ctx, const struct http_client_answer *answer)
{
	struct swarm *swarm = ctx;

	if (answer->status < 200 || answer->status >= 300) {
		fprintf(stderr, "load_edges: %d %.*s\n", answer->status, SPAN_ARG(answer->body));
		fail(swarm, -EPROTO, answer->status ? "the hub refused a write" : err_text(&answer->err));
	}
}

static void write_object(struct swarm *swarm, const char *method, const char *target,
			 const struct buf *template, unsigned number,
			 void (*on_answer)(void *ctx, const struct http_client_answer *answer))
{
	static const struct stream_options plain = { 0 };
	struct http_header type = { SPAN("Content-Type"), SPAN("application/json") };

	if (load_fill(buf_span(template), number, &swarm->body) ||
	    http_client_request(swarm->loop, swarm->hub_socket, &plain, method, target, &type, 1,
				buf_span(&swarm->body), 30000, on_answer, swarm))
		fail(swarm, -EPROTO, "a write could not be sent");
}

/* --- joining --- */

static void join_next(struct swarm *swarm);

static void joined(struct edge *edge, const Tunnel__JoinResponse *answer)
{
	struct swarm *swarm = edge->swarm;

	if (buf_add(&edge->chain, answer->chain.data, answer->chain.len) ||
	    buf_add(&edge->authority, answer->authority.data, answer->authority.len)) {
		fail(swarm, -ENOMEM, "out of memory");
		return;
	}
	swarm->settled++;
	join_next(swarm);
}

static int on_join_message(void *ctx, uint16_t kind, struct span bytes)
{
	struct edge *edge = ctx;
	void *message = NULL;
	int code;

	if (kind != MSG_JOIN_RESPONSE && kind != MSG_REFUSE)
		return 0;
	code = message_decode(kind, bytes, &message);
	if (code)
		return code;
	if (kind == MSG_REFUSE)
		fail(edge->swarm, -EACCES, ((Tunnel__Refuse *)message)->text);
	else
		joined(edge, message);
	message_free(kind, message);
	return 0;
}

static void on_join_open(void *ctx)
{
	struct edge *edge = ctx;
	Tunnel__JoinRequest request = TUNNEL__JOIN_REQUEST__INIT;
	struct buf csr, out;

	buf_init(&csr, X509_PEM_MAX);
	buf_init(&out, MESSAGE_CONTROL_MAX);
	request.version_min = TUNNEL_VERSION_MIN;
	request.version_max = TUNNEL_VERSION_MAX;
	request.token = (char *)options_get(edge->swarm->options, "token");
	request.node = edge->node;
	request.software = (char *)"load_edges";
	if (x509_csr_write(edge->key, edge->node, &csr))
		fail(edge->swarm, -EINVAL, "a signing request could not be made");
	request.csr.data = (uint8_t *)csr.data;
	request.csr.len = csr.len;
	if (message_encode(MSG_JOIN_REQUEST, &request, &out) ||
	    mux_send_control(edge->joining, MSG_JOIN_REQUEST, buf_span(&out)))
		fail(edge->swarm, -EMSGSIZE, "the request is too large");
	buf_reset(&out);
	if (mux_output(edge->joining, &out, MUX_RECORD_MAX) || stream_write(edge->stream, buf_span(&out)))
		fail(edge->swarm, -EPIPE, "the request could not be sent");
	buf_done(&out);
	buf_done(&csr);
}

static void on_join_data(void *ctx, struct span data)
{
	struct edge *edge = ctx;

	if (mux_input(edge->joining, data))
		fail(edge->swarm, -EPROTO, "the hub does not speak the tunnel's protocol");
}

static void on_join_closed(void *ctx, const struct err *why)
{
	struct edge *edge = ctx;

	if (stream_retry_after_ms(edge->stream)) {
		timer_start(edge->timer, stream_retry_after_ms(edge->stream)); /* join_again */
		edge->stream = NULL;
		return;
	}
	edge->stream = NULL;
	if (!edge->authority.len)
		fail(edge->swarm, -ECONNRESET,
		     why && why->code ? err_text(why) : "the hub closed a connection that joins");
}

static void join_again(void *ctx);

static void join_one(struct edge *edge)
{
	static const struct stream_events events = { .on_open = on_join_open,
						     .on_data = on_join_data,
						     .on_closed = on_join_closed };
	static const struct mux_channel_ops control = { .on_message = on_join_message };
	struct stream_options options = { .tls = edge->swarm->join_tls,
					  .tls_server_name = AUTHORITY_JOIN_NAME };
	struct mux_options mux = { .dialer = true };

	mux_free(edge->joining);
	edge->joining = NULL;
	if ((!edge->timer && timer_new(edge->swarm->loop, join_again, edge, &edge->timer)) ||
	    mux_new(&mux, &edge->joining)) {
		fail(edge->swarm, -ENOMEM, "out of memory");
		return;
	}
	mux_set_channel(edge->joining, MUX_CONTROL, &control, edge);
	if (stream_connect(edge->swarm->loop, edge->swarm->cloud, &options, &events, edge, &edge->stream,
			   &edge->swarm->err))
		loop_stop(edge->swarm->loop);
}

static void join_again(void *ctx)
{
	join_one(ctx);
}

static void connect_all(void *ctx);

static void join_next(struct swarm *swarm)
{
	if (swarm->opened < swarm->count) {
		join_one(&swarm->edges[swarm->opened++]);
	} else if (swarm->settled == swarm->count) {
		swarm->join_seconds = (double)(load_now_us() - swarm->began_us) / 1e6;
		swarm->join_cpu = (double)(load_cpu_us(swarm->pid) - swarm->cpu_us) / swarm->count;
		timer_start(swarm->timer, 0); /* connect_all, from outside of a connection's callback */
	}
}

/* --- the tunnel --- */

static void pump(struct edge *edge);
static void settled(struct edge *edge);

static int on_replication(void *ctx, uint16_t kind, struct span bytes)
{
	struct edge *edge = ctx;
	void *message = NULL;
	int code = 0;

	edge->swarm->bytes += bytes.len;
	if (kind != MSG_PUT && kind != MSG_BATCH_END)
		return 0;
	code = message_decode(kind, bytes, &message);
	if (code)
		return code;
	if (kind == MSG_BATCH_END) {
		edge->ack_due = ((Tunnel__BatchEnd *)message)->number;
		mux_kick(link_mux(edge->link), MUX_REPLICATION);
	} else {
		edge->swarm->puts++;
		if (strcmp(((Tunnel__Put *)message)->key->name, OBJECT) == 0)
			settled(edge);
	}
	message_free(kind, message);
	return 0;
}

static int supply_ack(void *ctx, struct mux_message *out)
{
	struct edge *edge = ctx;
	Tunnel__Ack ack = TUNNEL__ACK__INIT;

	if (edge->acked == edge->ack_due)
		return 0;
	edge->acked++;
	ack.number = edge->acked;
	*out = (struct mux_message){ .kind = MSG_ACK, .bytes = message_blob(MSG_ACK, &ack) };
	return out->bytes ? 1 : -ENOMEM;
}

static uint64_t now_of(const struct edge *edge)
{
	return loop_now_ms(edge->swarm->loop);
}

static void on_open(void *ctx)
{
	struct edge *edge = ctx;

	link_opened(edge->link, now_of(edge));
	pump(edge);
}

static void on_data(void *ctx, struct span data)
{
	struct edge *edge = ctx;

	link_input(edge->link, data, now_of(edge));
	pump(edge);
}

static void on_drain(void *ctx)
{
	pump(ctx);
}

static void on_closed(void *ctx, const struct err *why)
{
	struct edge *edge = ctx;

	if (edge->up) {
		edge->stream = NULL;
		fail(edge->swarm, -ECONNRESET, why && why->code ? err_text(why) : "the hub closed a tunnel");
		return;
	}
	if (stream_retry_after_ms(edge->stream))
		link_later(edge->link, stream_retry_after_ms(edge->stream));
	edge->stream = NULL;
	link_closed(edge->link, why && why->code ? why->code : -ECONNRESET, now_of(edge));
	pump(edge);
}

static void dial(struct edge *edge)
{
	static const struct stream_events events = {
		.on_open = on_open, .on_data = on_data, .on_drain = on_drain, .on_closed = on_closed
	};
	struct stream_options options = { .tls = edge->tls,
					  .tls_server_name = AUTHORITY_HUB_NAME,
					  .connect_timeout_ms = LINK_DIAL_MS };

	edge->swarm->attempts++;
	stream_close(edge->stream);
	edge->stream = NULL;
	if (stream_connect(edge->swarm->loop, edge->swarm->cloud, &options, &events, edge, &edge->stream,
			   &edge->swarm->err))
		loop_stop(edge->swarm->loop);
}

static void connect_next(struct swarm *swarm);

static void act(struct edge *edge, const struct link_action *action)
{
	static const struct mux_channel_ops replication = { .on_message = on_replication,
							    .supply = supply_ack };

	switch (action->type) {
	case LINK_DIAL: dial(edge); break;
	case LINK_UP:
		edge->up = true;
		mux_set_channel(link_mux(edge->link), MUX_REPLICATION, &replication, edge);
		edge->swarm->settled++;
		connect_next(edge->swarm);
		break;
	case LINK_REFUSED: fail(edge->swarm, -ECONNRESET, action->text); break;
	case LINK_DOWN: break; /* a storm; else on_closed has failed already */
	case LINK_DROP:
		stream_close(edge->stream);
		edge->stream = NULL;
		break;
	case LINK_CLOUDS:
	case LINK_PONG: break;
	}
}

static void fill(struct edge *edge)
{
	struct buf out;

	buf_init(&out, 2 * MUX_RECORD_MAX);
	while (edge->stream && stream_queued(edge->stream) == 0 && link_wants_output(edge->link)) {
		buf_reset(&out);
		link_output(edge->link, &out, MUX_RECORD_MAX, now_of(edge));
		if (!out.len || stream_write(edge->stream, buf_span(&out)))
			break;
	}
	buf_done(&out);
}

static void pump(struct edge *edge)
{
	struct link_action action;
	uint64_t deadline, now = now_of(edge);

	if (edge->pumping)
		return;
	edge->pumping = true;
	do {
		while (link_next(edge->link, &action))
			act(edge, &action);
		fill(edge);
	} while (link_next(edge->link, &action) && (act(edge, &action), true));
	edge->pumping = false;
	deadline = link_deadline(edge->link);
	if (deadline != TIMERQ_NEVER)
		timer_start(edge->timer, deadline > now ? deadline - now : 0);
}

static void on_timer(void *ctx)
{
	struct edge *edge = ctx;

	link_tick(edge->link, now_of(edge));
	pump(edge);
}

static int hello(void *ctx, Tunnel__Hello *message)
{
	struct edge *edge = ctx;

	message->node = edge->node;
	message->boot_id = edge->boot_id;
	message->incarnation = 1;
	message->outbox = edge->outbox;
	message->software = (char *)"load_edges";
	return 0;
}

/* A context without a session: the handshake will be a full one. */
static int make_tls(struct edge *edge)
{
	struct tls_client_options tls = { .ca_pem = buf_span(&edge->authority),
					  .cert_chain_pem = buf_span(&edge->chain) };
	struct buf key;
	int code;

	tls_unref(edge->tls);
	edge->tls = NULL;
	buf_init(&key, X509_PEM_MAX);
	code = x509_key_write(edge->key, &key);
	tls.key_pem = buf_span(&key);
	if (!code)
		code = tls_client_new(&tls, &edge->tls, &edge->swarm->err);
	buf_done(&key);
	return code;
}

static int connect_one(struct edge *edge)
{
	struct link_options options = {
		.clouds = edge->swarm->clouds, .seed = edge->number, .hello = hello, .ctx = edge
	};
	int code;

	stream_close(edge->stream);
	edge->stream = NULL;
	mux_free(edge->joining);
	edge->joining = NULL;
	timer_close(edge->timer);
	edge->timer = NULL;
	code = make_tls(edge);
	if (!code)
		code = link_new(&options, &edge->link);
	if (!code)
		code = timer_new(edge->swarm->loop, on_timer, edge, &edge->timer);
	return code;
}

static void fill_pods(struct swarm *swarm);

static void connect_next(struct swarm *swarm)
{
	if (swarm->opened < swarm->count) {
		struct edge *edge = &swarm->edges[swarm->opened++];

		link_start(edge->link, now_of(edge));
		timer_start(edge->timer, 0); /* pumps from the loop */
	} else if (swarm->settled == swarm->count && swarm->phase == STORM) {
		swarm->storm_seconds = (double)(load_now_us() - swarm->began_us) / 1e6;
		swarm->storm_cpu = (double)(load_cpu_us(swarm->pid) - swarm->cpu_us) / swarm->count;
		swarm->phase = FILLING;
		swarm->settled = 0;
		timer_start(swarm->timer, 0);
	} else if (swarm->settled == swarm->count) {
		swarm->connect_seconds = (double)(load_now_us() - swarm->began_us) / 1e6;
		swarm->connect_cpu = (double)(load_cpu_us(swarm->pid) - swarm->cpu_us) / swarm->count;
		swarm->own_connect_cpu = (double)(load_cpu_us(0) - swarm->own_cpu_us) / swarm->count;
		swarm->phase = strcmp(options_get(swarm->options, "storm"), "none") ? STORM : FILLING;
		swarm->settled = 0;
		timer_start(swarm->timer, 0);
	}
}

/* Every connection is lost at the same moment, as when the hub's cable is pulled; each link comes back by its own rules. */
static void storm(struct swarm *swarm)
{
	bool full = strcmp(options_get(swarm->options, "storm"), "full") == 0;

	for (unsigned i = 0; full && i < swarm->count; i++)
		if (make_tls(&swarm->edges[i])) {
			fail(swarm, -EINVAL, "an identity could not be used");
			return;
		}
	swarm->settled = swarm->attempts = 0;
	swarm->began_us = load_now_us();
	swarm->cpu_us = load_cpu_us(swarm->pid);
	for (unsigned i = 0; i < swarm->count; i++) {
		struct edge *edge = &swarm->edges[i];

		edge->up = false;
		stream_close(edge->stream);
		edge->stream = NULL;
		link_closed(edge->link, -ECONNRESET, now_of(edge));
		pump(edge);
	}
}

static void connect_all(void *ctx)
{
	struct swarm *swarm = ctx;

	swarm->opened = swarm->settled = 0;
	swarm->phase = CONNECTING;
	for (unsigned i = 0; i < swarm->count; i++) /* parsing keys is not the hub's time */
		if (connect_one(&swarm->edges[i])) {
			fail(swarm, -EINVAL, "an identity could not be used");
			return;
		}
	swarm->rss_empty = load_resident_bytes(swarm->pid);
	swarm->began_us = load_now_us();
	swarm->cpu_us = load_cpu_us(swarm->pid);
	swarm->own_cpu_us = load_cpu_us(0);
	for (unsigned i = 0; i < CONNECTING_MAX; i++)
		connect_next(swarm);
}

/* --- a pod on each, naming the one ConfigMap --- */

static void on_pod(void *ctx, const struct http_client_answer *answer)
{
	on_written(ctx, answer);
	fill_pods(ctx);
}

static void fill_pods(struct swarm *swarm)
{
	if (swarm->pods_sent < swarm->count)
		write_object(swarm, "POST", "/api/v1/namespaces/default/pods", &swarm->pod,
			     swarm->pods_sent++, on_pod);
}

/* --- changes --- */

static void change(struct swarm *swarm)
{
	if (swarm->change == swarm->changes) {
		loop_stop(swarm->loop);
		return;
	}
	for (unsigned i = 0; i < swarm->count; i++)
		swarm->edges[i].reached = false;
	swarm->settled = 0;
	swarm->change++;
	swarm->began_us = load_now_us();
	write_object(swarm, "PUT", "/api/v1/namespaces/default/configmaps/" OBJECT, &swarm->config_map,
		     swarm->change, on_written);
}

/* The ConfigMap arrived at one edge. */
static void settled(struct edge *edge)
{
	struct swarm *swarm = edge->swarm;
	double ms = (double)(load_now_us() - swarm->began_us) / 1000;

	if (edge->reached)
		return;
	edge->reached = true;
	if (swarm->phase == CHANGING)
		samples_add(&swarm->delivery, ms);
	if (++swarm->settled < swarm->count)
		return;
	if (swarm->phase == CHANGING)
		samples_add(&swarm->last, ms);
	else
		swarm->phase = QUIET;
	timer_start(swarm->timer, swarm->phase == QUIET ? QUIET_MS : 50);
}

static void on_step(void *ctx)
{
	struct swarm *swarm = ctx;

	switch (swarm->phase) {
	case JOINING: connect_all(swarm); break;
	case CONNECTING: break;
	case STORM: storm(swarm); break;
	case FILLING: fill_pods(swarm); break;
	case QUIET:
		swarm->phase = CHANGING;
		swarm->rss_full = load_resident_bytes(swarm->pid);
		swarm->cpu_us = load_cpu_us(swarm->pid);
		change(swarm);
		break;
	case CHANGING: change(swarm); break;
	}
}

/* --- life --- */

static int make_edge(struct swarm *swarm, unsigned number)
{
	struct edge *edge = &swarm->edges[number];

	edge->swarm = swarm;
	edge->number = number;
	(void)snprintf(edge->node, sizeof(edge->node), "sim-%u", number);
	(void)snprintf(edge->boot_id, sizeof(edge->boot_id), "boot-%u", number);
	(void)snprintf(edge->outbox, sizeof(edge->outbox), "outbox-%u", number);
	buf_init(&edge->chain, X509_CHAIN_MAX);
	buf_init(&edge->authority, X509_CHAIN_MAX);
	return x509_key_new(&edge->key);
}

static int start(struct swarm *swarm, const struct options *options)
{
	struct tls_client_options tls = { .pin_root_sha256 = swarm->token.pin };
	int code = token_parse(span_of(options_get(options, "token")), &swarm->token, &swarm->err);

	swarm->count = load_number(options, "edges");
	swarm->changes = load_number(options, "changes");
	swarm->pid = (long)load_number(options, "pid");
	swarm->cloud = swarm->clouds[0] = options_get(options, "cloud");
	swarm->hub_socket = options_get(options, "hub-socket");
	buf_init(&swarm->pod, LOAD_FILE_MAX);
	buf_init(&swarm->config_map, LOAD_FILE_MAX);
	buf_init(&swarm->body, LOAD_FILE_MAX);
	if (!swarm->count || swarm->count > EDGES_MAX)
		return err_set(&swarm->err, -EINVAL, "between 1 and %u edges", EDGES_MAX);
	swarm->edges = calloc(swarm->count, sizeof(*swarm->edges));
	if (!code)
		code = swarm->edges ? file_read(options_get(options, "pod"), &swarm->pod) : -ENOMEM;
	if (!code)
		code = file_read(options_get(options, "config-map"), &swarm->config_map);
	if (!code)
		code = loop_new(&swarm->loop);
	if (!code)
		code = timer_new(swarm->loop, on_step, swarm, &swarm->timer);
	if (!code)
		code = tls_client_new(&tls, &swarm->join_tls, &swarm->err);
	for (unsigned i = 0; !code && i < swarm->count; i++)
		code = make_edge(swarm, i);
	return code ? err_set(&swarm->err, code, "starting: %s", strerror(-code)) : 0;
}

static void print(struct swarm *swarm)
{
	double deliveries = (double)(swarm->delivery.count ? swarm->delivery.count : 1);

	printf("{\"edges\":%u,\"changes\":%zu,\"joinSeconds\":%.3f,\"joinCpuUs\":%.1f,\"connectSeconds\":%."
	       "3f,\"connectCpuUs\":%.1f,\"ownConnectCpuUs\":%.1f,\"stormSeconds\":%.3f,\"stormCpuUs\":%.1f,"
	       "\"stormAttempts\":%u,"
	       "\"hubRssEmptyBytes\":%llu,\"hubRssBytes\":%llu,\"serverCpuUs\":%.2f,\"deliveryMs\":",
	       swarm->count, swarm->last.count, swarm->join_seconds, swarm->join_cpu, swarm->connect_seconds,
	       swarm->connect_cpu, swarm->own_connect_cpu, swarm->storm_seconds, swarm->storm_cpu,
	       swarm->attempts, (unsigned long long)swarm->rss_empty, (unsigned long long)swarm->rss_full,
	       (double)(load_cpu_us(swarm->pid) - swarm->cpu_us) / deliveries);
	samples_print(&swarm->delivery);
	printf(",\"lastMs\":");
	samples_print(&swarm->last);
	printf("}\n");
}

static int finish(struct swarm *swarm)
{
	for (unsigned i = 0; swarm->edges && i < swarm->count; i++) {
		struct edge *edge = &swarm->edges[i];

		stream_close(edge->stream);
		mux_free(edge->joining);
		link_free(edge->link);
		timer_close(edge->timer);
		tls_unref(edge->tls);
		x509_key_free(edge->key);
		buf_done(&edge->chain);
		buf_done(&edge->authority);
	}
	timer_close(swarm->timer);
	tls_unref(swarm->join_tls);
	loop_free(swarm->loop);
	free(swarm->edges);
	buf_done(&swarm->pod);
	buf_done(&swarm->config_map);
	buf_done(&swarm->body);
	samples_done(&swarm->delivery);
	samples_done(&swarm->last);
	if (!swarm->err.code)
		return OPTIONS_EXIT_OK;
	fprintf(stderr, "load_edges: %s\n", err_text(&swarm->err));
	return OPTIONS_EXIT_FAILED;
}

static int run(const struct options *options, void *ctx)
{
	struct swarm swarm = { .options = options };

	(void)ctx;
	if (!start(&swarm, options)) {
		swarm.began_us = load_now_us();
		swarm.cpu_us = load_cpu_us(swarm.pid);
		for (unsigned i = 0; i < JOINING_MAX; i++)
			join_next(&swarm);
		loop_run(swarm.loop);
		if (!swarm.err.code)
			print(&swarm);
	}
	return finish(&swarm);
}

static const struct option_spec run_options[] = {
	{ "cloud", 0, "HOST:PORT", NULL, OPTION_REQUIRED, "the hub's tunnel port" },
	{ "token", 0, "TOKEN", NULL, OPTION_REQUIRED, "join token with as many uses" },
	{ "edges", 0, "N", "1000", 0, "how many" },
	{ "changes", 0, "N", "20", 0, "how many changes to the ConfigMap \"" OBJECT "\"" },
	{ "storm", 0, "full|resumed|none", "none", 0,
	  "lose all connections at once before the changes, and come back with or without sessions to "
	  "resume" },
	{ "hub-socket", 0, "ADDRESS", NULL, OPTION_REQUIRED,
	  "unix:///PATH of the hub's operator socket, for writes" },
	{ "pid", 0, "PID", NULL, OPTION_REQUIRED, "the hub, whose CPU time is read" },
	{ "pod", 0, "FILE", NULL, OPTION_REQUIRED, "a pod on node sim-@N@ that names the ConfigMap" },
	{ "config-map", 0, "FILE", NULL, OPTION_REQUIRED, "the ConfigMap, with @N@ in it" },
	{ 0 },
};
static const struct verb_spec verbs[] = {
	{ .name = "run", .options = run_options, .help = "join, connect, and measure changes", .run = run },
	{ 0 },
};

int main(int argc, char *argv[])
{
	static const struct program_spec program = { .name = "load_edges",
						     .summary = "a swarm of edge-hubs",
						     .version = HOLDFAST_VERSION,
						     .verbs = verbs };

	return options_main(&program, argc, argv, NULL);
}
