/* api_parts: the cloud-hub's API and all that answers in it besides objects: who callers are, what they may do, reviews, and the operator's
 * nouns, each a module of its own. Made and ended together; how clients reach it is api_server. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_API_PARTS_H
#define HOLDFAST_CLOUD_HUB_API_PARTS_H

#include "auth/secrets_api.h"
#include "cloud-hub/access.h"
#include "cloud-hub/gateway/gateway.h"
#include "cloud-hub/settings.h"

struct audit;
struct authorities;
struct backup_desk;
struct leases;
struct nodes;
struct orphans;
struct satokens;
struct services;
struct tokens;
struct users;

struct api_parts { /* NULL: not made yet, or gone */
	struct api *api;
	struct access *access;
	struct users *users;
	struct satokens *satokens;
	struct tokens *tokens;
	struct nodes *nodes;
	struct orphans *orphans;
	struct authorities *authorities;
	struct leases *leases;
	struct services *services;
	struct loop *loop; /* borrowed */
	struct backup_desk *backups;
};

struct api_parts_options { /* borrowed */
	const struct settings *settings;
	struct loop *loop;
	struct cache *cache;
	struct vault *vault;
	struct secrets_api *secrets;
	struct authority *authority;
	struct gateway *gateway;
	struct audit *audit;
	struct authz *authz;
	void (*on_revoked)(void *ctx); /* a credential: whoever watches by it is to be asked again */
	void *ctx;
};
/* api_parts_free is due even when it fails. */
int api_parts_init(struct api_parts *parts, const struct api_parts_options *options,
		   struct err *err) must_check;
/* In this order, each at any state. */
void api_parts_stop(struct api_parts *parts); /* begin nothing more; before loop and cache close */
void api_parts_free(struct api_parts *parts); /* after cache_close, whose last completions want the API */

#endif
