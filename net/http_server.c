#include "net/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "net/http_impl.h"
#include "net/tls.h"

#define CONNECTIONS_MAX 1024u
#define IDLE_TIMEOUT_MS 60000u
#define SWEEP_MAX_MS 1000u
#define PENDING_MAX (64u * 1024) /* bytes a pipelining client may send ahead of its answer */

static void conn_parse(struct http_conn *conn, struct span bytes);
static void sweep_later(struct http_server *server, uint64_t now_ms);

/* Life of a connection */

static void conn_forget_request(struct http_conn *conn)
{
	http1_free(conn->http1);
	conn->http1 = NULL;
	conn->server->body_bytes -= conn->body_seen;
	conn->body_seen = 0;
}

static void server_check_closed(struct http_server *server)
{
	if (server->closing && !server->conns.count)
		loop_post(server->loop, &server->close_task);
}

/* The stream is gone or left to finish by itself; the memory goes late, for callers up the stack. */
static void conn_drop(struct http_conn *conn)
{
	struct http_server *server = conn->server;
	struct http_exchange *exchange = conn->exchange;

	if (conn->state == CONN_GONE)
		return;
	conn->state = CONN_GONE;
	conn->stream = NULL;
	conn->exchange = NULL;
	list_remove(&server->conns, &conn->node);
	conn_forget_request(conn);
	buf_done(&conn->pending);
	if (exchange)
		http_exchange_gone(exchange);
	loop_post(server->loop, &conn->task);
	server_check_closed(server);
}

void http_conn_cut(struct http_conn *conn)
{
	stream_close(conn->stream);
	conn_drop(conn);
}

static void conn_finish(struct http_conn *conn)
{
	stream_finish(conn->stream);
	conn_drop(conn);
}

static void conn_refuse(struct http_conn *conn, int status, const char *reason)
{
	if (http_write_plain(conn, status, reason))
		http_conn_cut(conn);
	else
		conn_finish(conn);
}

static void conn_set_state(struct http_conn *conn, enum conn_state state)
{
	conn->state = state;
	conn->deadline_ms = loop_now_ms(conn->server->loop) + conn->server->idle_timeout_ms;
}

/* From bytes to requests */

static void fill_request(struct http_conn *conn, struct http_exchange *exchange)
{
	const struct http1_message *message = http1_message(exchange->http1);
	unsigned uid;

	exchange->request = (struct http_request){
		.method = message->method,
		.target = message->target,
		.path = message->path,
		.query = message->query,
		.headers = message->headers,
		.header_count = message->header_count,
		.body = message->body,
		.peer = stream_tls_peer(conn->stream),
		.peer_address = stream_peer_address(conn->stream),
		.peer_uid = stream_peer_uid(conn->stream, &uid) ? -1 : (int)uid,
	};
	exchange->is_head = span_is(message->method, "HEAD");
	exchange->is_1_0 = message->is_1_0;
	exchange->keep_alive = message->keep_alive && !conn->close_after;
}

/* The request is complete: it is the handler's now, with the memory it lies in. */
static void conn_hand_over(struct http_conn *conn)
{
	struct http_server *server = conn->server;
	struct http_exchange *exchange = calloc(1, sizeof(*exchange));

	if (!exchange) {
		conn_refuse(conn, 503, "no memory");
		return;
	}
	exchange->conn = conn;
	exchange->http1 = conn->http1;
	exchange->body_bytes = conn->body_seen;
	conn->http1 = NULL;
	conn->body_seen = 0;
	conn->exchange = exchange;
	fill_request(conn, exchange);
	conn_set_state(conn, CONN_ANSWERING);
	conn->bytes_out = stream_bytes_out(conn->stream);
	conn->moved_ms = loop_now_ms(server->loop);
	server->events.on_request(server->ctx, exchange, &exchange->request);
}

static void conn_head_known(struct http_conn *conn)
{
	conn_set_state(conn, CONN_READING); /* a body is another matter than the head: new time */
	if (http1_message(conn->http1)->expect_continue &&
	    stream_write(conn->stream, SPAN("HTTP/1.1 100 Continue\r\n\r\n")))
		http_conn_cut(conn);
}

/* Counts what the request holds; false when the server holds too much. */
static bool conn_count_body(struct http_conn *conn, size_t more)
{
	struct http_server *server = conn->server;

	if (!more)
		return true;
	conn->body_seen += more;
	server->body_bytes += more;
	return server->body_bytes <= HTTP_REQUEST_BYTES_MAX;
}

static void conn_take(struct http_conn *conn, struct span *bytes)
{
	bool in_body = conn->state == CONN_READING && http1_message(conn->http1)->method.len > 0;
	size_t before = bytes->len;
	enum http1_event event = http1_feed(conn->http1, bytes);

	if (in_body) {
		conn_set_state(conn, CONN_READING); /* progress */
		if (!conn_count_body(conn, before - bytes->len)) {
			conn_refuse(conn, 503, "too many large requests at once");
			return;
		}
	}
	if (event == HTTP1_BAD)
		conn_refuse(conn, http1_status(conn->http1), http1_reason(conn->http1));
	else if (event == HTTP1_HEAD)
		conn_head_known(conn);
	else if (event == HTTP1_MESSAGE)
		conn_hand_over(conn);
	else if (conn->state == CONN_IDLE && http1_has_begun(conn->http1))
		conn_set_state(conn, CONN_READING);
}

/* Keeps what came behind the request being answered, up to a limit. */
static void conn_keep(struct http_conn *conn, struct span bytes)
{
	if (bytes.len && buf_add_span(&conn->pending, bytes)) {
		http_conn_cut(conn);
		return;
	}
	if (conn->pending.len >= PENDING_MAX)
		stream_pause(conn->stream);
}

static void conn_parse(struct http_conn *conn, struct span bytes)
{
	conn->in_parse = true;
	while (bytes.len && (conn->state == CONN_IDLE || conn->state == CONN_READING)) {
		/* A client that pipelines but does not read its answers gets no more of them. */
		if (stream_queued(conn->stream) > HTTP_STREAM_FULL)
			break;
		if (!conn->http1)
			conn->http1 = http1_new(HTTP1_REQUEST, conn->server->body_max);
		if (!conn->http1) {
			http_conn_cut(conn);
			break;
		}
		conn_take(conn, &bytes);
	}
	conn->in_parse = false;
	if (conn->state != CONN_GONE)
		conn_keep(conn, bytes);
}

static void conn_continue(struct http_conn *conn)
{
	struct buf pending = conn->pending;

	if (conn->state == CONN_ANSWERING || !pending.len)
		return;
	buf_init(&conn->pending, conn->pending.max);
	stream_resume(conn->stream);
	conn_parse(conn, buf_span(&pending));
	buf_done(&pending);
}

static void conn_task(struct loop_task *task)
{
	struct http_conn *conn = container_of(task, struct http_conn, task);

	if (conn->state == CONN_GONE)
		free(conn);
	else
		conn_continue(conn);
}

void http_conn_answered(struct http_conn *conn, bool keep_alive)
{
	conn->exchange = NULL;
	if (!keep_alive || conn->close_after) {
		conn_finish(conn);
		return;
	}
	conn_set_state(conn, CONN_IDLE);
	stream_resume(conn->stream);
	if (conn->pending.len && !conn->in_parse)
		loop_post(conn->server->loop, &conn->task);
}

/* Stream events */

static void conn_data(void *ctx, struct span data)
{
	struct http_conn *conn = ctx;

	if (conn->state == CONN_ANSWERING || conn->pending.len)
		conn_keep(conn, data);
	else
		conn_parse(conn, data);
}

static void conn_drained(void *ctx)
{
	struct http_conn *conn = ctx;
	struct http_exchange *exchange = conn->exchange;

	if (exchange && exchange->told_full) {
		exchange->told_full = false;
		if (exchange->on_drain)
			exchange->on_drain(exchange->drain_ctx);
	} else {
		conn_continue(conn);
	}
}

static void conn_closed(void *ctx, const struct err *why)
{
	conn_drop(ctx);
}

static void server_accept(void *ctx, struct stream *stream)
{
	static const struct stream_events events = { .on_data = conn_data,
						     .on_drain = conn_drained,
						     .on_closed = conn_closed };
	struct http_server *server = ctx;
	struct http_conn *conn = calloc(1, sizeof(*conn));

	if (!conn) {
		stream_close(stream);
		return;
	}
	conn->server = server;
	conn->stream = stream;
	conn->task.run = conn_task;
	/* One recv more than the limit may come before the pause takes effect. */
	buf_init(&conn->pending, PENDING_MAX + LOOP_READ_SIZE);
	conn_set_state(conn, CONN_IDLE);
	list_push(&server->conns, &conn->node);
	stream_set_events(stream, &events, conn);
	if (server->conns.count == 1)
		sweep_later(server, loop_now_ms(server->loop));
}

static void server_refused(void *ctx, const char *peer_address, const struct err *why)
{
	struct http_server *server = ctx;

	if (server->events.on_refused)
		server->events.on_refused(server->ctx, peer_address, why);
}

/* Time */

/* A client that takes nothing of its answer for too long is cut: nobody may hold memory here for ever. */
static bool is_stalled(struct http_conn *conn, uint64_t now_ms)
{
	uint64_t out = stream_bytes_out(conn->stream);

	if (out != conn->bytes_out || !stream_queued(conn->stream)) {
		conn->bytes_out = out;
		conn->moved_ms = now_ms;
	}
	return now_ms - conn->moved_ms >= conn->server->idle_timeout_ms;
}

static void conn_sweep(struct http_conn *conn, uint64_t now_ms)
{
	struct http_server *server = conn->server;

	if (server->closing && now_ms >= server->closing_deadline_ms) {
		http_conn_cut(conn);
	} else if (is_stalled(conn, now_ms)) {
		if (stream_queued(conn->stream))
			http_conn_cut(conn);
	}
	if (conn->state == CONN_GONE || conn->state == CONN_ANSWERING || now_ms < conn->deadline_ms)
		return;
	if (conn->state == CONN_READING)
		conn_refuse(conn, 408, "the request took too long");
	else
		conn_finish(conn);
}

static void sweep_later(struct http_server *server, uint64_t now_ms)
{
	uint64_t in_ms = server->idle_timeout_ms / 4 + 1;

	if (in_ms > SWEEP_MAX_MS)
		in_ms = SWEEP_MAX_MS;
	if (server->closing && server->closing_deadline_ms < now_ms + in_ms)
		in_ms = server->closing_deadline_ms > now_ms ? server->closing_deadline_ms - now_ms : 0;
	if (server->conns.count)
		timer_start(server->sweep, in_ms);
}

static void server_sweep(void *ctx)
{
	struct http_server *server = ctx;
	uint64_t now_ms = loop_now_ms(server->loop);
	struct list_node *node;

	/* Each goes to the end before it is looked at: an on_gone may end other exchanges, and so any neighbour. */
	for (size_t n = server->conns.count; n > 0 && (node = list_first(&server->conns)); n--) {
		list_remove(&server->conns, node);
		list_push(&server->conns, node);
		conn_sweep(container_of(node, struct http_conn, node), now_ms);
	}
	sweep_later(server, now_ms);
}

const char *http_server_date(struct http_server *server)
{
	time_t now_s = (time_t)(clock_wall_ms() / 1000);
	struct tm tm;

	if (server->date_s != now_s) {
		server->date_s = now_s;
		gmtime_r(&now_s, &tm);
		strftime(server->date_text, sizeof(server->date_text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	}
	return server->date_text;
}

/* Servers */

static void server_free(struct http_server *server)
{
	listener_close(server->listener);
	timer_close(server->sweep);
	free(server);
}

static void server_closed(struct loop_task *task)
{
	struct http_server *server = container_of(task, struct http_server, close_task);
	void (*on_closed)(void *ctx) = server->on_closed;
	void *ctx = server->closed_ctx;

	server_free(server);
	if (on_closed)
		on_closed(ctx);
}

int http_server_new(struct loop *loop, const char *address, const struct http_server_options *options,
		    const struct http_server_events *events, void *ctx, struct http_server **out,
		    struct err *err)
{
	static const struct listener_events listen_events = { .on_accept = server_accept,
							      .on_refused = server_refused };
	struct http_server *server = calloc(1, sizeof(*server));
	int rc;

	if (!server)
		return err_set(err, -ENOMEM, "no memory for an HTTP server");
	server->loop = loop;
	server->events = *events;
	server->ctx = ctx;
	server->idle_timeout_ms =
		options && options->idle_timeout_ms ? options->idle_timeout_ms : IDLE_TIMEOUT_MS;
	server->body_max = options && options->body_max ? options->body_max : HTTP_BODY_MAX;
	server->close_task.run = server_closed;
	list_init(&server->conns);
	rc = timer_new(loop, server_sweep, server, &server->sweep);
	if (rc) {
		free(server);
		return err_set(err, rc, "no memory for an HTTP server");
	}
	rc = listener_new(loop, address, options ? &options->stream : NULL,
			  options && options->connections_max ? options->connections_max : CONNECTIONS_MAX,
			  &listen_events, server, &server->listener, err);
	if (rc) {
		server_free(server);
		return rc;
	}
	*out = server;
	return 0;
}

const char *http_server_address(const struct http_server *server)
{
	return listener_address(server->listener);
}

size_t http_server_connections(const struct http_server *server)
{
	return server->conns.count;
}

void http_server_set_tls(struct http_server *server, struct tls_context *tls)
{
	if (server->listener)
		listener_set_tls(server->listener, tls);
}

void http_server_close(struct http_server *server, unsigned grace_ms, void (*on_closed)(void *ctx), void *ctx)
{
	if (!server || server->closing)
		return;
	server->closing = true;
	server->on_closed = on_closed;
	server->closed_ctx = ctx;
	server->closing_deadline_ms = loop_now_ms(server->loop) + grace_ms;
	listener_close(server->listener);
	server->listener = NULL;
	list_for_each(&server->conns, node) {
		struct http_conn *conn = container_of(node, struct http_conn, node);

		conn->close_after = true;
		/* Not from in here: on_gone must come from the loop. */
		if (conn->state == CONN_IDLE)
			conn_finish(conn);
	}
	sweep_later(server, loop_now_ms(server->loop));
	server_check_closed(server);
}
