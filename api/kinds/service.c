/* Fields of Service, Endpoints and EndpointSlice. */
#include "api/kinds/schemas.h"

/* --- core/v1 Service --- */

static const struct field core_client_ip_config_fields[] = {
	FIELD("timeoutSeconds", 1, INT32, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_core_client_ip_config =
	SCHEMA("io.k8s.api.core.v1.ClientIPConfig", core_client_ip_config_fields);

static const struct field core_session_affinity_config_fields[] = {
	FIELD("clientIP", 1, MESSAGE, SINGLE, .schema = &schema_core_client_ip_config),
};
const struct schema schema_core_session_affinity_config =
	SCHEMA("io.k8s.api.core.v1.SessionAffinityConfig", core_session_affinity_config_fields);

static const struct field core_service_port_fields[] = {
	FIELD("appProtocol", 6, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("name", 1, STRING, SINGLE),
	FIELD("nodePort", 5, INT32, SINGLE),
	FIELD("port", 3, INT32, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("protocol", 2, STRING, SINGLE, .default_json = "\"TCP\""),
	FIELD("targetPort", 4, INT_OR_STRING, SINGLE),
};
const struct schema schema_core_service_port =
	SCHEMA("io.k8s.api.core.v1.ServicePort", core_service_port_fields);

static const struct field core_service_spec_fields[] = {
	FIELD("allocateLoadBalancerNodePorts", 20, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("clusterIP", 3, STRING, SINGLE),
	FIELD("clusterIPs", 18, STRING, LIST, .flags = FIELD_APPLY_ATOMIC),
	FIELD("externalIPs", 5, STRING, LIST, .flags = FIELD_APPLY_ATOMIC),
	FIELD("externalName", 10, STRING, SINGLE),
	FIELD("externalTrafficPolicy", 11, STRING, SINGLE),
	FIELD("healthCheckNodePort", 12, INT32, SINGLE),
	FIELD("internalTrafficPolicy", 22, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("ipFamilies", 19, STRING, LIST, .flags = FIELD_APPLY_ATOMIC),
	FIELD("ipFamilyPolicy", 17, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("loadBalancerClass", 21, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("loadBalancerIP", 8, STRING, SINGLE),
	FIELD("loadBalancerSourceRanges", 9, STRING, LIST, .flags = FIELD_APPLY_ATOMIC),
	FIELD("ports", 1, MESSAGE, LIST, .schema = &schema_core_service_port, .merge_key = "port",
	      .apply_keys = "port,protocol"),
	FIELD("publishNotReadyAddresses", 13, BOOL, SINGLE),
	FIELD("selector", 2, STRING, MAP, .flags = FIELD_APPLY_ATOMIC),
	FIELD("sessionAffinity", 7, STRING, SINGLE, .default_json = "\"None\""),
	FIELD("sessionAffinityConfig", 14, MESSAGE, SINGLE, .schema = &schema_core_session_affinity_config),
	FIELD("trafficDistribution", 23, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("type", 4, STRING, SINGLE, .default_json = "\"ClusterIP\""),
};
const struct schema schema_core_service_spec =
	SCHEMA("io.k8s.api.core.v1.ServiceSpec", core_service_spec_fields);

static const struct field core_port_status_fields[] = {
	FIELD("error", 3, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("port", 1, INT32, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("protocol", 2, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_core_port_status =
	SCHEMA("io.k8s.api.core.v1.PortStatus", core_port_status_fields);

static const struct field core_load_balancer_ingress_fields[] = {
	FIELD("hostname", 2, STRING, SINGLE),
	FIELD("ip", 1, STRING, SINGLE),
	FIELD("ipMode", 3, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("ports", 4, MESSAGE, LIST, .schema = &schema_core_port_status, .flags = FIELD_APPLY_ATOMIC),
};
const struct schema schema_core_load_balancer_ingress =
	SCHEMA("io.k8s.api.core.v1.LoadBalancerIngress", core_load_balancer_ingress_fields);

static const struct field core_load_balancer_status_fields[] = {
	FIELD("ingress", 1, MESSAGE, LIST, .schema = &schema_core_load_balancer_ingress,
	      .flags = FIELD_APPLY_ATOMIC),
};
const struct schema schema_core_load_balancer_status =
	SCHEMA("io.k8s.api.core.v1.LoadBalancerStatus", core_load_balancer_status_fields);

static const struct field core_service_status_fields[] = {
	FIELD("conditions", 2, MESSAGE, LIST, .schema = &schema_meta_condition, .merge_key = "type"),
	FIELD("loadBalancer", 1, MESSAGE, SINGLE, .schema = &schema_core_load_balancer_status),
};
const struct schema schema_core_service_status =
	SCHEMA("io.k8s.api.core.v1.ServiceStatus", core_service_status_fields);

static const struct field core_service_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("spec", 2, MESSAGE, SINGLE, .schema = &schema_core_service_spec),
	FIELD("status", 3, MESSAGE, SINGLE, .schema = &schema_core_service_status),
};
const struct schema schema_core_service = SCHEMA("io.k8s.api.core.v1.Service", core_service_fields);

/* --- core/v1 Endpoints --- */

static const struct field core_endpoint_address_fields[] = {
	FIELD("hostname", 3, STRING, SINGLE),
	FIELD("ip", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("nodeName", 4, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("targetRef", 2, MESSAGE, SINGLE, .schema = &schema_core_object_reference,
	      .flags = FIELD_APPLY_ATOMIC),
};
const struct schema schema_core_endpoint_address =
	SCHEMA("io.k8s.api.core.v1.EndpointAddress", core_endpoint_address_fields);

static const struct field core_endpoint_port_fields[] = {
	FIELD("appProtocol", 4, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("name", 1, STRING, SINGLE),
	FIELD("port", 2, INT32, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("protocol", 3, STRING, SINGLE, .default_json = "\"TCP\""),
};
const struct schema schema_core_endpoint_port =
	SCHEMA("io.k8s.api.core.v1.EndpointPort", core_endpoint_port_fields);

static const struct field core_endpoint_subset_fields[] = {
	FIELD("addresses", 1, MESSAGE, LIST, .schema = &schema_core_endpoint_address,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("notReadyAddresses", 2, MESSAGE, LIST, .schema = &schema_core_endpoint_address,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("ports", 3, MESSAGE, LIST, .schema = &schema_core_endpoint_port, .flags = FIELD_APPLY_ATOMIC),
};
const struct schema schema_core_endpoint_subset =
	SCHEMA("io.k8s.api.core.v1.EndpointSubset", core_endpoint_subset_fields);

static const struct field core_endpoints_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("subsets", 2, MESSAGE, LIST, .schema = &schema_core_endpoint_subset,
	      .flags = FIELD_APPLY_ATOMIC),
};
const struct schema schema_core_endpoints = SCHEMA("io.k8s.api.core.v1.Endpoints", core_endpoints_fields);

/* --- discovery.k8s.io/v1 EndpointSlice --- */

static const struct field discovery_endpoint_conditions_fields[] = {
	FIELD("ready", 1, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("serving", 2, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("terminating", 3, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_discovery_endpoint_conditions =
	SCHEMA("io.k8s.api.discovery.v1.EndpointConditions", discovery_endpoint_conditions_fields);

static const struct field discovery_for_node_fields[] = {
	FIELD("name", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_discovery_for_node =
	SCHEMA("io.k8s.api.discovery.v1.ForNode", discovery_for_node_fields);

static const struct field discovery_for_zone_fields[] = {
	FIELD("name", 1, STRING, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_discovery_for_zone =
	SCHEMA("io.k8s.api.discovery.v1.ForZone", discovery_for_zone_fields);

static const struct field discovery_endpoint_hints_fields[] = {
	FIELD("forNodes", 2, MESSAGE, LIST, .schema = &schema_discovery_for_node,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("forZones", 1, MESSAGE, LIST, .schema = &schema_discovery_for_zone,
	      .flags = FIELD_APPLY_ATOMIC),
};
const struct schema schema_discovery_endpoint_hints =
	SCHEMA("io.k8s.api.discovery.v1.EndpointHints", discovery_endpoint_hints_fields);

static const struct field discovery_endpoint_fields[] = {
	FIELD("addresses", 1, STRING, LIST, .flags = FIELD_REQUIRED | FIELD_APPLY_SET),
	FIELD("conditions", 2, MESSAGE, SINGLE, .schema = &schema_discovery_endpoint_conditions),
	FIELD("deprecatedTopology", 5, STRING, MAP),
	FIELD("hints", 8, MESSAGE, SINGLE, .schema = &schema_discovery_endpoint_hints),
	FIELD("hostname", 3, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("nodeName", 6, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("targetRef", 4, MESSAGE, SINGLE, .schema = &schema_core_object_reference,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("zone", 7, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_discovery_endpoint =
	SCHEMA("io.k8s.api.discovery.v1.Endpoint", discovery_endpoint_fields);

static const struct field discovery_endpoint_port_fields[] = {
	FIELD("appProtocol", 4, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("name", 1, STRING, SINGLE, .default_json = "\"\"", .flags = FIELD_KEEP_ZERO),
	FIELD("port", 3, INT32, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("protocol", 2, STRING, SINGLE, .default_json = "\"TCP\"", .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_discovery_endpoint_port =
	SCHEMA("io.k8s.api.discovery.v1.EndpointPort", discovery_endpoint_port_fields);

static const struct field discovery_endpoint_slice_fields[] = {
	FIELD("addressType", 4, STRING, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("endpoints", 2, MESSAGE, LIST, .schema = &schema_discovery_endpoint,
	      .flags = FIELD_REQUIRED | FIELD_APPLY_ATOMIC),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("ports", 3, MESSAGE, LIST, .schema = &schema_discovery_endpoint_port,
	      .flags = FIELD_REQUIRED | FIELD_APPLY_ATOMIC),
};
const struct schema schema_discovery_endpoint_slice =
	SCHEMA("io.k8s.api.discovery.v1.EndpointSlice", discovery_endpoint_slice_fields);
