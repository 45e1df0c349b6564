/* Fields of Node. */
#include "api/kinds/schemas.h"

static const struct field core_attached_volume_fields[] = {
	FIELD("devicePath", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("name", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_attached_volume =
	SCHEMA("io.k8s.api.core.v1.AttachedVolume", core_attached_volume_fields);

static const struct field core_config_map_node_config_source_fields[] = {
	FIELD("kubeletConfigKey", 5, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("name", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("namespace", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("resourceVersion", 4, STRING, SINGLE),
	FIELD("uid", 3, STRING, SINGLE),
};
const struct schema schema_core_config_map_node_config_source =
	SCHEMA("io.k8s.api.core.v1.ConfigMapNodeConfigSource", core_config_map_node_config_source_fields);

static const struct field core_container_image_fields[] = {
	FIELD("names", 1, STRING, LIST),
	FIELD("sizeBytes", 2, INT64, SINGLE),
};
const struct schema schema_core_container_image =
	SCHEMA("io.k8s.api.core.v1.ContainerImage", core_container_image_fields);

static const struct field core_daemon_endpoint_fields[] = {
	FIELD("Port", 1, INT32, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_daemon_endpoint =
	SCHEMA("io.k8s.api.core.v1.DaemonEndpoint", core_daemon_endpoint_fields);

static const struct field core_node_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("spec", 2, MESSAGE, SINGLE, .schema = &schema_core_node_spec),
	FIELD("status", 3, MESSAGE, SINGLE, .schema = &schema_core_node_status),
};
const struct schema schema_core_node = SCHEMA("io.k8s.api.core.v1.Node", core_node_fields);

static const struct field core_node_address_fields[] = {
	FIELD("address", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("type", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_node_address =
	SCHEMA("io.k8s.api.core.v1.NodeAddress", core_node_address_fields);

static const struct field core_node_condition_fields[] = {
	FIELD("lastHeartbeatTime", 3, TIME, SINGLE),
	FIELD("lastTransitionTime", 4, TIME, SINGLE),
	FIELD("message", 6, STRING, SINGLE),
	FIELD("reason", 5, STRING, SINGLE),
	FIELD("status", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("type", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_node_condition =
	SCHEMA("io.k8s.api.core.v1.NodeCondition", core_node_condition_fields);

static const struct field core_node_config_source_fields[] = {
	FIELD("configMap", 2, MESSAGE, SINGLE, .schema = &schema_core_config_map_node_config_source),
};
const struct schema schema_core_node_config_source =
	SCHEMA("io.k8s.api.core.v1.NodeConfigSource", core_node_config_source_fields);

static const struct field core_node_config_status_fields[] = {
	FIELD("active", 2, MESSAGE, SINGLE, .schema = &schema_core_node_config_source),
	FIELD("assigned", 1, MESSAGE, SINGLE, .schema = &schema_core_node_config_source),
	FIELD("error", 4, STRING, SINGLE),
	FIELD("lastKnownGood", 3, MESSAGE, SINGLE, .schema = &schema_core_node_config_source),
};
const struct schema schema_core_node_config_status =
	SCHEMA("io.k8s.api.core.v1.NodeConfigStatus", core_node_config_status_fields);

static const struct field core_node_daemon_endpoints_fields[] = {
	FIELD("kubeletEndpoint", 1, MESSAGE, SINGLE, .schema = &schema_core_daemon_endpoint),
};
const struct schema schema_core_node_daemon_endpoints =
	SCHEMA("io.k8s.api.core.v1.NodeDaemonEndpoints", core_node_daemon_endpoints_fields);

static const struct field core_node_features_fields[] = {
	FIELD("supplementalGroupsPolicy", 1, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_core_node_features =
	SCHEMA("io.k8s.api.core.v1.NodeFeatures", core_node_features_fields);

static const struct field core_node_runtime_handler_fields[] = {
	FIELD("features", 2, MESSAGE, SINGLE, .schema = &schema_core_node_runtime_handler_features),
	FIELD("name", 1, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_core_node_runtime_handler =
	SCHEMA("io.k8s.api.core.v1.NodeRuntimeHandler", core_node_runtime_handler_fields);

static const struct field core_node_runtime_handler_features_fields[] = {
	FIELD("recursiveReadOnlyMounts", 1, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("userNamespaces", 2, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_core_node_runtime_handler_features =
	SCHEMA("io.k8s.api.core.v1.NodeRuntimeHandlerFeatures", core_node_runtime_handler_features_fields);

static const struct field core_node_spec_fields[] = {
	FIELD("configSource", 6, MESSAGE, SINGLE, .schema = &schema_core_node_config_source),
	FIELD("externalID", 2, STRING, SINGLE),
	FIELD("podCIDR", 1, STRING, SINGLE),
	FIELD("podCIDRs", 7, STRING, LIST, .merge_key = "", .flags = FIELD_APPLY_SET),
	FIELD("providerID", 3, STRING, SINGLE),
	FIELD("taints", 5, MESSAGE, LIST, .schema = &schema_core_taint),
	FIELD("unschedulable", 4, BOOL, SINGLE),
};
const struct schema schema_core_node_spec = SCHEMA("io.k8s.api.core.v1.NodeSpec", core_node_spec_fields);

static const struct field core_node_status_fields[] = {
	FIELD("addresses", 5, MESSAGE, LIST, .schema = &schema_core_node_address, .merge_key = "type"),
	FIELD("allocatable", 2, QUANTITY, MAP),
	FIELD("capacity", 1, QUANTITY, MAP),
	FIELD("conditions", 4, MESSAGE, LIST, .schema = &schema_core_node_condition, .merge_key = "type"),
	FIELD("config", 11, MESSAGE, SINGLE, .schema = &schema_core_node_config_status),
	FIELD("daemonEndpoints", 6, MESSAGE, SINGLE, .schema = &schema_core_node_daemon_endpoints),
	FIELD("features", 13, MESSAGE, SINGLE, .schema = &schema_core_node_features),
	FIELD("images", 8, MESSAGE, LIST, .schema = &schema_core_container_image),
	FIELD("nodeInfo", 7, MESSAGE, SINGLE, .schema = &schema_core_node_system_info),
	FIELD("phase", 3, STRING, SINGLE),
	FIELD("runtimeHandlers", 12, MESSAGE, LIST, .schema = &schema_core_node_runtime_handler),
	FIELD("volumesAttached", 10, MESSAGE, LIST, .schema = &schema_core_attached_volume),
	FIELD("volumesInUse", 9, STRING, LIST),
};
const struct schema schema_core_node_status =
	SCHEMA("io.k8s.api.core.v1.NodeStatus", core_node_status_fields);

static const struct field core_node_system_info_fields[] = {
	FIELD("architecture", 10, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("bootID", 3, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("containerRuntimeVersion", 6, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("kernelVersion", 4, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("kubeProxyVersion", 8, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("kubeletVersion", 7, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("machineID", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("operatingSystem", 9, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("osImage", 5, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("systemUUID", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_node_system_info =
	SCHEMA("io.k8s.api.core.v1.NodeSystemInfo", core_node_system_info_fields);

static const struct field core_taint_fields[] = {
	FIELD("effect", 3, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("key", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("timeAdded", 4, TIME, SINGLE),
	FIELD("value", 2, STRING, SINGLE),
};
const struct schema schema_core_taint = SCHEMA("io.k8s.api.core.v1.Taint", core_taint_fields);
