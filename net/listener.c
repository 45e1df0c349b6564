/* Accepting: a listening socket, the handshakes under way, and the count of what was accepted. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/later.h"
#include "net/stream_impl.h"
#include "net/tls.h"
#include "net/turns.h"

#define ACCEPT_ROUNDS 64u    /* for one readiness: others want their turn */
#define ACCEPT_RETRY_MS 100u /* when the process is out of descriptors */
struct listener {
	struct loop *loop;
	int fd;
	struct poller *poller;
	struct timer *retry;
	struct stream_options options; /* with a reference on its tls */
	struct listener_events events;
	void *ctx;
	size_t max, count;
	struct list shaking;
	struct turns turns;	 /* of the shaking */
	bool closed;		 /* freed when the last of its connections has gone */
	bool out_of_descriptors; /* the retry timer is set */
	char address[ADDRESS_TEXT_SIZE];
	char path[ADDRESS_PATH_SIZE];
};

static void refused(struct listener *listener, const char *peer_address, const struct err *why)
{
	if (!listener->closed && listener->events.on_refused)
		listener->events.on_refused(listener->ctx, peer_address, why);
}

static void listen_interest(struct listener *listener)
{
	if (!listener->closed)
		poller_want(listener->poller,
			    listener->count < listener->max && !listener->out_of_descriptors, false);
}

static void listener_free(struct listener *listener)
{
	if (!listener->closed || listener->count)
		return;
	tls_unref(listener->options.tls);
	free(listener);
}

/* Handshakes */

/* Said before any cryptography; then both sides close. */
static void send_away(struct stream *stream, unsigned retry_after_ms)
{
	char record[LATER_SIZE];

	later_write(retry_after_ms, record);
	turns_end(&stream->listener->turns, stream);
	if (stream_raw_send(stream, record, sizeof(record)) != (ssize_t)sizeof(record) ||
	    !stream_linger(stream, STREAM_REFUSE_MS))
		stream_close(stream);
}

bool listener_hears(struct stream *stream)
{
	struct listener *listener = stream->listener;
	unsigned retry_after_ms = 0;
	struct err err = { 0 };

	if (!listener)
		return true;
	switch (turns_hear(&listener->turns, stream, &retry_after_ms)) {
	case TURNS_GO: return true;
	case TURNS_LATER: send_away(stream, retry_after_ms); return false;
	case TURNS_BAD:
		err_set(&err, -EPROTO, "TLS with %s: not understood, is this TLS?",
			stream_peer_address(stream));
		stream_fail(stream, &err);
		return false;
	case TURNS_MORE:
	case TURNS_WAIT: break;
	}
	if (tls_session_keep(stream->tls))
		stream_fail_errno(stream, -ENOMEM);
	return false;
}

void listener_stream_gone(struct stream *stream)
{
	struct listener *listener = stream->listener;

	if (!listener)
		return;
	stream->listener = NULL;
	list_remove(&listener->shaking, &stream->node);
	turns_end(&listener->turns, stream);
	listener->count--;
	listen_interest(listener);
	listener_free(listener);
}

void listener_stream_shaken(struct stream *stream)
{
	struct listener *listener = stream->listener;

	list_remove(&listener->shaking, &stream->node);
	if (tls_session_used_ticket(stream->tls))
		listener->turns.stats.resumed++;
	else
		listener->turns.stats.full++;
	turns_end(&listener->turns, stream);
	listener->events.on_accept(listener->ctx, stream);
}

void listener_stream_refused(struct stream *stream, const struct err *why)
{
	turns_end(&stream->listener->turns, stream);
	refused(stream->listener, stream_peer_address(stream), why);
}

static void handshake_late(void *ctx)
{
	struct stream *stream = ctx;
	struct err err = { 0 };

	err_set(&err, -ETIMEDOUT, "TLS handshake with %s took longer than %u ms", stream_peer_address(stream),
		stream->connect_timeout_ms);
	stream_fail(stream, &err);
}

/* A stream around an accepted socket, counted; the socket is closed on failure. */
static int adopt(struct listener *listener, int fd, struct stream **out, struct err *err)
{
	struct stream *stream;
	int rc = stream_new(listener->loop, &listener->options,
			    listener->options.tls ? STREAM_SHAKING : STREAM_OPEN, &stream, err);

	if (rc) {
		close(fd);
		return rc;
	}
	rc = stream_attach(stream, fd);
	if (!rc && listener->options.tls)
		rc = timer_new(listener->loop, handshake_late, stream, &stream->timer);
	if (rc) {
		stream_close(stream);
		return err_set(err, rc, "watching an accepted connection: %s", strerror(-rc));
	}
	stream->listener = listener;
	listener->count++;
	*out = stream;
	return 0;
}

static void welcome(struct listener *listener, int fd, const struct sockaddr_any *peer)
{
	struct stream *stream = NULL;
	struct err err = { 0 };
	char text[ADDRESS_TEXT_SIZE];

	if (adopt(listener, fd, &stream, &err)) {
		socket_text(peer, true, text);
		refused(listener, text, &err);
		return;
	}
	if (listener->options.tls) {
		list_push(&listener->shaking, &stream->node);
		timer_start(stream->timer, stream->connect_timeout_ms);
	} else {
		listener->events.on_accept(listener->ctx, stream);
	}
	stream_interest(stream);
}

static void wait_for_descriptor(struct listener *listener, int code)
{
	struct err err = { 0 };

	listener->out_of_descriptors = true;
	timer_start(listener->retry, ACCEPT_RETRY_MS);
	err_set(&err, code, "accepting on %s: %s", listener->address, strerror(-code));
	refused(listener, "", &err);
}

static void listen_ready(void *ctx, bool readable, bool writable)
{
	struct listener *listener = ctx;

	listener->count++; /* keeps the listener while its callbacks may close it */
	for (unsigned round = 0; round < ACCEPT_ROUNDS && !listener->closed; round++) {
		struct sockaddr_any peer;
		int fd;

		if (listener->count > listener->max)
			break;
		fd = socket_accept(listener->fd, &peer);
		if (fd == -EAGAIN)
			break;
		if (fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS || fd == -ENOMEM) {
			wait_for_descriptor(listener, fd);
			break;
		}
		/* Else: a connection that broke before we got to it. */
		if (fd >= 0)
			welcome(listener, fd, &peer);
	}
	listener->count--;
	listen_interest(listener);
	listener_free(listener);
}

static void retry_due(void *ctx)
{
	struct listener *listener = ctx;

	listener->out_of_descriptors = false;
	listen_interest(listener);
}

static int listener_open(struct listener *listener, const struct address *address, struct err *err)
{
	struct sockaddr_any at, bound = { .len = sizeof(struct sockaddr_un) };
	int rc = socket_address(address, &at);

	if (rc == -ENOMEM)
		return err_set(err, rc, "no memory for a listener");
	if (rc)
		return err_set(err, -EINVAL,
			       "listening on \"%s\": the host must be an IP address of this machine",
			       address->host);
	rc = socket_listen(&at, &listener->fd, err);
	if (rc)
		return rc;
	if (address->is_unix)
		memcpy(listener->path, address->path, sizeof(listener->path));
	/* What is set here is inherited by every connection accepted. */
	socket_tune(listener->fd, listener->options.notsent_lowat);
	if (getsockname(listener->fd, &bound.sa, &bound.len) < 0)
		return err_set(err, -errno, "asking for the bound address: %s", strerror(errno));
	if (address->is_unix)
		snprintf(listener->address, sizeof(listener->address), "unix://%s", address->path);
	else
		socket_text(&bound, true, listener->address);
	rc = poller_new(listener->loop, listener->fd, listen_ready, listener, &listener->poller);
	if (!rc)
		rc = timer_new(listener->loop, retry_due, listener, &listener->retry);
	if (!rc)
		rc = turns_init(&listener->turns, listener->loop, listener->options.handshakes);
	listener->options.handshakes = NULL; /* copied */
	return rc ? err_set(err, rc, "watching %s: %s", listener->address, strerror(-rc)) : 0;
}

int listener_new(struct loop *loop, const char *text, const struct stream_options *options, size_t max,
		 const struct listener_events *events, void *ctx, struct listener **out, struct err *err)
{
	struct address address;
	struct listener *listener;
	int rc = address_parse(span_of(text), &address, err);

	if (rc)
		return rc;
	listener = calloc(1, sizeof(*listener));
	if (!listener)
		return err_set(err, -ENOMEM, "no memory for a listener");
	*listener = (struct listener){ .loop = loop, .fd = -1, .events = *events, .ctx = ctx, .max = max };
	if (options)
		listener->options = *options;
	listener->options.tls_server_name = NULL;
	if (listener->options.tls)
		tls_ref(listener->options.tls);
	list_init(&listener->shaking);
	rc = listener_open(listener, &address, err);
	if (rc) {
		listener_close(listener);
		return rc;
	}
	listen_interest(listener);
	*out = listener;
	return 0;
}

const char *listener_address(const struct listener *listener)
{
	return listener->address;
}

void listener_stats(const struct listener *listener, struct listener_stats *out)
{
	*out = listener->turns.stats;
}

size_t listener_count(const struct listener *listener)
{
	return listener->count;
}

void listener_set_tls(struct listener *listener, struct tls_context *tls)
{
	if (!listener->options.tls)
		return;
	tls_ref(tls);
	tls_unref(listener->options.tls);
	listener->options.tls = tls;
}

void listener_close(struct listener *listener)
{
	if (!listener || listener->closed)
		return;
	listener->closed = true;
	poller_close(listener->poller);
	timer_close(listener->retry);
	turns_done(&listener->turns);
	if (listener->fd >= 0)
		close(listener->fd);
	if (listener->path[0])
		(void)unlink(listener->path); /* gone already is as good */
	listener->count++;		      /* not freed by the last of these */
	list_for_each(&listener->shaking, node)
		stream_close(container_of(node, struct stream, node));
	listener->count--;
	listener_free(listener);
}
