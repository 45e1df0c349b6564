#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "edge-hub/pods/agent_internal.h"

#define OP_BYTES_MAX (6u * 1024 * 1024)
#define POST_START_MS (10u * 60 * 1000)

static void op_free(struct op *op)
{
	if (op->action.kind == ACTION_CLEAN)
		op_clean_drop(op);
	else if (op->action.kind == ACTION_PROBE || op->action.kind == ACTION_POST_START ||
		 op->action.kind == ACTION_PRE_STOP)
		op_hook_drop(op);
	arena_done(&op->arena);
	free(op->result);
	free(op->id);
	free(op);
}

static bool is_start(const struct op *op)
{
	return op->action.kind == ACTION_RUN_SANDBOX || op->action.kind == ACTION_CREATE ||
	       op->action.kind == ACTION_START;
}

const struct container_spec *op_container(const struct op *op)
{
	return &lifecycle_spec(op->pod->lc)->containers[op->action.slot];
}

static void begin(struct op *op);

static void begin_waiting(struct agent *agent)
{
	struct list_node *node;

	while (agent->starting < AGENT_STARTS_MAX && (node = list_pop(&agent->starts)))
		begin(container_of(node, struct op, node));
	while (agent->pulling < AGENT_PULLS_MAX && (node = list_pop(&agent->pulls)))
		begin(container_of(node, struct op, node));
}

/* --- the end of an operation --- */
static void finish(struct op *op, const struct outcome *outcome)
{
	struct agent *agent = op->agent;
	struct pod *pod = op->pod;
	bool look = outcome->code || op->action.kind == ACTION_STOP;

	list_remove(&agent->ops, &op->node);
	if (is_start(op))
		agent->starting--;
	if (op->action.kind == ACTION_PULL)
		agent->pulling--;
	pod->ops--;
	if (!pod->detached) {
		lifecycle_done(pod->lc, outcome, agent_now(agent));
		if (op->action.kind == ACTION_START && !outcome->code)
			agent_ask_pid(pod, (uint32_t)op->action.slot, op->id);
		if (look && op->action.kind != ACTION_PROBE && op->action.kind != ACTION_PULL)
			agent_want_list(agent, cri_is_silence(outcome->code) ? AGENT_LIST_BUSY_MS : 0);
		agent_touch(pod);
	} else if (!pod->ops) {
		list_remove(&agent->gone, &pod->node);
		agent_free_pod(pod);
	}
	op_free(op);
	begin_waiting(agent);
}

void op_done(struct op *op, int code, const char *reason, const char *message)
{
	const struct outcome outcome = { .kind = op->action.kind,
					 .slot = op->action.slot,
					 .code = code,
					 .id = op->result ? op->result : "",
					 .ips = op->extra && op->action.kind == ACTION_RUN_SANDBOX ? op->extra
												   : NULL,
					 .reason = reason,
					 .message = message,
					 .probe = op->action.probe,
					 .run = op->action.run };

	if (code && cri_is_silence(code))
		op->agent->stats.runtime_failures++;
	finish(op, &outcome);
}

void op_undecided(struct op *op)
{
	const struct outcome outcome = { .kind = op->action.kind,
					 .slot = op->action.slot,
					 .code = -EAGAIN,
					 .message = "",
					 .probe = op->action.probe,
					 .run = op->action.run,
					 .undecided = true };

	finish(op, &outcome);
}

int op_call(struct op *op, enum cri_method method, const void *request, unsigned timeout_ms,
	    void (*on_answer)(void *ctx, const struct cri_answer *answer))
{
	op->agent->stats.runtime_calls++;
	return cri_call(op->agent->cri, method, request, timeout_ms, on_answer, op);
}

/* --- actions that are one call --- */
static void on_simple(void *ctx, const struct cri_answer *answer)
{
	struct op *op = ctx;
	/* What is to be stopped or removed and is not there is stopped and removed. */
	bool gone = answer->code == -ENOENT && op->action.kind != ACTION_START;

	op_done(op, gone ? 0 : answer->code, "", answer->message);
}

static void simple_failed(struct op *op, int rc)
{
	if (rc)
		op_done(op, rc, "", "the runtime cannot be asked");
}

static void op_stop_sandbox(struct op *op)
{
	Runtime__V1__StopPodSandboxRequest request = RUNTIME__V1__STOP_POD_SANDBOX_REQUEST__INIT;

	request.pod_sandbox_id = op->id;
	simple_failed(op, op_call(op, CRI_STOP_POD_SANDBOX, &request, 0, on_simple));
}

static void op_remove_sandbox(struct op *op)
{
	Runtime__V1__RemovePodSandboxRequest request = RUNTIME__V1__REMOVE_POD_SANDBOX_REQUEST__INIT;

	request.pod_sandbox_id = op->id;
	simple_failed(op, op_call(op, CRI_REMOVE_POD_SANDBOX, &request, 0, on_simple));
}

static void op_remove(struct op *op)
{
	Runtime__V1__RemoveContainerRequest request = RUNTIME__V1__REMOVE_CONTAINER_REQUEST__INIT;

	request.container_id = op->id;
	simple_failed(op, op_call(op, CRI_REMOVE_CONTAINER, &request, 0, on_simple));
}

static void op_start_container(struct op *op)
{
	Runtime__V1__StartContainerRequest request = RUNTIME__V1__START_CONTAINER_REQUEST__INIT;

	request.container_id = op->id;
	simple_failed(op, op_call(op, CRI_START_CONTAINER, &request, 0, on_simple));
}

static void op_stop(struct op *op)
{
	Runtime__V1__StopContainerRequest request = RUNTIME__V1__STOP_CONTAINER_REQUEST__INIT;
	const struct pod_spec *spec = lifecycle_spec(op->pod->lc);
	uint64_t limit_ms = (uint64_t)op->action.grace_s * 1000 + 120000;

	op->agent->stats.stops++;
	log_info("pods", "stop", "pod=%s/%s container=%s reason=\"%s\" grace_s=%lld", spec->ns, spec->name,
		 op_container(op)->name, stop_reason_text(op->action.reason), (long long)op->action.grace_s);
	request.container_id = op->id;
	request.timeout = op->action.grace_s;
	simple_failed(op, op_call(op, CRI_STOP_CONTAINER, &request,
				  limit_ms > UINT32_MAX ? UINT32_MAX : (unsigned)limit_ms, on_simple));
}

/* --- hooks and probes --- */
static void op_post_start(struct op *op)
{
	op_hook(op, op_container(op)->post_start, POST_START_MS);
}

static void op_pre_stop(struct op *op)
{
	op_hook(op, op_container(op)->pre_stop,
		(unsigned)(op->action.grace_s > 3600 ? 3600 : op->action.grace_s) * 1000 + 1000);
}

static void op_probe(struct op *op)
{
	const struct probe_spec *probe = op_container(op)->probes[op->action.probe];

	op_hook(op, &probe->handler, (unsigned)(probe->timeout_s > 3600 ? 3600 : probe->timeout_s) * 1000);
}

static void (*const how[])(struct op *op) = {
	[ACTION_PREPARE] = op_prepare,
	[ACTION_RUN_SANDBOX] = op_run_sandbox,
	[ACTION_STOP_SANDBOX] = op_stop_sandbox,
	[ACTION_REMOVE_SANDBOX] = op_remove_sandbox,
	[ACTION_REMOVE] = op_remove,
	[ACTION_CLEAN] = op_clean,
	[ACTION_PULL] = op_pull,
	[ACTION_CREATE] = op_create,
	[ACTION_START] = op_start_container,
	[ACTION_POST_START] = op_post_start,
	[ACTION_PRE_STOP] = op_pre_stop,
	[ACTION_STOP] = op_stop,
	[ACTION_PROBE] = op_probe,
};

static void begin(struct op *op)
{
	struct agent *agent = op->agent;
	bool is_late = is_start(op) && !op->pod->detached && agent_is_fenced(op->pod);

	list_push(&agent->ops, &op->node);
	agent->starting += is_start(op);
	agent->stats.restarts += op->action.kind == ACTION_CREATE && op->action.restart_count > 0;
	agent->pulling += op->action.kind == ACTION_PULL;
	if (is_late) /* it waited for its turn meanwhile */
		op_done(op, -ECANCELED, "", "");
	else
		how[op->action.kind](op);
}

int op_start(struct pod *pod, const struct action *action)
{
	struct agent *agent = pod->agent;
	struct op *op = calloc(1, sizeof(*op));

	if (!op)
		return -ENOMEM;
	op->agent = agent;
	op->pod = pod;
	op->action = *action;
	op->id = strdup(action->id ? action->id : "");
	op->action.id = NULL;
	arena_init(&op->arena, OP_BYTES_MAX);
	if (!op->id) {
		free(op);
		return -ENOMEM;
	}
	pod->ops++;
	if (is_start(op) && agent->starting >= AGENT_STARTS_MAX)
		list_push(&agent->starts, &op->node);
	else if (op->action.kind == ACTION_PULL && agent->pulling >= AGENT_PULLS_MAX)
		list_push(&agent->pulls, &op->node);
	else
		begin(op);
	return 0;
}

void agent_drop_ops(struct agent *agent)
{
	struct list *const lists[] = { &agent->ops, &agent->starts, &agent->pulls };

	for (size_t i = 0; i < 3; i++) {
		list_for_each(lists[i], node)
			op_free(container_of(node, struct op, node));
		list_init(lists[i]);
	}
}
