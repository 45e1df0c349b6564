/* region_key: how a member gets the key of its region: sealed to its identity key by the cloud, signed by the cloud, and therefore
 * safe to be carried by anybody, peers that are still connected for one.
 *
 *   length u16 | ephemeral public key | length u16 | sealed key | signature
 *
 * Sealed with AES-256-GCM under HMAC-SHA256(shared secret of the ephemeral and the identity key, what it is bound to). Bound to region,
 * generation and member, like the signature. Pure; any thread. */
#ifndef HOLDFAST_HEALTHCHECK_REGION_KEY_H
#define HOLDFAST_HEALTHCHECK_REGION_KEY_H

#include "auth/x509.h"

#define REGION_KEY_SIZE 32u
#define REGION_KEY_SEALED_MAX 512u

struct region_key_to {
	const char *region, *member;
	uint32_t generation;
};
/* Cloud: for the member with this identity (SubjectPublicKeyInfo). `signer` is the key whose public half the region's members were
 * given. -EINVAL: the identity is no key. */
int region_key_seal(const struct region_key_to *to, const uint8_t key[REGION_KEY_SIZE],
		    struct span identity_spki, const struct x509_key *signer, struct buf *out) must_check;
/* Member: -EKEYREJECTED: not signed by `signer_spki`, or for another region, member or generation; -EBADMSG: damaged. */
int region_key_open(const struct region_key_to *to, struct span sealed, const struct x509_key *identity,
		    struct span signer_spki, uint8_t out_key[REGION_KEY_SIZE]) must_check;

#endif
