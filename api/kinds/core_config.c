/* Fields of Namespace, ConfigMap, Secret, ServiceAccount, Binding. */
#include "api/kinds/schemas.h"

static const struct field core_binding_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("target", 2, MESSAGE, SINGLE, .schema = &schema_core_object_reference,
	      .flags = FIELD_REQUIRED | FIELD_APPLY_ATOMIC),
};
const struct schema schema_core_binding = SCHEMA("io.k8s.api.core.v1.Binding", core_binding_fields);

static const struct field core_config_map_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("binaryData", 3, BYTES, MAP),
	FIELD("data", 2, STRING, MAP),
	FIELD("immutable", 4, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
};
const struct schema schema_core_config_map = SCHEMA("io.k8s.api.core.v1.ConfigMap", core_config_map_fields);

static const struct field core_namespace_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("spec", 2, MESSAGE, SINGLE, .schema = &schema_core_namespace_spec),
	FIELD("status", 3, MESSAGE, SINGLE, .schema = &schema_core_namespace_status),
};
const struct schema schema_core_namespace = SCHEMA("io.k8s.api.core.v1.Namespace", core_namespace_fields);

static const struct field core_namespace_condition_fields[] = {
	FIELD("lastTransitionTime", 4, TIME, SINGLE),
	FIELD("message", 6, STRING, SINGLE),
	FIELD("reason", 5, STRING, SINGLE),
	FIELD("status", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("type", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_namespace_condition =
	SCHEMA("io.k8s.api.core.v1.NamespaceCondition", core_namespace_condition_fields);

static const struct field core_namespace_spec_fields[] = {
	FIELD("finalizers", 1, STRING, LIST),
};
const struct schema schema_core_namespace_spec =
	SCHEMA("io.k8s.api.core.v1.NamespaceSpec", core_namespace_spec_fields);

static const struct field core_namespace_status_fields[] = {
	FIELD("conditions", 2, MESSAGE, LIST, .schema = &schema_core_namespace_condition,
	      .merge_key = "type"),
	FIELD("phase", 1, STRING, SINGLE),
};
const struct schema schema_core_namespace_status =
	SCHEMA("io.k8s.api.core.v1.NamespaceStatus", core_namespace_status_fields);

static const struct field core_secret_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("data", 2, BYTES, MAP),
	FIELD("immutable", 5, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("stringData", 4, STRING, MAP),
	FIELD("type", 3, STRING, SINGLE, .default_json = "\"Opaque\""),
};
const struct schema schema_core_secret = SCHEMA("io.k8s.api.core.v1.Secret", core_secret_fields);

static const struct field core_service_account_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("automountServiceAccountToken", 4, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("imagePullSecrets", 3, MESSAGE, LIST, .schema = &schema_core_local_object_reference),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("secrets", 2, MESSAGE, LIST, .schema = &schema_core_object_reference, .merge_key = "name"),
};
const struct schema schema_core_service_account =
	SCHEMA("io.k8s.api.core.v1.ServiceAccount", core_service_account_fields);
