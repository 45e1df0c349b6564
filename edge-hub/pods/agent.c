#include "edge-hub/pods/agent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "edge-hub/pods/agent_internal.h"
#include "edge-hub/pods/filedir.h"

#define TOMBS_MAX 4096u

#define PAST_MS 1577836800000 /* 2020: no container is older, but many a machine's clock was */

struct moment agent_now(const struct agent *agent)
{
	struct moment at = { .mono_ms = clock_mono_ms() };

	at.wall_ms =
		agent->callbacks.wall_ms ? agent->callbacks.wall_ms(agent->ctx, &at.unsure) : clock_wall_ms();
	return at;
}

/* The difference between the clocks is kept while it is about the same, so that one and the same time always comes to the same. */
int64_t agent_wall_of(struct agent *agent, int64_t runtime_ns)
{
	int64_t now = agent_now(agent).wall_ms, behind = now - clock_wall_ms(),
		change = behind - agent->machine_behind_ms, wall;

	if (runtime_ns <= 0)
		return 0;
	if (change > WALLTIME_TOLERANCE_MS || change < -WALLTIME_TOLERANCE_MS)
		agent->machine_behind_ms =
			behind > WALLTIME_TOLERANCE_MS || behind < -WALLTIME_TOLERANCE_MS ? behind : 0;
	wall = runtime_ns / 1000000 + agent->machine_behind_ms;
	return wall < PAST_MS || wall > now + WALLTIME_TOLERANCE_MS ? now : wall;
}

struct agent_pod agent_name_of(const struct pod *pod)
{
	const struct pod_spec *spec = lifecycle_spec(pod->lc);

	return (struct agent_pod){ spec->ns, spec->name, spec->uid };
}

/* --- time --- */
void agent_wake(struct agent *agent)
{
	if (!agent->closing)
		timer_start(agent->timer, 0);
}

void agent_touch(struct pod *pod)
{
	pod->dirty = true;
	agent_wake(pod->agent);
}

void agent_want_list(struct agent *agent, unsigned in_ms)
{
	/* A listing counts only for what ended before it was asked for, in whole milliseconds. */
	uint64_t now = clock_mono_ms(), due = now + (in_ms ? in_ms : 2);

	if (due < agent->list_last_ms + AGENT_LIST_LEAST_MS)
		due = agent->list_last_ms + AGENT_LIST_LEAST_MS;
	if (due >= agent->list_due_ms)
		return;
	agent->list_due_ms = due;
	if (!agent->closing)
		timer_start(agent->timer, due > now ? due - now : 0);
}

/* --- events and statuses --- */
static bool is_init(const struct pod *pod, const char *container)
{
	const struct container_spec *c = spec_container(lifecycle_spec(pod->lc), container);

	return c && c->init;
}

void agent_event_of(struct pod *pod, const char *container, bool warning, const char *reason,
		    const char *message)
{
	struct agent_event event = { .pod = agent_name_of(pod),
				     .field_path = "",
				     .warning = warning,
				     .reason = reason,
				     .message = message };
	char path[300];

	if (!pod->agent->callbacks.on_event || pod->agent->closing)
		return;
	if (container[0]) {
		snprintf(path, sizeof(path), "spec.%s{%s}",
			 is_init(pod, container) ? "initContainers" : "containers", container);
		event.field_path = path;
	}
	pod->agent->callbacks.on_event(pod->agent->ctx, &event);
}

static void on_lifecycle_event(void *ctx, const char *container, bool warning, const char *reason,
			       const char *message)
{
	struct pod *pod = ctx;

	if (pod->lc)
		agent_event_of(pod, container, warning, reason, message);
}

/* --- pods --- */
struct pod *agent_pod_of(const struct agent *agent, const char *uid)
{
	return map_get(&agent->pods, span_of(uid));
}

int agent_count_containers(struct pod *pod)
{
	uint32_t count = lifecycle_spec(pod->lc)->container_count;
	struct pod_container *containers;

	if (count == pod->container_count)
		return 0;
	containers = calloc(count ? count : 1, sizeof(*containers));
	if (!containers)
		return -ENOMEM;
	for (uint32_t i = 0; i < pod->container_count; i++) {
		agent_unwatch(pod, i);
		free(pod->containers[i].image);
	}
	free(pod->containers);
	pod->containers = containers;
	pod->container_count = count;
	return 0;
}

void agent_free_pod(struct pod *pod)
{
	for (uint32_t i = 0; i < pod->container_count; i++) {
		agent_unwatch(pod, i);
		free(pod->containers[i].image);
	}
	free(pod->containers);
	lifecycle_free(pod->lc);
	free(pod);
}

static bool same_name(const struct pod *pod, const char *ns, const char *name)
{
	const struct pod_spec *spec = lifecycle_spec(pod->lc);

	return strcmp(spec->ns, ns) == 0 && strcmp(spec->name, name) == 0;
}

/* Whether an older pod still has this one's name; all of them are told to go. */
static bool displace(struct agent *agent, const char *ns, const char *name, const char *uid)
{
	struct span key;
	size_t cursor = 0;
	bool found = false;
	void *value;

	while (map_next(&agent->pods, &cursor, &key, &value)) {
		struct pod *pod = value;

		if (span_is(key, uid) || !same_name(pod, ns, name))
			continue;
		found = true;
		if (!lifecycle_is_ending(pod->lc))
			log_info("pods", "replaced", "pod=%s/%s old=%.*s new=%s", ns, name, SPAN_ARG(key),
				 uid);
		lifecycle_end(pod->lc, STOP_REPLACED, -1, agent_now(agent));
		agent_touch(pod);
	}
	return found;
}

/* An old pod turned up that is to go: a wanted one of its name that has not begun waits for it. */
static void hold_back(struct agent *agent, const char *ns, const char *name)
{
	struct span key;
	size_t cursor = 0;
	void *value;

	while (map_next(&agent->pods, &cursor, &key, &value)) {
		struct pod *pod = value;

		if (same_name(pod, ns, name) && !lifecycle_is_ending(pod->lc) &&
		    !lifecycle_sandbox(pod->lc)[0] && !pod->ops)
			pod->held = true;
	}
}

/* The name is free: whoever waited for it may begin. */
void agent_release_name(struct agent *agent, const struct pod_spec *spec)
{
	struct span key;
	size_t cursor = 0;
	void *value;

	while (map_next(&agent->pods, &cursor, &key, &value)) {
		struct pod *pod = value;

		if (!pod->held || !same_name(pod, spec->ns, spec->name))
			continue;
		pod->held = displace(agent, spec->ns, spec->name, lifecycle_spec(pod->lc)->uid);
		agent_touch(pod);
	}
}

int agent_add_pod(struct agent *agent, struct pod_spec *spec, bool wanted, struct pod **out)
{
	struct pod *pod = calloc(1, sizeof(*pod));
	const struct lifecycle_sink sink = { on_lifecycle_event, pod };
	int rc;

	if (!pod) {
		spec_free(spec);
		return -ENOMEM;
	}
	pod->agent = agent;
	if (wanted)
		pod->held = displace(agent, spec->ns, spec->name, spec->uid);
	else
		hold_back(agent, spec->ns, spec->name);
	rc = lifecycle_new(spec, &sink, agent_now(agent), &pod->lc);
	if (rc) {
		free(pod);
		return rc;
	}
	rc = agent_count_containers(pod);
	if (!rc)
		rc = map_put(&agent->pods, span_of(lifecycle_spec(pod->lc)->uid), pod, NULL);
	if (rc) {
		agent_free_pod(pod);
		return rc;
	}
	lifecycle_runtime(pod->lc, agent->up, agent_now(agent));
	*out = pod;
	agent_touch(pod);
	agent_want_list(agent, 0);
	return 0;
}

/* What cannot be decoded is a pod all the same: it waits, and says why. */
static int spec_of(const struct agent_pod *name, struct span body, struct pod_spec **out, struct err *err)
{
	struct err why = { 0 };
	int rc = spec_decode(body, out, &why);

	if (!rc && (strcmp((*out)->uid, name->uid) != 0 || strcmp((*out)->name, name->name) != 0 ||
		    strcmp((*out)->ns, name->ns) != 0)) {
		spec_free(*out);
		return err_set(err, -EINVAL, "body is another pod's");
	}
	if (rc != -EINVAL && rc != -E2BIG)
		return rc;
	rc = spec_minimal(name->ns, name->name, name->uid, 30, NULL, 0, out);
	if (!rc)
		snprintf((*out)->unsupported, sizeof((*out)->unsupported),
			 "the pod cannot be understood: %.120s", err_text(&why));
	return rc;
}

int agent_set_pod(struct agent *agent, const struct agent_pod *name, struct span body, struct err *err)
{
	struct pod *pod = agent_pod_of(agent, name->uid);
	struct pod_spec *spec;
	bool usable;
	int rc;

	if (!pod && agent->pods.count >= AGENT_PODS_MAX)
		return err_set(err, -ENOSPC, "more than %u pods", AGENT_PODS_MAX);
	rc = spec_of(name, body, &spec, err);
	if (rc)
		return rc;
	usable = spec->container_count > 0;
	if (!pod) {
		(void)map_remove(&agent->kept, span_of(name->uid));
		rc = agent_add_pod(agent, spec, true, &pod);
		if (!rc)
			pod->invalid = !usable;
		return rc;
	}
	if (!usable && !pod->invalid) { /* what runs goes on running as it was */
		log_warn("pods", "unusable", "pod=%s/%s why=\"%s\"", name->ns, name->name, spec->unsupported);
		spec_free(spec);
		return 0;
	}
	rc = lifecycle_set_spec(pod->lc, spec, agent_now(agent));
	if (rc)
		return rc;
	pod->invalid = !usable;
	pod->refresh = true; /* labels and annotations may be in its files */
	rc = agent_count_containers(pod);
	agent_touch(pod);
	return rc;
}

static void tomb_free(struct tomb *tomb)
{
	free(tomb->ns);
	free(tomb->name);
	free(tomb->uid);
	free(tomb);
}

int agent_remove_pod(struct agent *agent, const struct agent_pod *name)
{
	struct pod *pod = agent_pod_of(agent, name->uid);
	struct tomb *tomb;

	if (pod) {
		lifecycle_end(pod->lc, STOP_REMOVED, -1, agent_now(agent));
		agent_touch(pod);
		return 0;
	}
	(void)map_remove(&agent->kept, span_of(name->uid));
	list_for_each(&agent->tombs, node)
		if (strcmp(container_of(node, struct tomb, node)->uid, name->uid) == 0)
			return 0;
	tomb = agent->tombs.count < TOMBS_MAX ? calloc(1, sizeof(*tomb)) : NULL;
	if (!tomb)
		return agent->tombs.count < TOMBS_MAX ? -ENOMEM : -ENOSPC;
	tomb->ns = strdup(name->ns);
	tomb->name = strdup(name->name);
	tomb->uid = strdup(name->uid);
	if (!tomb->ns || !tomb->name || !tomb->uid) {
		tomb_free(tomb);
		return -ENOMEM;
	}
	list_push(&agent->tombs, &tomb->node);
	agent_want_list(agent, 0);
	return 0;
}

void agent_set_complete(struct agent *agent, bool complete)
{
	if (agent->complete == complete)
		return;
	agent->complete = complete;
	log_info("pods", "feed", "complete=%d pods=%zu", complete, agent->pods.count);
	agent_want_list(agent, 0);
}

void agent_object_changed(struct agent *agent, const char *resource, const char *ns, const char *name)
{
	bool secret = strcmp(resource, "secrets") == 0;
	struct span key;
	size_t cursor = 0;
	void *value;

	if (!secret && strcmp(resource, "configmaps") != 0)
		return;
	while (map_next(&agent->pods, &cursor, &key, &value)) {
		struct pod *pod = value;
		const struct pod_spec *spec = lifecycle_spec(pod->lc);

		if (strcmp(spec->ns, ns) != 0 || !spec_refers(spec, secret, name))
			continue;
		pod->refresh = true;
		lifecycle_poke(pod->lc);
		agent_touch(pod);
	}
}

void agent_recheck_unknown(struct agent *agent)
{
	map_done(&agent->kept, NULL);
	map_init(&agent->kept, AGENT_PODS_MAX);
	agent_want_list(agent, 0);
}

static void touch_all(struct agent *agent)
{
	struct span key;
	size_t cursor = 0;
	void *value;

	while (map_next(&agent->pods, &cursor, &key, &value))
		agent_touch(value);
}

void agent_clock_moved(struct agent *agent, const struct walltime_move *move)
{
	struct span key;
	size_t cursor = 0;
	void *value;

	while (map_next(&agent->pods, &cursor, &key, &value))
		lifecycle_clock_moved(((struct pod *)value)->lc, move, agent_now(agent));
	touch_all(agent);
}

void agent_set_host_ip(struct agent *agent, const char *host_ip)
{
	char *copy = strcmp(agent->host_ip, host_ip) ? strdup(host_ip) : NULL;

	if (!copy)
		return;
	free(agent->host_ip);
	agent->host_ip = copy;
	touch_all(agent);
}

/* --- what a pod's files are made of --- */
static int lookup(void *ctx, const char *resource, const char *name, const struct object **out)
{
	struct pod *pod = ctx;

	return pod->agent->callbacks.lookup(pod->agent->ctx, resource, lifecycle_spec(pod->lc)->ns, name,
					    out);
}

static int token(void *ctx, const char *audience, int64_t expiration_s, struct buf *out)
{
	struct pod *pod = ctx;
	struct agent_pod name = agent_name_of(pod);

	if (!pod->agent->callbacks.token)
		return -ENOSYS;
	return pod->agent->callbacks.token(pod->agent->ctx, &name, lifecycle_spec(pod->lc)->service_account,
					   audience, expiration_s, out);
}

void agent_world(struct pod *pod, struct pod_world *out)
{
	struct agent *agent = pod->agent;

	*out = (struct pod_world){ .spec = lifecycle_spec(pod->lc),
				   .node_name = agent->node_name,
				   .host_ip = agent->host_ip,
				   .pod_ips = lifecycle_pod_ips(pod->lc),
				   .allocatable_cpu_milli = agent->cpu_milli,
				   .allocatable_memory_bytes = agent->memory_bytes,
				   .lookup = lookup,
				   .token = token,
				   .ctx = pod };
}

/* --- beginning and end --- */
static char *copy_or(const char *s, const char *fallback)
{
	return strdup(s ? s : fallback);
}

static char *absolute(const char *path)
{
	return filedir_make(path[0] == '/' ? path : "", 0755) ? NULL : realpath(path, NULL);
}

static int take_options(struct agent *agent, const struct agent_options *o, struct err *err)
{
	struct buf seccomp;

	agent->data_dir = absolute(o->data_dir);
	if (!agent->data_dir)
		return err_set(err, -EINVAL,
			       "data directory %s cannot be used (it must be absolute and writable)",
			       o->data_dir);
	agent->log_dir = copy_or(o->log_dir, "/var/log/pods");
	agent->node_name = copy_or(o->node_name, "");
	agent->host_ip = copy_or(o->host_ip, "");
	agent->cluster_dns = copy_or(o->cluster_dns, "");
	agent->cluster_domain = copy_or(o->cluster_domain, "cluster.local");
	agent->resolv_conf = copy_or(o->resolv_conf, "/etc/resolv.conf");
	agent->cgroup_root = copy_or(o->cgroup_root, "/");
	buf_init(&seccomp, 4096);
	buf_addf(&seccomp, "%s/seccomp", agent->data_dir);
	agent->seccomp_dir = buf_take(&seccomp, NULL);
	agent->cgroup_driver = o->cgroup_driver;
	agent->systemd = o->cgroup_driver == AGENT_CGROUP_SYSTEMD;
	agent->cpu_milli =
		o->allocatable_cpu_milli ? o->allocatable_cpu_milli : sysconf(_SC_NPROCESSORS_ONLN) * 1000;
	agent->memory_bytes = o->allocatable_memory_bytes
				      ? o->allocatable_memory_bytes
				      : (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
	agent->log_max_bytes = o->log_max_bytes ? o->log_max_bytes : 10u * 1024 * 1024;
	agent->log_files = o->log_files ? o->log_files : 3;
	agent->volumes.data_dir = agent->data_dir;
	if (!agent->log_dir || !agent->node_name || !agent->host_ip || !agent->cluster_dns ||
	    !agent->cluster_domain || !agent->resolv_conf || !agent->cgroup_root || !agent->seccomp_dir)
		return -ENOMEM;
	return 0;
}

static void agent_free(struct agent *agent)
{
	struct span key;
	size_t cursor = 0;
	void *value;

	while (map_next(&agent->pods, &cursor, &key, &value))
		agent_free_pod(value);
	/* The lists end with their owner: nothing is taken out of them. */
	list_for_each(&agent->gone, node)
		agent_free_pod(container_of(node, struct pod, node));
	list_for_each(&agent->tombs, node)
		tomb_free(container_of(node, struct tomb, node));
	list_for_each(&agent->loose, node)
		free(node);
	map_done(&agent->pods, NULL);
	map_done(&agent->kept, NULL);
	free(agent->data_dir);
	free(agent->log_dir);
	free(agent->node_name);
	free(agent->host_ip);
	free(agent->cluster_dns);
	free(agent->cluster_domain);
	free(agent->resolv_conf);
	free(agent->cgroup_root);
	free(agent->seccomp_dir);
	free(agent);
}

int agent_new(struct loop *loop, const struct agent_options *options, const struct agent_callbacks *callbacks,
	      void *ctx, struct agent **out, struct err *err)
{
	struct agent *agent = calloc(1, sizeof(*agent));
	int rc;

	if (!agent)
		return -ENOMEM;
	agent->loop = loop;
	agent->callbacks = *callbacks;
	agent->ctx = ctx;
	map_init(&agent->pods, AGENT_PODS_MAX);
	map_init(&agent->kept, AGENT_PODS_MAX);
	list_init(&agent->gone);
	list_init(&agent->tombs);
	list_init(&agent->starts);
	list_init(&agent->pulls);
	list_init(&agent->ops);
	list_init(&agent->loose);
	agent->logs_due_ms = clock_mono_ms() + AGENT_LOGS_MS;
	agent->status_due_ms = clock_mono_ms() + AGENT_STATUS_MS;
	rc = take_options(agent, options, err);
	if (!rc)
		rc = cri_new(loop, options->runtime, agent_on_channel, agent, &agent->cri, err);
	if (!rc)
		rc = timer_new(loop, agent_on_timer, agent, &agent->timer);
	if (rc) {
		cri_close(agent->cri);
		agent_free(agent);
		return rc;
	}
	timer_start(agent->timer, 0);
	*out = agent;
	return 0;
}

void agent_finish_close(struct agent *agent)
{
	void (*on_closed)(void *ctx) = agent->on_closed;
	void *ctx = agent->closed_ctx;

	timer_close(agent->timer);
	agent_free(agent);
	if (on_closed)
		on_closed(ctx);
}

void agent_close(struct agent *agent, void (*on_closed)(void *ctx), void *ctx)
{
	if (!agent || agent->closing)
		return;
	agent->closing = true;
	agent->on_closed = on_closed;
	agent->closed_ctx = ctx;
	listing_drop(agent);
	agent_drop_ops(agent);
	cri_close(agent->cri);
	agent->cri = NULL;
	timer_start(agent->timer, 0);
}
