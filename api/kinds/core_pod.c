/* Fields of Pod, PodTemplate and PodSpec. */
#include "api/kinds/schemas.h"

static const struct field core_host_alias_fields[] = {
	FIELD("hostnames", 2, STRING, LIST),
	FIELD("ip", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_host_alias = SCHEMA("io.k8s.api.core.v1.HostAlias", core_host_alias_fields);

static const struct field core_pod_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("spec", 2, MESSAGE, SINGLE, .schema = &schema_core_pod_spec),
	FIELD("status", 3, MESSAGE, SINGLE, .schema = &schema_core_pod_status),
};
const struct schema schema_core_pod = SCHEMA("io.k8s.api.core.v1.Pod", core_pod_fields);

static const struct field core_pod_dns_config_fields[] = {
	FIELD("nameservers", 1, STRING, LIST),
	FIELD("options", 3, MESSAGE, LIST, .schema = &schema_core_pod_dns_config_option),
	FIELD("searches", 2, STRING, LIST),
};
const struct schema schema_core_pod_dns_config =
	SCHEMA("io.k8s.api.core.v1.PodDNSConfig", core_pod_dns_config_fields);

static const struct field core_pod_dns_config_option_fields[] = {
	FIELD("name", 1, STRING, SINGLE),
	FIELD("value", 2, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_core_pod_dns_config_option =
	SCHEMA("io.k8s.api.core.v1.PodDNSConfigOption", core_pod_dns_config_option_fields);

static const struct field core_pod_os_fields[] = {
	FIELD("name", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_pod_os = SCHEMA("io.k8s.api.core.v1.PodOS", core_pod_os_fields);

static const struct field core_pod_readiness_gate_fields[] = {
	FIELD("conditionType", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_pod_readiness_gate =
	SCHEMA("io.k8s.api.core.v1.PodReadinessGate", core_pod_readiness_gate_fields);

static const struct field core_pod_resource_claim_fields[] = {
	FIELD("name", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("resourceClaimName", 3, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("resourceClaimTemplateName", 4, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_core_pod_resource_claim =
	SCHEMA("io.k8s.api.core.v1.PodResourceClaim", core_pod_resource_claim_fields);

static const struct field core_pod_security_context_fields[] = {
	FIELD("appArmorProfile", 11, MESSAGE, SINGLE, .schema = &schema_core_app_armor_profile),
	FIELD("fsGroup", 5, INT64, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("fsGroupChangePolicy", 9, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("runAsGroup", 6, INT64, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("runAsNonRoot", 3, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("runAsUser", 2, INT64, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("seLinuxChangePolicy", 13, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("seLinuxOptions", 1, MESSAGE, SINGLE, .schema = &schema_core_se_linux_options),
	FIELD("seccompProfile", 10, MESSAGE, SINGLE, .schema = &schema_core_seccomp_profile),
	FIELD("supplementalGroups", 4, INT64, LIST),
	FIELD("supplementalGroupsPolicy", 12, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("sysctls", 7, MESSAGE, LIST, .schema = &schema_core_sysctl),
	FIELD("windowsOptions", 8, MESSAGE, SINGLE, .schema = &schema_core_windows_security_context_options),
};
const struct schema schema_core_pod_security_context =
	SCHEMA("io.k8s.api.core.v1.PodSecurityContext", core_pod_security_context_fields);

static const struct field core_pod_spec_fields[] = {
	FIELD("activeDeadlineSeconds", 5, INT64, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("affinity", 18, MESSAGE, SINGLE, .schema = &schema_core_affinity),
	FIELD("automountServiceAccountToken", 21, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("containers", 2, MESSAGE, LIST, .schema = &schema_core_container, .merge_key = "name",
	      .flags = FIELD_REQUIRED),
	FIELD("dnsConfig", 26, MESSAGE, SINGLE, .schema = &schema_core_pod_dns_config),
	FIELD("dnsPolicy", 6, STRING, SINGLE, .default_json = "\"ClusterFirst\""),
	FIELD("enableServiceLinks", 30, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("ephemeralContainers", 34, MESSAGE, LIST, .schema = &schema_core_ephemeral_container,
	      .merge_key = "name"),
	FIELD("hostAliases", 23, MESSAGE, LIST, .schema = &schema_core_host_alias, .merge_key = "ip"),
	FIELD("hostIPC", 13, BOOL, SINGLE),
	FIELD("hostNetwork", 11, BOOL, SINGLE),
	FIELD("hostPID", 12, BOOL, SINGLE),
	FIELD("hostUsers", 37, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("hostname", 16, STRING, SINGLE),
	FIELD("imagePullSecrets", 15, MESSAGE, LIST, .schema = &schema_core_local_object_reference,
	      .merge_key = "name"),
	FIELD("initContainers", 20, MESSAGE, LIST, .schema = &schema_core_container, .merge_key = "name"),
	FIELD("nodeName", 10, STRING, SINGLE),
	FIELD("nodeSelector", 7, STRING, MAP, .flags = FIELD_APPLY_ATOMIC),
	FIELD("os", 36, MESSAGE, SINGLE, .schema = &schema_core_pod_os),
	FIELD("overhead", 32, QUANTITY, MAP),
	FIELD("preemptionPolicy", 31, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("priority", 25, INT32, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("priorityClassName", 24, STRING, SINGLE),
	FIELD("readinessGates", 28, MESSAGE, LIST, .schema = &schema_core_pod_readiness_gate),
	FIELD("resourceClaims", 39, MESSAGE, LIST, .schema = &schema_core_pod_resource_claim,
	      .merge_key = "name", .flags = FIELD_RETAIN_KEYS),
	FIELD("resources", 40, MESSAGE, SINGLE, .schema = &schema_core_resource_requirements),
	FIELD("restartPolicy", 3, STRING, SINGLE, .default_json = "\"Always\""),
	FIELD("runtimeClassName", 29, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("schedulerName", 19, STRING, SINGLE, .default_json = "\"default-scheduler\""),
	FIELD("schedulingGates", 38, MESSAGE, LIST, .schema = &schema_core_pod_scheduling_gate,
	      .merge_key = "name"),
	FIELD("securityContext", 14, MESSAGE, SINGLE, .schema = &schema_core_pod_security_context,
	      .default_json = "{}"),
	FIELD("serviceAccount", 9, STRING, SINGLE),
	FIELD("serviceAccountName", 8, STRING, SINGLE),
	FIELD("setHostnameAsFQDN", 35, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("shareProcessNamespace", 27, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("subdomain", 17, STRING, SINGLE),
	FIELD("terminationGracePeriodSeconds", 4, INT64, SINGLE, .default_json = "30",
	      .flags = FIELD_KEEP_ZERO),
	FIELD("tolerations", 22, MESSAGE, LIST, .schema = &schema_core_toleration),
	FIELD("topologySpreadConstraints", 33, MESSAGE, LIST,
	      .schema = &schema_core_topology_spread_constraint, .merge_key = "topologyKey",
	      .apply_keys = "topologyKey,whenUnsatisfiable"),
	FIELD("volumes", 1, MESSAGE, LIST, .schema = &schema_core_volume, .merge_key = "name",
	      .flags = FIELD_RETAIN_KEYS),
};
const struct schema schema_core_pod_spec = SCHEMA("io.k8s.api.core.v1.PodSpec", core_pod_spec_fields);

static const struct field core_pod_template_spec_fields[] = {
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("spec", 2, MESSAGE, SINGLE, .schema = &schema_core_pod_spec),
};
const struct schema schema_core_pod_template_spec =
	SCHEMA("io.k8s.api.core.v1.PodTemplateSpec", core_pod_template_spec_fields);

static const struct field core_sysctl_fields[] = {
	FIELD("name", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("value", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_sysctl = SCHEMA("io.k8s.api.core.v1.Sysctl", core_sysctl_fields);
