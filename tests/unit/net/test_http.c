#include "tests/unit/net/fixture.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/http.h"
#include "tests/tools/testcerts.h"

#define NAME "localhost"

/* A handler with a few paths; what it is asked lies in `seen`. */
struct app {
	struct loop *loop;
	struct http_server *server;
	struct http_exchange *held[200];
	size_t held_count;
	unsigned requests, gone, drains;
	bool asked, any_gone, drained, closed;
	char method[16], target[128], peer_name[64];
	struct buf body;
	struct end client;
	char dir[64], path[128];
	struct tls_context *server_tls, *client_tls;
	struct testcert ca, server_cert, client_cert;
};

static void on_gone(void *ctx)
{
	struct app *app = ctx;

	app->gone++;
	app->any_gone = true;
}

static void on_drain(void *ctx)
{
	struct app *app = ctx;

	app->drains++;
	app->drained = true;
}

static void hold(struct app *app, struct http_exchange *exchange)
{
	assert_true(app->held_count < 200);
	app->held[app->held_count++] = exchange;
}

static void on_request(void *ctx, struct http_exchange *exchange, const struct http_request *request)
{
	static const struct http_header extra[] = { { { "X-A", 3 }, { "b", 1 } } };
	static const struct http_header evil[] = { { { "X-A", 3 }, { "b\r\nEvil: 1", 10 } } };
	struct app *app = ctx;

	app->requests++;
	app->asked = true;
	assert_int_equal(span_copy(request->method, app->method, sizeof(app->method)), 0);
	assert_int_equal(span_copy(request->target, app->target, sizeof(app->target)), 0);
	if (request->peer)
		snprintf(app->peer_name, sizeof(app->peer_name), "%s", request->peer->common_name);
	buf_reset(&app->body);
	assert_int_equal(buf_add_span(&app->body, request->body), 0);
	if (span_is(request->path, "/hold")) {
		http_exchange_on_gone(exchange, on_gone, app);
		hold(app, exchange);
	} else if (span_is(request->path, "/hold-blind")) {
		hold(app, exchange);
	} else if (span_is(request->path, "/stream")) {
		http_exchange_on_gone(exchange, on_gone, app);
		http_exchange_on_drain(exchange, on_drain, app);
		http_respond_begin(exchange, 200, "application/json", NULL, 0);
		hold(app, exchange);
	} else if (span_is(request->path, "/evil")) {
		http_respond(exchange, 200, "text/plain", evil, 1, SPAN("x"));
	} else if (span_is(request->path, "/empty")) {
		http_respond(exchange, 204, NULL, NULL, 0, SPAN(""));
	} else {
		http_respond(exchange, 200, "text/plain", extra, 1,
			     request->body.len ? request->body : SPAN("hello"));
	}
}

static int setup(void **state)
{
	struct app *app = calloc(1, sizeof(*app));

	assert_non_null(app);
	assert_int_equal(loop_new(&app->loop), 0);
	buf_init(&app->body, 10 << 20);
	end_init(&app->client);
	snprintf(app->dir, sizeof(app->dir), "/tmp/holdfast-http-XXXXXX");
	assert_non_null(mkdtemp(app->dir));
	snprintf(app->path, sizeof(app->path), "unix://%s/s", app->dir);
	*state = app;
	return 0;
}

static void on_closed(void *ctx)
{
	((struct app *)ctx)->closed = true;
}

static int teardown(void **state)
{
	struct app *app = *state;

	end_done(&app->client);
	if (app->server && !app->closed) {
		http_server_close(app->server, 0, on_closed, app);
		run_until(app->loop, &app->closed);
	}
	tls_unref(app->server_tls);
	tls_unref(app->client_tls);
	testcert_done(&app->ca);
	testcert_done(&app->server_cert);
	testcert_done(&app->client_cert);
	loop_free(app->loop);
	buf_done(&app->body);
	rmdir(app->dir);
	free(app);
	return 0;
}

static void serve_at(struct app *app, const char *address, const struct http_server_options *options)
{
	static const struct http_server_events events = { .on_request = on_request };
	struct err err = { 0 };

	if (http_server_new(app->loop, address, options, &events, app, &app->server, &err))
		fail_msg("%s", err_text(&err));
}

static void serve(struct app *app, const struct http_server_options *options)
{
	serve_at(app, "127.0.0.1:0", options);
}

static void open_client(struct app *app)
{
	end_done(&app->client);
	connect_end(app->loop, http_server_address(app->server), NULL, &app->client);
	run_until(app->loop, &app->client.opened);
}

static void say(struct app *app, const char *text)
{
	assert_int_equal(stream_write(app->client.stream, span_of(text)), 0);
}

static unsigned count_of(const struct buf *buf, const char *words)
{
	struct span rest = buf_span(buf);
	unsigned n = 0;

	while (rest.len) {
		char *at = memmem(rest.ptr, rest.len, words, strlen(words));

		if (!at)
			break;
		n++;
		rest = span_make(at + 1, rest.len - (size_t)(at + 1 - rest.ptr));
	}
	return n;
}

/* Runs until the answer holds `words`. */
static void hear(struct app *app, const char *words)
{
	for (unsigned i = 0; i < 2000 && !count_of(&app->client.got, words); i++)
		run_for(app->loop, 1);
	if (!count_of(&app->client.got, words))
		fail_msg("expected %s, heard %.*s", words, (int)app->client.got.len, app->client.got.data);
}

static void hear_end(struct app *app)
{
	run_until(app->loop, &app->client.closed);
}

static void whole_answers_keep_the_connection(void **state)
{
	struct app *app = *state;

	serve(app, NULL);
	open_client(app);
	say(app, "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(app, "\r\n\r\nhello");
	hear(app, "HTTP/1.1 200 OK\r\nDate: ");
	hear(app, "Content-Type: text/plain\r\nX-A: b\r\nContent-Length: 5\r\n\r\n");
	assert_string_equal(app->target, "/a?b=c");
	assert_int_equal(count_of(&app->client.got, "Connection"), 0);
	say(app, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nxyz");
	hear(app, "\r\n\r\nxyz");
	say(app, "GET /empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	hear_end(app);
	hear(app, "HTTP/1.1 204 No Content\r\n");
	hear(app, "Connection: close");
	assert_int_equal(app->client.why.code, 0);
	assert_int_equal(count_of(&app->client.got, "Content-Length"), 2);
}

static void head_has_headers_only(void **state)
{
	struct app *app = *state;

	serve(app, NULL);
	open_client(app);
	say(app,
	    "HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET /second HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	hear_end(app);
	assert_int_equal(count_of(&app->client.got, "Content-Length: 5"), 2);
	assert_int_equal(count_of(&app->client.got, "hello"), 1);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	struct app *app = *state;
	const char *a, *b, *c;

	serve(app, NULL);
	open_client(app);
	say(app,
	    "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\noneGET /hold HTTP/1.1\r\nHost: x\r\n\r\n"
	    "POST /3 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nthree");
	hear(app, "one");
	run_for(app->loop, 20);
	assert_int_equal(app->requests, 2); /* the third waits for the answer to the second */
	http_respond(app->held[0], 404, "text/plain", NULL, 0, SPAN("two"));
	assert_int_equal(app->requests, 2); /* not from inside the call */
	hear(app, "three");
	a = memmem(app->client.got.data, app->client.got.len, "one", 3);
	b = memmem(app->client.got.data, app->client.got.len, "two", 3);
	c = memmem(app->client.got.data, app->client.got.len, "three", 5);
	assert_true(a < b && b < c);
	assert_int_equal(app->gone, 0);
}

static void expectation_of_continue_is_met(void **state)
{
	struct app *app = *state;

	serve(app, NULL);
	open_client(app);
	say(app, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	hear(app, "HTTP/1.1 100 Continue\r\n\r\n");
	say(app, "abc");
	hear(app, "\r\n\r\nabc");
	open_client(app);
	say(app, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n");
	hear(app, "413 Content Too Large");
	assert_int_equal(count_of(&app->client.got, "100 Continue"), 0);
}

static void chunked_bodies_are_joined(void **state)
{
	struct app *app = *state;

	serve(app, NULL);
	open_client(app);
	say(app, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	run_for(app->loop, 5);
	say(app, "2\r\nde\r\n0\r\n\r\n");
	hear(app, "\r\n\r\nabcde");
}

static void bad_requests_are_answered_and_closed(void **state)
{
	static const struct {
		const char *text, *answer;
	} bad[] = {
		{ "nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n" },
		{ "GET / HTTP/1.1\r\n\r\n", "400 Bad Request" },
		{ "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n0\r\n\r\n",
		  "400 Bad Request" },
		{ "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n", "413 Content Too Large" },
		{ "GET / HTTP/3.0\r\nHost: x\r\n\r\n", "505 HTTP Version" },
		{ "GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", "400 Bad Request" },
	};
	struct app *app = *state;

	serve(app, NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		open_client(app);
		say(app, bad[i].text);
		hear_end(app);
		hear(app, bad[i].answer);
		hear(app, "Connection: close");
	}
	assert_int_equal(app->requests, 0);
	run_for(app->loop, 5);
	assert_int_equal(http_server_connections(app->server), 0);
}

/* Chunks add up past the limit, and the client is still sending when it is told. */
static void large_bodies_are_refused_while_they_come(void **state)
{
	struct app *app = *state;
	struct http_server_options options = { .body_max = 100000 };
	static char chunk[8192];

	memset(chunk, 'x', sizeof(chunk));
	serve(app, &options);
	open_client(app);
	say(app, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 40 && !app->client.closed; i++) {
		struct span pieces[] = { SPAN("2000\r\n"), span_make(chunk, sizeof(chunk)), SPAN("\r\n") };

		if (stream_writev(app->client.stream, pieces, 3))
			break;
		run_for(app->loop, 1);
	}
	hear(app, "413 Content Too Large");
	assert_int_equal(app->requests, 0);
}

static void slow_clients_are_cut(void **state)
{
	struct app *app = *state;
	struct http_server_options options = { .idle_timeout_ms = 80 };

	serve(app, &options);
	open_client(app);
	for (int i = 0; i < 50 && !app->client.closed; i++) {
		if (stream_write(app->client.stream, SPAN("G")))
			break;
		run_for(app->loop, 10); /* a byte now and then does not buy time */
	}
	hear(app, "408 Request Timeout");
	hear_end(app);
	open_client(app); /* says nothing at all */
	hear_end(app);
	assert_int_equal(app->client.got.len, 0);
	open_client(app);
	say(app, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
	hear_end(app);
	hear(app, "408 Request Timeout");
	assert_int_equal(app->requests, 0);
}

static void handler_may_take_longer_than_the_timeout(void **state)
{
	struct app *app = *state;
	struct http_server_options options = { .idle_timeout_ms = 30 };

	serve(app, &options);
	open_client(app);
	say(app, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	run_until(app->loop, &app->asked);
	run_for(app->loop, 150);
	assert_false(app->client.closed);
	http_respond(app->held[0], 200, "text/plain", NULL, 0, SPAN("at last"));
	hear(app, "at last");
}

static void client_that_leaves_is_reported_once(void **state)
{
	struct app *app = *state;

	serve(app, NULL);
	open_client(app);
	say(app, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	run_until(app->loop, &app->asked);
	end_done(&app->client);
	run_until(app->loop, &app->any_gone);
	run_for(app->loop, 5);
	assert_int_equal(app->gone, 1);
	end_init(&app->client);
	app->asked = false;
	open_client(app);
	say(app, "GET /hold-blind HTTP/1.1\r\nHost: x\r\n\r\n");
	run_until(app->loop, &app->asked);
	end_done(&app->client);
	end_init(&app->client);
	run_for(app->loop, 20);
	assert_int_equal(http_server_connections(app->server), 0);
	http_respond(app->held[1], 200, "text/plain", NULL, 0, SPAN("to nobody"));
}

static void streamed_answers_are_chunked(void **state)
{
	struct app *app = *state;
	struct span pieces[] = { SPAN("{\"a\""), SPAN(":1}\n") };

	serve(app, NULL);
	open_client(app);
	say(app, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(app, "Transfer-Encoding: chunked\r\n\r\n"); /* the head goes out before any data */
	assert_int_equal(http_respond_write(app->held[0], pieces, 2), 0);
	assert_int_equal(http_respond_write(app->held[0], NULL, 0), 0);
	hear(app, "8\r\n{\"a\":1}\n\r\n");
	assert_int_equal(count_of(&app->client.got, "0\r\n\r\n"), 0);
	http_respond_end(app->held[0]);
	hear(app, "\r\n0\r\n\r\n");
	say(app, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(app, "hello");
}

static void streams_to_http_1_0_end_with_the_connection(void **state)
{
	struct app *app = *state;

	serve(app, NULL);
	open_client(app);
	say(app, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	run_until(app->loop, &app->asked);
	assert_int_equal(http_respond_write(app->held[0], &SPAN("data"), 1), 0);
	http_respond_end(app->held[0]);
	hear_end(app);
	hear(app, "Connection: close\r\n\r\ndata");
	assert_int_equal(count_of(&app->client.got, "chunked"), 0);
}

static void full_stream_waits_for_drain(void **state)
{
	struct app *app = *state;
	static char block[32 * 1024];
	int rc = 0, fd;
	size_t sent = 0, got = 0;
	ssize_t n;

	memset(block, 'x', sizeof(block));
	serve(app, NULL);
	fd = raw_connect(http_server_address(app->server));
	assert_int_equal(write(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n", 33), 33);
	run_until(app->loop, &app->asked);
	while (!rc && sent < 100u << 20) {
		rc = http_respond_write(app->held[0], &(struct span){ block, sizeof(block) }, 1);
		sent += sizeof(block);
		if (rc == 1) {
			run_for(app->loop, 20);
			rc = app->drained ? 0 : 1;
			app->drained = false;
		}
	}
	assert_int_equal(rc, 1);
	/* One who does not wait is stopped at the queue's end. */
	while (rc >= 0) {
		rc = http_respond_write(app->held[0], &(struct span){ block, sizeof(block) }, 1);
		sent += rc >= 0 ? sizeof(block) : 0;
	}
	assert_int_equal(rc, -EAGAIN);
	app->drained = false;
	while (!app->drained || got < sent) {
		static char sink[1 << 20];

		n = recv(fd, sink, sizeof(sink), MSG_DONTWAIT);
		got += n > 0 ? (size_t)n : 0;
		run_for(app->loop, 1);
	}
	assert_int_equal(http_respond_write(app->held[0], &SPAN("more"), 1), 0);
	http_respond_end(app->held[0]);
	run_for(app->loop, 10);
	close(fd);
}

static void client_that_stops_reading_is_cut(void **state)
{
	struct app *app = *state;
	struct http_server_options options = { .idle_timeout_ms = 60 };
	static char block[32 * 1024];
	int fd;

	serve(app, &options);
	fd = raw_connect(http_server_address(app->server));
	assert_int_equal(write(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n", 33), 33);
	run_until(app->loop, &app->asked);
	while (!app->any_gone &&
	       http_respond_write(app->held[0], &(struct span){ block, sizeof(block) }, 1) >= 0)
		run_for(app->loop, 1);
	run_until(app->loop, &app->any_gone);
	assert_int_equal(app->gone, 1);
	close(fd);
}

static void aborted_answer_does_not_look_whole(void **state)
{
	struct app *app = *state;

	serve(app, NULL);
	open_client(app);
	say(app, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	run_until(app->loop, &app->asked);
	assert_int_equal(http_respond_write(app->held[0], &SPAN("part"), 1), 0);
	hear(app, "part");
	http_respond_abort(app->held[0]);
	hear_end(app);
	assert_int_equal(count_of(&app->client.got, "0\r\n\r\n"), 0);
	assert_int_equal(app->gone, 0);
}

static void headers_cannot_be_injected(void **state)
{
	struct app *app = *state;

	serve(app, NULL);
	open_client(app);
	say(app, "GET /evil HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(app, "500 Internal Server Error");
	assert_int_equal(count_of(&app->client.got, "Evil"), 0);
}

static void hundred_watchers_get_every_event(void **state)
{
	struct app *app = *state;
	static struct end clients[100];
	char event[32];

	serve(app, NULL);
	for (size_t i = 0; i < 100; i++) {
		connect_end(app->loop, http_server_address(app->server), NULL, &clients[i]);
		assert_int_equal(stream_write(clients[i].stream,
					      SPAN("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")),
				 0);
	}
	for (int i = 0; i < 2000 && app->held_count < 100; i++)
		run_for(app->loop, 1);
	assert_int_equal(app->held_count, 100);
	for (int n = 0; n < 50; n++) {
		snprintf(event, sizeof(event), "event %02d\n", n);
		for (size_t i = 0; i < 100; i++)
			assert_int_equal(http_respond_write(app->held[i],
							    &(struct span){ event, strlen(event) }, 1),
					 0);
	}
	for (size_t i = 0; i < 100; i++)
		http_respond_end(app->held[i]);
	for (size_t i = 0; i < 100; i++) {
		for (int k = 0; k < 2000 && !count_of(&clients[i].got, "\r\n0\r\n\r\n"); k++)
			run_for(app->loop, 1);
		assert_int_equal(count_of(&clients[i].got, "event"), 50);
		end_done(&clients[i]);
	}
}

static void close_lets_answers_finish(void **state)
{
	struct app *app = *state;
	struct end idle;

	serve(app, NULL);
	connect_end(app->loop, http_server_address(app->server), NULL, &idle);
	open_client(app);
	say(app, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	run_until(app->loop, &app->asked);
	http_server_close(app->server, 5000, on_closed, app);
	assert_false(app->closed);
	run_until(app->loop, &idle.closed);
	assert_false(app->closed);
	http_respond(app->held[0], 200, "text/plain", NULL, 0, SPAN("last words"));
	run_until(app->loop, &app->closed);
	hear_end(app);
	hear(app, "last words");
	hear(app, "Connection: close");
	end_done(&idle);
}

static void close_cuts_what_outstays_the_grace(void **state)
{
	struct app *app = *state;

	serve(app, NULL);
	open_client(app);
	say(app, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	run_until(app->loop, &app->asked);
	http_server_close(app->server, 30, on_closed, app);
	run_until(app->loop, &app->closed);
	assert_int_equal(app->gone, 1);
	hear_end(app);
}

/* The client */

struct answer {
	bool came;
	int status;
	struct err err;
	struct buf type, body;
};

static void answered(void *ctx, const struct http_client_answer *got)
{
	struct answer *answer = ctx;

	assert_false(answer->came);
	answer->came = true;
	answer->status = got->status;
	answer->err = got->err;
	buf_init(&answer->type, 1000);
	buf_init(&answer->body, 64 << 20);
	buf_add_span(&answer->type, got->content_type);
	buf_add_span(&answer->body, got->body);
}

static void ask(struct app *app, const char *address, const struct stream_options *options,
		const char *method, const char *target, struct span body, struct answer *answer)
{
	static const struct http_header headers[] = { { { "X-B", 3 }, { "c", 1 } } };

	*answer = (struct answer){ 0 };
	assert_int_equal(http_client_request(app->loop, address, options, method, target, headers, 1, body,
					     2000, answered, answer),
			 0);
	assert_false(answer->came);
	run_until(app->loop, &answer->came);
}

static void answer_done(struct answer *answer)
{
	buf_done(&answer->type);
	buf_done(&answer->body);
}

static void client_asks_over_tcp_and_unix(void **state)
{
	struct app *app = *state;
	struct answer answer;
	char *big = malloc(2 << 20);

	assert_non_null(big);
	memset(big, 'x', 2 << 20);
	serve_at(app, app->path, NULL);
	ask(app, http_server_address(app->server), NULL, "POST", "/x", span_make(big, 2 << 20), &answer);
	assert_int_equal(answer.status, 200);
	assert_true(span_is(buf_span(&answer.type), "text/plain"));
	assert_int_equal(answer.body.len, 2 << 20);
	assert_memory_equal(answer.body.data, big, 2 << 20);
	answer_done(&answer);
	ask(app, http_server_address(app->server), NULL, "HEAD", "/x", SPAN(""), &answer);
	assert_int_equal(answer.status, 200);
	assert_int_equal(answer.body.len, 0);
	answer_done(&answer);
	ask(app, http_server_address(app->server), NULL, "GET", "/empty", SPAN(""), &answer);
	assert_int_equal(answer.status, 204);
	answer_done(&answer);
	ask(app, "unix:///nonexistent", NULL, "GET", "/", SPAN(""), &answer);
	assert_int_equal(answer.status, 0);
	assert_int_equal(answer.err.code, -ENOENT);
	answer_done(&answer);
	free(big);
}

static void client_gives_up_in_time(void **state)
{
	struct app *app = *state;
	struct answer answer = { 0 };

	serve(app, NULL);
	assert_int_equal(http_client_request(app->loop, http_server_address(app->server), NULL, "GET",
					     "/hold", NULL, 0, SPAN(""), 50, answered, &answer),
			 0);
	run_until(app->loop, &answer.came);
	assert_int_equal(answer.status, 0);
	assert_int_equal(answer.err.code, -ETIMEDOUT);
	run_until(app->loop, &app->any_gone);
	answer_done(&answer);
}

static void client_under_way_ends_with_its_loop(void **state)
{
	struct app *app = *state;
	struct answer answer = { 0 };
	struct loop *loop = NULL;

	serve(app, NULL); /* on a loop that stands still: it never answers */
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(http_client_request(loop, http_server_address(app->server), NULL, "GET", "/hold",
					     NULL, 0, SPAN(""), 60000, answered, &answer),
			 0);
	assert_false(answer.came);
	loop_free(loop);
	assert_true(answer.came);
	assert_int_equal(answer.status, 0);
	assert_int_equal(answer.err.code, -ECANCELED);
	answer_done(&answer);
}

static void requests_over_tls_know_their_peer(void **state)
{
	struct app *app = *state;
	struct testcert_options options = { .kind = TESTCERT_CA, .common_name = "ca" };
	struct http_server_options server_options = { 0 };
	struct stream_options client_options = { .tls_server_name = NAME };
	struct tls_client_options client_tls;
	struct tls_server_name name;
	struct answer answer;

	testcert_make(NULL, &options, &app->ca);
	options =
		(struct testcert_options){ .kind = TESTCERT_SERVER, .common_name = "hub", .dns_name = NAME };
	testcert_make(&app->ca, &options, &app->server_cert);
	options = (struct testcert_options){ .kind = TESTCERT_CLIENT, .common_name = "admin" };
	testcert_make(&app->ca, &options, &app->client_cert);
	name = (struct tls_server_name){ .cert_chain_pem = span_of(app->server_cert.chain_pem),
					 .key_pem = span_of(app->server_cert.key_pem),
					 .client_ca_pem = span_of(app->ca.cert_pem),
					 .client_auth = TLS_CLIENT_OPTIONAL };
	client_tls = (struct tls_client_options){ .ca_pem = span_of(app->ca.cert_pem),
						  .cert_chain_pem = span_of(app->client_cert.chain_pem),
						  .key_pem = span_of(app->client_cert.key_pem) };
	assert_int_equal(tls_server_new(&name, 1, &app->server_tls, NULL), 0);
	assert_int_equal(tls_client_new(&client_tls, &app->client_tls, NULL), 0);
	server_options.stream.tls = app->server_tls;
	client_options.tls = app->client_tls;
	serve(app, &server_options);
	for (int i = 0; i < 2; i++) {
		app->peer_name[0] = '\0';
		ask(app, http_server_address(app->server), &client_options, "GET", "/", SPAN(""), &answer);
		assert_int_equal(answer.status, 200);
		assert_true(span_is(buf_span(&answer.body), "hello"));
		assert_string_equal(app->peer_name, "admin");
		answer_done(&answer);
	}
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(whole_answers_keep_the_connection),
		test(head_has_headers_only),
		test(pipelined_requests_are_answered_in_order),
		test(expectation_of_continue_is_met),
		test(chunked_bodies_are_joined),
		test(bad_requests_are_answered_and_closed),
		test(large_bodies_are_refused_while_they_come),
		test(slow_clients_are_cut),
		test(handler_may_take_longer_than_the_timeout),
		test(client_that_leaves_is_reported_once),
		test(streamed_answers_are_chunked),
		test(streams_to_http_1_0_end_with_the_connection),
		test(full_stream_waits_for_drain),
		test(client_that_stops_reading_is_cut),
		test(aborted_answer_does_not_look_whole),
		test(headers_cannot_be_injected),
		test(hundred_watchers_get_every_event),
		test(close_lets_answers_finish),
		test(close_cuts_what_outstays_the_grace),
		test(client_asks_over_tcp_and_unix),
		test(client_gives_up_in_time),
		test(client_under_way_ends_with_its_loop),
		test(requests_over_tls_know_their_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
