/* Rules of one container. */
#include <stdio.h>
#include <string.h>

#include "api/names.h"
#include "api/quantity.h"
#include "api/validate.h"

static const struct json *find_named(const struct json *list, const char *name)
{
	for (size_t i = 0; i < json_count(list); i++)
		if (!strcmp(text_of(json_at(list, i), "name"), name))
			return json_at(list, i);
	return NULL;
}

/* --- ports --- */

static void validate_port(struct validation *v, const struct json *port, void *ctx)
{
	static const char *const protocols[] = { "SCTP", "TCP", "UDP", NULL };
	const struct json *spec = ctx, *host = json_get(port, "hostPort");
	int64_t number = json_int(json_get(port, "containerPort"), 0);

	check_text(v, port, "name", name_port);
	if (!number)
		complain(v, PROBLEM_REQUIRED, port, "containerPort", "%s", "");
	else
		check_range(v, port, "containerPort", 1, 65535);
	if (json_int(host, 0)) {
		check_range(v, port, "hostPort", 1, 65535);
		if (json_bool(json_get(spec, "hostNetwork"), false) && json_int(host, 0) != number)
			complain(v, PROBLEM_INVALID, port, "hostPort",
				 "must match `containerPort` when `hostNetwork` is true");
	}
	(void)need_choice(v, port, "protocol", protocols);
}

/* --- resources --- */

static bool is_standard(const char *name)
{
	static const char *const standard[] = { "cpu", "memory", "ephemeral-storage", "storage", "pods" };

	for (size_t i = 0; i < sizeof(standard) / sizeof(standard[0]); i++)
		if (!strcmp(name, standard[i]))
			return true;
	return !strncmp(name, "hugepages-", 10);
}

void validate_resource_list(struct validation *v, const struct json *object, const char *field)
{
	size_t mark = path_field(&v->path, field);

	for (struct json_iter it = json_iter(json_get(object, field)); json_next(&it);) {
		const char *reason = name_qualified(span_of(it.key));
		size_t at = path_key(&v->path, it.key);
		int64_t amount;

		if (reason)
			problems_add(v->problems, PROBLEM_INVALID, v->path.text, it.key, "%s", reason);
		else if (!strchr(it.key, '/') && !is_standard(it.key))
			problems_add(v->problems, PROBLEM_INVALID, v->path.text, it.key,
				     "must be a standard resource type or fully qualified");
		if (!quantity_parse_milli(json_span(it.value), &amount) && amount < 0)
			problems_add_json(v->problems, PROBLEM_INVALID, v->path.text, it.value,
					  MSG_NOT_NEGATIVE);
		path_back(&v->path, at);
	}
	path_back(&v->path, mark);
}

static void check_request(struct validation *v, const char *name, const struct json *request,
			  const struct json *limit)
{
	bool extended = strchr(name, '/') || !strncmp(name, "hugepages-", 10);
	int64_t want, most;

	if (quantity_parse_milli(json_span(request), &want) ||
	    quantity_parse_milli(json_span(limit), &most) || (extended ? want == most : want <= most))
		return;
	problems_add_json(v->problems, PROBLEM_INVALID, v->path.text, request,
			  extended ? "must be equal to %s limit of %s"
				   : "must be less than or equal to %s limit of %s",
			  name, json_str(limit, ""));
}

static void resources(struct validation *v, const struct json *object, void *ctx)
{
	const struct json *limits = json_get(object, "limits");
	size_t mark;

	validate_resource_list(v, object, "limits");
	validate_resource_list(v, object, "requests");
	mark = path_field(&v->path, "requests");
	for (struct json_iter it = json_iter(json_get(object, "requests")); json_next(&it);)
		check_request(v, it.key, it.value, json_get(limits, it.key));
	path_back(&v->path, mark);
}

void validate_resources(struct validation *v, const struct json *container)
{
	below(v, container, "resources", resources, NULL);
}

/* --- mounts --- */

static void validate_sub_path(struct validation *v, const struct json *mount, const char *field)
{
	const char *path = text_of(mount, field);

	if (path[0] == '/')
		complain(v, PROBLEM_INVALID, mount, field, "must be a relative path");
	if (path_climbs(path))
		complain(v, PROBLEM_INVALID, mount, field, "must not contain '..'");
}

static void validate_mount(struct validation *v, const struct json *mount, void *ctx)
{
	static const char *const propagation[] = { "Bidirectional", "HostToContainer", "None", NULL };
	const struct json *spec = ctx;

	if (need_text(v, mount, "name", "") && !find_named(json_get(spec, "volumes"), text_of(mount, "name")))
		complain(v, PROBLEM_NOT_FOUND, mount, "name", "%s", "");
	(void)need_text(v, mount, "mountPath", "");
	validate_sub_path(v, mount, "subPath");
	validate_sub_path(v, mount, "subPathExpr");
	if (text_of(mount, "subPath")[0] && text_of(mount, "subPathExpr")[0])
		complain(v, PROBLEM_INVALID, mount, "subPathExpr",
			 "subPathExpr and subPath are mutually exclusive");
	(void)check_choice(v, mount, "mountPropagation", propagation);
}

static void validate_mounts(struct validation *v, const struct json *container, const struct json *spec)
{
	const struct json *mounts = json_get(container, "volumeMounts");
	size_t mark = path_field(&v->path, "volumeMounts");

	for (size_t i = 0; i < json_count(mounts); i++) {
		size_t at = path_index(&v->path, i);

		validate_mount(v, json_at(mounts, i), (void *)(uintptr_t)spec);
		for (size_t k = 0; k < i; k++)
			if (text_of(json_at(mounts, i), "mountPath")[0] &&
			    !strcmp(text_of(json_at(mounts, k), "mountPath"),
				    text_of(json_at(mounts, i), "mountPath")))
				complain(v, PROBLEM_INVALID, json_at(mounts, i), "mountPath",
					 "must be unique");
		path_back(&v->path, at);
	}
	path_back(&v->path, mark);
}

/* --- the container --- */

static void validate_security(struct validation *v, const struct json *context, void *ctx)
{
	bool privileged = json_bool(json_get(context, "privileged"), false);

	check_range(v, context, "runAsUser", 0, INT32_MAX);
	check_range(v, context, "runAsGroup", 0, INT32_MAX);
	if (privileged && json_get(context, "allowPrivilegeEscalation") &&
	    !json_bool(json_get(context, "allowPrivilegeEscalation"), true))
		complain(v, PROBLEM_INVALID, context, NULL,
			 "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
}

static void validate_image(struct validation *v, const struct json *container)
{
	struct span image = json_span(json_get(container, "image"));

	if (!need_text(v, container, "image", ""))
		return;
	if (span_trim(image).len != image.len)
		complain(v, PROBLEM_INVALID, container, "image",
			 "must not have leading or trailing whitespace");
}

void validate_container(struct validation *v, const struct json *container, const struct json *spec,
			bool is_init)
{
	static const char *const pull[] = { "Always", "IfNotPresent", "Never", NULL };
	static const char *const message[] = { "FallbackToLogsOnError", "File", NULL };
	static const char *const restart[] = { "Always", NULL };
	void *borrowed = (void *)(uintptr_t)spec;

	(void)need_name(v, container, "name", name_dns_label);
	validate_image(v, container);
	(void)need_choice(v, container, "terminationMessagePolicy", message);
	(void)need_choice(v, container, "imagePullPolicy", pull);
	if (is_init)
		(void)check_choice(v, container, "restartPolicy", restart);
	else if (json_get(container, "restartPolicy"))
		complain(v, PROBLEM_FORBIDDEN, container, "restartPolicy",
			 "may not be set for non-init containers");
	each_item(v, container, "ports", validate_port, borrowed);
	check_unique(v, container, "ports", "name");
	validate_env(v, container);
	validate_mounts(v, container, spec);
	validate_resources(v, container);
	validate_probes(v, container, is_init);
	below(v, container, "securityContext", validate_security, NULL);
}
