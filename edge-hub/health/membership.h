/* membership: the region that this node belongs to, as its replica has it: roster, settings, and the keys that are for this node, opened.
 * Read anew when the Region object changes, which is there offline and after a reboot.
 *
 * The roster comes from the replica alone, which only the cloud writes: a neighbour may hand out keys, because the cloud signed
 * them, but nobody else says who is a member. Loop thread. */
#ifndef HOLDFAST_EDGE_HUB_HEALTH_MEMBERSHIP_H
#define HOLDFAST_EDGE_HUB_HEALTH_MEMBERSHIP_H

#include "auth/x509.h"
#include "cache/cache.h"
#include "healthcheck/envelope.h"
#include "healthcheck/region_key.h"

#define MEMBERSHIP_RESOURCE "regions.health.holdfast.io"
#define MEMBERSHIP_KEYS_MAX (2u * ROSTER_KEYS_MAX)

struct membership {
	struct roster *roster; /* NULL: of no region that is known here */
	uint8_t signer[ROSTER_IDENTITY_MAX];
	size_t signer_len;
	/* What opens, oldest generation first: those of the roster, and newer ones that a neighbour handed on. */
	struct envelope_key keys[MEMBERSHIP_KEYS_MAX];
	size_t key_count;
	size_t keys_refused; /* of the roster: not for this node's key, or not signed by the signer */
};
/* Reads the Region object that lists `self`; when none does, the one named `region` (may be ""), so that the node knows its neighbours
 * before they know it. Keys held in `before` (may be NULL) are not opened again. Without a Region: 0, and no roster. -EINVAL, -EBADMSG,
 * -ENOMEM: err says what is wrong. */
int membership_load(struct cache *cache, const char *self, const char *region,
		    const struct x509_key *identity, const struct membership *before, struct membership *out,
		    struct err *err) must_check;
/* A key that a neighbour handed on. 1: it is news; 0: known, or older than all that are; -EKEYREJECTED, -EBADMSG; -ENOSPC. */
int membership_add_key(struct membership *membership, const char *self, uint32_t generation,
		       struct span sealed, const struct x509_key *identity) must_check;
/* From the replica: the sealed key of that generation for any member. Appends; -ENOENT. */
int membership_find_sealed(struct cache *cache, const struct membership *membership, uint32_t generation,
			   const char *member, struct buf *out) must_check;
void membership_done(struct membership *membership); /* wipes the keys */

#endif
