#include "control/nodelife.h"

#include <errno.h>

#include "base/clock.h"
#include "control/placement.h"

#define MESSAGE_MAX 1024u

/* --- deciding --- */

#define SPEAKS                                 \
	{                                      \
		.ready = NODELIFE_AS_REPORTED, \
	}
#define LATER                          \
	{                              \
		.ready = NODELIFE_KEEP \
	}
#define CUT_OFF                                             \
	{                                                   \
		.ready = NODELIFE_UNKNOWN, .cut_off = true, \
	}

/* Dead over a live link is an isolated LAN: the node speaks for itself. What the neighbours are undecided about, or silent, is cut off as
 * far as the cloud can know. */
static const struct nodelife_decision table[3][5] = {
	[NODELIFE_LINK_UP] = {
		[NODELIFE_SILENT] = SPEAKS, [NODELIFE_UNDECIDED] = SPEAKS, [NODELIFE_ALIVE] = SPEAKS,
		[NODELIFE_AGENT_DOWN] = SPEAKS,
		[NODELIFE_DEAD] = { .ready = NODELIFE_AS_REPORTED, .peers_unreachable = true, .dead = true },
	},
	[NODELIFE_LINK_PENDING] = {
		[NODELIFE_SILENT] = LATER, [NODELIFE_UNDECIDED] = LATER, [NODELIFE_ALIVE] = LATER,
		[NODELIFE_AGENT_DOWN] = LATER, [NODELIFE_DEAD] = LATER,
	},
	[NODELIFE_LINK_DOWN] = {
		[NODELIFE_SILENT] = CUT_OFF, [NODELIFE_UNDECIDED] = CUT_OFF, [NODELIFE_ALIVE] = CUT_OFF,
		[NODELIFE_AGENT_DOWN] = { .ready = NODELIFE_NOT_READY, .agent_down = true },
		[NODELIFE_DEAD] = { .ready = NODELIFE_UNKNOWN, .dead = true },
	},
};

/* How long this has to last until pods may go; never for what is only cut off. */
static uint64_t patience(const struct nodelife_evidence *e, const struct health_policy *policy)
{
	bool is_small = e->electors < 2;

	if (e->link != NODELIFE_LINK_DOWN)
		return NODELIFE_NEVER;
	switch (e->electorate) {
	case NODELIFE_DEAD: return policy->grace_ms;
	case NODELIFE_AGENT_DOWN: return policy->agent_down_ms ? policy->agent_down_ms : NODELIFE_NEVER;
	case NODELIFE_UNDECIDED:
		return is_small && e->only_dead && policy->evict_small ? policy->grace_ms : NODELIFE_NEVER;
	case NODELIFE_SILENT:
		return (is_small ? policy->evict_small : policy->evict_dark) ? policy->dark_ms
									     : NODELIFE_NEVER;
	case NODELIFE_ALIVE: break;
	}
	return NODELIFE_NEVER;
}

struct nodelife_decision nodelife_decide(struct nodelife_evidence e)
{
	bool is_doubted =
		e.link == NODELIFE_LINK_UP && e.electorate == NODELIFE_DEAD && e.since_ms < NODELIFE_DOUBT_MS;
	struct nodelife_decision decision = table[e.link][is_doubted ? NODELIFE_UNDECIDED : e.electorate];
	uint64_t wait = patience(&e, e.policy ? e.policy : &health_policy_default);

	decision.word = e.electorate;
	decision.evict = wait != NODELIFE_NEVER && e.since_ms >= wait;
	decision.again_in_ms = wait == NODELIFE_NEVER || decision.evict ? NODELIFE_NEVER : wait - e.since_ms;
	if (is_doubted)
		decision.again_in_ms = NODELIFE_DOUBT_MS - e.since_ms;
	return decision;
}

enum nodelife_link nodelife_link(bool up, uint64_t down_since_ms, uint64_t started_ms,
				 uint64_t start_grace_ms, uint64_t link_grace_ms, uint64_t now_ms,
				 uint64_t *out_due_ms)
{
	uint64_t start_due = started_ms + start_grace_ms, link_due = down_since_ms + link_grace_ms;
	uint64_t due = start_due > link_due ? start_due : link_due;

	*out_due_ms = UINT64_MAX;
	if (up)
		return NODELIFE_LINK_UP;
	if (now_ms >= due)
		return NODELIFE_LINK_DOWN;
	*out_due_ms = due;
	return NODELIFE_LINK_PENDING;
}

/* --- conditions --- */

static struct json *find_condition(const struct json *node, const char *type)
{
	struct json *list = json_path(node, "status.conditions");

	for (size_t i = 0; i < json_count(list); i++)
		if (strcmp(json_str(json_get(json_at(list, i), "type"), ""), type) == 0)
			return json_at(list, i);
	return NULL;
}

static const char *condition_status(const struct json *node, const char *type)
{
	return json_str(json_get(find_condition(node, type), "status"), "");
}

static struct json *want_condition(struct json *node, const char *type)
{
	struct json *condition = find_condition(node, type), *status = json_ensure(node, "status"), *list;

	if (condition || !status)
		return condition;
	if (!json_is(json_get(status, "conditions"), JSON_ARRAY) &&
	    json_set(status, "conditions", json_new_array()))
		return NULL;
	list = json_get(status, "conditions");
	condition = json_new_object();
	if (condition && json_set_str(condition, "type", type)) {
		json_free(condition);
		return NULL;
	}
	return json_append(list, condition) ? NULL : json_at(list, json_count(list) - 1);
}

/* A condition keeps the time of its status when only the reason becomes another. */
int nodelife_set_condition(struct json *node, const char *type, const char *status, const char *reason,
			   const char *message, int64_t now_wall_ms)
{
	struct json *condition;
	bool is_same = strcmp(condition_status(node, type), status) == 0;
	char now[CLOCK_TEXT_SIZE];

	if (is_same && strcmp(json_path_str(find_condition(node, type), "reason", ""), reason) == 0)
		return 0;
	condition = want_condition(node, type);
	clock_format(now_wall_ms, now);
	if (!condition || json_set_str(condition, "status", status) ||
	    json_set_str(condition, "lastHeartbeatTime", now) ||
	    (!is_same && json_set_str(condition, "lastTransitionTime", now)) ||
	    json_set_str(condition, "reason", reason) || json_set_str(condition, "message", message))
		return -ENOMEM;
	return 1;
}

/* As above, with who says so behind the message. */
static int set_with_said(struct json *node, const char *type, const char *status, const char *reason,
			 const char *message, const struct nodelife_decision *decision, int64_t now_wall_ms)
{
	struct buf text;
	int code;

	buf_init(&text, MESSAGE_MAX);
	(void)buf_addf(&text, "%s%s%s", message, decision->said ? " " : "",
		       decision->said ? decision->said : "");
	code = buf_cstr(&text)
		       ? nodelife_set_condition(node, type, status, reason, buf_cstr(&text), now_wall_ms)
		       : -ENOMEM;
	buf_done(&text);
	return code;
}

static int say_ready(struct json *node, const struct nodelife_decision *decision, int64_t now_wall_ms)
{
	const struct json *ready = find_condition(node, "Ready");
	bool never = !ready || strcmp(json_path_str(ready, "reason", ""), "NodeStatusNeverUpdated") == 0;

	if (decision->ready == NODELIFE_AS_REPORTED)
		return 0;
	if (decision->ready == NODELIFE_NOT_READY)
		return set_with_said(node, "Ready", "False", "AgentDown",
				     "The node's host answers, its edge-hub does not.", decision,
				     now_wall_ms);
	if (decision->dead)
		return set_with_said(node, "Ready", "Unknown", "DeclaredDead",
				     "The link to the node is down, and a majority of its region says that "
				     "it is dead.",
				     decision, now_wall_ms);
	return set_with_said(node, "Ready", "Unknown", never ? "NodeStatusNeverUpdated" : "NodeStatusUnknown",
			     never ? "The node has never been connected." : "The link to the node is down.",
			     decision, now_wall_ms);
}

/* What a condition says when it holds, and when it does not any more. */
static const struct saying {
	const char *type;
	size_t offset;
	const char *reason, *message, *over, *over_message;
} sayings[] = {
	{ "CutOff", offsetof(struct nodelife_decision, cut_off), NULL,
	  "The cloud cannot reach the node; what runs there goes on running.", "LinkUp",
	  "The node is connected." },
	{ "AgentDown", offsetof(struct nodelife_decision, agent_down), "HostAnswers",
	  "Its neighbours say that the host answers and its edge-hub does not.", "NoLonger",
	  "Nobody says so any more." },
	{ "PeersUnreachable", offsetof(struct nodelife_decision, peers_unreachable), "IsolatedLAN",
	  "The node is connected, and a majority of its region cannot reach it.", "NoLonger",
	  "No majority says so any more." },
};

/* Why the cloud can say no more than that: the neighbours see it, are of two minds, or say nothing at all. */
static const char *const cut_off_reasons[] = {
	[NODELIFE_SILENT] = "NeighboursSilent", [NODELIFE_UNDECIDED] = "NeighboursUndecided",
	[NODELIFE_ALIVE] = "NeighboursSeeIt",	[NODELIFE_AGENT_DOWN] = "LinkDown",
	[NODELIFE_DEAD] = "LinkDown",
};

static int say(struct json *node, const struct saying *s, const struct nodelife_decision *decision,
	       int64_t now_wall_ms)
{
	bool holds = *(const bool *)((const char *)decision + s->offset);

	if (holds)
		return set_with_said(node, s->type, "True",
				     s->reason ? s->reason : cut_off_reasons[decision->word], s->message,
				     decision, now_wall_ms);
	if (!find_condition(node, s->type))
		return 0;
	if (decision->dead && strcmp(s->type, "CutOff") == 0 && !decision->peers_unreachable)
		return set_with_said(node, s->type, "False", "Dead",
				     "A majority of its region says that the node is dead.", decision,
				     now_wall_ms);
	if (decision->agent_down && strcmp(s->type, "CutOff") == 0)
		return set_with_said(node, s->type, "False", "AgentDown",
				     "The node's edge-hub does not answer its neighbours either.", decision,
				     now_wall_ms);
	return nodelife_set_condition(node, s->type, "False", s->over, s->over_message, now_wall_ms);
}

static int annotate(struct json *node, bool is_dead)
{
	struct json *annotations = json_path(node, "metadata.annotations");
	bool has = strcmp(json_str(json_get(annotations, ANNOTATION_UNHEALTHY), ""), "yes") == 0;

	if (has == is_dead)
		return 0;
	if (!is_dead)
		return json_remove(annotations, ANNOTATION_UNHEALTHY);
	annotations = json_ensure(node, "metadata.annotations");
	return annotations && !json_set_str(annotations, ANNOTATION_UNHEALTHY, "yes") ? 1 : -ENOMEM;
}

int nodelife_apply_status(struct json *node, const struct nodelife_decision *decision, int64_t now_wall_ms)
{
	int rc, changed;

	if (decision->ready == NODELIFE_KEEP)
		return 0;
	changed = say_ready(node, decision, now_wall_ms);
	for (size_t i = 0; changed >= 0 && i < sizeof(sayings) / sizeof(sayings[0]); i++) {
		rc = say(node, &sayings[i], decision, now_wall_ms);
		changed = rc < 0 ? rc : changed || rc;
	}
	rc = changed < 0 ? changed : annotate(node, decision->dead);
	return rc < 0 ? rc : changed || rc;
}

/* --- taints --- */

/* Each condition's taint, as upstream's node lifecycle controller puts them. */
static const struct {
	const char *key, *condition, *status;
} condition_taints[] = {
	{ TAINT_NOT_READY, "Ready", "False" },
	{ TAINT_UNREACHABLE, "Ready", "Unknown" },
	{ TAINT_MEMORY_PRESSURE, "MemoryPressure", "True" },
	{ TAINT_DISK_PRESSURE, "DiskPressure", "True" },
	{ TAINT_PID_PRESSURE, "PIDPressure", "True" },
	{ TAINT_NETWORK_UNAVAILABLE, "NetworkUnavailable", "True" },
	{ TAINT_UNSCHEDULABLE, NULL, NULL }, /* spec.unschedulable */
};

static bool taint_is_due(const struct json *node, size_t i)
{
	if (!condition_taints[i].condition)
		return json_path_bool(node, "spec.unschedulable", false);
	return strcmp(condition_status(node, condition_taints[i].condition), condition_taints[i].status) == 0;
}

static int taint_index(const struct json *taints, const char *key, const char *effect)
{
	for (size_t i = 0; i < json_count(taints); i++)
		if (strcmp(json_str(json_get(json_at(taints, i), "key"), ""), key) == 0 &&
		    strcmp(json_str(json_get(json_at(taints, i), "effect"), ""), effect) == 0)
			return (int)i;
	return -1;
}

static int add_taint(struct json *node, const char *key, const char *effect, int64_t now_wall_ms)
{
	struct json *spec = json_ensure(node, "spec"), *taint;
	char now[CLOCK_TEXT_SIZE];

	if (!spec)
		return -ENOMEM;
	if (!json_is(json_get(spec, "taints"), JSON_ARRAY) && json_set(spec, "taints", json_new_array()))
		return -ENOMEM;
	taint = json_new_object();
	clock_format(now_wall_ms, now);
	if (!taint || json_set_str(taint, "key", key) || json_set_str(taint, "effect", effect) ||
	    json_set_str(taint, "timeAdded", now)) {
		json_free(taint);
		return -ENOMEM;
	}
	return json_append(json_get(spec, "taints"), taint);
}

/* 1: changed. */
static int set_taint(struct json *node, const char *key, const char *effect, bool due, int64_t now_wall_ms)
{
	struct json *taints = json_path(node, "spec.taints");
	int at = taint_index(taints, key, effect);

	if (due == (at >= 0))
		return 0;
	if (!due)
		return json_remove_at(taints, (size_t)at);
	return add_taint(node, key, effect, now_wall_ms) ? -ENOMEM : 1;
}

/* Of the two, the one that says why the node is not ready; as upstream's taint-eviction has it. */
static const char *const no_execute[] = { TAINT_UNREACHABLE, TAINT_NOT_READY };

static int set_no_execute(struct json *node, bool evict, int64_t now_wall_ms)
{
	static const char *const statuses[] = { "Unknown", "False" };
	int rc = 0, changed = 0;

	for (size_t i = 0; rc >= 0 && i < 2; i++) {
		bool due = evict && strcmp(condition_status(node, "Ready"), statuses[i]) == 0;

		rc = set_taint(node, no_execute[i], "NoExecute", due, now_wall_ms);
		changed |= rc == 1;
	}
	return rc < 0 ? rc : changed;
}

int nodelife_apply_taints(struct json *node, const struct nodelife_decision *decision, int64_t now_wall_ms)
{
	int changed = 0, rc = 0;

	for (size_t i = 0; rc >= 0 && i < sizeof(condition_taints) / sizeof(condition_taints[0]); i++) {
		rc = set_taint(node, condition_taints[i].key, "NoSchedule", taint_is_due(node, i),
			       now_wall_ms);
		changed |= rc == 1;
	}
	if (rc >= 0 && decision->ready != NODELIFE_KEEP) {
		rc = set_no_execute(node, decision->evict, now_wall_ms);
		changed |= rc == 1;
	}
	if (rc < 0)
		return rc;
	if (changed && json_path(node, "spec.taints") && !json_count(json_path(node, "spec.taints")))
		(void)json_remove(json_path(node, "spec"), "taints");
	return changed;
}

const char *nodelife_no_execute(const struct json *node, int64_t *out_since_wall_ms)
{
	const struct json *taints = json_path(node, "spec.taints");

	*out_since_wall_ms = 0;
	for (size_t i = 0; i < 2; i++) {
		int at = taint_index(taints, no_execute[i], "NoExecute");

		if (at < 0)
			continue;
		if (clock_parse(json_span(json_get(json_at(taints, (size_t)at), "timeAdded")),
				out_since_wall_ms))
			*out_since_wall_ms = 0;
		return no_execute[i];
	}
	return NULL;
}

/* --- what is told of changes --- */

static bool holds(const struct json *node, const char *type)
{
	return strcmp(condition_status(node, type), "True") == 0;
}

unsigned nodelife_stance(const struct json *node)
{
	const struct json *taints = json_path(node, "spec.taints"),
			  *annotations = json_path(node, "metadata.annotations");
	bool is_dead = strcmp(json_str(json_get(annotations, ANNOTATION_UNHEALTHY), ""), "yes") == 0;
	unsigned stance = 0;
	int64_t since;

	if (taint_index(taints, TAINT_NOT_READY, "NoSchedule") >= 0 ||
	    taint_index(taints, TAINT_UNREACHABLE, "NoSchedule") >= 0)
		stance |= NODELIFE_IS_NOT_READY;
	stance |= holds(node, "CutOff") ? NODELIFE_IS_CUT_OFF : 0;
	stance |= holds(node, "AgentDown") ? NODELIFE_IS_AGENT_DOWN : 0;
	stance |= holds(node, "PeersUnreachable") ? NODELIFE_IS_PEERS_UNREACHABLE : 0;
	stance |= is_dead && !holds(node, "PeersUnreachable") ? NODELIFE_IS_DEAD : 0;
	stance |= nodelife_no_execute(node, &since) ? NODELIFE_IS_EVICTING : 0;
	return stance;
}

/* The causes before what follows from them. */
static const struct nodelife_event events[] = {
	{ NODELIFE_IS_CUT_OFF, true, "Warning", "CutOff",
	  "The cloud cannot reach node %s; nothing is evicted.", true },
	{ NODELIFE_IS_AGENT_DOWN, true, "Warning", "AgentDown",
	  "The host of node %s answers its neighbours, its edge-hub does not.", true },
	{ NODELIFE_IS_PEERS_UNREACHABLE, true, "Warning", "PeersUnreachable",
	  "Node %s is connected, and its neighbours cannot reach it: its LAN is cut off. Nothing is evicted.",
	  true },
	{ NODELIFE_IS_PEERS_UNREACHABLE, false, "Normal", "PeersReachable",
	  "Node %s is not cut off from its neighbours any more.", false },
	{ NODELIFE_IS_DEAD, true, "Warning", "DeclaredDead",
	  "Node %s cannot be reached, and a majority of its region says that it is dead.", true },
	{ NODELIFE_IS_NOT_READY, true, "Normal", "NodeNotReady", "Node %s status is now: NodeNotReady",
	  false },
	{ NODELIFE_IS_NOT_READY, false, "Normal", "NodeReady", "Node %s status is now: NodeReady", false },
	{ NODELIFE_IS_EVICTING, true, "Warning", "Evicting", "Pods of node %s go when their tolerations end.",
	  true },
	{ NODELIFE_IS_EVICTING, false, "Normal", "EvictionEnded", "Pods of node %s are not evicted any more.",
	  false },
};

const struct nodelife_event *nodelife_events(size_t *out_count)
{
	*out_count = sizeof(events) / sizeof(events[0]);
	return events;
}
