#include "cloud-hub/reviews.h"

#include <errno.h>
#include <stdlib.h>

/* What the spec asks about, by `who`; the strings are the object's. */
static int read_question(const struct json *object, const struct api_identity *who,
			 struct api_attributes *asked, struct status *status)
{
	const struct json *resource = json_path(object, "spec.resourceAttributes"),
			  *path = json_path(object, "spec.nonResourceAttributes");

	if (!resource == !path)
		return status_set(status, STATUS_BAD_REQUEST,
				  "exactly one of spec.resourceAttributes and spec.nonResourceAttributes "
				  "must be given");
	*asked = (struct api_attributes){
		.identity = who,
		.is_resource = resource != NULL,
		.verb = json_path_str(resource ? resource : path, "verb", ""),
		.path = json_path_str(path, "path", ""),
		.group = json_path_str(resource, "group", ""),
		.version = json_path_str(resource, "version", ""),
		.resource = json_path_str(resource, "resource", ""),
		.subresource = json_path_str(resource, "subresource", ""),
		.ns = json_path_str(resource, "namespace", ""),
		.name = json_path_str(resource, "name", ""),
	};
	return 0;
}

static int answer_question(const struct authz *authz, const struct api_attributes *asked, struct json *object,
			   struct status *status)
{
	char reason[AUTHZ_REASON_SIZE] = "";
	bool allowed = authz_check(authz, asked, reason, sizeof(reason));
	struct json *answer = json_ensure(object, "status");

	if (!answer || json_set_bool(answer, "allowed", allowed) || json_set_str(answer, "reason", reason))
		return status_of_errno(status, -ENOMEM);
	return 0;
}

static int review_own_access(void *ctx, const struct api_attributes *what, struct json *object,
			     const struct object *stored, struct status *status)
{
	struct api_attributes asked;
	int code = read_question(object, what->identity, &asked, status);

	(void)stored;
	return code ? code : answer_question(ctx, &asked, object, status);
}

/* Somebody as the spec describes him, member by member: nothing is added, and it need not be anybody there is. */
static int review_of(const struct authz *authz, struct json *object, struct status *status)
{
	const struct json *list = json_path(object, "spec.groups");
	const char **groups = calloc(json_count(list) + 1, sizeof(char *));
	struct api_identity who = { .user = json_path_str(object, "spec.user", ""),
				    .groups = groups,
				    .uid = json_path_str(object, "spec.uid", "") };
	struct api_attributes asked;
	int code;

	if (!groups)
		return status_of_errno(status, -ENOMEM);
	for (size_t i = 0; i < json_count(list); i++)
		groups[i] = json_str(json_at(list, i), "");
	if (!who.user[0] && !groups[0])
		code = status_set(
			status, STATUS_BAD_REQUEST,
			"spec.user: Required value: at least one of user or group must be specified");
	else
		code = read_question(object, &who, &asked, status);
	if (!code)
		code = answer_question(authz, &asked, object, status);
	free(groups);
	return code;
}

static int review_access(void *ctx, const struct api_attributes *what, struct json *object,
			 const struct object *stored, struct status *status)
{
	(void)what;
	(void)stored;
	return review_of(ctx, object, status);
}

/* Whoever may ask about one namespace may not ask about others through it. */
static int review_local_access(void *ctx, const struct api_attributes *what, struct json *object,
			       const struct object *stored, struct status *status)
{
	const char *ns = json_path_str(object, "spec.resourceAttributes.namespace", "");

	(void)stored;
	if (json_path(object, "spec.nonResourceAttributes"))
		return status_set(status, STATUS_BAD_REQUEST,
				  "spec.nonResourceAttributes: disallowed on this kind of request");
	if (strcmp(ns, what->ns) != 0)
		return status_set(status, STATUS_BAD_REQUEST,
				  "spec.resourceAttributes.namespace must match namespace: %s", what->ns);
	return review_of(ctx, object, status);
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

/* --- rules --- */

struct listing {
	struct json *resources, *paths;
};

static int add_strings(struct json *rule, const char *name, const char *const *list)
{
	struct json *out = list[0] ? json_new_array() : NULL;
	int code = list[0] && !out ? -ENOMEM : 0;

	for (; !code && *list; list++)
		code = json_append(out, json_new_str(*list));
	if (code)
		json_free(out);
	return code || !out ? code : json_set(rule, name, out);
}

static int list_rule(void *ctx, const struct rbac_rule *rule)
{
	const struct listing *listing = ctx;
	struct json *out = json_new_object();
	int code = out ? add_strings(out, "verbs", rule->verbs) : -ENOMEM;

	if (!code)
		code = add_strings(out, "apiGroups", rule->groups);
	if (!code)
		code = add_strings(out, "resources", rule->resources);
	if (!code)
		code = add_strings(out, "resourceNames", rule->names);
	if (!code)
		code = add_strings(out, "nonResourceURLs", rule->urls);
	if (!code)
		return json_append(rule->urls[0] ? listing->paths : listing->resources, out);
	json_free(out);
	return code;
}

static int set_listing(struct json *object, struct listing *listing, bool complete)
{
	struct json *answer = json_ensure(object, "status");
	int code = answer ? json_set(answer, "resourceRules", listing->resources) : -ENOMEM;

	if (answer)
		listing->resources = NULL;
	if (!code) {
		code = json_set(answer, "nonResourceRules", listing->paths);
		listing->paths = NULL;
	}
	if (!code)
		code = json_set_bool(answer, "incomplete", !complete);
	if (!code && !complete)
		code = json_set_str(
			answer, "evaluationError",
			"the rights of a node follow from its pods, and are no rules to be listed");
	return code;
}

static int review_rules(void *ctx, const struct api_attributes *what, struct json *object,
			const struct object *stored, struct status *status)
{
	struct listing listing = { json_new_array(), json_new_array() };
	const char *ns = json_path_str(object, "spec.namespace", "");
	bool complete = true;
	int code = listing.resources && listing.paths ? 0 : -ENOMEM;

	(void)stored;
	if (!ns[0]) {
		json_free(listing.resources);
		json_free(listing.paths);
		return status_set(status, STATUS_BAD_REQUEST, "no namespace on request");
	}
	if (!code)
		code = authz_rules_held(ctx, what->identity, ns, list_rule, &listing, &complete);
	if (!code)
		code = set_listing(object, &listing, complete);
	json_free(listing.resources);
	json_free(listing.paths);
	return code ? status_of_errno(status, code) : 0;
}

int reviews_add(struct api *api, struct authz *authz)
{
	static const struct {
		const char *group, *resource;
		api_compute_fn *fn;
	} reviews[] = {
		{ "authorization.k8s.io", "selfsubjectaccessreviews", review_own_access },
		{ "authorization.k8s.io", "subjectaccessreviews", review_access },
		{ "authorization.k8s.io", "localsubjectaccessreviews", review_local_access },
		{ "authorization.k8s.io", "selfsubjectrulesreviews", review_rules },
		{ "authentication.k8s.io", "selfsubjectreviews", review_identity },
	};
	int code = 0;

	for (size_t i = 0; !code && i < sizeof(reviews) / sizeof(reviews[0]); i++)
		code = api_compute_add(api, reviews[i].group, reviews[i].resource, "", reviews[i].fn, authz);
	return code;
}
