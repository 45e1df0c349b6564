#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/nodelife.h"
#include "control/placement.h"
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

static struct nodelife_decision decide(enum nodelife_link link, enum nodelife_electorate word,
				       uint64_t since_ms, const struct health_policy *policy)
{
	return nodelife_decide((struct nodelife_evidence){
		.link = link, .electorate = word, .electors = 4, .since_ms = since_ms, .policy = policy });
}

static void a_node_that_speaks_for_itself_is_never_emptied(void **state)
{
	struct health_policy all = { .rate = 1, .agent_down_ms = 1, .evict_dark = true, .evict_small = true };

	for (unsigned word = NODELIFE_SILENT; word <= NODELIFE_DEAD; word++) {
		struct nodelife_decision up = decide(NODELIFE_LINK_UP, word, UINT64_MAX / 2, &all);
		struct nodelife_decision later = decide(NODELIFE_LINK_PENDING, word, UINT64_MAX / 2, &all);

		assert_true(up.ready == NODELIFE_AS_REPORTED && !up.cut_off && !up.agent_down && !up.evict);
		assert_true(up.peers_unreachable == (word == NODELIFE_DEAD));
		assert_true(up.dead == (word == NODELIFE_DEAD));
		assert_true(later.ready == NODELIFE_KEEP && !later.evict);
		assert_true(up.again_in_ms == NODELIFE_NEVER && later.again_in_ms == NODELIFE_NEVER);
	}
}

static void only_dead_empties_a_node_that_is_cut_off(void **state)
{
	static const enum nodelife_electorate cut_off[] = { NODELIFE_SILENT, NODELIFE_UNDECIDED,
							    NODELIFE_ALIVE };

	for (size_t i = 0; i < sizeof(cut_off) / sizeof(cut_off[0]); i++) {
		struct nodelife_decision d = decide(NODELIFE_LINK_DOWN, cut_off[i], UINT64_MAX / 2, NULL);

		assert_true(d.ready == NODELIFE_UNKNOWN && d.cut_off && !d.dead && !d.evict);
		assert_true(d.again_in_ms == NODELIFE_NEVER);
	}
}

static void dead_waits_for_the_grace_period(void **state)
{
	struct nodelife_decision soon = decide(NODELIFE_LINK_DOWN, NODELIFE_DEAD, 4000, NULL),
				 now = decide(NODELIFE_LINK_DOWN, NODELIFE_DEAD, 5000, NULL);

	assert_true(soon.ready == NODELIFE_UNKNOWN && !soon.cut_off && soon.dead && !soon.evict);
	assert_int_equal(soon.again_in_ms, 1000);
	assert_true(now.evict && now.again_in_ms == NODELIFE_NEVER);
}

static void a_silent_hub_waits_for_the_operator(void **state)
{
	struct health_policy patient = health_policy_default;
	struct nodelife_decision d = decide(NODELIFE_LINK_DOWN, NODELIFE_AGENT_DOWN, UINT64_MAX / 2, NULL);

	assert_true(d.ready == NODELIFE_NOT_READY && d.agent_down && !d.cut_off && !d.dead && !d.evict);
	patient.agent_down_ms = 60000;
	assert_false(decide(NODELIFE_LINK_DOWN, NODELIFE_AGENT_DOWN, 59999, &patient).evict);
	assert_true(decide(NODELIFE_LINK_DOWN, NODELIFE_AGENT_DOWN, 60000, &patient).evict);
}

static void a_dark_region_is_the_operators_business(void **state)
{
	struct health_policy dark = health_policy_default;

	dark.evict_dark = true;
	assert_false(decide(NODELIFE_LINK_DOWN, NODELIFE_SILENT, dark.dark_ms - 1, &dark).evict);
	assert_true(decide(NODELIFE_LINK_DOWN, NODELIFE_SILENT, dark.dark_ms, &dark).evict);
	assert_false(decide(NODELIFE_LINK_DOWN, NODELIFE_UNDECIDED, UINT64_MAX / 2, &dark).evict);
	assert_false(decide(NODELIFE_LINK_DOWN, NODELIFE_ALIVE, UINT64_MAX / 2, &dark).evict);
}

static void too_few_neighbours_for_a_majority_have_a_policy_of_their_own(void **state)
{
	struct health_policy small = health_policy_default, dark = health_policy_default;
	struct nodelife_evidence e = {
		.link = NODELIFE_LINK_DOWN, .electors = 1, .since_ms = UINT64_MAX / 2, .policy = &small
	};

	small.evict_small = true;
	dark.evict_dark = true;
	assert_true(nodelife_decide(e).evict); /* silent */
	e.electorate = NODELIFE_UNDECIDED;
	assert_false(nodelife_decide(e).evict);
	e.only_dead = true; /* the one neighbour says so */
	assert_true(nodelife_decide(e).evict);
	e.electorate = NODELIFE_ALIVE;
	assert_false(nodelife_decide(e).evict);
	e.electorate = NODELIFE_SILENT;
	e.policy = &dark;
	assert_false(nodelife_decide(e).evict);
	e.electors = 2;
	e.policy = &small;
	assert_false(nodelife_decide(e).evict);
}

static const char *condition(const struct json *node, const char *type, const char *field)
{
	const struct json *list = json_path(node, "status.conditions");

	for (size_t i = 0; i < json_count(list); i++)
		if (strcmp(json_path_str(json_at(list, i), "type", ""), type) == 0)
			return json_path_str(json_at(list, i), field, "");
	return "";
}

static int apply_word(struct json *node, enum nodelife_link link, enum nodelife_electorate word)
{
	struct nodelife_decision d = decide(link, word, UINT64_MAX / 2, NULL);
	int status = nodelife_apply_status(node, &d, NOW_MS);
	int taints = nodelife_apply_taints(node, &d, NOW_MS);

	assert_true(status >= 0 && taints >= 0);
	return status || taints;
}

static int apply(struct json *node, enum nodelife_link link)
{
	return apply_word(node, link, NODELIFE_SILENT);
}

static bool has_taint(const struct json *node, const char *key, const char *effect)
{
	const struct json *list = json_path(node, "spec.taints");

	for (size_t i = 0; i < json_count(list); i++)
		if (strcmp(json_path_str(json_at(list, i), "key", ""), key) == 0 &&
		    strcmp(json_path_str(json_at(list, i), "effect", ""), effect) == 0)
			return true;
	return false;
}

static void a_dead_node_loses_its_pods_until_it_is_back(void **state)
{
	struct json *node = quoted_json("{'status':{'conditions':[{'type':'Ready','status':'True'}]}}");
	int64_t since = 0;

	assert_int_equal(apply(node, NODELIFE_LINK_DOWN), 1);
	assert_int_equal(apply_word(node, NODELIFE_LINK_DOWN, NODELIFE_DEAD), 1);
	assert_string_equal(condition(node, "Ready", "status"), "Unknown");
	assert_string_equal(condition(node, "CutOff", "reason"), "Dead");
	assert_string_equal(json_str(json_get(json_path(node, "metadata.annotations"), ANNOTATION_UNHEALTHY),
				     ""),
			    "yes");
	assert_true(has_taint(node, TAINT_UNREACHABLE, "NoSchedule"));
	assert_true(has_taint(node, TAINT_UNREACHABLE, "NoExecute"));
	assert_string_equal(nodelife_no_execute(node, &since), TAINT_UNREACHABLE);
	assert_true(since == NOW_MS);
	/* The hub starts again: nothing is taken back before it is judged. */
	assert_int_equal(apply_word(node, NODELIFE_LINK_PENDING, NODELIFE_SILENT), 0);
	assert_true(has_taint(node, TAINT_UNREACHABLE, "NoExecute"));
	assert_int_equal(apply_word(node, NODELIFE_LINK_UP, NODELIFE_ALIVE), 1);
	assert_null(nodelife_no_execute(node, &since));
	assert_null(json_get(json_path(node, "metadata.annotations"), ANNOTATION_UNHEALTHY));
	json_free(node);
}

static void agent_down_and_isolated_are_said(void **state)
{
	struct json *node = quoted_json("{'status':{'conditions':[{'type':'Ready','status':'True'}]}}");

	assert_int_equal(apply_word(node, NODELIFE_LINK_UP, NODELIFE_DEAD), 1);
	assert_string_equal(condition(node, "PeersUnreachable", "status"), "True");
	assert_string_equal(condition(node, "Ready", "status"), "True");
	assert_null(json_path(node, "spec.taints"));
	assert_int_equal(apply_word(node, NODELIFE_LINK_UP, NODELIFE_ALIVE), 1);
	assert_string_equal(condition(node, "PeersUnreachable", "status"), "False");
	assert_int_equal(apply_word(node, NODELIFE_LINK_DOWN, NODELIFE_AGENT_DOWN), 1);
	assert_string_equal(condition(node, "AgentDown", "status"), "True");
	assert_string_equal(condition(node, "Ready", "status"), "False");
	assert_true(has_taint(node, TAINT_NOT_READY, "NoSchedule"));
	assert_false(has_taint(node, TAINT_NOT_READY, "NoExecute"));
	assert_int_equal(apply_word(node, NODELIFE_LINK_UP, NODELIFE_ALIVE), 1);
	assert_string_equal(condition(node, "AgentDown", "status"), "False");
	json_free(node);
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
	struct nodelife_decision keep = { .ready = NODELIFE_KEEP };
	static const char *const expected[] = { "mine", "node.kubernetes.io/not-ready",
						"node.kubernetes.io/disk-pressure",
						"node.kubernetes.io/unschedulable" };

	assert_int_equal(nodelife_apply_taints(node, &keep, NOW_MS), 1);
	assert_int_equal(json_count(json_path(node, "spec.taints")), 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(json_path_str(json_at(json_path(node, "spec.taints"), i), "key", ""),
				    expected[i]);
	assert_int_equal(nodelife_apply_taints(node, &keep, NOW_MS), 0);
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

static void a_node_dead_to_its_neighbours_is_isolated_once_its_tunnel_has_shown_that_it_lives(void **state)
{
	struct nodelife_decision d = decide(NODELIFE_LINK_UP, NODELIFE_DEAD, NODELIFE_DOUBT_MS - 1, NULL);

	assert_true(!d.peers_unreachable && !d.dead && d.ready == NODELIFE_AS_REPORTED);
	assert_int_equal(d.again_in_ms, 1);
	d = decide(NODELIFE_LINK_UP, NODELIFE_DEAD, NODELIFE_DOUBT_MS, NULL);
	assert_true(d.peers_unreachable && d.dead && d.ready == NODELIFE_AS_REPORTED);
	assert_true(d.again_in_ms == NODELIFE_NEVER);
	assert_int_equal(decide(NODELIFE_LINK_DOWN, NODELIFE_DEAD, 1000, NULL).again_in_ms, 4000);
}

static void a_condition_says_who_says_so_and_why(void **state)
{
	struct json *node = quoted_json("{'status':{'conditions':[{'type':'Ready','status':'True','"
					"lastTransitionTime':'2020-01-01T00:00:00Z'}]}}");
	struct nodelife_decision d = decide(NODELIFE_LINK_DOWN, NODELIFE_ALIVE, UINT64_MAX / 2, NULL);

	d.said = "alive: n2.";
	assert_int_equal(nodelife_apply_status(node, &d, NOW_MS), 1);
	assert_string_equal(condition(node, "CutOff", "reason"), "NeighboursSeeIt");
	assert_string_equal(condition(node, "CutOff", "message"),
			    "The cloud cannot reach the node; what runs there goes on running. alive: n2.");
	assert_string_equal(condition(node, "Ready", "message"), "The link to the node is down. alive: n2.");
	/* Later words change nothing, unless they come to something else. */
	d.said = "alive: n3.";
	assert_int_equal(nodelife_apply_status(node, &d, NOW_MS + 5000), 0);
	d = decide(NODELIFE_LINK_DOWN, NODELIFE_UNDECIDED, UINT64_MAX / 2, NULL);
	d.said = "alive: n3; dead: n4.";
	assert_int_equal(nodelife_apply_status(node, &d, NOW_MS + 5000), 1);
	assert_string_equal(condition(node, "CutOff", "reason"), "NeighboursUndecided");
	assert_string_equal(condition(node, "CutOff", "lastTransitionTime"), "2026-09-21T14:13:20Z");
	d = decide(NODELIFE_LINK_DOWN, NODELIFE_DEAD, UINT64_MAX / 2, NULL);
	assert_int_equal(nodelife_apply_status(node, &d, NOW_MS + 9000), 1);
	assert_string_equal(condition(node, "Ready", "reason"), "DeclaredDead");
	assert_string_equal(condition(node, "Ready", "lastTransitionTime"), "2026-09-21T14:13:20Z");
	json_free(node);
}

static void what_is_said_of_a_node_can_be_read_from_it(void **state)
{
	struct json *node = quoted_json("{'status':{'conditions':[{'type':'Ready','status':'True'}]}}");

	assert_int_equal(nodelife_stance(node), 0);
	(void)apply_word(node, NODELIFE_LINK_DOWN, NODELIFE_ALIVE);
	assert_int_equal(nodelife_stance(node), NODELIFE_IS_CUT_OFF | NODELIFE_IS_NOT_READY);
	(void)apply_word(node, NODELIFE_LINK_DOWN, NODELIFE_AGENT_DOWN);
	assert_int_equal(nodelife_stance(node), NODELIFE_IS_AGENT_DOWN | NODELIFE_IS_NOT_READY);
	(void)apply_word(node, NODELIFE_LINK_DOWN, NODELIFE_DEAD);
	assert_int_equal(nodelife_stance(node),
			 NODELIFE_IS_DEAD | NODELIFE_IS_NOT_READY | NODELIFE_IS_EVICTING);
	(void)apply_word(node, NODELIFE_LINK_UP, NODELIFE_DEAD);
	assert_int_equal(nodelife_stance(node), NODELIFE_IS_PEERS_UNREACHABLE | NODELIFE_IS_NOT_READY);
	json_free(node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_are_judged_after_both_graces),
		cmocka_unit_test(
			a_node_dead_to_its_neighbours_is_isolated_once_its_tunnel_has_shown_that_it_lives),
		cmocka_unit_test(a_condition_says_who_says_so_and_why),
		cmocka_unit_test(what_is_said_of_a_node_can_be_read_from_it),
		cmocka_unit_test(a_node_that_speaks_for_itself_is_never_emptied),
		cmocka_unit_test(only_dead_empties_a_node_that_is_cut_off),
		cmocka_unit_test(dead_waits_for_the_grace_period),
		cmocka_unit_test(a_silent_hub_waits_for_the_operator),
		cmocka_unit_test(a_dark_region_is_the_operators_business),
		cmocka_unit_test(too_few_neighbours_for_a_majority_have_a_policy_of_their_own),
		cmocka_unit_test(a_dead_node_loses_its_pods_until_it_is_back),
		cmocka_unit_test(agent_down_and_isolated_are_said),
		cmocka_unit_test(a_cut_off_node_is_unknown_and_tainted_once),
		cmocka_unit_test(a_node_never_seen_is_never_updated),
		cmocka_unit_test(taints_follow_conditions_and_leave_others_alone),
		cmocka_unit_test(odd_nodes_are_put_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
