/* One allocation after the other fails: whatever is under way ends with an answer or an error, nothing crashes, hangs
 * or leaks, and afterwards everything works again. */
#include "tests/unit/net/grpc_server.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/grpc.h"
#include "net/http.h"
#include "tests/tools/failmalloc.h"
#include "tests/tools/testcerts.h"

#define NAME "localhost"
#define DENSE 400u /* every allocation up to here, then each 61st: a TLS handshake makes thousands */
#define STRIDE 61u
#define ROUNDS_MAX 1000u
#define PATIENCE_MIN_MS 200u
#define PATIENCE_MAX_MS 20000u

struct ask {
	struct loop *loop;
	bool done;
	int status; /* HTTP status, or gRPC code plus 1000 when it was answered without error */
};

static struct {
	struct loop *loop;
	struct testcert ca, server, client;
	struct tls_context *server_tls, *client_tls;
	struct http_server *http;
	char body[50000];
	unsigned patience_ms; /* how long an answer is waited for */
} world;

static void on_request(void *ctx, struct http_exchange *exchange, const struct http_request *request)
{
	if (!span_is(request->path, "/stream")) {
		http_respond(exchange, 200, "text/plain", NULL, 0, request->body);
		return;
	}
	http_respond_begin(exchange, 200, "text/plain", NULL, 0);
	if (http_respond_write(exchange, &request->body, 1) < 0)
		http_respond_abort(exchange);
	else
		http_respond_end(exchange);
}

static void stop(struct ask *ask)
{
	ask->done = true;
	loop_stop(ask->loop);
}

static void answered(void *ctx, const struct http_client_answer *answer)
{
	struct ask *ask = ctx;

	ask->status = answer->status;
	stop(ask);
}

static int ask_http(const char *path, struct tls_context *tls)
{
	struct stream_options options = { .tls = tls, .tls_server_name = NAME };
	struct ask ask = { .loop = world.loop };
	int rc = http_client_request(world.loop, http_server_address(world.http), &options, "POST", path,
				     NULL, 0, span_make(world.body, sizeof(world.body)), world.patience_ms,
				     answered, &ask);

	if (rc) {
		assert_int_equal(rc, -ENOMEM);
		return rc;
	}
	while (!ask.done)
		loop_run(world.loop);
	return ask.status == 200 ? 0 : -EIO;
}

static void serve(bool with_tls)
{
	static const struct http_server_events events = { .on_request = on_request };
	struct http_server_options options = { .stream.tls = with_tls ? world.server_tls : NULL,
					       .idle_timeout_ms = 500 };

	assert_int_equal(http_server_new(world.loop, "127.0.0.1:0", &options, &events, NULL, &world.http,
					 NULL),
			 0);
}

static void stopped(void *ctx)
{
	stop(ctx);
}

static void stop_serving(void)
{
	struct ask ask = { .loop = world.loop };

	http_server_close(world.http, 0, stopped, &ask);
	while (!ask.done)
		loop_run(world.loop);
}

/* A run in which nothing fails. Returns how long it took: an emulated or busy machine is no reason to give up early, and
 * what got lost for want of memory is waited for that much longer only. */
static unsigned run_unharmed(int (*body)(void))
{
	uint64_t began = clock_mono_ms();

	world.patience_ms = PATIENCE_MAX_MS;
	assert_int_equal(body(), 0);
	return (unsigned)(clock_mono_ms() - began);
}

/* Runs `body` with each allocation failing once, until one run had none left to fail. */
static void walk(int (*body)(void))
{
	unsigned long nth = 1;
	unsigned rounds = 0, broken = 0, took_ms;

	(void)run_unharmed(body); /* lets libuv grow its tables, which it does not survive without memory */
	took_ms = run_unharmed(body);
	world.patience_ms = 4 * took_ms > PATIENCE_MIN_MS ? 4 * took_ms : PATIENCE_MIN_MS;
	for (; rounds < ROUNDS_MAX; rounds++, nth += nth < DENSE ? 1 : STRIDE) {
		unsigned long failed;

		failmalloc_arm(nth, FAILMALLOC_ONCE);
		broken += body() != 0;
		failed = failmalloc_disarm();
		if (!failed)
			break;
	}
	assert_true(broken > 0);
	(void)run_unharmed(body);
	print_message("%u runs, %u of them with an error, up to allocation %lu\n", rounds, broken, nth);
}

static int ask_plain(void)
{
	return ask_http("/", NULL);
}

static int ask_stream(void)
{
	return ask_http("/stream", NULL);
}

static int ask_tls(void)
{
	return ask_http("/", world.client_tls);
}

static void http_survives(void **state)
{
	serve(false);
	walk(ask_plain);
	walk(ask_stream);
	stop_serving();
}

static void tls_survives(void **state)
{
	serve(true);
	walk(ask_tls);
	stop_serving();
}

static int make_contexts(void)
{
	struct tls_server_name name = { .cert_chain_pem = span_of(world.server.chain_pem),
					.key_pem = span_of(world.server.key_pem),
					.client_ca_pem = span_of(world.ca.cert_pem),
					.client_auth = TLS_CLIENT_REQUIRED };
	struct tls_client_options options = { .ca_pem = span_of(world.ca.cert_pem),
					      .cert_chain_pem = span_of(world.client.chain_pem),
					      .key_pem = span_of(world.client.key_pem) };
	struct tls_context *server = NULL, *client = NULL;
	struct err err;
	int rc = tls_server_new(&name, 1, &server, &err);

	if (!rc)
		rc = tls_client_new(&options, &client, &err);
	tls_unref(server);
	tls_unref(client);
	return rc;
}

static void making_contexts_survives(void **state)
{
	walk(make_contexts);
}

/* gRPC: the server lives in a process of its own, where nothing fails. */

static struct {
	pid_t pid;
	char dir[64], address[96];
} remote;

static void grpc_answered(void *ctx, const struct grpc_answer *answer)
{
	struct ask *ask = ctx;

	ask->status = answer->code ? answer->code : 1000 + (int)answer->body.len;
	stop(ask);
}

static int ask_grpc(void)
{
	struct ask ask = { .loop = world.loop };
	struct grpc_channel *channel;
	struct err err;
	int rc = grpc_channel_new(world.loop, remote.address, NULL, NULL, &channel, &err);

	if (rc)
		return rc;
	rc = grpc_unary(channel, "/t/Echo", span_make(world.body, 20000), world.patience_ms, grpc_answered,
			&ask);
	while (!rc && !ask.done)
		loop_run(world.loop);
	grpc_channel_close(channel);
	return rc ? rc : ask.status == 21000 ? 0 : -EIO;
}

static void run_remote(void)
{
	struct loop *loop;

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* also where a failed assertion ends the test */
	assert_int_equal(loop_new(&loop), 0);
	(void)grpc_server_new(loop, remote.address);
	for (;;)
		loop_run(loop);
}

static void grpc_survives(void **state)
{
	for (int i = 0; i < 5000 && access(remote.address + 7, F_OK); i++)
		usleep(1000);
	walk(ask_grpc);
}

static int make_world(void **state)
{
	struct testcert_options options = { .kind = TESTCERT_CA, .common_name = "ca" };
	struct tls_server_name name;
	struct tls_client_options client;

	snprintf(remote.dir, sizeof(remote.dir), "/tmp/holdfast-faults-XXXXXX");
	assert_non_null(mkdtemp(remote.dir));
	snprintf(remote.address, sizeof(remote.address), "unix://%s/s", remote.dir);
	remote.pid = fork();
	if (remote.pid == 0)
		run_remote();
	assert_int_equal(loop_new(&world.loop), 0);
	testcert_make(NULL, &options, &world.ca);
	options =
		(struct testcert_options){ .kind = TESTCERT_SERVER, .common_name = "hub", .dns_name = NAME };
	testcert_make(&world.ca, &options, &world.server);
	options = (struct testcert_options){ .kind = TESTCERT_CLIENT, .common_name = "node" };
	testcert_make(&world.ca, &options, &world.client);
	name = (struct tls_server_name){ .cert_chain_pem = span_of(world.server.chain_pem),
					 .key_pem = span_of(world.server.key_pem),
					 .client_ca_pem = span_of(world.ca.cert_pem),
					 .client_auth = TLS_CLIENT_REQUIRED };
	client = (struct tls_client_options){ .ca_pem = span_of(world.ca.cert_pem),
					      .cert_chain_pem = span_of(world.client.chain_pem),
					      .key_pem = span_of(world.client.key_pem) };
	assert_int_equal(tls_server_new(&name, 1, &world.server_tls, NULL), 0);
	assert_int_equal(tls_client_new(&client, &world.client_tls, NULL), 0);
	return 0;
}

static int drop_world(void **state)
{
	tls_unref(world.server_tls);
	tls_unref(world.client_tls);
	testcert_done(&world.ca);
	testcert_done(&world.server);
	testcert_done(&world.client);
	loop_free(world.loop);
	kill(remote.pid, SIGKILL);
	waitpid(remote.pid, NULL, 0);
	unlink(remote.address + 7);
	rmdir(remote.dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(http_survives),
		cmocka_unit_test(grpc_survives),
		cmocka_unit_test(making_contexts_survives),
		cmocka_unit_test(tls_survives),
	};

	return cmocka_run_group_tests(tests, make_world, drop_world);
}
