/* peers_internal: what the sources of peers share: peers.c (life, and what the detector asks for), peers_hear.c (what comes in),
 * peers_show.c (what a person and a program may know). Private to edge-hub/health/peers. */
#ifndef HOLDFAST_EDGE_HUB_HEALTH_PEERS_INTERNAL_H
#define HOLDFAST_EDGE_HUB_HEALTH_PEERS_INTERNAL_H

#include "edge-hub/health/contact.h"
#include "edge-hub/health/membership.h"
#include "edge-hub/health/peers.h"
#include "edge-hub/health/voter.h"
#include "net/udp.h"

/* A ping that came by TCP: its answer goes back there. */
struct visit {
	const struct roster_member *from;
	uint32_t nonce;
	struct buf *answer;
};

struct peers {
	struct peers_options options;
	char region[ROSTER_REGION_SIZE]; /* of `detector` and `envelope` */
	struct udp *udp;
	struct contact *contact;
	struct timer *timer;
	struct wakeup *reload;
	struct membership membership;
	struct detector *detector; /* NULL: no region is known */
	struct envelope *envelope;
	struct voter *voter;
	struct buf plain, sealed; /* scratch that keeps its memory */
	struct visit visit;
	bool tunnel_up, pumping;
	unsigned trouble;
	uint64_t roll_call_ms;
	char settled_region[ROSTER_REGION_SIZE];
	uint64_t settled;
	uint64_t key_asked_ms, keys_given_ms;
	unsigned keys_given; /* since keys_given_ms */
	struct peers_stats stats;
};

uint64_t peers_now(const struct peers *peers);
/* Does what the detector and the voter ask for, and sets the timer. */
void peers_pump(struct peers *peers);
/* Seals what is in peers->plain into peers->sealed. */
int peers_seal(struct peers *peers) must_check;
int peers_set_keys(struct peers *peers) must_check;
/* A verdict of this node or of another, for the cloud, through the tunnel or through neighbours. */
void peers_say(struct peers *peers, struct span verdict);

extern const struct udp_events peers_udp_events;
extern const struct contact_events peers_contact_events;

#endif
