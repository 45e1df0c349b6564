/* Fields of object metadata, options, Status. */
#include "api/kinds/schemas.h"

static const struct field meta_condition_fields[] = {
	FIELD("lastTransitionTime", 4, TIME, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("message", 6, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("observedGeneration", 3, INT64, SINGLE),
	FIELD("reason", 5, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("status", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("type", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_meta_condition =
	SCHEMA("io.k8s.apimachinery.pkg.apis.meta.v1.Condition", meta_condition_fields);

static const struct field meta_create_options_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),	  FIELD("dryRun", 1, STRING, LIST),
	FIELD("fieldManager", 3, STRING, SINGLE), FIELD("fieldValidation", 4, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
};
const struct schema schema_meta_create_options =
	SCHEMA("io.k8s.apimachinery.pkg.apis.meta.v1.CreateOptions", meta_create_options_fields);

static const struct field meta_delete_options_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("dryRun", 5, STRING, LIST),
	FIELD("gracePeriodSeconds", 1, INT64, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("ignoreStoreReadErrorWithClusterBreakingPotential", 6, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("orphanDependents", 3, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("preconditions", 2, MESSAGE, SINGLE, .schema = &schema_meta_preconditions),
	FIELD("propagationPolicy", 4, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_meta_delete_options =
	SCHEMA("io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions", meta_delete_options_fields);

static const struct field meta_field_selector_requirement_fields[] = {
	FIELD("key", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("operator", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("values", 3, STRING, LIST),
};
const struct schema schema_meta_field_selector_requirement =
	SCHEMA("io.k8s.apimachinery.pkg.apis.meta.v1.FieldSelectorRequirement",
	       meta_field_selector_requirement_fields);

static const struct field meta_label_selector_fields[] = {
	FIELD("matchExpressions", 2, MESSAGE, LIST, .schema = &schema_meta_label_selector_requirement),
	FIELD("matchLabels", 1, STRING, MAP),
};
const struct schema schema_meta_label_selector =
	SCHEMA("io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector", meta_label_selector_fields);

static const struct field meta_label_selector_requirement_fields[] = {
	FIELD("key", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("operator", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("values", 3, STRING, LIST),
};
const struct schema schema_meta_label_selector_requirement =
	SCHEMA("io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement",
	       meta_label_selector_requirement_fields);

static const struct field meta_list_meta_fields[] = {
	FIELD("continue", 3, STRING, SINGLE),
	FIELD("remainingItemCount", 4, INT64, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("resourceVersion", 2, STRING, SINGLE),
	FIELD("selfLink", 1, STRING, SINGLE),
};
const struct schema schema_meta_list_meta =
	SCHEMA("io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta", meta_list_meta_fields);

static const struct field meta_managed_fields_entry_fields[] = {
	FIELD("apiVersion", 3, STRING, SINGLE), FIELD("fieldsType", 6, STRING, SINGLE),
	FIELD("fieldsV1", 7, RAW, SINGLE),	FIELD("manager", 1, STRING, SINGLE),
	FIELD("operation", 2, STRING, SINGLE),	FIELD("subresource", 8, STRING, SINGLE),
	FIELD("time", 4, TIME, SINGLE),
};
const struct schema schema_meta_managed_fields_entry =
	SCHEMA("io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry", meta_managed_fields_entry_fields);

static const struct field meta_object_meta_fields[] = {
	FIELD("annotations", 12, STRING, MAP),
	FIELD("creationTimestamp", 8, TIME, SINGLE, .flags = FIELD_READ_ONLY),
	FIELD("deletionGracePeriodSeconds", 10, INT64, SINGLE, .flags = FIELD_KEEP_ZERO | FIELD_READ_ONLY),
	FIELD("deletionTimestamp", 9, TIME, SINGLE, .flags = FIELD_READ_ONLY),
	FIELD("finalizers", 14, STRING, LIST, .merge_key = "", .flags = FIELD_APPLY_SET),
	FIELD("generateName", 2, STRING, SINGLE),
	FIELD("generation", 7, INT64, SINGLE, .flags = FIELD_READ_ONLY),
	FIELD("labels", 11, STRING, MAP),
	FIELD("managedFields", 17, MESSAGE, LIST, .schema = &schema_meta_managed_fields_entry),
	FIELD("name", 1, STRING, SINGLE),
	FIELD("namespace", 3, STRING, SINGLE),
	FIELD("ownerReferences", 13, MESSAGE, LIST, .schema = &schema_meta_owner_reference,
	      .merge_key = "uid"),
	FIELD("resourceVersion", 6, STRING, SINGLE, .flags = FIELD_READ_ONLY),
	FIELD("selfLink", 4, STRING, SINGLE, .flags = FIELD_READ_ONLY),
	FIELD("uid", 5, STRING, SINGLE, .flags = FIELD_READ_ONLY),
};
const struct schema schema_meta_object_meta =
	SCHEMA("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", meta_object_meta_fields);

static const struct field meta_owner_reference_fields[] = {
	FIELD("apiVersion", 5, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("blockOwnerDeletion", 7, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("controller", 6, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("kind", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("name", 3, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("uid", 4, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_meta_owner_reference =
	SCHEMA("io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference", meta_owner_reference_fields);

static const struct field meta_patch_options_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("dryRun", 1, STRING, LIST),
	FIELD("fieldManager", 3, STRING, SINGLE),
	FIELD("fieldValidation", 4, STRING, SINGLE),
	FIELD("force", 2, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("kind", 0, STRING, SINGLE),
};
const struct schema schema_meta_patch_options =
	SCHEMA("io.k8s.apimachinery.pkg.apis.meta.v1.PatchOptions", meta_patch_options_fields);

static const struct field meta_preconditions_fields[] = {
	FIELD("resourceVersion", 2, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("uid", 1, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_meta_preconditions =
	SCHEMA("io.k8s.apimachinery.pkg.apis.meta.v1.Preconditions", meta_preconditions_fields);

static const struct field meta_status_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("code", 6, INT32, SINGLE),
	FIELD("details", 5, MESSAGE, SINGLE, .schema = &schema_meta_status_details),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("message", 3, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_list_meta),
	FIELD("reason", 4, STRING, SINGLE),
	FIELD("status", 2, STRING, SINGLE),
};
const struct schema schema_meta_status =
	SCHEMA("io.k8s.apimachinery.pkg.apis.meta.v1.Status", meta_status_fields);

static const struct field meta_status_cause_fields[] = {
	FIELD("field", 3, STRING, SINGLE),
	FIELD("message", 2, STRING, SINGLE),
	FIELD("reason", 1, STRING, SINGLE),
};
const struct schema schema_meta_status_cause =
	SCHEMA("io.k8s.apimachinery.pkg.apis.meta.v1.StatusCause", meta_status_cause_fields);

static const struct field meta_status_details_fields[] = {
	FIELD("causes", 4, MESSAGE, LIST, .schema = &schema_meta_status_cause),
	FIELD("group", 2, STRING, SINGLE),
	FIELD("kind", 3, STRING, SINGLE),
	FIELD("name", 1, STRING, SINGLE),
	FIELD("retryAfterSeconds", 5, INT32, SINGLE),
	FIELD("uid", 6, STRING, SINGLE),
};
const struct schema schema_meta_status_details =
	SCHEMA("io.k8s.apimachinery.pkg.apis.meta.v1.StatusDetails", meta_status_details_fields);

static const struct field meta_update_options_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),	  FIELD("dryRun", 1, STRING, LIST),
	FIELD("fieldManager", 2, STRING, SINGLE), FIELD("fieldValidation", 3, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
};
const struct schema schema_meta_update_options =
	SCHEMA("io.k8s.apimachinery.pkg.apis.meta.v1.UpdateOptions", meta_update_options_fields);
