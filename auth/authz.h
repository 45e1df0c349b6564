/* authz: who may do what; denies by default.
 *
 * A fixed chain of authorizers, each of which allows, denies for good, or has no opinion: superusers
 * (system:masters), paths open to everyone, nodes (held to their entitled set). RBAC joins the chain as one more
 * entry. Pure; loop thread. */
#ifndef HOLDFAST_AUTH_AUTHZ_H
#define HOLDFAST_AUTH_AUTHZ_H

#include "auth/authn.h"
#include "auth/graph.h"

struct json;
struct selector;
struct authz;

struct authz_request {
	const struct identity *who;
	const char *verb;         /* "get" "list" "watch" "create" "update" "patch" "delete" "deletecollection"; for paths the method, lower case */
	const char *path;         /* request outside the resources ("/healthz"); then the rest is unused. NULL otherwise */
	const char *group;        /* "" for core */
	const char *resource;     /* plural */
	const char *subresource;  /* "" for none */
	const char *ns;           /* "" for cluster-scoped or all namespaces */
	const char *name;         /* "" for collections and for create */
	const struct selector *fields; /* field selector of a list or watch, may be NULL */
};
struct authz_decision {
	bool allowed;
	char reason[256]; /* for the audit log and the 403 */
};

/* `graph` (may be NULL: nodes then get nothing that depends on it) is borrowed. */
int authz_new(const struct graph *graph, struct authz **out) must_check;
void authz_free(struct authz *authz);
void authz_check(const struct authz *authz, const struct authz_request *request, struct authz_decision *out);

/* What the body of an allowed write may say, when the writer is a node: pods it creates are bound to itself and name no Secret,
 * ConfigMap, ServiceAccount or claim; its Node object keeps name, region, restricted labels and taints set by others; status belongs to
 * pods bound to it. `old` NULL on create. 0 for every other identity. -EACCES with why. */
int authz_admit(const struct authz *authz, const struct authz_request *request, const struct json *object, const struct json *old,
		struct err *err) must_check;
/* upstream's 403 message: `pods "x" is forbidden: User "u" cannot get resource "pods" in API group "" in the namespace "n"`. */
int authz_forbidden_text(const struct authz_request *request, const struct authz_decision *decision, struct buf *out);

#endif
