/* Columns of Services, Endpoints and EndpointSlices. */
#include <stdio.h>

#include "api/kind_internal.h"
#include "api/table.h"

#define SHOWN_MAX 3u /* of a list of endpoints or ports; the rest is a number */
#define ITEM_MAX 320u
#define BALANCER_WIDTH 16u     /* longer lists of a load balancer's addresses are cut */
#define BALANCER_CUT_WIDTH 13u /* to this, and "..." */

/* --- lists that end in "+ 4 more..." --- */

struct few {
	struct buf text;
	size_t count;
};

static int few_add(struct few *few, const char *item)
{
	if (few->count++ >= SHOWN_MAX)
		return 0;
	return buf_addf(&few->text, "%s%s", few->text.len ? "," : "", item);
}

/* "[::1]:80"; port 0: none is said. */
static int few_add_address(struct few *few, const char *ip, int64_t port)
{
	char item[ITEM_MAX];
	bool v6 = strchr(ip, ':') != NULL;

	if (!port)
		return few_add(few, ip);
	(void)snprintf(item, sizeof(item), "%s%s%s:%lld", v6 ? "[" : "", ip, v6 ? "]" : "", (long long)port);
	return few_add(few, item);
}

static int few_end(struct few *few, int rc, const char *nothing, struct buf *out)
{
	if (!rc && few->count > SHOWN_MAX)
		rc = buf_addf(&few->text, " + %zu more...", few->count - SHOWN_MAX);
	if (!rc)
		rc = table_text(out, few->text.len ? buf_cstr(&few->text) : nothing);
	buf_done(&few->text);
	return rc;
}

/* --- services --- */

CELL(service_type)
{
	return table_text(out, json_path_str(object, "spec.type", ""));
}

CELL(cluster_ip)
{
	const char *first = json_str(json_at(json_path(object, "spec.clusterIPs"), 0), "");

	return table_or_none(out, first[0] ? first : json_path_str(object, "spec.clusterIP", ""));
}

static int join_texts(struct buf *text, const struct json *list)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < json_count(list); i++)
		rc = buf_addf(text, "%s%s", text->len ? "," : "", json_str(json_at(list, i), ""));
	return rc;
}

/* Addresses and host names, cut to the column's width as upstream does. */
static int join_ingress(struct buf *text, const struct json *ingress)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < json_count(ingress); i++) {
		const char *ip = json_str(json_get(json_at(ingress, i), "ip"), "");
		const char *host = json_str(json_get(json_at(ingress, i), "hostname"), "");

		if (ip[0] || host[0])
			rc = buf_addf(text, "%s%s", text->len ? "," : "", ip[0] ? ip : host);
	}
	if (!rc && text->len > BALANCER_WIDTH) {
		text->len = BALANCER_CUT_WIDTH;
		rc = buf_add_str(text, "...");
	}
	return rc;
}

CELL(external_ip)
{
	const char *type = json_path_str(object, "spec.type", "");
	bool balanced = !strcmp(type, "LoadBalancer");
	struct buf text;
	int rc = 0;

	if (!strcmp(type, "ExternalName"))
		return table_text(out, json_path_str(object, "spec.externalName", ""));
	buf_init(&text, JSON_MAX_BYTES);
	if (balanced)
		rc = join_ingress(&text, json_path(object, "status.loadBalancer.ingress"));
	if (!rc)
		rc = join_texts(&text, json_path(object, "spec.externalIPs"));
	if (!rc)
		rc = table_text(out, text.len ? buf_cstr(&text) : balanced ? "<pending>" : "<none>");
	buf_done(&text);
	return rc;
}

CELL(service_ports)
{
	const struct json *ports = json_path(object, "spec.ports");
	struct buf text;
	int rc = 0;

	buf_init(&text, JSON_MAX_BYTES);
	for (size_t i = 0; !rc && i < json_count(ports); i++) {
		const struct json *port = json_at(ports, i);
		long long number = json_int(json_get(port, "port"), 0),
			  outside = json_int(json_get(port, "nodePort"), 0);

		rc = buf_addf(&text, "%s%lld", i ? "," : "", number);
		if (!rc && outside)
			rc = buf_addf(&text, ":%lld", outside);
		if (!rc)
			rc = buf_addf(&text, "/%s", json_str(json_get(port, "protocol"), ""));
	}
	if (!rc)
		rc = table_text(out, text.len ? buf_cstr(&text) : "<none>");
	buf_done(&text);
	return rc;
}

CELL(service_selector)
{
	return table_labels(out, json_path(object, "spec.selector"));
}

const struct column service_columns[SERVICE_COLUMNS] = {
	COLUMN_NAME,
	COLUMN("Type", "How it is reached.", service_type),
	COLUMN("Cluster-IP", "Its address within the cluster.", cluster_ip),
	COLUMN("External-IP", "Its addresses from outside.", external_ip),
	COLUMN("Port(s)", "Its ports, on nodes too where it has them.", service_ports),
	COLUMN_AGE,
	COLUMN_WIDE("Selector", "Labels of the pods behind it.", service_selector),
};

/* --- endpoints --- */

static int add_subset(struct few *few, const struct json *subset)
{
	const struct json *addresses = json_get(subset, "addresses"), *ports = json_get(subset, "ports");
	size_t rounds = json_count(ports) ? json_count(ports) : 1;
	int rc = 0;

	for (size_t k = 0; k < rounds; k++)
		for (size_t i = 0; !rc && i < json_count(addresses); i++)
			rc = few_add_address(few, json_str(json_get(json_at(addresses, i), "ip"), ""),
					     json_int(json_get(json_at(ports, k), "port"), 0));
	return rc;
}

CELL(endpoints_addresses)
{
	const struct json *subsets = json_get(object, "subsets");
	struct few few = { .count = 0 };
	int rc = 0;

	buf_init(&few.text, JSON_MAX_BYTES);
	for (size_t i = 0; !rc && i < json_count(subsets); i++)
		rc = add_subset(&few, json_at(subsets, i));
	return few_end(&few, rc, "<none>", out);
}

const struct column endpoints_columns[ENDPOINTS_COLUMNS] = {
	COLUMN_NAME,
	COLUMN("Endpoints", "Addresses that are ready.", endpoints_addresses),
	COLUMN_AGE,
};

/* --- endpoint slices --- */

CELL(slice_type)
{
	return table_text(out, json_str(json_get(object, "addressType"), ""));
}

CELL(slice_ports)
{
	const struct json *ports = json_get(object, "ports");
	struct few few = { .count = 0 };
	int rc = 0;

	buf_init(&few.text, JSON_MAX_BYTES);
	for (size_t i = 0; !rc && i < json_count(ports); i++) {
		const struct json *port = json_at(ports, i), *number = json_get(port, "port");
		char text[ITEM_MAX];

		(void)snprintf(text, sizeof(text), "%lld", (long long)json_int(number, 0));
		rc = few_add(&few, number ? text : json_str(json_get(port, "name"), "*"));
	}
	return few_end(&few, rc, "<unset>", out);
}

CELL(slice_endpoints)
{
	const struct json *endpoints = json_get(object, "endpoints");
	struct few few = { .count = 0 };
	int rc = 0;

	buf_init(&few.text, JSON_MAX_BYTES);
	for (size_t i = 0; i < json_count(endpoints); i++) {
		const struct json *addresses = json_get(json_at(endpoints, i), "addresses");

		for (size_t k = 0; !rc && k < json_count(addresses); k++)
			rc = few_add(&few, json_str(json_at(addresses, k), ""));
	}
	return few_end(&few, rc, "<unset>", out);
}

const struct column endpoint_slice_columns[ENDPOINT_SLICE_COLUMNS] = {
	COLUMN_NAME,
	COLUMN("AddressType", "Family of the addresses.", slice_type),
	COLUMN("Ports", "Ports of the endpoints.", slice_ports),
	COLUMN("Endpoints", "Addresses.", slice_endpoints),
	COLUMN_AGE,
};
