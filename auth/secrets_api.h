/* secrets_api: how an operator looks at a hub's keys and has them replaced, on both hubs. Loop thread.
 *
 *     GET  /holdfast/v1/secrets         -> {"wrap":"file","keyFile":"...","key":2,"keys":1,"rotation":"idle","revision":0,"lastError":""}
 *     POST /holdfast/v1/secrets/rotate  -> the same
 */
#ifndef HOLDFAST_AUTH_SECRETS_API_H
#define HOLDFAST_AUTH_SECRETS_API_H

#include "api/server.h"
#include "auth/rotation.h"
#include "base/json.h"

#define SECRETS_PATH "/holdfast/v1/secrets"

struct secrets_api { /* the owner's; all borrowed by it */
	struct vault *vault;
	struct rotation *rotation;
};
/* Adds the routes; `secrets` is borrowed and must outlive the api. */
int secrets_api_add(struct api *api, struct secrets_api *secrets) must_check;

/* What a verb prints of the answer; appends. */
int secrets_text(const struct json *answer, struct buf *out) must_check;

#endif
