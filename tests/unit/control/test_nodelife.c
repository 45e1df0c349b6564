#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/nodelife.h"
#include "views.h"

#define NOW_MS 1790000000000
#define START 1000000u
#define START_GRACE 60000u
#define LINK_GRACE 40000u

static enum nodelife_link link_at(bool up, uint64_t since, uint64_t now, uint64_t *due)
{
	return nodelife_link(up, since, START, START_GRACE, LINK_GRACE, now, due);
}

static void links_are_judged_after_both_graces(void **state)
{
	uint64_t due;

	assert_int_equal(link_at(true, 0, START, &due), NODELIFE_LINK_UP);
	assert_true(due == UINT64_MAX);
	/* Down since the start: the start's grace counts. */
	assert_int_equal(link_at(false, START, START + 41000, &due), NODELIFE_LINK_PENDING);
	assert_true(due == START + START_GRACE);
	assert_int_equal(link_at(false, START, START + START_GRACE, &due), NODELIFE_LINK_DOWN);
	/* Went down long after: its own. */
	assert_int_equal(link_at(false, START + 500000, START + 539999, &due), NODELIFE_LINK_PENDING);
	assert_true(due == START + 540000);
	assert_int_equal(link_at(false, START + 500000, START + 540000, &due), NODELIFE_LINK_DOWN);
}

/* Whatever neighbours say, nothing that today's evidence can decide evicts anybody. */
static void the_table_knows_up_pending_and_down(void **state)
{
	for (unsigned e = NODELIFE_SILENT; e <= NODELIFE_DEAD; e++) {
		struct nodelife_decision up =
			nodelife_decide((struct nodelife_evidence){ NODELIFE_LINK_UP, e });
		struct nodelife_decision pending =
			nodelife_decide((struct nodelife_evidence){ NODELIFE_LINK_PENDING, e });
		struct nodelife_decision down =
			nodelife_decide((struct nodelife_evidence){ NODELIFE_LINK_DOWN, e });

		assert_true(up.ready == NODELIFE_AS_REPORTED && !up.cut_off);
		assert_true(pending.ready == NODELIFE_KEEP);
		assert_true(down.ready == NODELIFE_UNKNOWN && down.cut_off);
	}
}

static const char *condition(const struct json *node, const char *type, const char *field)
{
	const struct json *list = json_path(node, "status.conditions");

	for (size_t i = 0; i < json_count(list); i++)
		if (strcmp(json_path_str(json_at(list, i), "type", ""), type) == 0)
			return json_path_str(json_at(list, i), field, "");
	return "";
}

static int apply(struct json *node, enum nodelife_link link)
{
	int status =
		nodelife_apply_status(node,
				      nodelife_decide((struct nodelife_evidence){ link, NODELIFE_SILENT }),
				      NOW_MS);
	int taints = nodelife_apply_taints(node, NOW_MS);

	assert_true(status >= 0 && taints >= 0);
	return status || taints;
}

static void a_cut_off_node_is_unknown_and_tainted_once(void **state)
{
	struct json *node = quoted_json("{'status':{'conditions':[{'type':'Ready','status':'True','"
					"lastTransitionTime':'2020-01-01T00:00:00Z'}]}}");

	assert_int_equal(apply(node, NODELIFE_LINK_UP), 0);
	assert_int_equal(apply(node, NODELIFE_LINK_PENDING), 0);
	assert_int_equal(apply(node, NODELIFE_LINK_DOWN), 1);
	assert_string_equal(condition(node, "Ready", "status"), "Unknown");
	assert_string_equal(condition(node, "Ready", "reason"), "NodeStatusUnknown");
	assert_string_equal(condition(node, "Ready", "lastTransitionTime"), "2026-09-21T14:13:20Z");
	assert_string_equal(condition(node, "CutOff", "status"), "True");
	assert_int_equal(json_count(json_path(node, "spec.taints")), 1);
	assert_string_equal(json_path_str(node, "spec.taints.0.key", ""), "node.kubernetes.io/unreachable");
	assert_string_equal(json_path_str(node, "spec.taints.0.effect", ""), "NoSchedule");
	assert_int_equal(apply(node, NODELIFE_LINK_DOWN), 0);
	/* The link is back: CutOff goes at once, Ready is for the node to say. */
	assert_int_equal(apply(node, NODELIFE_LINK_UP), 1);
	assert_string_equal(condition(node, "CutOff", "status"), "False");
	assert_string_equal(condition(node, "Ready", "status"), "Unknown");
	assert_int_equal(json_set_str(json_path(node, "status.conditions.0"), "status", "True"), 0);
	assert_int_equal(apply(node, NODELIFE_LINK_UP), 1);
	assert_null(json_path(node, "spec.taints"));
	assert_int_equal(apply(node, NODELIFE_LINK_UP), 0);
	json_free(node);
}

static void a_node_never_seen_is_never_updated(void **state)
{
	struct json *node = quoted_json("{'metadata':{'name':'n'}}");

	assert_int_equal(apply(node, NODELIFE_LINK_DOWN), 1);
	assert_string_equal(condition(node, "Ready", "reason"), "NodeStatusNeverUpdated");
	json_free(node);
}

static void taints_follow_conditions_and_leave_others_alone(void **state)
{
	struct json *node =
		quoted_json("{'spec':{'unschedulable':true,'taints':[{'key':'mine','effect':'NoExecute'},"
			    "{'key':'node.kubernetes.io/memory-pressure','effect':'NoSchedule'}]},"
			    "'status':{'conditions':[{'type':'Ready','status':'False'},{'type':'DiskPressure'"
			    ",'status':'True'},"
			    "{'type':'MemoryPressure','status':'False'}]}}");
	static const char *const expected[] = { "mine", "node.kubernetes.io/not-ready",
						"node.kubernetes.io/disk-pressure",
						"node.kubernetes.io/unschedulable" };

	assert_int_equal(nodelife_apply_taints(node, NOW_MS), 1);
	assert_int_equal(json_count(json_path(node, "spec.taints")), 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(json_path_str(json_at(json_path(node, "spec.taints"), i), "key", ""),
				    expected[i]);
	assert_int_equal(nodelife_apply_taints(node, NOW_MS), 0);
	json_free(node);
}

static void odd_nodes_are_put_right(void **state)
{
	struct json *node = quoted_json("{'spec':{'taints':{'a':1}},'status':{'conditions':'none'}}");

	assert_int_equal(apply(node, NODELIFE_LINK_DOWN), 1);
	assert_string_equal(condition(node, "Ready", "status"), "Unknown");
	assert_string_equal(json_path_str(node, "spec.taints.0.key", ""), "node.kubernetes.io/unreachable");
	json_free(node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_are_judged_after_both_graces),
		cmocka_unit_test(the_table_knows_up_pending_and_down),
		cmocka_unit_test(a_cut_off_node_is_unknown_and_tainted_once),
		cmocka_unit_test(a_node_never_seen_is_never_updated),
		cmocka_unit_test(taints_follow_conditions_and_leave_others_alone),
		cmocka_unit_test(odd_nodes_are_put_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
