/* Fields of containers, their environment, probes and security. */
#include "api/kinds/schemas.h"

static const struct field core_app_armor_profile_fields[] = {
	FIELD("localhostProfile", 2, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("type", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_app_armor_profile =
	SCHEMA("io.k8s.api.core.v1.AppArmorProfile", core_app_armor_profile_fields);

static const struct field core_capabilities_fields[] = {
	FIELD("add", 1, STRING, LIST),
	FIELD("drop", 2, STRING, LIST),
};
const struct schema schema_core_capabilities =
	SCHEMA("io.k8s.api.core.v1.Capabilities", core_capabilities_fields);

static const struct field core_config_map_env_source_fields[] = {
	FIELD("optional", 2, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_core_config_map_env_source =
	SCHEMA_WITH("io.k8s.api.core.v1.ConfigMapEnvSource", core_config_map_env_source_fields,
		    schema_core_local_object_reference, 1);

static const struct field core_container_fields[] = {
	FIELD("args", 4, STRING, LIST),
	FIELD("command", 3, STRING, LIST),
	FIELD("env", 7, MESSAGE, LIST, .schema = &schema_core_env_var, .merge_key = "name"),
	FIELD("envFrom", 19, MESSAGE, LIST, .schema = &schema_core_env_from_source),
	FIELD("image", 2, STRING, SINGLE),
	FIELD("imagePullPolicy", 14, STRING, SINGLE),
	FIELD("lifecycle", 12, MESSAGE, SINGLE, .schema = &schema_core_lifecycle),
	FIELD("livenessProbe", 10, MESSAGE, SINGLE, .schema = &schema_core_probe),
	FIELD("name", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("ports", 6, MESSAGE, LIST, .schema = &schema_core_container_port, .merge_key = "containerPort",
	      .apply_keys = "containerPort,protocol"),
	FIELD("readinessProbe", 11, MESSAGE, SINGLE, .schema = &schema_core_probe),
	FIELD("resizePolicy", 23, MESSAGE, LIST, .schema = &schema_core_container_resize_policy),
	FIELD("resources", 8, MESSAGE, SINGLE, .schema = &schema_core_resource_requirements),
	FIELD("restartPolicy", 24, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("securityContext", 15, MESSAGE, SINGLE, .schema = &schema_core_security_context),
	FIELD("startupProbe", 22, MESSAGE, SINGLE, .schema = &schema_core_probe),
	FIELD("stdin", 16, BOOL, SINGLE),
	FIELD("stdinOnce", 17, BOOL, SINGLE),
	FIELD("terminationMessagePath", 13, STRING, SINGLE, .default_json = "\"/dev/termination-log\""),
	FIELD("terminationMessagePolicy", 20, STRING, SINGLE, .default_json = "\"File\""),
	FIELD("tty", 18, BOOL, SINGLE),
	FIELD("volumeDevices", 21, MESSAGE, LIST, .schema = &schema_core_volume_device,
	      .merge_key = "devicePath"),
	FIELD("volumeMounts", 9, MESSAGE, LIST, .schema = &schema_core_volume_mount,
	      .merge_key = "mountPath"),
	FIELD("workingDir", 5, STRING, SINGLE),
};
const struct schema schema_core_container = SCHEMA("io.k8s.api.core.v1.Container", core_container_fields);

static const struct field core_container_port_fields[] = {
	FIELD("containerPort", 3, INT32, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("hostIP", 5, STRING, SINGLE),
	FIELD("hostPort", 2, INT32, SINGLE),
	FIELD("name", 1, STRING, SINGLE),
	FIELD("protocol", 4, STRING, SINGLE, .default_json = "\"TCP\""),
};
const struct schema schema_core_container_port =
	SCHEMA("io.k8s.api.core.v1.ContainerPort", core_container_port_fields);

static const struct field core_container_resize_policy_fields[] = {
	FIELD("resourceName", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("restartPolicy", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_container_resize_policy =
	SCHEMA("io.k8s.api.core.v1.ContainerResizePolicy", core_container_resize_policy_fields);

static const struct field core_env_from_source_fields[] = {
	FIELD("configMapRef", 2, MESSAGE, SINGLE, .schema = &schema_core_config_map_env_source),
	FIELD("prefix", 1, STRING, SINGLE),
	FIELD("secretRef", 3, MESSAGE, SINGLE, .schema = &schema_core_secret_env_source),
};
const struct schema schema_core_env_from_source =
	SCHEMA("io.k8s.api.core.v1.EnvFromSource", core_env_from_source_fields);

static const struct field core_env_var_fields[] = {
	FIELD("name", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("value", 2, STRING, SINGLE),
	FIELD("valueFrom", 3, MESSAGE, SINGLE, .schema = &schema_core_env_var_source),
};
const struct schema schema_core_env_var = SCHEMA("io.k8s.api.core.v1.EnvVar", core_env_var_fields);

static const struct field core_env_var_source_fields[] = {
	FIELD("configMapKeyRef", 3, MESSAGE, SINGLE, .schema = &schema_core_config_map_key_selector,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("fieldRef", 1, MESSAGE, SINGLE, .schema = &schema_core_object_field_selector,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("resourceFieldRef", 2, MESSAGE, SINGLE, .schema = &schema_core_resource_field_selector,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("secretKeyRef", 4, MESSAGE, SINGLE, .schema = &schema_core_secret_key_selector,
	      .flags = FIELD_APPLY_ATOMIC),
};
const struct schema schema_core_env_var_source =
	SCHEMA("io.k8s.api.core.v1.EnvVarSource", core_env_var_source_fields);

static const struct field core_ephemeral_container_fields[] = {
	FIELD("targetContainerName", 2, STRING, SINGLE),
};
const struct schema schema_core_ephemeral_container =
	SCHEMA_WITH("io.k8s.api.core.v1.EphemeralContainer", core_ephemeral_container_fields,
		    schema_core_ephemeral_container_common, 1);

static const struct field core_ephemeral_container_common_fields[] = {
	FIELD("args", 4, STRING, LIST),
	FIELD("command", 3, STRING, LIST),
	FIELD("env", 7, MESSAGE, LIST, .schema = &schema_core_env_var, .merge_key = "name"),
	FIELD("envFrom", 19, MESSAGE, LIST, .schema = &schema_core_env_from_source),
	FIELD("image", 2, STRING, SINGLE),
	FIELD("imagePullPolicy", 14, STRING, SINGLE),
	FIELD("lifecycle", 12, MESSAGE, SINGLE, .schema = &schema_core_lifecycle),
	FIELD("livenessProbe", 10, MESSAGE, SINGLE, .schema = &schema_core_probe),
	FIELD("name", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("ports", 6, MESSAGE, LIST, .schema = &schema_core_container_port, .merge_key = "containerPort",
	      .apply_keys = "containerPort,protocol"),
	FIELD("readinessProbe", 11, MESSAGE, SINGLE, .schema = &schema_core_probe),
	FIELD("resizePolicy", 23, MESSAGE, LIST, .schema = &schema_core_container_resize_policy),
	FIELD("resources", 8, MESSAGE, SINGLE, .schema = &schema_core_resource_requirements),
	FIELD("restartPolicy", 24, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("securityContext", 15, MESSAGE, SINGLE, .schema = &schema_core_security_context),
	FIELD("startupProbe", 22, MESSAGE, SINGLE, .schema = &schema_core_probe),
	FIELD("stdin", 16, BOOL, SINGLE),
	FIELD("stdinOnce", 17, BOOL, SINGLE),
	FIELD("terminationMessagePath", 13, STRING, SINGLE, .default_json = "\"/dev/termination-log\""),
	FIELD("terminationMessagePolicy", 20, STRING, SINGLE, .default_json = "\"File\""),
	FIELD("tty", 18, BOOL, SINGLE),
	FIELD("volumeDevices", 21, MESSAGE, LIST, .schema = &schema_core_volume_device,
	      .merge_key = "devicePath"),
	FIELD("volumeMounts", 9, MESSAGE, LIST, .schema = &schema_core_volume_mount,
	      .merge_key = "mountPath"),
	FIELD("workingDir", 5, STRING, SINGLE),
};
const struct schema schema_core_ephemeral_container_common =
	SCHEMA("io.k8s.api.core.v1.EphemeralContainerCommon", core_ephemeral_container_common_fields);

static const struct field core_exec_action_fields[] = {
	FIELD("command", 1, STRING, LIST),
};
const struct schema schema_core_exec_action =
	SCHEMA("io.k8s.api.core.v1.ExecAction", core_exec_action_fields);

static const struct field core_grpc_action_fields[] = {
	FIELD("port", 1, INT32, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("service", 2, STRING, SINGLE, .default_json = "\"\"", .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_core_grpc_action =
	SCHEMA("io.k8s.api.core.v1.GRPCAction", core_grpc_action_fields);

static const struct field core_http_get_action_fields[] = {
	FIELD("host", 3, STRING, SINGLE),
	FIELD("httpHeaders", 5, MESSAGE, LIST, .schema = &schema_core_http_header),
	FIELD("path", 1, STRING, SINGLE, .default_json = "\"/\""),
	FIELD("port", 2, INT_OR_STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("scheme", 4, STRING, SINGLE, .default_json = "\"HTTP\""),
};
const struct schema schema_core_http_get_action =
	SCHEMA("io.k8s.api.core.v1.HTTPGetAction", core_http_get_action_fields);

static const struct field core_http_header_fields[] = {
	FIELD("name", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("value", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_http_header =
	SCHEMA("io.k8s.api.core.v1.HTTPHeader", core_http_header_fields);

static const struct field core_lifecycle_fields[] = {
	FIELD("postStart", 1, MESSAGE, SINGLE, .schema = &schema_core_lifecycle_handler),
	FIELD("preStop", 2, MESSAGE, SINGLE, .schema = &schema_core_lifecycle_handler),
};
const struct schema schema_core_lifecycle = SCHEMA("io.k8s.api.core.v1.Lifecycle", core_lifecycle_fields);

static const struct field core_lifecycle_handler_fields[] = {
	FIELD("exec", 1, MESSAGE, SINGLE, .schema = &schema_core_exec_action),
	FIELD("httpGet", 2, MESSAGE, SINGLE, .schema = &schema_core_http_get_action),
	FIELD("sleep", 4, MESSAGE, SINGLE, .schema = &schema_core_sleep_action),
	FIELD("tcpSocket", 3, MESSAGE, SINGLE, .schema = &schema_core_tcp_socket_action),
};
const struct schema schema_core_lifecycle_handler =
	SCHEMA("io.k8s.api.core.v1.LifecycleHandler", core_lifecycle_handler_fields);

static const struct field core_probe_fields[] = {
	FIELD("failureThreshold", 6, INT32, SINGLE, .default_json = "3"),
	FIELD("initialDelaySeconds", 2, INT32, SINGLE),
	FIELD("periodSeconds", 4, INT32, SINGLE, .default_json = "10"),
	FIELD("successThreshold", 5, INT32, SINGLE, .default_json = "1"),
	FIELD("terminationGracePeriodSeconds", 7, INT64, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("timeoutSeconds", 3, INT32, SINGLE, .default_json = "1"),
};
const struct schema schema_core_probe =
	SCHEMA_WITH("io.k8s.api.core.v1.Probe", core_probe_fields, schema_core_probe_handler, 1);

static const struct field core_probe_handler_fields[] = {
	FIELD("exec", 1, MESSAGE, SINGLE, .schema = &schema_core_exec_action),
	FIELD("grpc", 4, MESSAGE, SINGLE, .schema = &schema_core_grpc_action),
	FIELD("httpGet", 2, MESSAGE, SINGLE, .schema = &schema_core_http_get_action),
	FIELD("tcpSocket", 3, MESSAGE, SINGLE, .schema = &schema_core_tcp_socket_action),
};
const struct schema schema_core_probe_handler =
	SCHEMA("io.k8s.api.core.v1.ProbeHandler", core_probe_handler_fields);

static const struct field core_resource_claim_fields[] = {
	FIELD("name", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("request", 2, STRING, SINGLE),
};
const struct schema schema_core_resource_claim =
	SCHEMA("io.k8s.api.core.v1.ResourceClaim", core_resource_claim_fields);

static const struct field core_resource_requirements_fields[] = {
	FIELD("claims", 3, MESSAGE, LIST, .schema = &schema_core_resource_claim, .apply_keys = "name"),
	FIELD("limits", 1, QUANTITY, MAP),
	FIELD("requests", 2, QUANTITY, MAP),
};
const struct schema schema_core_resource_requirements =
	SCHEMA("io.k8s.api.core.v1.ResourceRequirements", core_resource_requirements_fields);

static const struct field core_se_linux_options_fields[] = {
	FIELD("level", 4, STRING, SINGLE),
	FIELD("role", 2, STRING, SINGLE),
	FIELD("type", 3, STRING, SINGLE),
	FIELD("user", 1, STRING, SINGLE),
};
const struct schema schema_core_se_linux_options =
	SCHEMA("io.k8s.api.core.v1.SELinuxOptions", core_se_linux_options_fields);

static const struct field core_seccomp_profile_fields[] = {
	FIELD("localhostProfile", 2, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("type", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_seccomp_profile =
	SCHEMA("io.k8s.api.core.v1.SeccompProfile", core_seccomp_profile_fields);

static const struct field core_secret_env_source_fields[] = {
	FIELD("optional", 2, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_core_secret_env_source =
	SCHEMA_WITH("io.k8s.api.core.v1.SecretEnvSource", core_secret_env_source_fields,
		    schema_core_local_object_reference, 1);

static const struct field core_security_context_fields[] = {
	FIELD("allowPrivilegeEscalation", 7, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("appArmorProfile", 12, MESSAGE, SINGLE, .schema = &schema_core_app_armor_profile),
	FIELD("capabilities", 1, MESSAGE, SINGLE, .schema = &schema_core_capabilities),
	FIELD("privileged", 2, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("procMount", 9, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("readOnlyRootFilesystem", 6, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("runAsGroup", 8, INT64, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("runAsNonRoot", 5, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("runAsUser", 4, INT64, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("seLinuxOptions", 3, MESSAGE, SINGLE, .schema = &schema_core_se_linux_options),
	FIELD("seccompProfile", 11, MESSAGE, SINGLE, .schema = &schema_core_seccomp_profile),
	FIELD("windowsOptions", 10, MESSAGE, SINGLE, .schema = &schema_core_windows_security_context_options),
};
const struct schema schema_core_security_context =
	SCHEMA("io.k8s.api.core.v1.SecurityContext", core_security_context_fields);

static const struct field core_sleep_action_fields[] = {
	FIELD("seconds", 1, INT64, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_sleep_action =
	SCHEMA("io.k8s.api.core.v1.SleepAction", core_sleep_action_fields);

static const struct field core_tcp_socket_action_fields[] = {
	FIELD("host", 2, STRING, SINGLE),
	FIELD("port", 1, INT_OR_STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_tcp_socket_action =
	SCHEMA("io.k8s.api.core.v1.TCPSocketAction", core_tcp_socket_action_fields);

static const struct field core_volume_device_fields[] = {
	FIELD("devicePath", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("name", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_volume_device =
	SCHEMA("io.k8s.api.core.v1.VolumeDevice", core_volume_device_fields);

static const struct field core_volume_mount_fields[] = {
	FIELD("mountPath", 3, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("mountPropagation", 5, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("name", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("readOnly", 2, BOOL, SINGLE),
	FIELD("recursiveReadOnly", 7, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("subPath", 4, STRING, SINGLE),
	FIELD("subPathExpr", 6, STRING, SINGLE),
};
const struct schema schema_core_volume_mount =
	SCHEMA("io.k8s.api.core.v1.VolumeMount", core_volume_mount_fields);

static const struct field core_windows_security_context_options_fields[] = {
	FIELD("gmsaCredentialSpec", 2, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("gmsaCredentialSpecName", 1, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("hostProcess", 4, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("runAsUserName", 3, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_core_windows_security_context_options =
	SCHEMA("io.k8s.api.core.v1.WindowsSecurityContextOptions",
	       core_windows_security_context_options_fields);
