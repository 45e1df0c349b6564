/* How bytes move: handshakes, reading, writing, and what readiness of the socket leads to. */
#include <errno.h>
#include <sys/uio.h>

#include "net/later.h"
#include "net/stream_impl.h"

#define READ_ROUNDS 4u		   /* recv calls for one readiness: others want their turn */
#define FLUSH_BUDGET (256u * 1024) /* bytes sent in one go, likewise */
#define SEND_PIECES 16u

ssize_t stream_raw_send(void *ctx, const void *data, size_t len)
{
	struct stream *stream = ctx;
	ssize_t n = send(stream->fd, data, len, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	stream->bytes_out += (uint64_t)n;
	return n;
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
		stream_fail_errno(stream, -ENOMEM);
}

/* Client: the first bytes are either TLS or a server that has no time for it. */
static bool server_is_ready(struct stream *stream)
{
	struct err err = { 0 };
	unsigned retry_after_ms = 0;
	int rc;

	if (stream->heard)
		return true;
	rc = later_read(tls_session_input(stream->tls), &retry_after_ms);
	stream->heard = rc == -EBADMSG;
	if (rc == -EAGAIN && tls_session_keep(stream->tls)) {
		stream_fail_errno(stream, -ENOMEM);
	} else if (!rc) {
		stream->retry_after_ms = retry_after_ms ? retry_after_ms : 1;
		err_set(&err, -EBUSY, "%s is busy and asks to come back in %u ms", stream->target,
			stream->retry_after_ms);
		stream_fail(stream, &err);
	}
	return stream->heard;
}

static void bytes_came(struct stream *stream, struct span bytes)
{
	if (stream->state == STREAM_PROXYING) {
		size_t used = passage_receive(stream, bytes);

		bytes = span_make(bytes.ptr + used, bytes.len - used);
		if (!bytes.len || stream->state == STREAM_CLOSED)
			return;
	}
	if (stream->state == STREAM_LINGERING)
		return;
	if (!stream->tls) {
		deliver(stream, bytes);
		return;
	}
	if (tls_session_feed(stream->tls, bytes)) {
		stream_fail_errno(stream, -ENOMEM);
		return;
	}
	if (stream->state == STREAM_SHAKING) {
		if (!(stream->listener ? listener_hears(stream) : server_is_ready(stream)))
			return;
		stream_shake(stream);
	}
	if (stream->state == STREAM_OPEN)
		read_decrypted(stream);
	else if (stream->state == STREAM_SHAKING && tls_session_keep(stream->tls))
		stream_fail_errno(stream, -ENOMEM);
}

static void end_of_socket(struct stream *stream)
{
	struct err err = { 0 };

	if (stream->state == STREAM_PROXYING) {
		err_set(&err, -ECONNRESET, "the proxy %s closed the connection without an answer",
			passage_proxy_address(stream));
		stream_fail(stream, &err);
		return;
	}
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
			stream_fail_errno(stream, -errno);
			return;
		}
		if (n == 0) {
			end_of_socket(stream);
			return;
		}
		stream->bytes_in += (uint64_t)n;
		bytes_came(stream, span_make(stream->loop->read_buf, (size_t)n));
		if ((size_t)n < LOOP_READ_SIZE || stream->state == STREAM_CLOSED || stream->paused ||
		    !stream_wants_read(stream))
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
	if (rc || !stream_linger(stream, STREAM_FINISH_MS))
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
				stream_fail_errno(stream, (int)n);
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

void stream_ready(void *ctx, bool readable, bool writable)
{
	struct stream *stream = ctx;

	if (stream->state == STREAM_DIALLING) {
		if (writable || readable)
			dial_ready(stream);
		return;
	}
	if (writable && stream->state == STREAM_PROXYING && stream->blocked)
		passage_send(stream);
	if (writable && stream->state == STREAM_SHAKING)
		stream_shake(stream);
	if (writable && stream->state == STREAM_OPEN && stream->blocked)
		flush(stream);
	if (readable && stream_wants_read(stream))
		read_socket(stream);
	if (stream->state != STREAM_CLOSED)
		stream_interest(stream);
}

void stream_step(struct loop_task *task)
{
	struct stream *stream = container_of(task, struct stream, task);

	if (stream->state == STREAM_CLOSED) {
		stream_free(stream);
		return;
	}
	if (stream->state == STREAM_DIALLING)
		dial_step(stream);
	if (stream->state == STREAM_SHAKING && stream->turn == TURN_TAKEN &&
	    tls_session_has_input(stream->tls))
		stream_shake(stream);
	if (stream->state != STREAM_OPEN)
		return;
	if (stream->tls && can_deliver(stream) && tls_session_has_input(stream->tls))
		read_decrypted(stream);
	if (stream->state == STREAM_OPEN && !stream->blocked)
		flush(stream);
	else if (stream->state == STREAM_OPEN)
		stream_interest(stream);
}
