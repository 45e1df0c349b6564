/* x509_mbed: what the three sources of x509 share of mbedTLS. Private to auth/x509*.c. */
#ifndef HOLDFAST_AUTH_X509_MBED_H
#define HOLDFAST_AUTH_X509_MBED_H

#include <mbedtls/pk.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>

#include "auth/x509.h"

#ifndef MBEDTLS_PRIVATE /* 2.28 hides nothing */
#define MBEDTLS_PRIVATE(member) member
#endif

#define X509_DER_MAX 8192
#define X509_SPKI_MAX 256

struct x509_key {
	mbedtls_pk_context pk;
	bool has_private;
};

/* mbedTLS asks for its randomness through this. */
int x509_rng(void *ctx, unsigned char *out, size_t len);
/* Foreign codes stop here: memory is -ENOMEM, all else the `code` given, with mbedTLS's number in the message. */
int x509_fail(struct err *err, int code, int foreign, const char *what);
bool x509_pk_is_p256(const mbedtls_pk_context *pk);
/* SubjectPublicKeyInfo at the end of `out`; its length or negative errno. */
int x509_pk_spki(const mbedtls_pk_context *pk, uint8_t out[X509_SPKI_MAX]);
void x509_sha256(const void *bytes, size_t len, uint8_t out[X509_SHA256_SIZE]);
/* ECDSA over the SHA-256 of the bytes; `sig` of MBEDTLS_PK_SIGNATURE_MAX_SIZE. */
int x509_pk_sign(const mbedtls_pk_context *pk, const void *bytes, size_t len, uint8_t *sig, size_t *out_len);
/* The first certificates in pem; the caller frees `crt` also on failure. */
int x509_crt_of_pem(struct span pem, mbedtls_x509_crt *crt, struct err *err) must_check;
int64_t x509_wall_ms(const mbedtls_x509_time *t);
/* DER in PEM clothes, appended. */
int x509_pem(const char *header, const char *footer, const uint8_t *der, size_t len,
	     struct buf *out) must_check;

#endif
