/* What comes in from neighbours and from strangers. */
#include "edge-hub/health/peers_internal.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>

#define MODULE "health"

/* A neighbour seals with a key that this node lacks: it was away while the key changed. Anybody can claim that, so it asks seldom, and
 * only members. */
static void ask_for_key(struct peers *p, const struct roster_member *from)
{
	uint32_t generation = envelope_wanted_key(p->envelope);
	uint64_t now = peers_now(p);
	int code;

	if (!generation || !p->contact || !from->address_count ||
	    (p->key_asked_ms && now < p->key_asked_ms + PEERS_KEY_PAUSE_MS))
		return;
	p->key_asked_ms = now;
	code = contact_ask_key(p->contact, from->addresses[0], generation, p->options.node);
	log_debug(MODULE, "key-asked", "generation=%u of=%s code=%d", (unsigned)generation, from->name, code);
}

/* Opened into p->plain and parsed. */
static bool open_datagram(struct peers *p, struct span bytes, const struct roster_member **out_from,
			  uint64_t *out_start, struct datagram *out)
{
	enum envelope_refusal refusal;

	if (!p->envelope)
		return false;
	buf_reset(&p->plain);
	refusal = envelope_open(p->envelope, bytes, &p->plain, out_from, out_start);
	if (refusal == ENVELOPE_UNKNOWN_KEY)
		ask_for_key(p, *out_from);
	if (refusal != ENVELOPE_OK)
		return false;
	if (datagram_parse(buf_span(&p->plain), out) == 0)
		return true;
	p->stats.refused[ENVELOPE_MALFORMED]++;
	return false;
}

static void on_datagram(void *ctx, struct span bytes, const char *from)
{
	struct peers *p = ctx;
	const struct roster_member *member = NULL;
	struct datagram datagram;
	uint64_t start = 0;

	if (open_datagram(p, bytes, &member, &start, &datagram))
		detector_input(p->detector, member, start, &datagram, from, peers_now(p));
}

static void on_turn(void *ctx)
{
	peers_pump(ctx);
}

/* TCP comes from a port of the moment; where the member is reached is the roster's to say, as long as the host is the same. */
static const char *home_address(const struct roster_member *member, const char *seen)
{
	const char *colon = strrchr(seen, ':');
	size_t host = colon ? (size_t)(colon - seen) + 1 : 0;

	for (size_t i = 0; i < member->address_count; i++)
		if (host && strncmp(member->addresses[i], seen, host) == 0)
			return member->addresses[i];
	return member->address_count ? member->addresses[0] : seen;
}

static void on_visit(void *ctx, struct span sealed, const char *peer_address, struct buf *out_answer)
{
	struct peers *p = ctx;
	const struct roster_member *member = NULL;
	struct datagram datagram;
	uint64_t start = 0;

	if (!open_datagram(p, sealed, &member, &start, &datagram))
		return;
	p->visit = (struct visit){ member, datagram.kind == DATAGRAM_PING ? datagram.nonce : 0, out_answer };
	detector_input(p->detector, member, start, &datagram, home_address(member, peer_address),
		       peers_now(p));
	peers_pump(p);
	p->visit = (struct visit){ 0 };
}

static bool on_answer(void *ctx, const char *name, const char *address, struct span sealed)
{
	struct peers *p = ctx;
	const struct roster_member *member = NULL;
	struct datagram datagram;
	uint64_t start = 0;

	if (!open_datagram(p, sealed, &member, &start, &datagram) || strcmp(member->name, name) != 0 ||
	    datagram.kind != DATAGRAM_ACK)
		return false;
	p->stats.tcp_answered++;
	detector_input(p->detector, member, start, &datagram, address, peers_now(p));
	peers_pump(p);
	return true;
}

static void on_probed(void *ctx, const char *name, uint32_t nonce, enum detector_tcp result)
{
	struct peers *p = ctx;

	if (!p->detector)
		return;
	detector_tcp_result(p->detector, name, nonce, result, peers_now(p));
	peers_pump(p);
}

/* --- keys, carried by neighbours --- */

static void on_key_wanted(void *ctx, uint32_t generation, const char *member, struct buf *out_sealed)
{
	struct peers *p = ctx;
	uint64_t now = peers_now(p);
	int code;

	if (now >= p->keys_given_ms + 1000) {
		p->keys_given_ms = now;
		p->keys_given = 0;
	}
	/* It is safe with anybody, but to find it costs time, and strangers may ask. */
	if (p->keys_given++ >= PEERS_KEYS_GIVEN)
		return;
	code = membership_find_sealed(p->options.cache, &p->membership, generation, member, out_sealed);
	if (!code)
		p->stats.keys_given++;
}

static void on_key(void *ctx, uint32_t generation, struct span sealed)
{
	struct peers *p = ctx;
	int code =
		membership_add_key(&p->membership, p->options.node, generation, sealed, p->options.key->key);

	if (code == -EKEYREJECTED || code == -EBADMSG)
		p->stats.forged++;
	if (code <= 0)
		return;
	p->stats.keys_fetched++;
	p->key_asked_ms = 0; /* the claim was true: the next change may follow at once */
	code = peers_set_keys(p);
	log_info(MODULE, "key-from-neighbour", "region=%s generation=%u code=%d", p->region,
		 (unsigned)generation, code);
}

const struct udp_events peers_udp_events = { on_datagram, on_turn };
const struct contact_events peers_contact_events = { .on_visit = on_visit,
						     .on_key_wanted = on_key_wanted,
						     .on_answer = on_answer,
						     .on_probed = on_probed,
						     .on_key = on_key };
