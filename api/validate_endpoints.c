/* Rules of Endpoints and EndpointSlices (upstream: ValidateEndpoints, ValidateEndpointSlice). */
#include <arpa/inet.h>

#include "api/kind_internal.h"
#include "api/names.h"
#include "api/validate.h"

#define ENDPOINTS_MAX 1000u /* of one slice */
#define ADDRESSES_MAX 100u  /* of one endpoint */
#define PORTS_MAX 1000u	    /* upstream has 20000; nobody has them, and each is compared with each */

static const char *const protocols[] = { "SCTP", "TCP", "UDP", NULL };

enum family { FAMILY_NONE, FAMILY_4, FAMILY_6 };

/* Addresses that mean the machine itself, a link or a group are no endpoints: they would lead a proxy to itself. */
static const char *special_4(uint32_t ip)
{
	if (!ip)
		return "may not be unspecified (0.0.0.0)";
	if (ip >> 24 == 127)
		return "may not be in the loopback range (127.0.0.0/8, ::1/128)";
	if (ip >> 16 == 0xa9fe)
		return "may not be in the link-local range (169.254.0.0/16, fe80::/10)";
	return ip >> 8 == 0xe00000 ? "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"
				   : NULL;
}

static const char *special_6(const struct in6_addr *ip)
{
	if (IN6_IS_ADDR_UNSPECIFIED(ip))
		return "may not be unspecified (::)";
	if (IN6_IS_ADDR_LOOPBACK(ip))
		return "may not be in the loopback range (127.0.0.0/8, ::1/128)";
	if (IN6_IS_ADDR_LINKLOCAL(ip))
		return "may not be in the link-local range (169.254.0.0/16, fe80::/10)";
	return IN6_IS_ADDR_MC_LINKLOCAL(ip)
		       ? "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"
		       : NULL;
}

static enum family family_of(const char *text, const char **out_special)
{
	struct in6_addr six;
	struct in_addr four;

	*out_special = NULL;
	if (inet_pton(AF_INET, text, &four) == 1) {
		*out_special = special_4(ntohl(four.s_addr));
		return FAMILY_4;
	}
	if (inet_pton(AF_INET6, text, &six) != 1)
		return FAMILY_NONE;
	*out_special = special_6(&six);
	return FAMILY_6;
}

/* --- Endpoints --- */

static void validate_address(struct validation *v, const struct json *address, void *ctx)
{
	const char *special;
	enum family family = family_of(text_of(address, "ip"), &special);

	if (family == FAMILY_NONE)
		complain(v, PROBLEM_INVALID, address, "ip",
			 "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
	else if (special)
		complain(v, PROBLEM_INVALID, address, "ip", "%s", special);
	check_text(v, address, "hostname", name_dns_label);
	check_text(v, address, "nodeName", name_dns_subdomain);
}

static void validate_number(struct validation *v, const struct json *port)
{
	int64_t number = json_int(json_get(port, "port"), 0);

	if (number < 1 || number > 65535)
		complain(v, PROBLEM_INVALID, port, "port", MSG_PORT);
}

static void validate_endpoint_port(struct validation *v, const struct json *port, void *ctx)
{
	const size_t *count = ctx;

	if (*count > 1)
		(void)need_name(v, port, "name", name_dns_label);
	else
		check_text(v, port, "name", name_dns_label);
	validate_number(v, port);
	(void)need_choice(v, port, "protocol", protocols);
	check_text(v, port, "appProtocol", name_qualified);
}

static void validate_subset(struct validation *v, const struct json *subset, void *ctx)
{
	size_t count = json_count(json_get(subset, "ports"));

	if (!json_count(json_get(subset, "addresses")) && !json_count(json_get(subset, "notReadyAddresses")))
		complain(v, PROBLEM_REQUIRED, subset, NULL,
			 "must specify `addresses` or `notReadyAddresses`");
	each_item(v, subset, "addresses", validate_address, NULL);
	each_item(v, subset, "notReadyAddresses", validate_address, NULL);
	each_item(v, subset, "ports", validate_endpoint_port, &count);
}

void endpoints_validate(const struct json *object, const struct json *old, struct problems *problems)
{
	struct validation v = VALIDATION(problems, "");

	each_item(&v, object, "subsets", validate_subset, NULL);
}

/* --- EndpointSlice --- */

static void complain_address(struct validation *v, size_t index, const char *text, const char *detail)
{
	size_t mark = path_field(&v->path, "addresses"), at = path_index(&v->path, index);

	problems_add(v->problems, PROBLEM_INVALID, v->path.text, text, "%s", detail);
	path_back(&v->path, at);
	path_back(&v->path, mark);
}

static void check_slice_address(struct validation *v, const char *type, size_t index, const char *text)
{
	const char *special, *reason;
	enum family family = family_of(text, &special);

	if (!strcmp(type, "FQDN")) {
		reason = name_dns_subdomain(span_of(text));
		if (reason)
			complain_address(v, index, text, reason);
	} else if (!strcmp(type, "IPv4") && family != FAMILY_4) {
		complain_address(v, index, text, "must be an IPv4 address");
	} else if (!strcmp(type, "IPv6") && family != FAMILY_6) {
		complain_address(v, index, text, "must be an IPv6 address");
	} else if (special) {
		complain_address(v, index, text, special);
	}
}

static void validate_endpoint(struct validation *v, const struct json *endpoint, void *ctx)
{
	const struct json *addresses = json_get(endpoint, "addresses");

	if (!json_count(addresses))
		complain(v, PROBLEM_REQUIRED, endpoint, "addresses", "must contain at least 1 address");
	if (json_count(addresses) > ADDRESSES_MAX)
		complain(v, PROBLEM_TOO_MANY, NULL, "addresses", "must have at most %u items", ADDRESSES_MAX);
	for (size_t i = 0; i < json_count(addresses) && i < ADDRESSES_MAX; i++)
		check_slice_address(v, ctx, i, json_str(json_at(addresses, i), ""));
	check_text(v, endpoint, "hostname", name_dns_label);
	check_text(v, endpoint, "nodeName", name_dns_subdomain);
	validate_labels(v, endpoint, "deprecatedTopology");
}

static void validate_slice_port(struct validation *v, const struct json *port, void *ctx)
{
	check_text(v, port, "name", name_dns_label);
	(void)need_choice(v, port, "protocol", protocols);
	if (json_get(port, "port"))
		validate_number(v, port);
	check_text(v, port, "appProtocol", name_qualified);
}

static void validate_slice_ports(struct validation *v, const struct json *object)
{
	const struct json *ports = json_get(object, "ports");

	if (json_count(ports) > PORTS_MAX) {
		complain(v, PROBLEM_TOO_MANY, NULL, "ports", "must have at most %u items", PORTS_MAX);
		return;
	}
	each_item(v, object, "ports", validate_slice_port, NULL);
	check_unique(v, object, "ports", "name");
}

void endpoint_slice_validate(const struct json *object, const struct json *old, struct problems *problems)
{
	static const char *const types[] = { "FQDN", "IPv4", "IPv6", NULL };
	struct validation v = VALIDATION(problems, "");
	const char *type = text_of(object, "addressType");

	(void)need_choice(&v, object, "addressType", types);
	if (old && strcmp(type, text_of(old, "addressType")) != 0)
		complain(&v, PROBLEM_INVALID, object, "addressType", MSG_IMMUTABLE);
	if (json_count(json_get(object, "endpoints")) > ENDPOINTS_MAX) {
		complain(&v, PROBLEM_TOO_MANY, NULL, "endpoints", "must have at most %u items",
			 ENDPOINTS_MAX);
		return;
	}
	each_item(&v, object, "endpoints", validate_endpoint, (void *)type);
	validate_slice_ports(&v, object);
}
