/* Rules of the kinds of core/v1 (pods apart), of leases and of events. */
#include <errno.h>
#include <stdio.h>

#include "api/kind_internal.h"
#include "api/names.h"
#include "api/quantity.h"
#include "api/validate.h"
#include "base/text.h"

#define DATA_MAX_BYTES (1024u * 1024)

static void validate_keys(struct validation *v, const struct json *object, const char *field, size_t *total,
			  bool encoded)
{
	size_t mark = path_field(&v->path, field);

	for (struct json_iter it = json_iter(json_get(object, field)); json_next(&it);) {
		const char *reason = name_config_key(span_of(it.key));
		size_t at = path_key(&v->path, it.key), len = json_span(it.value).len;

		if (reason)
			problems_add(v->problems, PROBLEM_INVALID, v->path.text, it.key, "%s", reason);
		*total += encoded ? len / 4 * 3 : len;
		path_back(&v->path, at);
	}
	path_back(&v->path, mark);
}

/* Once immutable, always, and so is the content. */
static void validate_immutable(struct validation *v, const struct json *object, const struct json *old)
{
	static const char *const fields[] = { "immutable", "data", "binaryData" };

	if (!json_bool(json_get(old, "immutable"), false))
		return;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!json_equal(json_get(object, fields[i]), json_get(old, fields[i])))
			complain(v, PROBLEM_FORBIDDEN, object, fields[i],
				 "field is immutable when `immutable` is set");
}

void config_map_validate(const struct json *object, const struct json *old, struct problems *problems)
{
	const struct json *data = json_get(object, "data");
	struct json_iter it = json_iter(json_get(object, "binaryData"));
	struct validation v = VALIDATION(problems, "");
	size_t total = 0, mark;

	validate_keys(&v, object, "data", &total, false);
	validate_keys(&v, object, "binaryData", &total, true);
	mark = path_field(&v.path, "data");
	while (json_next(&it)) {
		size_t at = path_key(&v.path, it.key);

		if (json_get(data, it.key))
			problems_add(problems, PROBLEM_INVALID, v.path.text, it.key,
				     "duplicate of key present in binaryData");
		path_back(&v.path, at);
	}
	path_back(&v.path, mark);
	if (total > DATA_MAX_BYTES)
		problems_add(problems, PROBLEM_TOO_LONG, "[]", NULL, "may not be more than %u bytes",
			     DATA_MAX_BYTES);
	validate_immutable(&v, object, old);
}

/* --- secrets: what each type must hold --- */

static const struct {
	const char *type;
	const char *keys[2]; /* all needed */
	bool is_json;
} secret_types[] = {
	{ "kubernetes.io/dockercfg", { ".dockercfg" }, true },
	{ "kubernetes.io/dockerconfigjson", { ".dockerconfigjson" }, true },
	{ "kubernetes.io/ssh-auth", { "ssh-privatekey" }, false },
	{ "kubernetes.io/tls", { "tls.crt", "tls.key" }, false },
};

static bool is_json_data(const struct json *value)
{
	struct json *parsed = NULL;
	struct buf plain;
	bool good;

	buf_init(&plain, JSON_MAX_BYTES);
	good = !text_unbase64(&plain, json_span(value)) && !json_parse(buf_span(&plain), &parsed, NULL);
	json_free(parsed);
	buf_done(&plain);
	return good;
}

static void need_key(struct problems *problems, const struct json *data, const char *key, bool is_json)
{
	const struct json *value = json_get(data, key);
	char path[80];

	(void)snprintf(path, sizeof(path), "data[%s]", key);
	if (!value)
		problems_add(problems, PROBLEM_REQUIRED, path, NULL, "%s", "");
	else if (is_json && !is_json_data(value))
		problems_add(problems, PROBLEM_INVALID, path, "<secret contents redacted>", "invalid JSON");
}

static void validate_secret_type(const struct json *object, struct problems *problems)
{
	const char *type = text_of(object, "type");
	const struct json *data = json_get(object, "data");

	for (size_t i = 0; i < sizeof(secret_types) / sizeof(secret_types[0]); i++) {
		if (strcmp(secret_types[i].type, type) != 0)
			continue;
		for (size_t k = 0; k < 2 && secret_types[i].keys[k]; k++)
			need_key(problems, data, secret_types[i].keys[k], secret_types[i].is_json);
	}
	if (!strcmp(type, "kubernetes.io/basic-auth") && !json_get(data, "username") &&
	    !json_get(data, "password")) {
		need_key(problems, data, "username", false);
		need_key(problems, data, "password", false);
	}
	if (!strcmp(type, "kubernetes.io/service-account-token") &&
	    !json_str(json_get(json_path(object, "metadata.annotations"),
			       "kubernetes.io/service-account.name"),
		      "")[0])
		problems_add(problems, PROBLEM_REQUIRED,
			     "metadata.annotations[kubernetes.io/service-account.name]", NULL, "%s", "");
}

void secret_validate(const struct json *object, const struct json *old, struct problems *problems)
{
	struct validation v = VALIDATION(problems, "");
	size_t total = 0;

	validate_keys(&v, object, "data", &total, true);
	if (total > DATA_MAX_BYTES)
		problems_add(problems, PROBLEM_TOO_LONG, "data", NULL, "may not be more than %u bytes",
			     DATA_MAX_BYTES);
	validate_secret_type(object, problems);
	if (old && strcmp(text_of(object, "type"), text_of(old, "type")) != 0)
		complain(&v, PROBLEM_INVALID, object, "type", MSG_IMMUTABLE);
	validate_immutable(&v, object, old);
}

/* --- namespaces, service accounts --- */

void namespace_validate(const struct json *object, const struct json *old, struct problems *problems)
{
	const struct json *finalizers = json_path(object, "spec.finalizers");

	for (size_t i = 0; i < json_count(finalizers); i++) {
		const char *name = json_str(json_at(finalizers, i), "");
		const char *reason = name_qualified(span_of(name));

		if (!reason && !strchr(name, '/') && strcmp(name, "kubernetes") != 0)
			reason = "name is neither a standard finalizer name nor is it fully qualified";
		if (reason)
			problems_add(problems, PROBLEM_INVALID, "spec.finalizers", name, "%s", reason);
	}
}

void service_account_validate(const struct json *object, const struct json *old, struct problems *problems)
{
	/* Nothing beyond its metadata: references may dangle until what they name is created. */
}

/* --- nodes --- */

static void validate_taint(struct validation *v, const struct json *taint, void *ctx)
{
	static const char *const effects[] = { "NoSchedule", "PreferNoSchedule", "NoExecute", NULL };

	(void)need_name(v, taint, "key", name_qualified);
	check_text(v, taint, "value", name_label_value);
	(void)need_choice(v, taint, "effect", effects);
}

static void validate_taints(struct validation *v, const struct json *spec, void *ctx)
{
	const struct json *taints = json_get(spec, "taints");

	each_item(v, spec, "taints", validate_taint, NULL);
	for (size_t i = 0; i < json_count(taints); i++)
		for (size_t k = 0; k < i; k++)
			if (json_equal(json_get(json_at(taints, i), "key"),
				       json_get(json_at(taints, k), "key")) &&
			    json_equal(json_get(json_at(taints, i), "effect"),
				       json_get(json_at(taints, k), "effect")))
				complain(v, PROBLEM_DUPLICATE, spec, "taints", "%s", "");
}

static void validate_node_status(struct validation *v, const struct json *status, void *ctx)
{
	validate_resource_list(v, status, "capacity");
	validate_resource_list(v, status, "allocatable");
}

void node_validate(const struct json *object, const struct json *old, struct problems *problems)
{
	const char *cidr = json_path_str(object, "spec.podCIDR", ""),
		   *before = json_path_str(old, "spec.podCIDR", "");
	struct validation v = VALIDATION(problems, "");

	below(&v, object, "spec", validate_taints, NULL);
	below(&v, object, "status", validate_node_status, NULL);
	if (before[0] && strcmp(cidr, before) != 0)
		problems_add(problems, PROBLEM_FORBIDDEN, "spec.podCIDRs", NULL,
			     "node updates may not change podCIDR except from \"\" to valid");
}

/* --- leases --- */

static void validate_lease_spec(struct validation *v, const struct json *spec, void *ctx)
{
	check_least(v, spec, "leaseDurationSeconds", 1);
	check_least(v, spec, "leaseTransitions", 0);
}

void lease_validate(const struct json *object, const struct json *old, struct problems *problems)
{
	struct validation v = VALIDATION(problems, "");

	below(&v, object, "spec", validate_lease_spec, NULL);
}

/* --- events: those with an eventTime are of the newer, stricter kind --- */

static void validate_new_event(struct validation *v, const struct json *event)
{
	static const char *const types[] = { "Normal", "Warning", NULL };

	(void)need_name(v, event, "reportingComponent", name_qualified);
	(void)need_text(v, event, "reportingInstance", "");
	(void)need_text(v, event, "action", "");
	(void)need_text(v, event, "reason", "");
	(void)check_choice(v, event, "type", types);
	if (json_span(json_get(event, "message")).len > 1024)
		complain(v, PROBLEM_INVALID, NULL, "message", "can have at most 1024 characters");
	if (json_span(json_get(event, "reason")).len > 128)
		complain(v, PROBLEM_INVALID, NULL, "reason", "can have at most 128 characters");
}

void event_validate(const struct json *object, const struct json *old, struct problems *problems)
{
	const char *ns = json_path_str(object, "metadata.namespace", "");
	const char *about = json_path_str(object, "involvedObject.namespace", "");
	struct validation v = VALIDATION(problems, "");
	size_t mark;

	/* Events about objects without a namespace live in these two. */
	bool fits = about[0] ? !strcmp(ns, about) : !strcmp(ns, "default") || !strcmp(ns, "kube-system");

	if (!fits) {
		mark = path_field(&v.path, "involvedObject");
		complain(&v, PROBLEM_INVALID, json_get(object, "involvedObject"), "namespace",
			 "does not match event.namespace");
		path_back(&v.path, mark);
	}
	if (text_of(object, "eventTime")[0])
		validate_new_event(&v, object);
}
