/* What the runtime says of itself: whether it answers, is ready, and tells of changes without being asked. */
#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "edge-hub/pods/agent_internal.h"

static void tell_runtime(struct agent *agent)
{
	struct agent_runtime now;

	agent_runtime(agent, &now);
	if (agent->callbacks.on_runtime && !agent->closing)
		agent->callbacks.on_runtime(agent->ctx, &now);
}

static void on_version(void *ctx, const struct cri_answer *answer)
{
	struct agent *agent = ctx;
	const Runtime__V1__VersionResponse *version = answer->body;

	if (answer->code)
		return;
	snprintf(agent->version, sizeof(agent->version), "%.30s://%.40s", version->runtime_name,
		 version->runtime_version[0] == 'v' ? version->runtime_version + 1
						    : version->runtime_version);
	if (!agent->greeting)
		tell_runtime(agent);
}

static void on_runtime_config(void *ctx, const struct cri_answer *answer)
{
	struct agent *agent = ctx;
	const Runtime__V1__RuntimeConfigResponse *config = answer->body;

	if (!answer->code && config->on_linux && agent->cgroup_driver == AGENT_CGROUP_AUTO)
		agent->systemd = config->on_linux->cgroup_driver == 0;
	agent_exclusive_changed(agent);
}

static void on_runtime_event(void *ctx)
{
	agent_want_list(ctx, 0);
}

static void on_runtime_events_end(void *ctx, int code)
{
	struct agent *agent = ctx;

	agent->events = false;
	if (code != -EOPNOTSUPP)
		agent_want_list(agent, 0);
}

static void on_runtime_status(void *ctx, const struct cri_answer *answer)
{
	struct agent *agent = ctx;
	const Runtime__V1__StatusResponse *response = answer->body;
	const Runtime__V1__RuntimeStatus *status = answer->code ? NULL : response->status;
	bool ready = false, network = false, changed;
	char reason[64] = "", message[256] = "";

	if (cri_is_silence(answer->code) || !status)
		return;
	for (size_t i = 0; i < status->n_conditions; i++) {
		const Runtime__V1__RuntimeCondition *c = status->conditions[i];

		ready |= strcmp(c->type, "RuntimeReady") == 0 && c->status;
		network |= strcmp(c->type, "NetworkReady") == 0 && c->status;
		if (!c->status && !reason[0]) {
			snprintf(reason, sizeof(reason), "%s", c->reason);
			snprintf(message, sizeof(message), "%s", c->message);
		}
	}
	changed = ready != agent->runtime_ready || network != agent->network_ready ||
		  strcmp(reason, agent->reason) != 0;
	agent->runtime_ready = ready;
	agent->network_ready = network;
	memcpy(agent->reason, reason, sizeof(reason));
	memcpy(agent->message, message, sizeof(message));
	changed |= agent->greeting;
	agent->greeting = false;
	if (changed)
		tell_runtime(agent);
}

void agent_ask_runtime(struct agent *agent)
{
	Runtime__V1__StatusRequest request = RUNTIME__V1__STATUS_REQUEST__INIT;

	agent->status_due_ms = clock_mono_ms() + (agent->greeting ? 1000 : AGENT_STATUS_MS);
	if (agent->up && cri_call(agent->cri, CRI_STATUS, &request, 0, on_runtime_status, agent))
		log_debug("pods", "runtime", "status=not-asked");
}

static void greet(struct agent *agent)
{
	Runtime__V1__VersionRequest version = RUNTIME__V1__VERSION_REQUEST__INIT;
	Runtime__V1__StatusRequest status = RUNTIME__V1__STATUS_REQUEST__INIT;
	Runtime__V1__RuntimeConfigRequest config = RUNTIME__V1__RUNTIME_CONFIG_REQUEST__INIT;
	int rc = cri_call(agent->cri, CRI_VERSION, &version, 0, on_version, agent);

	if (!rc)
		rc = cri_call(agent->cri, CRI_STATUS, &status, 0, on_runtime_status, agent);
	if (!rc && agent->cgroup_driver == AGENT_CGROUP_AUTO)
		rc = cri_call(agent->cri, CRI_RUNTIME_CONFIG, &config, 0, on_runtime_config, agent);
	if (!rc && !agent->events)
		agent->events = cri_watch(agent->cri, on_runtime_event, on_runtime_events_end, agent) == 0;
	agent->status_due_ms = clock_mono_ms() + (rc ? 1000 : AGENT_STATUS_MS);
}

void agent_runtime_is(struct agent *agent, bool up, const char *why)
{
	struct span key;
	size_t cursor = 0;
	void *value;

	if (agent->up == up && (up || agent->message[0]))
		return; /* one that never answered is told of as well, once */
	agent->up = up;
	if (up) {
		log_info("pods", "runtime", "state=up");
	} else {
		log_warn("pods", "runtime", "state=down why=\"%s\"", why);
		agent->runtime_ready = agent->network_ready = false;
		snprintf(agent->reason, sizeof(agent->reason), "ContainerRuntimeDown");
		snprintf(agent->message, sizeof(agent->message), "container runtime is down: %.200s", why);
	}
	while (map_next(&agent->pods, &cursor, &key, &value)) {
		lifecycle_runtime(((struct pod *)value)->lc, up, agent_now(agent));
		agent_touch(value);
	}
	agent->greeting = up; /* how it is will be told when it has said so */
	if (up)
		greet(agent);
	else
		tell_runtime(agent);
}

void agent_on_channel(void *ctx, bool up)
{
	struct agent *agent = ctx;

	if (agent->closing)
		return;
	if (up)
		agent_want_list(agent, 0);
	else
		agent_runtime_is(agent, false, "connection lost");
}

void agent_runtime(const struct agent *agent, struct agent_runtime *out)
{
	*out = (struct agent_runtime){ .up = agent->up && !agent->greeting,
				       .ready = agent->up && agent->runtime_ready,
				       .network_ready = agent->up && agent->network_ready,
				       .reason = agent->reason,
				       .message = agent->message,
				       .version = agent->version };
}
