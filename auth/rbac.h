/* rbac: who may do what by Roles, ClusterRoles and their bindings: an index over them, kept in memory.
 *
 * Told of every change in the order of the store, like auth/graph. A question costs a look-up for the user and one for each of his
 * groups, cluster-wide and in the one namespace, however many bindings there are. What cannot be read or kept grants
 * nothing. Pure; one thread. Semantics and reasons: upstream's plugin/pkg/auth/authorizer/rbac. */
#ifndef HOLDFAST_AUTH_RBAC_H
#define HOLDFAST_AUTH_RBAC_H

#include "auth/rbac_rules.h"
#include "cache/cache.h"

struct rbac;

#define RBAC_GROUP "rbac.authorization.k8s.io"
#define RBAC_ROLES_MAX 200000u
#define RBAC_BINDINGS_MAX 1000000u
#define RBAC_SUBJECTS_MAX 2000000u /* pairs of a namespace and whom something is granted to there */

int rbac_new(struct rbac **out) must_check;
void rbac_free(struct rbac *rbac);

/* Feeds one object as it is; kinds of other groups are ignored. -EBADMSG: the body is not what it should be; -ENOMEM; -ENOSPC: more
 * than the index keeps. After a failure the object grants nothing, whatever it said before. */
int rbac_put(struct rbac *rbac, const struct object *object) must_check;
/* Feeds one change, in order. */
int rbac_apply(struct rbac *rbac, const struct change *change) must_check;
/* The whole scan. *out_revision: apply changes after it. Objects that cannot be read or kept are left out and counted. Also later, when
 * rbac_apply lacked memory: what was left out is taken in. */
int rbac_load(struct rbac *rbac, struct cache *cache, uint64_t *out_revision) must_check;

/* True: allowed, and `reason` names binding and role. Else `reason` is "" or says which role a binding names in vain. */
bool rbac_allows(const struct rbac *rbac, const struct api_attributes *what, char *reason,
		 size_t size) must_check;

/* Calls `each` for every rule that the caller holds in the namespace ("": cluster-wide only), more than once when granted more than
 * once; nonzero stops and is returned. Roles that bindings name in vain are skipped. Rules are borrowed until the next change. */
typedef int rbac_each_fn(void *ctx, const struct rbac_rule *rule);
int rbac_rules_held(const struct rbac *rbac, const struct api_identity *who, const char *ns,
		    rbac_each_fn *each, void *ctx) must_check;
/* The rules of a role; `ns` NULL or "": a ClusterRole. NULL: there is none. Borrowed until the next change. */
const struct rbac_rules *rbac_role(const struct rbac *rbac, const char *ns, const char *name);

struct rbac_stats {
	size_t roles, bindings, subjects;
	uint64_t skipped; /* by the last rbac_load: what cannot be read, or is more than the index keeps */
};
void rbac_stats(const struct rbac *rbac, struct rbac_stats *out);

#endif
