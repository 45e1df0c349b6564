#include "net/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/stream_impl.h"

/* Life */

static bool is_legal(enum stream_state from, enum stream_state to)
{
	static const unsigned legal[] = {
		[STREAM_DIALLING] = 1u << STREAM_PROXYING | 1u << STREAM_SHAKING | 1u << STREAM_OPEN |
				    1u << STREAM_CLOSED,
		[STREAM_PROXYING] = 1u << STREAM_SHAKING | 1u << STREAM_OPEN | 1u << STREAM_CLOSED,
		[STREAM_SHAKING] = 1u << STREAM_OPEN | 1u << STREAM_LINGERING | 1u << STREAM_CLOSED,
		[STREAM_OPEN] = 1u << STREAM_LINGERING | 1u << STREAM_CLOSED,
		[STREAM_LINGERING] = 1u << STREAM_CLOSED,
	};

	return from < STREAM_CLOSED && (legal[from] & 1u << to);
}

void stream_set_state(struct stream *stream, enum stream_state state)
{
	assert_always(is_legal(stream->state, state));
	stream->state = state;
}

int stream_new(struct loop *loop, const struct stream_options *options, enum stream_state state,
	       struct stream **out, struct err *err)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	int rc;

	if (!stream)
		return err_set(err, -ENOMEM, "no memory for a connection");
	*stream = (struct stream){ .loop = loop, .state = state, .fd = -1 };
	stream->task.run = stream_step;
	stream->notsent_lowat = options ? options->notsent_lowat : 0;
	stream->connect_timeout_ms = options && options->connect_timeout_ms ? options->connect_timeout_ms
									    : STREAM_CONNECT_TIMEOUT_MS;
	stream->reach_timeout_ms =
		options && options->reach_timeout_ms && options->reach_timeout_ms < stream->connect_timeout_ms
			? options->reach_timeout_ms
			: stream->connect_timeout_ms;
	outq_init(&stream->out,
		  options && options->queue_max_bytes ? options->queue_max_bytes : STREAM_QUEUE_MAX);
	if (options && options->tls) {
		rc = tls_session_new(options->tls, options->tls_server_name, stream_raw_send, stream,
				     &stream->tls, err);
		if (rc) {
			free(stream);
			return rc;
		}
	}
	*out = stream;
	return 0;
}

int stream_attach(struct stream *stream, int fd)
{
	stream->fd = fd;
	return poller_new(stream->loop, fd, stream_ready, stream, &stream->poller);
}

void stream_detach(struct stream *stream)
{
	poller_close(stream->poller);
	stream->poller = NULL;
	if (stream->fd >= 0)
		close(stream->fd);
	stream->fd = -1;
	stream->blocked = false;
}

void stream_free(struct stream *stream)
{
	tls_session_free(stream->tls);
	passage_free(stream);
	outq_done(&stream->out);
	free(stream->target);
	free(stream->peer_address);
	free(stream->local_address);
	free(stream);
}

void stream_close(struct stream *stream)
{
	if (!stream || stream->state == STREAM_CLOSED)
		return;
	if (stream->state == STREAM_DIALLING)
		dial_cancel(stream);
	stream_set_state(stream, STREAM_CLOSED);
	stream_detach(stream);
	timer_close(stream->timer);
	stream->timer = NULL;
	list_remove(&stream->loop->orphans, &stream->orphan.node);
	listener_stream_gone(stream);
	outq_done(&stream->out);
	/* The caller may be one of our own callbacks, so the memory goes later. */
	loop_post(stream->loop, &stream->task);
}

bool stream_wants_read(const struct stream *stream)
{
	switch (stream->state) {
	case STREAM_PROXYING: return true;
	case STREAM_SHAKING: return stream->turn != TURN_WAITING;
	case STREAM_OPEN: return !stream->read_ended && !stream->paused;
	case STREAM_LINGERING: return !stream->read_ended;
	default: return false;
	}
}

void stream_interest(struct stream *stream)
{
	if (stream->poller)
		poller_want(stream->poller, stream_wants_read(stream),
			    stream->blocked || stream->state == STREAM_DIALLING);
}

static void finish_late(void *ctx)
{
	stream_close(ctx);
}

static void orphan_close(struct loop_orphan *orphan)
{
	stream_close(container_of(orphan, struct stream, orphan));
}

/* From now on the stream ends by itself, in limit_ms at the latest. */
static int abandon(struct stream *stream, unsigned limit_ms)
{
	stream->finishing = true;
	stream->paused = false; /* what still comes is dropped, so that the peer is not blocked in sending */
	stream->events = (struct stream_events){ 0 };
	timer_close(stream->timer);
	stream->timer = NULL;
	if (timer_new(stream->loop, finish_late, stream, &stream->timer))
		return -ENOMEM; /* nothing would bound the wait */
	timer_start(stream->timer, limit_ms);
	stream->orphan.close = orphan_close;
	list_push(&stream->loop->orphans, &stream->orphan.node);
	return 0;
}

bool stream_linger(struct stream *stream, unsigned limit_ms)
{
	if (stream->fd < 0 || stream->read_ended || shutdown(stream->fd, SHUT_WR) < 0)
		return false;
	if (!stream->finishing && abandon(stream, limit_ms))
		return false;
	stream_set_state(stream, STREAM_LINGERING);
	stream_interest(stream);
	return true;
}

void stream_fail(struct stream *stream, const struct err *why)
{
	if (stream->state == STREAM_CLOSED)
		return;
	if (stream->state == STREAM_SHAKING && stream->listener) {
		listener_stream_refused(stream, why);
		if (stream_linger(stream, STREAM_REFUSE_MS))
			return;
	} else if (!stream->finishing && stream->events.on_closed) {
		struct stream_events events = stream->events;

		(void)stream_peer_address(stream); /* still known in the last callback */
		stream->events = (struct stream_events){ 0 };
		stream_detach(stream);
		events.on_closed(stream->ctx, why);
	}
	stream_close(stream);
}

void stream_fail_errno(struct stream *stream, int code)
{
	struct err err = { 0 };

	err_set(&err, code, "connection to %s lost: %s",
		stream->target ? stream->target : stream_peer_address(stream), strerror(-code));
	stream_fail(stream, &err);
}

/* What users call */

void stream_set_events(struct stream *stream, const struct stream_events *events, void *ctx)
{
	stream->events = *events;
	stream->ctx = ctx;
}

int stream_writev(struct stream *stream, const struct span *pieces, size_t count)
{
	int rc;

	if (stream->state > STREAM_OPEN || stream->finishing)
		return -EPIPE;
	rc = outq_add(&stream->out, pieces, count);
	if (!rc && stream->state == STREAM_OPEN && !stream->blocked && stream->out.bytes)
		loop_post(stream->loop, &stream->task);
	return rc;
}

int stream_write(struct stream *stream, struct span data)
{
	return stream_writev(stream, &data, 1);
}

int stream_write_take(struct stream *stream, char *data, size_t len)
{
	int rc;

	if (stream->state > STREAM_OPEN || stream->finishing) {
		free(data);
		return -EPIPE;
	}
	rc = outq_take(&stream->out, data, len);
	if (!rc && stream->state == STREAM_OPEN && !stream->blocked && stream->out.bytes)
		loop_post(stream->loop, &stream->task);
	return rc;
}

size_t stream_queued(const struct stream *stream)
{
	return stream->out.bytes;
}

void stream_pause(struct stream *stream)
{
	stream->paused = true;
	stream_interest(stream);
}

void stream_resume(struct stream *stream)
{
	if (!stream->paused)
		return;
	stream->paused = false;
	stream_interest(stream);
	/* What TLS has kept does not make the socket readable again. */
	if (stream->state == STREAM_OPEN && stream->tls && tls_session_has_input(stream->tls))
		loop_post(stream->loop, &stream->task);
}

void stream_finish(struct stream *stream)
{
	if (!stream || stream->state == STREAM_CLOSED || stream->finishing)
		return;
	if (abandon(stream, STREAM_FINISH_MS)) {
		stream_close(stream);
		return;
	}
	if (stream->state == STREAM_OPEN && !stream->blocked)
		loop_post(stream->loop, &stream->task);
}

static const char *remember(char **slot, const struct sockaddr_any *address, bool with_port)
{
	char text[ADDRESS_TEXT_SIZE];

	socket_text(address, with_port, text);
	*slot = span_dup(span_of(text));
	return *slot ? *slot : "";
}

const char *stream_peer_address(const struct stream *stream)
{
	/* Made on first use and kept: a cache, not a change of the stream. */
	struct stream *cache = (struct stream *)stream;
	struct sockaddr_any address = { .len = sizeof(struct sockaddr_un) };

	if (stream->peer_address)
		return stream->peer_address;
	if (stream->fd < 0 || getpeername(stream->fd, &address.sa, &address.len) < 0)
		return stream->target ? stream->target : "";
	return remember(&cache->peer_address, &address, true);
}

const char *stream_local_address(const struct stream *stream)
{
	struct stream *cache = (struct stream *)stream;
	struct sockaddr_any address = { .len = sizeof(struct sockaddr_un) };

	if (stream->local_address)
		return stream->local_address;
	if (stream->fd < 0 || getsockname(stream->fd, &address.sa, &address.len) < 0)
		return "";
	return remember(&cache->local_address, &address, false);
}

const struct tls_peer *stream_tls_peer(const struct stream *stream)
{
	return stream->tls ? tls_session_peer(stream->tls) : NULL;
}

unsigned stream_retry_after_ms(const struct stream *stream)
{
	return stream->retry_after_ms;
}

int stream_ticket_make(struct stream *stream, struct buf *out)
{
	return stream->tls && stream->state == STREAM_OPEN ? tls_session_ticket_make(stream->tls, out)
							   : -ENOTCONN;
}

int stream_ticket_take(struct stream *stream, struct span ticket)
{
	return stream->tls && stream->state == STREAM_OPEN ? tls_session_ticket_take(stream->tls, ticket)
							   : -ENOTCONN;
}

int stream_peer_uid(const struct stream *stream, unsigned *out_uid)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct sockaddr_any address = { .len = sizeof(struct sockaddr_un) };

	if (stream->fd < 0)
		return -ENOTCONN;
	if (getsockname(stream->fd, &address.sa, &address.len) < 0)
		return -errno;
	if (address.sa.sa_family != AF_UNIX)
		return -ENOTSUP;
	if (getsockopt(stream->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	*out_uid = cred.uid;
	return 0;
}

uint64_t stream_bytes_in(const struct stream *stream)
{
	return stream->bytes_in;
}

uint64_t stream_bytes_out(const struct stream *stream)
{
	return stream->bytes_out;
}
