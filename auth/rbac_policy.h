/* rbac_policy: the roles and bindings that every cluster starts with, as data, and how one that is there is mended.
 *
 * Names and rules are those of kube-apiserver 1.32 (plugin/pkg/auth/authorizer/rbac/bootstrappolicy), without what has no meaning
 * here. Pure; any thread. */
#ifndef HOLDFAST_AUTH_RBAC_POLICY_H
#define HOLDFAST_AUTH_RBAC_POLICY_H

#include "base/json.h"
#include "cache/object.h"

/* On a default object: "true" asks for mending at every start; anything else, or its absence, is an operator's word that the object is
 * his. */
#define RBAC_AUTOUPDATE "rbac.authorization.kubernetes.io/autoupdate"

size_t rbac_default_count(void);
struct key rbac_default_key(size_t index);
/* The object as it is made; NULL without memory. */
struct json *rbac_default_make(size_t index) must_check;
/* Gives the object that is there what it lacks: rules, selectors, subjects, labels. Nothing is taken away. 0: changed; 1: nothing to do
 * (or not ours to touch); negative: out of memory, or it cannot be read. */
int rbac_default_mend(size_t index, struct json *tree) must_check;

#endif
