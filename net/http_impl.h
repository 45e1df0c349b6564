/* http_impl: the inside of the HTTP server: http_server.c owns servers and connections, http_exchange.c
 * the answers. Private to these two. */
#ifndef HOLDFAST_NET_HTTP_IMPL_H
#define HOLDFAST_NET_HTTP_IMPL_H

#include "net/http1.h"
#include "net/loop_uv.h"

struct http_server {
	struct loop *loop;
	struct listener *listener;
	struct http_server_events events;
	void *ctx;
	unsigned idle_timeout_ms;
	size_t body_max, body_bytes; /* body_bytes: of all requests being read or answered */
	struct list conns;
	struct timer *sweep;
	bool closing;
	uint64_t closing_deadline_ms;
	void (*on_closed)(void *ctx);
	void *closed_ctx;
	struct loop_task close_task;
	int64_t date_s; /* what date_text says */
	char date_text[32];
};

enum conn_state {
	CONN_IDLE,	/* between requests */
	CONN_READING,	/* inside a request */
	CONN_ANSWERING, /* an exchange is with the handler */
	CONN_GONE,
};

struct http_conn {
	struct list_node node;
	struct http_server *server;
	struct stream *stream;
	enum conn_state state;
	struct http1 *http1; /* the request being read */
	struct buf pending;  /* bytes behind the request being answered */
	struct http_exchange *exchange;
	struct loop_task task;	      /* goes on with pending; frees */
	uint64_t deadline_ms;	      /* IDLE and READING */
	size_t body_seen;	      /* of the request being read, counted in server->body_bytes */
	uint64_t bytes_out, moved_ms; /* when the client last took something */
	bool in_parse;		      /* the parse loop is on the stack */
	bool close_after;	      /* no further request on this connection */
};

struct http_exchange {
	struct http_conn *conn; /* NULL: the client has gone */
	struct http1 *http1;	/* holds what request points to */
	struct http_request request;
	size_t body_bytes;
	bool begun, broken, chunked, is_head, is_1_0, keep_alive, told_full;
	void (*on_gone)(void *ctx);
	void *gone_ctx;
	void (*on_drain)(void *ctx);
	void *drain_ctx;
};

const char *http_server_date(struct http_server *server);
/* The handler has ended the exchange, which is freed: on to the next request, or to the end. */
void http_conn_answered(struct http_conn *conn, bool keep_alive);
/* Cuts the connection at once. */
void http_conn_cut(struct http_conn *conn);
/* The client has gone: tells the handler. */
void http_exchange_gone(struct http_exchange *exchange);
void http_exchange_free(struct http_exchange *exchange);
/* A whole answer of the server itself. */
int http_write_plain(struct http_conn *conn, int status, const char *reason) must_check;

#endif
