/* datagram: what members of a region say to each other, as bytes before sealing, and the parser of them. Pure.
 *
 *   kind u8 | flags u8 | score u8 | 0 u8 | nonce u32 | roster version u32 (low bits) | incarnation u32 | target id 8 | items...
 *   item: type u8 | length u8 | bytes
 *
 * Network byte order. Unknown item types are skipped, unknown kinds refused. Sealed it fits the smallest usual MTU. */
#ifndef HOLDFAST_HEALTHCHECK_DATAGRAM_H
#define HOLDFAST_HEALTHCHECK_DATAGRAM_H

#include "healthcheck/roster.h"

#define DATAGRAM_PLAIN_MAX 1100u
#define DATAGRAM_ITEMS_MAX 24u
#define DATAGRAM_SIGNATURE_MAX 72u /* ECDSA P-256, DER */
#define DATAGRAM_VERDICT_MAX 250u  /* an encoded verdict; see verdict.h */

enum datagram_kind {
	DATAGRAM_PING =
		1, /* to `target`; anybody else keeps silent, so that a reused address is no life sign */
	DATAGRAM_ACK = 2,      /* to a ping or ping-req of that nonce; target: who answered */
	DATAGRAM_PING_REQ = 3, /* ask `target` for me */
	DATAGRAM_NACK = 4,     /* it has not answered me within the time; target: who */
};
#define DATAGRAM_HAS_TUNNEL 0x01u   /* the sender reaches the cloud */
#define DATAGRAM_SUSPECTS_YOU 0x02u /* buddy system: the receiver had better refute */
#define DATAGRAM_IS_LEAVING 0x04u
#define DATAGRAM_SEES_YOU 0x08u /* the sender holds the receiver for alive */

enum datagram_item_type {
	DATAGRAM_SUSPECT = 1, /* somebody failed to reach it: probe it yourself. Never evidence */
	DATAGRAM_ALIVE = 2,   /* its own, signed, refutation */
	DATAGRAM_WANT = 3,    /* the cloud wants to hear about it */
	DATAGRAM_VERDICT = 4, /* for the cloud, carried by who has a tunnel */
	DATAGRAM_BACK = 5,    /* somebody reached it again: probe it yourself */
	DATAGRAM_GONE = 6,    /* as SUSPECT, and not even its host answers */
};
struct datagram_item {
	enum datagram_item_type type;
	uint8_t about[ROSTER_ID_SIZE];		   /* not VERDICT */
	uint8_t from[ROSTER_ID_SIZE];		   /* SUSPECT: who failed to reach it */
	uint32_t incarnation;			   /* SUSPECT, ALIVE */
	uint64_t start;				   /* ALIVE, BACK: of its hub */
	uint8_t signature[DATAGRAM_SIGNATURE_MAX]; /* ALIVE: over datagram_alive_bytes */
	size_t signature_len;
	struct span verdict; /* VERDICT; borrowed from the bytes parsed */
};
struct datagram {
	enum datagram_kind kind;
	uint8_t flags, score;
	uint32_t nonce, roster_version, incarnation;
	uint8_t target[ROSTER_ID_SIZE];
	struct datagram_item items[DATAGRAM_ITEMS_MAX];
	size_t item_count;
};
/* Appends; items that do not fit into DATAGRAM_PLAIN_MAX any more are left out and *out_items (may be NULL) says how many went in. */
int datagram_write(const struct datagram *datagram, struct buf *out, size_t *out_items) must_check;
int datagram_parse(struct span bytes, struct datagram *out) must_check; /* -EBADMSG */

/* What an ALIVE signs: "holdfast alive 1", region, member's name, start, incarnation. */
int datagram_alive_bytes(const char *region, const char *name, uint64_t start, uint32_t incarnation,
			 struct buf *out) must_check;

#endif
