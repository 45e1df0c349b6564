/* Fields of what a node reports of a pod. */
#include "api/kinds/schemas.h"

static const struct field core_container_state_fields[] = {
	FIELD("running", 2, MESSAGE, SINGLE, .schema = &schema_core_container_state_running),
	FIELD("terminated", 3, MESSAGE, SINGLE, .schema = &schema_core_container_state_terminated),
	FIELD("waiting", 1, MESSAGE, SINGLE, .schema = &schema_core_container_state_waiting),
};
const struct schema schema_core_container_state =
	SCHEMA("io.k8s.api.core.v1.ContainerState", core_container_state_fields);

static const struct field core_container_state_running_fields[] = {
	FIELD("startedAt", 1, TIME, SINGLE),
};
const struct schema schema_core_container_state_running =
	SCHEMA("io.k8s.api.core.v1.ContainerStateRunning", core_container_state_running_fields);

static const struct field core_container_state_terminated_fields[] = {
	FIELD("containerID", 7, STRING, SINGLE), FIELD("exitCode", 1, INT32, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("finishedAt", 6, TIME, SINGLE),	 FIELD("message", 4, STRING, SINGLE),
	FIELD("reason", 3, STRING, SINGLE),	 FIELD("signal", 2, INT32, SINGLE),
	FIELD("startedAt", 5, TIME, SINGLE),
};
const struct schema schema_core_container_state_terminated =
	SCHEMA("io.k8s.api.core.v1.ContainerStateTerminated", core_container_state_terminated_fields);

static const struct field core_container_state_waiting_fields[] = {
	FIELD("message", 2, STRING, SINGLE),
	FIELD("reason", 1, STRING, SINGLE),
};
const struct schema schema_core_container_state_waiting =
	SCHEMA("io.k8s.api.core.v1.ContainerStateWaiting", core_container_state_waiting_fields);

static const struct field core_container_status_fields[] = {
	FIELD("allocatedResources", 10, QUANTITY, MAP),
	FIELD("allocatedResourcesStatus", 14, MESSAGE, LIST, .schema = &schema_core_resource_status,
	      .merge_key = "name"),
	FIELD("containerID", 8, STRING, SINGLE),
	FIELD("image", 6, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("imageID", 7, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("lastState", 3, MESSAGE, SINGLE, .schema = &schema_core_container_state),
	FIELD("name", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("ready", 4, BOOL, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("resources", 11, MESSAGE, SINGLE, .schema = &schema_core_resource_requirements),
	FIELD("restartCount", 5, INT32, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("started", 9, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("state", 2, MESSAGE, SINGLE, .schema = &schema_core_container_state),
	FIELD("user", 13, MESSAGE, SINGLE, .schema = &schema_core_container_user),
	FIELD("volumeMounts", 12, MESSAGE, LIST, .schema = &schema_core_volume_mount_status,
	      .merge_key = "mountPath"),
};
const struct schema schema_core_container_status =
	SCHEMA("io.k8s.api.core.v1.ContainerStatus", core_container_status_fields);

static const struct field core_container_user_fields[] = {
	FIELD("linux", 1, MESSAGE, SINGLE, .schema = &schema_core_linux_container_user),
};
const struct schema schema_core_container_user =
	SCHEMA("io.k8s.api.core.v1.ContainerUser", core_container_user_fields);

static const struct field core_host_ip_fields[] = {
	FIELD("ip", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_host_ip = SCHEMA("io.k8s.api.core.v1.HostIP", core_host_ip_fields);

static const struct field core_linux_container_user_fields[] = {
	FIELD("gid", 2, INT64, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("supplementalGroups", 3, INT64, LIST),
	FIELD("uid", 1, INT64, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_linux_container_user =
	SCHEMA("io.k8s.api.core.v1.LinuxContainerUser", core_linux_container_user_fields);

static const struct field core_pod_condition_fields[] = {
	FIELD("lastProbeTime", 3, TIME, SINGLE),
	FIELD("lastTransitionTime", 4, TIME, SINGLE),
	FIELD("message", 6, STRING, SINGLE),
	FIELD("reason", 5, STRING, SINGLE),
	FIELD("status", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("type", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_pod_condition =
	SCHEMA("io.k8s.api.core.v1.PodCondition", core_pod_condition_fields);

static const struct field core_pod_ip_fields[] = {
	FIELD("ip", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_pod_ip = SCHEMA("io.k8s.api.core.v1.PodIP", core_pod_ip_fields);

static const struct field core_pod_resource_claim_status_fields[] = {
	FIELD("name", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("resourceClaimName", 2, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_core_pod_resource_claim_status =
	SCHEMA("io.k8s.api.core.v1.PodResourceClaimStatus", core_pod_resource_claim_status_fields);

static const struct field core_pod_status_fields[] = {
	FIELD("conditions", 2, MESSAGE, LIST, .schema = &schema_core_pod_condition, .merge_key = "type"),
	FIELD("containerStatuses", 8, MESSAGE, LIST, .schema = &schema_core_container_status),
	FIELD("ephemeralContainerStatuses", 13, MESSAGE, LIST, .schema = &schema_core_container_status),
	FIELD("hostIP", 5, STRING, SINGLE),
	FIELD("hostIPs", 16, MESSAGE, LIST, .schema = &schema_core_host_ip, .merge_key = "ip",
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("initContainerStatuses", 10, MESSAGE, LIST, .schema = &schema_core_container_status),
	FIELD("message", 3, STRING, SINGLE),
	FIELD("nominatedNodeName", 11, STRING, SINGLE),
	FIELD("phase", 1, STRING, SINGLE),
	FIELD("podIP", 6, STRING, SINGLE),
	FIELD("podIPs", 12, MESSAGE, LIST, .schema = &schema_core_pod_ip, .merge_key = "ip"),
	FIELD("qosClass", 9, STRING, SINGLE),
	FIELD("reason", 4, STRING, SINGLE),
	FIELD("resize", 14, STRING, SINGLE),
	FIELD("resourceClaimStatuses", 15, MESSAGE, LIST, .schema = &schema_core_pod_resource_claim_status,
	      .merge_key = "name", .flags = FIELD_RETAIN_KEYS),
	FIELD("startTime", 7, TIME, SINGLE),
};
const struct schema schema_core_pod_status = SCHEMA("io.k8s.api.core.v1.PodStatus", core_pod_status_fields);

static const struct field core_resource_health_fields[] = {
	FIELD("health", 2, STRING, SINGLE),
	FIELD("resourceID", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_resource_health =
	SCHEMA("io.k8s.api.core.v1.ResourceHealth", core_resource_health_fields);

static const struct field core_resource_status_fields[] = {
	FIELD("name", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("resources", 2, MESSAGE, LIST, .schema = &schema_core_resource_health,
	      .apply_keys = "resourceID"),
};
const struct schema schema_core_resource_status =
	SCHEMA("io.k8s.api.core.v1.ResourceStatus", core_resource_status_fields);

static const struct field core_volume_mount_status_fields[] = {
	FIELD("mountPath", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("name", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("readOnly", 3, BOOL, SINGLE),
	FIELD("recursiveReadOnly", 4, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_core_volume_mount_status =
	SCHEMA("io.k8s.api.core.v1.VolumeMountStatus", core_volume_mount_status_fields);
