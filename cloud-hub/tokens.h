/* tokens: join tokens as an operator handles them: created, listed and revoked over the hub's own API. Loop thread.
 *
 *     POST   /holdfast/v1/tokens       {"ttlSeconds":86400,"uses":1,"regions":["east"],"nodeName":"x"} -> {"token":"hf1...."}
 *     GET    /holdfast/v1/tokens       -> {"items":[{"id":...,"expires":...,"usesLeft":...}]}
 *     DELETE /holdfast/v1/tokens/ID
 */
#ifndef HOLDFAST_CLOUD_HUB_TOKENS_H
#define HOLDFAST_CLOUD_HUB_TOKENS_H

#include "api/server.h"
#include "auth/authority.h"

#define TOKENS_PATH "/holdfast/v1/tokens"

struct tokens;
/* Adds its routes to the api; both are borrowed and must outlive it. */
int tokens_new(struct api *api, const struct authority *authority, struct tokens **out) must_check;
void tokens_free(struct tokens *tokens);

#endif
