/* How a client's stream gets its socket: names are resolved off the loop, addresses tried in order. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/proxy.h"
#include "net/stream_impl.h"

#define DIAL_ADDRESSES_MAX 8u
#define DIAL_ATTEMPT_MIN_MS 250u

struct dial {
	struct sockaddr_any addresses[DIAL_ADDRESSES_MAX];
	size_t count, next;
	uint64_t deadline_ms;
	struct resolve *resolve; /* under way */
	struct err last;	 /* why the attempt before failed */
};

/* Outlives the stream when it is closed while the resolver works. */
struct resolve {
	uv_getaddrinfo_t req;
	struct loop *loop;
	struct stream *stream;
	char host[ADDRESS_HOST_SIZE];
};

static void dial_next(struct stream *stream);

static void dial_timer_due(void *ctx)
{
	struct stream *stream = ctx;
	struct err err = { 0 };

	if (stream->state == STREAM_DIALLING) {
		dial_timeout(stream);
		return;
	}
	if (stream->state == STREAM_PROXYING)
		err_set(&err, -ETIMEDOUT, "the proxy %s did not reach %s within %u ms",
			passage_proxy_address(stream), stream->target, stream->reach_timeout_ms);
	else
		err_set(&err, -ETIMEDOUT, "TLS handshake with %s took longer than %u ms", stream->target,
			stream->connect_timeout_ms);
	stream_fail(stream, &err);
}

/* The time left, shared fairly among the addresses left, so that one that swallows packets does not eat it all. */
static uint64_t attempt_ms(const struct stream *stream)
{
	const struct dial *dial = stream->dial;
	uint64_t now = loop_now_ms(stream->loop);
	uint64_t left = dial->deadline_ms > now ? dial->deadline_ms - now : 0;
	uint64_t share = dial->count > dial->next ? left / (dial->count - dial->next + 1) : left;

	return share < DIAL_ATTEMPT_MIN_MS && DIAL_ATTEMPT_MIN_MS < left ? DIAL_ATTEMPT_MIN_MS : share;
}

static void attempt_failed(struct stream *stream, int code)
{
	struct dial *dial = stream->dial;
	const char *proxy = passage_proxy_address(stream), *to = proxy ? proxy : stream->target;
	const char *what = proxy ? "the proxy " : "";
	char text[ADDRESS_TEXT_SIZE];

	socket_text(&dial->addresses[dial->next - 1], true, text);
	if (!strcmp(text, to) || !strcmp(text, "unix"))
		err_set(&dial->last, code, "connecting to %s%s: %s", what, to, strerror(-code));
	else
		err_set(&dial->last, code, "connecting to %s%s (%s): %s", what, to, text, strerror(-code));
	stream_detach(stream);
	dial_next(stream);
}

static void dial_next(struct stream *stream)
{
	struct dial *dial = stream->dial;
	int fd, rc;

	if (dial->next == dial->count) {
		struct err last = dial->last;

		stream_fail(stream, &last);
		return;
	}
	rc = socket_connect(&dial->addresses[dial->next++], &fd);
	if (rc) {
		attempt_failed(stream, rc);
		return;
	}
	socket_tune(fd, stream->notsent_lowat);
	rc = stream_attach(stream, fd);
	if (rc) {
		attempt_failed(stream, rc);
		return;
	}
	timer_start(stream->timer, attempt_ms(stream));
	stream_interest(stream);
}

static void dial_free(struct stream *stream)
{
	free(stream->dial);
	stream->dial = NULL;
}

void dial_ready(struct stream *stream)
{
	uint64_t now = loop_now_ms(stream->loop), deadline;
	int rc = socket_error(stream->fd);

	if (rc) {
		attempt_failed(stream, rc);
		return;
	}
	deadline = stream->passage ? stream->dial->deadline_ms : stream->connect_deadline_ms;
	timer_start(stream->timer, deadline > now ? deadline - now : 0);
	dial_free(stream);
	if (stream->passage)
		passage_start(stream);
	else
		stream_connected(stream);
}

void dial_timeout(struct stream *stream)
{
	struct err err = { 0 };

	if (stream->dial->resolve) {
		err_set(&err, -ETIMEDOUT, "looking up %s took longer than %u ms", stream->dial->resolve->host,
			stream->reach_timeout_ms);
		stream_fail(stream, &err);
		return;
	}
	attempt_failed(stream, -ETIMEDOUT);
}

void dial_cancel(struct stream *stream)
{
	struct dial *dial = stream->dial;

	if (dial && dial->resolve) {
		dial->resolve->stream = NULL;
		uv_cancel((uv_req_t *)&dial->resolve->req);
	}
	dial_free(stream);
}

/* Names */

static void keep_addresses(struct dial *dial, const struct addrinfo *found)
{
	for (; found && dial->count < DIAL_ADDRESSES_MAX; found = found->ai_next) {
		struct sockaddr_any *address = &dial->addresses[dial->count];

		if (found->ai_family != AF_INET && found->ai_family != AF_INET6)
			continue;
		memcpy(&address->sa, found->ai_addr, found->ai_addrlen);
		address->len = found->ai_addrlen;
		dial->count++;
	}
}

static void resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *found)
{
	struct resolve *resolve = req->data;
	struct stream *stream = resolve->stream;

	resolve->loop->lookups--;
	if (stream) {
		struct dial *dial = stream->dial;

		dial->resolve = NULL;
		keep_addresses(dial, found);
		if (!dial->count)
			err_set(&dial->last, -EHOSTUNREACH, "looking up %s: %s", resolve->host,
				status ? uv_strerror(status) : "no address");
		dial_next(stream);
	}
	uv_freeaddrinfo(found);
	free(resolve);
}

static int resolve_start(struct stream *stream, const struct address *address)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_ADDRCONFIG };
	struct resolve *resolve = calloc(1, sizeof(*resolve));
	char port[8];
	int rc;

	if (!resolve)
		return -ENOMEM;
	resolve->loop = stream->loop;
	resolve->stream = stream;
	resolve->req.data = resolve;
	memcpy(resolve->host, address->host, sizeof(resolve->host));
	snprintf(port, sizeof(port), "%u", address->port);
	rc = uv_getaddrinfo(&stream->loop->uv, &resolve->req, resolved, resolve->host, port, &hints);
	if (rc) {
		free(resolve);
		return rc;
	}
	stream->loop->lookups++;
	stream->dial->resolve = resolve;
	return 0;
}

int dial_start(struct stream *stream, const struct address *address)
{
	struct dial *dial = calloc(1, sizeof(*dial));
	int rc;

	if (!dial)
		return -ENOMEM;
	stream->dial = dial;
	dial->deadline_ms = loop_now_ms(stream->loop) + stream->reach_timeout_ms;
	stream->connect_deadline_ms = loop_now_ms(stream->loop) + stream->connect_timeout_ms;
	rc = timer_new(stream->loop, dial_timer_due, stream, &stream->timer);
	if (rc)
		return rc;
	rc = socket_address(address, &dial->addresses[0]);
	if (rc == -ENOMEM)
		return rc;
	if (rc) {
		timer_start(stream->timer, stream->reach_timeout_ms);
		return resolve_start(stream, address);
	}
	dial->count = 1;
	loop_post(stream->loop, &stream->task);
	return 0;
}

void dial_step(struct stream *stream)
{
	if (stream->dial && !stream->dial->resolve && !stream->poller)
		dial_next(stream);
}

int stream_connect(struct loop *loop, const char *text, const struct stream_options *options,
		   const struct stream_events *events, void *ctx, struct stream **out, struct err *err)
{
	struct address address;
	struct stream *stream;
	int rc = address_parse(span_of(text), &address, err);

	if (rc)
		return rc;
	if (options && options->tls && !options->tls_server_name)
		return err_set(err, -EINVAL, "connecting to %s with TLS needs the name to verify", text);
	rc = stream_new(loop, options, STREAM_DIALLING, &stream, err);
	if (rc)
		return rc;
	stream->target = span_dup(span_of(text));
	rc = stream->target ? 0 : -ENOMEM;
	if (!rc && options && options->proxy && !address.is_unix &&
	    !proxy_exempts(options->proxy, address.host))
		rc = passage_new(stream, options->proxy);
	if (!rc && stream->passage)
		rc = address_parse(span_of(passage_proxy_address(stream)), &address, err);
	if (!rc)
		rc = dial_start(stream, &address);
	if (rc) {
		stream_close(stream);
		return err_set(err, rc, "connecting to %s: %s", text, strerror(-rc));
	}
	stream_set_events(stream, events, ctx);
	*out = stream;
	return 0;
}
