#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runner_fixture.h"

#define SETS "replicasets.apps"
#define WEB(replicas)                                                                                  \
	"{'apiVersion':'apps/v1','kind':'ReplicaSet','metadata':{'name':'web','namespace':'default'}," \
	"'spec':{'replicas':" replicas                                                                 \
	",'selector':{'matchLabels':{'app':'web'}},'template':{'metadata':{'labels':{'app':'web'}},"   \
	"'spec':{'containers':[{'name':'c','image':'i:1'}]}}}}"
#define STRAY(name, more)                                           \
	"{'apiVersion':'v1','kind':'Pod','metadata':{'name':'" name \
	"','namespace':'default','labels':{'app':'web'}" more       \
	"},'spec':{'containers':[{'name':'c','image':'i'}]}}"

/* Pods of the namespace as a test asks for them. */
struct pods {
	size_t live, deleting, bound, owned;
	size_t on[4];  /* live on n1... */
	char one[128]; /* a live one */
};

static void count_pod(void *ctx, const struct json *tree)
{
	struct pods *pods = ctx;
	const char *node = json_path_str(tree, "spec.nodeName", "");

	pods->owned += *json_path_str(tree, "metadata.ownerReferences.0.uid", "") != '\0';
	if (json_path(tree, "metadata.deletionTimestamp")) {
		pods->deleting++;
		return;
	}
	if (strcmp(json_path_str(tree, "status.phase", ""), "Failed") == 0)
		return;
	pods->live++;
	pods->bound += *node != '\0';
	if (node[0] == 'n' && node[1] >= '1' && node[1] <= '4')
		pods->on[node[1] - '1']++;
	(void)snprintf(pods->one, sizeof(pods->one), "%s", json_path_str(tree, "metadata.name", ""));
}

static struct pods pods_of(struct cloud *c)
{
	struct pods pods = { 0 };

	cloud_each(c, "pods", "default", count_pod, &pods);
	return pods;
}

static void expect_status(struct cloud *c, const char *field, const char *value)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "status.%s", field);
	assert_string_equal(cloud_field(c, SETS, "default", "web", path), value);
}

static void two_nodes(struct cloud *c)
{
	cloud_node(c, "n1");
	cloud_node(c, "n2");
}

static void exactly_as_many_as_are_wanted_run_and_are_counted(void **state)
{
	struct cloud *c = *state;
	struct runner_stats stats;

	two_nodes(c);
	cloud_create(c, WEB("100"));
	runner_stats(c->runner, &stats);
	assert_int_equal(stats.pods_created, 100);
	assert_int_equal(stats.replicasets, 1);
	assert_int_equal(pods_of(c).bound, 100);
	assert_int_equal(pods_of(c).on[0], 50); /* spread */
	cloud_play_nodes(c, "default");
	expect_status(c, "replicas", "100");
	expect_status(c, "readyReplicas", "100");
	expect_status(c, "availableReplicas", "100");
	expect_status(c, "fullyLabeledReplicas", "100");
	expect_status(c, "observedGeneration", "1");
	runner_stats(c->runner, &stats);
	assert_int_equal(stats.pods_created, 100);
	assert_int_equal(stats.pods_deleted, 0);
	assert_int_equal(stats.damaged, 0);
	assert_int_equal(stats.write_failures, 0);
}

static void it_is_scaled_up_and_down(void **state)
{
	struct cloud *c = *state;

	two_nodes(c);
	cloud_create(c, WEB("2"));
	cloud_play_nodes(c, "default");
	cloud_set(c, SETS, "default", "web", "spec.replicas", "5");
	assert_int_equal(pods_of(c).live, 5);
	/* Those that are not ready yet go before those that are. */
	cloud_set(c, SETS, "default", "web", "spec.replicas", "2");
	assert_int_equal(pods_of(c).live, 2);
	expect_status(c, "readyReplicas", "2");
	cloud_play_nodes(c, "default");
	assert_int_equal(cloud_count(c, "pods", "default"), 2);
	cloud_set(c, SETS, "default", "web", "spec.replicas", "0");
	cloud_play_nodes(c, "default");
	assert_int_equal(cloud_count(c, "pods", "default"), 0);
	expect_status(c, "replicas", "0");
	expect_status(c, "readyReplicas", "");
}

static void name_on_n1(void *ctx, const struct json *tree)
{
	if (strcmp(json_path_str(tree, "spec.nodeName", ""), "n1") == 0)
		(void)snprintf(ctx, 128, "%s", json_path_str(tree, "metadata.name", ""));
}

/* Its node cannot confirm the end: the pod stays on the books, and another is made elsewhere at once. */
static void a_pod_given_up_with_its_node_is_made_anew_elsewhere(void **state)
{
	struct cloud *c = *state;
	struct pods pods;
	char name[128] = "";

	two_nodes(c);
	cloud_create(c, WEB("2"));
	cloud_play_nodes(c, "default");
	assert_int_equal(pods_of(c).on[0], 1);
	cloud_set(c, "nodes", "", "n1", "spec.taints", "[{'key':'example.com/gone','effect':'NoExecute'}]");
	cloud_each(c, "pods", "default", name_on_n1, name);
	cloud_delete(c, "pods", "default", name, API_BACKGROUND);
	pods = pods_of(c);
	assert_int_equal(pods.live, 2);
	assert_int_equal(pods.on[0], 0);
	assert_int_equal(pods.on[1], 2);
	assert_int_equal(pods.deleting, 1);
	/* The node is back and says that it has stopped it. */
	cloud_play_nodes(c, "default");
	pods = pods_of(c);
	assert_int_equal(pods.live, 2);
	assert_int_equal(pods.deleting, 0);
}

static void strays_with_its_labels_are_adopted(void **state)
{
	struct cloud *c = *state;

	two_nodes(c);
	cloud_create(c, STRAY("one", ""));
	cloud_create(c, STRAY("lost", ",'annotations':{'holdfast.io/orphaned':'true'}"));
	cloud_create(c, WEB("2"));
	assert_int_equal(pods_of(c).owned, 2);
	assert_string_equal(cloud_field(c, "pods", "default", "one", "metadata.ownerReferences.0.name"),
			    "web");
	assert_string_equal(cloud_field(c, "pods", "default", "lost", "metadata.ownerReferences"), "");
	/* One too many now, and the operator decided on the lost one. */
	cloud_set(c, "pods", "default", "lost", "metadata.annotations", "{}");
	cloud_play_nodes(c, "default");
	assert_int_equal(pods_of(c).live, 2);
	/* One whose labels change is let go, and replaced. */
	cloud_set(c, "pods", "default", pods_of(c).one, "metadata.labels", "{'app':'debug'}");
	cloud_play_nodes(c, "default");
	assert_int_equal(pods_of(c).live, 3);
	assert_int_equal(pods_of(c).owned, 2);
	expect_status(c, "replicas", "2");
}

static void its_pods_go_with_it_or_are_orphaned(void **state)
{
	struct cloud *c = *state;

	two_nodes(c);
	cloud_create(c, WEB("3"));
	cloud_play_nodes(c, "default");
	cloud_delete(c, SETS, "default", "web", API_ORPHAN);
	cloud_pass(c, 10000);
	assert_false(cloud_has(c, SETS, "default", "web"));
	assert_int_equal(pods_of(c).live, 3);
	assert_int_equal(pods_of(c).owned, 0);
	cloud_create(c, WEB("3"));
	assert_int_equal(pods_of(c).live, 3);
	assert_int_equal(pods_of(c).owned, 3);
	cloud_delete(c, SETS, "default", "web", API_BACKGROUND);
	cloud_play_nodes(c, "default");
	assert_int_equal(cloud_count(c, "pods", "default"), 0);
}

static void what_cannot_be_made_is_said_and_tried_again_ever_more_slowly(void **state)
{
	struct cloud *c = *state;
	struct runner_stats before, after;

	two_nodes(c);
	/* A template whose pods are refused. */
	cloud_create(
		c,
		"{'apiVersion':'apps/v1','kind':'ReplicaSet','metadata':{'name':'web','namespace':'default'},"
		"'spec':{'replicas':50,'selector':{'matchLabels':{'app':'web'}},'template':{'metadata':{"
		"'labels':{'app':'web'},'annotations':{'no key':'x'}},"
		"'spec':{'containers':[{'name':'c','image':'i:1'}]}}}}");
	cloud_pass(c, 5000);
	assert_string_equal(cloud_condition(c, SETS, "default", "web", "ReplicaFailure"), "True");
	assert_string_equal(cloud_field(c, SETS, "default", "web", "status.conditions.0.reason"),
			    "FailedCreate");
	assert_non_null(
		strstr(cloud_field(c, SETS, "default", "web", "status.conditions.0.message"), "no key"));
	runner_stats(c->runner, &before);
	cloud_pass(c, 10 * 60 * 1000);
	runner_stats(c->runner, &after);
	assert_in_range(after.write_failures - before.write_failures, 5, 40);
	cloud_set(c, SETS, "default", "web", "spec.template.metadata.annotations", "{'key':'x'}");
	cloud_pass(c, 60000);
	assert_int_equal(pods_of(c).live, 50);
	assert_string_equal(cloud_condition(c, SETS, "default", "web", "ReplicaFailure"), "");
}

static void pods_that_keep_failing_are_made_ever_more_slowly_and_do_not_pile_up(void **state)
{
	struct cloud *c = *state;
	struct runner_stats stats;

	cloud_node(c, "n1");
	cloud_create(c, WEB("1"));
	for (unsigned i = 0; i < 900; i++) {
		struct pods pods = pods_of(c);

		if (pods.live)
			cloud_pod_status(c, "default", pods.one, "Failed", false);
		cloud_pass(c, 1000);
	}
	runner_stats(c->runner, &stats);
	assert_in_range(stats.pods_created, 5, 20);
	assert_in_range(cloud_count(c, "pods", "default"), 5, 14);
}

static void a_restart_changes_nothing(void **state)
{
	struct cloud *c = *state;
	uint64_t revision;

	two_nodes(c);
	cloud_create(c, WEB("7"));
	cloud_play_nodes(c, "default");
	revision = cache_revision(c->cache);
	cloud_restart(c);
	runner_link(c->runner, "n1", true, c->now_ms);
	runner_link(c->runner, "n2", true, c->now_ms);
	cloud_pass(c, 300000);
	assert_int_equal(cache_revision(c->cache), revision);
}

int main(void)
{
#define WITH_CLOUD(name) cmocka_unit_test_setup_teardown(name, cloud_setup, cloud_teardown)
	const struct CMUnitTest tests[] = {
		WITH_CLOUD(exactly_as_many_as_are_wanted_run_and_are_counted),
		WITH_CLOUD(it_is_scaled_up_and_down),
		WITH_CLOUD(a_pod_given_up_with_its_node_is_made_anew_elsewhere),
		WITH_CLOUD(strays_with_its_labels_are_adopted),
		WITH_CLOUD(its_pods_go_with_it_or_are_orphaned),
		WITH_CLOUD(what_cannot_be_made_is_said_and_tried_again_ever_more_slowly),
		WITH_CLOUD(pods_that_keep_failing_are_made_ever_more_slowly_and_do_not_pile_up),
		WITH_CLOUD(a_restart_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
