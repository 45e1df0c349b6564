/* http: an HTTP/1.1 server (RFC 9112) on a listener, and a small client. llhttp or http-parser inside.
 *
 * Server: a request reaches the handler whole (body included, bounded); the answer may be whole or
 * streamed, and streaming says when to wait. The handler holds the exchange until it has ended it (http_respond,
 * http_respond_end, http_respond_abort), from inside on_request or later. If the client goes away first, on_gone is
 * called once and the exchange is invalid after it returns; without an on_gone the exchange stays and swallows the answer.
 * Malformed, oversized or slow requests are answered (400, 413, 414, 431, 408) or cut here and never reach the handler.
 * HEAD, keep-alive, pipelining (answered in order), Expect: 100-continue, chunked bodies in both directions. */
#ifndef HOLDFAST_NET_HTTP_H
#define HOLDFAST_NET_HTTP_H

#include "net/stream.h"

#define HTTP_HEADERS_MAX 64u
#define HTTP_HEADER_BYTES_MAX (32u * 1024)
#define HTTP_BODY_MAX (3u * 1024 * 1024)
#define HTTP_STREAM_FULL (64u * 1024) /* unsent bytes of one answer from which http_respond_write says 1 */
#define HTTP_PIECES_MAX 16u	      /* of one http_respond_write */
#define HTTP_ANSWER_MAX (64u * 1024 * 1024)	   /* what the client takes */
#define HTTP_REQUEST_BYTES_MAX (64u * 1024 * 1024) /* bodies held by one server at once: 503 beyond */

struct http_header {
	struct span name, value;
};
struct http_request {
	struct span method, target; /* target as sent, "/api/v1/pods?limit=5" */
	struct span path;	    /* before '?', still percent-encoded */
	struct span query;	    /* after '?', still encoded, "" without */
	const struct http_header *headers;
	size_t header_count;
	struct span body;
	const struct tls_peer *peer; /* NULL on plain connections, and after the client has gone */
	const char *peer_address;    /* "" after the client has gone */
	int peer_uid;		     /* of the process on a unix socket, -1 otherwise */
};
/* Case-insensitive; ptr NULL when absent. */
struct span http_header(const struct http_request *request, const char *name);
/* Decodes %XX (and '+' when `form`). -EINVAL. */
int http_unescape(struct span text, bool form, struct buf *out) must_check;
/* Walks "a=1&b=2" from *cursor 0: decodes the next pair ('+' is a blank) into the two buffers, reset first. 0, -ENOENT at
 * the end, -EINVAL (the walk may go on behind the bad pair), -EMSGSIZE. */
int http_query_next(struct span query, size_t *cursor, struct buf *key, struct buf *value) must_check;

struct http_exchange;
struct http_server;
struct http_server_events {
	/* The request is valid until the exchange ends. Answer now or later. */
	void (*on_request)(void *ctx, struct http_exchange *exchange, const struct http_request *request);
	/* As of a listener: a connection that ended before its first request, mostly in the TLS handshake. May be NULL. */
	void (*on_refused)(void *ctx, const char *peer_address, const struct err *why);
	/* Words an answer that never reaches on_request (400, 408, 413 ...) in the form of the others: appends its body
	 * and returns the content type. NULL, or returning NULL: a line of plain text. */
	const char *(*word_refusal)(void *ctx, int status, const char *reason, struct buf *body);
};
struct http_server_options {
	struct stream_options stream;
	size_t connections_max; /* 0: 1024 */
	/* For a whole head, between requests, and without progress in a body or in what the client takes; 0: 60 s.
	 * How long a handler takes is its own affair. */
	unsigned idle_timeout_ms;
	size_t body_max; /* 0: HTTP_BODY_MAX */
};
int http_server_new(struct loop *loop, const char *address, const struct http_server_options *options,
		    const struct http_server_events *events, void *ctx, struct http_server **out,
		    struct err *err) must_check;
const char *http_server_address(const struct http_server *server);
size_t http_server_connections(const struct http_server *server);
void http_server_set_tls(struct http_server *server, struct tls_context *tls); /* as listener_set_tls */
/* Stops listening, lets answers under way finish for at most grace_ms, then closes the rest; on_closed may be NULL. */
void http_server_close(struct http_server *server, unsigned grace_ms, void (*on_closed)(void *ctx),
		       void *ctx);

void http_exchange_on_gone(struct http_exchange *exchange, void (*on_gone)(void *ctx), void *ctx);
/* Whole answer; `headers` (may be NULL) go out beside Content-Type (NULL: none), Content-Length and Date. Ends the exchange.
 * A header with a line end in it turns the answer into a 500. */
void http_respond(struct http_exchange *exchange, int status, const char *content_type,
		  const struct http_header *headers, size_t header_count, struct span body);
/* The same, taking the memory of *body (left empty) instead of copying it: for large answers. */
void http_respond_take(struct http_exchange *exchange, int status, const char *content_type,
		       const struct http_header *headers, size_t header_count, struct buf *body);
/* Streamed answer (chunked): begin, write..., end. */
void http_respond_begin(struct http_exchange *exchange, int status, const char *content_type,
			const struct http_header *headers, size_t header_count);
/* One chunk of these pieces. 0: taken; 1: taken, and the connection is now full: wait for on_drain before the next;
 * -EAGAIN: not taken, a caller who did not wait has filled the connection's queue; -EPIPE: the client has gone. */
int http_respond_write(struct http_exchange *exchange, const struct span *pieces, size_t count) must_check;
void http_exchange_on_drain(struct http_exchange *exchange, void (*on_drain)(void *ctx), void *ctx);
void http_respond_end(struct http_exchange *exchange);
/* Cuts the connection without ending the answer: the client must not take it for whole. */
void http_respond_abort(struct http_exchange *exchange);

/* Client: one request on its own connection; the whole answer up to HTTP_ANSWER_MAX. Used by the command-line verbs and
 * tests. "Host" is options->tls_server_name, else the address. Exactly one on_answer, from the loop;
 * it cannot be cancelled: one still under way when the loop is freed ends then, with -ECANCELED. */
struct http_client_answer {
	int status; /* 0: no answer, see err */
	struct span content_type, body;
	struct err err;
};
int http_client_request(struct loop *loop, const char *address, const struct stream_options *options,
			const char *method, const char *target, const struct http_header *headers,
			size_t header_count, struct span body, unsigned timeout_ms,
			void (*on_answer)(void *ctx, const struct http_client_answer *answer),
			void *ctx) must_check;
/* A GET of which only the status is wanted: ends with the head of the answer, whatever follows. The rest as above. */
int http_client_probe(struct loop *loop, const char *address, const struct stream_options *options,
		      const char *target, const struct http_header *headers, size_t header_count,
		      unsigned timeout_ms,
		      void (*on_answer)(void *ctx, const struct http_client_answer *answer),
		      void *ctx) must_check;

#endif
