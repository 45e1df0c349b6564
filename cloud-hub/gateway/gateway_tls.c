/* What the gateway shows and demands: one certificate under three names. */
#include "base/clock.h"
#include "base/log.h"
#include "cloud-hub/gateway/gateway_impl.h"
#include "cloud-hub/gateway/tickets.h"
#include "net/tls.h"

#include <errno.h>

#define MODULE "gateway"
#define TICKET_LOOKS 24u /* at the age of the keys, in their lifetime */

struct material {
	struct buf chain, key, join_chain, work_trust, renew_trust;
};

static void material_init(struct material *m)
{
	buf_init(&m->chain, MESSAGE_CONTROL_MAX);
	buf_init(&m->key, MESSAGE_CONTROL_MAX);
	buf_init(&m->join_chain, MESSAGE_CONTROL_MAX);
	buf_init(&m->work_trust, MESSAGE_CONTROL_MAX);
	buf_init(&m->renew_trust, MESSAGE_CONTROL_MAX);
}

static void material_done(struct material *m)
{
	if (m->key.data)
		explicit_bzero(m->key.data, m->key.cap);
	buf_done(&m->chain);
	buf_done(&m->key);
	buf_done(&m->join_chain);
	buf_done(&m->work_trust);
	buf_done(&m->renew_trust);
}

static int material_fill(struct material *m, struct authority *authority, struct err *err)
{
	int code = authority_issue_hub(authority, NULL, clock_wall_ms(), &m->chain, &m->key, err);

	if (code)
		return code;
	/* Who joins looks for the root that its token pins among those sent; the others have theirs. */
	if (buf_add_span(&m->join_chain, buf_span(&m->chain)) ||
	    authority_add_roots(authority, &m->join_chain) ||
	    authority_add_trust(authority, AUTHORITY_TRUST_WORK, &m->work_trust) ||
	    authority_add_trust(authority, AUTHORITY_TRUST_RENEW, &m->renew_trust))
		return err_set(err, -ENOMEM, "out of memory");
	return 0;
}

static int64_t expiry_ms(void *ctx)
{
	(void)ctx;
	return clock_wall_ms();
}

static int make_with_tickets(struct gateway *gateway, const struct tls_server_name *names, size_t count,
			     struct tls_context **out, struct err *err)
{
	uint8_t keys[TLS_TICKET_KEYS_MAX][TLS_TICKET_KEY_SIZE];
	struct tls_server_options options = {
		.ticket_keys = keys,
		.ticket_key_count = tickets_keys(gateway->tickets, keys),
		.ticket_lifetime_s = (unsigned)(gateway->options.ticket_lifetime_ms / 1000),
		/* Certificates of nodes that begin in the future are ours, from when this clock was ahead: refused, a fleet
		 * would be lost. */
		.clock = { .expiry_ms = expiry_ms },
	};
	int code = tls_server_new_with(names, count, &options, out, err);

	explicit_bzero(keys, sizeof(keys));
	return code;
}

static void turn_tickets(void *ctx)
{
	struct gateway *gateway = ctx;
	uint8_t keys[TLS_TICKET_KEYS_MAX][TLS_TICKET_KEY_SIZE];
	bool changed = false;
	int code = tickets_turn(gateway->tickets, clock_wall_ms(), &changed);

	if (code)
		log_warn(MODULE, "ticket-keys-not-stored", "error=\"%s\"", strerror(-code));
	if (changed) {
		size_t count = tickets_keys(gateway->tickets, keys);

		code = tls_server_set_ticket_keys(gateway->tls, keys, count);
		if (code)
			log_error(MODULE, "ticket-keys-not-set", "error=%d", code);
		explicit_bzero(keys, sizeof(keys));
	}
	timer_start(gateway->ticket_timer, gateway->options.ticket_lifetime_ms / TICKET_LOOKS);
}

int gateway_open_tickets(struct gateway *gateway, struct err *err)
{
	struct gateway_options *options = &gateway->options;
	bool lost = false;
	int code;

	if (!options->ticket_lifetime_ms)
		options->ticket_lifetime_ms = TLS_TICKET_LIFETIME_S * 1000ull;
	code = tickets_open(options->vault, options->ticket_file ? options->ticket_file : "",
			    options->ticket_lifetime_ms, clock_wall_ms(), &lost, &gateway->tickets, err);
	if (lost)
		log_warn(MODULE, "ticket-keys-lost", "path=%s: edges need a full handshake each",
			 options->ticket_file);
	if (!code && timer_new(options->loop, turn_tickets, gateway, &gateway->ticket_timer))
		code = err_set(err, -ENOMEM, "out of memory");
	if (!code)
		timer_start(gateway->ticket_timer, options->ticket_lifetime_ms / TICKET_LOOKS);
	return code;
}

bool gateway_ticket_is_due(const struct gateway *gateway, uint64_t since_ms)
{
	return gateway_now(gateway) - since_ms >= gateway->options.ticket_lifetime_ms / 2;
}

int gateway_make_tls(struct gateway *gateway, struct tls_context **out, struct err *err)
{
	struct material m;
	int code;

	material_init(&m);
	code = material_fill(&m, gateway->options.authority, err);
	if (!code) {
		struct tls_server_name names[] = {
			{ .name = AUTHORITY_HUB_NAME,
			  .cert_chain_pem = buf_span(&m.chain),
			  .key_pem = buf_span(&m.key),
			  .client_ca_pem = buf_span(&m.work_trust),
			  .client_auth = TLS_CLIENT_REQUIRED },
			{ .name = AUTHORITY_JOIN_NAME,
			  .cert_chain_pem = buf_span(&m.join_chain),
			  .key_pem = buf_span(&m.key),
			  .client_auth = TLS_CLIENT_NONE },
			{ .name = AUTHORITY_RENEW_NAME,
			  .cert_chain_pem = buf_span(&m.chain),
			  .key_pem = buf_span(&m.key),
			  .client_ca_pem = buf_span(&m.renew_trust),
			  .client_auth = TLS_CLIENT_REQUIRED,
			  .accept_expired = true },
		};

		code = make_with_tickets(gateway, names, sizeof(names) / sizeof(names[0]), out, err);
	}
	material_done(&m);
	return code;
}
