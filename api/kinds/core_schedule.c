/* Fields of affinity, tolerations, spreading. */
#include "api/kinds/schemas.h"

static const struct field core_affinity_fields[] = {
	FIELD("nodeAffinity", 1, MESSAGE, SINGLE, .schema = &schema_core_node_affinity),
	FIELD("podAffinity", 2, MESSAGE, SINGLE, .schema = &schema_core_pod_affinity),
	FIELD("podAntiAffinity", 3, MESSAGE, SINGLE, .schema = &schema_core_pod_anti_affinity),
};
const struct schema schema_core_affinity = SCHEMA("io.k8s.api.core.v1.Affinity", core_affinity_fields);

static const struct field core_node_affinity_fields[] = {
	FIELD("preferredDuringSchedulingIgnoredDuringExecution", 2, MESSAGE, LIST,
	      .schema = &schema_core_preferred_scheduling_term),
	FIELD("requiredDuringSchedulingIgnoredDuringExecution", 1, MESSAGE, SINGLE,
	      .schema = &schema_core_node_selector, .flags = FIELD_APPLY_ATOMIC),
};
const struct schema schema_core_node_affinity =
	SCHEMA("io.k8s.api.core.v1.NodeAffinity", core_node_affinity_fields);

static const struct field core_node_selector_fields[] = {
	FIELD("nodeSelectorTerms", 1, MESSAGE, LIST, .schema = &schema_core_node_selector_term,
	      .flags = FIELD_REQUIRED),
};
const struct schema schema_core_node_selector =
	SCHEMA("io.k8s.api.core.v1.NodeSelector", core_node_selector_fields);

static const struct field core_node_selector_requirement_fields[] = {
	FIELD("key", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("operator", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("values", 3, STRING, LIST),
};
const struct schema schema_core_node_selector_requirement =
	SCHEMA("io.k8s.api.core.v1.NodeSelectorRequirement", core_node_selector_requirement_fields);

static const struct field core_node_selector_term_fields[] = {
	FIELD("matchExpressions", 1, MESSAGE, LIST, .schema = &schema_core_node_selector_requirement),
	FIELD("matchFields", 2, MESSAGE, LIST, .schema = &schema_core_node_selector_requirement),
};
const struct schema schema_core_node_selector_term =
	SCHEMA("io.k8s.api.core.v1.NodeSelectorTerm", core_node_selector_term_fields);

static const struct field core_pod_affinity_fields[] = {
	FIELD("preferredDuringSchedulingIgnoredDuringExecution", 2, MESSAGE, LIST,
	      .schema = &schema_core_weighted_pod_affinity_term),
	FIELD("requiredDuringSchedulingIgnoredDuringExecution", 1, MESSAGE, LIST,
	      .schema = &schema_core_pod_affinity_term),
};
const struct schema schema_core_pod_affinity =
	SCHEMA("io.k8s.api.core.v1.PodAffinity", core_pod_affinity_fields);

static const struct field core_pod_affinity_term_fields[] = {
	FIELD("labelSelector", 1, MESSAGE, SINGLE, .schema = &schema_meta_label_selector,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("matchLabelKeys", 5, STRING, LIST),
	FIELD("mismatchLabelKeys", 6, STRING, LIST),
	FIELD("namespaceSelector", 4, MESSAGE, SINGLE, .schema = &schema_meta_label_selector,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("namespaces", 2, STRING, LIST),
	FIELD("topologyKey", 3, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_pod_affinity_term =
	SCHEMA("io.k8s.api.core.v1.PodAffinityTerm", core_pod_affinity_term_fields);

static const struct field core_pod_anti_affinity_fields[] = {
	FIELD("preferredDuringSchedulingIgnoredDuringExecution", 2, MESSAGE, LIST,
	      .schema = &schema_core_weighted_pod_affinity_term),
	FIELD("requiredDuringSchedulingIgnoredDuringExecution", 1, MESSAGE, LIST,
	      .schema = &schema_core_pod_affinity_term),
};
const struct schema schema_core_pod_anti_affinity =
	SCHEMA("io.k8s.api.core.v1.PodAntiAffinity", core_pod_anti_affinity_fields);

static const struct field core_pod_scheduling_gate_fields[] = {
	FIELD("name", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_pod_scheduling_gate =
	SCHEMA("io.k8s.api.core.v1.PodSchedulingGate", core_pod_scheduling_gate_fields);

static const struct field core_preferred_scheduling_term_fields[] = {
	FIELD("preference", 2, MESSAGE, SINGLE, .schema = &schema_core_node_selector_term,
	      .flags = FIELD_REQUIRED | FIELD_APPLY_ATOMIC),
	FIELD("weight", 1, INT32, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_preferred_scheduling_term =
	SCHEMA("io.k8s.api.core.v1.PreferredSchedulingTerm", core_preferred_scheduling_term_fields);

static const struct field core_toleration_fields[] = {
	FIELD("effect", 4, STRING, SINGLE),
	FIELD("key", 1, STRING, SINGLE),
	FIELD("operator", 2, STRING, SINGLE),
	FIELD("tolerationSeconds", 5, INT64, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("value", 3, STRING, SINGLE),
};
const struct schema schema_core_toleration = SCHEMA("io.k8s.api.core.v1.Toleration", core_toleration_fields);

static const struct field core_topology_spread_constraint_fields[] = {
	FIELD("labelSelector", 4, MESSAGE, SINGLE, .schema = &schema_meta_label_selector,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("matchLabelKeys", 8, STRING, LIST),
	FIELD("maxSkew", 1, INT32, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("minDomains", 5, INT32, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("nodeAffinityPolicy", 6, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("nodeTaintsPolicy", 7, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("topologyKey", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("whenUnsatisfiable", 3, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_topology_spread_constraint =
	SCHEMA("io.k8s.api.core.v1.TopologySpreadConstraint", core_topology_spread_constraint_fields);

static const struct field core_weighted_pod_affinity_term_fields[] = {
	FIELD("podAffinityTerm", 2, MESSAGE, SINGLE, .schema = &schema_core_pod_affinity_term,
	      .flags = FIELD_REQUIRED),
	FIELD("weight", 1, INT32, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_weighted_pod_affinity_term =
	SCHEMA("io.k8s.api.core.v1.WeightedPodAffinityTerm", core_weighted_pod_affinity_term_fields);
