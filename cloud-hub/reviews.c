#include "cloud-hub/reviews.h"

#include <errno.h>

static int review_access(void *ctx, const struct api_attributes *what, struct json *object,
			 const struct object *stored, struct status *status)
{
	const struct json *resource = json_path(object, "spec.resourceAttributes"),
			  *path = json_path(object, "spec.nonResourceAttributes");
	struct api_attributes asked = { .identity = what->identity, .is_resource = resource != NULL };
	char reason[AUTHZ_REASON_SIZE] = "";
	struct json *answer;
	bool allowed;

	(void)stored;
	if (!resource == !path)
		return status_set(status, STATUS_BAD_REQUEST,
				  "exactly one of spec.resourceAttributes and spec.nonResourceAttributes "
				  "must be given");
	asked.verb = json_path_str(resource ? resource : path, "verb", "");
	asked.path = json_path_str(path, "path", "");
	asked.group = json_path_str(resource, "group", "");
	asked.version = json_path_str(resource, "version", "");
	asked.resource = json_path_str(resource, "resource", "");
	asked.subresource = json_path_str(resource, "subresource", "");
	asked.ns = json_path_str(resource, "namespace", "");
	asked.name = json_path_str(resource, "name", "");
	allowed = authz_check(ctx, &asked, reason, sizeof(reason));
	answer = json_ensure(object, "status");
	if (!answer || json_set_bool(answer, "allowed", allowed) || json_set_str(answer, "reason", reason))
		return status_of_errno(status, -ENOMEM);
	return 0;
}

/* Keys hold dots and slashes: no path. */
static int add_extra(struct json *user, const struct api_extra *extra)
{
	struct json *map = json_ensure(user, "extra"), *values = json_new_array();
	int code = map ? 0 : -ENOMEM;

	for (size_t i = 0; !code && extra->values[i]; i++)
		code = json_append(values, json_new_str(extra->values[i]));
	if (!code)
		return json_set(map, extra->key, values);
	json_free(values);
	return code;
}

static int review_identity(void *ctx, const struct api_attributes *what, struct json *object,
			   const struct object *stored, struct status *status)
{
	struct json *user = json_ensure(object, "status.userInfo"), *groups = json_new_array();
	int code = user ? json_set_str(user, "username", what->identity->user) : -ENOMEM;

	(void)ctx;
	(void)stored;
	for (size_t i = 0; !code && what->identity->groups && what->identity->groups[i]; i++)
		code = json_append(groups, json_new_str(what->identity->groups[i]));
	if (code)
		json_free(groups);
	else
		code = json_set(user, "groups", groups);
	if (!code && what->identity->uid[0])
		code = json_set_str(user, "uid", what->identity->uid);
	for (const struct api_extra *extra = what->identity->extra; !code && extra && extra->key; extra++)
		code = add_extra(user, extra);
	return code ? status_of_errno(status, code) : 0;
}

/* A rule {verbs, apiGroups, resources} or {verbs, nonResourceURLs} that covers everything named. */
static struct json *rule(const char *const *fields)
{
	struct json *out = json_new_object();

	for (; out && *fields; fields += 2) {
		struct json *list = json_new_array();

		if (!list || json_append(list, json_new_str(fields[1])) || json_set(out, fields[0], list)) {
			json_free(out);
			return NULL;
		}
	}
	return out;
}

/* Only superusers have rules that can be listed; a node's rights follow from its pods, and are reported as incomplete. */
static int review_rules(void *ctx, const struct api_attributes *what, struct json *object,
			const struct object *stored, struct status *status)
{
	static const char *const everything[] = { "verbs", "*", "apiGroups", "*", "resources", "*", NULL };
	static const char *const every_path[] = { "verbs", "*", "nonResourceURLs", "*", NULL };
	struct api_attributes any = { .identity = what->identity,
				      .verb = "*",
				      .is_resource = true,
				      .group = "*",
				      .version = "*",
				      .resource = "*",
				      .subresource = "",
				      .ns = "",
				      .name = "",
				      .path = "" };
	char reason[AUTHZ_REASON_SIZE] = "";
	bool all = authz_check(ctx, &any, reason, sizeof(reason));
	struct json *answer = json_ensure(object, "status"), *resources = json_new_array(),
		    *paths = json_new_array();
	int code = answer && resources && paths ? 0 : -ENOMEM;

	(void)stored;
	if (!code && all)
		code = json_append(resources, rule(everything));
	if (!code && all)
		code = json_append(paths, rule(every_path));
	if (code) {
		json_free(resources);
		json_free(paths);
		return status_of_errno(status, code);
	}
	code = json_set(answer, "resourceRules", resources);
	if (code) {
		json_free(paths);
		return status_of_errno(status, code);
	}
	code = json_set(answer, "nonResourceRules", paths);
	if (!code)
		code = json_set_bool(answer, "incomplete", !all);
	return code ? status_of_errno(status, code) : 0;
}

int reviews_add(struct api *api, struct authz *authz)
{
	static const struct {
		const char *group, *resource;
		api_compute_fn *fn;
	} reviews[] = {
		{ "authorization.k8s.io", "selfsubjectaccessreviews", review_access },
		{ "authorization.k8s.io", "selfsubjectrulesreviews", review_rules },
		{ "authentication.k8s.io", "selfsubjectreviews", review_identity },
	};
	int code = 0;

	for (size_t i = 0; !code && i < sizeof(reviews) / sizeof(reviews[0]); i++)
		code = api_compute_add(api, reviews[i].group, reviews[i].resource, "", reviews[i].fn, authz);
	return code;
}
