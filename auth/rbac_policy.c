#include "auth/rbac_policy.h"

#include <errno.h>
#include <stdlib.h>

#include "auth/rbac.h"

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NOTHING ((const char *const[]){ NULL })
#define READ LIST("get", "list", "watch")
#define WRITE LIST("create", "delete", "deletecollection", "patch", "update")
#define READ_WRITE LIST("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
#define ON(group, verb_list, ...)                                                                            \
	{                                                                                                    \
		.verbs = verb_list, .groups = LIST(group), .resources = LIST(__VA_ARGS__), .names = NOTHING, \
		.urls = NOTHING                                                                              \
	}
#define PATHS(...)                                                                               \
	{                                                                                        \
		.verbs = LIST("get"), .groups = NOTHING, .resources = NOTHING, .names = NOTHING, \
		.urls = LIST(__VA_ARGS__)                                                        \
	}
#define TO_VIEW "rbac.authorization.k8s.io/aggregate-to-view"
#define TO_EDIT "rbac.authorization.k8s.io/aggregate-to-edit"
#define TO_ADMIN "rbac.authorization.k8s.io/aggregate-to-admin"

static const struct rbac_rule to_admin[] = {
	ON("authorization.k8s.io", LIST("create"), "localsubjectaccessreviews"),
	ON("rbac.authorization.k8s.io", READ_WRITE, "rolebindings", "roles"),
};
static const struct rbac_rule to_edit[] = {
	ON("", READ, "pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets",
	   "services/proxy"),
	ON("", LIST("impersonate"), "serviceaccounts"),
	ON("", WRITE, "pods", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy"),
	ON("", LIST("create"), "pods/eviction"),
	ON("", WRITE, "configmaps", "events", "persistentvolumeclaims", "replicationcontrollers",
	   "replicationcontrollers/scale", "secrets", "serviceaccounts", "services", "services/proxy"),
	ON("", LIST("create"), "serviceaccounts/token"),
	ON("apps", WRITE, "daemonsets", "deployments", "deployments/rollback", "deployments/scale",
	   "replicasets", "replicasets/scale", "statefulsets", "statefulsets/scale"),
	ON("batch", WRITE, "cronjobs", "jobs"),
	ON("policy", WRITE, "poddisruptionbudgets"),
	ON("networking.k8s.io", WRITE, "ingresses", "networkpolicies"),
	ON("coordination.k8s.io", READ_WRITE, "leases"),
};
static const struct rbac_rule to_view[] = {
	ON("", READ, "configmaps", "endpoints", "persistentvolumeclaims", "persistentvolumeclaims/status",
	   "pods", "replicationcontrollers", "replicationcontrollers/scale", "serviceaccounts", "services",
	   "services/status"),
	ON("", READ, "bindings", "events", "limitranges", "namespaces/status", "pods/log", "pods/status",
	   "replicationcontrollers/status", "resourcequotas", "resourcequotas/status"),
	ON("", READ, "namespaces"),
	ON("discovery.k8s.io", READ, "endpointslices"),
	ON("apps", READ, "controllerrevisions", "daemonsets", "daemonsets/status", "deployments",
	   "deployments/scale", "deployments/status", "replicasets", "replicasets/scale",
	   "replicasets/status", "statefulsets", "statefulsets/scale", "statefulsets/status"),
	ON("batch", READ, "cronjobs", "cronjobs/status", "jobs", "jobs/status"),
	ON("policy", READ, "poddisruptionbudgets", "poddisruptionbudgets/status"),
	ON("networking.k8s.io", READ, "ingresses", "ingresses/status", "networkpolicies"),
};
static const struct rbac_rule delegator[] = {
	ON("authentication.k8s.io", LIST("create"), "tokenreviews"),
	ON("authorization.k8s.io", LIST("create"), "subjectaccessreviews"),
};
static const struct rbac_rule basic_user[] = {
	ON("authorization.k8s.io", LIST("create"), "selfsubjectaccessreviews", "selfsubjectrulesreviews"),
	ON("authentication.k8s.io", LIST("create"), "selfsubjectreviews"),
};
static const struct rbac_rule discovery[] = {
	PATHS("/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz",
	      "/version", "/version/"),
};
static const struct rbac_rule public_info[] = {
	PATHS("/healthz", "/livez", "/readyz", "/version", "/version/"),
};
static const struct rbac_rule issuer_discovery[] = {
	PATHS("/.well-known/openid-configuration", "/openid/v1/jwks"),
};
static const struct rbac_rule monitoring[] = {
	PATHS("/healthz", "/healthz/*", "/livez", "/livez/*", "/metrics", "/metrics/slis", "/readyz",
	      "/readyz/*"),
};
static const struct rbac_rule kubelet_api[] = {
	ON("", READ, "nodes"),
	ON("", LIST("proxy"), "nodes"),
	ON("", LIST("*"), "nodes/log", "nodes/metrics", "nodes/proxy", "nodes/stats"),
};
static const struct rbac_rule kube_dns[] = {
	ON("", LIST("list", "watch"), "endpoints", "services"),
	ON("discovery.k8s.io", LIST("list", "watch"), "endpointslices"),
};
static const struct rbac_rule node[] = {
	ON("authentication.k8s.io", LIST("create"), "tokenreviews"),
	ON("authorization.k8s.io", LIST("create"), "localsubjectaccessreviews", "subjectaccessreviews"),
	ON("", READ, "services"),
	ON("", LIST("create", "get", "list", "watch"), "nodes"),
	ON("", LIST("patch", "update"), "nodes/status"),
	ON("", LIST("patch", "update"), "nodes"),
	ON("", LIST("create", "patch", "update"), "events"),
	ON("", READ, "pods"),
	ON("", LIST("create", "delete"), "pods"),
	ON("", LIST("patch", "update"), "pods/status"),
	ON("", LIST("create"), "pods/eviction"),
	ON("", READ, "configmaps", "secrets"),
	ON("", LIST("get"), "persistentvolumeclaims", "persistentvolumes"),
	ON("", LIST("get"), "endpoints"),
	ON("coordination.k8s.io", LIST("create", "delete", "get", "patch", "update"), "leases"),
	ON("", LIST("create"), "serviceaccounts/token"),
};
static const struct rbac_rule problem_detector[] = {
	ON("", LIST("get"), "nodes"),
	ON("", LIST("patch"), "nodes/status"),
	ON("", LIST("create", "patch", "update"), "events"),
	ON("events.k8s.io", LIST("create", "patch", "update"), "events"),
};
static const struct rbac_rule proxier[] = {
	ON("", LIST("list", "watch"), "endpoints", "services"),
	ON("", READ, "nodes"),
	ON("", LIST("create", "patch", "update"), "events"),
	ON("events.k8s.io", LIST("create", "patch", "update"), "events"),
	ON("discovery.k8s.io", LIST("list", "watch"), "endpointslices"),
};

#define RULES(table) .rules = table, .rule_count = sizeof(table) / sizeof((table)[0])
static const struct policy {
	const char *name;
	const char *feeds;   /* label by which an aggregated role takes its rules; NULL */
	const char *gathers; /* label of the roles whose rules it takes; NULL */
	const struct rbac_rule *rules;
	size_t rule_count;
	/* The binding of the same name; user or groups. NULL and NULL: there is none. */
	const char *to_user;
	const char *const *to_groups;
} policies[] = {
	{ "cluster-admin", RULES(rbac_everything), .to_groups = LIST("system:masters") },
	{ "admin", .gathers = TO_ADMIN },
	{ "edit", .feeds = TO_ADMIN, .gathers = TO_EDIT },
	{ "view", .feeds = TO_EDIT, .gathers = TO_VIEW },
	{ "system:aggregate-to-admin", .feeds = TO_ADMIN, RULES(to_admin) },
	{ "system:aggregate-to-edit", .feeds = TO_EDIT, RULES(to_edit) },
	{ "system:aggregate-to-view", .feeds = TO_VIEW, RULES(to_view) },
	{ "system:auth-delegator", RULES(delegator) },
	{ "system:basic-user", RULES(basic_user), .to_groups = LIST("system:authenticated") },
	{ "system:discovery", RULES(discovery), .to_groups = LIST("system:authenticated") },
	{ "system:kube-dns", RULES(kube_dns) },
	{ "system:kubelet-api-admin", RULES(kubelet_api) },
	{ "system:monitoring", RULES(monitoring), .to_groups = LIST("system:monitoring") },
	{ "system:node", RULES(node) }, /* bound to nobody: nodes are held to what is theirs (authz_node) */
	{ "system:node-problem-detector", RULES(problem_detector) },
	{ "system:node-proxier", RULES(proxier), .to_user = "system:kube-proxy" },
	{ "system:public-info-viewer", RULES(public_info),
	  .to_groups = LIST("system:authenticated", "system:unauthenticated") },
	{ "system:service-account-issuer-discovery", RULES(issuer_discovery),
	  .to_groups = LIST("system:serviceaccounts") },
};
#define POLICIES (sizeof(policies) / sizeof(policies[0]))

/* --- one number for each role, then for each binding --- */

static bool is_bound(const struct policy *policy)
{
	return policy->to_user || policy->to_groups;
}

size_t rbac_default_count(void)
{
	size_t count = POLICIES;

	for (size_t i = 0; i < POLICIES; i++)
		count += is_bound(&policies[i]);
	return count;
}

/* *out_binding: the number stands for the binding, not for the role. */
static const struct policy *policy_at(size_t index, bool *out_binding)
{
	*out_binding = index >= POLICIES;
	if (index < POLICIES)
		return &policies[index];
	index -= POLICIES;
	for (size_t i = 0; i < POLICIES; i++)
		if (is_bound(&policies[i]) && index-- == 0)
			return &policies[i];
	assert_always(!"a default there is");
	return NULL;
}

struct key rbac_default_key(size_t index)
{
	bool binding;
	const struct policy *policy = policy_at(index, &binding);

	return (struct key){ binding ? "clusterrolebindings." RBAC_GROUP : "clusterroles." RBAC_GROUP, "",
			     policy->name };
}

/* --- making --- */

static struct json *strings(const char *const *list)
{
	struct json *out = json_new_array();

	for (; out && *list; list++)
		if (json_append(out, json_new_str(*list))) {
			json_free(out);
			return NULL;
		}
	return out;
}

static struct json *rule_json(const struct rbac_rule *rule)
{
	const struct {
		const char *name;
		const char *const *list;
	} members[] = {
		{ "verbs", rule->verbs },	   { "apiGroups", rule->groups },
		{ "resources", rule->resources },  { "resourceNames", rule->names },
		{ "nonResourceURLs", rule->urls },
	};
	struct json *out = json_new_object();

	for (size_t i = 0; out && i < sizeof(members) / sizeof(members[0]); i++)
		if (members[i].list[0] && json_set(out, members[i].name, strings(members[i].list))) {
			json_free(out);
			return NULL;
		}
	return out;
}

static int add_label(struct json *tree, const char *name, const char *value)
{
	struct json *labels = json_ensure(tree, "metadata.labels");

	if (!labels)
		return -ENOMEM;
	if (strcmp(json_str(json_get(labels, name), ""), value) == 0)
		return 1;
	return json_set_str(labels, name, value);
}

/* Each adder: 0 added, 1 was there, negative. */
static int add_labels(const struct policy *policy, bool binding, struct json *tree)
{
	int rc = add_label(tree, "kubernetes.io/bootstrapping", "rbac-defaults"), more = 1;

	if (rc >= 0 && !binding && policy->feeds)
		more = add_label(tree, policy->feeds, "true");
	return rc < 0 ? rc : more < 0 ? more : rc && more;
}

static struct json *ensure_array(struct json *object, const char *member)
{
	struct json *list = json_get(object, member);

	if (json_is(list, JSON_ARRAY))
		return list;
	return json_set(object, member, json_new_array()) ? NULL : json_get(object, member);
}

/* 0: covered already; 1: not; negative. */
static int lacks_rule(const struct rbac_rules *held, const struct rbac_rule *rule)
{
	const struct rbac_rule **each = calloc(held->count + 1, sizeof(struct rbac_rule *));
	struct buf text;
	int rc;

	if (!each)
		return -ENOMEM;
	for (size_t i = 0; i < held->count; i++)
		each[i] = &held->at[i];
	buf_init(&text, 1 << 20);
	rc = rbac_rules_missing(each, held->count, rule, 1, &text);
	buf_done(&text);
	free(each);
	return rc;
}

static int add_rules(const struct policy *policy, struct json *tree)
{
	struct rbac_rules *held = NULL;
	struct json *list;
	int rc = rbac_rules_of_json(json_get(tree, "rules"), &held), added = 1;

	list = rc ? NULL : ensure_array(tree, "rules");
	if (!rc && !list)
		rc = -ENOMEM;
	for (size_t i = 0; !rc && i < policy->rule_count; i++) {
		rc = lacks_rule(held, &policy->rules[i]);
		if (rc <= 0)
			continue;
		added = 0;
		rc = json_append(list, rule_json(&policy->rules[i]));
	}
	rbac_rules_free(held);
	return rc ? rc : added;
}

static struct json *selector_json(const char *label)
{
	struct json *out = json_new_object(), *labels = json_ensure(out, "matchLabels");

	if (labels && !json_set_str(labels, label, "true"))
		return out;
	json_free(out);
	return NULL;
}

static int add_selector(const struct policy *policy, struct json *tree)
{
	struct json *rule = json_ensure(tree, "aggregationRule"), *wanted = selector_json(policy->gathers);
	struct json *list = rule ? ensure_array(rule, "clusterRoleSelectors") : NULL;

	if (!list || !wanted) {
		json_free(wanted);
		return -ENOMEM;
	}
	for (size_t i = 0; i < json_count(list); i++)
		if (json_equal(json_at(list, i), wanted)) {
			json_free(wanted);
			return 1;
		}
	return json_append(list, wanted);
}

static int add_subject(struct json *list, const char *kind, const char *name)
{
	struct json *subject;

	for (size_t i = 0; i < json_count(list); i++)
		if (strcmp(json_path_str(json_at(list, i), "kind", ""), kind) == 0 &&
		    strcmp(json_path_str(json_at(list, i), "name", ""), name) == 0)
			return 1;
	subject = json_new_object();
	if (!subject || json_set_str(subject, "apiGroup", RBAC_GROUP) ||
	    json_set_str(subject, "kind", kind) || json_set_str(subject, "name", name)) {
		json_free(subject);
		return -ENOMEM;
	}
	return json_append(list, subject);
}

static int add_subjects(const struct policy *policy, struct json *tree)
{
	struct json *list = ensure_array(tree, "subjects");
	int rc = list ? 1 : -ENOMEM, one;

	if (list && policy->to_user)
		rc = add_subject(list, "User", policy->to_user);
	for (const char *const *group = policy->to_groups; rc >= 0 && group && *group; group++) {
		one = add_subject(list, "Group", *group);
		rc = one < 0 ? one : rc && one;
	}
	return rc;
}

static int add_content(const struct policy *policy, bool binding, struct json *tree)
{
	if (binding)
		return add_subjects(policy, tree);
	return policy->gathers ? add_selector(policy, tree) : add_rules(policy, tree);
}

static int fill(const struct policy *policy, bool binding, struct json *tree)
{
	struct json *meta = json_ensure(tree, "metadata"), *ref;
	struct json *notes = json_ensure(tree, "metadata.annotations");
	int rc = meta && notes ? 0 : -ENOMEM;

	if (!rc)
		rc = json_set_str(tree, "apiVersion", RBAC_GROUP "/v1");
	if (!rc)
		rc = json_set_str(tree, "kind", binding ? "ClusterRoleBinding" : "ClusterRole");
	if (!rc)
		rc = json_set_str(meta, "name", policy->name);
	if (!rc)
		rc = json_set_str(notes, RBAC_AUTOUPDATE, "true");
	if (rc || !binding)
		return rc;
	ref = json_ensure(tree, "roleRef");
	rc = ref ? json_set_str(ref, "apiGroup", RBAC_GROUP) : -ENOMEM;
	if (!rc)
		rc = json_set_str(ref, "kind", "ClusterRole");
	return rc ? rc : json_set_str(ref, "name", policy->name);
}

struct json *rbac_default_make(size_t index)
{
	bool binding;
	const struct policy *policy = policy_at(index, &binding);
	struct json *tree = json_new_object();
	int rc = tree ? fill(policy, binding, tree) : -ENOMEM;

	if (!rc)
		rc = add_labels(policy, binding, tree);
	if (rc >= 0)
		rc = add_content(policy, binding, tree);
	if (rc >= 0)
		return tree;
	json_free(tree);
	return NULL;
}

int rbac_default_mend(size_t index, struct json *tree)
{
	bool binding;
	const struct policy *policy = policy_at(index, &binding);
	const char *wish = json_str(json_get(json_path(tree, "metadata.annotations"), RBAC_AUTOUPDATE), "");
	int labels, content;

	if (strcmp(wish, "true") != 0)
		return 1;
	labels = add_labels(policy, binding, tree);
	if (labels < 0)
		return labels;
	content = add_content(policy, binding, tree);
	return content < 0 ? content : labels && content;
}
