#include "cloud-hub/services/prepare.h"

#include <errno.h>
#include <stdio.h>

static const char *text_of(const struct json *object, const char *key)
{
	return json_str(json_get(object, key), "");
}

static int64_t number_of(const struct json *object, const char *key)
{
	return json_int(json_get(object, key), 0);
}

static bool is_type(const struct json *spec, const char *type)
{
	return !strcmp(text_of(spec, "type"), type);
}

static bool has_address(const struct json *spec)
{
	return !is_type(spec, "ExternalName");
}

static bool is_headless(const struct json *spec)
{
	return !strcmp(text_of(spec, "clusterIP"), "None");
}

static bool has_node_ports(const struct json *spec)
{
	if (is_type(spec, "LoadBalancer"))
		return json_bool(json_get(spec, "allocateLoadBalancerNodePorts"), true);
	return is_type(spec, "NodePort");
}

/* Whether a client may name node ports, and keeps those it has. */
static bool may_have_node_ports(const struct json *spec)
{
	return is_type(spec, "NodePort") || is_type(spec, "LoadBalancer");
}

static bool has_health_port(const struct json *spec)
{
	return is_type(spec, "LoadBalancer") && !strcmp(text_of(spec, "externalTrafficPolicy"), "Local");
}

/* --- what a client left out stays as it was --- */

static int copy_member(struct json *spec, const struct json *old, const char *key)
{
	const struct json *value = json_get(old, key);

	return value ? json_set(spec, key, json_copy(value)) : 0;
}

static bool has_port_number(const struct json *ports, int64_t number)
{
	for (size_t i = 0; i < json_count(ports); i++)
		if (number_of(json_at(ports, i), "nodePort") == number)
			return true;
	return false;
}

/* A port is the same one when protocol and number are. */
static int keep_node_port(struct json *port, const struct json *ports, const struct json *old_ports)
{
	for (size_t i = 0; i < json_count(old_ports); i++) {
		const struct json *before = json_at(old_ports, i);
		int64_t number = number_of(before, "nodePort");

		if (number && number_of(before, "port") == number_of(port, "port") &&
		    !strcmp(text_of(before, "protocol"), text_of(port, "protocol")) &&
		    !has_port_number(ports, number))
			return json_set_int(port, "nodePort", number);
	}
	return 0;
}

static int keep_values(struct json *spec, const struct json *old)
{
	struct json *ports = json_get(spec, "ports");
	int rc = 0;

	if (has_address(spec) && has_address(old) && !text_of(spec, "clusterIP")[0] &&
	    !json_count(json_get(spec, "clusterIPs"))) {
		rc = copy_member(spec, old, "clusterIP");
		if (!rc)
			rc = copy_member(spec, old, "clusterIPs");
	}
	for (size_t i = 0;
	     !rc && may_have_node_ports(spec) && may_have_node_ports(old) && i < json_count(ports); i++)
		if (!number_of(json_at(ports, i), "nodePort"))
			rc = keep_node_port(json_at(ports, i), ports, json_get(old, "ports"));
	if (!rc && has_health_port(spec) && has_health_port(old) && !number_of(spec, "healthCheckNodePort"))
		rc = copy_member(spec, old, "healthCheckNodePort");
	return rc;
}

/* --- what another type makes meaningless goes, unless the client has just set it --- */

static void drop_same(struct json *spec, const struct json *old, const char *key)
{
	if (json_get(old, key) && json_equal(json_get(spec, key), json_get(old, key)))
		(void)json_remove(spec, key);
}

static bool is_old_port(const struct json *old_ports, const struct json *port)
{
	for (size_t i = 0; i < json_count(old_ports); i++)
		if (number_of(json_at(old_ports, i), "nodePort") == number_of(port, "nodePort"))
			return true;
	return false;
}

static void drop_node_ports(struct json *ports, const struct json *old_ports)
{
	for (size_t i = 0; i < json_count(ports); i++)
		if (is_old_port(old_ports, json_at(ports, i)))
			(void)json_remove(json_at(ports, i), "nodePort");
}

static bool is_outward(const struct json *spec)
{
	return may_have_node_ports(spec) ||
	       (is_type(spec, "ClusterIP") && json_count(json_get(spec, "externalIPs")));
}

static void drop_values(struct json *spec, const struct json *old)
{
	static const char *const of_address[] = {
		"clusterIPs", "clusterIP", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy", NULL
	};
	static const char *const of_balancer[] = { "allocateLoadBalancerNodePorts", "loadBalancerClass",
						   NULL };

	for (size_t i = 0; of_address[i] && has_address(old) && !has_address(spec); i++)
		drop_same(spec, old, of_address[i]);
	for (size_t i = 0; of_balancer[i] && is_type(old, "LoadBalancer") && !is_type(spec, "LoadBalancer");
	     i++)
		drop_same(spec, old, of_balancer[i]);
	if (may_have_node_ports(old) && !may_have_node_ports(spec))
		drop_node_ports(json_get(spec, "ports"), json_get(old, "ports"));
	if (has_health_port(old) && !has_health_port(spec))
		drop_same(spec, old, "healthCheckNodePort");
	if (is_outward(old) && !is_outward(spec))
		drop_same(spec, old, "externalTrafficPolicy");
}

/* `clusterIP` is what old clients know, and the first of `clusterIPs`: whichever of the two a client changed is meant. */
static int join_addresses(struct json *spec, const struct json *old)
{
	const char *ip = text_of(spec, "clusterIP");
	struct json *ips = json_get(spec, "clusterIPs"), *fresh;
	bool changed = old && strcmp(ip, text_of(old, "clusterIP")) != 0 &&
		       json_equal(ips, json_get(old, "clusterIPs"));

	if (!ip[0] && changed) {
		(void)json_remove(spec, "clusterIPs");
		return 0;
	}
	if (!ip[0])
		return 0;
	if (json_count(ips))
		return changed ? json_replace(ips, 0, json_new_str(ip)) : 0;
	fresh = json_new_array();
	if (json_append(fresh, json_new_str(ip))) {
		json_free(fresh);
		return -ENOMEM;
	}
	return json_set(spec, "clusterIPs", fresh);
}

/* --- the family --- */

static int fill_family(const struct claims *claims, struct json *spec, struct problems *problems)
{
	const char *family = claims_family(claims);
	const struct json *asked = json_get(spec, "ipFamilies");
	struct json *list;
	int rc = 0;

	if (!strcmp(text_of(spec, "ipFamilyPolicy"), "RequireDualStack"))
		problems_add_json(problems, PROBLEM_INVALID, "spec.ipFamilyPolicy",
				  json_get(spec, "ipFamilyPolicy"),
				  "this cluster is not configured for dual-stack services");
	for (size_t i = 0; i < json_count(asked); i++) {
		char path[48];

		(void)snprintf(path, sizeof(path), "spec.ipFamilies[%zu]", i);
		if (strcmp(json_str(json_at(asked, i), ""), family) != 0)
			problems_add_json(problems, PROBLEM_INVALID, path, json_at(asked, i),
					  "not configured on this cluster");
	}
	if (!json_get(spec, "ipFamilyPolicy"))
		rc = json_set_str(spec, "ipFamilyPolicy", "SingleStack");
	if (rc || json_count(asked))
		return rc;
	list = json_new_array();
	if (json_append(list, json_new_str(family))) {
		json_free(list);
		return -ENOMEM;
	}
	return json_set(spec, "ipFamilies", list);
}

/* --- address and ports --- */

struct asking {
	struct claims *claims;
	const char *owner;
	uint64_t now_ms;
	struct problems *problems;
};

static int refuse_address(const struct asking *a, const struct json *spec, const char *wanted,
			  enum claim_refusal refusal)
{
	const struct json *ips = json_get(spec, "clusterIPs");

	if (refusal == CLAIM_NO_MEMORY)
		return -ENOMEM;
	if (refusal == CLAIM_FULL)
		problems_add_json(a->problems, PROBLEM_INVALID, "spec.clusterIPs", ips,
				  "failed to allocate a serviceIP: range is full");
	else if (refusal == CLAIM_TAKEN)
		problems_add_json(a->problems, PROBLEM_INVALID, "spec.clusterIPs", ips,
				  "failed to allocate IP %s: provided IP is already allocated", wanted);
	else
		problems_add_json(
			a->problems, PROBLEM_INVALID, "spec.clusterIPs", ips,
			"failed to allocate IP %s: the provided IP (%s) is not in the valid range. The range "
			"of valid IPs is %s",
			wanted, wanted, claims_range(a->claims));
	return 0;
}

static int fill_address(const struct asking *a, struct json *spec, const struct json *old)
{
	const char *wanted = text_of(spec, "clusterIP");
	char given[CLAIMS_ADDRESS_SIZE];
	enum claim_refusal refusal;
	struct json *list;

	if (is_headless(spec))
		return 0;
	if (json_count(json_get(spec, "clusterIPs")) > 1)
		problems_add_json(a->problems, PROBLEM_INVALID, "spec.clusterIPs",
				  json_get(spec, "clusterIPs"),
				  "this cluster is not configured for dual-stack services");
	if (old && has_address(old) && wanted[0] && !strcmp(wanted, text_of(old, "clusterIP")))
		return 0; /* also one that lies outside a range that was made smaller since */
	refusal = claims_address(a->claims, a->owner, a->now_ms, wanted, given);
	if (refusal != CLAIM_GIVEN)
		return refuse_address(a, spec, wanted, refusal);
	list = json_new_array();
	if (json_append(list, json_new_str(given)) || json_set_str(spec, "clusterIP", given)) {
		json_free(list);
		return -ENOMEM;
	}
	return json_set(spec, "clusterIPs", list);
}

static int fill_port(const struct asking *a, struct json *object, const char *key, const char *path)
{
	int64_t wanted = number_of(object, key), given = 0;

	switch (claims_port(a->claims, a->owner, a->now_ms, wanted, &given)) {
	case CLAIM_GIVEN: return wanted ? 0 : json_set_int(object, key, given);
	case CLAIM_NO_MEMORY: return -ENOMEM;
	case CLAIM_FULL:
		problems_add_int(a->problems, PROBLEM_INVALID, path, wanted,
				 "failed to allocate a nodePort: range is full");
		return 0;
	case CLAIM_TAKEN:
		problems_add_int(a->problems, PROBLEM_INVALID, path, wanted,
				 "provided port is already allocated");
		return 0;
	case CLAIM_OUT_OF_RANGE: break;
	}
	problems_add_int(a->problems, PROBLEM_INVALID, path, wanted,
			 "provided port is not in the valid range. The range of valid ports is %u-%u",
			 CLAIMS_PORT_LOW, CLAIMS_PORT_HIGH);
	return 0;
}

/* One number serves several protocols: "53/TCP" and "53/UDP" get the same where nothing else is asked for. */
static int64_t number_of_twin(const struct json *ports, size_t index)
{
	const struct json *port = json_at(ports, index);

	for (size_t i = 0; i < index; i++) {
		const struct json *twin = json_at(ports, i);

		if (number_of(twin, "port") == number_of(port, "port") &&
		    strcmp(text_of(twin, "protocol"), text_of(port, "protocol")) != 0)
			return number_of(twin, "nodePort");
	}
	return 0;
}

static int fill_ports(const struct asking *a, struct json *spec)
{
	struct json *ports = json_get(spec, "ports");
	int rc = 0;

	for (size_t i = 0; !rc && i < json_count(ports); i++) {
		struct json *port = json_at(ports, i);
		int64_t twin = number_of(port, "nodePort") ? 0 : number_of_twin(ports, i);
		char path[48];

		(void)snprintf(path, sizeof(path), "spec.ports[%zu].nodePort", i);
		if (twin)
			rc = json_set_int(port, "nodePort", twin);
		if (!rc && (number_of(port, "nodePort") || has_node_ports(spec)))
			rc = fill_port(a, port, "nodePort", path);
	}
	if (!rc && has_health_port(spec))
		rc = fill_port(a, spec, "healthCheckNodePort", "spec.healthCheckNodePort");
	return rc;
}

int service_prepare(struct claims *claims, const char *owner, uint64_t now_ms, struct json *service,
		    const struct json *old, struct problems *problems)
{
	const struct asking asking = { claims, owner, now_ms, problems };
	struct json *spec = json_get(service, "spec");
	const struct json *before = json_get(old, "spec");
	int rc = before ? keep_values(spec, before) : 0;

	if (!rc && before)
		drop_values(spec, before);
	if (!rc)
		rc = join_addresses(spec, before);
	if (rc || !has_address(spec))
		return rc;
	rc = fill_family(claims, spec, problems);
	if (!rc)
		rc = fill_address(&asking, spec, before);
	return rc || !may_have_node_ports(spec) ? rc : fill_ports(&asking, spec);
}
