/* http_ask: one request and its answer, waited for: what the verbs of a command line need. On a loop of its own, so
 * never from a daemon. Main thread. */
#ifndef HOLDFAST_NET_HTTP_ASK_H
#define HOLDFAST_NET_HTTP_ASK_H

#include "net/http.h"

struct http_asked {
	int status;	 /* of the answer, whatever it is */
	struct buf body; /* up to HTTP_BODY_MAX */
};
/* `json_body` empty: none is sent. 0: an answer came; else negative, with err; *out is to be ended with http_asked_done either way. */
int http_ask(const char *address, const char *method, const char *target, struct span json_body,
	     unsigned timeout_ms, struct http_asked *out, struct err *err) must_check;
void http_asked_done(struct http_asked *asked);

#endif
