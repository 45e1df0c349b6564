/* http: binds an api to an HTTP server: requests in, answers out, the timer of its watches.
 *
 * Owner: the daemon, one for an api; it may listen at several addresses. Close it before freeing the api. */
#ifndef HOLDFAST_API_HTTP_H
#define HOLDFAST_API_HTTP_H

#include "api/server.h"
#include "net/http.h"

struct api_http;

/* Who sent this request? 0: *out_identity is set, and handed to `release` (may be NULL) when the answer
 * has ended; or left NULL for nobody (401, except the health paths). Negative: credentials were shown and
 * are not good: 401. `refusal` may be made a failure: the identity is good, what it claims is not, and that is the answer. */
struct api_http_auth {
	int (*authenticate)(void *ctx, const struct http_request *request,
			    const struct api_identity **out_identity, struct status *refusal);
	void (*release)(void *ctx, const struct api_identity *identity);
	void *ctx;
};
#define API_HTTP_LISTENERS_MAX 4u
int api_http_new(struct api *api, struct loop *loop, const struct api_http_auth *auth,
		 struct api_http **out) must_check;
/* *out_address (may be NULL) is "HOST:PORT" as bound, borrowed. */
int api_http_listen(struct api_http *http, const char *address, const struct http_server_options *options,
		    const char **out_address, struct err *err) must_check;
/* Another certificate, from the next connection on, at all addresses that have TLS. */
void api_http_set_tls(struct api_http *http, struct tls_context *tls);
/* Ends watches, lets answers under way finish for grace_ms. on_closed may be NULL. */
void api_http_close(struct api_http *http, unsigned grace_ms, void (*on_closed)(void *ctx), void *ctx);

#endif
