#include "cloud-hub/certificates.h"

#include "base/clock.h"
#include "base/log.h"
#include "cloud-hub/ending.h"
#include "cloud-hub/gateway/announce.h"
#include "net/tls.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE "certificates"
#define LOOK_MS (60u * 60 * 1000)
#define LOOK_MIN_MS 500u
#define RETRY_MS (60u * 1000)
#define SERVER_MAX 512u

struct certificates {
	struct certificates_options options;
	struct api_http *http;
	struct tls_context *tls;
	struct timer *timer;
	int64_t not_before_wall_ms, not_after_wall_ms; /* of the hub's */
	struct ending ending;
	bool overdue; /* something failed */
	char kubeconfig[PATH_MAX], server[SERVER_MAX];
};

static int make_tls(struct certificates *c, struct tls_context **out, struct err *err)
{
	struct authority *authority = c->options.authority;
	struct buf chain, key, trusted;
	struct x509_facts facts;
	int code;

	buf_init(&chain, X509_CHAIN_MAX);
	buf_init(&key, X509_PEM_MAX);
	buf_init(&trusted, 2 * X509_CHAIN_MAX);
	code = authority_issue_hub(authority, c->options.names, clock_wall_ms(), &chain, &key, err);
	if (!code && authority_add_trust(authority, AUTHORITY_TRUST_API, &trusted))
		code = err_set(err, -ENOMEM, "out of memory");
	if (!code)
		code = x509_read(buf_span(&chain), &facts, err);
	if (!code) {
		struct tls_server_name name = { .cert_chain_pem = buf_span(&chain),
						.key_pem = buf_span(&key),
						.client_ca_pem = buf_span(&trusted),
						.client_auth = TLS_CLIENT_OPTIONAL };

		code = tls_server_new(&name, 1, out, err);
	}
	if (!code) {
		c->not_before_wall_ms = facts.not_before_wall_ms;
		c->not_after_wall_ms = facts.not_after_wall_ms;
	}
	if (key.data)
		explicit_bzero(key.data, key.cap);
	buf_done(&chain);
	buf_done(&key);
	buf_done(&trusted);
	return code;
}

static int write_kubeconfig(struct certificates *c, struct err *err)
{
	bool written = false;
	int code = authority_admin_kubeconfig(c->options.authority, c->kubeconfig, c->server, clock_wall_ms(),
					      &written, err);

	if (!code && written)
		log_info(MODULE, "kubeconfig-written", "path=%s server=%s", c->kubeconfig, c->server);
	return code;
}

static void complain(struct certificates *c, const char *what, const struct err *err)
{
	c->overdue = true;
	log_error(MODULE, "not-renewed", "what=%s error=\"%s\"", what, err_text(err));
}

/* Shown from the next connection on; those there are go on. */
static void renew(struct certificates *c, bool announce)
{
	struct tls_context *next = NULL;
	struct err err = { 0 };
	char until[CLOCK_TEXT_SIZE];

	if (make_tls(c, &next, &err)) {
		complain(c, "api", &err);
	} else {
		api_http_set_tls(c->http, next);
		tls_unref(c->tls);
		c->tls = next;
		clock_format(c->not_after_wall_ms, until);
		log_info(MODULE, "renewed", "until=%s authority=%u", until,
			 authority_current_number(c->options.authority));
	}
	if (gateway_renew(c->options.gateway, announce, &err))
		complain(c, "tunnel", &err);
}

static void say_ending(void *ctx, unsigned generation, int64_t days)
{
	struct certificates *c = ctx;
	char message[128];

	log_warn(MODULE, "authority-ends", "generation=%u days=%lld: cloud-hub authority rotate", generation,
		 (long long)days);
	snprintf(message, sizeof(message),
		 "Generation %u of the authority ends in %lld days; see cloud-hub authority rotate.",
		 generation, (long long)days);
	announce(c->options.api, &(struct announcement){ .kind = "Namespace",
							 .name = "kube-system",
							 .ns = "kube-system",
							 .type = "Warning",
							 .reason = "AuthorityEnds",
							 .message = message });
}

static bool is_due(const struct certificates *c)
{
	int64_t half = c->not_before_wall_ms + (c->not_after_wall_ms - c->not_before_wall_ms) / 2;
	int64_t now = clock_wall_ms();

	return now >= half || now < c->not_before_wall_ms; /* or the clock was set back by years */
}

static void look(struct certificates *c)
{
	int64_t life = c->not_after_wall_ms - c->not_before_wall_ms;
	uint64_t next = LOOK_MS;
	struct err err = { 0 };

	c->overdue = false;
	if (is_due(c))
		renew(c, false);
	if (write_kubeconfig(c, &err))
		complain(c, "kubeconfig", &err);
	ending_look(&c->ending, c->options.authority, clock_wall_ms(), say_ending, c);
	if (life / 50 < (int64_t)next)
		next = life / 50 > LOOK_MIN_MS ? (uint64_t)(life / 50) : LOOK_MIN_MS;
	if (c->overdue && next > RETRY_MS)
		next = RETRY_MS;
	timer_start(c->timer, next);
}

static void on_timer(void *ctx)
{
	look(ctx);
}

void certificates_changed(struct certificates *c)
{
	renew(c, true);
	look(c);
}

int certificates_serve(struct certificates *c, struct api_http *http, const char *server, struct err *err)
{
	int code = span_copy(span_of(server), c->server, sizeof(c->server));

	if (code)
		return err_set(err, code, "the advertised address is too long");
	c->http = http;
	code = write_kubeconfig(c, err);
	if (!code)
		look(c);
	return code;
}

int certificates_new(const struct certificates_options *options, struct certificates **out, struct err *err)
{
	struct certificates *c = calloc(1, sizeof(*c));
	int code;

	if (!c)
		return err_set(err, -ENOMEM, "out of memory");
	c->options = *options;
	code = span_copy(span_of(options->kubeconfig), c->kubeconfig, sizeof(c->kubeconfig));
	if (code)
		code = err_set(err, code, "the data directory's name is too long");
	if (!code && timer_new(options->loop, on_timer, c, &c->timer))
		code = err_set(err, -ENOMEM, "out of memory");
	if (!code)
		code = make_tls(c, &c->tls, err);
	if (code) {
		certificates_free(c);
		return code;
	}
	*out = c;
	return 0;
}

void certificates_free(struct certificates *c)
{
	if (!c)
		return;
	timer_close(c->timer);
	tls_unref(c->tls);
	free(c);
}

struct tls_context *certificates_tls(const struct certificates *c)
{
	return c->tls;
}

int64_t certificates_hub_not_after(const struct certificates *c)
{
	return c->not_after_wall_ms;
}
