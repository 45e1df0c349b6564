/* Defaults that depend on other fields, of everything but pods (upstream: defaults.go of each group, and the strategies). */
#include <errno.h>

#include "api/kind_internal.h"
#include "base/text.h"

static int set_if_absent(struct json *object, const char *key, const char *value)
{
	return json_str(json_get(object, key), "")[0] ? 0 : json_set_str(object, key, value);
}

int namespace_defaults(struct json *object)
{
	struct json *labels = json_ensure(object, "metadata.labels");
	struct json *spec = json_ensure(object, "spec"), *status = json_ensure(object, "status"), *finalizers;
	const char *name = json_path_str(object, "metadata.name", "");
	int rc = labels && spec && status ? 0 : -ENOMEM;

	if (!rc && name[0])
		rc = json_set_str(labels, "kubernetes.io/metadata.name", name);
	if (!rc)
		rc = set_if_absent(status, "phase", "Active");
	/* Once deletion has begun the finalizer is taken away, and must not come back. */
	if (rc || json_get(spec, "finalizers") || json_path(object, "metadata.deletionTimestamp"))
		return rc;
	finalizers = json_new_array();
	if (json_append(finalizers, json_new_str("kubernetes"))) {
		json_free(finalizers);
		return -ENOMEM;
	}
	return json_set(spec, "finalizers", finalizers);
}

int node_defaults(struct json *object)
{
	struct json *status = json_get(object, "status"), *capacity = json_get(status, "capacity");

	if (!capacity || json_get(status, "allocatable"))
		return 0;
	return json_set(status, "allocatable", json_copy(capacity));
}

/* stringData is write-only: its values become data. */
int secret_defaults(struct json *object)
{
	struct json *text = json_get(object, "stringData"), *data;
	struct json_iter it = json_iter(text);
	int rc = 0;

	if (!text)
		return 0;
	data = json_ensure(object, "data");
	while (!rc && data && json_next(&it)) {
		struct buf encoded;

		buf_init(&encoded, 2 * JSON_MAX_BYTES);
		rc = text_base64(&encoded, json_span(it.value));
		if (!rc)
			rc = json_set(data, it.key, json_new_span(buf_span(&encoded)));
		buf_done(&encoded);
	}
	(void)json_remove(object, "stringData");
	return data ? rc : -ENOMEM;
}

static int subject_default(struct json *subject)
{
	const char *kind = json_str(json_get(subject, "kind"), "");

	return strcmp(kind, "User") == 0 || strcmp(kind, "Group") == 0
		       ? set_if_absent(subject, "apiGroup", "rbac.authorization.k8s.io")
		       : 0;
}

int role_binding_defaults(struct json *object)
{
	struct json *subjects = json_get(object, "subjects"), *ref = json_get(object, "roleRef");
	int rc = ref ? set_if_absent(ref, "apiGroup", "rbac.authorization.k8s.io") : 0;

	for (size_t i = 0; !rc && i < json_count(subjects); i++)
		rc = subject_default(json_at(subjects, i));
	return rc;
}

static int default_number(struct json *object, const char *key, int64_t value)
{
	return json_get(object, key) ? 0 : json_set_int(object, key, value);
}

int replica_set_defaults(struct json *object)
{
	return pod_template_defaults(json_path(object, "spec.template.spec"));
}

static int default_share(struct json *object, const char *key, const char *share)
{
	return json_get(object, key) ? 0 : json_set_str(object, key, share);
}

int deployment_defaults(struct json *object)
{
	struct json *rolling;
	int rc = pod_template_defaults(json_path(object, "spec.template.spec"));

	if (rc || strcmp(json_path_str(object, "spec.strategy.type", ""), "RollingUpdate") != 0)
		return rc;
	rolling = json_ensure(object, "spec.strategy.rollingUpdate");
	if (!rolling)
		return -ENOMEM;
	rc = default_share(rolling, "maxUnavailable", "25%");
	return rc ? rc : default_share(rolling, "maxSurge", "25%");
}

int daemon_set_defaults(struct json *object)
{
	struct json *rolling;
	int rc = pod_template_defaults(json_path(object, "spec.template.spec"));

	if (rc || strcmp(json_path_str(object, "spec.updateStrategy.type", ""), "RollingUpdate") != 0)
		return rc;
	rolling = json_ensure(object, "spec.updateStrategy.rollingUpdate");
	if (!rolling)
		return -ENOMEM;
	rc = default_number(rolling, "maxUnavailable", 1);
	return rc ? rc : default_number(rolling, "maxSurge", 0);
}
