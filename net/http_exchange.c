/* Answers: whole, streamed, and those the server gives by itself. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/http_impl.h"

#define HEAD_BYTES_MAX (64u * 1024)

static const struct {
	int status;
	const char *phrase;
} phrases[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 301, "Moved Permanently" },
	{ 302, "Found" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 307, "Temporary Redirect" },
	{ 308, "Permanent Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 417, "Expectation Failed" },
	{ 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
};

static const char *phrase_of(int status)
{
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Status"; /* clients do not read it (RFC 9112 section 4) */
}

static bool has_no_body(int status)
{
	return status < 200 || status == 204 || status == 304;
}

static bool is_one_line(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] == '\r' || s.ptr[i] == '\n' || s.ptr[i] == '\0')
			return false;
	return true;
}

struct head {
	int status;
	const char *content_type;
	const struct http_header *headers;
	size_t header_count;
	bool keep_alive, is_1_0, chunked, has_length;
	size_t length;
};

static int write_head(struct http_server *server, const struct head *head, struct buf *out)
{
	buf_addf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", head->status, phrase_of(head->status),
		 http_server_date(server));
	if (head->content_type)
		buf_addf(out, "Content-Type: %s\r\n", head->content_type);
	for (size_t i = 0; i < head->header_count; i++) {
		const struct http_header *header = &head->headers[i];

		if (!is_one_line(header->name) || !is_one_line(header->value) || !header->name.len)
			return -EINVAL;
		buf_add_span(out, header->name);
		buf_add_str(out, ": ");
		buf_add_span(out, header->value);
		buf_add_str(out, "\r\n");
	}
	if (head->has_length)
		buf_addf(out, "Content-Length: %zu\r\n", head->length);
	if (head->chunked)
		buf_add_str(out, "Transfer-Encoding: chunked\r\n");
	if (!head->keep_alive)
		buf_add_str(out, "Connection: close\r\n");
	else if (head->is_1_0)
		buf_add_str(out, "Connection: keep-alive\r\n");
	buf_add_str(out, "\r\n");
	return buf_error(out);
}

/* Hands the head and, when `body` is not NULL, the body's memory to the stream. */
static int send_head(struct http_conn *conn, struct buf *text, struct buf *body)
{
	size_t len;
	char *data = buf_take(text, &len);
	int rc = data ? stream_write_take(conn->stream, data, len) : -ENOMEM;

	if (rc || !body)
		return rc;
	data = buf_take(body, &len);
	return data ? stream_write_take(conn->stream, data, len) : -ENOMEM;
}

static const char *word_refusal(const struct http_server *server, int status, const char *reason,
				struct buf *body)
{
	const char *type = NULL;

	if (server->events.word_refusal)
		type = server->events.word_refusal(server->ctx, status, reason, body);
	if (type && !buf_error(body))
		return type;
	buf_reset(body);
	(void)buf_addf(body, "%s\n", reason); /* the caller looks at buf_error() */
	return "text/plain";
}

int http_write_plain(struct http_conn *conn, int status, const char *reason)
{
	struct head head = { .status = status, .has_length = true };
	struct buf text, body;
	int rc;

	buf_init(&text, HEAD_BYTES_MAX);
	buf_init(&body, HEAD_BYTES_MAX);
	head.content_type = word_refusal(conn->server, status, reason, &body);
	head.length = body.len;
	rc = buf_error(&body);
	if (!rc)
		rc = write_head(conn->server, &head, &text);
	if (!rc)
		rc = send_head(conn, &text, &body);
	buf_done(&text);
	buf_done(&body);
	return rc;
}

void http_exchange_free(struct http_exchange *exchange)
{
	if (exchange->conn)
		exchange->conn->server->body_bytes -= exchange->body_bytes;
	http1_free(exchange->http1);
	free(exchange);
}

void http_exchange_gone(struct http_exchange *exchange)
{
	exchange->conn->server->body_bytes -= exchange->body_bytes;
	exchange->conn = NULL;
	exchange->request.peer = NULL;
	exchange->request.peer_address = "";
	if (!exchange->on_gone)
		return; /* the handler does not know: it may still use and must still end the exchange */
	exchange->on_gone(exchange->gone_ctx);
	http_exchange_free(exchange);
}

/* The exchange ends here; the connection goes on, or not. */
static void end_exchange(struct http_exchange *exchange, int rc)
{
	struct http_conn *conn = exchange->conn;
	bool keep_alive = exchange->keep_alive;

	http_exchange_free(exchange);
	if (!conn)
		return;
	if (rc) {
		conn->exchange = NULL;
		http_conn_cut(conn);
	} else {
		http_conn_answered(conn, keep_alive);
	}
}

void http_exchange_on_gone(struct http_exchange *exchange, void (*on_gone)(void *ctx), void *ctx)
{
	exchange->on_gone = on_gone;
	exchange->gone_ctx = ctx;
}

void http_exchange_on_drain(struct http_exchange *exchange, void (*on_drain)(void *ctx), void *ctx)
{
	exchange->on_drain = on_drain;
	exchange->drain_ctx = ctx;
}

static struct head head_for(const struct http_exchange *exchange, int status, const char *content_type,
			    const struct http_header *headers, size_t header_count)
{
	return (struct head){ .status = status,
			      .content_type = content_type,
			      .headers = headers,
			      .header_count = header_count,
			      .keep_alive = exchange->keep_alive && !exchange->conn->close_after,
			      .is_1_0 = exchange->is_1_0 };
}

static int respond_plain(struct http_exchange *exchange, int status, const char *reason)
{
	exchange->keep_alive = false;
	return http_write_plain(exchange->conn, status, reason);
}

void http_respond_take(struct http_exchange *exchange, int status, const char *content_type,
		       const struct http_header *headers, size_t header_count, struct buf *body)
{
	struct buf text;
	struct head head;
	int rc;

	assert_always(!exchange->begun);
	if (!exchange->conn) {
		buf_done(body);
		end_exchange(exchange, 0);
		return;
	}
	head = head_for(exchange, status, content_type, headers, header_count);
	head.has_length = !has_no_body(status);
	head.length = body->len;
	buf_init(&text, HEAD_BYTES_MAX);
	rc = buf_error(body);
	if (!rc)
		rc = write_head(exchange->conn->server, &head, &text);
	if (rc == -EINVAL || rc == -EMSGSIZE)
		rc = respond_plain(exchange, 500, "the answer could not be written");
	else if (!rc)
		rc = send_head(exchange->conn, &text, exchange->is_head || has_no_body(status) ? NULL : body);
	buf_done(&text);
	buf_done(body);
	end_exchange(exchange, rc);
}

void http_respond(struct http_exchange *exchange, int status, const char *content_type,
		  const struct http_header *headers, size_t header_count, struct span body)
{
	struct buf copy;

	buf_init(&copy, body.len + 1);
	buf_add_span(&copy, body);
	http_respond_take(exchange, status, content_type, headers, header_count, &copy);
}

void http_respond_begin(struct http_exchange *exchange, int status, const char *content_type,
			const struct http_header *headers, size_t header_count)
{
	struct buf text;
	struct head head;

	assert_always(!exchange->begun);
	exchange->begun = true;
	if (!exchange->conn)
		return;
	/* An HTTP/1.0 client cannot take chunks: there the end of the connection is the end of the answer. */
	exchange->chunked = !exchange->is_1_0 && !has_no_body(status);
	exchange->keep_alive = exchange->keep_alive && !exchange->is_1_0;
	head = head_for(exchange, status, content_type, headers, header_count);
	head.chunked = exchange->chunked;
	buf_init(&text, HEAD_BYTES_MAX);
	/* What cannot be begun is cut when the handler ends it: it must not look whole. */
	exchange->broken =
		write_head(exchange->conn->server, &head, &text) || send_head(exchange->conn, &text, NULL);
	buf_done(&text);
}

int http_respond_write(struct http_exchange *exchange, const struct span *pieces, size_t count)
{
	struct span out[2 + HTTP_PIECES_MAX];
	char size[24];
	size_t total = 0, n = 0;
	int rc;

	assert_always(exchange->begun && count <= HTTP_PIECES_MAX);
	if (!exchange->conn || exchange->broken)
		return -EPIPE;
	for (size_t i = 0; i < count; i++)
		total += pieces[i].len;
	if (!total || exchange->is_head)
		return 0; /* an empty chunk would be the end */
	if (exchange->chunked)
		out[n++] = span_make(size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", total));
	memcpy(&out[n], pieces, count * sizeof(*pieces));
	n += count;
	if (exchange->chunked)
		out[n++] = SPAN("\r\n");
	rc = stream_writev(exchange->conn->stream, out, n);
	if (rc)
		return rc == -ENOMEM ? -EAGAIN : rc;
	exchange->told_full = stream_queued(exchange->conn->stream) > HTTP_STREAM_FULL;
	return exchange->told_full ? 1 : 0;
}

void http_respond_end(struct http_exchange *exchange)
{
	int rc = exchange->broken ? -EPIPE : 0;

	assert_always(exchange->begun);
	if (!rc && exchange->conn && exchange->chunked && !exchange->is_head) {
		char *last = span_dup(SPAN("0\r\n\r\n"));

		rc = last ? stream_write_take(exchange->conn->stream, last, 5) : -ENOMEM;
	}
	end_exchange(exchange, rc);
}

void http_respond_abort(struct http_exchange *exchange)
{
	end_exchange(exchange, -ECANCELED);
}
