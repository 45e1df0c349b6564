/* crypt: the few cryptographic tools that are not TLS: SHA-256, HMAC, AEAD, constant-time compare. mbedTLS inside. */
#ifndef HOLDFAST_NET_CRYPT_H
#define HOLDFAST_NET_CRYPT_H

#include "base/buf.h"

#define CRYPT_SHA256_SIZE 32
#define CRYPT_KEY_SIZE 32
#define CRYPT_SEAL_OVERHEAD 28 /* 12 bytes nonce in front, 16 bytes tag behind */

void crypt_sha256(struct span bytes, uint8_t out[CRYPT_SHA256_SIZE]);
/* Of bytes that come in pieces; ended once. */
struct crypt_digest;
int crypt_digest_new(struct crypt_digest **out) must_check;
void crypt_digest_add(struct crypt_digest *digest, struct span bytes);
/* Of all bytes so far; more may follow. */
void crypt_digest_peek(const struct crypt_digest *digest, uint8_t out[CRYPT_SHA256_SIZE]);
void crypt_digest_free(struct crypt_digest *digest);
int crypt_hmac_sha256(struct span key, struct span bytes, uint8_t out[CRYPT_SHA256_SIZE]) must_check;
bool crypt_equal(struct span a, struct span b); /* constant time for equal lengths */
/* A key from a passphrase: PBKDF2-HMAC-SHA512 (RFC 8018), slow on purpose: about a second for a million iterations. */
int crypt_stretch(struct span passphrase, struct span salt, uint32_t iterations,
		  uint8_t out[CRYPT_KEY_SIZE]) must_check;
/* AES-256-GCM with a random nonce; `bound` is authenticated, not stored. */
int crypt_seal(const uint8_t key[CRYPT_KEY_SIZE], struct span bound, struct span plain,
	       struct buf *out) must_check;
/* -EBADMSG when key, bound or bytes are not the ones sealed. */
int crypt_open(const uint8_t key[CRYPT_KEY_SIZE], struct span bound, struct span sealed,
	       struct buf *out) must_check;

#endif
