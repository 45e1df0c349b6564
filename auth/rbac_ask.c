/* Questions to the index of roles. */
#include <stdio.h>

#include "api/selector.h"
#include "auth/rbac_internal.h"

const struct rbac_rules *rbac_role(const struct rbac *rbac, const char *ns, const char *name)
{
	return rbac_find(&rbac->roles, ns ? ns : "", "", name);
}

static const struct rbac_rules *rules_of(const struct rbac *rbac, const struct binding *binding)
{
	bool cluster_wide = strcmp(binding->role_kind, "ClusterRole") == 0;

	return rbac_role(rbac, cluster_wide ? "" : binding->ns, binding->role_name);
}

typedef int grant_fn(void *ctx, const struct grant *grant, const struct rbac_rules *rules);

static int visit_holder(const struct rbac *rbac, const char *ns, const char *mark, const char *name,
			grant_fn *each, void *ctx)
{
	const struct holder *holder = rbac_find(&rbac->holders, ns, mark, name);
	int rc = 0;

	if (!holder)
		return 0;
	list_for_each(&holder->grants, node) {
		const struct grant *grant = container_of(node, struct grant, in_holder);

		rc = each(ctx, grant, rules_of(rbac, grant->binding));
		if (rc)
			break;
	}
	return rc;
}

/* Everything granted to the caller in one scope; `rules` is NULL when the role is not there. */
static int visit_scope(const struct rbac *rbac, const struct api_identity *who, const char *ns,
		       grant_fn *each, void *ctx)
{
	int rc = visit_holder(rbac, ns, "u:", who->user, each, ctx);

	for (const char *const *group = who->groups; !rc && group && *group; group++)
		rc = visit_holder(rbac, ns, "g:", *group, each, ctx);
	return rc;
}

static int visit(const struct rbac *rbac, const struct api_identity *who, const char *ns, grant_fn *each,
		 void *ctx)
{
	int rc = visit_scope(rbac, who, "", each, ctx);

	return rc || !*ns ? rc : visit_scope(rbac, who, ns, each, ctx);
}

struct question {
	const struct api_attributes *what;
	const char *name;
	const struct grant *by, *in_vain;
};

static int try_grant(void *ctx, const struct grant *grant, const struct rbac_rules *rules)
{
	struct question *question = ctx;

	if (!rules)
		question->in_vain = grant;
	for (size_t i = 0; rules && i < rules->count; i++)
		if (rbac_rule_allows(&rules->at[i], question->what, question->name)) {
			question->by = grant;
			return 1;
		}
	return 0;
}

/* As upstream has it, a selector for one name makes a list, watch or deletecollection a request about that object. */
static const char *name_of(const struct api_attributes *what)
{
	static const char *const verbs[] = { "list", "watch", "deletecollection" };
	const char *wanted = NULL;

	if (*what->name)
		return what->name;
	for (size_t i = 0; !wanted && what->fields && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(what->verb, verbs[i]) == 0)
			wanted = selector_requires(what->fields, "metadata.name");
	return wanted ? wanted : "";
}

static void say_by(const struct grant *grant, char *reason, size_t size)
{
	const struct binding *binding = grant->binding;
	bool account = strcmp(grant->kind, "ServiceAccount") == 0;
	const char *ns = *grant->ns ? grant->ns : binding->ns;

	(void)snprintf(reason, size, "RBAC: allowed by %s \"%s%s%s\" of %s \"%s\" to %s \"%s%s%s\"",
		       *binding->ns ? "RoleBinding" : "ClusterRoleBinding", binding->name,
		       *binding->ns ? "/" : "", binding->ns, binding->role_kind, binding->role_name,
		       grant->kind, grant->name, account ? "/" : "", account ? ns : "");
}

static void say_in_vain(const struct grant *grant, char *reason, size_t size)
{
	const struct binding *binding = grant->binding;
	bool cluster_wide = strcmp(binding->role_kind, "ClusterRole") == 0;

	(void)snprintf(reason, size, "RBAC: %s." RBAC_GROUP " \"%s\" not found",
		       cluster_wide ? "clusterrole" : "role", binding->role_name);
}

bool rbac_allows(const struct rbac *rbac, const struct api_attributes *what, char *reason, size_t size)
{
	struct question question = { .what = what, .name = name_of(what) };

	if (size)
		reason[0] = '\0';
	(void)visit(rbac, what->identity, what->is_resource ? what->ns : "", try_grant, &question);
	if (question.by)
		say_by(question.by, reason, size);
	else if (question.in_vain)
		say_in_vain(question.in_vain, reason, size);
	return question.by != NULL;
}

struct walk {
	rbac_each_fn *each;
	void *ctx;
};

static int walk_grant(void *ctx, const struct grant *grant, const struct rbac_rules *rules)
{
	struct walk *walk = ctx;
	int rc = 0;

	(void)grant;
	for (size_t i = 0; !rc && rules && i < rules->count; i++)
		rc = walk->each(walk->ctx, &rules->at[i]);
	return rc;
}

int rbac_rules_held(const struct rbac *rbac, const struct api_identity *who, const char *ns,
		    rbac_each_fn *each, void *ctx)
{
	struct walk walk = { each, ctx };

	return visit(rbac, who, ns, walk_grant, &walk);
}
