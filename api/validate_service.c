/* Rules of Services (upstream: ValidateService, ValidateServiceUpdate). What can only be said where addresses are given out,
 * is in cloud-hub/services/prepare.h. */
#include <arpa/inet.h>

#include "api/kind_internal.h"
#include "api/names.h"
#include "api/validate.h"

#define AFFINITY_TIMEOUT_MAX_S 86400
#define KUBELET_PORT 10250
#define CLUSTER_IPS_MAX 2u

static bool is_type(const struct json *spec, const char *type)
{
	return !strcmp(text_of(spec, "type"), type);
}

static bool is_headless(const struct json *spec)
{
	return !strcmp(text_of(spec, "clusterIP"), "None");
}

static bool is_outward(const struct json *spec)
{
	return is_type(spec, "NodePort") || is_type(spec, "LoadBalancer") ||
	       (is_type(spec, "ClusterIP") && json_count(json_get(spec, "externalIPs")));
}

/* --- ports --- */

struct ports {
	const struct json *spec, *list;
	size_t index;
};

static const char *const protocols[] = { "SCTP", "TCP", "UDP", NULL };

static bool same_port(const struct json *a, const struct json *b, const char *number)
{
	int64_t own = json_int(json_get(a, number), 0);

	return own && own == json_int(json_get(b, number), 0) &&
	       !strcmp(text_of(a, "protocol"), text_of(b, "protocol"));
}

static void check_repeats(struct validation *v, const struct json *port, const struct ports *ports)
{
	for (size_t i = 0; i < ports->index; i++) {
		const struct json *other = json_at(ports->list, i);

		if (same_port(port, other, "port"))
			complain(v, PROBLEM_DUPLICATE, port, NULL, "%s", "");
		if (same_port(port, other, "nodePort"))
			complain(v, PROBLEM_DUPLICATE, port, "nodePort", "%s", "");
	}
}

static void validate_port(struct validation *v, const struct json *port, void *ctx)
{
	struct ports *ports = ctx;
	int64_t number = json_int(json_get(port, "port"), 0);

	if (json_count(ports->list) > 1)
		(void)need_name(v, port, "name", name_dns_label);
	else
		check_text(v, port, "name", name_dns_label);
	if (number < 1 || number > 65535)
		complain(v, PROBLEM_INVALID, port, "port", MSG_PORT);
	(void)need_choice(v, port, "protocol", protocols);
	check_port(v, port, "targetPort");
	check_text(v, port, "appProtocol", name_qualified);
	if (json_int(json_get(port, "nodePort"), 0) && !is_type(ports->spec, "NodePort") &&
	    !is_type(ports->spec, "LoadBalancer"))
		complain(v, PROBLEM_FORBIDDEN, port, "nodePort", "may not be used when `type` is '%s'",
			 text_of(ports->spec, "type"));
	if (is_type(ports->spec, "LoadBalancer") && number == KUBELET_PORT)
		complain(v, PROBLEM_INVALID, port, "port",
			 "may not expose port %d externally since it is used by kubelet", KUBELET_PORT);
	check_repeats(v, port, ports);
	ports->index++;
}

static void validate_ports(struct validation *v, const struct json *spec)
{
	struct ports ports = { .spec = spec, .list = json_get(spec, "ports") };

	if (!json_count(ports.list) && !is_headless(spec) && !is_type(spec, "ExternalName"))
		complain(v, PROBLEM_REQUIRED, spec, "ports", "%s", "");
	if (json_count(ports.list) > 1000) {
		complain(v, PROBLEM_TOO_MANY, NULL, "ports", "must have at most 1000 items");
		return;
	}
	each_item(v, spec, "ports", validate_port, &ports);
	check_unique(v, spec, "ports", "name");
}

/* --- addresses --- */

static bool is_ip(const char *text)
{
	struct in6_addr address;

	return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

static void complain_ips(struct validation *v, const struct json *spec, size_t index, const char *detail)
{
	const struct json *ips = json_get(spec, "clusterIPs");
	size_t mark = path_field(&v->path, "clusterIPs"), at = path_index(&v->path, index);

	problems_add_json(v->problems, PROBLEM_INVALID, v->path.text,
			  json_at(ips, index) ? json_at(ips, index) : json_get(spec, "clusterIP"), "%s",
			  detail);
	path_back(&v->path, at);
	path_back(&v->path, mark);
}

static void validate_cluster_ips(struct validation *v, const struct json *spec)
{
	const struct json *ips = json_get(spec, "clusterIPs");
	const char *first = json_str(json_at(ips, 0), "");

	if (is_type(spec, "ExternalName")) {
		if (text_of(spec, "clusterIP")[0] || json_count(ips))
			complain(v, PROBLEM_FORBIDDEN, spec, "clusterIPs",
				 "may not be set for ExternalName services");
		return;
	}
	if (is_headless(spec) && !is_type(spec, "ClusterIP")) {
		size_t mark = path_field(&v->path, "clusterIPs"), at = path_index(&v->path, 0);

		problems_add(v->problems, PROBLEM_INVALID, v->path.text, "None",
			     "may not be set to 'None' for %s services", text_of(spec, "type"));
		path_back(&v->path, at);
		path_back(&v->path, mark);
	}
	if (json_count(ips) && strcmp(first, text_of(spec, "clusterIP")) != 0)
		complain(v, PROBLEM_INVALID, spec, "clusterIPs", "first value must match `clusterIP`");
	if (json_count(ips) > CLUSTER_IPS_MAX)
		complain(v, PROBLEM_INVALID, spec, "clusterIPs", "may only hold up to 2 values");
	if (text_of(spec, "clusterIP")[0] && !is_headless(spec) && !is_ip(text_of(spec, "clusterIP")))
		complain_ips(v, spec, 0, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
	for (size_t i = 1; i < json_count(ips) && i < CLUSTER_IPS_MAX; i++)
		if (!is_ip(json_str(json_at(ips, i), "")))
			complain_ips(v, spec, i,
				     is_headless(spec) || !strcmp(json_str(json_at(ips, i), ""), "None")
					     ? "'None' must be the first and only value"
					     : "must be a valid IP address, (e.g. 10.9.8.7 or "
					       "2001:db8::ffff)");
}

static void validate_families(struct validation *v, const struct json *spec)
{
	static const char *const families[] = { "IPv4", "IPv6", NULL };
	static const char *const policies[] = { "PreferDualStack", "RequireDualStack", "SingleStack", NULL };
	const struct json *list = json_get(spec, "ipFamilies");

	(void)check_choice(v, spec, "ipFamilyPolicy", policies);
	if (json_count(list) > 2)
		complain(v, PROBLEM_INVALID, spec, "ipFamilies", "may only hold up to 2 values");
	for (size_t i = 0; i < json_count(list); i++) {
		const char *family = json_str(json_at(list, i), "");
		size_t mark = path_field(&v->path, "ipFamilies"), at = path_index(&v->path, i);

		if (strcmp(family, families[0]) != 0 && strcmp(family, families[1]) != 0)
			problems_add(v->problems, PROBLEM_NOT_SUPPORTED, v->path.text, family,
				     "supported values: \"IPv4\", \"IPv6\"");
		else if (i && !strcmp(family, json_str(json_at(list, 0), "")))
			problems_add(v->problems, PROBLEM_DUPLICATE, v->path.text, family, "%s", "");
		path_back(&v->path, at);
		path_back(&v->path, mark);
	}
}

static void validate_external_ips(struct validation *v, const struct json *spec)
{
	const struct json *list = json_get(spec, "externalIPs");

	for (size_t i = 0; i < json_count(list); i++) {
		const char *ip = json_str(json_at(list, i), "");
		size_t mark = path_field(&v->path, "externalIPs"), at = path_index(&v->path, i);

		if (!is_ip(ip))
			problems_add(v->problems, PROBLEM_INVALID, v->path.text, ip,
				     "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
		path_back(&v->path, at);
		path_back(&v->path, mark);
	}
}

static bool is_cidr(const char *text)
{
	struct span address, bits;
	char ip[INET6_ADDRSTRLEN];
	uint64_t length;

	if (!span_cut(span_of(text), '/', &address, &bits) || address.len >= sizeof(ip) ||
	    span_to_u64(bits, &length))
		return false;
	memcpy(ip, address.ptr, address.len);
	ip[address.len] = '\0';
	return is_ip(ip) && length <= (strchr(ip, ':') ? 128 : 32);
}

static void validate_source_ranges(struct validation *v, const struct json *spec)
{
	const struct json *list = json_get(spec, "loadBalancerSourceRanges");

	if (json_count(list) && !is_type(spec, "LoadBalancer"))
		complain(v, PROBLEM_FORBIDDEN, spec, "loadBalancerSourceRanges",
			 "may only be used when `type` is 'LoadBalancer'");
	for (size_t i = 0; i < json_count(list); i++) {
		const char *range = json_str(json_at(list, i), "");
		size_t mark = path_field(&v->path, "loadBalancerSourceRanges"), at = path_index(&v->path, i);

		if (!is_cidr(range))
			problems_add(v->problems, PROBLEM_INVALID, v->path.text, range,
				     "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
		path_back(&v->path, at);
		path_back(&v->path, mark);
	}
}

/* --- types and policies --- */

static void validate_affinity(struct validation *v, const struct json *spec)
{
	static const char *const kinds[] = { "ClientIP", "None", NULL };
	const struct json *config = json_get(spec, "sessionAffinityConfig");
	int64_t timeout = json_path_int(config, "clientIP.timeoutSeconds", 0);
	size_t mark;

	(void)need_choice(v, spec, "sessionAffinity", kinds);
	if (!strcmp(text_of(spec, "sessionAffinity"), "None") && config)
		complain(v, PROBLEM_FORBIDDEN, spec, "sessionAffinityConfig",
			 "must not be set when session affinity is None");
	if (strcmp(text_of(spec, "sessionAffinity"), "ClientIP") != 0 ||
	    (timeout > 0 && timeout <= AFFINITY_TIMEOUT_MAX_S))
		return;
	mark = path_field(&v->path, "sessionAffinityConfig.clientIP");
	complain(v, PROBLEM_INVALID, json_get(config, "clientIP"), "timeoutSeconds",
		 "must be greater than 0 and less than %d", AFFINITY_TIMEOUT_MAX_S);
	path_back(&v->path, mark);
}

static void validate_balancer(struct validation *v, const struct json *spec)
{
	static const char *const only[] = { "allocateLoadBalancerNodePorts", "loadBalancerClass", NULL };

	if (!is_type(spec, "LoadBalancer")) {
		for (size_t i = 0; only[i]; i++)
			if (json_get(spec, only[i]))
				complain(v, PROBLEM_FORBIDDEN, spec, only[i],
					 "may only be used when `type` is 'LoadBalancer'");
	} else {
		check_text(v, spec, "loadBalancerClass", name_qualified);
	}
	if (json_int(json_get(spec, "healthCheckNodePort"), 0) &&
	    (!is_type(spec, "LoadBalancer") || strcmp(text_of(spec, "externalTrafficPolicy"), "Local") != 0))
		complain(v, PROBLEM_INVALID, spec, "healthCheckNodePort",
			 "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is "
			 "'Local'");
}

static void validate_policies(struct validation *v, const struct json *spec)
{
	static const char *const policies[] = { "Cluster", "Local", NULL };
	static const char *const distributions[] = { "PreferClose", NULL };

	if (!is_outward(spec)) {
		if (text_of(spec, "externalTrafficPolicy")[0])
			complain(v, PROBLEM_INVALID, spec, "externalTrafficPolicy",
				 "may only be set for externally-accessible services");
	} else {
		(void)need_choice(v, spec, "externalTrafficPolicy", policies);
	}
	(void)check_choice(v, spec, "internalTrafficPolicy", policies);
	(void)check_choice(v, spec, "trafficDistribution", distributions);
}

static void validate_external_name(struct validation *v, const struct json *spec)
{
	struct span name = json_span(json_get(spec, "externalName"));
	const char *reason;

	if (!is_type(spec, "ExternalName"))
		return;
	if (!name.len) {
		complain(v, PROBLEM_REQUIRED, spec, "externalName", "%s", "");
		return;
	}
	if (name.ptr[name.len - 1] == '.')
		name.len--;
	reason = name_dns_subdomain(name);
	if (reason)
		complain(v, PROBLEM_INVALID, spec, "externalName", "%s", reason);
}

/* --- against what it was --- */

static bool needs_ip(const struct json *spec)
{
	return !is_type(spec, "ExternalName");
}

static void validate_update(struct validation *v, const struct json *spec, const struct json *old)
{
	const struct json *ips = json_get(spec, "clusterIPs"), *before = json_get(old, "clusterIPs");
	const char *first = json_str(json_at(before, 0), "");

	if (!needs_ip(spec) || !needs_ip(old) || !first[0])
		return;
	if (!json_equal(json_at(ips, 0), json_at(before, 0)))
		complain_ips(v, spec, 0, "may not change once set");
	if (json_at(ips, 0) && json_count(json_get(old, "ipFamilies")) &&
	    !json_equal(json_at(json_get(spec, "ipFamilies"), 0), json_at(json_get(old, "ipFamilies"), 0)))
		complain(v, PROBLEM_INVALID, spec, "ipFamilies", "may not change once set");
}

void service_validate(const struct json *object, const struct json *old, struct problems *problems)
{
	static const char *const types[] = { "ClusterIP", "ExternalName", "LoadBalancer", "NodePort", NULL };
	const struct json *spec = json_get(object, "spec");
	struct validation v = VALIDATION(problems, "spec");

	(void)need_choice(&v, spec, "type", types);
	validate_ports(&v, spec);
	validate_labels(&v, spec, "selector");
	validate_affinity(&v, spec);
	validate_cluster_ips(&v, spec);
	validate_families(&v, spec);
	validate_external_ips(&v, spec);
	validate_external_name(&v, spec);
	validate_policies(&v, spec);
	validate_balancer(&v, spec);
	validate_source_ranges(&v, spec);
	if (old)
		validate_update(&v, spec, json_get(old, "spec"));
}
