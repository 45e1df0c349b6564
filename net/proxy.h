/* proxy: an HTTP proxy on the way, through which a stream asks for a tunnel (CONNECT, RFC 9110 section 9.3.6): its address and
 * credentials, which targets do without it, the words that are said and what its answer means. Pure: no sockets.
 *
 * Owner: shared by reference by the streams of one loop. Credentials are in no sentence, and wiped at the end. */
#ifndef HOLDFAST_NET_PROXY_H
#define HOLDFAST_NET_PROXY_H

#include "base/buf.h"

struct proxy;

#define PROXY_URL_MAX 1024u
#define PROXY_ANSWER_MAX 8192u /* bytes of its answer */
#define PROXY_EXCEPTIONS_MAX 64u

/* url: "http://[USER:PASSWORD@]HOST:PORT", user and password percent-encoded where needed. credentials: "USER:PASSWORD" as it is, instead
 * of those in the URL; empty: none. exceptions: NULL-ended, NULL for none, each a host ("cloud.example"), a domain with all
 * below it (".example"), an IP address, a block of them ("10.0.0.0/8"), or "*". -EINVAL, -ENOMEM; err repeats no credentials. */
int proxy_new(struct span url, struct span credentials, const char *const *exceptions, struct proxy **out,
	      struct err *err) must_check;
struct proxy *proxy_ref(struct proxy *proxy);
void proxy_unref(struct proxy *proxy);		      /* NULL is fine */
const char *proxy_address(const struct proxy *proxy); /* "HOST:PORT" */
/* Is this host (name or IP address, without brackets) reached without the proxy? Names are not looked up for it. */
bool proxy_exempts(const struct proxy *proxy, const char *host);

/* The request for a tunnel to `target` ("HOST:PORT"). It holds the credentials. */
int proxy_request(const struct proxy *proxy, const char *target, struct buf *out) must_check;

/* What has come of the answer so far. */
struct proxy_answer {
	struct buf head;
};
void proxy_answer_init(struct proxy_answer *answer);
void proxy_answer_done(struct proxy_answer *answer);
/* 0: the tunnel is there, and *out_used of these bytes were the proxy's, the rest is the target's; -EAGAIN: more is needed, all were used; else refused,
 * and err says by whom and why: -EACCES (407, 403), -EHOSTUNREACH (the proxy cannot reach the target), -EPROTO (not an answer). */
int proxy_answer_feed(struct proxy_answer *answer, const struct proxy *proxy, const char *target,
		      struct span bytes, size_t *out_used, struct err *err) must_check;

#endif
