/* Figures of net/: bytes through one stream, handshakes, memory of idle connections, HTTP requests, fan-out to
 * watchers. Both ends live in this one process and thread, so every figure is for client and server together. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <mbedtls/gcm.h>

#include "net/http.h"
#include "net/stream.h"
#include "net/tls.h"
#include "tests/tools/testcerts.h"

#define NAME "hub.bench"
#define STREAM_BYTES (1024ull * 1024 * 1024)
#define BLOCK_BYTES (64u * 1024)
#define HANDSHAKES 1000u
#define IDLE_CONNECTIONS 2000u
#define REQUESTS 50000u
#define WATCHERS 1000u
#define EVENTS 20u
#define EVENT_BYTES 1000u

static struct {
	struct loop *loop;
	struct testcert ca, server, client;
	struct tls_context *server_tls;
	struct listener *listener;
	char block[BLOCK_BYTES];
} bench;

static uint64_t now_us(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static long rss_kb(void)
{
	long size = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	assert_always(file && fscanf(file, "%ld %ld", &size, &resident) == 2);
	(void)fclose(file);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static struct tls_context *client_context(void)
{
	struct tls_client_options options = { .ca_pem = span_of(bench.ca.cert_pem),
					      .cert_chain_pem = span_of(bench.client.chain_pem),
					      .key_pem = span_of(bench.client.key_pem) };
	struct tls_context *tls;

	assert_always(!tls_client_new(&options, &tls, NULL));
	return tls;
}

/* One stream, as fast as it goes */

struct flow {
	struct stream *stream;
	uint64_t left, got;
};

static void flow_write(void *ctx)
{
	struct flow *flow = ctx;

	while (flow->left && !stream_write(flow->stream, span_make(bench.block, sizeof(bench.block))))
		flow->left -= sizeof(bench.block);
}

static void flow_data(void *ctx, struct span data)
{
	struct flow *flow = ctx;

	flow->got += data.len;
	if (flow->got >= STREAM_BYTES)
		loop_stop(bench.loop);
}

static void flow_accept(void *ctx, struct stream *stream)
{
	static const struct stream_events events = { .on_data = flow_data };

	((struct flow *)ctx)->stream = stream;
	stream_set_events(stream, &events, ctx);
}

static void stream_figure(const char *what, bool with_tls)
{
	static const struct listener_events listen_events = { .on_accept = flow_accept };
	static const struct stream_events events = { .on_open = flow_write, .on_drain = flow_write };
	struct tls_context *tls = with_tls ? client_context() : NULL;
	struct stream_options server = { .tls = with_tls ? bench.server_tls : NULL };
	struct stream_options client = { .tls = tls, .tls_server_name = NAME, .queue_max_bytes = 1u << 20 };
	struct flow from = { .left = STREAM_BYTES }, to = { 0 };
	uint64_t began, cpu;

	assert_always(!listener_new(bench.loop, "127.0.0.1:0", &server, 1, &listen_events, &to,
				    &bench.listener, NULL));
	assert_always(!stream_connect(bench.loop, listener_address(bench.listener), &client, &events, &from,
				      &from.stream, NULL));
	began = now_us(CLOCK_MONOTONIC);
	cpu = now_us(CLOCK_PROCESS_CPUTIME_ID);
	loop_run(bench.loop);
	began = now_us(CLOCK_MONOTONIC) - began;
	cpu = now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	printf("one stream, %-28s %8.0f MB/s %8.2f CPU-s/GiB\n", what, (double)STREAM_BYTES / (double)began,
	       (double)cpu / 1e6);
	stream_close(from.stream);
	stream_close(to.stream);
	listener_close(bench.listener);
	tls_unref(tls);
}

/* What the cipher alone costs, once to seal and once to open: the floor of the line above. */
static void cipher_figure(void)
{
	static unsigned char in[16384], out[16384];
	unsigned char key[16] = { 1 }, nonce[12] = { 2 }, tag[16];
	mbedtls_gcm_context gcm;
	uint64_t began = now_us(CLOCK_MONOTONIC);

	mbedtls_gcm_init(&gcm);
	assert_always(!mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, 128));
	for (uint64_t done = 0; done < STREAM_BYTES / 4; done += sizeof(in)) {
		assert_always(!mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, sizeof(in), nonce,
							 sizeof(nonce), NULL, 0, in, out, sizeof(tag), tag));
		assert_always(!mbedtls_gcm_auth_decrypt(&gcm, sizeof(in), nonce, sizeof(nonce), NULL, 0, tag,
							sizeof(tag), out, in));
	}
	mbedtls_gcm_free(&gcm);
	began = now_us(CLOCK_MONOTONIC) - began;
	printf("AES-128-GCM alone, sealed and opened       %8.0f MB/s\n",
	       (double)STREAM_BYTES / 4 / (double)began);
}

/* Handshakes, one after the other */

struct dialler {
	struct tls_context *tls;
	struct stream *stream;
	unsigned left;
	bool fresh; /* a context of its own for each: no resumption */
};

static void dial_next(struct dialler *dialler);

static void dialled(void *ctx)
{
	struct dialler *dialler = ctx;

	stream_close(dialler->stream);
	if (--dialler->left)
		dial_next(dialler);
	else
		loop_stop(bench.loop);
}

static void dial_failed(void *ctx, const struct err *why)
{
	printf("connecting failed: %s\n", err_text(why));
	exit(1);
}

static void dial_next(struct dialler *dialler)
{
	static const struct stream_events events = { .on_open = dialled, .on_closed = dial_failed };
	struct stream_options options = { .tls_server_name = NAME };

	if (dialler->fresh || !dialler->tls) {
		tls_unref(dialler->tls);
		dialler->tls = client_context();
	}
	options.tls = dialler->tls;
	assert_always(!stream_connect(bench.loop, listener_address(bench.listener), &options, &events,
				      dialler, &dialler->stream, NULL));
}

static void accept_and_drop(void *ctx, struct stream *stream)
{
	stream_finish(stream);
}

static void handshake_figure(const char *what, bool fresh)
{
	static const struct listener_events listen_events = { .on_accept = accept_and_drop };
	struct stream_options server = { .tls = bench.server_tls };
	struct dialler dialler = { .left = HANDSHAKES, .fresh = fresh };
	uint64_t began;

	assert_always(!listener_new(bench.loop, "127.0.0.1:0", &server, 10000, &listen_events, NULL,
				    &bench.listener, NULL));
	began = now_us(CLOCK_MONOTONIC);
	dial_next(&dialler);
	loop_run(bench.loop);
	began = now_us(CLOCK_MONOTONIC) - began;
	printf("mutual TLS handshakes, %-19s %8.0f /s\n", what, HANDSHAKES * 1e6 / (double)began);
	listener_close(bench.listener);
	tls_unref(dialler.tls);
}

/* Idle connections */

struct crowd {
	struct stream *ends[2 * IDLE_CONNECTIONS];
	struct stream_options options;
	unsigned accepted, opened;
};

static void crowd_dial(struct crowd *crowd);

static void crowd_check(struct crowd *crowd)
{
	if (crowd->accepted == IDLE_CONNECTIONS && crowd->opened == IDLE_CONNECTIONS)
		loop_stop(bench.loop);
}

static void crowd_accept(void *ctx, struct stream *stream)
{
	static const struct stream_events events = { 0 };
	struct crowd *crowd = ctx;

	crowd->ends[IDLE_CONNECTIONS + crowd->accepted++] = stream;
	stream_set_events(stream, &events, crowd);
	crowd_check(crowd);
}

static void crowd_open(void *ctx)
{
	struct crowd *crowd = ctx;

	/* One after the other, so that all but the first resume: the figure is of memory. */
	if (++crowd->opened < IDLE_CONNECTIONS)
		crowd_dial(crowd);
	crowd_check(crowd);
}

static void crowd_dial(struct crowd *crowd)
{
	static const struct stream_events events = { .on_open = crowd_open, .on_closed = dial_failed };

	assert_always(!stream_connect(bench.loop, listener_address(bench.listener), &crowd->options, &events,
				      crowd, &crowd->ends[crowd->opened], NULL));
}

static void idle_figure(const char *what, bool with_tls)
{
	static const struct listener_events listen_events = { .on_accept = crowd_accept };
	static struct crowd crowd;
	struct tls_context *tls = with_tls ? client_context() : NULL;
	struct stream_options server = { .tls = with_tls ? bench.server_tls : NULL };
	long before = rss_kb();

	crowd = (struct crowd){ .options = { .tls = tls, .tls_server_name = NAME } };
	assert_always(!listener_new(bench.loop, "127.0.0.1:0", &server, IDLE_CONNECTIONS, &listen_events,
				    &crowd, &bench.listener, NULL));
	crowd_dial(&crowd);
	loop_run(bench.loop);
	printf("memory of an idle end, %-19s %8.1f KB\n", what,
	       (double)(rss_kb() - before) / (2.0 * IDLE_CONNECTIONS));
	for (unsigned i = 0; i < 2 * IDLE_CONNECTIONS; i++)
		stream_close(crowd.ends[i]);
	listener_close(bench.listener);
	tls_unref(tls);
}

/* HTTP */

struct asker {
	struct stream *stream;
	unsigned left;
	size_t got, answer_bytes;
};

static void ask(struct asker *asker)
{
	const struct span request = SPAN("GET /api/v1/namespaces/default/pods/p HTTP/1.1\r\nHost: x\r\n"
					 "Accept: application/json\r\nUser-Agent: bench\r\n\r\n");

	assert_always(!stream_write(asker->stream, request));
}

static void asker_data(void *ctx, struct span data)
{
	struct asker *asker = ctx;

	if (!asker->answer_bytes)
		asker->answer_bytes = data.len; /* the first answer comes in one piece */
	asker->got += data.len;
	if (asker->got < asker->answer_bytes)
		return;
	asker->got = 0;
	if (--asker->left)
		ask(asker);
	else
		loop_stop(bench.loop);
}

static void asker_open(void *ctx)
{
	ask(ctx);
}

struct watchers {
	struct http_exchange *held[WATCHERS];
	unsigned count;
	struct http_server *server;
	struct stream_options options;
	struct stream *streams[WATCHERS];
	unsigned dialled;
	uint64_t got, want;
};

static void on_request(void *ctx, struct http_exchange *exchange, const struct http_request *request)
{
	struct watchers *watchers = ctx;

	if (!span_is(request->path, "/watch")) {
		http_respond(exchange, 200, "application/json", NULL, 0, span_make(bench.block, EVENT_BYTES));
		return;
	}
	http_respond_begin(exchange, 200, "application/json", NULL, 0);
	watchers->held[watchers->count++] = exchange;
	if (watchers->count == WATCHERS)
		loop_stop(bench.loop);
}

static void server_stopped(void *ctx)
{
	loop_stop(bench.loop);
}

static struct http_server *serve(struct watchers *watchers, bool with_tls)
{
	static const struct http_server_events events = { .on_request = on_request };
	struct http_server_options options = { .stream.tls = with_tls ? bench.server_tls : NULL,
					       .connections_max = WATCHERS + 1 };
	struct http_server *server;

	assert_always(
		!http_server_new(bench.loop, "127.0.0.1:0", &options, &events, watchers, &server, NULL));
	return server;
}

static void request_figure(const char *what, bool with_tls)
{
	static const struct stream_events events = { .on_open = asker_open,
						     .on_data = asker_data,
						     .on_closed = dial_failed };
	struct tls_context *tls = with_tls ? client_context() : NULL;
	struct stream_options client = { .tls = tls, .tls_server_name = NAME };
	struct asker asker = { .left = REQUESTS };
	struct http_server *server = serve(NULL, with_tls);
	uint64_t began = now_us(CLOCK_MONOTONIC);

	assert_always(!stream_connect(bench.loop, http_server_address(server), &client, &events, &asker,
				      &asker.stream, NULL));
	loop_run(bench.loop);
	began = now_us(CLOCK_MONOTONIC) - began;
	printf("HTTP requests, one connection, %-11s %8.0f /s\n", what, REQUESTS * 1e6 / (double)began);
	stream_close(asker.stream);
	http_server_close(server, 0, server_stopped, NULL);
	loop_run(bench.loop);
	tls_unref(tls);
}

static struct watchers watchers;

static void watcher_data(void *ctx, struct span data)
{
	watchers.got += data.len;
	if (watchers.want && watchers.got >= watchers.want)
		loop_stop(bench.loop);
}

/* One event after the other: sent together they would share system calls and records. */
static void send_event(void)
{
	const struct span event = span_make(bench.block, EVENT_BYTES);

	watchers.got = 0;
	watchers.want = (uint64_t)WATCHERS * (EVENT_BYTES + 7); /* with the chunk's frame */
	for (unsigned i = 0; i < WATCHERS; i++)
		assert_always(http_respond_write(watchers.held[i], &event, 1) >= 0);
	loop_run(bench.loop);
}

static void watcher_dial(void);

static void watcher_open(void *ctx)
{
	assert_always(!stream_write(watchers.streams[watchers.dialled - 1],
				    SPAN("GET /watch HTTP/1.1\r\nHost: x\r\n\r\n")));
	if (watchers.dialled < WATCHERS)
		watcher_dial();
}

static void watcher_dial(void)
{
	static const struct stream_events events = { .on_open = watcher_open,
						     .on_data = watcher_data,
						     .on_closed = dial_failed };

	assert_always(!stream_connect(bench.loop, http_server_address(watchers.server), &watchers.options,
				      &events, NULL, &watchers.streams[watchers.dialled++], NULL));
}

static void fan_out_figure(const char *what, bool with_tls)
{
	struct tls_context *tls = with_tls ? client_context() : NULL;
	uint64_t cpu;

	watchers = (struct watchers){ .options = { .tls = tls, .tls_server_name = NAME } };
	watchers.server = serve(&watchers, with_tls);
	watcher_dial();
	loop_run(bench.loop);
	send_event(); /* the heads of the answers come along with this one */
	cpu = now_us(CLOCK_PROCESS_CPUTIME_ID);
	for (unsigned n = 0; n < EVENTS; n++)
		send_event();
	cpu = now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	printf("an event of %u bytes to %u watchers, %-5s %6.1f us CPU each, both ends\n", EVENT_BYTES,
	       WATCHERS, what, (double)cpu / (WATCHERS * EVENTS));
	for (unsigned i = 0; i < WATCHERS; i++)
		stream_close(watchers.streams[i]);
	http_server_close(watchers.server, 0, server_stopped, NULL);
	loop_run(bench.loop);
	tls_unref(tls);
}

static void make_identities(void)
{
	struct testcert_options options = { .kind = TESTCERT_CA, .common_name = "bench" };
	struct tls_server_name name;

	testcert_make(NULL, &options, &bench.ca);
	options =
		(struct testcert_options){ .kind = TESTCERT_SERVER, .common_name = "hub", .dns_name = NAME };
	testcert_make(&bench.ca, &options, &bench.server);
	options = (struct testcert_options){ .kind = TESTCERT_CLIENT, .common_name = "node" };
	testcert_make(&bench.ca, &options, &bench.client);
	name = (struct tls_server_name){ .cert_chain_pem = span_of(bench.server.chain_pem),
					 .key_pem = span_of(bench.server.key_pem),
					 .client_ca_pem = span_of(bench.ca.cert_pem),
					 .client_auth = TLS_CLIENT_REQUIRED };
	assert_always(!tls_server_new(&name, 1, &bench.server_tls, NULL));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	assert_always(!loop_new(&bench.loop));
	make_identities();
	idle_figure("plain", false);
	idle_figure("TLS", true);
	stream_figure("plain", false);
	stream_figure("TLS", true);
	cipher_figure();
	handshake_figure("full", true);
	handshake_figure("resumed", false);
	request_figure("plain", false);
	request_figure("TLS", true);
	fan_out_figure("plain", false);
	fan_out_figure("TLS", true);
	tls_unref(bench.server_tls);
	testcert_done(&bench.ca);
	testcert_done(&bench.server);
	testcert_done(&bench.client);
	loop_free(bench.loop);
	return 0;
}
