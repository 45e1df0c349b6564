/* Defaults of pods and pod templates that depend on other fields. */
#include <errno.h>

#include "api/kind_internal.h"
#include "api/quantity.h"

typedef int container_fn(struct json *container, bool host_network);

static int each_container(struct json *spec, const char *const *lists, container_fn *fn)
{
	bool host_network = json_bool(json_get(spec, "hostNetwork"), false);
	int rc = 0;

	for (; !rc && *lists; lists++) {
		struct json *list = json_get(spec, *lists);

		for (size_t i = 0; !rc && i < json_count(list); i++)
			rc = fn(json_at(list, i), host_network);
	}
	return rc;
}
static const char *const all_lists[] = { "initContainers", "containers", "ephemeralContainers", NULL };
static const char *const main_lists[] = { "initContainers", "containers", NULL };

/* An image without tag and digest means ":latest", and latest may change: pull it always. */
static bool is_latest(struct span image)
{
	struct span name = image, tag = SPAN("");

	if (memchr(image.ptr, '@', image.len))
		return false;
	for (size_t i = image.len; i-- > 0 && image.ptr[i] != '/';) {
		if (image.ptr[i] == ':') {
			tag = span_make(image.ptr + i + 1, image.len - i - 1);
			name.len = i;
			break;
		}
	}
	return name.len == image.len || span_is(tag, "latest");
}

static int default_pull_policy(struct json *container, bool host_network)
{
	struct span image = json_span(json_get(container, "image"));

	if (json_str(json_get(container, "imagePullPolicy"), "")[0])
		return 0;
	return json_set_str(container, "imagePullPolicy",
			    !image.len || is_latest(image) ? "Always" : "IfNotPresent");
}

static int default_requests(struct json *container, bool host_network)
{
	const struct json *limits = json_path(container, "resources.limits");
	struct json_iter it = json_iter(limits);
	struct json *requests;
	int rc = 0;

	if (!json_count(limits))
		return 0;
	requests = json_ensure(container, "resources.requests");
	while (!rc && requests && json_next(&it))
		if (!json_get(requests, it.key))
			rc = json_set(requests, it.key, json_copy(it.value));
	return requests ? rc : -ENOMEM;
}

static int default_host_ports(struct json *container, bool host_network)
{
	struct json *ports = json_get(container, "ports");
	int rc = 0;

	for (size_t i = 0; !rc && host_network && i < json_count(ports); i++) {
		struct json *port = json_at(ports, i);

		if (!json_int(json_get(port, "hostPort"), 0))
			rc = json_set_int(port, "hostPort", json_int(json_get(port, "containerPort"), 0));
	}
	return rc;
}

/* A volume that names no source is an emptyDir. */
static int default_volumes(struct json *spec)
{
	struct json *volumes = json_get(spec, "volumes");

	for (size_t i = 0; i < json_count(volumes); i++) {
		struct json *volume = json_at(volumes, i);

		if (json_is(volume, JSON_OBJECT) &&
		    json_count(volume) == (json_get(volume, "name") ? 1 : 0) &&
		    !json_ensure(volume, "emptyDir"))
			return -ENOMEM;
	}
	return 0;
}

/* The deprecated name of the field lives on in both directions. */
static int mirror_service_account(struct json *spec)
{
	const char *name = json_str(json_get(spec, "serviceAccountName"), "");
	const char *old_name = json_str(json_get(spec, "serviceAccount"), "");

	if (name[0] && strcmp(name, old_name) != 0)
		return json_set_str(spec, "serviceAccount", name);
	return !name[0] && old_name[0] ? json_set_str(spec, "serviceAccountName", old_name) : 0;
}

int pod_template_defaults(struct json *spec)
{
	int rc;

	if (!json_is(spec, JSON_OBJECT))
		return 0;
	rc = each_container(spec, all_lists, default_pull_policy);
	if (!rc)
		rc = default_volumes(spec);
	return rc ? rc : mirror_service_account(spec);
}

/* --- quality of service, by which a node under pressure chooses (upstream's ComputePodQOS) --- */

struct qos {
	bool any;	 /* some request or limit of cpu or memory */
	bool guaranteed; /* all have both, and they are equal */
};

static bool is_equal_quantity(const struct json *a, const struct json *b)
{
	int64_t x, y;

	return json_equal(a, b) ||
	       (!quantity_parse_milli(json_span(a), &x) && !quantity_parse_milli(json_span(b), &y) && x == y);
}

static void qos_of_container(const struct json *container, struct qos *qos)
{
	static const char *const resources[] = { "cpu", "memory" };
	const struct json *limits = json_path(container, "resources.limits");
	const struct json *requests = json_path(container, "resources.requests");

	for (size_t i = 0; i < 2; i++) {
		const struct json *limit = json_get(limits, resources[i]),
				  *request = json_get(requests, resources[i]);

		qos->any = qos->any || limit || request;
		if (!limit || !is_equal_quantity(limit, request))
			qos->guaranteed = false;
	}
}

static const char *qos_of(const struct json *spec)
{
	struct qos qos = { .guaranteed = true };

	for (const char *const *name = main_lists; *name; name++) {
		const struct json *list = json_get(spec, *name);

		for (size_t i = 0; i < json_count(list); i++)
			qos_of_container(json_at(list, i), &qos);
	}
	return !qos.any ? "BestEffort" : qos.guaranteed ? "Guaranteed" : "Burstable";
}

int pod_defaults(struct json *object)
{
	struct json *spec = json_ensure(object, "spec"), *status = json_ensure(object, "status");
	int rc;

	if (!spec || !status)
		return -ENOMEM;
	rc = pod_template_defaults(spec);
	if (!rc)
		rc = each_container(spec, main_lists, default_requests);
	if (!rc)
		rc = each_container(spec, main_lists, default_host_ports);
	if (!rc && !json_get(spec, "enableServiceLinks"))
		rc = json_set_bool(spec, "enableServiceLinks", true);
	if (!rc && !json_str(json_get(status, "phase"), "")[0])
		rc = json_set_str(status, "phase", "Pending");
	if (!rc && !json_str(json_get(status, "qosClass"), "")[0])
		rc = json_set_str(status, "qosClass", qos_of(spec));
	return rc;
}
