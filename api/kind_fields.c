/* The fields that selectors and indexes see, pulled out of objects. */
#include <stdlib.h>

#include "api/kind_internal.h"
#include "cache/object.h"

/* Each a path of strings that is packed when it is not empty, in order of name. */
static int pack(const struct json *object, struct buf *packed, const char *const *paths, size_t count)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < count; i++) {
		const char *value = json_path_str(object, paths[i], "");

		if (value[0])
			rc = pairs_add(packed, paths[i], value);
	}
	return rc;
}
#define PACK(object, packed, ...)                                  \
	pack(object, packed, (const char *const[]){ __VA_ARGS__ }, \
	     sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

int pod_index(const struct json *object, struct buf *packed)
{
	bool host_network = json_path_bool(object, "spec.hostNetwork", false);
	int rc = pairs_add(packed, "spec.hostNetwork", host_network ? "true" : "false");

	if (!rc)
		rc = PACK(object, packed, "spec.nodeName", "spec.restartPolicy", "spec.schedulerName",
			  "spec.serviceAccountName", "status.nominatedNodeName", "status.phase",
			  "status.podIP");
	return rc;
}

int node_index(const struct json *object, struct buf *packed)
{
	bool unschedulable = json_path_bool(object, "spec.unschedulable", false);

	return pairs_add(packed, "spec.unschedulable", unschedulable ? "true" : "false");
}

int secret_index(const struct json *object, struct buf *packed)
{
	return PACK(object, packed, "type");
}

int service_index(const struct json *object, struct buf *packed)
{
	return PACK(object, packed, "spec.clusterIP", "spec.type");
}

int namespace_index(const struct json *object, struct buf *packed)
{
	return PACK(object, packed, "status.phase");
}

/* None of them changes while the object is there. */
int verdict_index(const struct json *object, struct buf *packed)
{
	return PACK(object, packed, "spec.region", "spec.subject", "spec.voter");
}

int event_index(const struct json *object, struct buf *packed)
{
	const char *source = json_path_str(object, "source.component", "");
	int rc = PACK(object, packed, "involvedObject.apiVersion", "involvedObject.fieldPath",
		      "involvedObject.kind", "involvedObject.name", "involvedObject.namespace",
		      "involvedObject.resourceVersion", "involvedObject.uid", "reason", "reportingComponent");

	/* Upstream's "source" falls back to the reporting component, which newer clients set instead. */
	if (!source[0])
		source = json_path_str(object, "reportingComponent", "");
	if (!rc && source[0])
		rc = pairs_add(packed, "source", source);
	return rc ? rc : PACK(object, packed, "type");
}
