/* Columns of nodes. */
#include "api/kind_internal.h"
#include "api/table.h"

#define ROLE_PREFIX "node-role.kubernetes.io/"
#define ROLES_MAX 32

CELL(status)
{
	const struct json *conditions = json_path(object, "status.conditions");
	const char *ready = "Unknown";

	for (size_t i = 0; i < json_count(conditions); i++) {
		const struct json *c = json_at(conditions, i);

		if (!strcmp(json_str(json_get(c, "type"), ""), "Ready"))
			ready = strcmp(json_str(json_get(c, "status"), ""), "True") ? "NotReady" : "Ready";
	}
	return buf_addf(out, "\"%s%s\"", ready,
			json_path_bool(object, "spec.unschedulable", false) ? ",SchedulingDisabled" : "");
}

static void insert_sorted(const char **roles, size_t *count, const char *role)
{
	size_t at = 0;

	while (at < *count && strcmp(roles[at], role) < 0)
		at++;
	if (*count == ROLES_MAX || (at < *count && !strcmp(roles[at], role)))
		return;
	memmove(roles + at + 1, roles + at, (*count - at) * sizeof(*roles));
	roles[at] = role;
	++*count;
}

CELL(roles)
{
	struct json_iter it = json_iter(json_path(object, "metadata.labels"));
	const char *names[ROLES_MAX + 1];
	size_t count = 0;
	struct buf text;
	int rc = 0;

	while (json_next(&it)) {
		if (span_has_prefix(span_of(it.key), SPAN(ROLE_PREFIX)) && it.key[sizeof(ROLE_PREFIX) - 1])
			insert_sorted(names, &count, it.key + sizeof(ROLE_PREFIX) - 1);
		else if (!strcmp(it.key, "kubernetes.io/role") && json_str(it.value, "")[0])
			insert_sorted(names, &count, json_str(it.value, ""));
	}
	buf_init(&text, JSON_MAX_BYTES);
	for (size_t i = 0; !rc && i < count; i++)
		rc = buf_addf(&text, "%s%s", i ? "," : "", names[i]);
	if (!rc)
		rc = count ? table_text(out, buf_cstr(&text)) : table_text(out, "<none>");
	buf_done(&text);
	return rc;
}

CELL(version)
{
	return table_text(out, json_path_str(object, "status.nodeInfo.kubeletVersion", ""));
}

static int address(const struct json *node, const char *type, struct buf *out)
{
	const struct json *list = json_path(node, "status.addresses");

	for (size_t i = 0; i < json_count(list); i++)
		if (!strcmp(json_str(json_get(json_at(list, i), "type"), ""), type))
			return table_text(out, json_str(json_get(json_at(list, i), "address"), ""));
	return table_text(out, "<none>");
}

CELL(internal_ip)
{
	return address(object, "InternalIP", out);
}

CELL(external_ip)
{
	return address(object, "ExternalIP", out);
}

static int info(const struct json *node, const char *path, struct buf *out)
{
	const char *text = json_path_str(node, path, "");

	return table_text(out, text[0] ? text : "<unknown>");
}

CELL(os_image)
{
	return info(object, "status.nodeInfo.osImage", out);
}

CELL(kernel)
{
	return info(object, "status.nodeInfo.kernelVersion", out);
}

CELL(runtime)
{
	return info(object, "status.nodeInfo.containerRuntimeVersion", out);
}

const struct column node_columns[NODE_COLUMNS] = {
	COLUMN_NAME,
	COLUMN("Status", "Whether the node is ready and takes new pods.", status),
	COLUMN("Roles", "Roles from the node's labels.", roles),
	COLUMN_AGE,
	COLUMN("Version", "Version of the node's agent.", version),
	COLUMN_WIDE("Internal-IP", "Address inside the site.", internal_ip),
	COLUMN_WIDE("External-IP", "Address seen from outside.", external_ip),
	COLUMN_WIDE("OS-Image", "Operating system.", os_image),
	COLUMN_WIDE("Kernel-Version", "Kernel.", kernel),
	COLUMN_WIDE("Container-Runtime", "Container runtime and its version.", runtime),
};
