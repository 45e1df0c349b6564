#include "tests/unit/net/grpc_server.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>

#define BIG_SIZE (5u << 20)

struct grpc_server {
	struct loop *loop;
	struct listener *listener;
	struct conn *conns;
	unsigned connections, resets;
	char timeout[32];
};

struct conn {
	struct conn *next;
	struct grpc_server *server;
	struct stream *stream;
	nghttp2_session *session;
	bool mute;
};

struct call {
	struct conn *conn;
	char path[64];
	struct buf in, out;
	size_t sent;
	bool answered;
};

static void pump(struct conn *conn)
{
	const uint8_t *data;
	ssize_t n;

	while (conn->stream && !conn->mute && (n = nghttp2_session_mem_send(conn->session, &data)) > 0)
		assert_int_equal(stream_write(conn->stream, span_make(data, (size_t)n)), 0);
}

static nghttp2_nv nv(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), 0 };
}

static void frame(struct buf *out, struct span body, uint8_t flag, uint32_t claim)
{
	uint8_t prefix[5] = { flag, (uint8_t)(claim >> 24), (uint8_t)(claim >> 16), (uint8_t)(claim >> 8),
			      (uint8_t)claim };

	buf_add(out, prefix, 5);
	assert_int_equal(buf_add_span(out, body), 0);
}

static ssize_t read_answer(nghttp2_session *session, int32_t id, uint8_t *out, size_t size, uint32_t *flags,
			   nghttp2_data_source *source, void *user_data)
{
	struct call *call = nghttp2_session_get_stream_user_data(session, id);
	size_t n = call->out.len - call->sent;
	nghttp2_nv trailers[2];

	n = n < size ? n : size;
	if (n)
		memcpy(out, call->out.data + call->sent, n);
	call->sent += n;
	if (call->sent < call->out.len)
		return (ssize_t)n;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (strcmp(call->path, "/t/NoStatus")) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		trailers[0] = nv("grpc-status", strcmp(call->path, "/t/Fail") ? "0" : "9");
		trailers[1] = nv("grpc-message", "not %E2%9C%93 100% yet%0A");
		nghttp2_submit_trailer(session, id, trailers, 2);
	}
	return (ssize_t)n;
}

static void answer(nghttp2_session *session, int32_t id, struct call *call)
{
	nghttp2_data_provider provider = { .read_callback = read_answer };
	nghttp2_nv headers[] = { nv(":status", "200"), nv("content-type", "application/grpc") };

	nghttp2_submit_response(session, id, headers, 2, &provider);
}

static void trailers_only(nghttp2_session *session, int32_t id)
{
	nghttp2_nv headers[] = { nv(":status", "200"), nv("content-type", "application/grpc"),
				 nv("grpc-status", "5"), nv("grpc-message", "no pod %22a%22") };

	nghttp2_submit_response(session, id, headers, 4, NULL);
}

static void fill(struct call *call)
{
	struct span body = call->in.len >= 5 ? span_make(call->in.data + 5, call->in.len - 5) : SPAN("");
	static char big[BIG_SIZE];

	if (!strcmp(call->path, "/t/Big")) {
		memset(big, 'b', sizeof(big));
		frame(&call->out, span_make(big, sizeof(big)), 0, sizeof(big));
	} else if (!strcmp(call->path, "/t/Huge")) {
		frame(&call->out, SPAN("x"), 0, 0x7fffffff);
	} else if (!strcmp(call->path, "/t/Compressed")) {
		frame(&call->out, SPAN("x"), 1, 1);
	} else if (!strcmp(call->path, "/t/Twice")) {
		frame(&call->out, SPAN("one"), 0, 3);
		frame(&call->out, SPAN("two"), 0, 3);
	} else if (!strcmp(call->path, "/t/Stream")) {
		frame(&call->out, SPAN("one"), 0, 3);
		frame(&call->out, SPAN(""), 0, 0);
		frame(&call->out, SPAN("three"), 0, 5);
	} else if (!strcmp(call->path, "/t/Short")) {
		frame(&call->out, SPAN("abc"), 0, 10);
	} else if (strcmp(call->path, "/t/Nothing")) {
		frame(&call->out, body, 0, (uint32_t)body.len);
	}
}

static void serve(nghttp2_session *session, int32_t id, struct call *call)
{
	nghttp2_nv unavailable[] = { nv(":status", "503") };

	if (!strcmp(call->path, "/t/Hang"))
		return;
	if (!strcmp(call->path, "/t/TrailersOnly")) {
		trailers_only(session, id);
	} else if (!strcmp(call->path, "/t/Http503")) {
		nghttp2_submit_response(session, id, unavailable, 1, NULL);
	} else if (!strcmp(call->path, "/t/Reset")) {
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
	} else if (!strcmp(call->path, "/t/Garbage")) {
		assert_int_equal(stream_write(call->conn->stream,
					      SPAN("HTTP/1.1 400 Bad Request\r\n\r\n garbage garbage")),
				 0);
		call->conn->mute = true;
	} else {
		fill(call);
		answer(session, id, call);
	}
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *f, void *user_data)
{
	struct call *call = calloc(1, sizeof(*call));

	assert_non_null(call);
	call->conn = user_data;
	buf_init(&call->in, 32 << 20);
	buf_init(&call->out, 32 << 20);
	nghttp2_session_set_stream_user_data(session, f->hd.stream_id, call);
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *f, const uint8_t *name, size_t name_len,
		     const uint8_t *value, size_t value_len, uint8_t flags, void *user_data)
{
	struct call *call = nghttp2_session_get_stream_user_data(session, f->hd.stream_id);

	if (span_is(span_make(name, name_len), ":path"))
		assert_int_equal(span_copy(span_make(value, value_len), call->path, sizeof(call->path)), 0);
	if (span_is(span_make(name, name_len), "grpc-timeout"))
		assert_int_equal(span_copy(span_make(value, value_len), call->conn->server->timeout, 32), 0);
	if (span_is(span_make(name, name_len), "te"))
		assert_true(span_is(span_make(value, value_len), "trailers"));
	return 0;
}

static int on_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
		    void *user_data)
{
	struct call *call = nghttp2_session_get_stream_user_data(session, id);

	return buf_add(&call->in, data, len);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *f, void *user_data)
{
	struct conn *conn = user_data;
	struct call *call =
		f->hd.stream_id ? nghttp2_session_get_stream_user_data(session, f->hd.stream_id) : NULL;

	if (f->hd.type == NGHTTP2_RST_STREAM)
		conn->server->resets++;
	if (call && (f->hd.flags & NGHTTP2_FLAG_END_STREAM) && !call->answered) {
		call->answered = true;
		serve(session, f->hd.stream_id, call);
	}
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user_data)
{
	struct call *call = nghttp2_session_get_stream_user_data(session, id);

	if (call) {
		buf_done(&call->in);
		buf_done(&call->out);
		free(call);
	}
	return 0;
}

static void conn_data(void *ctx, struct span data)
{
	struct conn *conn = ctx;

	assert_int_equal(nghttp2_session_mem_recv(conn->session, (const uint8_t *)data.ptr, data.len),
			 data.len);
	pump(conn);
}

static void conn_drained(void *ctx)
{
	pump(ctx);
}

static void conn_closed(void *ctx, const struct err *why)
{
	((struct conn *)ctx)->stream = NULL;
}

static void accepted(void *ctx, struct stream *stream)
{
	static const struct stream_events events = { .on_data = conn_data,
						     .on_drain = conn_drained,
						     .on_closed = conn_closed };
	nghttp2_settings_entry settings = { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100 };
	struct grpc_server *server = ctx;
	struct conn *conn = calloc(1, sizeof(*conn));
	nghttp2_session_callbacks *callbacks;

	assert_non_null(conn);
	server->connections++;
	conn->server = server;
	conn->stream = stream;
	conn->next = server->conns;
	server->conns = conn;
	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_chunk);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	assert_int_equal(nghttp2_session_server_new(&conn->session, callbacks, conn), 0);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(conn->session, 0, &settings, 1);
	nghttp2_session_set_local_window_size(conn->session, 0, 0, 32 << 20);
	stream_set_events(stream, &events, conn);
	pump(conn);
}

struct grpc_server *grpc_server_new(struct loop *loop, const char *address)
{
	static const struct listener_events events = { .on_accept = accepted };
	struct stream_options options = { .queue_max_bytes = 64 << 20 };
	struct grpc_server *server = calloc(1, sizeof(*server));

	assert_non_null(server);
	server->loop = loop;
	assert_int_equal(listener_new(loop, address, &options, 100, &events, server, &server->listener, NULL),
			 0);
	return server;
}

const char *grpc_server_address(const struct grpc_server *server)
{
	return listener_address(server->listener);
}

unsigned grpc_server_connections(const struct grpc_server *server)
{
	return server->connections;
}

unsigned grpc_server_resets(const struct grpc_server *server)
{
	return server->resets;
}

const char *grpc_server_timeout(const struct grpc_server *server)
{
	return server->timeout;
}

void grpc_server_goaway(struct grpc_server *server)
{
	for (struct conn *conn = server->conns; conn; conn = conn->next) {
		nghttp2_submit_goaway(conn->session, 0,
				      nghttp2_session_get_last_proc_stream_id(conn->session), 0, NULL, 0);
		pump(conn);
	}
}

/* Streams left open are freed here: deleting a session reports no close. */
static void free_calls(struct conn *conn)
{
	for (int32_t id = 1; id < 1000; id += 2) {
		struct call *call = nghttp2_session_get_stream_user_data(conn->session, id);

		if (call) {
			buf_done(&call->in);
			buf_done(&call->out);
			free(call);
		}
	}
}

void grpc_server_cut(struct grpc_server *server)
{
	while (server->conns) {
		struct conn *conn = server->conns;

		server->conns = conn->next;
		stream_close(conn->stream);
		free_calls(conn);
		nghttp2_session_del(conn->session);
		free(conn);
	}
}

void grpc_server_free(struct grpc_server *server)
{
	if (!server)
		return;
	grpc_server_cut(server);
	listener_close(server->listener);
	free(server);
}
