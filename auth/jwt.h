/* jwt: JSON Web Tokens in the one form used here: JWS compact serialization (RFC 7515), ES256 (RFC 7518 section 3.4).
 *
 * The algorithm is fixed: a header that says anything else is no token. Parsing is strict (canonical base64url, known header
 * fields) and says nothing about who signed; claims are the caller's to judge. Pure; any thread. */
#ifndef HOLDFAST_AUTH_JWT_H
#define HOLDFAST_AUTH_JWT_H

#include "auth/x509.h"
#include "base/json.h"

#define JWT_MAX (16u * 1024)
#define JWT_KEY_ID_SIZE 44 /* base64url of a SHA-256, with NUL */
#define JWT_SIGNATURE_SIZE X509_SIGNATURE_SIZE

struct jwt {
	char key_id[JWT_KEY_ID_SIZE];
	struct json *claims;	 /* an object */
	struct span signed_part; /* of the text, borrowed */
	uint8_t signature[JWT_SIGNATURE_SIZE];
};
/* -EINVAL: not one, err says what is wrong; -ENOMEM. *out is safe to give to jwt_done either way. */
int jwt_parse(struct span text, struct jwt *out, struct err *err) must_check;
void jwt_done(struct jwt *jwt);
bool jwt_is_signed_by(const struct jwt *jwt, const struct x509_key *key);

/* How a key is named: the base64url SHA-256 of its SubjectPublicKeyInfo, as upstream names them. */
int jwt_key_id(const struct x509_key *key, char out[JWT_KEY_ID_SIZE]) must_check;
/* Appends the token. */
int jwt_sign(const struct x509_key *key, const struct json *claims, struct buf *out) must_check;
/* Appends the public half as a JSON Web Key (RFC 7517). */
int jwt_write_jwk(const struct x509_key *key, struct buf *out) must_check;

#endif
