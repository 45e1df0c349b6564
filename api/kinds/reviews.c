/* Fields of bodies that are asked, not stored: reviews, token requests, evictions. */
#include "api/kinds/schemas.h"

static const struct field authentication_bound_object_reference_fields[] = {
	FIELD("apiVersion", 2, STRING, SINGLE),
	FIELD("kind", 1, STRING, SINGLE),
	FIELD("name", 3, STRING, SINGLE),
	FIELD("uid", 4, STRING, SINGLE),
};
const struct schema schema_authentication_bound_object_reference =
	SCHEMA("io.k8s.api.authentication.v1.BoundObjectReference",
	       authentication_bound_object_reference_fields);

static const struct field authentication_self_subject_review_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("status", 2, MESSAGE, SINGLE, .schema = &schema_authentication_self_subject_review_status),
};
const struct schema schema_authentication_self_subject_review =
	SCHEMA("io.k8s.api.authentication.v1.SelfSubjectReview", authentication_self_subject_review_fields);

static const struct field authentication_self_subject_review_status_fields[] = {
	FIELD("userInfo", 1, MESSAGE, SINGLE, .schema = &schema_authentication_user_info),
};
const struct schema schema_authentication_self_subject_review_status =
	SCHEMA("io.k8s.api.authentication.v1.SelfSubjectReviewStatus",
	       authentication_self_subject_review_status_fields);

static const struct field authentication_token_request_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("spec", 2, MESSAGE, SINGLE, .schema = &schema_authentication_token_request_spec,
	      .flags = FIELD_REQUIRED),
	FIELD("status", 3, MESSAGE, SINGLE, .schema = &schema_authentication_token_request_status),
};
const struct schema schema_authentication_token_request =
	SCHEMA("io.k8s.api.authentication.v1.TokenRequest", authentication_token_request_fields);

static const struct field authentication_token_request_spec_fields[] = {
	FIELD("audiences", 1, STRING, LIST, .flags = FIELD_REQUIRED),
	FIELD("boundObjectRef", 3, MESSAGE, SINGLE, .schema = &schema_authentication_bound_object_reference),
	FIELD("expirationSeconds", 4, INT64, SINGLE, .default_json = "3600", .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_authentication_token_request_spec =
	SCHEMA("io.k8s.api.authentication.v1.TokenRequestSpec", authentication_token_request_spec_fields);

static const struct field authentication_token_request_status_fields[] = {
	FIELD("expirationTimestamp", 2, TIME, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("token", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_authentication_token_request_status =
	SCHEMA("io.k8s.api.authentication.v1.TokenRequestStatus", authentication_token_request_status_fields);

static const struct field authentication_token_review_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("spec", 2, MESSAGE, SINGLE, .schema = &schema_authentication_token_review_spec,
	      .flags = FIELD_REQUIRED),
	FIELD("status", 3, MESSAGE, SINGLE, .schema = &schema_authentication_token_review_status),
};
const struct schema schema_authentication_token_review =
	SCHEMA("io.k8s.api.authentication.v1.TokenReview", authentication_token_review_fields);

static const struct field authentication_token_review_spec_fields[] = {
	FIELD("audiences", 2, STRING, LIST),
	FIELD("token", 1, STRING, SINGLE),
};
const struct schema schema_authentication_token_review_spec =
	SCHEMA("io.k8s.api.authentication.v1.TokenReviewSpec", authentication_token_review_spec_fields);

static const struct field authentication_token_review_status_fields[] = {
	FIELD("audiences", 4, STRING, LIST),
	FIELD("authenticated", 1, BOOL, SINGLE),
	FIELD("error", 3, STRING, SINGLE),
	FIELD("user", 2, MESSAGE, SINGLE, .schema = &schema_authentication_user_info),
};
const struct schema schema_authentication_token_review_status =
	SCHEMA("io.k8s.api.authentication.v1.TokenReviewStatus", authentication_token_review_status_fields);

static const struct field authentication_user_info_fields[] = {
	FIELD("extra", 4, STRING_LIST, MAP),
	FIELD("groups", 3, STRING, LIST),
	FIELD("uid", 2, STRING, SINGLE),
	FIELD("username", 1, STRING, SINGLE),
};
const struct schema schema_authentication_user_info =
	SCHEMA("io.k8s.api.authentication.v1.UserInfo", authentication_user_info_fields);

static const struct field authorization_field_selector_attributes_fields[] = {
	FIELD("rawSelector", 1, STRING, SINGLE),
	FIELD("requirements", 2, MESSAGE, LIST, .schema = &schema_meta_field_selector_requirement),
};
const struct schema schema_authorization_field_selector_attributes =
	SCHEMA("io.k8s.api.authorization.v1.FieldSelectorAttributes",
	       authorization_field_selector_attributes_fields);

static const struct field authorization_label_selector_attributes_fields[] = {
	FIELD("rawSelector", 1, STRING, SINGLE),
	FIELD("requirements", 2, MESSAGE, LIST, .schema = &schema_meta_label_selector_requirement),
};
const struct schema schema_authorization_label_selector_attributes =
	SCHEMA("io.k8s.api.authorization.v1.LabelSelectorAttributes",
	       authorization_label_selector_attributes_fields);

static const struct field authorization_non_resource_attributes_fields[] = {
	FIELD("path", 1, STRING, SINGLE),
	FIELD("verb", 2, STRING, SINGLE),
};
const struct schema schema_authorization_non_resource_attributes =
	SCHEMA("io.k8s.api.authorization.v1.NonResourceAttributes",
	       authorization_non_resource_attributes_fields);

static const struct field authorization_non_resource_rule_fields[] = {
	FIELD("nonResourceURLs", 2, STRING, LIST),
	FIELD("verbs", 1, STRING, LIST, .flags = FIELD_REQUIRED),
};
const struct schema schema_authorization_non_resource_rule =
	SCHEMA("io.k8s.api.authorization.v1.NonResourceRule", authorization_non_resource_rule_fields);

static const struct field authorization_resource_attributes_fields[] = {
	FIELD("fieldSelector", 8, MESSAGE, SINGLE, .schema = &schema_authorization_field_selector_attributes),
	FIELD("group", 3, STRING, SINGLE),
	FIELD("labelSelector", 9, MESSAGE, SINGLE, .schema = &schema_authorization_label_selector_attributes),
	FIELD("name", 7, STRING, SINGLE),
	FIELD("namespace", 1, STRING, SINGLE),
	FIELD("resource", 5, STRING, SINGLE),
	FIELD("subresource", 6, STRING, SINGLE),
	FIELD("verb", 2, STRING, SINGLE),
	FIELD("version", 4, STRING, SINGLE),
};
const struct schema schema_authorization_resource_attributes =
	SCHEMA("io.k8s.api.authorization.v1.ResourceAttributes", authorization_resource_attributes_fields);

static const struct field authorization_resource_rule_fields[] = {
	FIELD("apiGroups", 2, STRING, LIST),
	FIELD("resourceNames", 4, STRING, LIST),
	FIELD("resources", 3, STRING, LIST),
	FIELD("verbs", 1, STRING, LIST, .flags = FIELD_REQUIRED),
};
const struct schema schema_authorization_resource_rule =
	SCHEMA("io.k8s.api.authorization.v1.ResourceRule", authorization_resource_rule_fields);

static const struct field authorization_self_subject_access_review_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("spec", 2, MESSAGE, SINGLE, .schema = &schema_authorization_self_subject_access_review_spec,
	      .flags = FIELD_REQUIRED),
	FIELD("status", 3, MESSAGE, SINGLE, .schema = &schema_authorization_subject_access_review_status),
};
const struct schema schema_authorization_self_subject_access_review =
	SCHEMA("io.k8s.api.authorization.v1.SelfSubjectAccessReview",
	       authorization_self_subject_access_review_fields);

static const struct field authorization_self_subject_access_review_spec_fields[] = {
	FIELD("nonResourceAttributes", 2, MESSAGE, SINGLE,
	      .schema = &schema_authorization_non_resource_attributes),
	FIELD("resourceAttributes", 1, MESSAGE, SINGLE, .schema = &schema_authorization_resource_attributes),
};
const struct schema schema_authorization_self_subject_access_review_spec =
	SCHEMA("io.k8s.api.authorization.v1.SelfSubjectAccessReviewSpec",
	       authorization_self_subject_access_review_spec_fields);

static const struct field authorization_self_subject_rules_review_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("spec", 2, MESSAGE, SINGLE, .schema = &schema_authorization_self_subject_rules_review_spec,
	      .flags = FIELD_REQUIRED),
	FIELD("status", 3, MESSAGE, SINGLE, .schema = &schema_authorization_subject_rules_review_status),
};
const struct schema schema_authorization_self_subject_rules_review =
	SCHEMA("io.k8s.api.authorization.v1.SelfSubjectRulesReview",
	       authorization_self_subject_rules_review_fields);

static const struct field authorization_self_subject_rules_review_spec_fields[] = {
	FIELD("namespace", 1, STRING, SINGLE),
};
const struct schema schema_authorization_self_subject_rules_review_spec =
	SCHEMA("io.k8s.api.authorization.v1.SelfSubjectRulesReviewSpec",
	       authorization_self_subject_rules_review_spec_fields);

static const struct field authorization_subject_access_review_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("spec", 2, MESSAGE, SINGLE, .schema = &schema_authorization_subject_access_review_spec,
	      .flags = FIELD_REQUIRED),
	FIELD("status", 3, MESSAGE, SINGLE, .schema = &schema_authorization_subject_access_review_status),
};
const struct schema schema_authorization_subject_access_review =
	SCHEMA("io.k8s.api.authorization.v1.SubjectAccessReview", authorization_subject_access_review_fields);
const struct schema schema_authorization_local_subject_access_review =
	SCHEMA("io.k8s.api.authorization.v1.LocalSubjectAccessReview",
	       authorization_subject_access_review_fields);

static const struct field authorization_subject_access_review_spec_fields[] = {
	FIELD("extra", 5, STRING_LIST, MAP),
	FIELD("groups", 4, STRING, LIST),
	FIELD("nonResourceAttributes", 2, MESSAGE, SINGLE,
	      .schema = &schema_authorization_non_resource_attributes),
	FIELD("resourceAttributes", 1, MESSAGE, SINGLE, .schema = &schema_authorization_resource_attributes),
	FIELD("uid", 6, STRING, SINGLE),
	FIELD("user", 3, STRING, SINGLE),
};
const struct schema schema_authorization_subject_access_review_spec =
	SCHEMA("io.k8s.api.authorization.v1.SubjectAccessReviewSpec",
	       authorization_subject_access_review_spec_fields);

static const struct field authorization_subject_access_review_status_fields[] = {
	FIELD("allowed", 1, BOOL, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("denied", 4, BOOL, SINGLE),
	FIELD("evaluationError", 3, STRING, SINGLE),
	FIELD("reason", 2, STRING, SINGLE),
};
const struct schema schema_authorization_subject_access_review_status =
	SCHEMA("io.k8s.api.authorization.v1.SubjectAccessReviewStatus",
	       authorization_subject_access_review_status_fields);

static const struct field authorization_subject_rules_review_status_fields[] = {
	FIELD("evaluationError", 4, STRING, SINGLE),
	FIELD("incomplete", 3, BOOL, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("nonResourceRules", 2, MESSAGE, LIST, .schema = &schema_authorization_non_resource_rule,
	      .flags = FIELD_REQUIRED),
	FIELD("resourceRules", 1, MESSAGE, LIST, .schema = &schema_authorization_resource_rule,
	      .flags = FIELD_REQUIRED),
};
const struct schema schema_authorization_subject_rules_review_status =
	SCHEMA("io.k8s.api.authorization.v1.SubjectRulesReviewStatus",
	       authorization_subject_rules_review_status_fields);

static const struct field policy_eviction_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("deleteOptions", 2, MESSAGE, SINGLE, .schema = &schema_meta_delete_options),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
};
const struct schema schema_policy_eviction = SCHEMA("io.k8s.api.policy.v1.Eviction", policy_eviction_fields);
