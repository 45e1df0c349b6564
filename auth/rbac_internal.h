/* rbac_internal: the inside of the index of roles, shared by rbac.c (feeding) and rbac_ask.c. Private to these. */
#ifndef HOLDFAST_AUTH_RBAC_INTERNAL_H
#define HOLDFAST_AUTH_RBAC_INTERNAL_H

#include "auth/rbac.h"
#include "base/list.h"
#include "base/map.h"

#define RBAC_KEY_MAX 4096u

/* A subject of a binding, in the list of all that is granted to it in that scope. */
struct grant {
	struct list_node in_holder;
	struct holder *holder;
	const struct binding *binding;
	const char *kind, *name, *ns; /* as the binding says them */
};
struct binding {
	const char *ns, *name; /* ns "": a ClusterRoleBinding */
	const char *role_kind, *role_name;
	size_t grant_count;
	struct grant *grants; /* follow the struct, then the texts */
};
/* A user or a group in a scope: cluster-wide or one namespace. */
struct holder {
	struct list grants;
	size_t key_len;
	char key[];
};
struct rbac {
	struct map roles;    /* "ns/name" -> rbac_rules */
	struct map bindings; /* "ns/name" -> binding */
	struct map holders;  /* "ns/u:name" or "ns/g:name" -> holder */
	uint64_t skipped;
};

/* Keys are "NS/MARK NAME" without the blank: no namespace and no role holds a slash, so they are unambiguous. */
struct key_text {
	char text[RBAC_KEY_MAX];
	size_t len;
};
/* False: longer than any key there is. */
bool rbac_make_key(struct key_text *key, const char *ns, const char *mark, const char *name);
void *rbac_find(const struct map *map, const char *ns, const char *mark, const char *name); /* NULL */

#endif
