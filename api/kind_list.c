/* All kinds. Names, verbs and categories as kube-apiserver 1.32's discovery has them. */
#include "api/kind_internal.h"
#include "api/kinds/schemas.h"
#include "api/names.h"

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define COLUMNS(table) .columns = table, .column_count = sizeof(table) / sizeof((table)[0])
#define BY_NAME "metadata.name", "metadata.namespace"
#define VERB_STORED VERB_ALL

static const struct kind kind_binding = {
	.group = "",
	.version = "v1",
	.kind = "Binding",
	.plural = "bindings",
	.singular = "binding",
	.namespaced = true,
	.verbs = VERB_CREATE,
	.schema = &schema_core_binding,
};
static const struct kind kind_config_map = {
	.group = "",
	.version = "v1",
	.kind = "ConfigMap",
	.list_kind = "ConfigMapList",
	.plural = "configmaps",
	.singular = "configmap",
	.short_names = NAMES("cm"),
	.namespaced = true,
	.storage = "configmaps",
	.verbs = VERB_STORED,
	.schema = &schema_core_config_map,
	COLUMNS(config_map_columns),
	.validate = config_map_validate,
	.field_selectors = NAMES(BY_NAME),
};
static const struct kind kind_event = {
	.group = "",
	.version = "v1",
	.kind = "Event",
	.list_kind = "EventList",
	.plural = "events",
	.singular = "event",
	.short_names = NAMES("ev"),
	.namespaced = true,
	.storage = "events",
	.verbs = VERB_STORED,
	.schema = &schema_core_event,
	COLUMNS(event_columns),
	.validate = event_validate,
	.index_fields = event_index,
	.field_selectors =
		NAMES(BY_NAME, "involvedObject.kind", "involvedObject.namespace", "involvedObject.name",
		      "involvedObject.uid", "involvedObject.apiVersion", "involvedObject.resourceVersion",
		      "involvedObject.fieldPath", "reason", "reportingComponent", "source", "type"),
};
static const struct kind kind_namespace = {
	.group = "",
	.version = "v1",
	.kind = "Namespace",
	.list_kind = "NamespaceList",
	.plural = "namespaces",
	.singular = "namespace",
	.short_names = NAMES("ns"),
	.storage = "namespaces",
	.verbs = VERB_STORED & ~VERB_DELETECOLLECTION,
	.subresources = NAMES("finalize", "status"),
	.schema = &schema_core_namespace,
	COLUMNS(namespace_columns),
	.set_defaults = namespace_defaults,
	.check_name = name_dns_label,
	.validate = namespace_validate,
	.index_fields = namespace_index,
	.field_selectors = NAMES("metadata.name", "status.phase"),
	.field_aliases = NAMES("name", "metadata.name"),
};
static const struct kind kind_node = {
	.group = "",
	.version = "v1",
	.kind = "Node",
	.list_kind = "NodeList",
	.plural = "nodes",
	.singular = "node",
	.short_names = NAMES("no"),
	.storage = "nodes",
	.verbs = VERB_STORED,
	.subresources = NAMES("status"),
	.schema = &schema_core_node,
	COLUMNS(node_columns),
	.set_defaults = node_defaults,
	.validate = node_validate,
	.index_fields = node_index,
	.field_selectors = NAMES("metadata.name", "spec.unschedulable"),
};
static const struct kind kind_pod = {
	.group = "",
	.version = "v1",
	.kind = "Pod",
	.list_kind = "PodList",
	.plural = "pods",
	.singular = "pod",
	.short_names = NAMES("po"),
	.categories = NAMES("all"),
	.namespaced = true,
	.storage = "pods",
	.verbs = VERB_STORED,
	.subresources = NAMES("binding", "eviction", "status"),
	.schema = &schema_core_pod,
	COLUMNS(pod_columns),
	.set_defaults = pod_defaults,
	.validate = pod_validate,
	.index_fields = pod_index,
	.field_selectors = NAMES(BY_NAME, "spec.nodeName", "spec.restartPolicy", "spec.schedulerName",
				 "spec.serviceAccountName", "spec.hostNetwork", "status.phase",
				 "status.podIP", "status.podIPs", "status.nominatedNodeName"),
	.field_aliases = NAMES("spec.host", "spec.nodeName"),
};
static const struct kind kind_secret = {
	.group = "",
	.version = "v1",
	.kind = "Secret",
	.list_kind = "SecretList",
	.plural = "secrets",
	.singular = "secret",
	.namespaced = true,
	.storage = "secrets",
	.verbs = VERB_STORED,
	.schema = &schema_core_secret,
	COLUMNS(secret_columns),
	.set_defaults = secret_defaults,
	.validate = secret_validate,
	.index_fields = secret_index,
	.field_selectors = NAMES(BY_NAME, "type"),
};
static const struct kind kind_service_account = {
	.group = "",
	.version = "v1",
	.kind = "ServiceAccount",
	.list_kind = "ServiceAccountList",
	.plural = "serviceaccounts",
	.singular = "serviceaccount",
	.short_names = NAMES("sa"),
	.namespaced = true,
	.storage = "serviceaccounts",
	.verbs = VERB_STORED,
	.subresources = NAMES("token"),
	.schema = &schema_core_service_account,
	COLUMNS(service_account_columns),
	.validate = service_account_validate,
	.field_selectors = NAMES(BY_NAME),
};
static const struct kind kind_controller_revision = {
	.group = "apps",
	.version = "v1",
	.kind = "ControllerRevision",
	.list_kind = "ControllerRevisionList",
	.plural = "controllerrevisions",
	.singular = "controllerrevision",
	.namespaced = true,
	.storage = "controllerrevisions.apps",
	.verbs = VERB_STORED,
	.schema = &schema_apps_controller_revision,
	COLUMNS(controller_revision_columns),
	.validate = controller_revision_validate,
	.field_selectors = NAMES(BY_NAME),
};
static const struct kind kind_daemon_set = {
	.group = "apps",
	.version = "v1",
	.kind = "DaemonSet",
	.list_kind = "DaemonSetList",
	.plural = "daemonsets",
	.singular = "daemonset",
	.short_names = NAMES("ds"),
	.categories = NAMES("all"),
	.namespaced = true,
	.storage = "daemonsets.apps",
	.verbs = VERB_STORED,
	.subresources = NAMES("status"),
	.schema = &schema_apps_daemon_set,
	COLUMNS(daemon_set_columns),
	.has_generation = true,
	.set_defaults = daemon_set_defaults,
	.validate = daemon_set_validate,
	.field_selectors = NAMES(BY_NAME),
};
static const struct kind kind_new_event = {
	.group = "events.k8s.io",
	.version = "v1",
	.kind = "Event",
	.list_kind = "EventList",
	.plural = "events",
	.singular = "event",
	.short_names = NAMES("ev"),
	.namespaced = true,
	.storage = "events",
	.verbs = VERB_STORED,
	.schema = &schema_events_event,
	COLUMNS(event_columns),
	.validate = event_validate,
	.index_fields = event_index,
	.field_selectors = NAMES(BY_NAME, "reason", "type"),
	.field_aliases =
		NAMES("regarding.kind", "involvedObject.kind", "regarding.namespace",
		      "involvedObject.namespace", "regarding.name", "involvedObject.name", "regarding.uid",
		      "involvedObject.uid", "regarding.apiVersion", "involvedObject.apiVersion",
		      "regarding.resourceVersion", "involvedObject.resourceVersion", "regarding.fieldPath",
		      "involvedObject.fieldPath", "reportingController", "reportingComponent"),
	.to_storage = event_to_core,
	.from_storage = event_from_core,
};
static const struct kind kind_self_subject_review = {
	.group = "authentication.k8s.io",
	.version = "v1",
	.kind = "SelfSubjectReview",
	.plural = "selfsubjectreviews",
	.singular = "selfsubjectreview",
	.verbs = VERB_CREATE,
	.schema = &schema_authentication_self_subject_review,
};
static const struct kind kind_self_subject_access_review = {
	.group = "authorization.k8s.io",
	.version = "v1",
	.kind = "SelfSubjectAccessReview",
	.plural = "selfsubjectaccessreviews",
	.singular = "selfsubjectaccessreview",
	.verbs = VERB_CREATE,
	.schema = &schema_authorization_self_subject_access_review,
};
static const struct kind kind_self_subject_rules_review = {
	.group = "authorization.k8s.io",
	.version = "v1",
	.kind = "SelfSubjectRulesReview",
	.plural = "selfsubjectrulesreviews",
	.singular = "selfsubjectrulesreview",
	.verbs = VERB_CREATE,
	.schema = &schema_authorization_self_subject_rules_review,
};
static const struct kind kind_lease = {
	.group = "coordination.k8s.io",
	.version = "v1",
	.kind = "Lease",
	.list_kind = "LeaseList",
	.plural = "leases",
	.singular = "lease",
	.namespaced = true,
	.storage = "leases.coordination.k8s.io",
	.verbs = VERB_STORED,
	.schema = &schema_coordination_lease,
	COLUMNS(lease_columns),
	.validate = lease_validate,
	.field_selectors = NAMES(BY_NAME),
};

const struct kind *const kind_list[] = {
	&kind_binding,
	&kind_config_map,
	&kind_event,
	&kind_namespace,
	&kind_node,
	&kind_pod,
	&kind_secret,
	&kind_service_account,
	&kind_controller_revision,
	&kind_daemon_set,
	&kind_new_event,
	&kind_self_subject_review,
	&kind_self_subject_access_review,
	&kind_self_subject_rules_review,
	&kind_lease,
};
const size_t kind_list_count = sizeof(kind_list) / sizeof(kind_list[0]);

static const struct kind kind_eviction = {
	.group = "policy",
	.version = "v1",
	.kind = "Eviction",
	.namespaced = true,
	.schema = &schema_policy_eviction,
};
static const struct kind kind_token_request = {
	.group = "authentication.k8s.io",
	.version = "v1",
	.kind = "TokenRequest",
	.namespaced = true,
	.schema = &schema_authentication_token_request,
};
/* Group NULL: sent under any group and version. */
static const struct kind kind_create_options = { .version = "v1",
						 .kind = "CreateOptions",
						 .schema = &schema_meta_create_options };
static const struct kind kind_delete_options = { .version = "v1",
						 .kind = "DeleteOptions",
						 .schema = &schema_meta_delete_options };
static const struct kind kind_patch_options = { .version = "v1",
						.kind = "PatchOptions",
						.schema = &schema_meta_patch_options };
static const struct kind kind_update_options = { .version = "v1",
						 .kind = "UpdateOptions",
						 .schema = &schema_meta_update_options };
static const struct kind kind_status = { .version = "v1", .kind = "Status", .schema = &schema_meta_status };

const struct kind *const kind_bodies[] = {
	&kind_eviction,	     &kind_token_request,  &kind_create_options, &kind_delete_options,
	&kind_patch_options, &kind_update_options, &kind_status,
};
const size_t kind_bodies_count = sizeof(kind_bodies) / sizeof(kind_bodies[0]);
