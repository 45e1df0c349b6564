/* Calls: one HTTP/2 stream each. The callbacks of nghttp2 only record; users are told when it is off the stack. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/grpc_impl.h"

#define STREAM_WINDOW (1u << 20)
#define CONNECTION_WINDOW (4u << 20)
#define GRPC_TIMEOUT_MAX 99999999u /* eight digits (PROTOCOL-HTTP2 of gRPC) */

enum {
	STATUS_UNKNOWN = 2,
	STATUS_DEADLINE_EXCEEDED = 4,
	STATUS_PERMISSION_DENIED = 7,
	STATUS_RESOURCE_EXHAUSTED = 8,
	STATUS_UNIMPLEMENTED = 12,
	STATUS_INTERNAL = 13,
	STATUS_UNAVAILABLE = 14,
	STATUS_UNAUTHENTICATED = 16,
};

/* A proxy or another server answered without gRPC's status (gRPC: http-grpc-status-mapping). */
static const struct {
	unsigned http, status;
} http_statuses[] = {
	{ 400, STATUS_INTERNAL },      { 401, STATUS_UNAUTHENTICATED }, { 403, STATUS_PERMISSION_DENIED },
	{ 404, STATUS_UNIMPLEMENTED }, { 429, STATUS_UNAVAILABLE },	{ 502, STATUS_UNAVAILABLE },
	{ 503, STATUS_UNAVAILABLE },   { 504, STATUS_UNAVAILABLE },
};

static unsigned status_of_http(unsigned http)
{
	for (size_t i = 0; i < sizeof(http_statuses) / sizeof(http_statuses[0]); i++)
		if (http_statuses[i].http == http)
			return http_statuses[i].status;
	return STATUS_UNKNOWN;
}

/* The end of a call */

void grpc_call_free(struct grpc_call *call)
{
	timerq_cancel(&call->channel->deadlines, &call->deadline);
	list_remove(&call->channel->calls, &call->node);
	buf_done(&call->request);
	buf_done(&call->held);
	free(call->method);
	free(call->text);
	free(call);
}

void grpc_call_end(struct grpc_call *call, int code, const char *text)
{
	if (call->ended)
		return;
	call->ended = true;
	call->code = code;
	if (text) {
		free(call->text);
		call->text = span_dup(span_of(text));
	}
	timerq_cancel(&call->channel->deadlines, &call->deadline);
	if (call->in_session)
		(void)nghttp2_submit_rst_stream(
			call->channel->session, NGHTTP2_FLAG_NONE, call->stream_id,
			NGHTTP2_CANCEL); /* fails only without memory: then the close comes later */
	grpc_channel_wake(call->channel);
}

/* The stream is closed: what did the server say? */
static void call_conclude(struct grpc_call *call, uint32_t error_code)
{
	if (call->has_status && call->status == 0) {
		if (call->on_message || call->messages == 1)
			grpc_call_end(call, 0, NULL);
		else
			grpc_call_end(call, -EIO, "the server said OK without an answer");
	} else if (call->has_status) {
		grpc_call_end(call, -EREMOTEIO, NULL);
	} else if (call->http_status && call->http_status != 200) {
		char text[64];

		call->status = status_of_http(call->http_status);
		snprintf(text, sizeof(text), "the server answered with HTTP status %u", call->http_status);
		grpc_call_end(call, -EREMOTEIO, text);
	} else {
		grpc_call_end(call, -EIO,
			      error_code == NGHTTP2_REFUSED_STREAM
				      ? "the server refused the call"
				      : "the server ended the call without a status");
	}
}

/* What a server would have said, for users who look at the status alone. */
static unsigned status_of_code(int code)
{
	if (code == -ETIMEDOUT)
		return STATUS_DEADLINE_EXCEEDED;
	return code == -EMSGSIZE ? STATUS_RESOURCE_EXHAUSTED : STATUS_UNAVAILABLE;
}

static void call_tell(struct grpc_call *call)
{
	struct grpc_answer answer = { .code = call->code,
				      .status = call->status,
				      .message = call->text ? call->text : "",
				      .body = call->code ? SPAN("") : call->answer };

	if (call->code && (!call->status || call->code != -EREMOTEIO))
		answer.status = status_of_code(call->code);
	call->over = true;
	call->on_answer(call->ctx, &answer);
}

void grpc_calls_deliver(struct grpc_channel *channel)
{
	struct list_node *node;
	size_t n = channel->calls.count;

	/* Each goes to the end before its user is told, who may start, cancel and close as he likes. */
	for (; n > 0 && channel->state != GRPC_CLOSED && (node = list_first(&channel->calls)); n--) {
		struct grpc_call *call = container_of(node, struct grpc_call, node);

		list_remove(&channel->calls, node);
		list_push(&channel->calls, node);
		if (call->ended && !call->over)
			call_tell(call);
		if (channel->state != GRPC_CLOSED && call->over && !call->in_session)
			grpc_call_free(call);
	}
}

/* What nghttp2 reports */

static struct grpc_call *call_of(nghttp2_session *session, int32_t stream_id)
{
	return nghttp2_session_get_stream_user_data(session, stream_id);
}

static void take_status(struct grpc_call *call, struct span value)
{
	uint64_t status;

	if (span_to_u64(value, &status) || status > UINT16_MAX)
		status = STATUS_UNKNOWN;
	call->status = (unsigned)status;
	call->has_status = true;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *user_data)
{
	struct grpc_call *call = call_of(session, frame->hd.stream_id);
	struct span key = span_make(name, name_len), text = span_make(value, value_len);
	uint64_t number;

	if (!call || call->ended)
		return 0;
	if (span_is(key, ":status")) {
		call->http_status = span_to_u64(text, &number) ? 0 : (unsigned)number;
	} else if (span_is(key, "grpc-status")) {
		take_status(call, text);
	} else if (span_is(key, "grpc-message") && !call->text) {
		call->text = malloc(GRPC_STATUS_TEXT_SIZE);
		if (call->text)
			grpc_text_decode(text, call->text, GRPC_STATUS_TEXT_SIZE);
	}
	return 0;
}

static void take_message(struct grpc_call *call, struct span message)
{
	call->messages++;
	if (call->on_message)
		call->on_message(call->ctx, message);
	else if (call->messages == 1)
		call->answer = message;
	else
		grpc_call_end(call, -EIO, "the server answered twice");
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data,
			 size_t len, void *user_data)
{
	struct grpc_channel *channel = user_data;
	struct grpc_call *call = call_of(session, stream_id);
	struct span bytes = span_make(data, len), message;

	while (call && !call->ended && bytes.len) {
		int rc;

		if (!call->on_message && call->messages) {
			grpc_call_end(call, -EIO, "the server answered twice");
			break;
		}
		rc = grpc_frame_next(&call->held, &bytes, &message);
		if (rc == 1)
			take_message(call, message);
		else if (rc == -EMSGSIZE || rc == -ENOMEM)
			grpc_call_end(call, -EMSGSIZE, "the answer is too large");
		else if (rc)
			grpc_call_end(call, -EIO, "the answer is compressed, which was not offered");
		if (channel->state == GRPC_CLOSED)
			return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error_code, void *user_data)
{
	struct grpc_call *call = call_of(session, stream_id);

	if (!call)
		return 0;
	call->in_session = false;
	call_conclude(call, error_code);
	grpc_channel_wake(call->channel);
	return 0;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
	struct grpc_channel *channel = user_data;

	grpc_channel_frame_came(channel, frame);
	return channel->state == GRPC_CLOSED ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static ssize_t read_request(nghttp2_session *session, int32_t stream_id, uint8_t *out, size_t size,
			    uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
	struct grpc_call *call = call_of(session, stream_id);
	size_t n;

	if (!call || call->ended)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	n = call->request.len - call->sent;
	n = n < size ? n : size;
	memcpy(out, call->request.data + call->sent, n);
	call->sent += n;
	if (call->sent == call->request.len) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		buf_done(&call->request);
		call->sent = 0;
	}
	return (ssize_t)n;
}

int grpc_session_new(struct grpc_channel *channel)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
	};
	nghttp2_session_callbacks *callbacks;
	int rc;

	if (nghttp2_session_callbacks_new(&callbacks))
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
	rc = nghttp2_session_client_new(&channel->session, callbacks, channel);
	nghttp2_session_callbacks_del(callbacks);
	if (rc)
		return -ENOMEM;
	if (nghttp2_submit_settings(channel->session, NGHTTP2_FLAG_NONE, settings, 2) ||
	    nghttp2_session_set_local_window_size(channel->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW))
		return -ENOMEM;
	return 0;
}

/* Starting */

static nghttp2_nv header(const char *name, const char *value)
{
	return (nghttp2_nv){ .name = (uint8_t *)name,
			     .value = (uint8_t *)value,
			     .namelen = strlen(name),
			     .valuelen = strlen(value) };
}

int grpc_call_submit(struct grpc_call *call)
{
	nghttp2_data_provider provider = { .read_callback = read_request };
	char timeout[16];
	nghttp2_nv headers[8];
	size_t n = 0;

	headers[n++] = header(":method", "POST");
	headers[n++] = header(":scheme", "http");
	headers[n++] = header(":path", call->method);
	headers[n++] = header(":authority", "localhost");
	headers[n++] = header("te", "trailers");
	headers[n++] = header("content-type", "application/grpc");
	headers[n++] = header("user-agent", "holdfast/" HOLDFAST_VERSION);
	if (call->timeout_ms) {
		snprintf(timeout, sizeof(timeout), "%um",
			 call->timeout_ms < GRPC_TIMEOUT_MAX ? call->timeout_ms : GRPC_TIMEOUT_MAX);
		headers[n++] = header("grpc-timeout", timeout);
	}
	call->stream_id = nghttp2_submit_request(call->channel->session, NULL, headers, n, &provider, call);
	if (call->stream_id < 0)
		return -ENOMEM;
	call->in_session = true;
	grpc_channel_wake(call->channel);
	return 0;
}

static int fill_request(struct grpc_call *call, struct span request)
{
	uint8_t prefix[GRPC_PREFIX_SIZE];

	grpc_frame_prefix(request.len, prefix);
	buf_init(&call->request, GRPC_PREFIX_SIZE + request.len);
	buf_init(&call->held, GRPC_PREFIX_SIZE + GRPC_MESSAGE_MAX);
	buf_add(&call->request, prefix, sizeof(prefix));
	buf_add_span(&call->request, request);
	return buf_error(&call->request);
}

static void arm_deadline(struct grpc_channel *channel)
{
	uint64_t next = timerq_next(&channel->deadlines), now = loop_now_ms(channel->loop);

	if (next != TIMERQ_NEVER)
		timer_start(channel->call_timer, next > now ? next - now : 0);
	else
		timer_stop(channel->call_timer);
}

void grpc_calls_expire(struct grpc_channel *channel)
{
	struct timerq_node *node;
	uint64_t now = loop_now_ms(channel->loop);

	while ((node = timerq_pop(&channel->deadlines, now))) {
		struct grpc_call *call = container_of(node, struct grpc_call, deadline);
		char text[64];

		snprintf(text, sizeof(text), "no answer within %u ms", call->timeout_ms);
		grpc_call_end(call, -ETIMEDOUT, text);
	}
	arm_deadline(channel);
}

static int call_start(struct grpc_channel *channel, const char *method, struct span request,
		      unsigned timeout_ms, struct grpc_call *call)
{
	int rc = fill_request(call, request);

	if (rc)
		return rc;
	call->timeout_ms = timeout_ms;
	call->method = span_dup(span_of(method));
	if (!call->method)
		return -ENOMEM;
	if (timeout_ms) {
		rc = timerq_set(&channel->deadlines, &call->deadline,
				loop_now_ms(channel->loop) + timeout_ms);
		if (rc)
			return rc;
		arm_deadline(channel);
	}
	if (channel->state == GRPC_UP)
		return grpc_call_submit(call);
	if (channel->state == GRPC_DIALLING)
		return 0; /* goes out when connected */
	grpc_call_end(call, -ENOTCONN, channel->error.code ? channel->error.msg : "not connected");
	return 0;
}

static int call_new(struct grpc_channel *channel, const char *method, struct span request,
		    unsigned timeout_ms, struct grpc_call **out)
{
	struct grpc_call *call;
	int rc;

	if (method[0] != '/')
		return -EINVAL;
	if (request.len > GRPC_MESSAGE_MAX)
		return -EMSGSIZE;
	if (channel->calls.count >= GRPC_CALLS_MAX)
		return -EAGAIN;
	call = calloc(1, sizeof(*call));
	if (!call)
		return -ENOMEM;
	call->channel = channel;
	call->answer = SPAN("");
	list_push(&channel->calls, &call->node);
	rc = call_start(channel, method, request, timeout_ms, call);
	if (rc) {
		grpc_call_free(call);
		return rc;
	}
	*out = call;
	return 0;
}

int grpc_unary(struct grpc_channel *channel, const char *method, struct span request, unsigned timeout_ms,
	       void (*on_answer)(void *ctx, const struct grpc_answer *answer), void *ctx)
{
	struct grpc_call *call;
	int rc = timeout_ms ? call_new(channel, method, request, timeout_ms, &call) : -EINVAL;

	if (rc)
		return rc;
	call->on_answer = on_answer;
	call->ctx = ctx;
	return 0;
}

int grpc_server_stream(struct grpc_channel *channel, const char *method, struct span request,
		       void (*on_message)(void *ctx, struct span message),
		       void (*on_end)(void *ctx, const struct grpc_answer *answer), void *ctx,
		       struct grpc_call **out)
{
	struct grpc_call *call;
	int rc = call_new(channel, method, request, 0, &call);

	if (rc)
		return rc;
	call->on_message = on_message;
	call->on_answer = on_end;
	call->ctx = ctx;
	*out = call;
	return 0;
}

void grpc_call_cancel(struct grpc_call *call)
{
	if (!call || call->over)
		return;
	call->over = true;
	grpc_call_end(call, -ECANCELED, NULL);
}
