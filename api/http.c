#include "api/http.h"

#include <errno.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/timerq.h"

struct api_http {
	struct api *api;
	struct loop *loop;
	struct api_http_auth auth;
	struct timer *timer;
	struct http_server *servers[API_HTTP_LISTENERS_MAX];
	size_t server_count, open_count;
	struct list bindings;
	void (*on_closed)(void *ctx);
	void *on_closed_ctx;
};

/* One exchange and the call that answers it. */
struct binding {
	struct list_node node;
	struct api_http *http;
	struct http_exchange *exchange;
	struct api_request request;
	const struct api_identity *identity;
	struct api_call *call;
	char source[64]; /* the connection may go before the call does */
	bool over;
	bool entered; /* api_handle has not returned yet */
};

static void binding_free(struct binding *binding)
{
	struct api_http *http = binding->http;

	list_remove(&http->bindings, &binding->node);
	if (binding->identity && http->auth.release)
		http->auth.release(http->auth.ctx, binding->identity);
	free(binding);
}

static void binding_over(struct binding *binding)
{
	binding->over = true;
	if (!binding->entered)
		binding_free(binding);
}

/* --- the answer's way out --- */

static size_t copy_headers(const struct api_header *from, size_t count, struct http_header *to, size_t max)
{
	if (count > max)
		count = max;
	for (size_t i = 0; i < count; i++)
		to[i] = (struct http_header){ from[i].name, from[i].value };
	return count;
}

static void on_respond(void *ctx, int code, const char *content_type, const struct api_header *headers,
		       size_t count, struct span body)
{
	struct binding *binding = ctx;
	struct http_header copies[HTTP_HEADERS_MAX];

	count = copy_headers(headers, count, copies, HTTP_HEADERS_MAX);
	http_respond(binding->exchange, code, content_type, copies, count, body);
	binding_over(binding);
}

static void on_begin(void *ctx, int code, const char *content_type, const struct api_header *headers,
		     size_t count)
{
	struct binding *binding = ctx;
	struct http_header copies[HTTP_HEADERS_MAX];

	count = copy_headers(headers, count, copies, HTTP_HEADERS_MAX);
	http_respond_begin(binding->exchange, code, content_type, copies, count);
}

_Static_assert(API_PIECES_MAX <= HTTP_PIECES_MAX, "every write fits one chunk");

static int on_write(void *ctx, const struct span *pieces, size_t count)
{
	struct binding *binding = ctx;

	return http_respond_write(binding->exchange, pieces, count);
}

static void on_end(void *ctx)
{
	struct binding *binding = ctx;

	http_respond_end(binding->exchange);
	binding_over(binding);
}

static void on_abort(void *ctx)
{
	struct binding *binding = ctx;

	http_respond_abort(binding->exchange);
	binding_over(binding);
}

static const struct api_responder responder = { on_respond, on_begin, on_write, on_end, on_abort };

/* --- the client --- */

static void on_gone(void *ctx)
{
	struct binding *binding = ctx;

	if (binding->call)
		api_call_gone(binding->call);
	binding_free(binding);
}

static void on_drain(void *ctx)
{
	struct binding *binding = ctx;

	if (binding->call)
		api_call_drained(binding->call);
}

static void respond_plain(struct http_exchange *exchange, int code, struct span text)
{
	http_respond(exchange, code, "text/plain; charset=utf-8", NULL, 0, text);
}

static int authenticate(struct api_http *http, const struct http_request *request, struct binding *binding,
			struct status *refusal)
{
	if (!http->auth.authenticate)
		return 0;
	return http->auth.authenticate(http->auth.ctx, request, &binding->identity, refusal);
}

static void on_request(void *ctx, struct http_exchange *exchange, const struct http_request *request)
{
	struct api_http *http = ctx;
	struct binding *binding = calloc(1, sizeof(*binding));
	struct status refusal;

	if (!binding) {
		respond_plain(exchange, 503, SPAN("out of memory\n"));
		return;
	}
	binding->http = http;
	binding->exchange = exchange;
	list_push(&http->bindings, &binding->node);
	/* Bad credentials are nobody's: the server words the 401. */
	status_init(&refusal);
	if (authenticate(http, request, binding, &refusal) < 0)
		binding->identity = NULL;
	if (span_copy(span_of(request->peer_address), binding->source, sizeof(binding->source)))
		binding->source[0] = '\0';
	binding->request = (struct api_request){
		.method = request->method,
		.path = request->path,
		.query = request->query,
		.content_type = http_header(request, "Content-Type"),
		.accept = http_header(request, "Accept"),
		.if_none_match = http_header(request, "If-None-Match"),
		.body = request->body,
		.source = binding->source,
		.user_agent = http_header(request, "User-Agent"),
		.identity = binding->identity,
		.refusal = status_is_failure(&refusal) ? &refusal : NULL,
	};
	http_exchange_on_gone(exchange, on_gone, binding);
	http_exchange_on_drain(exchange, on_drain, binding);
	binding->entered = true;
	struct api_call *call = api_handle(http->api, &binding->request, &responder, binding);

	binding->request.refusal = NULL;
	status_done(&refusal);
	binding->entered = false;
	binding->call = call;
	if (binding->over)
		binding_free(binding);
}

/* What the HTTP server itself refuses is a Status like everything else. */
static const char *word_refusal(void *ctx, int code, const char *reason, struct buf *body)
{
	struct status status;

	status_init(&status);
	if (code == 413)
		status_set(&status, STATUS_TOO_LARGE, "Request entity too large: limit is %u", HTTP_BODY_MAX);
	else
		status_set(&status, code >= 500 ? STATUS_SERVICE_UNAVAILABLE : STATUS_BAD_REQUEST, "%s",
			   reason);
	status.code = code;
	int err = status_write(&status, body);

	status_done(&status);
	return err ? NULL : "application/json";
}

/* --- time --- */

static void on_due_changed(void *ctx)
{
	struct api_http *http = ctx;
	uint64_t due = api_next_due(http->api), now = loop_now_ms(http->loop);

	if (due == TIMERQ_NEVER)
		timer_stop(http->timer);
	else
		timer_start(http->timer, due > now ? due - now : 0);
}

static void on_timer(void *ctx)
{
	struct api_http *http = ctx;

	api_tick(http->api);
	on_due_changed(http);
}

/* --- life --- */

int api_http_new(struct api *api, struct loop *loop, const struct api_http_auth *auth, struct api_http **out)
{
	struct api_http *http = calloc(1, sizeof(*http));

	*out = NULL;
	if (!http)
		return -ENOMEM;
	http->api = api;
	http->loop = loop;
	if (auth)
		http->auth = *auth;
	list_init(&http->bindings);
	int err = timer_new(loop, on_timer, http, &http->timer);

	if (err) {
		free(http);
		return err;
	}
	api_on_due(api, on_due_changed, http);
	*out = http;
	return 0;
}

int api_http_listen(struct api_http *http, const char *address, const struct http_server_options *options,
		    const char **out_address, struct err *err)
{
	static const struct http_server_events events = { .on_request = on_request,
							  .word_refusal = word_refusal };

	if (http->server_count == API_HTTP_LISTENERS_MAX)
		return err_set(err, -ENOSPC, "more than %u addresses to listen at", API_HTTP_LISTENERS_MAX);
	struct http_server **slot = &http->servers[http->server_count];
	int code = http_server_new(http->loop, address, options, &events, http, slot, err);

	if (code)
		return code;
	http->server_count++;
	http->open_count++;
	if (out_address)
		*out_address = http_server_address(*slot);
	return 0;
}

void api_http_set_tls(struct api_http *http, struct tls_context *tls)
{
	for (size_t i = 0; i < http->server_count; i++)
		http_server_set_tls(http->servers[i], tls);
}

static void finish_close(struct api_http *http)
{
	void (*on_closed)(void *ctx) = http->on_closed;
	void *ctx = http->on_closed_ctx;

	api_on_due(http->api, NULL, NULL);
	timer_close(http->timer);
	free(http);
	if (on_closed)
		on_closed(ctx);
}

static void on_server_closed(void *ctx)
{
	struct api_http *http = ctx;

	if (--http->open_count == 0)
		finish_close(http);
}

void api_http_close(struct api_http *http, unsigned grace_ms, void (*on_closed)(void *ctx), void *ctx)
{
	if (!http)
		return;
	http->on_closed = on_closed;
	http->on_closed_ctx = ctx;
	api_end_watches(http->api); /* they would sit through any grace */
	if (!http->server_count) {
		finish_close(http);
		return;
	}
	for (size_t i = 0, count = http->server_count; i < count; i++)
		http_server_close(http->servers[i], grace_ms, on_server_closed, http);
}
