/* Pod.status as a kubelet words it. Rules of phases and conditions: k8s.io/api core/v1, PodPhase and PodConditionType;
 * reasons and messages are those its users know. */
#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "edge-hub/pods/lifecycle_internal.h"

static const char *const phase_names[] = { "Pending", "Running", "Succeeded", "Failed", "Unknown" };
static const char *const qos_names[] = { "Guaranteed", "Burstable", "BestEffort" };

/* --- what state a container is in, for readers --- */
enum shown { SHOWN_WAITING, SHOWN_RUNNING, SHOWN_TERMINATED };
struct view {
	const struct slot *slot;
	const struct run *run, *last; /* last: the run lastState tells of, NULL none */
	enum shown shown;
	const char *reason, *message; /* waiting */
	bool ready, started;
};

static bool is_ready(const struct slot *slot, const struct run *run)
{
	if (!run || run->state != RUN_RUNNING || !slot->started || !slot->post_started || slot->post_failed)
		return false;
	return !slot->spec->probes[PROBE_READINESS] || slot->probes[PROBE_READINESS].verdict == PROBE_PASSED;
}

static const char *waiting_reason(const struct lifecycle *lc, const struct slot *slot)
{
	if (lc->fenced)
		return SPEC_FENCED;
	if (slot->wait.reason)
		return slot->wait.reason;
	if (lc->wait.reason)
		return lc->wait.reason;
	return lc->spec->init_count && !lifecycle_is_initialized(lc) ? "PodInitializing"
								     : "ContainerCreating";
}

static const char *waiting_message(const struct lifecycle *lc, const struct slot *slot)
{
	if (lc->fenced)
		return lifecycle_fenced_text;
	return slot->wait.reason ? slot->wait.message : lc->wait.reason ? lc->wait.message : "";
}

static struct view view_of(const struct lifecycle *lc, uint32_t index)
{
	const struct slot *slot = &lc->slots[index];
	const struct run *run = lifecycle_latest(lc, (int)index);
	bool over = lc->ending != STOP_NONE || lc->finished;
	bool goes_on = slot->wait.reason || (lc->fenced && !(slot->spec->init && run && !run->exit_code));
	struct view v = { .slot = slot, .run = run, .last = lifecycle_previous(lc, (int)index) };

	v.started = slot->started && run_is_active(run);
	v.ready = is_ready(slot, run);
	if (slot->spec->init && !slot->spec->sidecar)
		v.ready = run && run->state == RUN_EXITED && run->exit_code == 0;
	if (run_is_active(run)) {
		v.shown = SHOWN_RUNNING;
	} else if (run && run->state == RUN_EXITED &&
		   (over || !goes_on || lifecycle_slot_is_final(lc, slot))) {
		v.shown = SHOWN_TERMINATED;
	} else {
		v.shown = SHOWN_WAITING;
		v.reason = waiting_reason(lc, slot);
		v.message = waiting_message(lc, slot);
		v.last = run && run->state == RUN_EXITED ? run : v.last;
	}
	return v;
}

/* --- phase --- */
struct tally {
	unsigned init_pending, init_failed, waiting, running, stopped, succeeded;
};

static void tally_init(struct tally *t, const struct view *v)
{
	bool ended = v->shown == SHOWN_TERMINATED || (v->shown == SHOWN_WAITING && v->last);
	const struct run *run = v->shown == SHOWN_TERMINATED ? v->run : v->last;

	if (v->slot->spec->sidecar)
		t->init_pending += !v->started && v->shown != SHOWN_TERMINATED;
	else if (ended && run && run->exit_code)
		t->init_failed++;
	else if (v->shown != SHOWN_TERMINATED)
		t->init_pending++;
}

static void tally_app(struct tally *t, const struct view *v)
{
	if (v->shown == SHOWN_RUNNING) {
		t->running++;
	} else if (v->shown == SHOWN_TERMINATED) {
		t->stopped++;
		t->succeeded += v->run->exit_code == 0;
	} else if (v->last) {
		t->stopped++;
	} else {
		t->waiting++;
	}
}

static enum pod_phase phase_of(const struct lifecycle *lc)
{
	struct tally t = { 0 };
	bool over = lc->removal;

	if (lc->finished)
		return lc->finished_phase;
	for (uint32_t i = 0; i < lc->spec->container_count; i++) {
		struct view v = view_of(lc, i);

		if (v.slot->spec->init)
			tally_init(&t, &v);
		else
			tally_app(&t, &v);
	}
	if (t.init_failed && lc->spec->restart_policy == RESTART_NEVER)
		return PHASE_FAILED;
	if ((t.init_pending || t.init_failed) && !t.running && !t.stopped)
		return PHASE_PENDING;
	if (t.waiting)
		return PHASE_PENDING;
	if (t.running)
		return PHASE_RUNNING;
	if (!t.stopped)
		return PHASE_PENDING;
	if (!over && lc->spec->restart_policy != RESTART_NEVER &&
	    !(lc->spec->restart_policy == RESTART_ON_FAILURE && t.stopped == t.succeeded))
		return PHASE_RUNNING;
	return t.stopped == t.succeeded ? PHASE_SUCCEEDED : PHASE_FAILED;
}

enum pod_phase lifecycle_phase(const struct lifecycle *lc)
{
	return phase_of(lc);
}

/* --- conditions --- */
struct verdict {
	bool value;
	const char *reason;
	char message[200];
};

/* "[a b]" of the containers (init ones or not) that are not ready. */
static bool list_unready(const struct lifecycle *lc, bool init, const char *what, struct verdict *v)
{
	size_t used = (size_t)snprintf(v->message, sizeof(v->message), "containers with %s status: [", what);
	bool first = true;

	for (uint32_t i = 0; i < lc->spec->container_count; i++) {
		struct view view = view_of(lc, i);
		bool counts =
			init ? view.slot->spec->init : !view.slot->spec->init || view.slot->spec->sidecar;
		bool good = view.ready || (init && view.slot->spec->sidecar && view.started);

		if (!counts || good || used >= sizeof(v->message))
			continue;
		used += (size_t)snprintf(v->message + used, sizeof(v->message) - used, "%s%s",
					 first ? "" : " ", view.slot->spec->name);
		first = false;
	}
	if (used < sizeof(v->message))
		snprintf(v->message + used, sizeof(v->message) - used, "]");
	if (first)
		v->message[0] = '\0';
	return first;
}

static bool gates_open(const struct lifecycle *lc, struct verdict *v)
{
	const struct pair *gates = lc->spec->readiness_gates.v;
	const struct prior_condition *conditions = lc->spec->prior.conditions.v;

	for (uint32_t i = 0; i < lc->spec->readiness_gates.n; i++) {
		bool open = false;

		for (uint32_t k = 0; k < lc->spec->prior.conditions.n; k++)
			open |= strcmp(conditions[k].type, gates[i].key) == 0 && conditions[k].status == 1;
		if (open)
			continue;
		v->reason = "ReadinessGatesNotReady";
		snprintf(v->message, sizeof(v->message),
			 "the status of pod readiness gate \"%.80s\" is not \"True\"", gates[i].key);
		return false;
	}
	return true;
}

static void judge_ready(const struct lifecycle *lc, enum pod_phase phase, struct verdict *v)
{
	bool over = phase == PHASE_SUCCEEDED || phase == PHASE_FAILED;

	v->value = list_unready(lc, false, "unready", v) && !over;
	if (phase == PHASE_SUCCEEDED)
		v->reason = "PodCompleted";
	else if (phase == PHASE_FAILED)
		v->reason = "PodFailed";
	else if (!v->value)
		v->reason = "ContainersNotReady";
	if (over)
		v->message[0] = '\0';
	if (!over && lc->fenced) {
		v->value = false;
		v->reason = SPEC_FENCED;
		snprintf(v->message, sizeof(v->message), "%s", lifecycle_fenced_text);
	}
}

static void judge_conditions(const struct lifecycle *lc, struct verdict out[COND_COUNT])
{
	const struct sandbox *sandbox = lifecycle_current_sandbox(lc);
	enum pod_phase phase = phase_of(lc);

	for (int c = 0; c < COND_COUNT; c++)
		out[c] = (struct verdict){ .reason = "" };
	out[COND_SCHEDULED].value = true;
	out[COND_READY_TO_START].value =
		sandbox && sandbox->ready && (sandbox->ips[0] || lc->spec->host_network);
	out[COND_INITIALIZED].value =
		!lc->spec->init_count || lifecycle_is_initialized(lc) || phase == PHASE_SUCCEEDED;
	if (phase == PHASE_SUCCEEDED)
		out[COND_INITIALIZED].reason = "PodCompleted";
	if (!out[COND_INITIALIZED].value) {
		out[COND_INITIALIZED].reason = "ContainersNotInitialized";
		(void)list_unready(lc, true, "incomplete", &out[COND_INITIALIZED]);
	}
	judge_ready(lc, phase, &out[COND_CONTAINERS_READY]);
	out[COND_READY] = out[COND_CONTAINERS_READY];
	if (out[COND_READY].value)
		out[COND_READY].value = gates_open(lc, &out[COND_READY]);
}

static const char *const condition_names[COND_COUNT] = {
	"PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled",
};

static void write_conditions(struct lifecycle *lc, struct moment at, struct buf *out)
{
	struct verdict verdicts[COND_COUNT];
	char when[CLOCK_TEXT_SIZE];

	judge_conditions(lc, verdicts);
	buf_add_str(out, "\"conditions\":[");
	for (int c = 0; c < COND_COUNT; c++) {
		const struct verdict *v = &verdicts[c];

		if (lc->conditions[c].value != v->value) {
			lc->conditions[c].value = v->value;
			lc->conditions[c].since_ms = at.wall_ms;
		}
		clock_format(lc->conditions[c].since_ms, when);
		buf_addf(out,
			 "%s{\"type\":\"%s\",\"status\":\"%s\",\"lastProbeTime\":null,\"lastTransitionTime\":"
			 "\"%s\"",
			 c ? "," : "", condition_names[c], v->value ? "True" : "False", when);
		if (v->reason[0])
			buf_addf(out, ",\"reason\":\"%s\"", v->reason);
		if (v->message[0]) {
			buf_add_str(out, ",\"message\":");
			buf_add_json_str(out, span_of(v->message));
		}
		buf_add_char(out, '}');
	}
	buf_add_char(out, ']');
}

/* --- container statuses --- */
static void add_str(struct buf *out, const char *name, const char *value)
{
	struct span s = span_of(value);

	buf_addf(out, ",\"%s\":", name);
	buf_add_json_str(out, span_is_utf8(s) ? s : SPAN("(not text)"));
}

static void add_time(struct buf *out, const char *name, int64_t wall_ms)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(wall_ms, text);
	buf_addf(out, ",\"%s\":\"%s\"", name, text);
}

static void write_terminated(const struct run *run, struct buf *out)
{
	buf_addf(out, "{\"terminated\":{\"exitCode\":%d", run->exit_code);
	add_str(out, "reason", run->reason[0] ? run->reason : run->exit_code ? "Error" : "Completed");
	if (run->message[0])
		add_str(out, "message", run->message);
	add_time(out, "startedAt", run->started_ms);
	add_time(out, "finishedAt", run->finished_ms);
	if (run->id[0])
		buf_addf(out, ",\"containerID\":\"containerd://%s\"", run->id);
	buf_add_str(out, "}}");
}

static void write_state(const struct view *v, struct buf *out)
{
	char when[CLOCK_TEXT_SIZE];

	assert_always(v->run || v->shown == SHOWN_WAITING);
	switch (v->shown) {
	case SHOWN_RUNNING:
		clock_format(v->run->started_ms, when);
		buf_addf(out, "{\"running\":{\"startedAt\":\"%s\"}}", when);
		break;
	case SHOWN_TERMINATED: write_terminated(v->run, out); break;
	default:
		buf_addf(out, "{\"waiting\":{\"reason\":\"%s\"", v->reason);
		if (v->message[0])
			add_str(out, "message", v->message);
		buf_add_str(out, "}}");
	}
}

static void write_container(const struct view *v, struct buf *out)
{
	const struct run *run = v->run;
	unsigned restarts = run ? run->restart_count : (unsigned)v->slot->prior_restarts;

	buf_add_str(out, "{\"name\":");
	buf_add_json_str(out, span_of(v->slot->spec->name));
	buf_add_str(out, ",\"state\":");
	write_state(v, out);
	buf_add_str(out, ",\"lastState\":");
	if (v->last)
		write_terminated(v->last, out);
	else
		buf_add_str(out, "{}");
	buf_addf(out, ",\"ready\":%s,\"restartCount\":%u", v->ready ? "true" : "false", restarts);
	add_str(out, "image", run && run->image[0] ? run->image : v->slot->spec->image);
	add_str(out, "imageID", run ? run->image_ref : "");
	if (run && run->id[0])
		buf_addf(out, ",\"containerID\":\"containerd://%s\"", run->id);
	buf_addf(out, ",\"started\":%s}", v->started ? "true" : "false");
}

static void write_containers(const struct lifecycle *lc, bool init, const char *name, struct buf *out)
{
	bool first = true;

	for (uint32_t i = 0; i < lc->spec->container_count; i++) {
		struct view v = view_of(lc, i);

		if (v.slot->spec->init != init)
			continue;
		if (first)
			buf_addf(out, ",\"%s\":[", name);
		else
			buf_add_char(out, ',');
		write_container(&v, out);
		first = false;
	}
	if (!first)
		buf_add_char(out, ']');
}

/* --- addresses --- */
static void write_ips(const char *ips, struct buf *out)
{
	struct span rest = span_of(ips), head;
	bool more = true, first = true;

	while (more) {
		more = span_cut(rest, ',', &head, &rest);
		if (!head.len)
			continue;
		if (first)
			buf_addf(out, ",\"podIP\":\"%.*s\",\"podIPs\":[", SPAN_ARG(head));
		buf_addf(out, "%s{\"ip\":\"%.*s\"}", first ? "" : ",", SPAN_ARG(head));
		first = false;
	}
	if (!first)
		buf_add_char(out, ']');
}

int lifecycle_status(struct lifecycle *lc, const char *host_ip, struct moment at, struct buf *out)
{
	const char *ips =
		lc->spec->host_network && lifecycle_sandbox(lc)[0] ? host_ip : lifecycle_pod_ips(lc);

	buf_addf(out, "{\"phase\":\"%s\",", phase_names[phase_of(lc)]);
	write_conditions(lc, at, out);
	if (lc->failed_reason[0])
		add_str(out, "reason", lc->failed_reason);
	if (lc->failed_message[0])
		add_str(out, "message", lc->failed_message);
	if (host_ip[0])
		buf_addf(out, ",\"hostIP\":\"%s\",\"hostIPs\":[{\"ip\":\"%s\"}]", host_ip, host_ip);
	write_ips(ips, out);
	if (lc->start_time_ms)
		add_time(out, "startTime", lc->start_time_ms);
	write_containers(lc, true, "initContainerStatuses", out);
	write_containers(lc, false, "containerStatuses", out);
	buf_addf(out, ",\"qosClass\":\"%s\"}", qos_names[lc->spec->qos]);
	return buf_error(out);
}
