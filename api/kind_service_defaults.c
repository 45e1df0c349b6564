/* Defaults of Services that depend on other fields (upstream: SetDefaults_Service). What is allocated, addresses and node
 * ports, is not made here: see cloud-hub/services/prepare.h. */
#include <errno.h>

#include "api/kind_internal.h"

#define AFFINITY_TIMEOUT_S 10800 /* three hours, as upstream */

static int set_if_absent(struct json *object, const char *key, const char *value)
{
	return json_str(json_get(object, key), "")[0] ? 0 : json_set_str(object, key, value);
}

static bool is_type(const struct json *spec, const char *type)
{
	return !strcmp(json_str(json_get(spec, "type"), ""), type);
}

static bool is_unset(const struct json *target)
{
	return json_is(target, JSON_STRING) ? !json_span(target).len : !json_int(target, 0);
}

static int default_ports(struct json *ports)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < json_count(ports); i++) {
		struct json *port = json_at(ports, i);

		if (is_unset(json_get(port, "targetPort")))
			rc = json_set_int(port, "targetPort", json_int(json_get(port, "port"), 0));
	}
	return rc;
}

static int default_affinity(struct json *spec)
{
	struct json *client;

	if (!strcmp(json_str(json_get(spec, "sessionAffinity"), ""), "None")) {
		(void)json_remove(spec, "sessionAffinityConfig");
		return 0;
	}
	if (strcmp(json_str(json_get(spec, "sessionAffinity"), ""), "ClientIP") != 0)
		return 0;
	client = json_ensure(spec, "sessionAffinityConfig.clientIP");
	if (!client)
		return -ENOMEM;
	return json_get(client, "timeoutSeconds")
		       ? 0
		       : json_set_int(client, "timeoutSeconds", AFFINITY_TIMEOUT_S);
}

static int default_policies(struct json *spec)
{
	bool outside = is_type(spec, "NodePort") || is_type(spec, "LoadBalancer");
	bool inside = outside || is_type(spec, "ClusterIP");
	int rc = 0;

	if (outside || (inside && json_count(json_get(spec, "externalIPs"))))
		rc = set_if_absent(spec, "externalTrafficPolicy", "Cluster");
	if (!rc && inside && !json_get(spec, "internalTrafficPolicy"))
		rc = json_set_str(spec, "internalTrafficPolicy", "Cluster");
	if (!rc && is_type(spec, "LoadBalancer") && !json_get(spec, "allocateLoadBalancerNodePorts"))
		rc = json_set_bool(spec, "allocateLoadBalancerNodePorts", true);
	return rc;
}

int service_defaults(struct json *object)
{
	struct json *spec = json_ensure(object, "spec"), *status = json_ensure(object, "status");
	int rc = spec && status && json_ensure(status, "loadBalancer") ? 0 : -ENOMEM;

	/* Of an object that has no spec at all there is nothing to default yet but what the schema would. */
	if (!rc)
		rc = set_if_absent(spec, "sessionAffinity", "None");
	if (!rc)
		rc = set_if_absent(spec, "type", "ClusterIP");
	if (!rc)
		rc = default_ports(json_get(spec, "ports"));
	if (!rc)
		rc = default_affinity(spec);
	return rc ? rc : default_policies(spec);
}
