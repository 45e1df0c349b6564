/* satoken_keys: the keys that sign and verify the tokens of service accounts. The first one signs, all verify, so that a
 * rotation ends no token before its time. Kept in one file, sealed by the vault. Loop thread. */
#ifndef HOLDFAST_AUTH_SATOKEN_KEYS_H
#define HOLDFAST_AUTH_SATOKEN_KEYS_H

#include "auth/jwt.h"

struct satoken_keys;
struct vault;

#define SATOKEN_KEYS_MAX 4u	   /* a rotation beyond that drops the oldest */
#define SATOKEN_VERIFIED_MAX 4096u /* tokens whose signature need not be computed again */

/* Reads `path`, or makes it with a first key. A file that cannot be read is an error, never a reason for new keys. The vault is
 * borrowed. */
int satoken_keys_open(struct vault *vault, const char *path, struct satoken_keys **out,
		      struct err *err) must_check;
void satoken_keys_free(struct satoken_keys *keys);
/* A new key, which signs from now on; durable. */
int satoken_keys_rotate(struct satoken_keys *keys, struct err *err) must_check;
size_t satoken_keys_count(const struct satoken_keys *keys);

int satoken_keys_sign(const struct satoken_keys *keys, const struct json *claims, struct buf *out) must_check;
/* Did one of the keys sign it? `text` is the whole token: one that was good once is remembered by its digest. */
bool satoken_keys_verify(struct satoken_keys *keys, const struct jwt *jwt, struct span text);
/* A JSON Web Key Set of all of them. */
int satoken_keys_write_jwks(const struct satoken_keys *keys, struct buf *out) must_check;

#endif
