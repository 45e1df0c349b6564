/* envelope: datagrams sealed between the members of a region: nobody outside reads, forges or replays them.
 *
 *   "HF" | version u8 | 0 u8 | key generation u32 | sender id 8 | start u64 | salt 8 | sequence u64 | nonce 12 | sealed | tag 16
 *
 * AES-256-GCM under HMAC-SHA256(region key, "holdfast health 1" | region | sender id | start | salt), random nonces, the head
 * authenticated: a subkey for each start of a hub, so that the keys never see too many datagrams, also when a disk was put back. A window of sequences for each
 * sender rejects replays; starts below the newest seen are rejected for good. After a restart of the receiver the window is
 * empty: what a replay can do then is prompt a probe, because acknowledgements answer a fresh nonce, and refutations, keys and
 * verdicts are signed and rise. Pure; told no time. One thread. */
#ifndef HOLDFAST_HEALTHCHECK_ENVELOPE_H
#define HOLDFAST_HEALTHCHECK_ENVELOPE_H

#include "healthcheck/datagram.h"

#define ENVELOPE_KEY_SIZE 32u
#define ENVELOPE_HEAD_SIZE 40u
#define ENVELOPE_OVERHEAD (ENVELOPE_HEAD_SIZE + 28u)
#define ENVELOPE_MAX \
	(DATAGRAM_PLAIN_MAX + ENVELOPE_OVERHEAD) /* 1168: fits IPv6's least MTU of 1280 with its headers */
#define ENVELOPE_WINDOW 1024u

struct envelope;

/* `start`: of this hub with this data directory, strictly rising; a random salt is made. */
int envelope_new(const char *region, const char *self, uint64_t start, struct envelope **out) must_check;
void envelope_free(struct envelope *envelope);
/* The keys that are good now, newest last: it opens under all of them and seals under `current`. Keys no longer named are wiped. */
struct envelope_key {
	uint32_t generation;
	uint8_t key[ENVELOPE_KEY_SIZE];
};
int envelope_set_keys(struct envelope *envelope, const struct envelope_key *keys, size_t count,
		      uint32_t current) must_check;
/* Senders are those of the roster; a sender's window survives a new roster. */
int envelope_set_roster(struct envelope *envelope, const struct roster *roster) must_check;

/* -ENOKEY: no key yet. -EMSGSIZE. */
int envelope_seal(struct envelope *envelope, struct span plain, struct buf *out) must_check;

enum envelope_refusal {
	ENVELOPE_OK,
	ENVELOPE_MALFORMED,
	ENVELOPE_UNKNOWN_SENDER, /* not of this region */
	ENVELOPE_UNKNOWN_KEY,	 /* a generation that this node lacks: it may be the one that is behind */
	ENVELOPE_FORGED,	 /* does not open */
	ENVELOPE_OLD_START,
	ENVELOPE_REPLAYED,
	ENVELOPE_REFUSALS
};
/* Opens into *out_plain (appends) and names the sender, borrowed from the roster. Counted by refusal. */
enum envelope_refusal envelope_open(struct envelope *envelope, struct span bytes, struct buf *out_plain,
				    const struct roster_member **out_sender, uint64_t *out_start) must_check;
const uint64_t *envelope_counts(const struct envelope *envelope); /* ENVELOPE_REFUSALS of them */
const char *envelope_refusal_name(enum envelope_refusal refusal);
/* The generation asked for by the newest ENVELOPE_UNKNOWN_KEY, 0 for none: fetch it from that peer. */
uint32_t envelope_wanted_key(const struct envelope *envelope);

#endif
