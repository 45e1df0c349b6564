#include "cloud-hub/gateway/renewal_desk.h"

#include "auth/enrol.h"
#include "base/clock.h"
#include "base/log.h"
#include "cloud-hub/gateway/gateway_impl.h"
#include "cloud-hub/gateway/registry.h"

#include <errno.h>
#include <stdlib.h>

#define MODULE "renewal"
#define RETRY_MS 2000u
#define AGAIN_MS 1000 /* a node that renews more often than this writes for nothing */

struct renewal {
	struct edge *edge; /* one reference */
	struct buf chain;
	bool knows_bundle;
	struct enrolment record;
};

static void renewal_free(struct renewal *r)
{
	buf_done(&r->chain);
	edge_unref(r->edge);
	free(r);
}

static void answer(struct renewal *r)
{
	struct gateway *gateway = r->edge->gateway;
	struct span bundle = authority_bundle_pem(gateway->options.authority);
	Tunnel__RenewResponse message = TUNNEL__RENEW_RESPONSE__INIT;
	struct buf crosses;

	message.chain.data = (uint8_t *)r->chain.data;
	message.chain.len = r->chain.len;
	buf_init(&crosses, MESSAGE_BUNDLE_MAX);
	if (!r->knows_bundle && !authority_add_crosses(gateway->options.authority, &crosses)) {
		message.authority = (ProtobufCBinaryData){ bundle.len, (uint8_t *)bundle.ptr };
		message.crosses = (ProtobufCBinaryData){ crosses.len, (uint8_t *)crosses.data };
	}
	message.clouds = gateway->clouds;
	while (gateway->clouds[message.n_clouds])
		message.n_clouds++;
	message.wall_ms = clock_wall_ms();
	if (session_renew_answer(r->edge->session, &message, gateway_now(gateway)))
		edge_refuse(r->edge, REFUSE_BUSY, "the answer could not be made", RETRY_MS);
	else
		edge_kick(r->edge);
	buf_done(&crosses);
}

static void on_stored(void *ctx, int code)
{
	struct renewal *r = ctx;

	if (code) {
		log_error(MODULE, "not-stored", "node=%s error=%d", r->record.node_name, code);
		if (r->edge->state != EDGE_CLOSED)
			edge_refuse(r->edge, REFUSE_BUSY, "the renewal could not be stored", RETRY_MS);
	} else {
		r->edge->gateway->stats.renewed++;
		log_info(MODULE, "renewed", "node=%s authority=%u", r->record.node_name,
			 authority_current_number(r->edge->gateway->options.authority));
		if (r->edge->state != EDGE_CLOSED)
			answer(r);
	}
	renewal_free(r);
}

static const enum refuse_reason reasons[] = {
	[ENROL_TOKEN_REFUSED] = REFUSE_TOKEN,	[ENROL_BAD_NAME] = REFUSE_NAME,
	[ENROL_BAD_REQUEST] = REFUSE_MALFORMED, [ENROL_NAME_TAKEN] = REFUSE_IDENTITY,
	[ENROL_REVOKED] = REFUSE_REVOKED,	[ENROL_FAILED] = REFUSE_BUSY,
};

/* Fills in the record as it will be, or refuses (false). */
static bool decide(struct renewal *r, const Tunnel__RenewRequest *request, const struct enrolment *known)
{
	struct gateway *gateway = r->edge->gateway;
	struct span csr = span_make(request->csr.data, request->csr.len);
	int64_t now = clock_wall_ms();
	struct err err = { 0 };
	enum enrol_verdict verdict;

	if (known->issued_wall_ms <= now && now < known->issued_wall_ms + AGAIN_MS) {
		edge_refuse(r->edge, REFUSE_BUSY, "this node has only just got a certificate", RETRY_MS);
		return false;
	}
	verdict = enrol_renew(gateway->options.authority, known, r->edge->key_sha256, csr, now, &r->record,
			      &r->chain, &err);
	if (verdict == ENROL_OK)
		return true;
	edge_refuse(r->edge, reasons[verdict], err_text(&err), verdict == ENROL_FAILED ? RETRY_MS : 0);
	return false;
}

static void start(struct edge *edge, const Tunnel__RenewRequest *request, const struct enrolment *known)
{
	const uint8_t *bundle = authority_bundle_sha256(edge->gateway->options.authority);
	struct renewal *r = calloc(1, sizeof(*r));

	if (!r) {
		edge_refuse(edge, REFUSE_BUSY, "out of memory", RETRY_MS);
		return;
	}
	r->edge = edge;
	r->knows_bundle = request->authority_sha256.len == X509_SHA256_SIZE &&
			  memcmp(request->authority_sha256.data, bundle, X509_SHA256_SIZE) == 0;
	buf_init(&r->chain, X509_CHAIN_MAX);
	edge_ref(edge);
	if (!decide(r, request, known)) {
		renewal_free(r);
	} else if (registry_put(edge->gateway->registry, &r->record, on_stored, r)) {
		edge_refuse(edge, REFUSE_BUSY, "the renewal could not be stored", RETRY_MS);
		renewal_free(r);
	}
}

/* A new key for one of two copies would decide between them, which is the operator's business. */
static bool is_quarantined(struct gateway *gateway, const char *node)
{
	struct fork fork;

	return gateway_fork(gateway, node, &fork) == 0 && fork.quarantined;
}

void renewal_desk_take(struct edge *edge, const Tunnel__RenewRequest *request)
{
	struct gateway *gateway = edge->gateway;
	struct enrolment known;
	int code;

	if (gateway->stopping) {
		edge_refuse(edge, REFUSE_STOPPING, "the cloud-hub is stopping", 1000);
		return;
	}
	if (strcmp(request->node, edge->node) != 0) {
		edge_refuse(edge, REFUSE_IDENTITY, "the certificate is of another node", 0);
		return;
	}
	code = gateway_enrolment(gateway, edge->node, &known);
	if (code == -ENOENT)
		edge_refuse(edge, REFUSE_IDENTITY, "this node is not registered here: join again", 0);
	else if (code)
		edge_refuse(edge, REFUSE_BUSY, "the node's registration cannot be read", RETRY_MS);
	else if (is_quarantined(gateway, edge->node))
		edge_refuse(edge, REFUSE_QUARANTINED,
			    "two hosts run with this node's disk: its certificate is not renewed until the "
			    "operator decides",
			    0);
	else
		start(edge, request, &known);
}
