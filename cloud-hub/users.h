/* users: people as an operator handles them: certificates issued, listed and revoked, over the hub's own API, for members of
 * system:masters only. Loop thread.
 *
 *     POST   /holdfast/v1/users        {"name":"jo","groups":["dev"],"ttlSeconds":86400,"csr":"<PEM>","allowSystemGroups":false}
 *                                      -> {"name":...,"expires":...,"server":...,"authority":"<PEM>","certificate":"<PEM>"}
 *     GET    /holdfast/v1/users        -> {"items":[{"name":...,"groups":[...],"expires":...,"certSha256":...,"revoked":...}]}
 *     DELETE /holdfast/v1/users/NAME   -> {"revoked":2}: every certificate of that name
 *
 * Each certificate has a mark in the store (auth/user.h). What is revoked is kept in memory too, because every request asks. */
#ifndef HOLDFAST_CLOUD_HUB_USERS_H
#define HOLDFAST_CLOUD_HUB_USERS_H

#include "api/server.h"
#include "auth/authority.h"

#define USERS_PATH "/holdfast/v1/users"
#define USERS_MAX 10000u     /* certificates on record */
#define USERS_CERTS_MAX 256u /* good ones of one name */

struct users;
/* Reads what is revoked. All are borrowed. */
int users_new(struct cache *cache, struct authority *authority, struct users **out) must_check;
void users_free(struct users *users);
/* Adds the routes. `revoked` (may be NULL) is called after certificates were revoked, when the store has it. */
int users_serve(struct users *users, struct api *api, void (*revoked)(void *ctx), void *ctx) must_check;
/* Where the API is reached, for kubeconfigs that do not say; copied. -ENAMETOOLONG. */
int users_set_server(struct users *users, const char *server) must_check;
/* Was this certificate revoked? */
bool users_is_revoked(const struct users *users, const char *credential);

#endif
