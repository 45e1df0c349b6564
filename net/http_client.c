/* One request on its own connection. */
#include <errno.h>
#include <stdlib.h>

#include "net/http1.h"
#include "net/loop_uv.h"
#include "net/stream.h"

#define REQUEST_HEAD_MAX (64u * 1024)

struct http_call {
	struct loop_orphan orphan; /* nobody closes a request: it ends by itself, or with the loop */
	struct loop *loop;
	struct stream *stream;
	struct timer *timer;
	struct http1 *http1;
	bool is_head, status_only;
	void (*on_answer)(void *ctx, const struct http_client_answer *answer);
	void *ctx;
};

static void call_end(struct http_call *call, const struct http_client_answer *answer)
{
	void (*on_answer)(void *ctx, const struct http_client_answer *answer) = call->on_answer;

	list_remove(&call->loop->orphans, &call->orphan.node);
	stream_close(call->stream);
	timer_close(call->timer);
	on_answer(call->ctx, answer);
	http1_free(call->http1);
	free(call);
}

static void call_fail(struct http_call *call, int code, const char *text)
{
	struct http_client_answer answer = { 0 };

	err_set(&answer.err, code, "%s", text);
	call_end(call, &answer);
}

static void call_cancel(struct loop_orphan *orphan)
{
	call_fail(container_of(orphan, struct http_call, orphan), -ECANCELED, "the loop has ended");
}

static void call_answered(struct http_call *call)
{
	const struct http1_message *message = http1_message(call->http1);
	struct http_request as_request = { .headers = message->headers,
					   .header_count = message->header_count };
	struct http_client_answer answer = { .status = message->status,
					     .content_type = http_header(&as_request, "Content-Type"),
					     .body = message->body };

	call_end(call, &answer);
}

static struct http1 *answer_parser(const struct http_call *call)
{
	struct http1 *http1 = http1_new(HTTP1_RESPONSE, HTTP_ANSWER_MAX);

	if (http1 && call->is_head)
		http1_no_body(http1);
	return http1;
}

/* An interim answer (100 Continue): the real one comes behind it. False without memory. */
static bool skip_interim(struct http_call *call)
{
	http1_free(call->http1);
	call->http1 = answer_parser(call);
	return call->http1 != NULL;
}

static void call_data(void *ctx, struct span data)
{
	struct http_call *call = ctx;

	for (;;) {
		enum http1_event event = http1_feed(call->http1, &data);

		if (event == HTTP1_HEAD && call->status_only && http1_message(call->http1)->status >= 200) {
			call_answered(call);
			return;
		}
		if (event == HTTP1_HEAD && data.len)
			continue;
		if (event == HTTP1_MORE || event == HTTP1_HEAD)
			return;
		if (event == HTTP1_BAD) {
			call_fail(call, http1_status(call->http1) == 413 ? -EMSGSIZE : -EPROTO,
				  http1_reason(call->http1));
			return;
		}
		if (http1_message(call->http1)->status >= 200) {
			call_answered(call);
			return;
		}
		if (!skip_interim(call)) {
			call_fail(call, -ENOMEM, "no memory");
			return;
		}
	}
}

static void call_closed(void *ctx, const struct err *why)
{
	struct http_call *call = ctx;

	call->stream = NULL;
	if (why->code)
		call_fail(call, why->code, why->msg);
	else if (http1_end(call->http1) == HTTP1_MESSAGE)
		call_answered(call);
	else
		call_fail(call, -ECONNRESET, "the server closed the connection without an answer");
}

static void call_late(void *ctx)
{
	call_fail(ctx, -ETIMEDOUT, "the server did not answer in time");
}

static int write_request(struct http_call *call, const char *host, const char *method, const char *target,
			 const struct http_header *headers, size_t header_count, struct span body)
{
	struct buf text;
	struct span pieces[2];
	int rc;

	buf_init(&text, REQUEST_HEAD_MAX);
	buf_addf(&text, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", method, target, host);
	for (size_t i = 0; i < header_count; i++)
		buf_addf(&text, "%.*s: %.*s\r\n", SPAN_ARG(headers[i].name), SPAN_ARG(headers[i].value));
	if (body.len || !strcmp(method, "POST") || !strcmp(method, "PUT") || !strcmp(method, "PATCH"))
		buf_addf(&text, "Content-Length: %zu\r\n", body.len);
	buf_add_str(&text, "\r\n");
	pieces[0] = buf_span(&text);
	pieces[1] = body;
	rc = buf_error(&text);
	if (!rc)
		rc = stream_writev(call->stream, pieces, 2);
	buf_done(&text);
	return rc;
}

static int start(struct http_call *call, const char *address, const struct stream_options *options,
		 const char *method, const char *target, const struct http_header *headers,
		 size_t header_count, struct span body, unsigned timeout_ms)
{
	static const struct stream_events events = { .on_data = call_data, .on_closed = call_closed };
	struct stream_options with_room = options ? *options : (struct stream_options){ 0 };
	const char *host = with_room.tls_server_name ? with_room.tls_server_name : address;
	int rc = -ENOMEM;

	with_room.queue_max_bytes = REQUEST_HEAD_MAX + body.len;
	call->http1 = answer_parser(call);
	if (call->http1)
		rc = timer_new(call->loop, call_late, call, &call->timer);
	if (!rc)
		rc = stream_connect(call->loop, address, &with_room, &events, call, &call->stream, NULL);
	if (!rc)
		rc = write_request(call, !strncmp(host, "unix:", 5) ? "localhost" : host, method, target,
				   headers, header_count, body);
	if (rc) {
		stream_close(call->stream);
		timer_close(call->timer);
		http1_free(call->http1);
		free(call);
		return rc;
	}
	list_push(&call->loop->orphans, &call->orphan.node);
	timer_start(call->timer, timeout_ms);
	return 0;
}

static struct http_call *
call_new(struct loop *loop, void (*on_answer)(void *ctx, const struct http_client_answer *answer), void *ctx)
{
	struct http_call *call = calloc(1, sizeof(*call));

	if (call)
		*call = (struct http_call){
			.orphan.close = call_cancel, .loop = loop, .on_answer = on_answer, .ctx = ctx
		};
	return call;
}

int http_client_request(struct loop *loop, const char *address, const struct stream_options *options,
			const char *method, const char *target, const struct http_header *headers,
			size_t header_count, struct span body, unsigned timeout_ms,
			void (*on_answer)(void *ctx, const struct http_client_answer *answer), void *ctx)
{
	struct http_call *call = call_new(loop, on_answer, ctx);

	if (!call)
		return -ENOMEM;
	call->is_head = !strcmp(method, "HEAD");
	return start(call, address, options, method, target, headers, header_count, body, timeout_ms);
}

int http_client_probe(struct loop *loop, const char *address, const struct stream_options *options,
		      const char *target, const struct http_header *headers, size_t header_count,
		      unsigned timeout_ms,
		      void (*on_answer)(void *ctx, const struct http_client_answer *answer), void *ctx)
{
	struct http_call *call = call_new(loop, on_answer, ctx);

	if (!call)
		return -ENOMEM;
	call->status_only = true;
	return start(call, address, options, "GET", target, headers, header_count, SPAN(""), timeout_ms);
}
