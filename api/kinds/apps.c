/* Fields of DaemonSet, Deployment, ReplicaSet, ControllerRevision; and of Scale, by which those with replicas are scaled. */
#include "api/kinds/schemas.h"

static const struct field apps_controller_revision_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("data", 2, RAW, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("revision", 3, INT64, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_apps_controller_revision =
	SCHEMA("io.k8s.api.apps.v1.ControllerRevision", apps_controller_revision_fields);

static const struct field apps_daemon_set_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("spec", 2, MESSAGE, SINGLE, .schema = &schema_apps_daemon_set_spec),
	FIELD("status", 3, MESSAGE, SINGLE, .schema = &schema_apps_daemon_set_status),
};
const struct schema schema_apps_daemon_set = SCHEMA("io.k8s.api.apps.v1.DaemonSet", apps_daemon_set_fields);

static const struct field apps_daemon_set_condition_fields[] = {
	FIELD("lastTransitionTime", 3, TIME, SINGLE),
	FIELD("message", 5, STRING, SINGLE),
	FIELD("reason", 4, STRING, SINGLE),
	FIELD("status", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("type", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_apps_daemon_set_condition =
	SCHEMA("io.k8s.api.apps.v1.DaemonSetCondition", apps_daemon_set_condition_fields);

static const struct field apps_daemon_set_spec_fields[] = {
	FIELD("minReadySeconds", 4, INT32, SINGLE),
	FIELD("revisionHistoryLimit", 6, INT32, SINGLE, .default_json = "10", .flags = FIELD_KEEP_ZERO),
	FIELD("selector", 1, MESSAGE, SINGLE, .schema = &schema_meta_label_selector,
	      .flags = FIELD_REQUIRED | FIELD_APPLY_ATOMIC),
	FIELD("template", 2, MESSAGE, SINGLE, .schema = &schema_core_pod_template_spec,
	      .flags = FIELD_REQUIRED),
	FIELD("updateStrategy", 3, MESSAGE, SINGLE, .schema = &schema_apps_daemon_set_update_strategy,
	      .default_json = "{}"),
};
const struct schema schema_apps_daemon_set_spec =
	SCHEMA("io.k8s.api.apps.v1.DaemonSetSpec", apps_daemon_set_spec_fields);

static const struct field apps_daemon_set_status_fields[] = {
	FIELD("collisionCount", 9, INT32, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("conditions", 10, MESSAGE, LIST, .schema = &schema_apps_daemon_set_condition,
	      .merge_key = "type"),
	FIELD("currentNumberScheduled", 1, INT32, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("desiredNumberScheduled", 3, INT32, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("numberAvailable", 7, INT32, SINGLE),
	FIELD("numberMisscheduled", 2, INT32, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("numberReady", 4, INT32, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("numberUnavailable", 8, INT32, SINGLE),
	FIELD("observedGeneration", 5, INT64, SINGLE),
	FIELD("updatedNumberScheduled", 6, INT32, SINGLE),
};
const struct schema schema_apps_daemon_set_status =
	SCHEMA("io.k8s.api.apps.v1.DaemonSetStatus", apps_daemon_set_status_fields);

static const struct field apps_daemon_set_update_strategy_fields[] = {
	FIELD("rollingUpdate", 2, MESSAGE, SINGLE, .schema = &schema_apps_rolling_update_daemon_set),
	FIELD("type", 1, STRING, SINGLE, .default_json = "\"RollingUpdate\""),
};
const struct schema schema_apps_daemon_set_update_strategy =
	SCHEMA("io.k8s.api.apps.v1.DaemonSetUpdateStrategy", apps_daemon_set_update_strategy_fields);

static const struct field apps_deployment_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("spec", 2, MESSAGE, SINGLE, .schema = &schema_apps_deployment_spec),
	FIELD("status", 3, MESSAGE, SINGLE, .schema = &schema_apps_deployment_status),
};
const struct schema schema_apps_deployment = SCHEMA("io.k8s.api.apps.v1.Deployment", apps_deployment_fields);

static const struct field apps_deployment_condition_fields[] = {
	FIELD("lastTransitionTime", 7, TIME, SINGLE),
	FIELD("lastUpdateTime", 6, TIME, SINGLE),
	FIELD("message", 5, STRING, SINGLE),
	FIELD("reason", 4, STRING, SINGLE),
	FIELD("status", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("type", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_apps_deployment_condition =
	SCHEMA("io.k8s.api.apps.v1.DeploymentCondition", apps_deployment_condition_fields);

static const struct field apps_deployment_spec_fields[] = {
	FIELD("minReadySeconds", 5, INT32, SINGLE),
	FIELD("paused", 7, BOOL, SINGLE),
	FIELD("progressDeadlineSeconds", 9, INT32, SINGLE, .default_json = "600", .flags = FIELD_KEEP_ZERO),
	FIELD("replicas", 1, INT32, SINGLE, .default_json = "1", .flags = FIELD_KEEP_ZERO),
	FIELD("revisionHistoryLimit", 6, INT32, SINGLE, .default_json = "10", .flags = FIELD_KEEP_ZERO),
	FIELD("selector", 2, MESSAGE, SINGLE, .schema = &schema_meta_label_selector,
	      .flags = FIELD_REQUIRED | FIELD_APPLY_ATOMIC),
	FIELD("strategy", 4, MESSAGE, SINGLE, .schema = &schema_apps_deployment_strategy,
	      .default_json = "{}", .flags = FIELD_RETAIN_KEYS),
	FIELD("template", 3, MESSAGE, SINGLE, .schema = &schema_core_pod_template_spec,
	      .flags = FIELD_REQUIRED),
};
const struct schema schema_apps_deployment_spec =
	SCHEMA("io.k8s.api.apps.v1.DeploymentSpec", apps_deployment_spec_fields);

static const struct field apps_deployment_status_fields[] = {
	FIELD("availableReplicas", 4, INT32, SINGLE),
	FIELD("collisionCount", 8, INT32, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("conditions", 6, MESSAGE, LIST, .schema = &schema_apps_deployment_condition,
	      .merge_key = "type"),
	FIELD("observedGeneration", 1, INT64, SINGLE),
	FIELD("readyReplicas", 7, INT32, SINGLE),
	FIELD("replicas", 2, INT32, SINGLE),
	FIELD("unavailableReplicas", 5, INT32, SINGLE),
	FIELD("updatedReplicas", 3, INT32, SINGLE),
};
const struct schema schema_apps_deployment_status =
	SCHEMA("io.k8s.api.apps.v1.DeploymentStatus", apps_deployment_status_fields);

static const struct field apps_deployment_strategy_fields[] = {
	FIELD("rollingUpdate", 2, MESSAGE, SINGLE, .schema = &schema_apps_rolling_update_deployment),
	FIELD("type", 1, STRING, SINGLE, .default_json = "\"RollingUpdate\""),
};
const struct schema schema_apps_deployment_strategy =
	SCHEMA("io.k8s.api.apps.v1.DeploymentStrategy", apps_deployment_strategy_fields);

static const struct field apps_rolling_update_deployment_fields[] = {
	FIELD("maxSurge", 2, INT_OR_STRING, SINGLE),
	FIELD("maxUnavailable", 1, INT_OR_STRING, SINGLE),
};
const struct schema schema_apps_rolling_update_deployment =
	SCHEMA("io.k8s.api.apps.v1.RollingUpdateDeployment", apps_rolling_update_deployment_fields);

static const struct field apps_replica_set_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("spec", 2, MESSAGE, SINGLE, .schema = &schema_apps_replica_set_spec),
	FIELD("status", 3, MESSAGE, SINGLE, .schema = &schema_apps_replica_set_status),
};
const struct schema schema_apps_replica_set =
	SCHEMA("io.k8s.api.apps.v1.ReplicaSet", apps_replica_set_fields);

static const struct field apps_replica_set_condition_fields[] = {
	FIELD("lastTransitionTime", 3, TIME, SINGLE),
	FIELD("message", 5, STRING, SINGLE),
	FIELD("reason", 4, STRING, SINGLE),
	FIELD("status", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("type", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_apps_replica_set_condition =
	SCHEMA("io.k8s.api.apps.v1.ReplicaSetCondition", apps_replica_set_condition_fields);

static const struct field apps_replica_set_spec_fields[] = {
	FIELD("minReadySeconds", 4, INT32, SINGLE),
	FIELD("replicas", 1, INT32, SINGLE, .default_json = "1", .flags = FIELD_KEEP_ZERO),
	FIELD("selector", 2, MESSAGE, SINGLE, .schema = &schema_meta_label_selector,
	      .flags = FIELD_REQUIRED | FIELD_APPLY_ATOMIC),
	FIELD("template", 3, MESSAGE, SINGLE, .schema = &schema_core_pod_template_spec),
};
const struct schema schema_apps_replica_set_spec =
	SCHEMA("io.k8s.api.apps.v1.ReplicaSetSpec", apps_replica_set_spec_fields);

static const struct field apps_replica_set_status_fields[] = {
	FIELD("availableReplicas", 5, INT32, SINGLE),
	FIELD("conditions", 6, MESSAGE, LIST, .schema = &schema_apps_replica_set_condition,
	      .merge_key = "type"),
	FIELD("fullyLabeledReplicas", 2, INT32, SINGLE),
	FIELD("observedGeneration", 3, INT64, SINGLE),
	FIELD("readyReplicas", 4, INT32, SINGLE),
	FIELD("replicas", 1, INT32, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_apps_replica_set_status =
	SCHEMA("io.k8s.api.apps.v1.ReplicaSetStatus", apps_replica_set_status_fields);

static const struct field apps_rolling_update_daemon_set_fields[] = {
	FIELD("maxSurge", 2, INT_OR_STRING, SINGLE),
	FIELD("maxUnavailable", 1, INT_OR_STRING, SINGLE),
};
const struct schema schema_apps_rolling_update_daemon_set =
	SCHEMA("io.k8s.api.apps.v1.RollingUpdateDaemonSet", apps_rolling_update_daemon_set_fields);

static const struct field autoscaling_scale_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("spec", 2, MESSAGE, SINGLE, .schema = &schema_autoscaling_scale_spec),
	FIELD("status", 3, MESSAGE, SINGLE, .schema = &schema_autoscaling_scale_status),
};
const struct schema schema_autoscaling_scale =
	SCHEMA("io.k8s.api.autoscaling.v1.Scale", autoscaling_scale_fields);

static const struct field autoscaling_scale_spec_fields[] = {
	FIELD("replicas", 1, INT32, SINGLE),
};
const struct schema schema_autoscaling_scale_spec =
	SCHEMA("io.k8s.api.autoscaling.v1.ScaleSpec", autoscaling_scale_spec_fields);

static const struct field autoscaling_scale_status_fields[] = {
	FIELD("replicas", 1, INT32, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("selector", 2, STRING, SINGLE),
};
const struct schema schema_autoscaling_scale_status =
	SCHEMA("io.k8s.api.autoscaling.v1.ScaleStatus", autoscaling_scale_status_fields);
