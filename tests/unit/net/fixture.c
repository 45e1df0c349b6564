#include "tests/unit/net/fixture.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct guard {
	struct loop *loop;
	bool late;
};

static void too_late(void *ctx)
{
	struct guard *guard = ctx;

	guard->late = true;
	loop_stop(guard->loop);
}

static void tick(void *ctx)
{
	loop_stop(((struct guard *)ctx)->loop);
}

void run_until(struct loop *loop, const bool *flag)
{
	struct guard guard = { .loop = loop };
	struct timer *deadline, *step;

	assert_int_equal(timer_new(loop, too_late, &guard, &deadline), 0);
	assert_int_equal(timer_new(loop, tick, &guard, &step), 0);
	timer_start(deadline, PATIENCE_MS);
	while (!*flag && !guard.late) {
		timer_start(step, 2);
		loop_run(loop);
	}
	timer_close(deadline);
	timer_close(step);
	if (!*flag)
		fail_msg("nothing happened within %u ms", PATIENCE_MS);
}

void run_for(struct loop *loop, unsigned ms)
{
	struct guard guard = { .loop = loop };
	struct timer *deadline;

	assert_int_equal(timer_new(loop, too_late, &guard, &deadline), 0);
	timer_start(deadline, ms);
	while (!guard.late)
		loop_run(loop);
	timer_close(deadline);
}

static void end_opened(void *ctx)
{
	struct end *end = ctx;

	end->opened = end->any = true;
	if (end->close_on_open) {
		stream_close(end->stream);
		end->stream = NULL;
	}
}

static void end_data(void *ctx, struct span data)
{
	struct end *end = ctx;

	assert_int_equal(buf_add_span(&end->got, data), 0);
	end->any = true;
	end->full = end->want && end->got.len >= end->want;
	if (end->echo)
		assert_int_equal(stream_write(end->stream, data), 0);
	if (end->close_on_data) {
		stream_close(end->stream);
		end->stream = NULL;
	}
}

static void end_drained(void *ctx)
{
	struct end *end = ctx;

	end->drained = true;
	end->drains++;
}

static void end_eof(void *ctx)
{
	((struct end *)ctx)->eof = true;
}

static void end_closed(void *ctx, const struct err *why)
{
	struct end *end = ctx;

	assert_false(end->closed);
	end->closed = end->any = true;
	end->why = *why;
	end->stream = NULL;
}

static const struct stream_events events = {
	.on_open = end_opened, .on_data = end_data, .on_drain = end_drained, .on_closed = end_closed
};
static const struct stream_events half_events = { .on_open = end_opened,
						  .on_data = end_data,
						  .on_drain = end_drained,
						  .on_eof = end_eof,
						  .on_closed = end_closed };

const struct stream_events *end_events(const struct end *end)
{
	return end->half ? &half_events : &events;
}

void end_init(struct end *end)
{
	*end = (struct end){ 0 };
	buf_init(&end->got, 64u << 20);
}

void end_done(struct end *end)
{
	stream_close(end->stream);
	end->stream = NULL;
	buf_done(&end->got);
}

static void server_accept(void *ctx, struct stream *stream)
{
	struct server *server = ctx;
	struct end *end = &server->ends[server->accepted];

	assert_true(server->accepted < sizeof(server->ends) / sizeof(server->ends[0]));
	server->accepted++;
	end_init(end);
	end->stream = stream;
	end->echo = server->echo;
	end->half = server->half;
	stream_set_events(stream, end_events(end), end);
	if (server->pause)
		stream_pause(stream);
	server->accepted_one = true;
}

static void server_refused(void *ctx, const char *peer_address, const struct err *why)
{
	struct server *server = ctx;

	assert_non_null(peer_address);
	assert_true(why->code < 0);
	server->refusal = *why;
	server->refusals++;
	server->refused = true;
}

void server_start(struct server *server, struct loop *loop, const char *address,
		  const struct stream_options *options, size_t max)
{
	static const struct listener_events listen_events = { .on_accept = server_accept,
							      .on_refused = server_refused };
	struct err err = { 0 };
	int rc = listener_new(loop, address ? address : "127.0.0.1:0", options, max, &listen_events, server,
			      &server->listener, &err);

	if (rc)
		fail_msg("listening: %s", err_text(&err));
}

void server_stop(struct server *server)
{
	for (size_t i = 0; i < server->accepted; i++)
		end_done(&server->ends[i]);
	listener_close(server->listener);
	server->listener = NULL;
}

int raw_connect(const char *address)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	uint64_t port;

	assert_int_equal(span_to_u64(span_of(strchr(address, ':') + 1), &port), 0);
	at.sin_port = htons((uint16_t)port);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

void connect_end(struct loop *loop, const char *address, const struct stream_options *options,
		 struct end *end)
{
	struct err err = { 0 };

	end_init(end);
	if (stream_connect(loop, address, options, end_events(end), end, &end->stream, &err))
		fail_msg("connecting: %s", err_text(&err));
	assert_false(end->any); /* never from inside the call */
}
