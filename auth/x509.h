/* x509: keys, certificates and signing requests as PEM text. mbedTLS inside (2.28 and 3.6), and no
 * other file of auth/ includes it.
 *
 * A tool without policy: who may get which certificate is decided in authority.h. Everything is
 * P-256 with SHA-256; anything else is refused. Time is an argument. Any thread, one object at a time. */
#ifndef HOLDFAST_AUTH_X509_H
#define HOLDFAST_AUTH_X509_H

#include "base/buf.h"

#define X509_SHA256_SIZE 32
#define X509_SERIAL_SIZE 16
#define X509_PEM_MAX (16u * 1024) /* of one certificate, key or request */
#define X509_CHAIN_MAX (4u * X509_PEM_MAX)
#define X509_NAME_MAX 250u /* bytes of a common name or organization */
#define X509_ORGANIZATIONS_MAX 16u
#define X509_SANS_MAX 64u
#define X509_BUNDLE_MAX 8u /* roots in a bundle */

/* --- keys --- */
struct x509_key; /* a key pair, or the public half that came out of a request */
int x509_key_new(struct x509_key **out) must_check;
int x509_key_parse(struct span pem, struct x509_key **out,
		   struct err *err) must_check; /* a private key; -EINVAL */
void x509_key_free(struct x509_key *key);
int x509_key_write(const struct x509_key *key,
		   struct buf *out_pem) must_check; /* -EINVAL without private half */
/* SHA-256 of the SubjectPublicKeyInfo: how a node's key is registered (tls_peer.key_sha256). */
int x509_key_digest(const struct x509_key *key, uint8_t out[X509_SHA256_SIZE]) must_check;

/* SubjectPublicKeyInfo, appended. */
int x509_key_spki(const struct x509_key *key, struct buf *out_der) must_check;
/* ECDSA over the SHA-256 of the bytes, DER, appended. -EINVAL without private half. */
int x509_sign(const struct x509_key *key, struct span bytes, struct buf *out_signature) must_check;
/* Was it made by this key? *out_key_sha256 is the key's digest as x509_key_digest gives it. -EKEYREJECTED; -EINVAL: no P-256 key. */
int x509_check_signature(struct span spki_der, struct span bytes, struct span signature,
			 uint8_t out_key_sha256[X509_SHA256_SIZE]) must_check;
/* --- signatures over bytes: ECDSA on SHA-256, r and s side by side as JOSE has them (RFC 7518 section 3.4) --- */
#define X509_SIGNATURE_SIZE 64
#define X509_POINT_SIZE 64 /* x and y side by side */
int x509_key_sign(const struct x509_key *key, struct span bytes, uint8_t out[X509_SIGNATURE_SIZE]) must_check;
bool x509_key_verify(const struct x509_key *key, struct span bytes, const uint8_t sig[X509_SIGNATURE_SIZE]);
int x509_key_point(const struct x509_key *key, uint8_t out[X509_POINT_SIZE]) must_check;

#define X509_AGREED_SIZE 32
/* The secret that the own private key shares with another's public one: ECDH on P-256, the x coordinate (SEC 1, 3.3.1). Who hashes
 * it has a key. -EINVAL: not a key of P-256, or no private half. */
int x509_agree(const struct x509_key *own, struct span spki_der, uint8_t out[X509_AGREED_SIZE]) must_check;

/* --- signing requests (PKCS #10) --- */
int x509_csr_write(const struct x509_key *key, const char *common_name, struct buf *out_pem) must_check;
/* The key of a request whose signature proves that the sender holds it. Names in it are not looked at.
 * -EINVAL: not a request, another curve, a bad signature. */
int x509_csr_key(struct span pem, struct x509_key **out, struct err *err) must_check;

/* --- certificates --- */
enum x509_use {
	X509_USE_ROOT, /* self-signed authority */
	X509_USE_AUTHORITY, /* intermediate: signs leaves only (path length 0); `server` and `client` limit what they are for */
	X509_USE_CROSS, /* the name and key of one root, signed by another: who trusts the other finds to the one */
	X509_USE_LEAF,
};
struct x509_request {
	enum x509_use use;
	bool server, client; /* extended key usages; none for a root */
	const char *common_name;
	const char *const *organizations; /* NULL-ended, may be NULL */
	const char *const
		*names; /* subject alternative names, NULL-ended, may be NULL; IP literals become addresses */
	int64_t not_before_wall_ms, not_after_wall_ms; /* whole seconds count */
};
/* Signs `subject`'s public half with the issuer's key under a random serial; for X509_USE_ROOT issuer_pem is
 * empty and issuer_key is the subject. Names outside [A-Za-z0-9 :._@/-], or too long, are -EINVAL. */
int x509_issue(const struct x509_request *request, const struct x509_key *subject, struct span issuer_pem,
	       const struct x509_key *issuer_key, struct buf *out_pem, struct err *err) must_check;

struct x509_facts {
	char common_name[X509_NAME_MAX + 1], issuer[X509_NAME_MAX + 1]; /* the issuer's common name */
	char organizations[X509_ORGANIZATIONS_MAX][64];			/* longer ones are -EINVAL */
	size_t organization_count;
	int64_t not_before_wall_ms, not_after_wall_ms;
	uint8_t serial[20];
	size_t serial_len;
	uint8_t key_sha256[X509_SHA256_SIZE];
	uint8_t cert_sha256[X509_SHA256_SIZE]; /* of the DER: for a root, its pin */
	bool is_authority, server, client;
};
/* Of the first certificate in pem. -EINVAL. */
int x509_read(struct span pem, struct x509_facts *out, struct err *err) must_check;
/* The same of one certificate as DER, as a handshake shows it. */
int x509_read_der(struct span der, struct x509_facts *out, struct err *err) must_check;
/* Is chain_pem (leaf first) signed up to one in trusted_pem, and its leaf fit for the use asked (and name, unless NULL)? Validity
 * is judged at now_wall_ms. 0, or -EKEYREJECTED with what is wrong. */
int x509_verify(struct span chain_pem, struct span trusted_pem, bool as_server, const char *name,
		int64_t now_wall_ms, struct err *err) must_check;
/* Is this a bundle of roots to trust: 1 to X509_BUNDLE_MAX certificates and nothing else, each a P-256 authority that signed itself?
 * Dates are not looked at. -EINVAL with what is wrong. */
int x509_bundle_check(struct span pem, struct err *err) must_check;
/* Is the one with this SHA-256 (of its DER) among the certificates in pem? */
bool x509_bundle_has(struct span pem, const uint8_t cert_sha256[X509_SHA256_SIZE]);
/* May who trusts the roots in `trusted` trust those of a new bundle? Each has to be one of them, or to have its name and key signed by one
 * of them, directly or through others, in `crosses` (may be empty). So a key that signs for servers cannot bring in a root.
 * Dates are not looked at. -EKEYREJECTED; -EINVAL as above. */
int x509_bundle_follows(struct span bundle, struct span crosses, struct span trusted,
			struct err *err) must_check;
/* Does the certificate carry the public half of this key? */
bool x509_matches(struct span cert_pem, const struct x509_key *key);

#endif
