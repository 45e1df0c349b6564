#include "net/stream.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "net/stream_impl.h"

#define READ_ROUNDS 4u             /* recv calls for one readiness: others want their turn */
#define FLUSH_BUDGET (256u * 1024) /* bytes sent in one go, likewise */
#define SEND_PIECES 16u

static void stream_step(struct loop_task *task);
static void stream_ready(void *ctx, bool readable, bool writable);

/* Life */

static bool is_legal(enum stream_state from, enum stream_state to)
{
	static const unsigned legal[] = {
		[STREAM_DIALLING] = 1u << STREAM_SHAKING | 1u << STREAM_OPEN | 1u << STREAM_CLOSED,
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

static ssize_t raw_send(void *ctx, const void *data, size_t len)
{
	struct stream *stream = ctx;
	ssize_t n = send(stream->fd, data, len, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	stream->bytes_out += (uint64_t)n;
	return n;
}

int stream_new(struct loop *loop, const struct stream_options *options, enum stream_state state, struct stream **out,
	       struct err *err)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	int rc;

	if (!stream)
		return err_set(err, -ENOMEM, "no memory for a connection");
	*stream = (struct stream){ .loop = loop, .state = state, .fd = -1 };
	stream->task.run = stream_step;
	stream->notsent_lowat = options ? options->notsent_lowat : 0;
	stream->connect_timeout_ms = options && options->connect_timeout_ms ? options->connect_timeout_ms :
									      STREAM_CONNECT_TIMEOUT_MS;
	outq_init(&stream->out, options && options->queue_max_bytes ? options->queue_max_bytes : STREAM_QUEUE_MAX);
	if (options && options->tls) {
		rc = tls_session_new(options->tls, options->tls_server_name, raw_send, stream, &stream->tls, err);
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

static void stream_free(struct stream *stream)
{
	tls_session_free(stream->tls);
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

static bool wants_read(const struct stream *stream)
{
	switch (stream->state) {
	case STREAM_SHAKING:
		return true;
	case STREAM_OPEN:
		return !stream->read_ended && !stream->paused;
	case STREAM_LINGERING:
		return !stream->read_ended;
	default:
		return false;
	}
}

void stream_interest(struct stream *stream)
{
	if (stream->poller)
		poller_want(stream->poller, wants_read(stream), stream->blocked || stream->state == STREAM_DIALLING);
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

/* Closes our side and waits for the peer's; false when there is nothing to wait for. */
static bool linger(struct stream *stream, unsigned limit_ms)
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
		if (linger(stream, STREAM_REFUSE_MS))
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

static void fail_errno(struct stream *stream, int code)
{
	struct err err = { 0 };

	err_set(&err, code, "connection to %s lost: %s", stream->target ? stream->target : stream_peer_address(stream),
		strerror(-code));
	stream_fail(stream, &err);
}

/* Opening */

static void stream_opened(struct stream *stream)
{
	timer_close(stream->timer);
	stream->timer = NULL;
	stream_set_state(stream, STREAM_OPEN);
	if (stream->listener)
		listener_stream_shaken(stream);
	else if (stream->events.on_open)
		stream->events.on_open(stream->ctx);
	if (stream->state == STREAM_CLOSED)
		return;
	if (stream->out.bytes || stream->finishing || (stream->tls && tls_session_has_input(stream->tls)))
		loop_post(stream->loop, &stream->task);
	stream_interest(stream);
}

static void shake_failed(struct stream *stream, struct err *err)
{
	err_wrap(err, "TLS with %s", stream->target ? stream->target : stream_peer_address(stream));
	stream_fail(stream, err);
}

static void stream_shake(struct stream *stream)
{
	struct err err = { 0 };
	int rc = tls_session_shake(stream->tls, &err);

	stream->blocked = rc == -EAGAIN && tls_session_wants_write(stream->tls);
	if (!rc)
		stream_opened(stream);
	else if (rc == -EAGAIN)
		stream_interest(stream);
	else
		shake_failed(stream, &err);
}

void stream_connected(struct stream *stream)
{
	if (!stream->tls) {
		stream_opened(stream);
		return;
	}
	stream_set_state(stream, STREAM_SHAKING);
	stream_shake(stream);
}

/* Reading */

static void peer_ended(struct stream *stream)
{
	struct err none = { 0 };

	stream->read_ended = true;
	if (stream->finishing && stream->state == STREAM_OPEN) {
		stream_interest(stream); /* what is queued may still be wanted: a peer may half-close */
	} else if (stream->state == STREAM_OPEN && stream->events.on_eof) {
		stream_interest(stream);
		stream->events.on_eof(stream->ctx);
	} else {
		stream_fail(stream, &none);
	}
}

static bool can_deliver(const struct stream *stream)
{
	return stream->state == STREAM_OPEN && !stream->paused && !stream->read_ended;
}

static void deliver(struct stream *stream, struct span data)
{
	if (!stream->finishing && stream->events.on_data)
		stream->events.on_data(stream->ctx, data);
}

/* Hands on what the TLS session can decrypt by now. */
static void read_decrypted(struct stream *stream)
{
	struct err err = { 0 };
	ssize_t n;

	while (can_deliver(stream)) {
		n = tls_session_read(stream->tls, stream->loop->plain_buf, LOOP_PLAIN_SIZE, &err);
		if (n > 0) {
			deliver(stream, span_make(stream->loop->plain_buf, (size_t)n));
			continue;
		}
		if (n == 0)
			peer_ended(stream);
		else if (n != -EAGAIN)
			stream_fail(stream, &err);
		return;
	}
	/* Paused with ciphertext in the shared buffer: set it aside until resumed. */
	if (stream->state == STREAM_OPEN && tls_session_keep(stream->tls))
		fail_errno(stream, -ENOMEM);
}

static void bytes_came(struct stream *stream, struct span bytes)
{
	stream->bytes_in += bytes.len;
	if (stream->state == STREAM_LINGERING)
		return;
	if (!stream->tls) {
		deliver(stream, bytes);
		return;
	}
	if (tls_session_feed(stream->tls, bytes)) {
		fail_errno(stream, -ENOMEM);
		return;
	}
	if (stream->state == STREAM_SHAKING)
		stream_shake(stream);
	if (stream->state == STREAM_OPEN)
		read_decrypted(stream);
	else if (stream->state == STREAM_SHAKING && tls_session_keep(stream->tls))
		fail_errno(stream, -ENOMEM);
}

static void end_of_socket(struct stream *stream)
{
	struct err err = { 0 };

	if (stream->tls && stream->state != STREAM_LINGERING) {
		err_set(&err, -ECONNRESET, "%s closed the connection %s",
			stream->target ? stream->target : stream_peer_address(stream),
			stream->state == STREAM_SHAKING ? "during the TLS handshake" : "without ending TLS");
		stream_fail(stream, &err);
		return;
	}
	peer_ended(stream);
}

static void read_socket(struct stream *stream)
{
	for (unsigned round = 0; round < READ_ROUNDS; round++) {
		ssize_t n = recv(stream->fd, stream->loop->read_buf, LOOP_READ_SIZE, 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			fail_errno(stream, -errno);
			return;
		}
		if (n == 0) {
			end_of_socket(stream);
			return;
		}
		bytes_came(stream, span_make(stream->loop->read_buf, (size_t)n));
		if ((size_t)n < LOOP_READ_SIZE || stream->state == STREAM_CLOSED || stream->paused)
			return;
	}
}

/* Writing */

static ssize_t send_some(struct stream *stream, struct err *err)
{
	struct span pieces[SEND_PIECES];
	struct iovec iov[SEND_PIECES];
	struct msghdr msg = { .msg_iov = iov };
	ssize_t n;

	if (stream->tls)
		return tls_session_write(stream->tls, outq_front(&stream->out), err);
	msg.msg_iovlen = outq_peek(&stream->out, pieces, SEND_PIECES);
	for (size_t i = 0; i < msg.msg_iovlen; i++)
		iov[i] = (struct iovec){ .iov_base = (char *)pieces[i].ptr, .iov_len = pieces[i].len };
	n = sendmsg(stream->fd, &msg, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? -EAGAIN : -errno;
	stream->bytes_out += (uint64_t)n;
	return n;
}

/* Everything is with the kernel: close our side, and wait for the peer's. */
static void finish_sent(struct stream *stream)
{
	int rc = stream->tls ? tls_session_bye(stream->tls) : 0;

	if (rc == -EAGAIN) {
		stream->blocked = true;
		stream_interest(stream);
		return;
	}
	if (rc || !linger(stream, STREAM_FINISH_MS))
		stream_close(stream);
}

/* Sends until the queue is empty, the kernel is full or the turn is over. False when the stream has ended. */
static bool flush_queue(struct stream *stream, size_t *budget)
{
	while (stream->out.bytes && *budget) {
		struct err err = { 0 };
		ssize_t n = send_some(stream, &err);

		if (n == -EAGAIN) {
			stream->blocked = true;
			break;
		}
		if (n < 0) {
			if (err.code)
				stream_fail(stream, &err);
			else
				fail_errno(stream, (int)n);
			return false;
		}
		outq_consume(&stream->out, (size_t)n);
		*budget -= (size_t)n < *budget ? (size_t)n : *budget;
	}
	return true;
}

static void flush(struct stream *stream)
{
	size_t budget = FLUSH_BUDGET;
	bool had = stream->out.bytes > 0;

	stream->blocked = false;
	while (had && budget) {
		if (!flush_queue(stream, &budget))
			return;
		if (stream->out.bytes || stream->finishing)
			break;
		/* All is with the kernel: the owner may choose what comes next, and does so in here. */
		if (stream->events.on_drain)
			stream->events.on_drain(stream->ctx);
		if (stream->state != STREAM_OPEN)
			return;
		had = stream->out.bytes > 0;
	}
	if (stream->out.bytes && !stream->blocked)
		loop_post(stream->loop, &stream->task);
	if (!stream->out.bytes && stream->finishing)
		finish_sent(stream);
	else
		stream_interest(stream);
}

/* Events */

static void stream_ready(void *ctx, bool readable, bool writable)
{
	struct stream *stream = ctx;

	if (stream->state == STREAM_DIALLING) {
		if (writable || readable)
			dial_ready(stream);
		return;
	}
	if (writable && stream->state == STREAM_SHAKING)
		stream_shake(stream);
	if (writable && stream->state == STREAM_OPEN && stream->blocked)
		flush(stream);
	if (readable && wants_read(stream))
		read_socket(stream);
	if (stream->state != STREAM_CLOSED)
		stream_interest(stream);
}

static void stream_step(struct loop_task *task)
{
	struct stream *stream = container_of(task, struct stream, task);

	if (stream->state == STREAM_CLOSED) {
		stream_free(stream);
		return;
	}
	if (stream->state == STREAM_DIALLING)
		dial_step(stream);
	if (stream->state != STREAM_OPEN)
		return;
	if (stream->tls && can_deliver(stream) && tls_session_has_input(stream->tls))
		read_decrypted(stream);
	if (stream->state == STREAM_OPEN && !stream->blocked)
		flush(stream);
	else if (stream->state == STREAM_OPEN)
		stream_interest(stream);
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
