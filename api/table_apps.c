/* Columns of the kinds of apps/v1. */
#include <ctype.h>

#include "api/kind_internal.h"
#include "api/selector.h"
#include "api/table.h"

static int status_number(const struct json *object, const char *path, struct buf *out)
{
	return table_number(out, json_path_int(object, path, 0));
}

CELL(desired)
{
	return status_number(object, "status.desiredNumberScheduled", out);
}

CELL(current)
{
	return status_number(object, "status.currentNumberScheduled", out);
}

CELL(ready)
{
	return status_number(object, "status.numberReady", out);
}

CELL(up_to_date)
{
	return status_number(object, "status.updatedNumberScheduled", out);
}

CELL(available)
{
	return status_number(object, "status.numberAvailable", out);
}

CELL(node_selector)
{
	return table_labels(out, json_path(object, "spec.template.spec.nodeSelector"));
}

CELL(containers)
{
	return table_members(out, json_path(object, "spec.template.spec.containers"), "name");
}

CELL(images)
{
	return table_members(out, json_path(object, "spec.template.spec.containers"), "image");
}

CELL(selector)
{
	struct buf text;
	int rc;

	buf_init(&text, JSON_MAX_BYTES);
	rc = selector_write_json(json_path(object, "spec.selector"), &text);
	if (!rc)
		rc = text.len ? table_text(out, buf_cstr(&text)) : table_text(out, "<none>");
	buf_done(&text);
	return rc;
}

const struct column daemon_set_columns[DAEMON_SET_COLUMNS] = {
	COLUMN_NAME,
	COLUMN_INT("Desired", "Nodes that should run its pod.", desired),
	COLUMN_INT("Current", "Nodes that have its pod.", current),
	COLUMN_INT("Ready", "Nodes whose pod is ready.", ready),
	COLUMN_INT("Up-to-date", "Nodes whose pod is of the newest template.", up_to_date),
	COLUMN_INT("Available", "Nodes whose pod has been ready long enough.", available),
	COLUMN("Node Selector", "Which nodes it is for.", node_selector),
	COLUMN_AGE,
	COLUMN_WIDE("Containers", "Names of the containers.", containers),
	COLUMN_WIDE("Images", "Images of the containers.", images),
	COLUMN_WIDE("Selector", "Which pods are its own.", selector),
};

CELL(replicas_desired)
{
	return table_number(out, json_path_int(object, "spec.replicas", 0));
}

CELL(replicas_current)
{
	return status_number(object, "status.replicas", out);
}

CELL(replicas_ready)
{
	return status_number(object, "status.readyReplicas", out);
}

/* "2/3" */
CELL(replicas_of_wanted)
{
	struct buf text;
	int rc;

	buf_init(&text, 64);
	rc = buf_addf(&text, "%lld/%lld", (long long)json_path_int(object, "status.readyReplicas", 0),
		      (long long)json_path_int(object, "spec.replicas", 0));
	if (!rc)
		rc = table_text(out, buf_cstr(&text));
	buf_done(&text);
	return rc;
}

CELL(replicas_updated)
{
	return status_number(object, "status.updatedReplicas", out);
}

CELL(replicas_available)
{
	return status_number(object, "status.availableReplicas", out);
}

const struct column deployment_columns[DEPLOYMENT_COLUMNS] = {
	COLUMN_NAME,
	COLUMN("Ready", "Pods that are ready, of those that there should be.", replicas_of_wanted),
	COLUMN_INT("Up-to-date", "Pods of the newest template.", replicas_updated),
	COLUMN_INT("Available", "Pods that have been ready long enough.", replicas_available),
	COLUMN_AGE,
	COLUMN_WIDE("Containers", "Names of the containers.", containers),
	COLUMN_WIDE("Images", "Images of the containers.", images),
	COLUMN_WIDE("Selector", "Which pods are its own.", selector),
};

const struct column replica_set_columns[REPLICA_SET_COLUMNS] = {
	COLUMN_NAME,
	COLUMN_INT("Desired", "Pods that there should be.", replicas_desired),
	COLUMN_INT("Current", "Pods that there are.", replicas_current),
	COLUMN_INT("Ready", "Pods that are ready.", replicas_ready),
	COLUMN_AGE,
	COLUMN_WIDE("Containers", "Names of the containers.", containers),
	COLUMN_WIDE("Images", "Images of the containers.", images),
	COLUMN_WIDE("Selector", "Which pods are its own.", selector),
};

/* "daemonset.apps/web" */
static int add_controller(const struct json *owner, struct buf *out)
{
	struct span group, version;
	struct buf text;
	int rc;

	if (!span_cut(json_span(json_get(owner, "apiVersion")), '/', &group, &version))
		group = SPAN("");
	buf_init(&text, JSON_MAX_BYTES);
	rc = buf_add_str(&text, json_str(json_get(owner, "kind"), ""));
	for (size_t i = 0; i < text.len; i++)
		text.data[i] = (char)tolower((unsigned char)text.data[i]);
	if (!rc)
		rc = buf_addf(&text, "%s%.*s/%s", group.len ? "." : "", SPAN_ARG(group),
			      json_str(json_get(owner, "name"), ""));
	if (!rc)
		rc = table_text(out, buf_cstr(&text));
	buf_done(&text);
	return rc;
}

CELL(controller)
{
	const struct json *owners = json_path(object, "metadata.ownerReferences");

	for (size_t i = 0; i < json_count(owners); i++)
		if (json_bool(json_get(json_at(owners, i), "controller"), false))
			return add_controller(json_at(owners, i), out);
	return table_text(out, "<none>");
}

CELL(revision)
{
	return table_number(out, json_int(json_get(object, "revision"), 0));
}

const struct column controller_revision_columns[CONTROLLER_REVISION_COLUMNS] = {
	COLUMN_NAME,
	COLUMN("Controller", "Whose history it is.", controller),
	COLUMN_INT("Revision", "Its number.", revision),
	COLUMN_AGE,
};
