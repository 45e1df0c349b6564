/* Fields of Role, ClusterRole and their bindings. */
#include "api/kinds/schemas.h"

static const struct field rbac_aggregation_rule_fields[] = {
	FIELD("clusterRoleSelectors", 1, MESSAGE, LIST, .schema = &schema_meta_label_selector),
};
const struct schema schema_rbac_aggregation_rule =
	SCHEMA("io.k8s.api.rbac.v1.AggregationRule", rbac_aggregation_rule_fields);

static const struct field rbac_cluster_role_fields[] = {
	FIELD("aggregationRule", 3, MESSAGE, SINGLE, .schema = &schema_rbac_aggregation_rule),
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("rules", 2, MESSAGE, LIST, .schema = &schema_rbac_policy_rule),
};
const struct schema schema_rbac_cluster_role =
	SCHEMA("io.k8s.api.rbac.v1.ClusterRole", rbac_cluster_role_fields);

static const struct field rbac_cluster_role_binding_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("roleRef", 3, MESSAGE, SINGLE, .schema = &schema_rbac_role_ref, .flags = FIELD_REQUIRED),
	FIELD("subjects", 2, MESSAGE, LIST, .schema = &schema_rbac_subject),
};
const struct schema schema_rbac_cluster_role_binding =
	SCHEMA("io.k8s.api.rbac.v1.ClusterRoleBinding", rbac_cluster_role_binding_fields);

static const struct field rbac_policy_rule_fields[] = {
	FIELD("apiGroups", 2, STRING, LIST),
	FIELD("nonResourceURLs", 5, STRING, LIST),
	FIELD("resourceNames", 4, STRING, LIST),
	FIELD("resources", 3, STRING, LIST),
	FIELD("verbs", 1, STRING, LIST, .flags = FIELD_REQUIRED),
};
const struct schema schema_rbac_policy_rule =
	SCHEMA("io.k8s.api.rbac.v1.PolicyRule", rbac_policy_rule_fields);

static const struct field rbac_role_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("rules", 2, MESSAGE, LIST, .schema = &schema_rbac_policy_rule),
};
const struct schema schema_rbac_role = SCHEMA("io.k8s.api.rbac.v1.Role", rbac_role_fields);

static const struct field rbac_role_binding_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("roleRef", 3, MESSAGE, SINGLE, .schema = &schema_rbac_role_ref, .flags = FIELD_REQUIRED),
	FIELD("subjects", 2, MESSAGE, LIST, .schema = &schema_rbac_subject),
};
const struct schema schema_rbac_role_binding =
	SCHEMA("io.k8s.api.rbac.v1.RoleBinding", rbac_role_binding_fields);

static const struct field rbac_role_ref_fields[] = {
	FIELD("apiGroup", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("kind", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("name", 3, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_rbac_role_ref = SCHEMA("io.k8s.api.rbac.v1.RoleRef", rbac_role_ref_fields);

static const struct field rbac_subject_fields[] = {
	FIELD("apiGroup", 2, STRING, SINGLE),
	FIELD("kind", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("name", 3, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("namespace", 4, STRING, SINGLE),
};
const struct schema schema_rbac_subject = SCHEMA("io.k8s.api.rbac.v1.Subject", rbac_subject_fields);
