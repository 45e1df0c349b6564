#include "api/scale.h"

#include <errno.h>

#include "api/selector.h"

static int copy_metadata(struct json *scale, const struct json *workload)
{
	static const char *const kept[] = { "name", "namespace", "uid", "resourceVersion",
					    "creationTimestamp" };
	struct json *metadata = json_ensure(scale, "metadata");
	int rc = metadata ? 0 : -ENOMEM;

	for (size_t i = 0; !rc && i < sizeof(kept) / sizeof(kept[0]); i++) {
		const struct json *value = json_get(json_get(workload, "metadata"), kept[i]);

		if (value)
			rc = json_set(metadata, kept[i], json_copy(value));
	}
	return rc;
}

static int add_counts(struct json *scale, const struct json *workload)
{
	int64_t wanted = json_path_int(workload, "spec.replicas", 0);
	struct json *spec = json_ensure(scale, "spec"), *status = json_ensure(scale, "status");
	struct buf text;
	int rc = spec && status ? 0 : -ENOMEM;

	buf_init(&text, JSON_MAX_BYTES);
	/* None is left out, as upstream's omitempty has it. */
	if (!rc && wanted)
		rc = json_set_int(spec, "replicas", wanted);
	if (!rc)
		rc = json_set_int(status, "replicas", json_path_int(workload, "status.replicas", 0));
	if (!rc)
		rc = selector_write_json(json_path(workload, "spec.selector"), &text);
	if (!rc && text.len)
		rc = json_set(status, "selector", json_new_span(buf_span(&text)));
	buf_done(&text);
	return rc;
}

struct json *scale_of(const struct json *workload)
{
	struct json *scale = json_new_object();
	int rc = scale ? json_set_str(scale, "kind", "Scale") : -ENOMEM;

	if (!rc)
		rc = json_set_str(scale, "apiVersion", "autoscaling/v1");
	if (!rc)
		rc = copy_metadata(scale, workload);
	if (!rc)
		rc = add_counts(scale, workload);
	if (!rc)
		return scale;
	json_free(scale);
	return NULL;
}

int scale_apply(const struct json *scale, struct json *workload)
{
	static const char *const preconditions[] = { "uid", "resourceVersion" };
	struct json *metadata = json_ensure(workload, "metadata"), *spec = json_ensure(workload, "spec");
	int rc = metadata && spec ? json_set_int(spec, "replicas", json_path_int(scale, "spec.replicas", 0))
				  : -ENOMEM;

	for (size_t i = 0; !rc && i < sizeof(preconditions) / sizeof(preconditions[0]); i++) {
		const char *value = json_str(json_get(json_get(scale, "metadata"), preconditions[i]), "");

		if (*value)
			rc = json_set_str(metadata, preconditions[i], value);
	}
	return rc;
}
