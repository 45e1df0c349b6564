/* Rules of pods: the spec as a whole, and what may change of it. */
#include <errno.h>

#include "api/kind_internal.h"
#include "api/names.h"
#include "api/validate.h"

#define USER_ID_MAX INT32_MAX

struct list_ctx {
	const struct json *spec;
	bool is_init;
};

static void container_item(struct validation *v, const struct json *container, void *ctx)
{
	const struct list_ctx *list = ctx;

	validate_container(v, container, list->spec, list->is_init);
}

/* Names are unique over both lists. */
static void unique_across(struct validation *v, const struct json *spec, const char *field, const char *other)
{
	const struct json *list = json_get(spec, field), *others = json_get(spec, other);
	size_t mark = path_field(&v->path, field);

	for (size_t i = 0; i < json_count(list); i++) {
		size_t at = path_index(&v->path, i);

		for (size_t k = 0; k < json_count(others); k++)
			if (text_of(json_at(list, i), "name")[0] &&
			    !strcmp(text_of(json_at(list, i), "name"), text_of(json_at(others, k), "name")))
				complain(v, PROBLEM_DUPLICATE, json_at(list, i), "name", "%s", "");
		path_back(&v->path, at);
	}
	path_back(&v->path, mark);
}

static void validate_containers(struct validation *v, const struct json *spec)
{
	struct list_ctx main_list = { spec, false }, init_list = { spec, true };

	if (!json_count(json_get(spec, "containers")))
		complain(v, PROBLEM_REQUIRED, spec, "containers", "%s", "");
	each_item(v, spec, "containers", container_item, &main_list);
	check_unique(v, spec, "containers", "name");
	each_item(v, spec, "initContainers", container_item, &init_list);
	check_unique(v, spec, "initContainers", "name");
	unique_across(v, spec, "initContainers", "containers");
}

static void validate_alias(struct validation *v, const struct json *alias, void *ctx)
{
	const struct json *names = json_get(alias, "hostnames");
	size_t mark = path_field(&v->path, "hostnames");

	for (size_t i = 0; i < json_count(names); i++) {
		const char *reason = name_dns_subdomain(json_span(json_at(names, i)));

		if (reason)
			problems_add_json(v->problems, PROBLEM_INVALID, v->path.text, json_at(names, i), "%s",
					  reason);
	}
	path_back(&v->path, mark);
	check_ip(v, alias, "ip");
}

static void validate_dns(struct validation *v, const struct json *config, void *ctx)
{
	if (json_count(json_get(config, "nameservers")) > 3)
		complain(v, PROBLEM_INVALID, config, "nameservers", "must not have more than 3 nameservers");
	if (json_count(json_get(config, "searches")) > 32)
		complain(v, PROBLEM_INVALID, config, "searches", "must not have more than 32 search paths");
}

static void validate_seccomp(struct validation *v, const struct json *profile, void *ctx)
{
	static const char *const types[] = { "Localhost", "RuntimeDefault", "Unconfined", NULL };
	bool local = !strcmp(text_of(profile, "type"), "Localhost");

	(void)need_choice(v, profile, "type", types);
	if (local)
		(void)need_text(v, profile, "localhostProfile", "must be set when seccomp type is Localhost");
	else if (json_get(profile, "localhostProfile"))
		complain(v, PROBLEM_INVALID, profile, "localhostProfile",
			 "can only be set when seccomp type is Localhost");
}

static void validate_security(struct validation *v, const struct json *context, void *ctx)
{
	static const char *const policies[] = { "Always", "OnRootMismatch", NULL };
	const struct json *groups = json_get(context, "supplementalGroups");
	size_t mark;

	check_range(v, context, "runAsUser", 0, USER_ID_MAX);
	check_range(v, context, "runAsGroup", 0, USER_ID_MAX);
	check_range(v, context, "fsGroup", 0, USER_ID_MAX);
	(void)check_choice(v, context, "fsGroupChangePolicy", policies);
	below(v, context, "seccompProfile", validate_seccomp, NULL);
	mark = path_field(&v->path, "supplementalGroups");
	for (size_t i = 0; i < json_count(groups); i++) {
		size_t at = path_index(&v->path, i);

		if (json_int(json_at(groups, i), -1) < 0 || json_int(json_at(groups, i), -1) > USER_ID_MAX)
			complain(v, PROBLEM_INVALID, json_at(groups, i), NULL,
				 "must be between 0 and 2147483647, inclusive");
		path_back(&v->path, at);
	}
	path_back(&v->path, mark);
}

void validate_pod_spec(struct validation *v, const struct json *spec)
{
	static const char *const restart[] = { "Always", "OnFailure", "Never", NULL };
	static const char *const dns[] = { "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None",
					   NULL };
	static const char *const preemption[] = { "PreemptLowerPriority", "Never", NULL };

	validate_volumes(v, spec);
	validate_containers(v, spec);
	(void)need_choice(v, spec, "restartPolicy", restart);
	(void)need_choice(v, spec, "dnsPolicy", dns);
	(void)check_choice(v, spec, "preemptionPolicy", preemption);
	validate_labels(v, spec, "nodeSelector");
	validate_scheduling(v, spec);
	check_text(v, spec, "serviceAccountName", name_dns_subdomain);
	check_text(v, spec, "nodeName", name_dns_subdomain);
	check_text(v, spec, "hostname", name_dns_label);
	check_text(v, spec, "subdomain", name_dns_label);
	check_text(v, spec, "priorityClassName", name_dns_subdomain);
	check_text(v, spec, "runtimeClassName", name_dns_subdomain);
	check_range(v, spec, "activeDeadlineSeconds", 1, INT32_MAX);
	each_item(v, spec, "hostAliases", validate_alias, NULL);
	below(v, spec, "dnsConfig", validate_dns, NULL);
	below(v, spec, "securityContext", validate_security, NULL);
	if (!strcmp(text_of(spec, "dnsPolicy"), "None") &&
	    !json_count(json_path(spec, "dnsConfig.nameservers")))
		complain(v, PROBLEM_REQUIRED, spec, "dnsConfig",
			 "must provide `dnsConfig` with at least one nameserver when `dnsPolicy` is None");
	validate_resource_list(v, spec, "overhead");
}

/* --- updates --- */

static const char update_rule[] =
	"pod updates may not change fields other than "
	"`spec.containers[*].image`,`spec.initContainers[*].image`,"
	"`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
	"`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

static int copy_member(struct json *to, const struct json *from, const char *key)
{
	if (!json_get(from, key)) {
		(void)json_remove(to, key);
		return 0;
	}
	return json_set(to, key, json_copy(json_get(from, key)));
}

static int copy_images(struct json *to, const struct json *from, const char *list)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < json_count(json_get(to, list)); i++)
		rc = copy_member(json_at(json_get(to, list), i), json_at(json_get(from, list), i), "image");
	return rc;
}

/* The new spec with everything put back that may change; what differs then was not allowed to. */
static struct json *put_back(const struct json *spec, const struct json *old)
{
	struct json *copy = json_copy(spec);
	bool was_negative = json_int(json_get(old, "terminationGracePeriodSeconds"), 0) < 0;

	if (copy_images(copy, old, "containers") || copy_images(copy, old, "initContainers") ||
	    copy_member(copy, old, "activeDeadlineSeconds") || copy_member(copy, old, "tolerations") ||
	    copy_member(copy, old, "schedulingGates") || copy_member(copy, old, "ephemeralContainers") ||
	    (was_negative && json_int(json_get(spec, "terminationGracePeriodSeconds"), 0) == 1 &&
	     copy_member(copy, old, "terminationGracePeriodSeconds"))) {
		json_free(copy);
		return NULL;
	}
	return copy;
}

/* Equal in the members named; how long a toleration lasts may change. */
static bool is_same(const struct json *a, const struct json *b, const char *const *fields)
{
	for (; *fields; fields++)
		if (strcmp(text_of(a, *fields), text_of(b, *fields)) != 0)
			return false;
	return true;
}

static bool holds_all(const struct json *list, const struct json *wanted, const char *const *fields,
		      size_t *out_missing)
{
	for (size_t i = 0; i < json_count(wanted); i++) {
		bool found = false;

		for (size_t k = 0; k < json_count(list) && !found; k++)
			found = is_same(json_at(list, k), json_at(wanted, i), fields);
		if (!found) {
			*out_missing = i;
			return false;
		}
	}
	return true;
}

static void validate_deadline(struct validation *v, const struct json *spec, const struct json *old)
{
	const struct json *now = json_get(spec, "activeDeadlineSeconds"),
			  *before = json_get(old, "activeDeadlineSeconds");

	if (before && !now)
		complain(v, PROBLEM_INVALID, spec, "activeDeadlineSeconds",
			 "must not update from a positive integer to nil value");
	else if (before && json_int(now, 0) > json_int(before, 0))
		complain(v, PROBLEM_INVALID, spec, "activeDeadlineSeconds",
			 "must be less than or equal to previous value");
}

static void validate_update(struct validation *v, const struct json *spec, const struct json *old)
{
	static const char *const toleration[] = { "key", "operator", "value", "effect", NULL };
	static const char *const gate[] = { "name", NULL };
	struct json *restored;
	size_t missing;

	if (json_count(json_get(spec, "containers")) != json_count(json_get(old, "containers"))) {
		complain(v, PROBLEM_FORBIDDEN, spec, "containers",
			 "pod updates may not add or remove containers");
		return;
	}
	if (json_count(json_get(spec, "initContainers")) != json_count(json_get(old, "initContainers"))) {
		complain(v, PROBLEM_FORBIDDEN, spec, "initContainers",
			 "pod updates may not add or remove containers");
		return;
	}
	validate_deadline(v, spec, old);
	if (!holds_all(json_get(spec, "tolerations"), json_get(old, "tolerations"), toleration, &missing))
		complain(v, PROBLEM_FORBIDDEN, spec, "tolerations",
			 "existing toleration can not be modified except its tolerationSeconds");
	if (!holds_all(json_get(old, "schedulingGates"), json_get(spec, "schedulingGates"), gate, &missing))
		complain(v, PROBLEM_FORBIDDEN, spec, "schedulingGates",
			 "only deletion is allowed, but found new scheduling gate '%s'",
			 text_of(json_at(json_get(spec, "schedulingGates"), missing), "name"));
	restored = put_back(spec, old);
	if (!restored || !json_equal(restored, old))
		complain(v, PROBLEM_FORBIDDEN, spec, NULL, "%s", update_rule);
	json_free(restored);
}

void pod_validate(const struct json *object, const struct json *old, struct problems *problems)
{
	const struct json *spec = json_get(object, "spec");
	struct validation v = VALIDATION(problems, "spec");

	validate_pod_spec(&v, spec);
	if (old)
		validate_update(&v, spec, json_get(old, "spec"));
}
