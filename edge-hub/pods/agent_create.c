#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "edge-hub/pods/agent_internal.h"
#include "edge-hub/pods/cgroup.h"
#include "edge-hub/pods/filedir.h"

#define PATH_BYTES 4096u
#define CGROUP_MOUNTS "/sys/fs/cgroup"

/* --- PREPARE --- */
int agent_cgroup_parent(struct pod *pod, struct buf *out)
{
	return config_cgroup_parent(pod->agent->cgroup_root, pod->agent->systemd, lifecycle_spec(pod->lc),
				    out);
}

static void make_cgroup(struct pod *pod)
{
	const struct pod_spec *spec = lifecycle_spec(pod->lc);
	struct resource_spec total;
	struct cgroup_limits limits;
	struct buf parent;
	int rc;

	if (pod->agent->systemd) /* the runtime has systemd make the slice */
		return;
	spec_pod_resources(spec, &total);
	limits = (struct cgroup_limits){ config_cpu_shares(&total), config_cpu_quota(&total),
					 total.memory_limit.set ? total.memory_limit.value : 0 };
	buf_init(&parent, PATH_BYTES);
	rc = agent_cgroup_parent(pod, &parent);
	if (!rc)
		rc = cgroup_make(CGROUP_MOUNTS, buf_cstr(&parent), &limits);
	if (rc) /* each container still has its own limits */
		log_warn("pods", "cgroup", "pod=%s/%s error=%d", spec->ns, spec->name, rc);
	buf_done(&parent);
}

static int make_log_dir(struct pod *pod, const char *container)
{
	struct buf path;
	int rc;

	buf_init(&path, PATH_BYTES);
	rc = config_log_dir(pod->agent->log_dir, lifecycle_spec(pod->lc), &path);
	if (!rc && container)
		rc = buf_addf(&path, "/%s", container);
	if (!rc)
		rc = filedir_make(buf_cstr(&path), 0755);
	buf_done(&path);
	return rc;
}

void op_prepare(struct op *op)
{
	struct pod_world world;
	struct err err = { 0 };
	int rc;

	agent_world(op->pod, &world);
	rc = volumes_prepare(&op->agent->volumes, &world, &err);
	if (!rc && make_log_dir(op->pod, NULL))
		rc = err_set(&err, -EIO, "the directory of the pod's logs cannot be made");
	if (!rc)
		make_cgroup(op->pod);
	op_done(op, rc, "FailedMount", err_text(&err));
}

/* --- the sandbox --- */
static struct span read_resolv_conf(struct op *op)
{
	int fd = open(op->agent->resolv_conf, O_RDONLY | O_CLOEXEC);
	char text[8192];
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : 0;
	char *copy;

	if (fd >= 0)
		close(fd);
	copy = n > 0 ? arena_str(&op->arena, span_make(text, (size_t)n)) : NULL;
	return span_make(copy, copy ? (size_t)n : 0);
}

static int options_of(struct op *op, struct config_options *out)
{
	struct buf parent;

	buf_init(&parent, PATH_BYTES);
	*out = (struct config_options){ .log_dir = op->agent->log_dir,
					.cluster_dns = op->agent->cluster_dns,
					.cluster_domain = op->agent->cluster_domain,
					.seccomp_dir = op->agent->seccomp_dir,
					.resolv_conf = read_resolv_conf(op),
					.memory_capacity_bytes = op->agent->memory_bytes };
	out->cgroup_parent =
		agent_cgroup_parent(op->pod, &parent) ? NULL : arena_str(&op->arena, buf_span(&parent));
	buf_done(&parent);
	return out->cgroup_parent ? 0 : -ENOMEM;
}

static void on_sandbox_ips(void *ctx, const struct cri_answer *answer)
{
	struct op *op = ctx;
	const Runtime__V1__PodSandboxStatusResponse *response = answer->body;
	const Runtime__V1__PodSandboxNetworkStatus *network =
		!answer->code && response->status ? response->status->network : NULL;
	struct buf ips;

	buf_init(&ips, 1024);
	for (size_t i = 0; network && network->ip[0] && i <= network->n_additional_ips; i++)
		buf_addf(&ips, "%s%s", i ? "," : "", i ? network->additional_ips[i - 1]->ip : network->ip);
	op->extra = ips.len ? arena_str(&op->arena, buf_span(&ips)) : NULL;
	buf_done(&ips);
	op_done(op, 0, "", ""); /* without addresses: the next listing asks again */
}

static void on_sandbox(void *ctx, const struct cri_answer *answer)
{
	struct op *op = ctx;
	const Runtime__V1__RunPodSandboxResponse *response = answer->body;
	Runtime__V1__PodSandboxStatusRequest request = RUNTIME__V1__POD_SANDBOX_STATUS_REQUEST__INIT;

	if (answer->code) {
		op_done(op, answer->code, "", answer->message);
		return;
	}
	op->result = strdup(response->pod_sandbox_id);
	if (!op->result) {
		op_done(op, -ENOMEM, "", "no memory");
		return;
	}
	request.pod_sandbox_id = op->result;
	if (op_call(op, CRI_POD_SANDBOX_STATUS, &request, 0, on_sandbox_ips))
		op_done(op, 0, "", "");
}

void op_run_sandbox(struct op *op)
{
	Runtime__V1__RunPodSandboxRequest request = RUNTIME__V1__RUN_POD_SANDBOX_REQUEST__INIT;
	struct config_options options;
	int rc = options_of(op, &options);

	if (!rc)
		request.config =
			config_sandbox(&op->arena, &options, lifecycle_spec(op->pod->lc), op->action.attempt);
	rc = rc ? rc : request.config ? op_call(op, CRI_RUN_POD_SANDBOX, &request, 0, on_sandbox) : -E2BIG;
	if (rc)
		op_done(op, rc, "", "the sandbox's configuration cannot be made");
}

/* --- a container --- */
struct creation {
	struct op *op;
	struct pod_world world;
	struct config_options options;
	struct env_list env;
	const char **mounts;
	struct config_mount extra[3];
	struct err err;
};

static const char *kept(struct creation *c, struct buf *path)
{
	const char *copy = buf_error(path) ? NULL : arena_str(&c->op->arena, buf_span(path));

	buf_reset(path);
	return copy;
}

static int find_mounts(struct creation *c, const struct container_spec *container)
{
	struct buf path;
	int rc = 0;

	c->mounts = arena_alloc(&c->op->arena, (container->mounts.n + 1) * sizeof(char *));
	if (!c->mounts)
		return -E2BIG;
	buf_init(&path, PATH_BYTES);
	for (uint32_t i = 0; !rc && i < container->mounts.n; i++) {
		rc = volumes_mount_path(&c->op->agent->volumes, &c->world, container, i, &c->env, &path,
					&c->err);
		if (!rc)
			c->mounts[i] = kept(c, &path);
		rc = rc ? rc : c->mounts[i] ? 0 : -E2BIG;
	}
	buf_done(&path);
	return rc;
}

static int make_extra(struct creation *c, const struct container_spec *container)
{
	const struct pod_spec *spec = c->world.spec;
	struct buf path, hostname;
	size_t n = 0;
	int rc;

	buf_init(&path, PATH_BYTES);
	buf_init(&hostname, 1024);
	rc = volumes_message_file(&c->op->agent->volumes, spec->uid, container->name,
				  c->op->action.restart_count, &path);
	if (!rc)
		c->extra[n++] = (struct config_mount){ container->message_path, kept(c, &path), false };
	if (!rc)
		rc = config_hostname(spec, c->op->agent->cluster_domain, &hostname);
	if (!rc)
		rc = volumes_hosts_file(&c->op->agent->volumes, &c->world, buf_cstr(&hostname), &path);
	if (!rc)
		c->extra[n++] = (struct config_mount){ "/etc/hosts", kept(c, &path),
						       container->security.read_only_root.value };
	buf_done(&path);
	buf_done(&hostname);
	for (size_t i = 0; !rc && i < n; i++)
		rc = c->extra[i].host_path ? 0 : -E2BIG;
	return rc ? err_set(&c->err, rc, "files of the container cannot be made: %s", strerror(-rc)) : 0;
}

static int check_user(struct creation *c, const struct container_spec *container)
{
	const struct pod_security *pod = &c->world.spec->security;
	const struct opt_bool *non_root = container->security.run_as_non_root.set
						  ? &container->security.run_as_non_root
						  : &pod->run_as_non_root;
	const struct opt_int *user =
		container->security.run_as_user.set ? &container->security.run_as_user : &pod->run_as_user;

	if (!non_root->value)
		return 0;
	if (user->set ? user->value == 0 : c->op->pod->containers[c->op->action.slot].image_root)
		return err_set(&c->err, -EPERM, "container has runAsNonRoot and image will run as root");
	return 0;
}

static void on_created(void *ctx, const struct cri_answer *answer)
{
	struct op *op = ctx;
	const Runtime__V1__CreateContainerResponse *response = answer->body;

	if (!answer->code) {
		op->result = strdup(response->container_id);
		op_done(op, op->result ? 0 : -ENOMEM, "", "");
		return;
	}
	op_done(op, answer->code, "CreateContainerError", answer->message);
}

static int send_create(struct creation *c, const struct container_spec *container)
{
	Runtime__V1__CreateContainerRequest request = RUNTIME__V1__CREATE_CONTAINER_REQUEST__INIT;
	struct op *op = c->op;
	const char *image = op->pod->containers[op->action.slot].image;
	const struct config_container what = { .container = container,
					       .attempt = op->action.attempt,
					       .restart_count = op->action.restart_count,
					       .image = image ? image : container->image,
					       .env = &c->env,
					       .mount_paths = c->mounts,
					       .extra = c->extra };

	request.pod_sandbox_id = op->id;
	request.config = config_container(&op->arena, &c->options, c->world.spec, &what);
	request.sandbox_config = config_sandbox(&op->arena, &c->options, c->world.spec, 0);
	if (!request.config || !request.sandbox_config)
		return err_set(&c->err, -E2BIG, "the container's configuration is too large");
	return op_call(op, CRI_CREATE_CONTAINER, &request, 0, on_created);
}

/* What lies within the agent's own reach; a failure here is one of configuration. */
static int configure(struct creation *c, const struct container_spec *container)
{
	int rc = check_user(c, container);

	if (!rc)
		rc = env_resolve(&c->world, container, &c->env, &c->err);
	if (!rc)
		rc = find_mounts(c, container);
	return rc;
}

void op_create(struct op *op)
{
	struct creation c = { .op = op };
	const struct container_spec *container = op_container(op);
	const char *reason = "CreateContainerConfigError";
	int rc;

	agent_world(op->pod, &c.world);
	rc = configure(&c, container);
	if (!rc) {
		reason = "CreateContainerError";
		rc = make_extra(&c, container);
	}
	if (!rc)
		rc = make_log_dir(op->pod, container->name);
	if (!rc)
		agent_drop_old_runs(op->agent, c.world.spec, container->name, op->action.restart_count);
	if (!rc)
		rc = options_of(op, &c.options);
	if (!rc)
		rc = send_create(&c, container);
	env_done(&c.env);
	/* -EAGAIN here says that an object is not known yet, which is an answer. */
	if (rc)
		op_done(op, rc == -EAGAIN ? -ENOENT : rc, reason,
			c.err.code ? err_text(&c.err) : strerror(-rc));
}

/* --- CLEAN --- */
struct cleaning {
	struct op *op; /* NULL when the agent was closed meanwhile */
	char *data_dir, *uid, *parent;
	char *logs, *log_dir; /* its own logs, or where to look for them */
	int code;
	bool cgroup_left;
};

static void cleaning_free(struct cleaning *c)
{
	free(c->data_dir);
	free(c->uid);
	free(c->parent);
	free(c->logs);
	free(c->log_dir);
	free(c);
}

/* The logs of a pod of which only the UID is known: LOG_DIR/<ns>_<name>_<uid>. */
static int remove_logs_of(const char *log_dir, const char *uid)
{
	DIR *dir = opendir(log_dir);
	struct dirent *entry;
	char suffix[300];
	int rc = 0;

	(void)snprintf(suffix, sizeof(suffix), "_%s", uid);
	while (!rc && dir && (entry = readdir(dir))) {
		char path[PATH_BYTES];

		if (!span_has_suffix(span_of(entry->d_name), span_of(suffix)))
			continue;
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", log_dir, entry->d_name) < sizeof(path))
			rc = filedir_remove(path);
	}
	if (dir)
		closedir(dir);
	return rc;
}

static void clean(void *ctx) /* on a pool thread */
{
	struct cleaning *c = ctx;

	c->code = volumes_remove(c->data_dir, c->uid);
	if (c->parent && !c->code && cgroup_remove(CGROUP_MOUNTS, c->parent))
		c->cgroup_left = true; /* empty and harmless */
	if (!c->code)
		c->code = c->log_dir ? remove_logs_of(c->log_dir, c->uid) : filedir_remove(c->logs);
}

static void on_cleaned(void *ctx)
{
	struct cleaning *c = ctx;
	char message[160];

	if (c->cgroup_left)
		log_debug("pods", "cgroup", "uid=%s left=1", c->uid);
	snprintf(message, sizeof(message), "the pod's files cannot be removed: %s", strerror(-c->code));
	if (c->op) {
		c->op->extra = NULL;
		op_done(c->op, c->code, "", c->code ? message : "");
	}
	cleaning_free(c);
}

void op_clean(struct op *op)
{
	const struct pod_spec *spec = lifecycle_spec(op->pod->lc);
	struct cleaning *c = calloc(1, sizeof(*c));
	struct buf text;
	int rc = c ? 0 : -ENOMEM;

	buf_init(&text, PATH_BYTES);
	if (!rc) {
		c->op = op;
		c->data_dir = strdup(op->agent->data_dir);
		c->uid = strdup(spec->uid);
		rc = config_log_dir(op->agent->log_dir, spec, &text);
		c->logs = rc ? NULL : strdup(buf_cstr(&text));
		buf_reset(&text);
		if (!rc && !op->agent->systemd)
			c->parent = agent_cgroup_parent(op->pod, &text) ? NULL : strdup(buf_cstr(&text));
		rc = c->data_dir && c->uid && c->logs ? loop_work(op->agent->loop, clean, on_cleaned, c)
						      : -ENOMEM;
	}
	buf_done(&text);
	if (!rc) {
		op->extra = c;
		return;
	}
	if (c)
		cleaning_free(c);
	op_done(op, rc, "", "the pod's files cannot be removed now");
}

void agent_clean_left(struct agent *agent, const char *uid)
{
	struct cleaning *c = calloc(1, sizeof(*c));

	if (!c)
		return;
	c->data_dir = strdup(agent->data_dir);
	c->uid = strdup(uid);
	c->log_dir = strdup(agent->log_dir);
	if (!c->data_dir || !c->uid || !c->log_dir || loop_work(agent->loop, clean, on_cleaned, c))
		cleaning_free(c); /* the next start tries again */
}

/* The operation goes before its work: the work then frees itself. */
void op_clean_drop(struct op *op)
{
	struct cleaning *c = op->extra;

	if (c)
		c->op = NULL;
	op->extra = NULL;
}
