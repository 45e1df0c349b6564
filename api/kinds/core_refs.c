/* Fields of references and selectors of keys and fields. */
#include "api/kinds/schemas.h"

static const struct field core_config_map_key_selector_fields[] = {
	FIELD("key", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("optional", 3, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_core_config_map_key_selector =
	SCHEMA_WITH("io.k8s.api.core.v1.ConfigMapKeySelector", core_config_map_key_selector_fields,
		    schema_core_local_object_reference, 1);

static const struct field core_key_to_path_fields[] = {
	FIELD("key", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("mode", 3, INT32, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("path", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_key_to_path = SCHEMA("io.k8s.api.core.v1.KeyToPath", core_key_to_path_fields);

static const struct field core_local_object_reference_fields[] = {
	FIELD("name", 1, STRING, SINGLE),
};
const struct schema schema_core_local_object_reference =
	SCHEMA("io.k8s.api.core.v1.LocalObjectReference", core_local_object_reference_fields);

static const struct field core_object_field_selector_fields[] = {
	FIELD("apiVersion", 1, STRING, SINGLE, .default_json = "\"v1\""),
	FIELD("fieldPath", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_object_field_selector =
	SCHEMA("io.k8s.api.core.v1.ObjectFieldSelector", core_object_field_selector_fields);

static const struct field core_object_reference_fields[] = {
	FIELD("apiVersion", 5, STRING, SINGLE), FIELD("fieldPath", 7, STRING, SINGLE),
	FIELD("kind", 1, STRING, SINGLE),	FIELD("name", 3, STRING, SINGLE),
	FIELD("namespace", 2, STRING, SINGLE),	FIELD("resourceVersion", 6, STRING, SINGLE),
	FIELD("uid", 4, STRING, SINGLE),
};
const struct schema schema_core_object_reference =
	SCHEMA("io.k8s.api.core.v1.ObjectReference", core_object_reference_fields);

static const struct field core_resource_field_selector_fields[] = {
	FIELD("containerName", 1, STRING, SINGLE),
	FIELD("divisor", 3, QUANTITY, SINGLE),
	FIELD("resource", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_resource_field_selector =
	SCHEMA("io.k8s.api.core.v1.ResourceFieldSelector", core_resource_field_selector_fields);

static const struct field core_secret_key_selector_fields[] = {
	FIELD("key", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("optional", 3, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_core_secret_key_selector =
	SCHEMA_WITH("io.k8s.api.core.v1.SecretKeySelector", core_secret_key_selector_fields,
		    schema_core_local_object_reference, 1);

static const struct field core_typed_local_object_reference_fields[] = {
	FIELD("apiGroup", 1, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("kind", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("name", 3, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_typed_local_object_reference =
	SCHEMA("io.k8s.api.core.v1.TypedLocalObjectReference", core_typed_local_object_reference_fields);

static const struct field core_typed_object_reference_fields[] = {
	FIELD("apiGroup", 1, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("kind", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("name", 3, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("namespace", 4, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_core_typed_object_reference =
	SCHEMA("io.k8s.api.core.v1.TypedObjectReference", core_typed_object_reference_fields);
