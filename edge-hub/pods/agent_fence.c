/* Pods of which there must never be two: whether they may run, and where their processes are, for whoever has to end them when this
 * process cannot. */
#include <errno.h>

#include "edge-hub/pods/agent_internal.h"

#define CGROUP_BYTES 1024u

bool agent_is_fenced(const struct pod *pod)
{
	return pod->agent->fenced && lifecycle_spec(pod->lc)->exclusive;
}

void agent_exclusive_changed(struct agent *agent)
{
	if (agent->on_exclusive)
		agent->on_exclusive(agent->exclusive_ctx);
}

void agent_fence_pod(struct pod *pod)
{
	bool is_exclusive = lifecycle_spec(pod->lc)->exclusive;
	bool exposed = is_exclusive && (!pod->agent->fenced || lifecycle_may_have_processes(pod->lc));

	lifecycle_fence(pod->lc, agent_is_fenced(pod), agent_now(pod->agent));
	if (exposed == pod->exposed)
		return;
	pod->exposed = exposed;
	agent_exclusive_changed(pod->agent);
}

void agent_fence(struct agent *agent, bool fenced)
{
	struct span key;
	size_t cursor = 0;
	void *value;

	if (agent->fenced == fenced)
		return;
	agent->fenced = fenced;
	while (map_next(&agent->pods, &cursor, &key, &value))
		if (lifecycle_spec(((struct pod *)value)->lc)->exclusive)
			agent_touch(value);
}

void agent_on_exclusive(struct agent *agent, void (*on_changed)(void *ctx), void *ctx)
{
	agent->on_exclusive = on_changed;
	agent->exclusive_ctx = ctx;
}

static int cgroup_of(struct pod *pod, struct buf *out)
{
	return config_cgroup_path(pod->agent->cgroup_root, pod->agent->systemd, lifecycle_spec(pod->lc), out);
}

int agent_exclusive(const struct agent *agent, int (*each)(void *ctx, const char *cgroup), void *ctx)
{
	struct buf path;
	struct span key;
	size_t cursor = 0;
	void *value;
	int code = 0;

	buf_init(&path, CGROUP_BYTES);
	while (!code && map_next(&agent->pods, &cursor, &key, &value)) {
		if (!((struct pod *)value)->exposed)
			continue;
		buf_reset(&path);
		code = cgroup_of(value, &path);
		if (!code)
			code = each(ctx, buf_cstr(&path));
	}
	buf_done(&path);
	return code;
}
