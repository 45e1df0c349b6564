#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "control/daemonset.h"
#include "views.h"

#define NOW_MS 1790000000000
#define ROOM "'cpu':'4','pods':'110'"

struct fixture {
	struct cluster cluster;
	struct daemonset *ds;
	struct daemonset_plan plan;
	bool may_replace;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	cluster_init(&f->cluster);
	f->may_replace = true;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	daemonset_plan_done(&f->plan);
	daemonset_free(f->ds);
	cluster_done(&f->cluster);
	free(f);
	return 0;
}

static struct daemonset *daemonset(const char *strategy, const char *pod_spec)
{
	struct daemonset *ds = NULL;
	struct json *tree;
	char text[2048];

	(void)snprintf(text, sizeof(text),
		       "{'metadata':{'name':'d','namespace':'default','uid':'du','generation':3},'spec':{'"
		       "selector':{'matchLabels':{'app':'d'}},"
		       "%s'template':{'metadata':{'labels':{'app':'d'}},'spec':{%s}}}}",
		       strategy, pod_spec);
	tree = quoted_json(text);
	assert_int_equal(daemonset_of(tree, &ds), 0);
	json_free(tree);
	return ds;
}

/* state: "ready", "pending" (not ready), "failed", "deleting" */
static void daemon_pod(struct fixture *f, const char *name, const char *node, const char *hash,
		       const char *pod_state)
{
	char text[2048];

	(void)snprintf(
		text, sizeof(text),
		"{'metadata':{'name':'%s','namespace':'default','uid':'u-%s','labels':{'app':'d','controller-"
		"revision-hash':'%s'},%s"
		"'ownerReferences':[{'apiVersion':'apps/"
		"v1','kind':'DaemonSet','name':'d','uid':'du','controller':true}]},"
		"'spec':{'nodeName':'%s'},'status':{'phase':'%s','conditions':[{'type':'Ready','status':'%s',"
		"'lastTransitionTime':'2026-09-21T14:13:20Z'}]}}",
		name, name, hash,
		strcmp(pod_state, "deleting") == 0 ? "'deletionTimestamp':'2026-09-21T14:13:20Z'," : "", node,
		strcmp(pod_state, "failed") == 0 ? "Failed" : "Running",
		strcmp(pod_state, "ready") == 0 ? "True" : "False");
	assert_int_equal(cluster_put_pod(&f->cluster, make_pod(text)), 0);
}

static bool may_replace(void *ctx, const char *node)
{
	return ((struct fixture *)ctx)->may_replace;
}

/* The steps as text: "+n1" create, "-pod" delete, "!pod" delete a failed one, "<pod" adopt, ">pod" release. */
static const char *steps_of(struct fixture *f, const char *hash)
{
	static const char letters[] = "+-<>";
	struct daemonset_now now = { NOW_MS, hash, may_replace, f };
	static char text[4096];
	struct buf out;

	daemonset_plan_done(&f->plan);
	assert_int_equal(daemonset_plan(f->ds, &f->cluster, &now, &f->plan), 0);
	buf_init(&out, sizeof(text) - 1);
	for (size_t i = 0; i < f->plan.count; i++) {
		const struct daemonset_step *s = &f->plan.steps[i];

		assert_int_equal(buf_addf(&out, "%s%c%s", i ? " " : "", s->failed ? '!' : letters[s->action],
					  s->action == DAEMON_CREATE ? s->node : s->pod->view->name),
				 0);
	}
	(void)snprintf(text, sizeof(text), "%s", buf_cstr(&out));
	buf_done(&out);
	return text;
}

static void every_eligible_node_gets_one(void **state)
{
	struct fixture *f = *state;

	f->ds = daemonset("", "'nodeSelector':{'edge':'yes'}");
	put_node(&f->cluster, "n1", "'edge':'yes'", "", ROOM);
	put_node(&f->cluster, "n2", "", "", ROOM);
	put_node(&f->cluster, "n3", "'edge':'yes'", "'taints':[{'key':'k','effect':'NoSchedule'}]", ROOM);
	put_node(&f->cluster, "n4", "'edge':'yes'",
		 "'unschedulable':true,'taints':[{'key':'node.kubernetes.io/"
		 "unschedulable','effect':'NoSchedule'}]",
		 ROOM);
	assert_string_equal(steps_of(f, "h"), "+n1 +n4");
	assert_int_equal(f->plan.counts.desired, 2);
	assert_int_equal(f->plan.counts.current, 0);
	assert_int_equal(f->plan.counts.unavailable, 2);
	daemon_pod(f, "a", "n1", "h", "ready");
	daemon_pod(f, "b", "n4", "h", "pending");
	assert_string_equal(steps_of(f, "h"), "");
	assert_int_equal(f->plan.counts.current, 2);
	assert_int_equal(f->plan.counts.ready, 1);
	assert_int_equal(f->plan.counts.updated, 2);
	assert_int_equal(f->plan.counts.available, 1);
}

static void pods_leave_nodes_that_are_no_longer_meant(void **state)
{
	struct fixture *f = *state;

	f->ds = daemonset("", "'nodeSelector':{'edge':'yes'}");
	put_node(&f->cluster, "n1", "", "", ROOM);
	put_node(&f->cluster, "n2", "'edge':'yes'", "'taints':[{'key':'k','effect':'NoExecute'}]", ROOM);
	put_node(&f->cluster, "n3", "'edge':'yes'", "'taints':[{'key':'k','effect':'NoSchedule'}]", ROOM);
	daemon_pod(f, "a", "n1", "h", "ready");
	daemon_pod(f, "b", "n2", "h", "ready");
	daemon_pod(f, "c", "n3", "h", "ready");
	/* A NoSchedule taint keeps new pods out and lets the old one be. */
	assert_string_equal(steps_of(f, "h"), "-a -b");
	assert_int_equal(f->plan.counts.desired, 0);
	assert_int_equal(f->plan.counts.misscheduled, 3);
}

static void of_two_pods_on_a_node_the_better_one_stays(void **state)
{
	struct fixture *f = *state;

	f->ds = daemonset("", "");
	put_node(&f->cluster, "n1", "", "", ROOM);
	daemon_pod(f, "a", "n1", "h", "pending");
	daemon_pod(f, "b", "n1", "h", "ready");
	assert_string_equal(steps_of(f, "h"), "-a");
}

static void failed_pods_go_when_their_wait_is_over(void **state)
{
	struct fixture *f = *state;

	f->ds = daemonset("", "");
	put_node(&f->cluster, "n1", "", "", ROOM);
	daemon_pod(f, "a", "n1", "h", "failed");
	assert_string_equal(steps_of(f, "h"), "!a");
	f->may_replace = false;
	assert_string_equal(steps_of(f, "h"), "");
	/* A pod being deleted holds its place: no second one before it is gone. */
	daemon_pod(f, "a", "n1", "h", "deleting");
	assert_string_equal(steps_of(f, "h"), "");
	cluster_remove_pod(&f->cluster, "default", "a");
	assert_string_equal(steps_of(f, "h"), "+n1");
}

static void without_a_node_object_running_pods_are_left_alone(void **state)
{
	struct fixture *f = *state;

	f->ds = daemonset("", "");
	put_node(&f->cluster, "n1", "", "", ROOM);
	daemon_pod(f, "a", "n1", "h", "ready");
	cluster_remove_node(&f->cluster, "n1");
	assert_string_equal(steps_of(f, "h2"), "");
	assert_int_equal(f->plan.counts.desired, 0);
	assert_int_equal(cluster_damage_node(&f->cluster, "n1"), 0);
	assert_string_equal(steps_of(f, "h2"), "");
	put_node(&f->cluster, "n1", "", "", ROOM);
	assert_int_equal(cluster_hold_node(&f->cluster, "n1", true), 0);
	assert_string_equal(steps_of(f, "h2"), "");
	assert_int_equal(f->plan.counts.desired, 1);
	assert_int_equal(cluster_hold_node(&f->cluster, "n1", false), 0);
	assert_string_equal(steps_of(f, "h2"), "-a");
}

static void pods_are_adopted_and_released_by_their_labels(void **state)
{
	struct fixture *f = *state;

	f->ds = daemonset("'updateStrategy':{'type':'OnDelete'},", "");
	put_node(&f->cluster, "n1", "", "", ROOM);
	assert_int_equal(cluster_put_pod(&f->cluster, make_pod("{'metadata':{'name':'stray','namespace':'"
							       "default','uid':'s','labels':{'app':'d'}},"
							       "'spec':{'nodeName':'n1'}}")),
			 0);
	assert_int_equal(cluster_put_pod(&f->cluster, make_pod("{'metadata':{'name':'else','namespace':'"
							       "other','uid':'e','labels':{'app':'d'}},"
							       "'spec':{'nodeName':'n1'}}")),
			 0);
	assert_int_equal(
		cluster_put_pod(
			&f->cluster,
			make_pod("{'metadata':{'name':'alien','namespace':'default','uid':'x','labels':{'app'"
				 ":'d'},"
				 "'annotations':{'holdfast.io/orphaned':'true'}},'spec':{'nodeName':'n1'}}")),
		0);
	assert_string_equal(steps_of(f, "h"), "<stray");
	assert_int_equal(
		cluster_put_pod(
			&f->cluster,
			make_pod("{'metadata':{'name':'stray','namespace':'default','uid':'s','labels':{'app'"
				 ":'z'},"
				 "'ownerReferences':[{'kind':'DaemonSet','uid':'du','controller':true}]},"
				 "'spec':{'nodeName':'n1'}}")),
		0);
	assert_string_equal(steps_of(f, "h"), ">stray +n1");
}

/* --- updates --- */

static void three_nodes(struct fixture *f, const char *hash)
{
	static const char *const names[] = { "n1", "n2", "n3" }, *const pods[] = { "a", "b", "c" };

	for (size_t i = 0; i < 3; i++) {
		put_node(&f->cluster, names[i], "", "", ROOM);
		daemon_pod(f, pods[i], names[i], hash, "ready");
	}
}

static void an_update_takes_as_many_as_the_budget_allows(void **state)
{
	struct fixture *f = *state;

	f->ds = daemonset("", "");
	three_nodes(f, "old");
	assert_string_equal(steps_of(f, "new"), "-a");
	daemonset_free(f->ds);
	f->ds = daemonset("'updateStrategy':{'rollingUpdate':{'maxUnavailable':2}},", "");
	assert_string_equal(steps_of(f, "new"), "-a -b");
	daemonset_free(f->ds);
	f->ds = daemonset("'updateStrategy':{'rollingUpdate':{'maxUnavailable':'34%'}},", "");
	assert_string_equal(steps_of(f, "new"), "-a -b"); /* 1.02, rounded up */
	daemonset_free(f->ds);
	f->ds = daemonset("'updateStrategy':{'type':'OnDelete'},", "");
	assert_string_equal(steps_of(f, "new"), "");
}

static void what_is_not_available_counts_against_the_budget(void **state)
{
	struct fixture *f = *state;

	f->ds = daemonset("", "");
	three_nodes(f, "old");
	daemon_pod(f, "a", "n1", "new", "pending");
	assert_string_equal(steps_of(f, "new"), "");
	daemon_pod(f, "a", "n1", "old", "deleting");
	assert_string_equal(steps_of(f, "new"), "");
	daemon_pod(f, "a", "n1", "new", "ready");
	assert_string_equal(steps_of(f, "new"), "-b");
	/* Old ones that do not work anyway go at once. */
	daemon_pod(f, "b", "n2", "old", "pending");
	daemon_pod(f, "c", "n3", "old", "pending");
	assert_string_equal(steps_of(f, "new"), "-b -c");
}

static void readiness_must_last_when_asked_for(void **state)
{
	struct fixture *f = *state;

	f->ds = daemonset("'minReadySeconds':10,", "");
	three_nodes(f, "new");
	assert_string_equal(steps_of(f, "new"), "");
	assert_int_equal(f->plan.counts.ready, 3);
	assert_int_equal(f->plan.counts.available, 0);
	assert_true(f->plan.due_wall_ms == NOW_MS + 10000);
}

static void cut_off(struct fixture *f, const char *name)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		       "{'metadata':{'name':'%s','uid':'u-%s'},'spec':{'taints':[{'key':'node.kubernetes.io/"
		       "unreachable','effect':'NoSchedule'}]},"
		       "'status':{'conditions':[{'type':'Ready','status':'Unknown'},{'type':'CutOff','status'"
		       ":'True'}]}}",
		       name, name);
	assert_int_equal(cluster_put_node(&f->cluster, make_node(text), NULL), 0);
}

static void a_cut_off_node_is_counted_and_left_alone(void **state)
{
	struct fixture *f = *state;

	f->ds = daemonset("", "");
	three_nodes(f, "old");
	cut_off(f, "n1");
	assert_string_equal(steps_of(f, "old"), "");
	assert_int_equal(f->plan.counts.desired, 3);
	assert_int_equal(f->plan.counts.current, 3);
	assert_int_equal(f->plan.counts.misscheduled, 0);
	assert_int_equal(f->plan.counts.available, 2);
	/* A rollout neither waits for it nor touches it. */
	assert_string_equal(steps_of(f, "new"), "-b");
	/* One that has no pod yet gets one to find when it is back. */
	cluster_remove_pod(&f->cluster, "default", "a");
	assert_string_equal(steps_of(f, "old"), "+n1");
}

static void with_surge_the_new_pod_comes_first(void **state)
{
	struct fixture *f = *state;

	f->ds = daemonset("'updateStrategy':{'rollingUpdate':{'maxUnavailable':0,'maxSurge':1}},", "");
	three_nodes(f, "old");
	assert_string_equal(steps_of(f, "new"), "+n1");
	daemon_pod(f, "a2", "n1", "new", "pending");
	assert_string_equal(steps_of(f, "new"), "");
	daemon_pod(f, "a2", "n1", "new", "ready");
	assert_string_equal(steps_of(f, "new"), "-a");
	cluster_remove_pod(&f->cluster, "default", "a");
	assert_string_equal(steps_of(f, "new"), "+n2");
}

/* --- the pod --- */

static void the_pod_is_the_template_pinned_and_owned(void **state)
{
	struct json *tree =
		quoted_json("{'metadata':{'name':'d','namespace':'default','uid':'du'},'spec':{'template':{'"
			    "metadata':{'labels':{'app':'d'},'annotations':{'x':'y'}},"
			    "'spec':{'hostNetwork':true,'containers':[{'name':'c'}],'tolerations':[{'key':'"
			    "node.kubernetes.io/not-ready','operator':'Exists',"
			    "'effect':'NoExecute'}],'affinity':{'nodeAffinity':{'"
			    "requiredDuringSchedulingIgnoredDuringExecution':{'nodeSelectorTerms':"
			    "[{'matchExpressions':[{'key':'a','operator':'Exists'}]}]}}}}}}}");
	struct json *pod = daemonset_pod(tree, "n7", "hash1", 4);
	struct pod_view *view = NULL;

	assert_non_null(pod);
	assert_string_equal(json_path_str(pod, "metadata.generateName", ""), "d-");
	assert_string_equal(json_path_str(pod, "metadata.namespace", ""), "default");
	assert_string_equal(json_path_str(pod, "metadata.annotations.x", ""), "y");
	assert_string_equal(json_path_str(pod, "metadata.labels.app", ""), "d");
	assert_string_equal(json_path_str(pod, "metadata.labels.controller-revision-hash", ""), "hash1");
	assert_string_equal(json_path_str(pod, "metadata.labels.pod-template-generation", ""), "4");
	assert_string_equal(json_path_str(pod, "metadata.ownerReferences.0.uid", ""), "du");
	assert_true(json_path_bool(pod, "metadata.ownerReferences.0.controller", false));
	assert_int_equal(json_count(json_path(pod, "spec.tolerations")), 9);
	assert_int_equal(json_set_str(json_get(pod, "metadata"), "name", "d-x"), 0);
	assert_int_equal(pod_view_of(pod, &view), 0);
	assert_string_equal(placement_only_node(&view->placement), "n7");
	pod_view_free(view);
	json_free(pod);
	/* The DaemonSet itself is not touched. */
	assert_int_equal(json_count(json_path(tree, "spec.template.spec.tolerations")), 1);
	json_free(tree);
}

static void status_is_written_when_it_differs(void **state)
{
	struct json *tree = quoted_json("{'metadata':{'generation':9}}");
	struct daemonset_counts counts = {
		.desired = 3, .current = 3, .ready = 2, .updated = 3, .available = 2, .unavailable = 1
	};

	assert_int_equal(daemonset_write_status(tree, &counts, 8), 1);
	assert_int_equal(json_path_int(tree, "status.desiredNumberScheduled", -1), 3);
	assert_int_equal(json_path_int(tree, "status.observedGeneration", -1),
			 8); /* the one that was looked at */
	assert_int_equal(json_path_int(tree, "status.numberUnavailable", -1), 1);
	assert_int_equal(daemonset_write_status(tree, &counts, 8), 0);
	counts.available = 3;
	counts.unavailable = 0;
	assert_int_equal(daemonset_write_status(tree, &counts, 8), 1);
	assert_null(json_path(tree, "status.numberUnavailable"));
	assert_int_equal(daemonset_write_status(tree, &counts, 8), 0);
	json_free(tree);
}

static void wrong_shapes_are_refused(void **state)
{
	static const char *const bad[] = { "{}", "[]", "{'metadata':{'name':'d','uid':'u'}}",
					   "{'metadata':{'name':'d','uid':'u'},'spec':{'selector':{},'"
					   "template':{'spec':{}},'updateStrategy':"
					   "{'rollingUpdate':{'maxUnavailable':'x%'}}}}",
					   "{'metadata':{'name':'d','uid':'u'},'spec':{'selector':{},'"
					   "template':{'spec':{}},'updateStrategy':"
					   "{'rollingUpdate':{'maxSurge':'500%'}}}}" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct json *tree = quoted_json(bad[i]);
		struct daemonset *ds = NULL;

		assert_int_equal(daemonset_of(tree, &ds), -EINVAL);
		json_free(tree);
	}
}

/* --- whatever happens to pods and nodes, plans that are carried out lead to one current pod on every node --- */

#define CHAOS_NODES 8

struct chaos {
	struct fixture *f;
	struct rng rng;
	unsigned names;
};

static void apply_plan(struct chaos *c, const char *hash)
{
	struct fixture *f = c->f;
	char names[64][32], nodes[64][32];
	bool create[64];
	size_t count = f->plan.count < 64 ? f->plan.count : 64;

	for (size_t i = 0; i < count;
	     i++) { /* the plan borrows from the cluster: copied before that changes */
		const struct daemonset_step *s = &f->plan.steps[i];

		create[i] = s->action == DAEMON_CREATE;
		(void)snprintf(names[i], sizeof(names[i]), "%s", create[i] ? "" : s->pod->view->name);
		(void)snprintf(nodes[i], sizeof(nodes[i]), "%s", create[i] ? s->node : "");
	}
	for (size_t i = 0; i < count; i++) {
		if (create[i]) {
			(void)snprintf(names[i], sizeof(names[i]), "p%u", c->names++);
			daemon_pod(f, names[i], nodes[i], hash, "pending");
		} else {
			cluster_remove_pod(&f->cluster, "default", names[i]);
		}
	}
}

static void disturb(struct chaos *c, const char *const *hashes)
{
	static const char *const states[] = { "ready", "ready", "ready", "pending", "failed", "deleting" };
	char node[16], name[32];

	(void)snprintf(node, sizeof(node), "n%u", (unsigned)rng_below(&c->rng, CHAOS_NODES));
	switch (rng_below(&c->rng, 5)) {
	case 0: cut_off(c->f, node); break;
	case 1: put_node(&c->f->cluster, node, "", "", ROOM); break;
	case 2: cluster_remove_node(&c->f->cluster, node); break;
	default:
		(void)snprintf(name, sizeof(name), "p%u", c->names++);
		daemon_pod(c->f, name, node, hashes[rng_below(&c->rng, 2)], states[rng_below(&c->rng, 6)]);
		break;
	}
}

static void make_ready(struct chaos *c)
{
	for (unsigned i = 0; i < c->names; i++) {
		char name[32], hash[32], node[32];
		struct cluster_pod *pod;

		(void)snprintf(name, sizeof(name), "p%u", i);
		pod = cluster_pod(&c->f->cluster, "default", name);
		if (!pod)
			continue;
		if (pod->view->deleting) {
			cluster_remove_pod(&c->f->cluster, "default", name);
			continue;
		}
		(void)snprintf(hash, sizeof(hash), "%s", pod->view->revision_hash);
		(void)snprintf(node, sizeof(node), "%s", pod->view->node);
		if (!pod_is_over(pod->view))
			daemon_pod(c->f, name, node, hash, "ready");
	}
}

static void any_disorder_ends_in_one_current_pod_on_every_node(void **state)
{
	static const char *const hashes[] = { "old", "new" };
	struct chaos c = { .f = *state };
	const uint64_t seed = 99;
	char node[16];

	printf("seed %llu\n", (unsigned long long)seed);
	rng_seed(&c.rng, seed);
	c.f->ds = daemonset("", "");
	for (unsigned round = 0; round < 200; round++) {
		for (unsigned i = 0; i < CHAOS_NODES; i++) {
			(void)snprintf(node, sizeof(node), "n%u", i);
			put_node(&c.f->cluster, node, "", "", ROOM);
		}
		for (unsigned i = 0; i < 30; i++) {
			disturb(&c, hashes);
			(void)steps_of(c.f, hashes[round % 2]);
			if (rng_below(&c.rng, 2))
				apply_plan(&c, hashes[round % 2]);
		}
		for (unsigned i = 0; i < CHAOS_NODES; i++) {
			(void)snprintf(node, sizeof(node), "n%u", i);
			put_node(&c.f->cluster, node, "", "", ROOM);
		}
		for (unsigned i = 0; i < 60; i++) {
			make_ready(&c);
			if (!*steps_of(c.f, hashes[round % 2]))
				break;
			apply_plan(&c, hashes[round % 2]);
		}
		assert_string_equal(steps_of(c.f, hashes[round % 2]), "");
		assert_int_equal(c.f->plan.counts.desired, CHAOS_NODES);
		assert_int_equal(c.f->plan.counts.updated, CHAOS_NODES);
		assert_int_equal(c.f->plan.counts.available, CHAOS_NODES);
		assert_int_equal(c.f->cluster.pods.count, CHAOS_NODES);
	}
}

int main(void)
{
#define WITH(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH(every_eligible_node_gets_one),
		WITH(pods_leave_nodes_that_are_no_longer_meant),
		WITH(of_two_pods_on_a_node_the_better_one_stays),
		WITH(failed_pods_go_when_their_wait_is_over),
		WITH(without_a_node_object_running_pods_are_left_alone),
		WITH(pods_are_adopted_and_released_by_their_labels),
		WITH(an_update_takes_as_many_as_the_budget_allows),
		WITH(what_is_not_available_counts_against_the_budget),
		WITH(readiness_must_last_when_asked_for),
		WITH(a_cut_off_node_is_counted_and_left_alone),
		WITH(with_surge_the_new_pod_comes_first),
		cmocka_unit_test(the_pod_is_the_template_pinned_and_owned),
		cmocka_unit_test(status_is_written_when_it_differs),
		cmocka_unit_test(wrong_shapes_are_refused),
		WITH(any_disorder_ends_in_one_current_pod_on_every_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
