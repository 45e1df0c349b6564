/* contact: the TCP side of regional health: answers pings of neighbours whose datagrams get lost on the way, probes them in the same way,
 * and hands out and fetches keys of the region. Knows no keys itself: what is sealed is opened by its owner.
 *
 * Whoever connects is a stranger: connections, their bytes and their time are bounded. Loop thread. */
#ifndef HOLDFAST_EDGE_HUB_HEALTH_CONTACT_H
#define HOLDFAST_EDGE_HUB_HEALTH_CONTACT_H

#include "edge-hub/health/peer_frame.h"
#include "healthcheck/detector.h"
#include "net/loop.h"

struct contact;

#define CONTACT_VISITORS_MAX 64u
#define CONTACT_VISIT_MS 10000u /* of one connection; a probe takes milliseconds */
#define CONTACT_CALLS_MAX 64u	/* probes and requests under way */
#define CONTACT_KEY_MS 5000u	/* a request for a key may take so long */

struct contact_events {
	/* A sealed datagram came from a stranger at this host. Appends the sealed answer, if any. */
	void (*on_visit)(void *ctx, struct span sealed, const char *peer_address, struct buf *out_answer);
	/* The sealed key of that generation for that member; appends nothing when it is not known. */
	void (*on_key_wanted)(void *ctx, uint32_t generation, const char *member, struct buf *out_sealed);
	/* What a probed member sent. True: that was the answer, on_probed does not follow. */
	bool (*on_answer)(void *ctx, const char *member, const char *address, struct span sealed);
	/* A probe that got no answer. */
	void (*on_probed)(void *ctx, const char *member, uint32_t nonce, enum detector_tcp result);
	void (*on_key)(void *ctx, uint32_t generation, struct span sealed);
};
/* `address`: "IP:PORT". The error names it. */
int contact_new(struct loop *loop, const char *address, const struct contact_events *events, void *ctx,
		struct contact **out, struct err *err) must_check;
void contact_close(struct contact *contact);		    /* no callback follows; NULL is fine */
const char *contact_address(const struct contact *contact); /* as bound */

/* Sends a sealed ping to the member and waits for its answer. -EAGAIN: too many under way. */
int contact_probe(struct contact *contact, const char *member, const char *address, uint32_t nonce,
		  struct span sealed, unsigned timeout_ms) must_check;
/* Asks for the key that was sealed for `member`; on_key follows if it is known there. */
int contact_ask_key(struct contact *contact, const char *address, uint32_t generation,
		    const char *member) must_check;

#endif
