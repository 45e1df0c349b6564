#include "healthcheck/freeing.h"
#include "runner_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NODES 3u

/* What the neighbours of each node say, as the test has it. */
struct said {
	struct runner_neighbours of[NODES];
	unsigned asked; /* to see to it that n0 can be told of */
};

static const char *const nodes[NODES] = { "n0", "n1", "n2" };

static void neighbours(void *ctx, const char *node, uint64_t now_ms, struct runner_neighbours *out)
{
	const struct said *said = ((struct cloud *)ctx)->said;

	for (size_t i = 0; i < NODES; i++)
		if (strcmp(node, nodes[i]) == 0)
			*out = said->of[i];
}

static void say_who(void *ctx, const char *node, uint64_t now_ms, char out[RUNNER_SAID_SIZE])
{
	(void)snprintf(out, RUNNER_SAID_SIZE, "said by n1 of %s", node);
}

static int setup(void **state)
{
	struct said *said = calloc(1, sizeof(*said));
	struct cloud *c;

	assert_non_null(said);
	for (size_t i = 0; i < NODES; i++)
		said->of[i] = (struct runner_neighbours){ .electors = 2,
							  .policy = health_policy_default,
							  .fence_ms = 60000,
							  .proof_ms = 0,
							  .until_ms = UINT64_MAX };
	if (cloud_setup(state))
		return -1;
	c = *state;
	c->said = said;
	c->neighbours = neighbours;
	c->say = say_who;
	cloud_restart(c);
	cloud_create(c, "{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'shop'}}");
	for (size_t i = 0; i < NODES; i++)
		cloud_node(c, nodes[i]);
	cloud_settle(c);
	return 0;
}

static int teardown(void **state)
{
	free(((struct cloud *)*state)->said);
	return cloud_teardown(state);
}

static void pod_on(struct cloud *c, const char *name, const char *node, const char *annotations,
		   const char *tolerations)
{
	char text[1024];

	(void)snprintf(
		text, sizeof(text),
		"{'apiVersion':'v1','kind':'Pod','metadata':{'name':'%s','namespace':'shop','annotations':"
		"{%s}},'spec':{'nodeName':'%s','tolerations':[%s],'containers':[{'name':'c','image':'x'}]}}",
		name, annotations, node, tolerations);
	cloud_create(c, text);
	cloud_pod_status(c, "shop", name, "Running", true);
}

static void say(struct cloud *c, size_t node, enum nodelife_electorate word)
{
	((struct said *)c->said)->of[node].word = word;
	runner_neighbours_changed(c->runner, nodes[node], c->now_ms);
	cloud_settle(c);
}

static void cut(struct cloud *c, size_t node)
{
	runner_link(c->runner, nodes[node], false, c->now_ms);
	cloud_settle(c);
}

static bool is_deleting(struct cloud *c, const char *pod)
{
	return *cloud_field(c, "pods", "shop", pod, "metadata.deletionTimestamp") != '\0';
}

#define FOREVER "{'key':'node.kubernetes.io/unreachable','operator':'Exists','effect':'NoExecute'}"
#define LONGER                                                                               \
	"{'key':'node.kubernetes.io/unreachable','operator':'Exists','effect':'NoExecute','" \
	"tolerationSeconds':300}"

static void pods_of_a_dead_node_go_when_their_tolerations_end(void **state)
{
	struct cloud *c = *state;

	cloud_pass(c, 100000); /* past the start's grace */
	pod_on(c, "plain", "n0", "", "");
	pod_on(c, "daemon", "n0", "", FOREVER);
	pod_on(c, "patient", "n0", "", LONGER);
	pod_on(c, "elsewhere", "n1", "", "");
	cut(c, 0);
	say(c, 0, NODELIFE_DEAD);
	assert_string_equal(cloud_field(c, "nodes", "", "n0", "status.conditions.0.status"), "Unknown");
	cloud_pass(c, 4000);
	assert_false(is_deleting(c, "plain"));
	cloud_pass(c, 28000); /* 5 s of grace, 30 s of the region's default */
	assert_false(is_deleting(c, "plain"));
	cloud_pass(c, 4000);
	assert_true(is_deleting(c, "plain"));
	assert_false(is_deleting(c, "patient"));
	cloud_pass(c, 300000);
	assert_true(is_deleting(c, "patient"));
	assert_false(is_deleting(c, "daemon"));
	assert_false(is_deleting(c, "elsewhere"));
	/* What is being deleted stays so until the node has stopped it. */
	assert_true(cloud_has(c, "pods", "shop", "plain"));
}

static void a_node_that_is_only_cut_off_keeps_its_pods(void **state)
{
	static const enum nodelife_electorate words[] = { NODELIFE_SILENT, NODELIFE_ALIVE, NODELIFE_UNDECIDED,
							  NODELIFE_AGENT_DOWN };
	struct cloud *c = *state;

	cloud_pass(c, 100000);
	pod_on(c, "plain", "n0", "", "");
	cut(c, 0);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		say(c, 0, words[i]);
		cloud_pass(c, 24ull * 3600 * 1000);
		assert_false(is_deleting(c, "plain"));
	}
}

static void nobody_is_given_up_before_links_had_time_to_return(void **state)
{
	struct cloud *c = *state;

	pod_on(c, "plain", "n0", "", "");
	cut(c, 0);
	say(c, 0, NODELIFE_DEAD);
	cloud_pass(c, 59000);
	assert_string_equal(cloud_condition(c, "nodes", "", "n0", "Ready"), "True");
	cloud_pass(c, 41000);
	assert_string_equal(cloud_condition(c, "nodes", "", "n0", "Ready"), "Unknown");
	assert_true(is_deleting(c, "plain"));
}

static void who_comes_back_in_time_keeps_what_it_runs(void **state)
{
	struct cloud *c = *state;

	cloud_pass(c, 100000);
	pod_on(c, "plain", "n0", "", "");
	cut(c, 0);
	say(c, 0, NODELIFE_DEAD);
	cloud_pass(c, 20000);
	runner_link(c->runner, "n0", true, c->now_ms);
	say(c, 0, NODELIFE_ALIVE);
	cloud_pass(c, 600000);
	assert_false(is_deleting(c, "plain"));
	assert_string_equal(cloud_field(c, "nodes", "", "n0", "metadata.annotations.nodeunhealth"), "");
}

/* A majority that falls apart on the way stops it. */
static void doubt_stops_an_eviction(void **state)
{
	struct cloud *c = *state;

	cloud_pass(c, 100000);
	pod_on(c, "plain", "n0", "", "");
	cut(c, 0);
	say(c, 0, NODELIFE_DEAD);
	cloud_pass(c, 20000);
	say(c, 0, NODELIFE_UNDECIDED);
	cloud_pass(c, 60000);
	assert_false(is_deleting(c, "plain"));
	say(c, 0, NODELIFE_DEAD);
	cloud_pass(c, 34000); /* all of it again */
	assert_false(is_deleting(c, "plain"));
	cloud_pass(c, 2000);
	assert_true(is_deleting(c, "plain"));
}

static void held_nodes_are_left_alone(void **state)
{
	struct cloud *c = *state;

	cloud_pass(c, 100000);
	pod_on(c, "plain", "n0", "", "");
	runner_hold(c->runner, "n0", true, c->now_ms);
	cut(c, 0);
	say(c, 0, NODELIFE_DEAD);
	cloud_pass(c, 3600000);
	assert_false(is_deleting(c, "plain"));
	runner_hold(c->runner, "n0", false, c->now_ms);
	cloud_pass(c, 60000);
	assert_true(is_deleting(c, "plain"));
}

static size_t begun(struct cloud *c)
{
	static const char *const pods[NODES] = { "p0", "p1", "p2" };
	size_t count = 0;

	for (size_t i = 0; i < NODES; i++)
		count += is_deleting(c, pods[i]);
	return count;
}

static void nodes_of_a_region_are_emptied_at_its_rate(void **state)
{
	struct cloud *c = *state;
	struct said *said = c->said;

	cloud_pass(c, 100000);
	for (size_t i = 0; i < NODES; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "p%zu", i);
		pod_on(c, name, nodes[i], "", "");
		said->of[i].policy.rate = 1;
		said->of[i].policy.toleration_s = 0;
		cut(c, i);
		say(c, i, NODELIFE_DEAD);
	}
	cloud_pass(c, 10000);
	assert_int_equal(begun(c), 1);
	cloud_pass(c, 60000);
	assert_int_equal(begun(c), 2);
	cloud_pass(c, 60000);
	assert_int_equal(begun(c), 3);
}

static void an_exclusive_name_is_free_when_there_cannot_be_two(void **state)
{
	struct cloud *c = *state;
	struct said *said = c->said;
	uint64_t cut_ms;

	cloud_pass(c, 100000);
	pod_on(c, "only", "n0", "'holdfast.io/exclusive':'true'", "");
	pod_on(c, "plain", "n0", "", "");
	cut_ms = c->now_ms;
	cut(c, 0);
	cloud_pass(c, 3000);
	say(c, 0, NODELIFE_DEAD);
	cloud_pass(c, 40000);
	assert_true(is_deleting(c, "only"));
	/* It may have been with a majority after its link went: T, 5 % of it and 10 s from then. */
	said->of[0].proof_ms = cut_ms + 3000;
	cloud_pass(c, cut_ms + 3000 + 60000 + 3000 + 10000 - 1 - c->now_ms);
	assert_true(cloud_has(c, "pods", "shop", "only"));
	cloud_pass(c, 1000);
	assert_false(cloud_has(c, "pods", "shop", "only"));
	assert_true(cloud_has(c, "pods", "shop", "plain"));
}

/* With no majority since long ago, but the tunnel was good until it was closed here. */
static void a_link_that_was_up_is_proof_until_it_goes(void **state)
{
	struct cloud *c = *state;
	uint64_t cut_ms;

	cloud_pass(c, 200000);
	pod_on(c, "only", "n0", "'holdfast.io/exclusive':'true'", "");
	cut_ms = c->now_ms;
	cut(c, 0);
	say(c, 0, NODELIFE_DEAD);
	cloud_pass(c, 60000 + 3000 + 10000 - 1);
	assert_true(cloud_has(c, "pods", "shop", "only"));
	cloud_pass(c, cut_ms + 74000 - c->now_ms);
	assert_false(cloud_has(c, "pods", "shop", "only"));
}

/* What the hub of before saw of its link is not known to this one. */
static void a_restart_begins_the_wait_anew(void **state)
{
	struct cloud *c = *state;

	cloud_pass(c, 200000);
	pod_on(c, "only", "n0", "'holdfast.io/exclusive':'true'", "");
	cut(c, 0);
	say(c, 0, NODELIFE_DEAD);
	cloud_pass(c, 60000);
	assert_true(is_deleting(c, "only"));
	cloud_restart(c);
	cloud_pass(c, 60000 + 3000 + 10000 - 1);
	assert_true(cloud_has(c, "pods", "shop", "only"));
	cloud_pass(c, 2000);
	assert_false(cloud_has(c, "pods", "shop", "only"));
}

static void hear_exclusive(void *ctx, const char *node)
{
	struct cloud *c = ctx;
	struct said *said = c->said;

	said->asked += strcmp(node, "n0") == 0;
}

static void no_name_is_freed_of_a_node_that_may_have_a_majority(void **state)
{
	struct cloud *c = *state;
	struct said *said = c->said;

	c->exclusive = hear_exclusive;
	cloud_restart(c);
	cloud_pass(c, 200000);
	said->of[0].proof_ms = FREEING_UNKNOWN;
	pod_on(c, "only", "n0", "'holdfast.io/exclusive':'true'", "");
	cut(c, 0);
	say(c, 0, NODELIFE_DEAD);
	cloud_pass(c, 24ull * 3600 * 1000);
	assert_true(is_deleting(c, "only"));
	assert_true(cloud_has(c, "pods", "shop", "only"));
	assert_true(said->asked > 0);
	said->of[0].proof_ms = c->now_ms;
	say(c, 0, NODELIFE_DEAD);
	cloud_pass(c, 74000);
	assert_false(cloud_has(c, "pods", "shop", "only"));
}

static void no_name_is_freed_while_the_region_is_in_doubt(void **state)
{
	struct cloud *c = *state;
	struct said *said = c->said;

	cloud_pass(c, 100000);
	said->of[0].policy.evict_dark = true;
	said->of[0].policy.dark_ms = 1000;
	pod_on(c, "only", "n0", "'holdfast.io/exclusive':'true'", "");
	cut(c, 0);
	cloud_pass(c, 24ull * 3600 * 1000);
	assert_true(is_deleting(c, "only")); /* the operator wants dark regions emptied */
	assert_true(cloud_has(c, "pods", "shop", "only"));
}

/* The node is dead to its neighbours, and may run it all the same. */
static void no_name_is_freed_of_a_node_that_does_not_fence_itself(void **state)
{
	struct cloud *c = *state;

	cloud_pass(c, 100000);
	((struct said *)c->said)->of[0].fence_ms = 0;
	pod_on(c, "only", "n0", "'holdfast.io/exclusive':'true'", "");
	cut(c, 0);
	cloud_pass(c, 3000);
	say(c, 0, NODELIFE_DEAD);
	cloud_pass(c, 24ull * 3600 * 1000);
	assert_true(is_deleting(c, "only"));
	assert_true(cloud_has(c, "pods", "shop", "only"));
}

struct told {
	const char *reason;
	size_t events;
	int64_t count;
	bool with_said;
};

static void see_event(void *ctx, const struct json *tree)
{
	struct told *told = ctx;

	if (strcmp(json_path_str(tree, "reason", ""), told->reason) != 0 ||
	    strcmp(json_path_str(tree, "involvedObject.name", ""), "n0") != 0)
		return;
	assert_string_equal(json_path_str(tree, "involvedObject.kind", ""), "Node");
	told->events++;
	told->count += json_path_int(tree, "count", 0);
	told->with_said = strstr(json_path_str(tree, "message", ""), "said by n1") != NULL;
}

static struct told told_of(struct cloud *c, const char *reason)
{
	struct told told = { .reason = reason };

	cloud_each(c, "events", "default", see_event, &told);
	return told;
}

static void each_change_of_the_decision_is_told_once(void **state)
{
	struct cloud *c = *state;

	cloud_pass(c, 100000);
	cut(c, 0);
	say(c, 0, NODELIFE_ALIVE);
	cloud_pass(c, 50000);
	assert_int_equal(told_of(c, "CutOff").count, 1);
	assert_int_equal(told_of(c, "NodeNotReady").count, 1);
	assert_true(told_of(c, "CutOff").with_said);
	say(c, 0, NODELIFE_DEAD);
	cloud_pass(c, 10000);
	assert_int_equal(told_of(c, "DeclaredDead").count, 1);
	assert_int_equal(told_of(c, "Evicting").count, 1);
	assert_int_equal(told_of(c, "NodeNotReady").count, 1);
	cloud_restart(c);
	assert_int_equal(told_of(c, "DeclaredDead").count, 1);
	runner_link(c->runner, "n0", true, c->now_ms);
	cloud_settle(c);
	assert_int_equal(told_of(c, "EvictionEnded").count, 1);
	assert_int_equal(told_of(c, "NodeReady").count, 0); /* that is the node's to say */
	cloud_set(c, "nodes", "", "n0", "status.conditions", "[{'type':'Ready','status':'True'}]");
	cloud_pass(c, 1000);
	assert_int_equal(told_of(c, "NodeReady").count, 1);
}

static void a_node_that_flaps_is_told_of_in_one_event(void **state)
{
	struct cloud *c = *state;

	cloud_pass(c, 100000);
	for (unsigned i = 0; i < 5; i++) {
		cut(c, 0);
		cloud_pass(c, 41000);
		runner_link(c->runner, "n0", true, c->now_ms);
		cloud_pass(c, 1000);
	}
	assert_int_equal(told_of(c, "CutOff").events, 1);
	assert_int_equal(told_of(c, "CutOff").count, 5);
}

static void nodes_that_wait_for_their_turn_are_counted(void **state)
{
	struct cloud *c = *state;
	struct said *said = c->said;
	struct runner_evictions count;

	cloud_pass(c, 100000);
	for (size_t i = 0; i < NODES; i++) {
		said->of[i].policy.rate = 1;
		cut(c, i);
		say(c, i, NODELIFE_DEAD);
	}
	cloud_pass(c, 10000);
	runner_evictions(c->runner, "", &count);
	assert_int_equal(count.begun, 1);
	assert_int_equal(count.held, 2);
	runner_link(c->runner, "n2", true, c->now_ms);
	say(c, 2, NODELIFE_ALIVE);
	cloud_pass(c, 120000);
	runner_evictions(c->runner, "", &count);
	assert_int_equal(count.begun, 2);
	assert_int_equal(count.held, 0);
}

int main(void)
{
#define WITH_CLOUD(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_CLOUD(pods_of_a_dead_node_go_when_their_tolerations_end),
		WITH_CLOUD(a_node_that_is_only_cut_off_keeps_its_pods),
		WITH_CLOUD(nobody_is_given_up_before_links_had_time_to_return),
		WITH_CLOUD(who_comes_back_in_time_keeps_what_it_runs),
		WITH_CLOUD(doubt_stops_an_eviction),
		WITH_CLOUD(held_nodes_are_left_alone),
		WITH_CLOUD(nodes_of_a_region_are_emptied_at_its_rate),
		WITH_CLOUD(nodes_that_wait_for_their_turn_are_counted),
		WITH_CLOUD(each_change_of_the_decision_is_told_once),
		WITH_CLOUD(a_node_that_flaps_is_told_of_in_one_event),
		WITH_CLOUD(an_exclusive_name_is_free_when_there_cannot_be_two),
		WITH_CLOUD(a_link_that_was_up_is_proof_until_it_goes),
		WITH_CLOUD(a_restart_begins_the_wait_anew),
		WITH_CLOUD(no_name_is_freed_of_a_node_that_may_have_a_majority),
		WITH_CLOUD(no_name_is_freed_while_the_region_is_in_doubt),
		WITH_CLOUD(no_name_is_freed_of_a_node_that_does_not_fence_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
