#include "cloud-hub/gateway/succession.h"

#include "auth/enrol.h"
#include "base/clock.h"
#include "base/log.h"
#include "cloud-hub/gateway/gateway_impl.h"
#include "cloud-hub/gateway/registry.h"

#include <errno.h>

#define MODULE "succession"
#define SPREAD_MS 20u /* of renewals, for each node connected: two full handshakes and two signatures */

int succession_look(struct edge *edge, struct span cert_der)
{
	struct x509_facts facts;
	int code = x509_read_der(cert_der, &facts, NULL);

	if (code)
		return code;
	edge->authority =
		authority_generation_of(edge->gateway->options.authority, AUTHORITY_NODES, facts.issuer);
	edge->renew_at_wall_ms = authority_renew_at(facts.not_before_wall_ms, facts.not_after_wall_ms);
	return 0;
}

/* Under the old authority though there is a new one, or so old that it should have renewed by itself: its clock is unset. */
static bool should_renew(const struct edge *edge)
{
	return edge->authority != authority_current_number(edge->gateway->options.authority) ||
	       clock_wall_ms() >= edge->renew_at_wall_ms;
}

static void tell(struct edge *edge, bool knows_bundle)
{
	struct gateway *gateway = edge->gateway;
	struct span bundle = authority_bundle_pem(gateway->options.authority);
	Tunnel__Authority message = TUNNEL__AUTHORITY__INIT;
	struct buf crosses;

	message.renew = should_renew(edge);
	message.renew_within_ms = (uint32_t)(gateway->nodes.count * SPREAD_MS);
	if (knows_bundle && !message.renew)
		return;
	buf_init(&crosses, MESSAGE_BUNDLE_MAX);
	if (!knows_bundle && !authority_add_crosses(gateway->options.authority, &crosses)) {
		message.bundle = (ProtobufCBinaryData){ bundle.len, (uint8_t *)bundle.ptr };
		message.crosses = (ProtobufCBinaryData){ crosses.len, (uint8_t *)crosses.data };
	}
	if (session_send_authority(edge->session, &message))
		log_warn(MODULE, "not-told", "node=%s", edge->node); /* its next session tells it again */
	else
		edge_kick(edge);
	buf_done(&crosses);
}

static bool is_ours(const struct edge *edge, struct span sha256)
{
	return span_eq(sha256, span_make(authority_bundle_sha256(edge->gateway->options.authority),
					 X509_SHA256_SIZE));
}

static bool same(const uint8_t a[X509_SHA256_SIZE], const uint8_t b[X509_SHA256_SIZE])
{
	return memcmp(a, b, X509_SHA256_SIZE) == 0;
}

static void on_noted(void *ctx, int code)
{
	struct gateway *gateway = ctx;

	if (!code && gateway->options.on_authority)
		gateway->options.on_authority(gateway->options.ctx);
}

/* In the record, if that is news. Lost, it is said again at the next session. `key_sha256` (may be NULL) is of a certificate stored
 * while the session goes on under the one before. */
static void note(struct edge *edge, bool knows_bundle, const uint8_t *key_sha256)
{
	struct gateway *gateway = edge->gateway;
	const uint8_t *bundle = authority_bundle_sha256(gateway->options.authority);
	struct enrolment known;
	bool news;

	if (gateway_enrolment(gateway, edge->node, &known))
		return;
	if (key_sha256 && same(known.key_sha256, key_sha256)) {
		edge->authority = known.issued_authority;
		edge->renew_at_wall_ms = authority_renew_at(known.issued_wall_ms, known.not_after_wall_ms);
	}
	news = known.authority != edge->authority;
	known.authority = edge->authority;
	if (knows_bundle && !same(known.bundle_sha256, bundle)) {
		memcpy(known.bundle_sha256, bundle, X509_SHA256_SIZE);
		news = true;
	}
	if (!news)
		return;
	if (registry_put(gateway->registry, &known, on_noted, gateway))
		log_warn(MODULE, "not-noted", "node=%s", edge->node);
}

void succession_welcomed(struct edge *edge, const Tunnel__Hello *hello)
{
	bool knows = is_ours(edge, span_make(hello->authority_sha256.data, hello->authority_sha256.len));

	note(edge, knows, NULL);
	tell(edge, knows);
}

void succession_kept(struct edge *edge, const Tunnel__AuthorityKept *kept)
{
	note(edge, is_ours(edge, span_make(kept->sha256.data, kept->sha256.len)), kept->key_sha256.data);
}

/* A certificate of a distrusted authority opened this session before anybody knew. */
static bool is_distrusted(const struct edge *edge)
{
	const struct authority *authority = edge->gateway->options.authority;

	for (size_t i = 0; i < authority_generation_count(authority); i++) {
		struct authority_generation g = authority_generation_at(authority, i);

		if (g.number == edge->authority)
			return g.state == AUTHORITY_DISTRUSTED;
	}
	return true;
}

static void announce(struct edge *edge)
{
	struct enrolment known;
	bool knows = !gateway_enrolment(edge->gateway, edge->node, &known) &&
		     is_ours(edge, span_make(known.bundle_sha256, X509_SHA256_SIZE));

	if (is_distrusted(edge))
		edge_retire(edge, REFUSE_IDENTITY, "the authority of this node's certificate is distrusted",
			    0);
	else
		tell(edge, knows);
}

void succession_announce(struct gateway *gateway)
{
	size_t cursor = 0;
	void *edge;

	while (map_next(&gateway->nodes, &cursor, NULL, &edge))
		announce(edge);
}
