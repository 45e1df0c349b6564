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

/* "a-b-c.slice" lies in "a.slice/a-b.slice" (systemd.slice(5)). */
static int add_slice(struct span name, struct buf *out)
{
	struct span stem = span_make(name.ptr, name.len - strlen(".slice"));

	for (size_t i = 0; i < stem.len; i++)
		if (stem.ptr[i] == '-')
			buf_addf(out, "/%.*s.slice", (int)i, (const char *)stem.ptr);
	return buf_addf(out, "/%.*s", SPAN_ARG(name));
}

static int cgroup_of(struct pod *pod, struct buf *out)
{
	struct buf parent;
	int code;

	if (!pod->agent->systemd)
		return agent_cgroup_parent(pod, out);
	buf_init(&parent, CGROUP_BYTES);
	code = agent_cgroup_parent(pod, &parent);
	if (!code)
		code = add_slice(buf_span(&parent), out);
	buf_done(&parent);
	return code;
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
