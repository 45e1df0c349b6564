/* rbac_admit: what writing a role or a binding needs beyond the permission to write it: nobody grants what he does not hold,
 * unless he may `escalate` the role or `bind` it. Private to auth/: ask authz_admit_roles(). Pure. Rules and wording: upstream's
 * pkg/registry/rbac. */
#ifndef HOLDFAST_AUTH_RBAC_ADMIT_H
#define HOLDFAST_AUTH_RBAC_ADMIT_H

#include "auth/authz.h"

/* As authz_admit_roles, of somebody who is no superuser. */
int rbac_admit(const struct rbac *rbac, const struct authz *authz, const struct api_attributes *what,
	       const struct json *object, const struct json *old, struct buf *out_why) must_check;

#endif
