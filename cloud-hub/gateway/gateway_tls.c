/* What the gateway shows and demands: one certificate under three names. */
#include "base/clock.h"
#include "cloud-hub/gateway/gateway_impl.h"
#include "net/tls.h"

#include <errno.h>

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

int gateway_make_tls(struct gateway *gateway, struct tls_context **out, struct err *err)
{
	/* Certificates of nodes that begin in the future are ours, from when this clock was ahead: refused, a fleet would be lost. */
	static const struct tls_server_options options = { .clock = { .expiry_ms = expiry_ms } };
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

		code = tls_server_new_with(names, sizeof(names) / sizeof(names[0]), &options, out, err);
	}
	material_done(&m);
	return code;
}
