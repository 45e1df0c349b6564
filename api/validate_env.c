/* Rules of environment variables, and of references to the pod's own fields. */
#include "api/names.h"
#include "api/quantity.h"
#include "api/validate.h"

const char *const downward_env_fields[] = {
	"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
	"status.hostIP", "status.hostIPs",     "status.podIP", "status.podIPs", NULL
};
const char *const downward_volume_fields[] = { "metadata.name",	  "metadata.namespace",
					       "metadata.labels", "metadata.annotations",
					       "metadata.uid",	  NULL };

/* "metadata.labels['key']" */
static bool is_subscript(const char *path, const char *const *allowed)
{
	struct span rest = span_of(path), key;
	bool labels = span_has_prefix(rest, SPAN("metadata.labels['"));
	size_t skip = labels ? sizeof("metadata.labels['") - 1 : sizeof("metadata.annotations['") - 1;

	if ((!labels && !span_has_prefix(rest, SPAN("metadata.annotations['"))) ||
	    !span_has_suffix(rest, SPAN("']")) || rest.len < skip + 2)
		return false;
	key = span_make(rest.ptr + skip, rest.len - skip - 2);
	return !name_qualified(key);
}

void validate_field_ref(struct validation *v, const struct json *ref, void *ctx)
{
	const char *const *allowed = ctx;

	(void)need_text(v, ref, "apiVersion", "");
	if (!need_text(v, ref, "fieldPath", "") || is_subscript(text_of(ref, "fieldPath"), allowed))
		return;
	(void)check_choice(v, ref, "fieldPath", allowed);
}

void validate_resource_ref(struct validation *v, const struct json *ref, void *ctx)
{
	static const char *const resources[] = { "limits.cpu",
						 "limits.ephemeral-storage",
						 "limits.memory",
						 "requests.cpu",
						 "requests.ephemeral-storage",
						 "requests.memory",
						 NULL };

	if (!need_text(v, ref, "resource", ""))
		return;
	if (strncmp(text_of(ref, "resource"), "limits.hugepages-", 17) != 0 &&
	    strncmp(text_of(ref, "resource"), "requests.hugepages-", 19) != 0)
		(void)check_choice(v, ref, "resource", resources);
}

static void key_ref(struct validation *v, const struct json *ref, void *ctx)
{
	(void)need_text(v, ref, "name", "");
	(void)need_name(v, ref, "key", name_config_key);
}

static void value_from(struct validation *v, const struct json *source, void *ctx)
{
	static const char *const sources[] = { "fieldRef", "resourceFieldRef", "configMapKeyRef",
					       "secretKeyRef", NULL };
	const struct json *variable = ctx;
	size_t count = count_of(source, sources);

	if (!count)
		complain(v, PROBLEM_INVALID, NULL, NULL,
			 "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or "
			 "`secretKeyRef`");
	else if (text_of(variable, "value")[0])
		complain(v, PROBLEM_INVALID, NULL, NULL, "may not be specified when `value` is not empty");
	else if (count > 1)
		complain(v, PROBLEM_INVALID, NULL, NULL,
			 "may not have more than one field specified at a time");
	below(v, source, "fieldRef", validate_field_ref, (void *)(uintptr_t)downward_env_fields);
	below(v, source, "resourceFieldRef", validate_resource_ref, NULL);
	below(v, source, "configMapKeyRef", key_ref, NULL);
	below(v, source, "secretKeyRef", key_ref, NULL);
}

static void variable(struct validation *v, const struct json *item, void *ctx)
{
	(void)need_name(v, item, "name", name_env_var);
	below(v, item, "valueFrom", value_from, (void *)(uintptr_t)item);
}

static void named_source(struct validation *v, const struct json *source, void *ctx)
{
	(void)need_name(v, source, "name", name_dns_subdomain);
}

static void variables_from(struct validation *v, const struct json *item, void *ctx)
{
	static const char *const sources[] = { "configMapRef", "secretRef", NULL };
	size_t count = count_of(item, sources);

	check_text(v, item, "prefix", name_env_var);
	if (!count)
		complain(v, PROBLEM_INVALID, NULL, NULL,
			 "must specify one of: `configMapRef` or `secretRef`");
	else if (count > 1)
		complain(v, PROBLEM_INVALID, NULL, NULL,
			 "may not have more than one field specified at a time");
	below(v, item, "configMapRef", named_source, NULL);
	below(v, item, "secretRef", named_source, NULL);
}

void validate_env(struct validation *v, const struct json *container)
{
	each_item(v, container, "env", variable, NULL);
	each_item(v, container, "envFrom", variables_from, NULL);
}
