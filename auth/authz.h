/* authz: who may do what; denies by default.
 *
 * A fixed chain of authorizers, each of which allows, denies for good, or has no opinion: superusers
 * (system:masters), paths open to everyone, nodes (held to their entitled set). RBAC joins the chain as one more
 * entry. Pure; loop thread. The two checks fit api_hooks.authorize and api_hooks.admit. */
#ifndef HOLDFAST_AUTH_AUTHZ_H
#define HOLDFAST_AUTH_AUTHZ_H

#include "auth/authn.h"
#include "auth/graph.h"

struct authz;

#define AUTHZ_REASON_SIZE 256u

/* `graph` (may be NULL: nodes then get nothing that depends on it) is borrowed. */
int authz_new(const struct graph *graph, struct authz **out) must_check;
void authz_free(struct authz *authz);
/* True: allowed. `reason` says why, or why not, for the audit log and the 403. */
bool authz_check(const struct authz *authz, const struct api_attributes *what, char *reason,
		 size_t size) must_check;

/* What the body of an allowed write may say when the writer is a node: pods it creates are bound to itself and name no Secret,
 * ConfigMap, ServiceAccount or claim; its Node object keeps name, region, restricted labels and taints set by others. `object` NULL on
 * delete, `old` NULL on create. 0 for every other identity. -EACCES with why. */
int authz_admit(const struct authz *authz, const struct api_attributes *what, const struct json *object,
		const struct json *old, struct err *err) must_check;

#endif
