#include "control/nodelife.h"

#include <errno.h>

#include "base/clock.h"
#include "control/placement.h"

/* --- deciding --- */

/* Rows: the link. Columns: silent, undecided, alive, agent down, dead. Until verdicts arrive everyone is silent. Dead over a live link
 * is an isolated LAN: the node speaks for itself. */
static const struct nodelife_decision table[3][5] = {
	[NODELIFE_LINK_UP] = {
		{ NODELIFE_AS_REPORTED, false }, { NODELIFE_AS_REPORTED, false }, { NODELIFE_AS_REPORTED, false },
		{ NODELIFE_AS_REPORTED, false }, { NODELIFE_AS_REPORTED, false },
	},
	[NODELIFE_LINK_PENDING] = {
		{ NODELIFE_KEEP, false }, { NODELIFE_KEEP, false }, { NODELIFE_KEEP, false },
		{ NODELIFE_KEEP, false }, { NODELIFE_KEEP, false },
	},
	[NODELIFE_LINK_DOWN] = {
		{ NODELIFE_UNKNOWN, true }, { NODELIFE_UNKNOWN, true }, { NODELIFE_UNKNOWN, true },
		{ NODELIFE_UNKNOWN, true }, { NODELIFE_UNKNOWN, true },
	},
};

struct nodelife_decision nodelife_decide(struct nodelife_evidence evidence)
{
	return table[evidence.link][evidence.electorate];
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

int nodelife_set_condition(struct json *node, const char *type, const char *status, const char *reason,
			   const char *message, int64_t now_wall_ms)
{
	struct json *condition;
	char now[CLOCK_TEXT_SIZE];

	if (strcmp(condition_status(node, type), status) == 0)
		return 0;
	condition = want_condition(node, type);
	clock_format(now_wall_ms, now);
	if (!condition || json_set_str(condition, "status", status) ||
	    json_set_str(condition, "lastTransitionTime", now) || json_set_str(condition, "reason", reason) ||
	    json_set_str(condition, "message", message))
		return -ENOMEM;
	return 1;
}

static int say_unknown(struct json *node, int64_t now_wall_ms)
{
	bool never = !find_condition(node, "Ready");

	return nodelife_set_condition(node, "Ready", "Unknown",
				      never ? "NodeStatusNeverUpdated" : "NodeStatusUnknown",
				      never ? "The node has never been connected."
					    : "The link to the node is down.",
				      now_wall_ms);
}

int nodelife_apply_status(struct json *node, struct nodelife_decision decision, int64_t now_wall_ms)
{
	int ready = 0, cut;

	if (decision.ready == NODELIFE_KEEP)
		return 0;
	if (decision.ready == NODELIFE_UNKNOWN)
		ready = say_unknown(node, now_wall_ms);
	if (ready < 0)
		return ready;
	if (decision.cut_off)
		cut = nodelife_set_condition(
			node, "CutOff", "True", "LinkDown",
			"The cloud cannot reach the node; what runs there goes on running.", now_wall_ms);
	else if (find_condition(node, "CutOff"))
		cut = nodelife_set_condition(node, "CutOff", "False", "LinkUp", "The node is connected.",
					     now_wall_ms);
	else
		cut = 0;
	return cut < 0 ? cut : ready || cut;
}

/* --- taints --- */

/* Each condition's taint, as upstream's node lifecycle controller puts them; NoSchedule only. */
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

static int taint_index(const struct json *taints, const char *key)
{
	for (size_t i = 0; i < json_count(taints); i++)
		if (strcmp(json_str(json_get(json_at(taints, i), "key"), ""), key) == 0 &&
		    strcmp(json_str(json_get(json_at(taints, i), "effect"), ""), "NoSchedule") == 0)
			return (int)i;
	return -1;
}

static int add_taint(struct json *node, const char *key, int64_t now_wall_ms)
{
	struct json *spec = json_ensure(node, "spec"), *taint;
	char now[CLOCK_TEXT_SIZE];

	if (!spec)
		return -ENOMEM;
	if (!json_is(json_get(spec, "taints"), JSON_ARRAY) && json_set(spec, "taints", json_new_array()))
		return -ENOMEM;
	taint = json_new_object();
	clock_format(now_wall_ms, now);
	if (!taint || json_set_str(taint, "key", key) || json_set_str(taint, "effect", "NoSchedule") ||
	    json_set_str(taint, "timeAdded", now)) {
		json_free(taint);
		return -ENOMEM;
	}
	return json_append(json_get(spec, "taints"), taint);
}

int nodelife_apply_taints(struct json *node, int64_t now_wall_ms)
{
	bool changed = false;

	for (size_t i = 0; i < sizeof(condition_taints) / sizeof(condition_taints[0]); i++) {
		struct json *taints = json_path(node, "spec.taints");
		int at = taint_index(taints, condition_taints[i].key);
		bool due = taint_is_due(node, i);

		if (due == (at >= 0))
			continue;
		changed = true;
		if (!due)
			(void)json_remove_at(taints, (size_t)at);
		else if (add_taint(node, condition_taints[i].key, now_wall_ms))
			return -ENOMEM;
	}
	if (changed && json_path(node, "spec.taints") && !json_count(json_path(node, "spec.taints")))
		(void)json_remove(json_path(node, "spec"), "taints");
	return changed;
}
