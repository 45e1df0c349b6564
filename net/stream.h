/* stream: a byte stream bound to a loop: TCP or unix socket, plain or under TLS. One vtable inside;
 * users see no difference.
 *
 * Owner: whoever opened or accepted it. Callbacks come from the loop only, never from inside a call
 * on the stream. Exactly one terminal callback, on_closed, unless stream_close() came first, after
 * which none comes at all. Reading may be paused; writing is bounded. */
#ifndef HOLDFAST_NET_STREAM_H
#define HOLDFAST_NET_STREAM_H

#include "net/loop.h"

struct stream;
struct handshakes_options;
struct proxy;
struct tls_context;
struct tls_peer;

struct stream_events {
	/* Connected, TLS handshake done. Not for accepted streams: they start open. */
	void (*on_open)(void *ctx);
	void (*on_data)(void *ctx, struct span data); /* borrowed for the call */
	/* The queue of unsent bytes has become empty: choose the next record now. */
	void (*on_drain)(void *ctx);
	/* The peer will send no more but may still read (a half-close); writing goes on until stream_finish or stream_close.
	 * NULL: the peer's end is the end of the stream, reported through on_closed. */
	void (*on_eof)(void *ctx);
	/* The end: 0 after a clean close by the peer (under TLS one that said so: a bare end of the connection is
	 * -ECONNRESET), else negative errno with a sentence. The stream is freed after it returns. */
	void (*on_closed)(void *ctx, const struct err *why);
};

struct stream_options {
	size_t queue_max_bytes;	     /* unsent bytes held for a slow peer; 0: STREAM_QUEUE_MAX */
	unsigned connect_timeout_ms; /* connect and handshake together; 0: STREAM_CONNECT_TIMEOUT_MS */
	/* Of that, until the other end (through the proxy, if any) has answered at all: short where there are others to try. 0: all. */
	unsigned reach_timeout_ms;
	struct proxy *
		proxy; /* clients: the way to HOST:PORT, unless it exempts that host. NULL: directly. See net/proxy.h */
	/* TCP_NOTSENT_LOWAT in bytes; 0: the system's. Small values let the sender choose late. */
	int notsent_lowat;
	/* Listeners: the budget of full handshakes; copied. NULL: without limit, in turns. See net/handshakes.h. */
	const struct handshakes_options *handshakes;
	struct tls_context *tls;     /* NULL: plain */
	const char *tls_server_name; /* client: SNI, and the name verified; required with tls */
};
#define STREAM_QUEUE_MAX (4u * 1024 * 1024)
#define STREAM_CONNECT_TIMEOUT_MS 10000u

/* "HOST:PORT" (also "[v6]:PORT"; names are resolved off the loop) or "unix:///path". Reports through on_open or on_closed.
 * -EINVAL: not an address. */
int stream_connect(struct loop *loop, const char *address, const struct stream_options *options,
		   const struct stream_events *events, void *ctx, struct stream **out,
		   struct err *err) must_check;

struct listener;
struct listener_events {
	/* A connection, TLS handshake (if any) done. Call stream_set_events on it now, or stream_close. */
	void (*on_accept)(void *ctx, struct stream *stream);
	/* A connection that never reached on_accept: its TLS handshake failed or took too long, or the process is out of
	 * descriptors or memory (peer_address "" then). For the log; floods are the caller's to limit. May be NULL. */
	void (*on_refused)(void *ctx, const char *peer_address, const struct err *why);
};
/* Accepts with options->tls as a server. At most `max` connections at once, handshakes included; more wait in the kernel.
 * Port 0 picks one: see listener_address. A stale unix socket file is replaced; mode 0600. */
int listener_new(struct loop *loop, const char *address, const struct stream_options *options, size_t max,
		 const struct listener_events *events, void *ctx, struct listener **out,
		 struct err *err) must_check;
/* "HOST:PORT" as bound, or "unix:///path". */
const char *listener_address(const struct listener *listener);
/* Connections now, handshakes included. */
size_t listener_count(const struct listener *listener);
/* From the next connection on; those there are, handshakes under way included, keep what they began with. A plain listener stays
 * plain. */
void listener_set_tls(struct listener *listener, struct tls_context *tls);
void listener_close(struct listener *listener);
/* Handshakes that succeeded, and connections that were told to come back later. */
struct listener_stats {
	uint64_t full, resumed, deferred;
};
void listener_stats(const struct listener *listener, struct listener_stats *out);

void stream_set_events(struct stream *stream, const struct stream_events *events, void *ctx);
/* Copies into the queue; -EAGAIN when it would pass its maximum (nothing is taken then), -EPIPE after the end. */
int stream_write(struct stream *stream, struct span data) must_check;
/* The same for several pieces, all or nothing. */
int stream_writev(struct stream *stream, const struct span *pieces, size_t count) must_check;
/* Takes malloc'ed bytes without copying, whatever their number (freed also on failure). For answers bounded by their maker,
 * such as one HTTP body. -EPIPE, -ENOMEM. */
int stream_write_take(struct stream *stream, char *data, size_t len) must_check;
size_t stream_queued(const struct stream *stream); /* bytes not yet handed to the kernel */
/* No on_data until resumed: the kernel's window holds the peer back. */
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);
/* Drops what is queued; no callback follows. NULL is fine. */
void stream_close(struct stream *stream);
/* Sends what is queued, then closes (bounded by a few seconds); no callback follows. NULL is fine. */
void stream_finish(struct stream *stream);
const char *stream_peer_address(const struct stream *stream); /* "HOST:PORT", or "unix" */
/* Host part only: the address a route to the peer uses. */
const char *stream_local_address(const struct stream *stream);
/* Who the peer proved to be; NULL on plain streams. Valid as long as the stream. See net/tls.h. */
const struct tls_peer *stream_tls_peer(const struct stream *stream);
/* In on_closed: the peer had no time for a handshake and asked to come back after so long; 0: it did not. Nobody vouches for it. */
unsigned stream_retry_after_ms(const struct stream *stream);
/* A ticket ends long before a good connection does: the server's end can make another for the same session at any time, which
 * travels inside the connection; the client's end takes it in place of its own. -ENOTCONN without TLS; see net/tls_session.h. */
int stream_ticket_make(struct stream *stream, struct buf *out) must_check;
int stream_ticket_take(struct stream *stream, struct span ticket) must_check;
/* SO_PEERCRED of a unix stream; -ENOTSUP on others. */
int stream_peer_uid(const struct stream *stream, unsigned *out_uid) must_check;
/* On the wire, TLS overhead included. */
uint64_t stream_bytes_in(const struct stream *stream);
uint64_t stream_bytes_out(const struct stream *stream);

#endif
