#include "edge-hub/pods/cri_config.h"

#include <stdio.h>

#define CPU_PERIOD_US 100000
#define SHARES_LEAST 2
#define QUOTA_LEAST 1000

/* --- numbers; rules of the kubelet's cm and qos packages --- */
int64_t config_cpu_shares(const struct resource_spec *r)
{
	int64_t milli = r->cpu_request_milli.set ? r->cpu_request_milli.value : r->cpu_limit_milli.value;
	int64_t shares = milli > INT32_MAX ? INT32_MAX : milli * 1024 / 1000;

	return shares < SHARES_LEAST ? SHARES_LEAST : shares > 262144 ? 262144 : shares;
}

int64_t config_cpu_quota(const struct resource_spec *r)
{
	int64_t quota;

	if (!r->cpu_limit_milli.set || r->cpu_limit_milli.value <= 0 || r->cpu_limit_milli.value > INT32_MAX)
		return 0;
	quota = r->cpu_limit_milli.value * CPU_PERIOD_US / 1000;
	return quota < QUOTA_LEAST ? QUOTA_LEAST : quota;
}

int config_oom_score(const struct pod_spec *spec, const struct resource_spec *r,
		     int64_t memory_capacity_bytes)
{
	int64_t share;

	if (spec->qos == QOS_GUARANTEED)
		return -997;
	if (spec->qos == QOS_BEST_EFFORT || memory_capacity_bytes <= 0)
		return 1000;
	share = 1000 - (int64_t)(1000.0 * (double)r->memory_request.value / (double)memory_capacity_bytes);
	return share < 3 ? 3 : share > 999 ? 999 : (int)share;
}

int config_cgroup_parent(const char *cgroup_root, bool systemd, const struct pod_spec *spec, struct buf *out)
{
	static const char *const classes[] = {
		[QOS_GUARANTEED] = "", [QOS_BURSTABLE] = "burstable", [QOS_BEST_EFFORT] = "besteffort"
	};
	const char *class = classes[spec->qos];

	if (!systemd)
		return buf_addf(out, "%s%skubepods%s%s/pod%s", cgroup_root,
				cgroup_root[strlen(cgroup_root) - 1] == '/' ? "" : "/", class[0] ? "/" : "",
				class, spec->uid);
	buf_addf(out, "kubepods%s%s-pod", class[0] ? "-" : "", class);
	for (const char *c = spec->uid; *c; c++)
		buf_add_char(out, *c == '-' ? '_' : *c);
	return buf_add_str(out, ".slice");
}

/* "a-b-c.slice" lies in "a.slice/a-b.slice" (systemd.slice(5)). */
static int add_slice(struct span name, struct buf *out)
{
	struct span stem = span_make(name.ptr, name.len - strlen(".slice"));

	for (size_t i = 0; i < stem.len; i++)
		if (stem.ptr[i] == '-')
			buf_addf(out, "/%.*s.slice", (int)i, stem.ptr);
	return buf_addf(out, "/%.*s", SPAN_ARG(name));
}

int config_cgroup_path(const char *cgroup_root, bool systemd, const struct pod_spec *spec, struct buf *out)
{
	struct buf slice;
	int code;

	if (!systemd)
		return config_cgroup_parent(cgroup_root, false, spec, out);
	buf_init(&slice, 1024);
	code = config_cgroup_parent(cgroup_root, true, spec, &slice);
	if (!code)
		code = add_slice(buf_span(&slice), out);
	buf_done(&slice);
	return code;
}

int config_log_dir(const char *log_dir, const struct pod_spec *spec, struct buf *out)
{
	return buf_addf(out, "%s/%s_%s_%s", log_dir, spec->ns, spec->name, spec->uid);
}

int config_hostname(const struct pod_spec *spec, const char *cluster_domain, struct buf *out)
{
	struct span name = span_of(spec->hostname[0] ? spec->hostname : spec->name);

	if (spec->host_network)
		return 0;
	if (name.len > 63)
		name.len = 63;
	while (name.len && (name.ptr[name.len - 1] == '-' || name.ptr[name.len - 1] == '.'))
		name.len--;
	buf_add_span(out, name);
	if (spec->set_hostname_as_fqdn && spec->subdomain[0])
		buf_addf(out, ".%s.%s.svc.%s", spec->subdomain, spec->ns, cluster_domain);
	return buf_error(out);
}

/* --- pieces --- */
static char *textf(struct arena *arena, const char *fmt, ...) printf_like(2, 3);
static char *textf(struct arena *arena, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return arena_str(arena, span_of(text));
}

static char *same(const char *s) /* messages only read what they point to */
{
	return (char *)(uintptr_t)s;
}

struct pairs_out {
	struct arena *arena;
	Runtime__V1__Pair **v;
	size_t n, max;
	bool failed;
};

static void pairs_begin(struct pairs_out *out, struct arena *arena, size_t max)
{
	*out = (struct pairs_out){ .arena = arena,
				   .max = max,
				   .v = arena_alloc(arena, (max ? max : 1) * sizeof(void *)) };
	out->failed = !out->v;
}

static void pairs_put(struct pairs_out *out, const char *key, const char *value)
{
	Runtime__V1__Pair *pair =
		out->failed || !value || out->n == out->max ? NULL : arena_alloc(out->arena, sizeof(*pair));

	out->failed |= !pair;
	if (!pair)
		return;
	runtime__v1__pair__init(pair);
	pair->key = same(key);
	pair->value = same(value);
	out->v[out->n++] = pair;
}

static void put_list(struct pairs_out *out, const struct pair_list *list, const char *skip)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (!skip || strcmp(list->v[i].key, skip) != 0)
			pairs_put(out, list->v[i].key, list->v[i].value);
}

static Runtime__V1__NamespaceOption *namespaces(struct arena *arena, const struct pod_spec *spec)
{
	Runtime__V1__NamespaceOption *ns = arena_alloc(arena, sizeof(*ns));

	if (!ns)
		return NULL;
	runtime__v1__namespace_option__init(ns);
	ns->network =
		spec->host_network ? RUNTIME__V1__NAMESPACE_MODE__NODE : RUNTIME__V1__NAMESPACE_MODE__POD;
	ns->ipc = spec->host_ipc ? RUNTIME__V1__NAMESPACE_MODE__NODE : RUNTIME__V1__NAMESPACE_MODE__POD;
	ns->pid = spec->host_pid	   ? RUNTIME__V1__NAMESPACE_MODE__NODE
		  : spec->share_process_ns ? RUNTIME__V1__NAMESPACE_MODE__POD
					   : RUNTIME__V1__NAMESPACE_MODE__CONTAINER;
	return ns;
}

/* An absent value in CRI is an absent message. False only when the arena is full. */
static bool int64_value(struct arena *arena, const struct opt_int *n, Runtime__V1__Int64Value **out)
{
	if (!n->set)
		return true;
	*out = arena_alloc(arena, sizeof(**out));
	if (!*out)
		return false;
	runtime__v1__int64_value__init(*out);
	(*out)->value = n->value;
	return true;
}

static Runtime__V1__SecurityProfile *seccomp(struct arena *arena, const struct seccomp_spec *spec,
					     const char *dir)
{
	Runtime__V1__SecurityProfile *profile = arena_alloc(arena, sizeof(*profile));

	if (!profile)
		return NULL;
	runtime__v1__security_profile__init(profile);
	profile->profile_type = RUNTIME__V1__SECURITY_PROFILE__PROFILE_TYPE__Unconfined;
	if (spec->kind == SECCOMP_RUNTIME_DEFAULT)
		profile->profile_type = RUNTIME__V1__SECURITY_PROFILE__PROFILE_TYPE__RuntimeDefault;
	if (spec->kind == SECCOMP_LOCALHOST) {
		profile->profile_type = RUNTIME__V1__SECURITY_PROFILE__PROFILE_TYPE__Localhost;
		profile->localhost_ref = textf(arena, "%s/%s", dir, spec->localhost);
	}
	return profile->localhost_ref ? profile : NULL;
}

static bool selinux(struct arena *arena, const struct selinux_spec *spec, Runtime__V1__SELinuxOption **out)
{
	if (!spec->user || !(spec->user[0] || spec->role[0] || spec->type[0] || spec->level[0]))
		return true;
	*out = arena_alloc(arena, sizeof(**out));
	if (!*out)
		return false;
	runtime__v1__selinux_option__init(*out);
	(*out)->user = same(spec->user);
	(*out)->role = same(spec->role);
	(*out)->type = same(spec->type);
	(*out)->level = same(spec->level);
	return true;
}

static bool groups(struct arena *arena, const struct pod_spec *spec, size_t *out_n, int64_t **out)
{
	const int64_t *given = spec->security.supplemental_groups.v;
	size_t n = spec->security.supplemental_groups.n;

	*out = arena_alloc(arena, (n + 1) * sizeof(**out));
	if (!*out)
		return false;
	if (n)
		memcpy(*out, given, n * sizeof(**out));
	if (spec->security.fs_group.set)
		(*out)[n++] = spec->security.fs_group.value;
	*out_n = n;
	return true;
}

/* --- the sandbox --- */
static bool any_privileged(const struct pod_spec *spec)
{
	for (uint32_t i = 0; i < spec->container_count; i++)
		if (spec->containers[i].security.privileged.value)
			return true;
	return false;
}

static bool host_ports(struct arena *arena, const struct pod_spec *spec, Runtime__V1__PodSandboxConfig *out)
{
	size_t max = 0;

	for (uint32_t i = 0; i < spec->container_count; i++)
		max += spec->containers[i].ports.n;
	out->port_mappings = arena_alloc(arena, (max ? max : 1) * sizeof(void *));
	if (!out->port_mappings)
		return false;
	for (uint32_t i = 0; !spec->host_network && i < spec->container_count; i++) {
		const struct port_spec *ports = spec->containers[i].ports.v;

		for (uint32_t k = 0; k < spec->containers[i].ports.n; k++) {
			Runtime__V1__PortMapping *mapping =
				ports[k].host_port ? arena_alloc(arena, sizeof(*mapping)) : NULL;

			if (!ports[k].host_port)
				continue;
			if (!mapping)
				return false;
			runtime__v1__port_mapping__init(mapping);
			mapping->protocol = (Runtime__V1__Protocol)ports[k].protocol;
			mapping->container_port = (int32_t)ports[k].container_port;
			mapping->host_port = (int32_t)ports[k].host_port;
			mapping->host_ip = same(ports[k].host_ip);
			out->port_mappings[out->n_port_mappings++] = mapping;
		}
	}
	return true;
}

static bool sandbox_linux(struct arena *arena, const struct config_options *o, const struct pod_spec *spec,
			  Runtime__V1__PodSandboxConfig *out)
{
	static const struct seccomp_spec runtime_default = { .kind = SECCOMP_RUNTIME_DEFAULT,
							     .localhost = "" };
	const struct pair *sysctls = spec->security.sysctls.v;
	Runtime__V1__LinuxSandboxSecurityContext *security = arena_alloc(arena, sizeof(*security));
	Runtime__V1__LinuxPodSandboxConfig *on_linux = arena_alloc(arena, sizeof(*on_linux));
	struct pairs_out pairs;

	if (!security || !on_linux)
		return false;
	runtime__v1__linux_pod_sandbox_config__init(on_linux);
	runtime__v1__linux_sandbox_security_context__init(security);
	pairs_begin(&pairs, arena, spec->security.sysctls.n);
	for (uint32_t i = 0; i < spec->security.sysctls.n; i++)
		pairs_put(&pairs, sysctls[i].key, sysctls[i].value);
	on_linux->sysctls = pairs.v;
	on_linux->n_sysctls = pairs.n;
	on_linux->cgroup_parent = same(o->cgroup_parent);
	on_linux->security_context = security;
	security->privileged = any_privileged(spec);
	security->namespace_options = namespaces(arena, spec);
	security->seccomp = seccomp(arena, &runtime_default, "");
	out->on_linux = on_linux;
	return !pairs.failed && security->namespace_options && security->seccomp &&
	       int64_value(arena, &spec->security.run_as_user, &security->run_as_user) &&
	       (!spec->security.run_as_user.set ||
		int64_value(arena, &spec->security.run_as_group, &security->run_as_group)) &&
	       selinux(arena, &spec->security.selinux, &security->selinux_options) &&
	       groups(arena, spec, &security->n_supplemental_groups, &security->supplemental_groups);
}

static bool sandbox_names(struct arena *arena, const struct config_options *o, const struct pod_spec *spec,
			  unsigned attempt, Runtime__V1__PodSandboxConfig *out)
{
	Runtime__V1__PodSandboxMetadata *meta = arena_alloc(arena, sizeof(*meta));
	struct buf text;

	if (!meta)
		return false;
	runtime__v1__pod_sandbox_metadata__init(meta);
	meta->name = same(spec->name);
	meta->uid = same(spec->uid);
	meta->namespace_ = same(spec->ns);
	meta->attempt = attempt;
	out->metadata = meta;
	buf_init(&text, 4096);
	out->log_directory =
		config_log_dir(o->log_dir, spec, &text) ? NULL : arena_str(arena, buf_span(&text));
	buf_reset(&text);
	out->hostname =
		config_hostname(spec, o->cluster_domain, &text) ? NULL : arena_str(arena, buf_span(&text));
	buf_done(&text);
	return out->log_directory && out->hostname;
}

static bool sandbox_labels(struct arena *arena, const struct pod_spec *spec,
			   Runtime__V1__PodSandboxConfig *out)
{
	struct pairs_out labels, annotations;

	pairs_begin(&labels, arena, spec->labels.n + 3);
	put_list(&labels, &spec->labels, NULL);
	pairs_put(&labels, LABEL_POD_NAME, spec->name);
	pairs_put(&labels, LABEL_POD_NAMESPACE, spec->ns);
	pairs_put(&labels, LABEL_POD_UID, spec->uid);
	pairs_begin(&annotations, arena, spec->annotations.n + 2);
	put_list(&annotations, &spec->annotations, "kubectl.kubernetes.io/last-applied-configuration");
	pairs_put(&annotations, "kubernetes.io/config.source", "api");
	pairs_put(&annotations, ANNOTATION_GRACE, textf(arena, "%lld", (long long)spec->grace_s));
	out->labels = labels.v;
	out->n_labels = labels.n;
	out->annotations = annotations.v;
	out->n_annotations = annotations.n;
	return !labels.failed && !annotations.failed;
}

Runtime__V1__PodSandboxConfig *config_sandbox(struct arena *arena, const struct config_options *options,
					      const struct pod_spec *spec, unsigned attempt)
{
	Runtime__V1__PodSandboxConfig *out = arena_alloc(arena, sizeof(*out));

	if (!out)
		return NULL;
	runtime__v1__pod_sandbox_config__init(out);
	out->dns_config = config_dns(arena, options, spec);
	if (!out->dns_config || !sandbox_names(arena, options, spec, attempt, out) ||
	    !sandbox_labels(arena, spec, out) || !host_ports(arena, spec, out) ||
	    !sandbox_linux(arena, options, spec, out))
		return NULL;
	return out;
}

/* --- the container --- */
static bool expand_all(struct arena *arena, const struct strs *from, const struct env_list *env,
		       size_t *out_n, char ***out)
{
	struct buf text;
	bool ok = true;

	*out = arena_alloc(arena, (from->n ? from->n : 1) * sizeof(char *));
	if (!*out)
		return false;
	buf_init(&text, ENV_BYTES_MAX);
	for (uint32_t i = 0; ok && i < from->n; i++) {
		buf_reset(&text);
		ok = !env_expand(span_of(from->v[i]), env, &text);
		(*out)[i] = ok ? arena_str(arena, buf_span(&text)) : NULL;
		ok = ok && (*out)[i];
	}
	buf_done(&text);
	*out_n = from->n;
	return ok;
}

static bool container_envs(struct arena *arena, const struct env_list *env, Runtime__V1__ContainerConfig *out)
{
	out->envs = arena_alloc(arena, (env->n ? env->n : 1) * sizeof(void *));
	if (!out->envs)
		return false;
	for (size_t i = 0; i < env->n; i++) {
		Runtime__V1__KeyValue *kv = arena_alloc(arena, sizeof(*kv));

		if (!kv)
			return false;
		runtime__v1__key_value__init(kv);
		kv->key = same(env->v[i].name);
		kv->value =
			(ProtobufCBinaryData){ strlen(env->v[i].value), (uint8_t *)same(env->v[i].value) };
		out->envs[out->n_envs++] = kv;
	}
	return true;
}

static bool add_mount(struct arena *arena, Runtime__V1__ContainerConfig *out, const char *inside,
		      const char *host, bool read_only, int propagation)
{
	Runtime__V1__Mount *mount = arena_alloc(arena, sizeof(*mount));

	if (!mount)
		return false;
	runtime__v1__mount__init(mount);
	mount->container_path = inside[0] == '/' ? same(inside) : textf(arena, "/%s", inside);
	mount->host_path = same(host);
	mount->readonly = read_only;
	mount->propagation = (Runtime__V1__MountPropagation)propagation;
	out->mounts[out->n_mounts++] = mount;
	return mount->container_path != NULL;
}

static bool is_volume_read_only(const struct pod_spec *spec, const char *name)
{
	const struct volume_spec *volume = spec_volume(spec, name);

	return volume && volume->kind != VOLUME_EMPTY_DIR && volume->kind != VOLUME_HOST_PATH;
}

static bool container_mounts(struct arena *arena, const struct pod_spec *spec,
			     const struct config_container *what, Runtime__V1__ContainerConfig *out)
{
	const struct mount_spec *mounts = what->container->mounts.v;
	size_t extra = 0;

	while (what->extra[extra].container_path)
		extra++;
	out->mounts = arena_alloc(arena, (what->container->mounts.n + extra + 1) * sizeof(void *));
	if (!out->mounts)
		return false;
	for (uint32_t i = 0; i < what->container->mounts.n; i++) {
		bool read_only = mounts[i].read_only || is_volume_read_only(spec, mounts[i].name);

		if (!add_mount(arena, out, mounts[i].mount_path, what->mount_paths[i], read_only,
			       mounts[i].propagation))
			return false;
	}
	for (size_t i = 0; i < extra; i++) {
		bool taken = false;

		for (uint32_t k = 0; k < what->container->mounts.n; k++)
			taken |= strcmp(mounts[k].mount_path, what->extra[i].container_path) == 0;
		if (!taken && !add_mount(arena, out, what->extra[i].container_path, what->extra[i].host_path,
					 what->extra[i].read_only, 0))
			return false;
	}
	return true;
}

static bool container_labels(struct arena *arena, const struct pod_spec *spec,
			     const struct config_container *what, Runtime__V1__ContainerConfig *out)
{
	const struct container_spec *c = what->container;
	struct pairs_out labels, annotations;

	pairs_begin(&labels, arena, 4);
	pairs_put(&labels, LABEL_CONTAINER, c->name);
	pairs_put(&labels, LABEL_POD_NAME, spec->name);
	pairs_put(&labels, LABEL_POD_NAMESPACE, spec->ns);
	pairs_put(&labels, LABEL_POD_UID, spec->uid);
	pairs_begin(&annotations, arena, 5);
	pairs_put(&annotations, ANNOTATION_HASH, textf(arena, "%x", c->hash));
	pairs_put(&annotations, ANNOTATION_RESTARTS, textf(arena, "%u", what->restart_count));
	pairs_put(&annotations, ANNOTATION_MESSAGE_PATH, c->message_path);
	pairs_put(&annotations, ANNOTATION_MESSAGE_POLICY,
		  c->message_from_logs ? "FallbackToLogsOnError" : "File");
	pairs_put(&annotations, ANNOTATION_GRACE, textf(arena, "%lld", (long long)spec->grace_s));
	out->labels = labels.v;
	out->n_labels = labels.n;
	out->annotations = annotations.v;
	out->n_annotations = annotations.n;
	return !labels.failed && !annotations.failed;
}

static Runtime__V1__LinuxContainerResources *resources(struct arena *arena, const struct config_options *o,
						       const struct pod_spec *spec,
						       const struct resource_spec *r)
{
	Runtime__V1__LinuxContainerResources *out = arena_alloc(arena, sizeof(*out));

	if (!out)
		return NULL;
	runtime__v1__linux_container_resources__init(out);
	out->cpu_shares = config_cpu_shares(r);
	out->cpu_quota = config_cpu_quota(r);
	out->cpu_period = CPU_PERIOD_US;
	out->memory_limit_in_bytes = r->memory_limit.set ? r->memory_limit.value : 0;
	out->oom_score_adj = config_oom_score(spec, r, o->memory_capacity_bytes);
	return out;
}

/* What a kubelet hides from containers that are not privileged. */
static char *const masked[] = {
	"/proc/asound",
	"/proc/acpi",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/sys/firmware",
	"/sys/devices/virtual/powercap",
};
static char *const read_only_paths[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
					 "/proc/sysrq-trigger" };

static bool capabilities(struct arena *arena, const struct container_security *s,
			 Runtime__V1__LinuxContainerSecurityContext *out)
{
	Runtime__V1__Capability *cap = arena_alloc(arena, sizeof(*cap));

	if (!cap)
		return false;
	runtime__v1__capability__init(cap);
	cap->add_capabilities = (char **)(uintptr_t)s->cap_add.v;
	cap->n_add_capabilities = s->cap_add.n;
	cap->drop_capabilities = (char **)(uintptr_t)s->cap_drop.v;
	cap->n_drop_capabilities = s->cap_drop.n;
	out->capabilities = cap;
	return true;
}

static bool container_security_of(struct arena *arena, const struct config_options *o,
				  const struct pod_spec *spec, const struct container_spec *c,
				  Runtime__V1__LinuxContainerSecurityContext *out)
{
	const struct container_security *s = &c->security;
	const struct opt_int *user = s->run_as_user.set ? &s->run_as_user : &spec->security.run_as_user;
	const struct opt_int *group = s->run_as_group.set ? &s->run_as_group : &spec->security.run_as_group;
	const struct selinux_spec *labels = s->selinux.user && (s->selinux.type[0] || s->selinux.level[0])
						    ? &s->selinux
						    : &spec->security.selinux;

	out->privileged = s->privileged.value;
	out->readonly_rootfs = s->read_only_root.value;
	out->no_new_privs = s->allow_escalation.set && !s->allow_escalation.value;
	if (!s->privileged.value && !s->proc_mount_unmasked) {
		out->masked_paths = (char **)(uintptr_t)masked;
		out->n_masked_paths = sizeof(masked) / sizeof(masked[0]);
		out->readonly_paths = (char **)(uintptr_t)read_only_paths;
		out->n_readonly_paths = sizeof(read_only_paths) / sizeof(read_only_paths[0]);
	}
	out->namespace_options = namespaces(arena, spec);
	out->seccomp =
		seccomp(arena, s->seccomp.kind ? &s->seccomp : &spec->security.seccomp, o->seccomp_dir);
	/* CRI refuses a group without a user. */
	return out->namespace_options && out->seccomp && capabilities(arena, s, out) &&
	       int64_value(arena, user, &out->run_as_user) &&
	       (!user->set || int64_value(arena, group, &out->run_as_group)) &&
	       selinux(arena, labels, &out->selinux_options) &&
	       groups(arena, spec, &out->n_supplemental_groups, &out->supplemental_groups);
}

static bool container_linux(struct arena *arena, const struct config_options *o, const struct pod_spec *spec,
			    const struct container_spec *c, Runtime__V1__ContainerConfig *out)
{
	Runtime__V1__LinuxContainerSecurityContext *security = arena_alloc(arena, sizeof(*security));
	Runtime__V1__LinuxContainerConfig *on_linux = arena_alloc(arena, sizeof(*on_linux));

	if (!security || !on_linux)
		return false;
	runtime__v1__linux_container_config__init(on_linux);
	runtime__v1__linux_container_security_context__init(security);
	on_linux->security_context = security;
	on_linux->resources = resources(arena, o, spec, &c->resources);
	out->on_linux = on_linux;
	return on_linux->resources && container_security_of(arena, o, spec, c, security);
}

Runtime__V1__ContainerConfig *config_container(struct arena *arena, const struct config_options *options,
					       const struct pod_spec *spec,
					       const struct config_container *what)
{
	const struct container_spec *c = what->container;
	Runtime__V1__ContainerConfig *out = arena_alloc(arena, sizeof(*out));
	Runtime__V1__ContainerMetadata *meta = arena_alloc(arena, sizeof(*meta));
	Runtime__V1__ImageSpec *image = arena_alloc(arena, sizeof(*image));

	if (!out || !meta || !image)
		return NULL;
	runtime__v1__container_config__init(out);
	runtime__v1__container_metadata__init(meta);
	runtime__v1__image_spec__init(image);
	meta->name = same(c->name);
	meta->attempt = what->attempt;
	image->image = same(what->image);
	out->metadata = meta;
	out->image = image;
	out->working_dir = same(c->working_dir);
	out->stdin = c->stdin_open;
	out->stdin_once = c->stdin_once;
	out->tty = c->tty;
	out->log_path = textf(arena, "%s/%u.log", c->name, what->restart_count);
	if (!out->log_path || !expand_all(arena, &c->command, what->env, &out->n_command, &out->command) ||
	    !expand_all(arena, &c->args, what->env, &out->n_args, &out->args) ||
	    !container_envs(arena, what->env, out) || !container_mounts(arena, spec, what, out) ||
	    !container_labels(arena, spec, what, out) || !container_linux(arena, options, spec, c, out))
		return NULL;
	return out;
}
