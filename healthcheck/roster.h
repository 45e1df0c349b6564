/* roster: who belongs to a region, how to reach them, and how they watch each other: as the cloud said last. It comes with the
 * replica as the status of the Region object and is there offline. A member keeps its place while the roster changes
 * around it: members are found by name or by id, never by position.
 *
 * Immutable once read; one thread. */
#ifndef HOLDFAST_HEALTHCHECK_ROSTER_H
#define HOLDFAST_HEALTHCHECK_ROSTER_H

#include "base/buf.h"

#define ROSTER_MEMBERS_MAX 1024u
#define ROSTER_ADDRESSES_MAX 4u
#define ROSTER_NAME_SIZE 254u
#define ROSTER_REGION_SIZE 64u
#define ROSTER_ADDRESS_SIZE 56u	 /* "[v6]:port" */
#define ROSTER_IDENTITY_MAX 128u /* bytes; a SubjectPublicKeyInfo of P-256 has 91 */
#define ROSTER_ID_SIZE 8u
#define ROSTER_KEYS_MAX 4u
#define ROSTER_BYTES_MAX (2u * 1024 * 1024)
#define ROSTER_PORT 51005u /* UDP and TCP */

struct roster_member {
	char name[ROSTER_NAME_SIZE];
	uint8_t id[ROSTER_ID_SIZE]; /* the first bytes of the name's SHA-256: how datagrams name it */
	char addresses[ROSTER_ADDRESSES_MAX]
		      [ROSTER_ADDRESS_SIZE];   /* "IP:PORT", the one on the region's LAN first */
	size_t address_count;		       /* 0: nobody can reach it; it votes, and nobody votes on it */
	uint8_t identity[ROSTER_IDENTITY_MAX]; /* SubjectPublicKeyInfo */
	size_t identity_len;		       /* 0: its word counts for nothing */
	bool in_maintenance;		       /* neither votes nor is voted on */
	uint64_t start; /* starts of its hub that the cloud knows of: lower ones are replays */
	uint64_t since; /* the roster's version when this entry last changed */
};

/* How a region watches itself; the Region object's spec, with these defaults. */
struct health_settings {
	unsigned probe_interval_ms; /* 1000 */
	unsigned probe_timeout_ms;  /* 400: until others are asked too */
	unsigned indirect_probes;   /* 3 others are asked */
	unsigned
		suspicion_alpha_pc; /* 75: hundredths; least suspicion = alpha * max(1, log10(members)) * interval */
	unsigned suspicion_beta; /* 6: and at most beta times that, while nobody else confirms */
	bool tcp_fallback;	 /* true */
	unsigned verdict_ttl_ms; /* 15000 */
	unsigned fence_ms;	 /* 60000: T, see fence.h */
	bool evict_small;	 /* false: with fewer than two electors nobody is moved away (smallPolicy) */
};
extern const struct health_settings health_settings_default;

/* A key of the region, sealed to this node's identity key and signed by the cloud; see region_key.h. */
struct roster_key {
	uint32_t generation;
	struct span sealed; /* into the roster */
};

struct roster {
	char region[ROSTER_REGION_SIZE];
	uint64_t version; /* rises with every change of membership, addresses or keys */
	struct health_settings settings;
	struct roster_member *members; /* ordered by id */
	size_t count;
	struct roster_key keys[ROSTER_KEYS_MAX];
	size_t key_count;
	char *text; /* what the spans point into */
};

/* The Region object's JSON as the replica holds it; `self` picks the sealed keys that are for this node. -EINVAL with what is wrong
 * (two members of one id, a bad address, too many); -ENOMEM. */
int roster_parse(struct span json, const char *self, struct roster **out, struct err *err) must_check;
void roster_free(struct roster *roster); /* NULL is fine */
const struct roster_member *roster_find(const struct roster *roster, const char *name);
const struct roster_member *roster_find_id(const struct roster *roster, const uint8_t id[ROSTER_ID_SIZE]);
void roster_id(const char *name, uint8_t out[ROSTER_ID_SIZE]);
size_t roster_electors(const struct roster *roster, const char *name); /* who has a say about it */

#endif
