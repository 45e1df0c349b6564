/* Columns of pods. The status is the story of the containers, told by the one that explains most. */
#include <stdio.h>

#include "api/kind_internal.h"
#include "api/table.h"
#include "base/clock.h"

#define REASON_SIZE 160

struct summary {
	char reason[REASON_SIZE];
	int64_t restarts, ready, total;
	const char *last_restart; /* RFC 3339, NULL: none known */
};

static void set_reason(struct summary *s, const char *prefix, const char *reason)
{
	(void)snprintf(s->reason, sizeof(s->reason), "%s%s", prefix, reason);
}

/* RFC 3339 in UTC with whole seconds, as metav1.Time is: text order is time order. */
static const char *later(const char *a, const char *b)
{
	return !a || (b && strcmp(b, a) > 0) ? b : a;
}

static void set_ended(struct summary *s, const char *prefix, const struct json *terminated)
{
	const char *reason = json_str(json_get(terminated, "reason"), "");
	int64_t signal = json_int(json_get(terminated, "signal"), 0);

	if (reason[0])
		set_reason(s, prefix, reason);
	else
		(void)snprintf(s->reason, sizeof(s->reason), "%s%s:%lld", prefix,
			       signal ? "Signal" : "ExitCode",
			       (long long)(signal ? signal : json_int(json_get(terminated, "exitCode"), 0)));
}

static const struct json *find_named(const struct json *list, const char *name)
{
	for (size_t i = 0; i < json_count(list); i++)
		if (!strcmp(json_str(json_get(json_at(list, i), "name"), ""), name))
			return json_at(list, i);
	return NULL;
}

static bool is_sidecar(const struct json *container)
{
	return !strcmp(json_str(json_get(container, "restartPolicy"), ""), "Always");
}

static bool has_condition(const struct json *pod, const char *type)
{
	const struct json *conditions = json_path(pod, "status.conditions");

	for (size_t i = 0; i < json_count(conditions); i++) {
		const struct json *c = json_at(conditions, i);

		if (!strcmp(json_str(json_get(c, "type"), ""), type))
			return !strcmp(json_str(json_get(c, "status"), ""), "True");
	}
	return false;
}

/* What an init container that is not done says of the pod; false when it is done or serves beside. */
static bool init_reason(struct summary *s, const struct json *status, bool sidecar, size_t index,
			size_t count)
{
	const struct json *terminated = json_path(status, "state.terminated");
	const char *waiting = json_path_str(status, "state.waiting.reason", "");

	if (terminated && !json_int(json_get(terminated, "exitCode"), 0))
		return false;
	if (sidecar && json_bool(json_get(status, "started"), false)) {
		s->ready += json_bool(json_get(status, "ready"), false);
		return false;
	}
	if (terminated)
		set_ended(s, "Init:", terminated);
	else if (waiting[0] && strcmp(waiting, "PodInitializing") != 0)
		set_reason(s, "Init:", waiting);
	else
		(void)snprintf(s->reason, sizeof(s->reason), "Init:%zu/%zu", index, count);
	return true;
}

/* Returns whether the pod is still initializing. `beside` gets what sidecars alone add to the counts. */
static bool sum_init(struct summary *s, const struct json *pod, struct summary *beside)
{
	const struct json *specs = json_path(pod, "spec.initContainers");
	const struct json *statuses = json_path(pod, "status.initContainerStatuses");

	for (size_t i = 0; i < json_count(specs); i++)
		s->total += is_sidecar(json_at(specs, i));
	for (size_t i = 0; i < json_count(statuses); i++) {
		const struct json *status = json_at(statuses, i);
		const char *finished = json_path_str(status, "lastState.terminated.finishedAt", NULL);
		bool sidecar = is_sidecar(find_named(specs, json_str(json_get(status, "name"), "")));
		int64_t restarts = json_int(json_get(status, "restartCount"), 0);

		s->restarts += restarts;
		s->last_restart = later(s->last_restart, finished);
		if (sidecar) {
			beside->restarts += restarts;
			beside->last_restart = later(beside->last_restart, finished);
		}
		if (init_reason(s, status, sidecar, i, json_count(specs)))
			return true;
	}
	return false;
}

static void sum_container(struct summary *s, const struct json *status, bool *running)
{
	const struct json *terminated = json_path(status, "state.terminated");
	const char *waiting = json_path_str(status, "state.waiting.reason", "");

	s->restarts += json_int(json_get(status, "restartCount"), 0);
	s->last_restart =
		later(s->last_restart, json_path_str(status, "lastState.terminated.finishedAt", NULL));
	if (waiting[0]) {
		set_reason(s, "", waiting);
	} else if (terminated) {
		set_ended(s, "", terminated);
	} else if (json_bool(json_get(status, "ready"), false) && json_path(status, "state.running")) {
		*running = true;
		s->ready++;
	}
}

static void sum_containers(struct summary *s, const struct json *pod)
{
	const struct json *statuses = json_path(pod, "status.containerStatuses");
	bool running = false;

	for (size_t i = json_count(statuses); i-- > 0;)
		sum_container(s, json_at(statuses, i), &running);
	if (running && !strcmp(s->reason, "Completed"))
		set_reason(s, "", has_condition(pod, "Ready") ? "Running" : "NotReady");
}

static void start_reason(struct summary *s, const struct json *pod)
{
	const struct json *conditions = json_path(pod, "status.conditions");
	const char *reason = json_path_str(pod, "status.reason", "");

	set_reason(s, "", reason[0] ? reason : json_path_str(pod, "status.phase", ""));
	for (size_t i = 0; i < json_count(conditions); i++) {
		const struct json *c = json_at(conditions, i);

		if (!strcmp(json_str(json_get(c, "type"), ""), "PodScheduled") &&
		    !strcmp(json_str(json_get(c, "reason"), ""), "SchedulingGated"))
			set_reason(s, "", "SchedulingGated");
	}
}

static void summarize(const struct json *pod, struct summary *s)
{
	const char *phase = json_path_str(pod, "status.phase", "");
	struct summary beside = { .total = 0 };

	*s = (struct summary){ .total = (int64_t)json_count(json_path(pod, "spec.containers")) };
	start_reason(s, pod);
	if (!sum_init(s, pod, &beside) || has_condition(pod, "Initialized")) {
		s->restarts = beside.restarts;
		s->last_restart = beside.last_restart;
		sum_containers(s, pod);
	}
	if (!json_path(pod, "metadata.deletionTimestamp"))
		return;
	if (!strcmp(json_path_str(pod, "status.reason", ""), "NodeLost"))
		set_reason(s, "", "Unknown");
	else if (strcmp(phase, "Succeeded") != 0 && strcmp(phase, "Failed") != 0)
		set_reason(s, "", "Terminating");
}

CELL(ready)
{
	struct summary s;

	summarize(object, &s);
	return buf_addf(out, "\"%lld/%lld\"", (long long)s.ready, (long long)s.total);
}

CELL(status)
{
	struct summary s;

	summarize(object, &s);
	while (s.reason[0] && !span_is_utf8(span_of(s.reason)))
		s.reason[strlen(s.reason) - 1] = 0;
	return table_text(out, s.reason);
}

CELL(restarts)
{
	char ago[TABLE_AGE_SIZE];
	struct summary s;

	summarize(object, &s);
	if (!s.restarts || !s.last_restart)
		return buf_addf(out, "\"%lld\"", (long long)s.restarts);
	table_since(s.last_restart, now_wall_ms, ago);
	return buf_addf(out, "\"%lld (%s ago)\"", (long long)s.restarts, ago);
}

CELL(ip)
{
	const char *first = json_path_str(object, "status.podIPs.0.ip", "");

	return table_or_none(out, first[0] ? first : json_path_str(object, "status.podIP", ""));
}

CELL(node)
{
	return table_or_none(out, json_path_str(object, "spec.nodeName", ""));
}

CELL(nominated_node)
{
	return table_or_none(out, json_path_str(object, "status.nominatedNodeName", ""));
}

CELL(readiness_gates)
{
	const struct json *gates = json_path(object, "spec.readinessGates");
	size_t open = 0, count = json_count(gates);

	for (size_t i = 0; i < count; i++)
		open += has_condition(object, json_str(json_get(json_at(gates, i), "conditionType"), ""));
	return count ? buf_addf(out, "\"%zu/%zu\"", open, count) : table_text(out, "<none>");
}

const struct column pod_columns[POD_COLUMNS] = {
	COLUMN_NAME,
	COLUMN("Ready", "Containers that are ready, of all.", ready),
	COLUMN("Status", "What the pod is doing, or why not.", status),
	COLUMN("Restarts", "How often its containers were restarted, and when last.", restarts),
	COLUMN_AGE,
	COLUMN_WIDE("IP", "Address of the pod.", ip),
	COLUMN_WIDE("Node", "Node the pod is bound to.", node),
	COLUMN_WIDE("Nominated Node", "Node that room is being made on.", nominated_node),
	COLUMN_WIDE("Readiness Gates", "Extra conditions that are true, of all demanded.", readiness_gates),
};
