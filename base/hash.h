/* hash: fast non-cryptographic hashes of bytes. For tables and digests among honest parties;
 * what an attacker may choose against us goes through net/crypt (SHA-256) instead. */
#ifndef HOLDFAST_BASE_HASH_H
#define HOLDFAST_BASE_HASH_H

#include "base/span.h"

/* Stable across machines, byte orders and releases: it appears in wire digests and in file formats. */
uint64_t hash64(struct span bytes, uint64_t seed);
/* SipHash-2-4 (Aumasson, Bernstein 2012): for tables whose keys come from outside, with a random key. */
uint64_t hash_keyed(struct span bytes, const uint64_t key[2]);
/* CRC-32C (Castagnoli, RFC 3720 appendix B.4): row checksums. Start with 0, chain by passing the result. */
uint32_t hash_crc32c(uint32_t crc, struct span bytes);

#endif
