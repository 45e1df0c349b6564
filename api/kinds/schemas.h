/* schemas: the field tables by name, and the macros they are written with. Internal to api/.
 * Facts: k8s.io/api and k8s.io/apimachinery 1.32 (types.go, generated.proto). Fields stand in order of name. */
#ifndef HOLDFAST_API_KINDS_SCHEMAS_H
#define HOLDFAST_API_KINDS_SCHEMAS_H

#include "api/kind.h"

#define FIELD(json_name, protobuf_number, value_type, value_shape, ...)                   \
	{                                                                                 \
		.name = json_name, .number = protobuf_number, .type = FIELD_##value_type, \
		.shape = FIELD_##value_shape, ##__VA_ARGS__                               \
	}
#define SCHEMA(definition_name, table)                                                                      \
	{                                                                                                   \
		.name = definition_name, .fields = table, .field_count = sizeof(table) / sizeof((table)[0]) \
	}
#define SCHEMA_WITH(definition_name, table, embedded, number)                                                \
	{                                                                                                    \
		.name = definition_name, .fields = table, .field_count = sizeof(table) / sizeof((table)[0]), \
		.inlined = &(embedded), .inline_number = number                                              \
	}

/* apps.c */
extern const struct schema schema_apps_controller_revision;
extern const struct schema schema_apps_daemon_set;
extern const struct schema schema_apps_daemon_set_condition;
extern const struct schema schema_apps_daemon_set_spec;
extern const struct schema schema_apps_daemon_set_status;
extern const struct schema schema_apps_daemon_set_update_strategy;
extern const struct schema schema_apps_deployment;
extern const struct schema schema_apps_deployment_condition;
extern const struct schema schema_apps_deployment_spec;
extern const struct schema schema_apps_deployment_status;
extern const struct schema schema_apps_deployment_strategy;
extern const struct schema schema_apps_rolling_update_deployment;
extern const struct schema schema_apps_replica_set;
extern const struct schema schema_apps_replica_set_condition;
extern const struct schema schema_apps_replica_set_spec;
extern const struct schema schema_apps_replica_set_status;
extern const struct schema schema_apps_rolling_update_daemon_set;
extern const struct schema schema_autoscaling_scale;
extern const struct schema schema_autoscaling_scale_spec;
extern const struct schema schema_autoscaling_scale_status;
/* coordination.c */
extern const struct schema schema_apiextensions_definition;
extern const struct schema schema_coordination_lease;
extern const struct schema schema_coordination_lease_spec;
/* core_config.c */
extern const struct schema schema_core_binding;
extern const struct schema schema_core_config_map;
extern const struct schema schema_core_namespace;
extern const struct schema schema_core_namespace_condition;
extern const struct schema schema_core_namespace_spec;
extern const struct schema schema_core_namespace_status;
extern const struct schema schema_core_secret;
extern const struct schema schema_core_service_account;
/* core_container.c */
extern const struct schema schema_core_app_armor_profile;
extern const struct schema schema_core_capabilities;
extern const struct schema schema_core_config_map_env_source;
extern const struct schema schema_core_container;
extern const struct schema schema_core_container_port;
extern const struct schema schema_core_container_resize_policy;
extern const struct schema schema_core_env_from_source;
extern const struct schema schema_core_env_var;
extern const struct schema schema_core_env_var_source;
extern const struct schema schema_core_ephemeral_container;
extern const struct schema schema_core_ephemeral_container_common;
extern const struct schema schema_core_exec_action;
extern const struct schema schema_core_grpc_action;
extern const struct schema schema_core_http_get_action;
extern const struct schema schema_core_http_header;
extern const struct schema schema_core_lifecycle;
extern const struct schema schema_core_lifecycle_handler;
extern const struct schema schema_core_probe;
extern const struct schema schema_core_probe_handler;
extern const struct schema schema_core_resource_claim;
extern const struct schema schema_core_resource_requirements;
extern const struct schema schema_core_se_linux_options;
extern const struct schema schema_core_seccomp_profile;
extern const struct schema schema_core_secret_env_source;
extern const struct schema schema_core_security_context;
extern const struct schema schema_core_sleep_action;
extern const struct schema schema_core_tcp_socket_action;
extern const struct schema schema_core_volume_device;
extern const struct schema schema_core_volume_mount;
extern const struct schema schema_core_windows_security_context_options;
/* core_node.c */
extern const struct schema schema_core_attached_volume;
extern const struct schema schema_core_config_map_node_config_source;
extern const struct schema schema_core_container_image;
extern const struct schema schema_core_daemon_endpoint;
extern const struct schema schema_core_node;
extern const struct schema schema_core_node_address;
extern const struct schema schema_core_node_condition;
extern const struct schema schema_core_node_config_source;
extern const struct schema schema_core_node_config_status;
extern const struct schema schema_core_node_daemon_endpoints;
extern const struct schema schema_core_node_features;
extern const struct schema schema_core_node_runtime_handler;
extern const struct schema schema_core_node_runtime_handler_features;
extern const struct schema schema_core_node_spec;
extern const struct schema schema_core_node_status;
extern const struct schema schema_core_node_system_info;
extern const struct schema schema_core_taint;
/* core_pod.c */
extern const struct schema schema_core_host_alias;
extern const struct schema schema_core_pod;
extern const struct schema schema_core_pod_dns_config;
extern const struct schema schema_core_pod_dns_config_option;
extern const struct schema schema_core_pod_os;
extern const struct schema schema_core_pod_readiness_gate;
extern const struct schema schema_core_pod_resource_claim;
extern const struct schema schema_core_pod_security_context;
extern const struct schema schema_core_pod_spec;
extern const struct schema schema_core_pod_template_spec;
extern const struct schema schema_core_sysctl;
/* core_pod_status.c */
extern const struct schema schema_core_container_state;
extern const struct schema schema_core_container_state_running;
extern const struct schema schema_core_container_state_terminated;
extern const struct schema schema_core_container_state_waiting;
extern const struct schema schema_core_container_status;
extern const struct schema schema_core_container_user;
extern const struct schema schema_core_host_ip;
extern const struct schema schema_core_linux_container_user;
extern const struct schema schema_core_pod_condition;
extern const struct schema schema_core_pod_ip;
extern const struct schema schema_core_pod_resource_claim_status;
extern const struct schema schema_core_pod_status;
extern const struct schema schema_core_resource_health;
extern const struct schema schema_core_resource_status;
extern const struct schema schema_core_volume_mount_status;
/* core_refs.c */
extern const struct schema schema_core_config_map_key_selector;
extern const struct schema schema_core_key_to_path;
extern const struct schema schema_core_local_object_reference;
extern const struct schema schema_core_object_field_selector;
extern const struct schema schema_core_object_reference;
extern const struct schema schema_core_resource_field_selector;
extern const struct schema schema_core_secret_key_selector;
extern const struct schema schema_core_typed_local_object_reference;
extern const struct schema schema_core_typed_object_reference;
/* core_schedule.c */
extern const struct schema schema_core_affinity;
extern const struct schema schema_core_node_affinity;
extern const struct schema schema_core_node_selector;
extern const struct schema schema_core_node_selector_requirement;
extern const struct schema schema_core_node_selector_term;
extern const struct schema schema_core_pod_affinity;
extern const struct schema schema_core_pod_affinity_term;
extern const struct schema schema_core_pod_anti_affinity;
extern const struct schema schema_core_pod_scheduling_gate;
extern const struct schema schema_core_preferred_scheduling_term;
extern const struct schema schema_core_toleration;
extern const struct schema schema_core_topology_spread_constraint;
extern const struct schema schema_core_weighted_pod_affinity_term;
/* core_volume.c */
extern const struct schema schema_core_aws_elastic_block_store_volume_source;
extern const struct schema schema_core_azure_disk_volume_source;
extern const struct schema schema_core_azure_file_volume_source;
extern const struct schema schema_core_csi_volume_source;
extern const struct schema schema_core_ceph_fs_volume_source;
extern const struct schema schema_core_cinder_volume_source;
extern const struct schema schema_core_cluster_trust_bundle_projection;
extern const struct schema schema_core_config_map_projection;
extern const struct schema schema_core_config_map_volume_source;
extern const struct schema schema_core_downward_api_projection;
extern const struct schema schema_core_downward_api_volume_file;
extern const struct schema schema_core_downward_api_volume_source;
extern const struct schema schema_core_empty_dir_volume_source;
extern const struct schema schema_core_ephemeral_volume_source;
extern const struct schema schema_core_fc_volume_source;
extern const struct schema schema_core_flex_volume_source;
extern const struct schema schema_core_flocker_volume_source;
extern const struct schema schema_core_gce_persistent_disk_volume_source;
extern const struct schema schema_core_git_repo_volume_source;
extern const struct schema schema_core_glusterfs_volume_source;
extern const struct schema schema_core_host_path_volume_source;
extern const struct schema schema_core_iscsi_volume_source;
extern const struct schema schema_core_image_volume_source;
extern const struct schema schema_core_nfs_volume_source;
extern const struct schema schema_core_persistent_volume_claim_spec;
extern const struct schema schema_core_persistent_volume_claim_template;
extern const struct schema schema_core_persistent_volume_claim_volume_source;
extern const struct schema schema_core_photon_persistent_disk_volume_source;
extern const struct schema schema_core_portworx_volume_source;
extern const struct schema schema_core_projected_volume_source;
extern const struct schema schema_core_quobyte_volume_source;
extern const struct schema schema_core_rbd_volume_source;
extern const struct schema schema_core_scale_io_volume_source;
extern const struct schema schema_core_secret_projection;
extern const struct schema schema_core_secret_volume_source;
extern const struct schema schema_core_service_account_token_projection;
extern const struct schema schema_core_storage_os_volume_source;
extern const struct schema schema_core_volume;
extern const struct schema schema_core_volume_projection;
extern const struct schema schema_core_volume_resource_requirements;
extern const struct schema schema_core_volume_source;
extern const struct schema schema_core_vsphere_virtual_disk_volume_source;
/* events.c */
extern const struct schema schema_core_event;
extern const struct schema schema_core_event_series;
extern const struct schema schema_core_event_source;
extern const struct schema schema_events_event;
extern const struct schema schema_events_event_series;
/* health.c */
extern const struct schema schema_health_region;
extern const struct schema schema_health_region_spec;
extern const struct schema schema_health_region_status;
extern const struct schema schema_health_roster;
extern const struct schema schema_health_roster_key;
extern const struct schema schema_health_roster_member;
extern const struct schema schema_health_verdict;
extern const struct schema schema_health_verdict_spec;
/* meta.c */
extern const struct schema schema_meta_condition;
extern const struct schema schema_meta_create_options;
extern const struct schema schema_meta_delete_options;
extern const struct schema schema_meta_field_selector_requirement;
extern const struct schema schema_meta_label_selector;
extern const struct schema schema_meta_label_selector_requirement;
extern const struct schema schema_meta_list_meta;
extern const struct schema schema_meta_managed_fields_entry;
extern const struct schema schema_meta_object_meta;
extern const struct schema schema_meta_owner_reference;
extern const struct schema schema_meta_patch_options;
extern const struct schema schema_meta_preconditions;
extern const struct schema schema_meta_status;
extern const struct schema schema_meta_status_cause;
extern const struct schema schema_meta_status_details;
extern const struct schema schema_meta_update_options;
/* rbac.c */
extern const struct schema schema_rbac_aggregation_rule;
extern const struct schema schema_rbac_cluster_role;
extern const struct schema schema_rbac_cluster_role_binding;
extern const struct schema schema_rbac_policy_rule;
extern const struct schema schema_rbac_role;
extern const struct schema schema_rbac_role_binding;
extern const struct schema schema_rbac_role_ref;
extern const struct schema schema_rbac_subject;
/* reviews.c */
extern const struct schema schema_authentication_bound_object_reference;
extern const struct schema schema_authentication_self_subject_review;
extern const struct schema schema_authentication_self_subject_review_status;
extern const struct schema schema_authentication_token_request;
extern const struct schema schema_authentication_token_request_spec;
extern const struct schema schema_authentication_token_request_status;
extern const struct schema schema_authentication_token_review;
extern const struct schema schema_authentication_token_review_spec;
extern const struct schema schema_authentication_token_review_status;
extern const struct schema schema_authentication_user_info;
extern const struct schema schema_authorization_field_selector_attributes;
extern const struct schema schema_authorization_label_selector_attributes;
extern const struct schema schema_authorization_local_subject_access_review;
extern const struct schema schema_authorization_non_resource_attributes;
extern const struct schema schema_authorization_non_resource_rule;
extern const struct schema schema_authorization_resource_attributes;
extern const struct schema schema_authorization_resource_rule;
extern const struct schema schema_authorization_self_subject_access_review;
extern const struct schema schema_authorization_self_subject_access_review_spec;
extern const struct schema schema_authorization_self_subject_rules_review;
extern const struct schema schema_authorization_self_subject_rules_review_spec;
extern const struct schema schema_authorization_subject_access_review;
extern const struct schema schema_authorization_subject_access_review_spec;
extern const struct schema schema_authorization_subject_access_review_status;
extern const struct schema schema_authorization_subject_rules_review_status;
extern const struct schema schema_policy_eviction;
/* service.c */
extern const struct schema schema_core_client_ip_config;
extern const struct schema schema_core_endpoint_address;
extern const struct schema schema_core_endpoint_port;
extern const struct schema schema_core_endpoint_subset;
extern const struct schema schema_core_endpoints;
extern const struct schema schema_core_load_balancer_ingress;
extern const struct schema schema_core_load_balancer_status;
extern const struct schema schema_core_port_status;
extern const struct schema schema_core_service;
extern const struct schema schema_core_service_port;
extern const struct schema schema_core_service_spec;
extern const struct schema schema_core_service_status;
extern const struct schema schema_core_session_affinity_config;
extern const struct schema schema_discovery_endpoint;
extern const struct schema schema_discovery_endpoint_conditions;
extern const struct schema schema_discovery_endpoint_hints;
extern const struct schema schema_discovery_endpoint_port;
extern const struct schema schema_discovery_endpoint_slice;
extern const struct schema schema_discovery_for_node;
extern const struct schema schema_discovery_for_zone;

#endif
