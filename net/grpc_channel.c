#include "net/grpc.h"

#include <errno.h>
#include <stdlib.h>

#include "base/random.h"
#include "net/address.h"
#include "net/grpc_impl.h"

#define CONNECT_TIMEOUT_MS 5000u
#define DRAIN_MS 5000u
#define SEND_AHEAD (128u * 1024) /* unsent bytes from which nghttp2 is not asked for more */

static void channel_dial(struct grpc_channel *channel);

static void channel_set_state(struct grpc_channel *channel, enum grpc_state state)
{
	bool was_up = channel->state == GRPC_UP;

	assert_always(channel->state != GRPC_CLOSED);
	channel->state = state;
	if (was_up != (state == GRPC_UP) && state != GRPC_CLOSED && channel->on_state)
		channel->on_state(channel->ctx, state == GRPC_UP);
}

static uint64_t redial_ms(struct grpc_channel *channel)
{
	uint64_t full = GRPC_REDIAL_MIN_MS, seed;
	struct rng rng;

	for (unsigned i = 1; i < channel->failures && full < GRPC_REDIAL_MAX_MS; i++)
		full *= 2;
	if (full > GRPC_REDIAL_MAX_MS)
		full = GRPC_REDIAL_MAX_MS;
	random_bytes(&seed, sizeof(seed));
	rng_seed(&rng, seed);
	return full / 2 + rng_below(&rng, full / 2 + 1);
}

/* The connection is over: every call ends, and the next attempt is set. */
static void channel_lost(struct grpc_channel *channel, int code, const char *text)
{
	bool never_up = channel->state == GRPC_DIALLING;

	if (channel->state == GRPC_DOWN || channel->state == GRPC_CLOSED)
		return;
	stream_close(channel->stream);
	channel->stream = NULL;
	nghttp2_session_del(channel->session);
	channel->session = NULL;
	err_set(&channel->error, code, "%s", text);
	list_for_each(&channel->calls, node) {
		struct grpc_call *call = container_of(node, struct grpc_call, node);

		call->in_session = false;
		grpc_call_end(call, never_up ? -ENOTCONN : -EIO, channel->error.msg);
	}
	channel->failures++;
	timer_start(channel->timer, redial_ms(channel));
	channel_set_state(channel, GRPC_DOWN);
	grpc_channel_wake(channel);
}

/* Bytes out */

static void channel_send(struct grpc_channel *channel)
{
	while (channel->session && stream_queued(channel->stream) < SEND_AHEAD) {
		const uint8_t *data;
		ssize_t n;

		n = nghttp2_session_mem_send(channel->session, &data);
		if (n == 0)
			break;
		if (n < 0 || stream_write(channel->stream, span_make(data, (size_t)n))) {
			channel_lost(channel, -EIO, n < 0 ? nghttp2_strerror((int)n) : "no room to send");
			return;
		}
	}
	/* After an error of the protocol nghttp2 says goodbye and then wants nothing more. */
	if (channel->session && !nghttp2_session_want_read(channel->session) &&
	    !nghttp2_session_want_write(channel->session))
		channel_lost(channel, -EIO,
			     "the server does not keep to HTTP/2, or has ended the connection");
}

static bool has_calls_in_session(const struct grpc_channel *channel)
{
	list_for_each(&channel->calls, node)
		if (container_of(node, struct grpc_call, node)->in_session)
			return true;
	return false;
}

static void channel_free(struct grpc_channel *channel)
{
	struct list_node *node;

	while ((node = list_first(&channel->calls)))
		grpc_call_free(container_of(node, struct grpc_call, node));
	nghttp2_session_del(channel->session);
	timerq_done(&channel->deadlines);
	free(channel->address);
	free(channel);
}

static void channel_step(struct loop_task *task)
{
	struct grpc_channel *channel = container_of(task, struct grpc_channel, task);

	if (channel->state == GRPC_CLOSED) {
		channel_free(channel);
		return;
	}
	channel_send(channel);
	if (channel->state == GRPC_DRAINING && !has_calls_in_session(channel))
		channel_lost(channel, -EIO, "the server went away in order");
	grpc_calls_deliver(channel);
}

void grpc_channel_wake(struct grpc_channel *channel)
{
	loop_post(channel->loop, &channel->task);
}

/* Bytes in */

static void channel_open(void *ctx)
{
	struct grpc_channel *channel = ctx;

	if (grpc_session_new(channel))
		channel_lost(channel, -ENOMEM, "no memory for HTTP/2");
	else
		grpc_channel_wake(channel);
}

static void channel_data(void *ctx, struct span data)
{
	struct grpc_channel *channel = ctx;
	ssize_t n;

	n = nghttp2_session_mem_recv(channel->session, (const uint8_t *)data.ptr, data.len);
	if (channel->state == GRPC_CLOSED)
		return;
	if (n < 0)
		channel_lost(channel, -EPROTO, nghttp2_strerror((int)n));
	else
		channel_send(channel);
	grpc_calls_deliver(channel);
}

static void channel_drained(void *ctx)
{
	channel_send(ctx);
}

static void channel_closed(void *ctx, const struct err *why)
{
	struct grpc_channel *channel = ctx;

	channel->stream = NULL;
	channel_lost(channel, why->code ? why->code : -EIO,
		     why->code ? why->msg : "the server closed the connection");
	grpc_calls_deliver(channel);
}

/* nghttp2 reports these two while it is on the stack. */

static void settings_came(struct grpc_channel *channel)
{
	if (channel->state != GRPC_DIALLING)
		return;
	timer_stop(channel->timer);
	channel->failures = 0;
	channel->error = (struct err){ 0 };
	channel_set_state(channel, GRPC_UP);
	list_for_each(&channel->calls, node) {
		struct grpc_call *call = container_of(node, struct grpc_call, node);

		if (channel->state == GRPC_UP && !call->in_session && !call->ended && grpc_call_submit(call))
			grpc_call_end(call, -EIO, "no memory");
	}
}

static void goodbye_came(struct grpc_channel *channel)
{
	if (channel->state != GRPC_UP)
		return;
	timer_start(channel->timer, DRAIN_MS);
	channel_set_state(channel, GRPC_DRAINING);
	if (channel->state == GRPC_DRAINING)
		grpc_channel_wake(channel);
}

void grpc_channel_frame_came(struct grpc_channel *channel, const nghttp2_frame *frame)
{
	if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK))
		settings_came(channel);
	else if (frame->hd.type == NGHTTP2_GOAWAY)
		goodbye_came(channel);
}

/* Time */

static void channel_timer_due(void *ctx)
{
	struct grpc_channel *channel = ctx;

	if (channel->state == GRPC_DOWN)
		channel_dial(channel);
	else
		channel_lost(channel, -ETIMEDOUT,
			     channel->state == GRPC_DRAINING ? "the server went away"
							     : "the server does not speak HTTP/2, or hangs");
	if (channel->state != GRPC_CLOSED)
		grpc_calls_deliver(channel);
}

static void call_timer_due(void *ctx)
{
	struct grpc_channel *channel = ctx;

	grpc_calls_expire(channel);
	grpc_calls_deliver(channel);
}

static void channel_dial(struct grpc_channel *channel)
{
	static const struct stream_events events = { .on_open = channel_open,
						     .on_data = channel_data,
						     .on_drain = channel_drained,
						     .on_closed = channel_closed };
	struct stream_options options = { .connect_timeout_ms = CONNECT_TIMEOUT_MS,
					  .queue_max_bytes = SEND_AHEAD + (1u << 20) };
	int rc;

	channel_set_state(channel, GRPC_DIALLING);
	timer_start(channel->timer, 2 * CONNECT_TIMEOUT_MS);
	rc = stream_connect(channel->loop, channel->address, &options, &events, channel, &channel->stream,
			    &channel->error);
	if (rc)
		channel_lost(channel, rc, channel->error.code ? channel->error.msg : "no memory to connect");
}

int grpc_channel_new(struct loop *loop, const char *address, void (*on_state)(void *ctx, bool up), void *ctx,
		     struct grpc_channel **out, struct err *err)
{
	struct grpc_channel *channel = calloc(1, sizeof(*channel));
	struct address parsed;
	int rc = address_parse(span_of(address), &parsed, err);

	if (rc || !channel) {
		free(channel);
		return rc ? rc : err_set(err, -ENOMEM, "no memory for a gRPC channel");
	}
	channel->loop = loop;
	channel->task.run = channel_step;
	list_init(&channel->calls);
	timerq_init(&channel->deadlines);
	channel->on_state = on_state;
	channel->ctx = ctx;
	channel->address = span_dup(span_of(address));
	if (!channel->address || timer_new(loop, channel_timer_due, channel, &channel->timer) ||
	    timer_new(loop, call_timer_due, channel, &channel->call_timer)) {
		grpc_channel_close(channel);
		return err_set(err, -ENOMEM, "no memory for a gRPC channel");
	}
	channel_dial(channel);
	*out = channel;
	return 0;
}

void grpc_channel_close(struct grpc_channel *channel)
{
	if (!channel || channel->state == GRPC_CLOSED)
		return;
	stream_close(channel->stream);
	channel->stream = NULL;
	timer_close(channel->timer);
	timer_close(channel->call_timer);
	channel_set_state(channel, GRPC_CLOSED);
	grpc_channel_wake(channel);
}

bool grpc_channel_is_up(const struct grpc_channel *channel)
{
	return channel->state == GRPC_UP;
}

const char *grpc_channel_error(const struct grpc_channel *channel)
{
	return channel->error.code ? err_text(&channel->error) : "";
}

void grpc_channel_dial(struct grpc_channel *channel)
{
	if (channel->state != GRPC_DOWN)
		return;
	channel->failures = 0;
	timer_start(channel->timer, 0);
}
