/* http1: HTTP/1.1 messages (RFC 9112) out of bytes. Pure: no sockets, no clock. http-parser or llhttp inside, behind a
 * strict gate: the head is held until complete, and a head that two readers could read differently (bare line
 * ends, folded lines, blanks before colons, more than one framing) never reaches the library. Private to net/. */
#ifndef HOLDFAST_NET_HTTP1_H
#define HOLDFAST_NET_HTTP1_H

#include "net/http.h"

#define HTTP1_TARGET_MAX (16u * 1024)

enum http1_kind { HTTP1_REQUEST, HTTP1_RESPONSE };

enum http1_event {
	HTTP1_MORE,    /* all bytes taken, nothing complete */
	HTTP1_HEAD,    /* the head is known and a body follows: the moment for 100 Continue */
	HTTP1_MESSAGE, /* complete; bytes behind it are left to the caller */
	HTTP1_BAD,     /* see http1_status and http1_reason; nothing more can be read */
};

struct http1_message {
	struct span method, target, path, query; /* requests */
	int status;				 /* responses */
	bool is_1_0, keep_alive, expect_continue;
	struct http_header *headers;
	size_t header_count;
	struct span body;
};

struct http1;
struct http1 *http1_new(enum http1_kind kind, size_t body_max);
void http1_free(struct http1 *http1); /* NULL is fine */
/* The response answers a HEAD: no body follows whatever its head says. */
void http1_no_body(struct http1 *http1);
/* Takes bytes from the front of *bytes. After HTTP1_MESSAGE it must be freed: one object, one message. */
enum http1_event http1_feed(struct http1 *http1, struct span *bytes) must_check;
/* The connection has ended. HTTP1_MESSAGE when that completes a response, HTTP1_MORE when nothing had begun. */
enum http1_event http1_end(struct http1 *http1) must_check;
bool http1_has_begun(const struct http1 *http1);
const struct http1_message *http1_message(const struct http1 *http1); /* valid after HEAD or MESSAGE */
int http1_status(
	const struct http1 *http1); /* the answer a bad request deserves: 400, 413, 414, 417, 431, 501, 505 */
const char *http1_reason(const struct http1 *http1);

#endif
