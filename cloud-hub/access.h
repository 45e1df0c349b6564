/* access: joins the API to auth/: who a connection is, what it may do, what a write may say.
 *
 * Callers come over TLS with a client certificate, or over the hub's own unix socket, which only root
 * can open and which therefore is the administrator. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_ACCESS_H
#define HOLDFAST_CLOUD_HUB_ACCESS_H

#include "api/http.h"
#include "auth/authority.h"
#include "auth/authz.h"

struct access;
struct audit;
struct satokens;
struct users;
struct access_options {
	const struct authz *authz;
	struct audit *audit;	   /* hears of every request; NULL: nobody does */
	const struct users *users; /* whose certificates were revoked; NULL: nobody's */
	struct satokens *satokens; /* judges bearer tokens; NULL: none is good */
	/* May this node, with this key (hex SHA-256), still work? NULL: all may. */
	bool (*node_works)(void *ctx, const char *node, const char *key_sha256);
	void *ctx;
};
/* All is borrowed. */
int access_new(const struct access_options *options, struct access **out) must_check;
void access_free(struct access *access);
struct api_http_auth access_http_auth(struct access *access);
/* authorize, admit and outcome of the hooks; ready stays NULL for the owner to set. */
struct api_hooks access_hooks(struct access *access);
/* Ends the watches of callers who have lost their credential or the right to what they watch. */
void access_recheck(struct access *access, struct api *api);

#endif
