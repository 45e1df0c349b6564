#include <errno.h>
#include <stdio.h>

#include "api/quantity.h"
#include "edge-hub/pods/spec_internal.h"

/* --- security --- */
static const char *const seccomp_names[] = { "", "RuntimeDefault", "Unconfined", "Localhost", NULL };
static const struct decode_field seccomp_fields[] = {
	F(seccomp_spec, "type", DECODE_ENUM, kind, .names = seccomp_names),
	F(seccomp_spec, "localhostProfile", DECODE_STR, localhost),
};
const struct decode_table spec_seccomp_table = { sizeof(struct seccomp_spec), seccomp_fields, 2, NULL, NULL };

static const struct decode_field selinux_fields[] = {
	F(selinux_spec, "user", DECODE_STR, user),
	F(selinux_spec, "role", DECODE_STR, role),
	F(selinux_spec, "type", DECODE_STR, type),
	F(selinux_spec, "level", DECODE_STR, level),
};
const struct decode_table spec_selinux_table = { sizeof(struct selinux_spec), selinux_fields, 4, NULL, NULL };

static int decode_capabilities(struct decoder *d, const struct json *value, void *member)
{
	static const struct decode_field fields[] = {
		F(container_security, "add", DECODE_STRS, cap_add, .max = 64),
		F(container_security, "drop", DECODE_STRS, cap_drop, .max = 64),
	};
	static const struct decode_table table = { sizeof(struct container_security), fields, 2, NULL, NULL };

	return decode_object(d, value, &table, (char *)member - offsetof(struct container_security, cap_add));
}

static int decode_proc_mount(struct decoder *d, const struct json *value, void *member)
{
	*(bool *)member = strcmp(json_str(value, ""), "Unmasked") == 0;
	return 0;
}

static const struct decode_field security_fields[] = {
	F(container_security, "runAsUser", DECODE_OPT_INT, run_as_user),
	F(container_security, "runAsGroup", DECODE_OPT_INT, run_as_group),
	F(container_security, "runAsNonRoot", DECODE_OPT_BOOL, run_as_non_root),
	F(container_security, "privileged", DECODE_OPT_BOOL, privileged),
	F(container_security, "readOnlyRootFilesystem", DECODE_OPT_BOOL, read_only_root),
	F(container_security, "allowPrivilegeEscalation", DECODE_OPT_BOOL, allow_escalation),
	F(container_security, "capabilities", DECODE_FN, cap_add, .fn = decode_capabilities),
	F(container_security, "seccompProfile", DECODE_STRUCT, seccomp, .table = &spec_seccomp_table),
	F(container_security, "seLinuxOptions", DECODE_STRUCT, selinux, .table = &spec_selinux_table),
	F(container_security, "procMount", DECODE_FN, proc_mount_unmasked, .fn = decode_proc_mount),
};
DECODE_TABLE(security_table, struct container_security, security_fields);

/* --- environment --- */
static int decode_divisor(struct decoder *d, const struct json *value, int64_t *out)
{
	struct span text = json_span(value);
	char number[24];

	if (json_is(value, JSON_INT)) {
		snprintf(number, sizeof(number), "%lld", (long long)json_int(value, 0));
		text = span_of(number);
	}
	if (!value)
		return 0;
	if (quantity_parse_milli(text, out) || *out < 0)
		return decode_fail(d, "divisor is not a quantity");
	return 0;
}

static int pick(struct decoder *d, const struct json *object, const char *field, const char **out)
{
	const struct json *value = json_get(object, field);

	return value ? decode_str(d, value, out) : 0;
}

static int decode_value_from(struct decoder *d, const struct json *value, void *member)
{
	static const struct {
		const char *name, *ref, *key;
		enum env_source source;
	} kinds[] = {
		{ "fieldRef", NULL, "fieldPath", ENV_FIELD },
		{ "resourceFieldRef", "containerName", "resource", ENV_RESOURCE },
		{ "configMapKeyRef", "name", "key", ENV_CONFIG_MAP },
		{ "secretKeyRef", "name", "key", ENV_SECRET },
	};
	struct env_var *var = (struct env_var *)((char *)member - offsetof(struct env_var, source));

	var->source = ENV_UNKNOWN;
	var->ref = var->key = "";
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct json *ref = json_get(value, kinds[i].name);
		int rc;

		if (!json_is(ref, JSON_OBJECT))
			continue;
		var->source = kinds[i].source;
		var->optional = json_bool(json_get(ref, "optional"), false);
		rc = kinds[i].ref ? pick(d, ref, kinds[i].ref, &var->ref) : 0;
		if (!rc)
			rc = pick(d, ref, kinds[i].key, &var->key);
		return rc ? rc : decode_divisor(d, json_get(ref, "divisor"), &var->divisor_milli);
	}
	return 0;
}

static void env_defaults(void *out)
{
	struct env_var *var = out;

	var->ref = var->key = "";
}

static int env_check(struct decoder *d, void *out)
{
	const struct env_var *var = out;

	return strchr(var->name, '=') ? decode_fail(d, "name holds '='") : 0;
}

static const struct decode_field env_fields[] = {
	F(env_var, "name", DECODE_STR, name, .required = true),
	F(env_var, "value", DECODE_STR, value),
	F(env_var, "valueFrom", DECODE_FN, source, .fn = decode_value_from),
};
DECODE_TABLE(env_table, struct env_var, env_fields, .defaults = env_defaults, .check = env_check);

static int decode_env_ref(struct decoder *d, const struct json *value, const char **out, bool *optional)
{
	*optional = json_bool(json_get(value, "optional"), false);
	return pick(d, value, "name", out);
}

static int decode_env_config_map(struct decoder *d, const struct json *value, void *member)
{
	struct env_from *from = (struct env_from *)((char *)member - offsetof(struct env_from, config_map));

	return decode_env_ref(d, value, &from->config_map, &from->optional);
}

static int decode_env_secret(struct decoder *d, const struct json *value, void *member)
{
	struct env_from *from = (struct env_from *)((char *)member - offsetof(struct env_from, secret));

	return decode_env_ref(d, value, &from->secret, &from->optional);
}

static void env_from_defaults(void *out)
{
	struct env_from *from = out;

	from->config_map = from->secret = "";
}

static const struct decode_field env_from_fields[] = {
	F(env_from, "prefix", DECODE_STR, prefix),
	F(env_from, "configMapRef", DECODE_FN, config_map, .fn = decode_env_config_map),
	F(env_from, "secretRef", DECODE_FN, secret, .fn = decode_env_secret),
};
DECODE_TABLE(env_from_table, struct env_from, env_from_fields, .defaults = env_from_defaults);

/* --- probes and hooks --- */
static const struct decode_field pair_fields[] = {
	F(pair, "name", DECODE_STR, key, .required = true),
	F(pair, "value", DECODE_STR, value),
};
DECODE_TABLE(header_table, struct pair, pair_fields);

static int decode_port(struct decoder *d, const struct json *value, void *member)
{
	struct handler *handler = (struct handler *)((char *)member - offsetof(struct handler, port));

	handler->port_name = "";
	if (json_is(value, JSON_STRING))
		return decode_str(d, value, &handler->port_name);
	handler->port = json_int(value, 0);
	if (!json_is(value, JSON_INT) || handler->port < 1 || handler->port > 65535)
		return decode_fail(d, "is not a port");
	return 0;
}

static int decode_scheme(struct decoder *d, const struct json *value, void *member)
{
	*(bool *)member = strcmp(json_str(value, ""), "HTTPS") == 0;
	return 0;
}

static const struct decode_field exec_fields[] = { F(handler, "command", DECODE_STRS, command) };
static const struct decode_field http_fields[] = {
	F(handler, "host", DECODE_STR, host),
	F(handler, "path", DECODE_STR, path),
	F(handler, "scheme", DECODE_FN, https, .fn = decode_scheme),
	F(handler, "port", DECODE_FN, port, .fn = decode_port, .required = true),
	F(handler, "httpHeaders", DECODE_LIST, headers, .table = &header_table, .max = 32),
};
static const struct decode_field tcp_fields[] = {
	F(handler, "host", DECODE_STR, host),
	F(handler, "port", DECODE_FN, port, .fn = decode_port, .required = true),
};
static const struct decode_field grpc_fields[] = {
	F(handler, "port", DECODE_FN, port, .fn = decode_port, .required = true),
	F(handler, "service", DECODE_STR, service),
};
static const struct decode_field sleep_fields[] = { F(handler, "seconds", DECODE_INT, sleep_seconds) };
DECODE_TABLE(exec_table, struct handler, exec_fields);
DECODE_TABLE(http_table, struct handler, http_fields);
DECODE_TABLE(tcp_table, struct handler, tcp_fields);
DECODE_TABLE(grpc_table, struct handler, grpc_fields);
DECODE_TABLE(sleep_table, struct handler, sleep_fields);

static int decode_handler(struct decoder *d, const struct json *value, struct handler *out)
{
	static const struct {
		const char *name;
		enum handler_kind kind;
		const struct decode_table *table;
	} kinds[] = {
		{ "exec", HANDLER_EXEC, &exec_table },	  { "httpGet", HANDLER_HTTP, &http_table },
		{ "tcpSocket", HANDLER_TCP, &tcp_table }, { "grpc", HANDLER_GRPC, &grpc_table },
		{ "sleep", HANDLER_SLEEP, &sleep_table },
	};

	out->host = out->path = out->service = out->port_name = "";
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct json *how = json_get(value, kinds[i].name);

		if (!json_is(how, JSON_OBJECT))
			continue;
		out->kind = kinds[i].kind;
		return decode_object(d, how, kinds[i].table, out);
	}
	return decode_fail(d, "says not how");
}

static int decode_hook(struct decoder *d, const struct json *value, void *member)
{
	struct handler *handler = arena_alloc(d->arena, sizeof(*handler));

	*(struct handler **)member = handler;
	if (!json_is(value, JSON_OBJECT))
		return decode_fail(d, "must be an object");
	return handler ? decode_handler(d, value, handler) : d->arena->error;
}

static void probe_defaults(void *out)
{
	struct probe_spec *probe = out;

	probe->timeout_s = probe->success_threshold = 1;
	probe->period_s = 10;
	probe->failure_threshold = 3;
}

static int probe_check(struct decoder *d, void *out)
{
	struct probe_spec *p = out;
	const int64_t top = 10 * 365 * 86400;

	/* Zero means the default, as for a kubelet; negative or absurd numbers never passed the API. */
	p->timeout_s = p->timeout_s ? p->timeout_s : 1;
	p->period_s = p->period_s ? p->period_s : 10;
	p->success_threshold = p->success_threshold ? p->success_threshold : 1;
	p->failure_threshold = p->failure_threshold ? p->failure_threshold : 3;
	if (p->initial_delay_s < 0 || p->timeout_s < 0 || p->period_s < 0 || p->success_threshold < 0 ||
	    p->failure_threshold < 0)
		return decode_fail(d, "numbers must not be negative");
	if (p->initial_delay_s > top || p->timeout_s > top || p->period_s > top ||
	    p->success_threshold > INT32_MAX || p->failure_threshold > INT32_MAX)
		return decode_fail(d, "number too large");
	return 0;
}

static const struct decode_field probe_fields[] = {
	F(probe_spec, "initialDelaySeconds", DECODE_INT, initial_delay_s),
	F(probe_spec, "timeoutSeconds", DECODE_INT, timeout_s),
	F(probe_spec, "periodSeconds", DECODE_INT, period_s),
	F(probe_spec, "successThreshold", DECODE_INT, success_threshold),
	F(probe_spec, "failureThreshold", DECODE_INT, failure_threshold),
	F(probe_spec, "terminationGracePeriodSeconds", DECODE_OPT_INT, grace_s),
};
DECODE_TABLE(probe_table, struct probe_spec, probe_fields, .defaults = probe_defaults, .check = probe_check);

static int decode_probe(struct decoder *d, const struct json *value, void *member)
{
	struct probe_spec *probe = arena_alloc(d->arena, sizeof(*probe));
	int rc;

	*(struct probe_spec **)member = probe;
	if (!probe)
		return d->arena->error;
	rc = decode_object(d, value, &probe_table, probe);
	return rc ? rc : decode_handler(d, value, &probe->handler);
}

static int decode_lifecycle(struct decoder *d, const struct json *value, void *member)
{
	static const struct decode_field fields[] = {
		F(container_spec, "postStart", DECODE_FN, post_start, .fn = decode_hook),
		F(container_spec, "preStop", DECODE_FN, pre_stop, .fn = decode_hook),
	};
	static const struct decode_table table = { sizeof(struct container_spec), fields, 2, NULL, NULL };

	return decode_object(d, value, &table, (char *)member - offsetof(struct container_spec, post_start));
}

/* --- mounts, ports, resources --- */
static const char *const propagation_names[] = { "None", "HostToContainer", "Bidirectional", NULL };
static const char *const protocol_names[] = { "TCP", "UDP", "SCTP", NULL };

static int mount_check(struct decoder *d, void *out)
{
	const struct mount_spec *mount = out;

	if (mount->mount_path[0] == '\0')
		return decode_fail(d, "mountPath is empty");
	if (mount->sub_path[0] && !spec_is_inside(mount->sub_path))
		return decode_fail(d, "subPath leaves its volume");
	return 0;
}

static const struct decode_field mount_fields[] = {
	F(mount_spec, "name", DECODE_STR, name, .required = true),
	F(mount_spec, "mountPath", DECODE_STR, mount_path, .required = true),
	F(mount_spec, "subPath", DECODE_STR, sub_path),
	F(mount_spec, "subPathExpr", DECODE_STR, sub_path_expr),
	F(mount_spec, "readOnly", DECODE_BOOL, read_only),
	F(mount_spec, "mountPropagation", DECODE_ENUM, propagation, .names = propagation_names),
};
DECODE_TABLE(mount_table, struct mount_spec, mount_fields, .check = mount_check);

static int port_check(struct decoder *d, void *out)
{
	const struct port_spec *port = out;

	if (port->container_port < 1 || port->container_port > 65535 || port->host_port < 0 ||
	    port->host_port > 65535)
		return decode_fail(d, "is not a port");
	return 0;
}

static const struct decode_field port_fields[] = {
	F(port_spec, "name", DECODE_STR, name),
	F(port_spec, "hostIP", DECODE_STR, host_ip),
	F(port_spec, "containerPort", DECODE_INT, container_port),
	F(port_spec, "hostPort", DECODE_INT, host_port),
	F(port_spec, "protocol", DECODE_ENUM, protocol, .names = protocol_names),
};
DECODE_TABLE(port_table, struct port_spec, port_fields, .check = port_check);

static int decode_limits(struct decoder *d, const struct json *value, void *member)
{
	static const struct decode_field fields[] = {
		F(resource_spec, "cpu", DECODE_MILLI, cpu_limit_milli),
		F(resource_spec, "memory", DECODE_BYTES, memory_limit),
		F(resource_spec, "ephemeral-storage", DECODE_BYTES, storage_limit),
	};
	static const struct decode_table table = { sizeof(struct resource_spec), fields, 3, NULL, NULL };

	return decode_object(d, value, &table,
			     (char *)member - offsetof(struct resource_spec, cpu_limit_milli));
}

static int decode_requests(struct decoder *d, const struct json *value, void *member)
{
	static const struct decode_field fields[] = {
		F(resource_spec, "cpu", DECODE_MILLI, cpu_request_milli),
		F(resource_spec, "memory", DECODE_BYTES, memory_request),
		F(resource_spec, "ephemeral-storage", DECODE_BYTES, storage_request),
	};
	static const struct decode_table table = { sizeof(struct resource_spec), fields, 3, NULL, NULL };

	return decode_object(d, value, &table,
			     (char *)member - offsetof(struct resource_spec, cpu_request_milli));
}

/* A limit without a request is the request, as the API defaults it. */
static int resource_check(struct decoder *d, void *out)
{
	struct resource_spec *r = out;

	if (!r->cpu_request_milli.set)
		r->cpu_request_milli = r->cpu_limit_milli;
	if (!r->memory_request.set)
		r->memory_request = r->memory_limit;
	return 0;
}

static const struct decode_field resource_fields[] = {
	F(resource_spec, "limits", DECODE_FN, cpu_limit_milli, .fn = decode_limits),
	F(resource_spec, "requests", DECODE_FN, cpu_request_milli, .fn = decode_requests),
};
DECODE_TABLE(resource_table, struct resource_spec, resource_fields, .check = resource_check);

/* --- the container --- */
static int decode_message_policy(struct decoder *d, const struct json *value, void *member)
{
	*(bool *)member = strcmp(json_str(value, ""), "FallbackToLogsOnError") == 0;
	return 0;
}

static int decode_container_restart(struct decoder *d, const struct json *value, void *member)
{
	*(bool *)member = strcmp(json_str(value, ""), "Always") == 0;
	return 0;
}

/* FNV-1a over {"image":"...","name":"..."}: what a kubelet of 1.31 and later hashes, so that a node may change
 * from one to the other without restarting anything. */
static uint32_t hash_container(const struct container_spec *c)
{
	const char *const parts[] = { "{\"image\":\"", c->image, "\",\"name\":\"", c->name, "\"}" };
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		for (const char *p = parts[i]; *p; p++) {
			hash ^= (unsigned char)*p;
			hash *= 16777619u;
		}
	}
	return hash;
}

static int container_check(struct decoder *d, void *out)
{
	struct container_spec *c = out;

	if (!spec_is_component(c->name))
		return decode_fail(d, "name is not usable");
	if (!c->message_path[0])
		c->message_path = "/dev/termination-log";
	c->hash = hash_container(c);
	return 0;
}

static const char *const pull_names[] = { "", "Always", "IfNotPresent", "Never", NULL };
static const struct decode_field container_fields[] = {
	F(container_spec, "name", DECODE_STR, name, .required = true),
	F(container_spec, "image", DECODE_STR, image),
	F(container_spec, "workingDir", DECODE_STR, working_dir),
	F(container_spec, "command", DECODE_STRS, command),
	F(container_spec, "args", DECODE_STRS, args),
	F(container_spec, "env", DECODE_LIST, env, .table = &env_table),
	F(container_spec, "envFrom", DECODE_LIST, env_from, .table = &env_from_table, .max = 64),
	F(container_spec, "volumeMounts", DECODE_LIST, mounts, .table = &mount_table, .max = 128),
	F(container_spec, "ports", DECODE_LIST, ports, .table = &port_table, .max = 256),
	F(container_spec, "resources", DECODE_STRUCT, resources, .table = &resource_table),
	F(container_spec, "securityContext", DECODE_STRUCT, security, .table = &security_table),
	F(container_spec, "startupProbe", DECODE_FN, probes[PROBE_STARTUP], .fn = decode_probe),
	F(container_spec, "livenessProbe", DECODE_FN, probes[PROBE_LIVENESS], .fn = decode_probe),
	F(container_spec, "readinessProbe", DECODE_FN, probes[PROBE_READINESS], .fn = decode_probe),
	F(container_spec, "lifecycle", DECODE_FN, post_start, .fn = decode_lifecycle),
	F(container_spec, "imagePullPolicy", DECODE_ENUM, pull_policy, .names = pull_names),
	F(container_spec, "terminationMessagePath", DECODE_STR, message_path),
	F(container_spec, "terminationMessagePolicy", DECODE_FN, message_from_logs,
	  .fn = decode_message_policy),
	F(container_spec, "stdin", DECODE_BOOL, stdin_open),
	F(container_spec, "stdinOnce", DECODE_BOOL, stdin_once),
	F(container_spec, "tty", DECODE_BOOL, tty),
	F(container_spec, "restartPolicy", DECODE_FN, sidecar, .fn = decode_container_restart),
};
const struct decode_table spec_container_table = {
	.size = sizeof(struct container_spec),
	.fields = container_fields,
	.field_count = sizeof(container_fields) / sizeof(container_fields[0]),
	.check = container_check,
};
