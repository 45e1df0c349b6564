#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "control/schedule.h"
#include "views.h"

#define ROOM "'cpu':'4','memory':'8Gi','ephemeral-storage':'100Gi','pods':'110'"
#define CPU(amount) "'containers':[{'name':'c','resources':{'requests':{'cpu':'" amount "'}}}]"

static int setup(void **state)
{
	struct cluster *cluster = calloc(1, sizeof(*cluster));

	cluster_init(cluster);
	*state = cluster;
	return 0;
}

static int teardown(void **state)
{
	cluster_done(*state);
	free(*state);
	return 0;
}

/* The node's name, or the message. */
static const char *pick(struct cluster *cluster, const char *spec)
{
	static char answer[SCHEDULE_MESSAGE_MAX];
	char text[2048];
	const struct cluster_node *node;
	struct pod_view *pod;
	struct buf message;

	(void)snprintf(text, sizeof(text),
		       "{'metadata':{'name':'new','namespace':'default','uid':'u'},'spec':{%s}}", spec);
	pod = make_pod(text);
	buf_init(&message, SCHEDULE_MESSAGE_MAX);
	node = schedule_pick(cluster, pod, &message);
	(void)snprintf(answer, sizeof(answer), "%s", node ? node->name : buf_cstr(&message));
	buf_done(&message);
	pod_view_free(pod);
	return answer;
}

static void without_nodes_there_is_nothing_to_choose(void **state)
{
	assert_string_equal(pick(*state, ""), "no nodes available to schedule pods");
}

static void each_obstacle_has_upstreams_sentence(void **state)
{
	struct cluster *c = *state;

	put_node(c, "n1", "", "'taints':[{'key':'k','value':'v','effect':'NoSchedule'}]", ROOM);
	assert_string_equal(pick(c, ""), "0/1 nodes are available: 1 node(s) had untolerated taint {k: v}.");
	put_node(c, "n1", "", "'unschedulable':true", ROOM);
	assert_string_equal(pick(c, ""), "0/1 nodes are available: 1 node(s) were unschedulable.");
	assert_string_equal(
		pick(c, "'tolerations':[{'key':'node.kubernetes.io/unschedulable','operator':'Exists'}]"),
		"n1");
	put_node(c, "n1", "", "", ROOM);
	assert_string_equal(pick(c, "'nodeSelector':{'a':'b'}"),
			    "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.");
	assert_string_equal(pick(c, CPU("5")), "0/1 nodes are available: 1 Insufficient cpu.");
	put_node(c, "n1", "", "", "'cpu':'1','memory':'1Gi','pods':'1'");
	put_pod(c, "p", "n1", "'containers':[{'name':'c','ports':[{'hostPort':80}]}]");
	assert_string_equal(
		pick(c, "'containers':[{'name':'c','ports':[{'hostPort':80}]}]"),
		"0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.");
	assert_string_equal(
		pick(c, "'containers':[{'name':'c','resources':{'requests':{'cpu':'2','memory':'2Gi'}}}]"),
		"0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 Too many pods.");
}

static void sentences_are_counted_and_sorted(void **state)
{
	struct cluster *c = *state;

	put_node(c, "n1", "", "'taints':[{'key':'a','effect':'NoSchedule'}]", ROOM);
	put_node(c, "n2", "", "", "'cpu':'1','pods':'10'");
	put_node(c, "n3", "", "", "'cpu':'1','pods':'10'");
	assert_string_equal(
		pick(c, CPU("2")),
		"0/3 nodes are available: 1 node(s) had untolerated taint {a: }, 2 Insufficient cpu.");
}

static void what_is_bound_takes_room_and_what_is_over_does_not(void **state)
{
	struct cluster *c = *state;

	put_node(c, "n1", "", "", ROOM);
	put_pod(c, "a", "n1", CPU("3"));
	assert_string_equal(pick(c, CPU("2")), "0/1 nodes are available: 1 Insufficient cpu.");
	assert_int_equal(cluster_put_pod(c, make_pod("{'metadata':{'name':'a','namespace':'default','uid':'u-"
						     "a'},'spec':{'nodeName':'n1'," CPU(
							     "3") "},'status':{'phase':'Failed'}}")),
			 0);
	assert_string_equal(pick(c, CPU("2")), "n1");
	cluster_remove_pod(c, "default", "a");
	assert_string_equal(pick(c, CPU("4")), "n1");
	assert_int_equal(c->nodes.count, 1);
}

static void an_assumed_pod_takes_room_at_once(void **state)
{
	struct cluster *c = *state;

	put_node(c, "n1", "", "", ROOM);
	put_pod(c, "a", "", CPU("3"));
	assert_int_equal(c->pending.count, 1);
	assert_int_equal(cluster_assume(c, cluster_pod(c, "default", "a"), "n1"), 0);
	assert_int_equal(c->pending.count, 0);
	assert_string_equal(pick(c, CPU("2")), "0/1 nodes are available: 1 Insufficient cpu.");
	put_pod(c, "a", "", CPU("3")); /* a change that does not show the binding yet */
	assert_string_equal(pick(c, CPU("2")), "0/1 nodes are available: 1 Insufficient cpu.");
	cluster_unassume(c, cluster_pod(c, "default", "a"));
	assert_string_equal(pick(c, CPU("2")), "n1");
	assert_int_equal(c->pending.count, 1);
	put_pod(c, "a", "n1", CPU("3"));
	assert_string_equal(pick(c, CPU("2")), "0/1 nodes are available: 1 Insufficient cpu.");
}

static void work_goes_where_there_is_room(void **state)
{
	struct cluster *c = *state;

	put_node(c, "n1", "", "", ROOM);
	put_node(c, "n2", "", "", ROOM);
	assert_string_equal(pick(c, CPU("1")), "n1"); /* equal: by name */
	put_pod(c, "a", "n1", CPU("1"));
	assert_string_equal(pick(c, CPU("1")), "n2");
}

static void preference_beats_room_and_soft_taints_repel(void **state)
{
	struct cluster *c = *state;

	put_node(c, "n1", "'disk':'ssd'", "", ROOM);
	put_node(c, "n2", "", "", ROOM);
	put_pod(c, "a", "n1", CPU("2"));
	assert_string_equal(
		pick(c,
		     CPU("1") ",'affinity':{'nodeAffinity':{'preferredDuringSchedulingIgnoredDuringExecution'"
			      ":[{'weight':100,"
			      "'preference':{'matchExpressions':[{'key':'disk','operator':'Exists'}]}}]}}"),
		"n1");
	put_node(c, "n2", "", "'taints':[{'key':'k','effect':'PreferNoSchedule'}]", ROOM);
	assert_string_equal(pick(c, CPU("1")), "n1");
}

static void a_pinned_pod_is_tried_on_its_node_only(void **state)
{
#define PINNED(node)                                                                                         \
	"'affinity':{'nodeAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':{'nodeSelectorTerms':" \
	"[{'matchFields':"                                                                                   \
	"[{'key':'metadata.name','operator':'In','values':['" node "']}]}]}}}"
	struct cluster *c = *state;

	put_node(c, "n1", "", "", ROOM);
	put_node(c, "n2", "", "", "'cpu':'1','pods':'10'");
	assert_string_equal(pick(c, PINNED("n1")), "n1");
	assert_string_equal(pick(c, PINNED("gone")),
			    "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.");
	assert_string_equal(pick(c, PINNED("n2") "," CPU("2")),
			    "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match Pod's node "
			    "affinity/selector.");
}

static void nodes_out_of_reach_of_judgement_get_nothing(void **state)
{
	struct cluster *c = *state;

	put_node(c, "n1", "", "", ROOM);
	assert_int_equal(cluster_hold_node(c, "n1", true), 0);
	assert_string_equal(pick(c, ""), "0/1 nodes are available: 1 node(s) were being reconciled.");
	assert_int_equal(cluster_hold_node(c, "n1", false), 0);
	assert_string_equal(pick(c, ""), "n1");
	assert_int_equal(cluster_damage_node(c, "n1"), 0);
	assert_string_equal(pick(c, ""), "0/1 nodes are available: 1 node(s) could not be read.");
	cluster_remove_node(c, "n1");
	assert_string_equal(pick(c, ""), "no nodes available to schedule pods");
	assert_int_equal(c->nodes.count, 0);
}

/* --- against the plainest model: no node is ever given more than it has, and a pod waits only when none has room --- */

#define MODEL_NODES 6
#define MODEL_PODS 120

struct model {
	int64_t free_milli[MODEL_NODES];
	int node_of[MODEL_PODS]; /* -1: not there */
	int64_t asks[MODEL_PODS];
};

static void model_step(struct cluster *c, struct model *m, struct rng *rng)
{
	size_t at = rng_below(rng, MODEL_PODS);
	char name[16], spec[160];
	const char *answer;
	int64_t most = 0;

	(void)snprintf(name, sizeof(name), "p%zu", at);
	if (m->node_of[at] >= 0) {
		m->free_milli[m->node_of[at]] += m->asks[at];
		m->node_of[at] = -1;
		cluster_remove_pod(c, "default", name);
		return;
	}
	m->asks[at] = (int64_t)rng_below(rng, 1500);
	(void)snprintf(spec, sizeof(spec),
		       "'containers':[{'name':'c','resources':{'requests':{'cpu':'%lldm'}}}]",
		       (long long)m->asks[at]);
	answer = pick(c, spec);
	for (size_t i = 0; i < MODEL_NODES; i++)
		most = m->free_milli[i] > most ? m->free_milli[i] : most;
	if (answer[0] != 'n') {
		assert_true(m->asks[at] > most);
		return;
	}
	m->node_of[at] = answer[1] - '0';
	m->free_milli[m->node_of[at]] -= m->asks[at];
	assert_true(m->free_milli[m->node_of[at]] >= 0);
	put_pod(c, name, answer, spec);
}

static void no_node_is_given_more_than_it_has(void **state)
{
	struct cluster *c = *state;
	struct model m;
	struct rng rng;
	char name[16];
	const uint64_t seed = 42;

	printf("seed %llu\n", (unsigned long long)seed);
	rng_seed(&rng, seed);
	for (int i = 0; i < MODEL_NODES; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		put_node(c, name, "", "", "'cpu':'4','memory':'8Gi','pods':'1000'");
		m.free_milli[i] = 4000;
	}
	for (size_t i = 0; i < MODEL_PODS; i++)
		m.node_of[i] = -1;
	for (unsigned step = 0; step < 20000; step++)
		model_step(c, &m, &rng);
	for (size_t i = 0; i < MODEL_PODS; i++) {
		(void)snprintf(name, sizeof(name), "p%zu", i);
		cluster_remove_pod(c, "default", name);
	}
	for (int i = 0; i < MODEL_NODES; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(cluster_node(c, name)->used.of[RESOURCE_CPU], 0);
		assert_int_equal(cluster_node(c, name)->used_pods, 0);
	}
}

int main(void)
{
#define WITH_CLUSTER(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_CLUSTER(without_nodes_there_is_nothing_to_choose),
		WITH_CLUSTER(each_obstacle_has_upstreams_sentence),
		WITH_CLUSTER(sentences_are_counted_and_sorted),
		WITH_CLUSTER(what_is_bound_takes_room_and_what_is_over_does_not),
		WITH_CLUSTER(an_assumed_pod_takes_room_at_once),
		WITH_CLUSTER(work_goes_where_there_is_room),
		WITH_CLUSTER(preference_beats_room_and_soft_taints_repel),
		WITH_CLUSTER(a_pinned_pod_is_tried_on_its_node_only),
		WITH_CLUSTER(nodes_out_of_reach_of_judgement_get_nothing),
		WITH_CLUSTER(no_node_is_given_more_than_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
