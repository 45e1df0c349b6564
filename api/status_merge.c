#include "api/status_merge.h"

#include <errno.h>

/* Conditions that the cloud writes and a node's report never replaces. */
static const char *const cloud_conditions[] = { "Cloned",	    "CutOff",		"AgentDown",
						"PeersUnreachable", "DisruptionTarget", NULL };
/* Labels that a node tells about itself; all others are the operator's. */
static const char *const node_labels[] = { "kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch",
					   NULL };
/* Fields of an Event that change as it repeats. */
static const char *const event_fields[] = {
	"count", "lastTimestamp", "message", "series", "eventTime", NULL
};
/* Fields of Pod.status that the cloud's controllers write. */
static const char *const cloud_pod_fields[] = { "nominatedNodeName", NULL };

static bool listed(const char *const *list, const char *name)
{
	for (; *list; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

static const struct json *condition_of(const struct json *conditions, const char *type)
{
	for (size_t i = 0; i < json_count(conditions); i++)
		if (strcmp(json_path_str(json_at(conditions, i), "type", ""), type) == 0)
			return json_at(conditions, i);
	return NULL;
}

static bool is_cloud_condition(const struct json *condition)
{
	return listed(cloud_conditions, json_path_str(condition, "type", ""));
}

/* The report's conditions, then those of the store that the node does not report. */
static struct json *merged_conditions(const struct json *reported, const struct json *stored)
{
	struct json *out = json_new_array();
	int code = out ? 0 : -ENOMEM;

	for (size_t i = 0; !code && i < json_count(reported); i++)
		if (!is_cloud_condition(json_at(reported, i)))
			code = json_append(out, json_copy(json_at(reported, i)));
	for (size_t i = 0; !code && i < json_count(stored); i++) {
		const struct json *condition = json_at(stored, i);

		if (is_cloud_condition(condition) ||
		    !condition_of(reported, json_path_str(condition, "type", "")))
			code = json_append(out, json_copy(condition));
	}
	if (!code)
		return out;
	json_free(out);
	return NULL;
}

static int merge_status(struct json *object, const struct json *reported, const char *const *keep)
{
	const struct json *stored = json_get(object, "status");
	struct json *status = json_copy(reported);
	int code = status ? 0 : -ENOMEM;

	if (!json_is(reported, JSON_OBJECT)) {
		json_free(status);
		return -EINVAL;
	}
	if (!code)
		code = json_set(status, "conditions",
				merged_conditions(json_get(reported, "conditions"),
						  json_get(stored, "conditions")));
	for (; !code && *keep; keep++) {
		(void)json_remove(status, *keep);
		if (json_get(stored, *keep))
			code = json_set(status, *keep, json_copy(json_get(stored, *keep)));
	}
	if (code) {
		json_free(status);
		return code;
	}
	return json_set(object, "status", status);
}

int status_merge_pod(struct json *pod, const struct json *report)
{
	return merge_status(pod, report, cloud_pod_fields);
}

static int merge_labels(struct json *node, const struct json *reported)
{
	int code = 0;

	for (size_t i = 0; !code && node_labels[i]; i++) {
		const char *value = json_str(json_get(reported, node_labels[i]), NULL);
		struct json *labels = value ? json_ensure(node, "metadata.labels") : NULL;

		if (value)
			code = labels ? json_set_str(labels, node_labels[i], value) : -ENOMEM;
	}
	return code;
}

int status_merge_node(struct json *node, const struct json *report)
{
	static const char *const nothing[] = { NULL };
	const struct json *status = json_get(report, "status");
	int code = merge_labels(node, json_path(report, "metadata.labels"));

	return code || !status ? code : merge_status(node, status, nothing);
}

int status_fresh_node(const char *name, const struct json *report, struct json **out)
{
	struct json *node = json_new_object();
	int code = node ? json_set_str(node, "apiVersion", "v1") : -ENOMEM;

	if (!code)
		code = json_set_str(node, "kind", "Node");
	if (!code)
		code = json_ensure(node, "metadata")
			       ? json_set_str(json_ensure(node, "metadata"), "name", name)
			       : -ENOMEM;
	if (!code)
		code = status_merge_node(node, report);
	if (code)
		json_free(node);
	else
		*out = node;
	return code;
}

int status_merge_event(struct json *event, const struct json *report)
{
	int code = 0;

	for (size_t i = 0; !code && event_fields[i]; i++)
		if (json_get(report, event_fields[i]))
			code = json_set(event, event_fields[i], json_copy(json_get(report, event_fields[i])));
	return code;
}

/* All that a reporter says in an Event (k8s.io/api core/v1, release 1.32), but `related`, which could name anything. */
static const char *const told_fields[] = {
	"action",  "count",  "eventTime",	   "firstTimestamp",	"involvedObject", "lastTimestamp",
	"message", "reason", "reportingComponent", "reportingInstance", "series",	  "source",
	"type",	   NULL
};

static bool is_event_named(const struct json *report, const char *ns, const char *name)
{
	const char *version = json_path_str(report, "apiVersion", "v1");

	return strcmp(version, "v1") == 0 && strcmp(json_path_str(report, "kind", "Event"), "Event") == 0 &&
	       strcmp(json_path_str(report, "metadata.name", ""), name) == 0 &&
	       strcmp(json_path_str(report, "metadata.namespace", ""), ns) == 0;
}

static int fill_event(struct json *event, const char *ns, const char *name, const struct json *report)
{
	struct json *meta = json_ensure(event, "metadata");
	int code = meta ? json_set_str(meta, "name", name) : -ENOMEM;

	if (!code)
		code = json_set_str(meta, "namespace", ns);
	if (!code)
		code = json_set_str(event, "apiVersion", "v1");
	if (!code)
		code = json_set_str(event, "kind", "Event");
	for (size_t i = 0; !code && told_fields[i]; i++)
		if (json_get(report, told_fields[i]))
			code = json_set(event, told_fields[i], json_copy(json_get(report, told_fields[i])));
	return code;
}

int status_fresh_event(const char *ns, const char *name, const struct json *report, struct json **out)
{
	struct json *event;
	int code;

	if (!is_event_named(report, ns, name))
		return -EINVAL;
	event = json_new_object();
	code = event ? fill_event(event, ns, name, report) : -ENOMEM;
	if (code)
		json_free(event);
	else
		*out = event;
	return code;
}
