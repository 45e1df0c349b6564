#include "tests/bench/flow.h"

#include <errno.h>
#include <strings.h>

static void on_open(void *ctx)
{
	struct flow *flow = ctx;

	if (flow->events->on_open)
		flow->events->on_open(flow->ctx);
}

static void on_closed(void *ctx, const struct err *why)
{
	struct flow *flow = ctx;

	flow->stream = NULL;
	flow->events->on_closed(flow->ctx, why);
}

static uint64_t hexadecimal(struct span text)
{
	uint64_t value = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c >= '0' && c <= '9')
			value = value * 16 + (uint64_t)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			value = value * 16 + (uint64_t)((c | 32) - 'a' + 10);
		else
			break;
	}
	return value;
}

static void end(struct flow *flow)
{
	flow->state = FLOW_HEAD;
	if (flow->events->on_end)
		flow->events->on_end(flow->ctx, flow->status);
}

static void take_head(struct flow *flow)
{
	struct span rest = buf_span(&flow->line), line, name, value;
	bool chunked = false;
	uint64_t number = 0;

	flow->left = 0;
	(void)span_cut(rest, '\n', &line, &rest);
	(void)span_cut(line, ' ', &name, &value);
	if (value.len < 3 || span_to_u64(span_make(value.ptr, 3), &number))
		flow->broken = true;
	flow->status = (int)number;
	while (span_cut(rest, '\n', &line, &rest)) {
		(void)span_cut(line, ':', &name, &value);
		value = span_trim(value);
		if (value.len && value.ptr[value.len - 1] == '\r')
			value.len--;
		if (name.len == 14 && !strncasecmp(name.ptr, "content-length", 14) &&
		    span_to_u64(value, &flow->left))
			flow->broken = true;
		if (name.len == 17 && !strncasecmp(name.ptr, "transfer-encoding", 17))
			chunked = true;
	}
	buf_reset(&flow->line);
	flow->state = chunked ? FLOW_CHUNK_SIZE : FLOW_LENGTH;
	if (flow->events->on_head)
		flow->events->on_head(flow->ctx, flow->status);
	if (!chunked && !flow->left)
		end(flow);
}

static void take_line(struct flow *flow)
{
	bool blank = flow->line.len <= 2;

	switch (flow->state) {
	case FLOW_HEAD:
		if (flow->line.len >= 4 && !memcmp(flow->line.data + flow->line.len - 4, "\r\n\r\n", 4))
			take_head(flow);
		return;
	case FLOW_CHUNK_SIZE:
		flow->left = hexadecimal(buf_span(&flow->line));
		flow->state = flow->left ? FLOW_CHUNK : FLOW_TRAILER;
		break;
	case FLOW_CHUNK_END: flow->state = FLOW_CHUNK_SIZE; break;
	case FLOW_TRAILER:
		if (blank)
			end(flow);
		break;
	case FLOW_LENGTH:
	case FLOW_CHUNK: break;
	}
	buf_reset(&flow->line);
}

static void take_body(struct flow *flow, struct span *data)
{
	size_t len = data->len < flow->left ? data->len : (size_t)flow->left;

	if (flow->events->on_body)
		flow->events->on_body(flow->ctx, span_make(data->ptr, len));
	data->ptr += len;
	data->len -= len;
	flow->left -= len;
	if (flow->left)
		return;
	if (flow->state == FLOW_CHUNK)
		flow->state = FLOW_CHUNK_END;
	else
		end(flow);
}

static void on_data(void *ctx, struct span data)
{
	struct flow *flow = ctx;

	while (data.len && flow->stream && !flow->broken) {
		const char *newline;
		size_t len;

		if (flow->state == FLOW_LENGTH || flow->state == FLOW_CHUNK) {
			take_body(flow, &data);
			continue;
		}
		newline = memchr(data.ptr, '\n', data.len);
		len = newline ? (size_t)(newline - data.ptr) + 1 : data.len;
		if (buf_add(&flow->line, data.ptr, len))
			flow->broken = true;
		data.ptr += len;
		data.len -= len;
		if (newline)
			take_line(flow);
	}
	if (flow->broken && flow->stream) {
		struct err err = { 0 };

		(void)err_set(&err, -EPROTO, "the answer is not HTTP/1.1");
		flow_close(flow);
		flow->events->on_closed(flow->ctx, &err);
	}
}

int flow_open(struct flow *flow, struct loop *loop, const char *address, struct tls_context *tls,
	      const char *server_name, const struct flow_events *events, void *ctx, struct err *err)
{
	static const struct stream_events stream = { .on_open = on_open,
						     .on_data = on_data,
						     .on_closed = on_closed };
	struct stream_options options = { .tls = tls,
					  .tls_server_name = tls ? server_name : NULL,
					  .connect_timeout_ms = 60000 };

	*flow = (struct flow){ .events = events, .ctx = ctx };
	buf_init(&flow->line, FLOW_HEAD_MAX);
	return stream_connect(loop, address, &options, &stream, flow, &flow->stream, err);
}

void flow_close(struct flow *flow)
{
	stream_close(flow->stream);
	flow->stream = NULL;
	buf_done(&flow->line);
}

int flow_send(struct flow *flow, const char *method, const char *target, const char *content_type,
	      struct span body)
{
	struct span pieces[2];
	struct buf head;
	int code;

	buf_init(&head, FLOW_HEAD_MAX);
	buf_addf(&head, "%s %s HTTP/1.1\r\nHost: bench\r\nAccept: application/json\r\n", method, target);
	if (body.len)
		buf_addf(&head, "Content-Type: %s\r\nContent-Length: %zu\r\n", content_type, body.len);
	buf_add_str(&head, "\r\n");
	pieces[0] = buf_span(&head);
	pieces[1] = body;
	code = buf_error(&head);
	if (!code)
		code = flow->stream ? stream_writev(flow->stream, pieces, body.len ? 2 : 1) : -EPIPE;
	buf_done(&head);
	return code;
}
