/* authz: who may do what; denies by default.
 *
 * A fixed chain of authorizers, each of which allows, denies for good, or has no opinion: superusers
 * (system:masters), nodes (held to their entitled set, whatever roles say), and then the roles (auth/rbac.h), which also open
 * discovery and questions about oneself to those whom the default bindings name. Pure; loop thread. */
#ifndef HOLDFAST_AUTH_AUTHZ_H
#define HOLDFAST_AUTH_AUTHZ_H

#include "auth/authn.h"
#include "auth/graph.h"
#include "auth/rbac.h"

struct authz;

#define AUTHZ_REASON_SIZE 256u

/* Both are borrowed and may be NULL: nodes then get nothing that depends on the graph, and nobody anything by roles. */
int authz_new(const struct graph *graph, const struct rbac *rbac, struct authz **out) must_check;
void authz_free(struct authz *authz);
/* True: allowed. `reason` says why, or why not, for the audit log and the 403. */
bool authz_check(const struct authz *authz, const struct api_attributes *what, char *reason,
		 size_t size) must_check;
/* Calls `each` for every rule that the caller holds in the namespace, maybe more than once. *out_complete: he holds nothing else; false
 * for nodes. */
int authz_rules_held(const struct authz *authz, const struct api_identity *who, const char *ns,
		     rbac_each_fn *each, void *ctx, bool *out_complete) must_check;

/* What the body of an allowed write may say when the writer is a node: pods it creates are bound to itself and name no Secret,
 * ConfigMap, ServiceAccount or claim; its Node object keeps name, region, restricted labels and taints set by others. `object` NULL on
 * delete, `old` NULL on create. 0 for every other identity. -EACCES with why. */
int authz_admit(const struct authz *authz, const struct api_attributes *what, const struct json *object,
		const struct json *old, struct err *err) must_check;
/* What somebody writes into a role or a binding he must hold himself, or be allowed to `escalate` or to `bind`. 0 also for every other
 * kind. -EACCES, or -ENOENT (the role bound is not there), with the sentence in out_why; -ENOMEM. */
int authz_admit_roles(const struct authz *authz, const struct api_attributes *what, const struct json *object,
		      const struct json *old, struct buf *out_why) must_check;

#endif
