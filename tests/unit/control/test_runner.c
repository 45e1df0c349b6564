#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runner_fixture.h"

#define POD(name, spec)                                                                         \
	"{'apiVersion':'v1','kind':'Pod','metadata':{'name':'" name "','namespace':'default'}," \
	"'spec':{'containers':[{'name':'c','image':'i'}]" spec "}}"
#define WEB(extra)                                                                                          \
	"{'apiVersion':'apps/v1','kind':'DaemonSet','metadata':{'name':'web','namespace':'default'},"       \
	"'spec':{'selector':{'matchLabels':{'app':'web'}},'template':{'metadata':{'labels':{'app':'web'}}," \
	"'spec':{'containers':[{'name':'c','image':'i:1'}]}}" extra "}}"

static void every_cluster_has_its_namespaces_and_accounts(void **state)
{
	static const char *const names[] = { "default", "kube-system", "kube-public", "kube-node-lease" };
	struct cloud *c = *state;

	for (size_t i = 0; i < 4; i++) {
		assert_true(cloud_has(c, "namespaces", "", names[i]));
		assert_true(cloud_has(c, "serviceaccounts", names[i], "default"));
	}
	cloud_delete(c, "serviceaccounts", "default", "default", API_BACKGROUND);
	assert_true(cloud_has(c, "serviceaccounts", "default", "default"));
}

static void a_pod_is_bound_to_a_node(void **state)
{
	struct cloud *c = *state;

	cloud_node(c, "n1");
	cloud_create(c, POD("p", ""));
	assert_string_equal(cloud_field(c, "pods", "default", "p", "spec.nodeName"), "n1");
	assert_string_equal(cloud_condition(c, "pods", "default", "p", "PodScheduled"), "True");
}

static void a_pod_that_fits_nowhere_says_why_and_is_bound_when_it_does(void **state)
{
	struct cloud *c = *state;

	cloud_create(c, POD("p", ",'nodeSelector':{'disk':'ssd'}"));
	assert_string_equal(cloud_condition(c, "pods", "default", "p", "PodScheduled"), "False");
	assert_string_equal(cloud_field(c, "pods", "default", "p", "status.conditions.0.message"),
			    "no nodes available to schedule pods");
	cloud_node(c, "n1");
	assert_string_equal(cloud_field(c, "pods", "default", "p", "status.conditions.0.message"),
			    "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.");
	assert_string_equal(cloud_field(c, "pods", "default", "p", "status.conditions.0.reason"),
			    "Unschedulable");
	cloud_set(c, "nodes", "", "n1", "metadata.labels", "{'disk':'ssd'}");
	assert_string_equal(cloud_field(c, "pods", "default", "p", "spec.nodeName"), "n1");
}

static void room_freed_is_room_used(void **state)
{
	struct cloud *c = *state;

	cloud_node(c, "n1");
	cloud_create(c, "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'big','namespace':'default'},'"
			"spec':{'containers':"
			"[{'name':'c','image':'i','resources':{'requests':{'cpu':'3'}}}]}}");
	cloud_create(c, "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'next','namespace':'default'},'"
			"spec':{'containers':"
			"[{'name':'c','image':'i','resources':{'requests':{'cpu':'3'}}}]}}");
	assert_string_equal(cloud_field(c, "pods", "default", "next", "spec.nodeName"), "");
	assert_string_equal(cloud_field(c, "pods", "default", "next", "status.conditions.0.message"),
			    "0/1 nodes are available: 1 Insufficient cpu.");
	cloud_pod_status(c, "default", "big", "Succeeded", false);
	assert_string_equal(cloud_field(c, "pods", "default", "next", "spec.nodeName"), "n1");
}

static void a_daemonset_runs_on_every_node_and_counts(void **state)
{
	struct cloud *c = *state;
	struct runner_stats stats;

	cloud_node(c, "n1");
	cloud_node(c, "n2");
	cloud_create(c, WEB(""));
	assert_int_equal(cloud_count(c, "pods", "default"), 2);
	cloud_play_nodes(c, "default");
	assert_string_equal(cloud_field(c, "daemonsets.apps", "default", "web",
					"status.desiredNumberScheduled"),
			    "2");
	assert_string_equal(cloud_field(c, "daemonsets.apps", "default", "web", "status.numberAvailable"),
			    "2");
	assert_string_equal(cloud_field(c, "daemonsets.apps", "default", "web",
					"status.updatedNumberScheduled"),
			    "2");
	assert_string_equal(cloud_field(c, "daemonsets.apps", "default", "web", "status.observedGeneration"),
			    "1");
	cloud_node(c, "n3");
	cloud_play_nodes(c, "default");
	assert_int_equal(cloud_count(c, "pods", "default"), 3);
	assert_string_equal(cloud_field(c, "daemonsets.apps", "default", "web", "status.numberReady"), "3");
	runner_stats(c->runner, &stats);
	assert_int_equal(stats.pods_created, 3);
	assert_int_equal(stats.damaged, 0);
	assert_int_equal(stats.write_failures, 0);
}

struct images {
	size_t of_first, of_second, pinned;
};

static void count_images(void *ctx, const struct json *tree)
{
	struct images *images = ctx;
	const char *image = json_path_str(tree, "spec.containers.0.image", "");
	const char *pin = json_path_str(tree,
					"spec.affinity.nodeAffinity."
					"requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms.0."
					"matchFields.0.values.0",
					"");

	if (json_path(tree, "metadata.deletionTimestamp"))
		return;
	images->of_first += strcmp(image, "i:1") == 0;
	images->of_second += strcmp(image, "i:2") == 0;
	images->pinned += strcmp(pin, json_path_str(tree, "spec.nodeName", "?")) == 0;
}

static struct images images_of(struct cloud *c)
{
	struct images images = { 0 };

	cloud_each(c, "pods", "default", count_images, &images);
	return images;
}

static void a_new_template_rolls_out_one_by_one(void **state)
{
	struct cloud *c = *state;
	struct images images;

	cloud_node(c, "n1");
	cloud_node(c, "n2");
	cloud_node(c, "n3");
	cloud_create(c, WEB(""));
	cloud_play_nodes(c, "default");
	assert_int_equal(images_of(c).pinned, 3);
	cloud_set(c, "daemonsets.apps", "default", "web", "spec.template.spec",
		  "{'containers':[{'name':'c','image':'i:2'}]}");
	images = images_of(c);
	assert_int_equal(images.of_first, 2); /* one is being stopped, and nothing else moves */
	assert_int_equal(images.of_second, 0);
	for (size_t done = 1; done <= 3; done++) {
		cloud_play_nodes(c, "default"); /* the stopped one goes, its successor is created and bound */
		images = images_of(c);
		assert_int_equal(images.of_first, 3 - done);
		cloud_play_nodes(c, "default"); /* the successor runs: the next is stopped */
	}
	images = images_of(c);
	assert_int_equal(images.of_first, 0);
	assert_int_equal(images.of_second, 3);
	assert_string_equal(cloud_field(c, "daemonsets.apps", "default", "web",
					"status.updatedNumberScheduled"),
			    "3");
	assert_int_equal(cloud_count(c, "controllerrevisions.apps", "default"), 2);
}

static void going_back_to_an_old_template_raises_its_revision(void **state)
{
	struct cloud *c = *state;

	cloud_node(c, "n1");
	cloud_create(c, WEB(""));
	cloud_set(c, "daemonsets.apps", "default", "web", "spec.template.spec.containers",
		  "[{'name':'c','image':'i:2'}]");
	cloud_play_nodes(c, "default");
	cloud_play_nodes(c, "default");
	cloud_set(c, "daemonsets.apps", "default", "web", "spec.template.spec.containers",
		  "[{'name':'c','image':'i:1'}]");
	for (unsigned i = 0; i < 4; i++)
		cloud_play_nodes(c, "default");
	assert_int_equal(cloud_count(c, "controllerrevisions.apps", "default"), 2);
	assert_int_equal(images_of(c).of_first, 1);
}

static void deleting_a_daemonset_takes_its_pods_and_history(void **state)
{
	struct cloud *c = *state;

	cloud_node(c, "n1");
	cloud_create(c, WEB(""));
	cloud_play_nodes(c, "default");
	cloud_delete(c, "daemonsets.apps", "default", "web", API_BACKGROUND);
	assert_int_equal(cloud_count(c, "controllerrevisions.apps", "default"), 0);
	assert_int_equal(cloud_count(c, "pods", "default"), 1); /* until its node says that it has stopped */
	cloud_play_nodes(c, "default");
	assert_int_equal(cloud_count(c, "pods", "default"), 0);
}

static void deleting_in_the_foreground_waits_for_the_pods(void **state)
{
	struct cloud *c = *state;

	cloud_node(c, "n1");
	cloud_create(c, WEB(""));
	cloud_play_nodes(c, "default");
	cloud_delete(c, "daemonsets.apps", "default", "web", API_FOREGROUND);
	assert_true(cloud_has(c, "daemonsets.apps", "default", "web"));
	cloud_play_nodes(c, "default");
	assert_false(cloud_has(c, "daemonsets.apps", "default", "web"));
	assert_int_equal(cloud_count(c, "pods", "default"), 0);
}

static void orphaned_pods_are_kept_and_adopted_again(void **state)
{
	struct cloud *c = *state;
	struct runner_stats stats;

	cloud_node(c, "n1");
	cloud_create(c, WEB(""));
	cloud_play_nodes(c, "default");
	cloud_delete(c, "daemonsets.apps", "default", "web", API_ORPHAN);
	assert_false(cloud_has(c, "daemonsets.apps", "default", "web"));
	assert_int_equal(cloud_count(c, "pods", "default"), 1);
	cloud_create(c, WEB(",'updateStrategy':{'type':'OnDelete'}"));
	assert_int_equal(cloud_count(c, "pods", "default"), 1);
	runner_stats(c->runner, &stats);
	assert_int_equal(stats.pods_created, 1);
	assert_string_equal(cloud_field(c, "daemonsets.apps", "default", "web",
					"status.currentNumberScheduled"),
			    "1");
}

static void a_namespace_goes_with_its_content(void **state)
{
	struct cloud *c = *state;

	cloud_create(c, "{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'shop'}}");
	assert_true(cloud_has(c, "serviceaccounts", "shop", "default"));
	cloud_create(c, "{'apiVersion':'v1','kind':'ConfigMap','metadata':{'name':'a','namespace':'shop'}}");
	cloud_create(c, "{'apiVersion':'v1','kind':'Secret','metadata':{'name':'b','namespace':'shop'}}");
	cloud_delete(c, "namespaces", "", "shop", API_BACKGROUND);
	assert_false(cloud_has(c, "namespaces", "", "shop"));
	assert_false(cloud_has(c, "configmaps", "shop", "a"));
	assert_false(cloud_has(c, "secrets", "shop", "b"));
	assert_false(cloud_has(c, "serviceaccounts", "shop", "default"));
}

static void a_namespace_waits_for_pods_that_still_run(void **state)
{
	struct cloud *c = *state;

	cloud_node(c, "n1");
	cloud_create(c, "{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'shop'}}");
	cloud_create(c, "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'p','namespace':'shop'},'spec':{'"
			"containers':"
			"[{'name':'c','image':'i'}]}}");
	cloud_delete(c, "namespaces", "", "shop", API_BACKGROUND);
	assert_true(cloud_has(c, "namespaces", "", "shop"));
	assert_true(cloud_has(c, "pods", "shop", "p"));
	cloud_play_nodes(c, "shop");
	assert_false(cloud_has(c, "namespaces", "", "shop"));
}

static void a_cut_off_node_is_marked_after_the_grace(void **state)
{
	struct cloud *c = *state;

	cloud_node(c, "n1");
	cloud_pass(c, 200000);
	assert_string_equal(cloud_condition(c, "nodes", "", "n1", "Ready"), "True");
	assert_string_equal(cloud_field(c, "nodes", "", "n1", "spec.taints"), "");
	runner_link(c->runner, "n1", false, c->now_ms);
	cloud_pass(c, 39000);
	assert_string_equal(cloud_condition(c, "nodes", "", "n1", "Ready"), "True");
	cloud_pass(c, 2000);
	assert_string_equal(cloud_condition(c, "nodes", "", "n1", "Ready"), "Unknown");
	assert_string_equal(cloud_condition(c, "nodes", "", "n1", "CutOff"), "True");
	assert_string_equal(cloud_field(c, "nodes", "", "n1", "spec.taints.0.key"),
			    "node.kubernetes.io/unreachable");
	assert_string_equal(cloud_field(c, "nodes", "", "n1", "spec.taints.0.effect"), "NoSchedule");
	assert_string_equal(cloud_field(c, "nodes", "", "n1", "spec.taints.1"), "");
}

static void a_link_that_returns_clears_the_mark(void **state)
{
	struct cloud *c = *state;

	cloud_node(c, "n1");
	cloud_pass(c, 61000);
	runner_link(c->runner, "n1", false, c->now_ms);
	cloud_pass(c, 41000);
	assert_string_equal(cloud_condition(c, "nodes", "", "n1", "CutOff"), "True");
	runner_link(c->runner, "n1", true, c->now_ms);
	cloud_settle(c);
	assert_string_equal(cloud_condition(c, "nodes", "", "n1", "CutOff"), "False");
	/* The node itself says that it is ready again. */
	cloud_set(c, "nodes", "", "n1", "status.conditions",
		  "[{'type':'Ready','status':'True'},{'type':'CutOff','status':'False'}]");
	assert_string_equal(cloud_field(c, "nodes", "", "n1", "spec.taints"), "");
}

static void after_a_restart_nobody_is_judged_at_once(void **state)
{
	struct cloud *c = *state;

	cloud_node(c, "n1");
	cloud_pass(c, 500000);
	cloud_restart(c);
	cloud_pass(c, 59000);
	assert_string_equal(cloud_condition(c, "nodes", "", "n1", "Ready"), "True");
	cloud_pass(c, 2000);
	assert_string_equal(cloud_condition(c, "nodes", "", "n1", "Ready"), "Unknown");
}

static void a_cut_off_node_keeps_its_pods_and_does_not_hold_up_a_rollout(void **state)
{
	struct cloud *c = *state;
	struct images images;

	cloud_node(c, "n1");
	cloud_node(c, "n2");
	cloud_create(c, WEB(""));
	cloud_play_nodes(c, "default");
	cloud_pass(c, 61000);
	runner_link(c->runner, "n2", false, c->now_ms);
	cloud_pass(c, 60000);
	assert_string_equal(cloud_field(c, "daemonsets.apps", "default", "web",
					"status.desiredNumberScheduled"),
			    "2");
	assert_string_equal(cloud_field(c, "daemonsets.apps", "default", "web", "status.numberUnavailable"),
			    "1");
	assert_int_equal(cloud_count(c, "pods", "default"), 2);
	cloud_set(c, "daemonsets.apps", "default", "web", "spec.template.spec.containers",
		  "[{'name':'c','image':'i:2'}]");
	for (unsigned i = 0; i < 4; i++)
		cloud_play_nodes(c, "default");
	images = images_of(c);
	assert_int_equal(images.of_first, 1); /* left alone on the node that is away */
	assert_int_equal(images.of_second, 1);
	/* An application that comes while the node is away waits for it in the cloud. */
	cloud_create(
		c,
		"{'apiVersion':'apps/"
		"v1','kind':'DaemonSet','metadata':{'name':'late','namespace':'kube-public'},'spec':{"
		"'selector':{'matchLabels':{'app':'late'}},'template':{'metadata':{'labels':{'app':'late'}},"
		"'spec':{'containers':[{'name':'c','image':'i'}]}}}}");
	assert_int_equal(cloud_count(c, "pods", "kube-public"), 2);
}

static void deleting_a_node_object_stops_nothing(void **state)
{
	struct cloud *c = *state;
	struct runner_stats stats;

	cloud_node(c, "n1");
	cloud_create(c, WEB(""));
	cloud_create(c, POD("p", ""));
	cloud_play_nodes(c, "default");
	cloud_delete(c, "nodes", "", "n1", API_BACKGROUND);
	cloud_pass(c, 600000);
	assert_int_equal(cloud_count(c, "pods", "default"), 2);
	runner_stats(c->runner, &stats);
	assert_int_equal(stats.pods_deleted, 0);
	cloud_node(c, "n1");
	cloud_play_nodes(c, "default");
	assert_int_equal(cloud_count(c, "pods", "default"), 2);
}

static void a_held_node_is_left_alone(void **state)
{
	struct cloud *c = *state;

	cloud_node(c, "n1");
	cloud_node(c, "n2");
	runner_hold(c->runner, "n1", true, c->now_ms);
	cloud_create(c, WEB(""));
	assert_int_equal(cloud_count(c, "pods", "default"), 1);
	cloud_create(c, POD("p", ",'nodeSelector':{'kubernetes.io/hostname':'n1'}"));
	assert_string_equal(cloud_field(c, "pods", "default", "p", "spec.nodeName"), "");
	runner_hold(c->runner, "n1", false, c->now_ms);
	cloud_settle(c);
	assert_int_equal(cloud_count(c, "pods", "default"), 3);
	assert_string_equal(cloud_field(c, "pods", "default", "p", "spec.nodeName"), "n1");
}

static void copy_name(void *ctx, const struct json *tree)
{
	(void)snprintf(ctx, 128, "%s", json_path_str(tree, "metadata.name", ""));
}

static void failed_daemon_pods_are_replaced_with_a_growing_wait(void **state)
{
	struct cloud *c = *state;
	struct runner_stats before, after;

	cloud_node(c, "n1");
	cloud_create(c, WEB(""));
	runner_stats(c->runner, &before);
	for (unsigned i = 0; i < 600; i++) {
		char name[128] = "";

		cloud_each(c, "pods", "default", copy_name, name);
		if (*name && strcmp(cloud_field(c, "pods", "default", name, "status.phase"), "Pending") == 0)
			cloud_pod_status(c, "default", name, "Failed", false);
		cloud_pass(c, 1000);
	}
	runner_stats(c->runner, &after);
	/* Waits of 1, 2, 4 ... 512 s: about ten in ten minutes, not hundreds. */
	assert_in_range(after.pods_created - before.pods_created, 5, 14);
}

static void events_expire(void **state)
{
	struct cloud *c = *state;

	cloud_node(c, "n1");
	cloud_create(c, POD("p", ""));
	assert_true(cloud_count(c, "events", "default") > 0);
	cloud_pass(c, 30 * 60 * 1000);
	assert_true(cloud_count(c, "events", "default") > 0);
	cloud_pass(c, 31 * 60 * 1000);
	assert_int_equal(cloud_count(c, "events", "default"), 0);
}

static void a_restart_changes_nothing(void **state)
{
	struct cloud *c = *state;
	uint64_t revision;

	cloud_node(c, "n1");
	cloud_node(c, "n2");
	cloud_create(c, WEB(""));
	cloud_play_nodes(c, "default");
	revision = cache_revision(c->cache);
	cloud_restart(c);
	runner_link(c->runner, "n1", true, c->now_ms);
	runner_link(c->runner, "n2", true, c->now_ms);
	cloud_pass(c, 300000);
	assert_int_equal(cache_revision(c->cache), revision);
}

/* Its writes are on their way when it goes: they are committed, and their answers find nobody. */
static void a_runner_may_go_with_writes_under_way(void **state)
{
	struct cloud *c = *state;
	struct runner_stats stats;

	cloud_node(c, "n1");
	assert_int_equal(cloud_try_create(c, POD("p", "")), 0);
	runner_step(c->runner, c->now_ms, c->wall_ms);
	runner_stats(c->runner, &stats);
	assert_true(stats.in_flight > 0);
	runner_free(c->runner);
	c->runner = NULL;
	cache_dispatch(c->cache, c->wall_ms);
	assert_string_equal(cloud_field(c, "pods", "default", "p", "spec.nodeName"), "n1");
}

int main(void)
{
#define WITH_CLOUD(name) cmocka_unit_test_setup_teardown(name, cloud_setup, cloud_teardown)
	const struct CMUnitTest tests[] = {
		WITH_CLOUD(every_cluster_has_its_namespaces_and_accounts),
		WITH_CLOUD(a_pod_is_bound_to_a_node),
		WITH_CLOUD(a_pod_that_fits_nowhere_says_why_and_is_bound_when_it_does),
		WITH_CLOUD(room_freed_is_room_used),
		WITH_CLOUD(a_daemonset_runs_on_every_node_and_counts),
		WITH_CLOUD(a_new_template_rolls_out_one_by_one),
		WITH_CLOUD(going_back_to_an_old_template_raises_its_revision),
		WITH_CLOUD(deleting_a_daemonset_takes_its_pods_and_history),
		WITH_CLOUD(deleting_in_the_foreground_waits_for_the_pods),
		WITH_CLOUD(orphaned_pods_are_kept_and_adopted_again),
		WITH_CLOUD(a_namespace_goes_with_its_content),
		WITH_CLOUD(a_namespace_waits_for_pods_that_still_run),
		WITH_CLOUD(a_cut_off_node_is_marked_after_the_grace),
		WITH_CLOUD(a_link_that_returns_clears_the_mark),
		WITH_CLOUD(after_a_restart_nobody_is_judged_at_once),
		WITH_CLOUD(a_cut_off_node_keeps_its_pods_and_does_not_hold_up_a_rollout),
		WITH_CLOUD(deleting_a_node_object_stops_nothing),
		WITH_CLOUD(a_held_node_is_left_alone),
		WITH_CLOUD(failed_daemon_pods_are_replaced_with_a_growing_wait),
		WITH_CLOUD(events_expire),
		WITH_CLOUD(a_restart_changes_nothing),
		WITH_CLOUD(a_runner_may_go_with_writes_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
