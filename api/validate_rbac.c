/* Rules of the kinds of rbac.authorization.k8s.io/v1 (upstream: pkg/apis/rbac/validation). */
#include "api/kind_internal.h"
#include "api/names.h"
#include "api/validate.h"

#define GROUP "rbac.authorization.k8s.io"

/* As complain, but with "" in place of what is absent. */
static void unsupported(struct validation *v, const struct json *object, const char *field,
			const char *supported)
{
	size_t mark = path_field(&v->path, field);

	problems_add(v->problems, PROBLEM_NOT_SUPPORTED, v->path.text, text_of(object, field),
		     "supported values: %s", supported);
	path_back(&v->path, mark);
}

/* --- roles --- */

static void validate_rule(struct validation *v, const struct json *rule, void *ctx)
{
	const bool *namespaced = ctx;

	if (!json_count(json_get(rule, "verbs")))
		complain(v, PROBLEM_REQUIRED, rule, "verbs", "verbs must contain at least one value");
	if (json_count(json_get(rule, "nonResourceURLs"))) {
		if (*namespaced)
			complain(v, PROBLEM_INVALID, rule, "nonResourceURLs",
				 "namespaced rules cannot apply to non-resource URLs");
		if (json_count(json_get(rule, "apiGroups")) || json_count(json_get(rule, "resources")) ||
		    json_count(json_get(rule, "resourceNames")))
			complain(v, PROBLEM_INVALID, rule, "nonResourceURLs",
				 "rules cannot apply to both regular resources and non-resource URLs");
		return;
	}
	if (!json_count(json_get(rule, "apiGroups")))
		complain(v, PROBLEM_REQUIRED, rule, "apiGroups",
			 "resource rules must supply at least one api group");
	if (!json_count(json_get(rule, "resources")))
		complain(v, PROBLEM_REQUIRED, rule, "resources",
			 "resource rules must supply at least one resource");
}

void role_validate(const struct json *object, const struct json *old, struct problems *problems)
{
	struct validation v = VALIDATION(problems, "");
	bool namespaced = true;

	each_item(&v, object, "rules", validate_rule, &namespaced);
}

static void validate_aggregation(struct validation *v, const struct json *rule, void *ctx)
{
	if (!json_count(json_get(rule, "clusterRoleSelectors")))
		complain(v, PROBLEM_REQUIRED, rule, "clusterRoleSelectors",
			 "at least one clusterRoleSelector required if aggregationRule is non-nil");
	each_item(v, rule, "clusterRoleSelectors", validate_selector_item, NULL);
}

void cluster_role_validate(const struct json *object, const struct json *old, struct problems *problems)
{
	struct validation v = VALIDATION(problems, "");
	bool namespaced = false;

	each_item(&v, object, "rules", validate_rule, &namespaced);
	below(&v, object, "aggregationRule", validate_aggregation, NULL);
}

/* --- bindings --- */

static void validate_account(struct validation *v, const struct json *subject, bool namespaced)
{
	check_text(v, subject, "name", name_dns_subdomain);
	if (text_of(subject, "apiGroup")[0])
		unsupported(v, subject, "apiGroup", "\"\"");
	if (!namespaced)
		(void)need_text(v, subject, "namespace", "");
}

static void validate_subject(struct validation *v, const struct json *subject, void *ctx)
{
	const char *kind = text_of(subject, "kind");
	const bool *namespaced = ctx;

	(void)need_text(v, subject, "name", "");
	if (strcmp(kind, "ServiceAccount") == 0)
		validate_account(v, subject, *namespaced);
	else if (strcmp(kind, "User") != 0 && strcmp(kind, "Group") != 0)
		unsupported(v, subject, "kind", "\"ServiceAccount\", \"User\", \"Group\"");
	else if (strcmp(text_of(subject, "apiGroup"), GROUP) != 0)
		unsupported(v, subject, "apiGroup", "\"" GROUP "\"");
}

static void validate_role_ref(struct validation *v, const struct json *object, bool namespaced)
{
	const struct json *ref = json_get(object, "roleRef");
	const char *kind = text_of(ref, "kind");
	size_t mark = path_field(&v->path, "roleRef");

	if (strcmp(text_of(ref, "apiGroup"), GROUP) != 0)
		unsupported(v, ref, "apiGroup", "\"" GROUP "\"");
	if (strcmp(kind, "ClusterRole") != 0 && (!namespaced || strcmp(kind, "Role") != 0))
		unsupported(v, ref, "kind", namespaced ? "\"Role\", \"ClusterRole\"" : "\"ClusterRole\"");
	(void)need_name(v, ref, "name", name_path_segment);
	path_back(&v->path, mark);
}

static void validate_binding(const struct json *object, const struct json *old, bool namespaced,
			     struct problems *problems)
{
	struct validation v = VALIDATION(problems, "");

	validate_role_ref(&v, object, namespaced);
	each_item(&v, object, "subjects", validate_subject, &namespaced);
	if (old && !json_equal(json_get(object, "roleRef"), json_get(old, "roleRef")))
		complain(&v, PROBLEM_INVALID, object, "roleRef", "cannot change roleRef");
}

void role_binding_validate(const struct json *object, const struct json *old, struct problems *problems)
{
	validate_binding(object, old, true, problems);
}

void cluster_role_binding_validate(const struct json *object, const struct json *old,
				   struct problems *problems)
{
	validate_binding(object, old, false, problems);
}
