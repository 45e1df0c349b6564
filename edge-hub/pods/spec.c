#include "control/eviction.h"
#include "edge-hub/pods/spec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "edge-hub/pods/spec_internal.h"

#define GRACE_DEFAULT_S 30
#define GRACE_MAX_S (10 * 365 * 86400LL)

/* --- the parts of spec --- */
static int decode_containers(struct decoder *d, const struct json *list, struct container_spec *out,
			     bool init)
{
	for (size_t i = 0; i < json_count(list); i++) {
		size_t before = strlen(d->path);
		int rc;

		snprintf(d->path + before, sizeof(d->path) - before, "spec.%s[%zu]",
			 init ? "initContainers" : "containers", i);
		rc = decode_object(d, json_at(list, i), &spec_container_table, &out[i]);
		if (rc)
			return rc;
		d->path[before] = '\0';
		out[i].init = init;
		out[i].sidecar = out[i].sidecar && init;
	}
	return 0;
}

static int check_names(struct decoder *d, const struct pod_spec *spec)
{
	for (uint32_t i = 0; i < spec->container_count; i++)
		for (uint32_t j = 0; j < i; j++)
			if (strcmp(spec->containers[i].name, spec->containers[j].name) == 0)
				return decode_fail(d, "two containers named \"%.60s\"",
						   spec->containers[i].name);
	return 0;
}

static int decode_all_containers(struct decoder *d, const struct json *body, struct pod_spec *spec)
{
	const struct json *init = json_get(body, "initContainers"), *app = json_get(body, "containers");
	size_t inits = json_count(init), apps = json_count(app);
	int rc;

	if (!apps)
		return decode_fail(d, "spec.containers is empty");
	if (inits > SPEC_CONTAINERS_MAX || apps > SPEC_CONTAINERS_MAX)
		return decode_fail(d, "more than %u containers", SPEC_CONTAINERS_MAX);
	spec->containers = arena_alloc(d->arena, (inits + apps) * sizeof(*spec->containers));
	if (!spec->containers)
		return d->arena->error;
	spec->init_count = (uint32_t)inits;
	spec->container_count = (uint32_t)(inits + apps);
	rc = decode_containers(d, init, spec->containers, true);
	if (!rc)
		rc = decode_containers(d, app, spec->containers + inits, false);
	return rc ? rc : check_names(d, spec);
}

static int decode_volumes(struct decoder *d, const struct json *list, struct pod_spec *spec)
{
	size_t count = json_count(list);
	struct volume_spec *volumes;

	if (count > SPEC_VOLUMES_MAX)
		return decode_fail(d, "more than %u volumes", SPEC_VOLUMES_MAX);
	if (!count)
		return 0;
	volumes = arena_alloc(d->arena, count * sizeof(*volumes));
	if (!volumes)
		return d->arena->error;
	spec->volumes = (struct decoded_list){ volumes, (uint32_t)count };
	for (size_t i = 0; i < count; i++) {
		size_t before = strlen(d->path);
		int rc;

		snprintf(d->path + before, sizeof(d->path) - before, "spec.volumes[%zu]", i);
		rc = spec_decode_volume(d, json_at(list, i), &volumes[i]);
		if (rc)
			return rc;
		d->path[before] = '\0';
	}
	return 0;
}

static const struct decode_field name_fields[] = { F(pair, "name", DECODE_STR, key) };
static const struct decode_field name_value_fields[] = {
	F(pair, "name", DECODE_STR, key),
	F(pair, "value", DECODE_STR, value),
};
static const struct decode_field gate_fields[] = { F(pair, "conditionType", DECODE_STR, key,
						     .required = true) };
static const struct decode_field alias_fields[] = {
	F(host_alias, "ip", DECODE_STR, ip),
	F(host_alias, "hostnames", DECODE_STRS, names),
};
DECODE_TABLE(name_table, struct pair, name_fields);
DECODE_TABLE(name_value_table, struct pair, name_value_fields);
DECODE_TABLE(gate_table, struct pair, gate_fields);
DECODE_TABLE(alias_table, struct host_alias, alias_fields);

static int decode_groups(struct decoder *d, const struct json *value, void *member)
{
	size_t count = json_count(value);
	int64_t *groups;

	if (!json_is(value, JSON_ARRAY) || count > DECODE_ENTRIES_MAX)
		return decode_fail(d, "must be a list of group ids");
	groups = arena_alloc(d->arena, (count ? count : 1) * sizeof(*groups));
	if (!groups)
		return d->arena->error;
	for (size_t i = 0; i < count; i++)
		groups[i] = json_int(json_at(value, i), 0);
	*(struct decoded_list *)member = (struct decoded_list){ groups, (uint32_t)count };
	return 0;
}

static int decode_fs_group_policy(struct decoder *d, const struct json *value, void *member)
{
	*(bool *)member = strcmp(json_str(value, ""), "OnRootMismatch") == 0;
	return 0;
}

static const struct decode_field security_fields[] = {
	F(pod_security, "runAsUser", DECODE_OPT_INT, run_as_user),
	F(pod_security, "runAsGroup", DECODE_OPT_INT, run_as_group),
	F(pod_security, "fsGroup", DECODE_OPT_INT, fs_group),
	F(pod_security, "runAsNonRoot", DECODE_OPT_BOOL, run_as_non_root),
	F(pod_security, "fsGroupChangePolicy", DECODE_FN, fs_group_on_root_mismatch,
	  .fn = decode_fs_group_policy),
	F(pod_security, "supplementalGroups", DECODE_FN, supplemental_groups, .fn = decode_groups),
	F(pod_security, "sysctls", DECODE_LIST, sysctls, .table = &name_value_table),
	F(pod_security, "seccompProfile", DECODE_STRUCT, seccomp, .table = &spec_seccomp_table),
	F(pod_security, "seLinuxOptions", DECODE_STRUCT, selinux, .table = &spec_selinux_table),
};
DECODE_TABLE(security_table, struct pod_security, security_fields);

static int decode_dns(struct decoder *d, const struct json *value, void *member)
{
	static const struct decode_field fields[] = {
		F(pod_spec, "nameservers", DECODE_STRS, dns.servers, .max = 16),
		F(pod_spec, "searches", DECODE_STRS, dns.searches, .max = 64),
		F(pod_spec, "options", DECODE_LIST, dns.options, .table = &name_value_table, .max = 64),
	};
	static const struct decode_table table = { sizeof(struct pod_spec), fields, 3, NULL, NULL };

	return decode_object(d, value, &table, (char *)member - offsetof(struct pod_spec, dns));
}

static const char *const restart_names[] = { "Always", "OnFailure", "Never", NULL };
static const char *const dns_names[] = { "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None", NULL };
static const struct decode_field spec_fields[] = {
	F(pod_spec, "restartPolicy", DECODE_ENUM, restart_policy, .names = restart_names),
	F(pod_spec, "terminationGracePeriodSeconds", DECODE_INT, grace_s),
	F(pod_spec, "activeDeadlineSeconds", DECODE_OPT_INT, active_deadline_s),
	F(pod_spec, "dnsPolicy", DECODE_ENUM, dns_policy, .names = dns_names),
	F(pod_spec, "dnsConfig", DECODE_FN, dns, .fn = decode_dns),
	F(pod_spec, "hostNetwork", DECODE_BOOL, host_network),
	F(pod_spec, "hostPID", DECODE_BOOL, host_pid),
	F(pod_spec, "hostIPC", DECODE_BOOL, host_ipc),
	F(pod_spec, "shareProcessNamespace", DECODE_BOOL, share_process_ns),
	F(pod_spec, "hostname", DECODE_STR, hostname),
	F(pod_spec, "subdomain", DECODE_STR, subdomain),
	F(pod_spec, "setHostnameAsFQDN", DECODE_BOOL, set_hostname_as_fqdn),
	F(pod_spec, "serviceAccountName", DECODE_STR, service_account),
	F(pod_spec, "nodeName", DECODE_STR, node_name),
	F(pod_spec, "runtimeClassName", DECODE_STR, runtime_class),
	F(pod_spec, "securityContext", DECODE_STRUCT, security, .table = &security_table),
	F(pod_spec, "hostAliases", DECODE_LIST, host_aliases, .table = &alias_table),
	F(pod_spec, "imagePullSecrets", DECODE_LIST, pull_secrets, .table = &name_table, .max = 16),
	F(pod_spec, "readinessGates", DECODE_LIST, readiness_gates, .table = &gate_table, .max = 16),
};
DECODE_TABLE(spec_table, struct pod_spec, spec_fields);

/* --- metadata and the last status --- */
static const struct decode_field meta_fields[] = {
	F(pod_spec, "namespace", DECODE_STR, ns, .required = true),
	F(pod_spec, "name", DECODE_STR, name, .required = true),
	F(pod_spec, "uid", DECODE_STR, uid, .required = true),
	F(pod_spec, "labels", DECODE_PAIRS, labels),
	F(pod_spec, "annotations", DECODE_PAIRS, annotations),
	F(pod_spec, "deletionGracePeriodSeconds", DECODE_OPT_INT, deletion_grace_s),
};
DECODE_TABLE(meta_table, struct pod_spec, meta_fields);

static int prior_check(struct decoder *d, void *out)
{
	struct prior_container *c = out;
	const char *id = strstr(c->container_id, "://");

	if (id)
		c->container_id = id + 3;
	return 0;
}

static int decode_prior_state(struct decoder *d, const struct json *value, void *member)
{
	*(bool *)member |= json_get(value, "running") || json_get(value, "terminated");
	return 0;
}

static int decode_prior_wait(struct decoder *d, const struct json *value, void *member)
{
	*(bool *)member = strcmp(json_path_str(value, "waiting.reason", ""), SPEC_FENCED) == 0;
	return 0;
}

static const struct decode_field prior_container_fields[] = {
	F(prior_container, "name", DECODE_STR, name),
	F(prior_container, "containerID", DECODE_STR, container_id),
	F(prior_container, "restartCount", DECODE_INT, restart_count),
	F(prior_container, "ready", DECODE_BOOL, ready),
	F(prior_container, "started", DECODE_BOOL, started),
	F(prior_container, "state", DECODE_FN, ran, .fn = decode_prior_state),
	F(prior_container, "state", DECODE_FN, fenced, .fn = decode_prior_wait),
	F(prior_container, "lastState", DECODE_FN, ran, .fn = decode_prior_state),
};
DECODE_TABLE(prior_container_table, struct prior_container, prior_container_fields, .check = prior_check);

static const char *const status_names[] = { "False", "True", "Unknown", NULL };
static const struct decode_field prior_condition_fields[] = {
	F(prior_condition, "type", DECODE_STR, type),
	F(prior_condition, "status", DECODE_ENUM, status, .names = status_names),
	F(prior_condition, "lastTransitionTime", DECODE_TIME, since_ms),
};
DECODE_TABLE(prior_condition_table, struct prior_condition, prior_condition_fields);

static const char *const phase_names[] = { "Pending", "Running", "Succeeded", "Failed", "Unknown", NULL };
static const struct decode_field status_fields[] = {
	F(prior_status, "phase", DECODE_ENUM, phase, .names = phase_names),
	F(prior_status, "reason", DECODE_STR, reason),
	F(prior_status, "message", DECODE_STR, message),
	F(prior_status, "startTime", DECODE_TIME, start_time_ms),
	F(prior_status, "containerStatuses", DECODE_LIST, containers, .table = &prior_container_table,
	  .max = 64),
	F(prior_status, "initContainerStatuses", DECODE_LIST, init_containers,
	  .table = &prior_container_table, .max = 64),
	F(prior_status, "conditions", DECODE_LIST, conditions, .table = &prior_condition_table, .max = 64),
};
DECODE_TABLE(status_table, struct prior_status, status_fields);

/* --- what cannot be honoured --- */
static void note_unsupported(struct pod_spec *spec, const char *what, const char *name)
{
	if (!spec->unsupported[0])
		snprintf(spec->unsupported, sizeof(spec->unsupported), "%s \"%.80s\" is not supported", what,
			 name);
}

static void find_unsupported_volume(struct pod_spec *spec, const struct volume_spec *volume)
{
	const struct volume_source *sources = volume->sources.v;
	char what[96];

	if (volume->kind == VOLUME_UNSUPPORTED) {
		snprintf(what, sizeof(what), "volume of kind %.60s", volume->kind_name);
		note_unsupported(spec, what, volume->name);
	}
	for (uint32_t i = 0; i < volume->sources.n; i++)
		if (sources[i].kind == SOURCE_UNSUPPORTED)
			note_unsupported(spec, "projected source in volume", volume->name);
}

static void find_unsupported(struct pod_spec *spec)
{
	const struct volume_spec *volumes = spec->volumes.v;

	for (uint32_t i = 0; i < spec->volumes.n; i++)
		find_unsupported_volume(spec, &volumes[i]);
	if (spec->runtime_class[0])
		note_unsupported(spec, "runtimeClassName", spec->runtime_class);
	for (uint32_t i = 0; i < spec->container_count; i++) {
		const struct env_var *env = spec->containers[i].env.v;

		for (uint32_t j = 0; j < spec->containers[i].env.n; j++)
			if (env[j].source == ENV_UNKNOWN)
				note_unsupported(spec, "the source of variable", env[j].name);
	}
}

static int check_mounts(struct decoder *d, const struct pod_spec *spec)
{
	for (uint32_t i = 0; i < spec->container_count; i++) {
		const struct mount_spec *mounts = spec->containers[i].mounts.v;

		for (uint32_t j = 0; j < spec->containers[i].mounts.n; j++)
			if (!spec_volume(spec, mounts[j].name))
				return decode_fail(d, "mount of an unknown volume \"%.60s\"", mounts[j].name);
	}
	return 0;
}

static int decode_body(struct decoder *d, const struct json *pod, struct pod_spec *spec)
{
	const struct json *meta = json_get(pod, "metadata"), *body = json_get(pod, "spec"),
			  *status = json_get(pod, "status");
	int rc = decode_object(d, meta, &meta_table, spec);

	if (!rc &&
	    (!spec_is_component(spec->ns) || !spec_is_component(spec->name) || !spec_is_component(spec->uid)))
		rc = decode_fail(d, "metadata: name, namespace or uid is not usable");
	if (!rc)
		rc = decode_object(d, body, &spec_table, spec);
	if (!rc)
		rc = decode_all_containers(d, body, spec);
	if (!rc)
		rc = decode_volumes(d, json_get(body, "volumes"), spec);
	if (!rc)
		rc = check_mounts(d, spec);
	if (!rc && json_is(status, JSON_OBJECT) && decode_object(d, status, &status_table, &spec->prior)) {
		/* What was last reported is advice; a strange one must not stop a pod from running. */
		spec->prior = (struct prior_status){ .reason = "", .message = "" };
		d->path[0] = '\0';
	}
	return rc;
}

static void finish(struct pod_spec *spec, const struct json *pod)
{
	if (!spec->prior.reason)
		spec->prior.reason = spec->prior.message = "";
	spec->deleting = json_is(json_path(pod, "metadata.deletionTimestamp"), JSON_STRING);
	spec->exclusive = eviction_is_exclusive(pod);
	if (spec->grace_s < 0)
		spec->grace_s = 1;
	if (spec->grace_s > GRACE_MAX_S)
		spec->grace_s = GRACE_MAX_S;
	spec->qos = spec_qos(spec);
	find_unsupported(spec);
}

static struct pod_spec *spec_alloc(void)
{
	struct pod_spec *spec = calloc(1, sizeof(*spec));

	if (spec) {
		arena_init(&spec->arena, SPEC_BYTES_MAX);
		spec->grace_s = GRACE_DEFAULT_S;
	}
	return spec;
}

int spec_decode(struct span body, struct pod_spec **out, struct err *err)
{
	struct pod_spec *spec = spec_alloc();
	struct decoder d = { .arena = spec ? &spec->arena : NULL, .err = err };
	struct json *pod = NULL;
	int rc = spec ? json_parse(body, &pod, err) : -ENOMEM;

	if (!rc)
		rc = decode_body(&d, pod, spec);
	if (!rc) {
		finish(spec, pod);
		*out = spec;
	} else {
		spec_free(spec);
	}
	json_free(pod);
	return rc;
}

int spec_minimal(const char *ns, const char *name, const char *uid, int64_t grace_s,
		 const char *const *containers, size_t count, struct pod_spec **out)
{
	struct pod_spec *spec = spec_alloc();
	struct arena *arena = spec ? &spec->arena : NULL;
	bool whole;

	if (!spec)
		return -ENOMEM;
	if (!spec_is_component(ns) || !spec_is_component(name) || !spec_is_component(uid)) {
		spec_free(spec);
		return -EINVAL;
	}
	spec->ns = arena_str(arena, span_of(ns));
	spec->name = arena_str(arena, span_of(name));
	spec->uid = arena_str(arena, span_of(uid));
	spec->containers = arena_alloc(arena, count * sizeof(*spec->containers));
	whole = spec->ns && spec->name && spec->uid && spec->containers;
	for (size_t i = 0; whole && i < count; i++) {
		spec->containers[i].name = arena_str(arena, span_of(containers[i]));
		spec->containers[i].image = spec->containers[i].working_dir =
			spec->containers[i].message_path = "";
		whole = spec->containers[i].name != NULL;
	}
	if (!whole) {
		spec_free(spec);
		return -ENOMEM;
	}
	spec->container_count = (uint32_t)count;
	spec->hostname = spec->subdomain = spec->service_account = spec->node_name = spec->runtime_class = "";
	spec->prior.reason = spec->prior.message = "";
	spec->grace_s = grace_s;
	*out = spec;
	return 0;
}

void spec_free(struct pod_spec *spec)
{
	if (!spec)
		return;
	arena_done(&spec->arena);
	free(spec);
}

/* --- questions --- */
const struct container_spec *spec_container(const struct pod_spec *spec, const char *name)
{
	for (uint32_t i = 0; i < spec->container_count; i++)
		if (strcmp(spec->containers[i].name, name) == 0)
			return &spec->containers[i];
	return NULL;
}

const struct volume_spec *spec_volume(const struct pod_spec *spec, const char *name)
{
	const struct volume_spec *volumes = spec->volumes.v;

	for (uint32_t i = 0; i < spec->volumes.n; i++)
		if (strcmp(volumes[i].name, name) == 0)
			return &volumes[i];
	return NULL;
}

static bool container_refers(const struct container_spec *c, bool secret, const char *name)
{
	const struct env_var *env = c->env.v;
	const struct env_from *from = c->env_from.v;

	for (uint32_t i = 0; i < c->env.n; i++)
		if (env[i].source == (secret ? ENV_SECRET : ENV_CONFIG_MAP) && strcmp(env[i].ref, name) == 0)
			return true;
	for (uint32_t i = 0; i < c->env_from.n; i++)
		if (strcmp(secret ? from[i].secret : from[i].config_map, name) == 0)
			return true;
	return false;
}

bool spec_refers(const struct pod_spec *spec, bool secret, const char *name)
{
	const struct volume_spec *volumes = spec->volumes.v;
	const struct pair *pulls = spec->pull_secrets.v;

	for (uint32_t i = 0; i < spec->container_count; i++)
		if (container_refers(&spec->containers[i], secret, name))
			return true;
	for (uint32_t i = 0; secret && i < spec->pull_secrets.n; i++)
		if (strcmp(pulls[i].key, name) == 0)
			return true;
	for (uint32_t i = 0; i < spec->volumes.n; i++) {
		const struct volume_source *sources = volumes[i].sources.v;

		for (uint32_t j = 0; j < volumes[i].sources.n; j++)
			if (sources[j].kind == (secret ? SOURCE_SECRET : SOURCE_CONFIG_MAP) &&
			    strcmp(sources[j].name, name) == 0)
				return true;
	}
	return false;
}
