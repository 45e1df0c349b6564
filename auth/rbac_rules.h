/* rbac_rules: the rules of one role, parsed once and compared often: does a rule allow a request, and do rules
 * that somebody holds cover those of a role.
 *
 * Rules and their comparison follow upstream (pkg/registry/rbac/validation, plugin/pkg/auth/authorizer/rbac).
 * Immutable; pure; any thread. */
#ifndef HOLDFAST_AUTH_RBAC_RULES_H
#define HOLDFAST_AUTH_RBAC_RULES_H

#include "api/server.h"

#define RBAC_ALL "*"

/* Each list is NULL-ended and never NULL itself. A rule is about resources or about paths (`urls`), not both. */
struct rbac_rule {
	const char *const *verbs, *const *groups, *const *resources, *const *names, *const *urls;
};
struct rbac_rules { /* one block */
	size_t count;
	struct rbac_rule *at;
};
/* Every verb on every resource, and on every path. */
extern const struct rbac_rule rbac_everything[2];

/* `rules` is the member of a Role; absent or null is an empty list. -EBADMSG: not of that shape; -ENOMEM. */
int rbac_rules_of_json(const struct json *rules, struct rbac_rules **out) must_check;
void rbac_rules_free(struct rbac_rules *rules); /* NULL is fine */

/* `name` is the object the request is about, "" for none. */
bool rbac_rule_allows(const struct rbac_rule *rule, const struct api_attributes *what, const char *name);

/* Rules that cannot be compared because they name more combinations than this. */
#define RBAC_COMBINATIONS_MAX (256u * 1024)
/* What `wanted` says beyond what `held` covers, a line for each resource, in upstream's words
 * (`{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`), in order. 0: all is covered, `out` is untouched; 1: something is
 * not; -E2BIG: too many combinations. `held` are pointers to the rules of whoever grants. */
int rbac_rules_missing(const struct rbac_rule *const *held, size_t held_count, const struct rbac_rule *wanted,
		       size_t wanted_count, struct buf *out) must_check;

#endif
