/* satokens: the tokens of service accounts at the API: asked for (serviceaccounts/token), reviewed (TokenReview), shown (Bearer), and
 * the keys behind them published and rotated. What they mean is auth/satoken.h. Loop thread.
 *
 *     GET  /openid/v1/jwks, /.well-known/openid-configuration
 *     GET  /holdfast/v1/token-keys          -> {"keys":[...]}: a JSON Web Key Set, the one that signs first
 *     POST /holdfast/v1/token-keys/rotate   -> {"keys":2} */
#ifndef HOLDFAST_CLOUD_HUB_SATOKENS_H
#define HOLDFAST_CLOUD_HUB_SATOKENS_H

#include "api/server.h"
#include "auth/satoken.h"

#define TOKEN_KEYS_PATH "/holdfast/v1/token-keys"
#define SATOKENS_FILE "serviceaccounts.keys" /* in the data directory */

struct satokens;
/* Reads or makes the keys in `path`. All is borrowed. */
int satokens_new(struct cache *cache, struct vault *vault, const char *path, struct satokens **out,
		 struct err *err) must_check;
void satokens_free(struct satokens *satokens);
int satokens_serve(struct satokens *satokens, struct api *api) must_check;

/* Who shows this token to the API? As satoken_identify. */
int satokens_identify(struct satokens *satokens, struct span token, const struct api_identity **out,
		      struct err *err) must_check;
/* Is what the identity's token was bound to still there? */
bool satokens_is_bound(struct satokens *satokens, const struct api_identity *identity);

#endif
