#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runner_fixture.h"

#define DEPLOYS "deployments.apps"
#define SETS "replicasets.apps"
#define WEB(more, image)                                                                               \
	"{'apiVersion':'apps/v1','kind':'Deployment','metadata':{'name':'web','namespace':'default'}," \
	"'spec':{'replicas':4," more                                                                   \
	"'selector':{'matchLabels':{'app':'web'}},'template':{'metadata':{'labels':{"                  \
	"'app':'web'}},'spec':{'containers':[{'name':'c','image':'" image "'}]}}}}"
#define IMAGE "spec.template.spec.containers"
#define OF(image) "[{'name':'c','image':'" image "'}]"

/* --- what there is --- */

struct pods {
	size_t live, ready, all;
	size_t of[4]; /* live, of image i:1 ... i:4 */
};

static void count_pod(void *ctx, const struct json *tree)
{
	struct pods *pods = ctx;
	const char *image = json_path_str(tree, "spec.containers.0.image", "i:1");
	const struct json *conditions = json_path(tree, "status.conditions");

	pods->all++;
	if (json_path(tree, "metadata.deletionTimestamp"))
		return;
	pods->live++;
	pods->of[(image[2] - '1') & 3]++;
	for (size_t i = 0; i < json_count(conditions); i++)
		if (strcmp(json_path_str(json_at(conditions, i), "type", ""), "Ready") == 0)
			pods->ready +=
				strcmp(json_path_str(json_at(conditions, i), "status", ""), "True") == 0;
}

static struct pods pods_of(struct cloud *c)
{
	struct pods pods = { 0 };

	cloud_each(c, "pods", "default", count_pod, &pods);
	return pods;
}

struct sets {
	size_t count, with_pods;
	char names[16][128];
	char revisions[16][16];
};

static void count_set(void *ctx, const struct json *tree)
{
	struct sets *sets = ctx;

	(void)snprintf(sets->names[sets->count & 15], 128, "%s", json_path_str(tree, "metadata.name", ""));
	(void)snprintf(sets->revisions[sets->count & 15], 16, "%s",
		       json_str(json_get(json_path(tree, "metadata.annotations"),
					 "deployment.kubernetes.io/revision"),
				""));
	sets->count++;
	sets->with_pods += json_path_int(tree, "spec.replicas", 0) > 0;
}

static struct sets sets_of(struct cloud *c)
{
	struct sets sets = { 0 };

	cloud_each(c, SETS, "default", count_set, &sets);
	return sets;
}

static const char *field(struct cloud *c, const char *path)
{
	return cloud_field(c, DEPLOYS, "default", "web", path);
}

static void revision_into(void *ctx, const struct json *tree)
{
	(void)snprintf(ctx, 16, "%s",
		       json_str(json_get(json_path(tree, "metadata.annotations"),
					 "deployment.kubernetes.io/revision"),
				""));
}

static const char *revision(struct cloud *c)
{
	static char text[16];

	text[0] = '\0';
	cloud_each(c, DEPLOYS, "default", revision_into, text);
	return text;
}

struct wanted_reason {
	const char *type;
	char reason[64];
};

static void reason_into(void *ctx, const struct json *tree)
{
	struct wanted_reason *wanted = ctx;
	const struct json *list = json_path(tree, "status.conditions");

	for (size_t i = 0; i < json_count(list); i++)
		if (strcmp(json_path_str(json_at(list, i), "type", ""), wanted->type) == 0)
			(void)snprintf(wanted->reason, sizeof(wanted->reason), "%s",
				       json_path_str(json_at(list, i), "reason", ""));
}

static const char *progress(struct cloud *c)
{
	static struct wanted_reason wanted;

	wanted = (struct wanted_reason){ .type = "Progressing" };
	cloud_each(c, DEPLOYS, "default", reason_into, &wanted);
	return wanted.reason;
}

static void nodes(struct cloud *c)
{
	cloud_node(c, "n1");
	cloud_node(c, "n2");
}

/* Nodes do their part until nothing moves; at each stop between, `most` bounds the pods that live and `least` those ready. */
static void play(struct cloud *c, size_t least, size_t most)
{
	for (unsigned i = 0; i < 60; i++) {
		uint64_t revision_before = cache_revision(c->cache);
		struct pods pods;

		cloud_play_nodes(c, "default");
		pods = pods_of(c);
		assert_in_range(pods.live, 0, most);
		assert_true(pods.ready >= least);
		if (cache_revision(c->cache) == revision_before)
			return;
	}
	fail_msg("it does not come to rest");
}

/* --- tests --- */

static void it_makes_a_set_that_makes_the_pods(void **state)
{
	struct cloud *c = *state;
	struct sets sets;

	nodes(c);
	cloud_create(c, WEB("", "i:1"));
	sets = sets_of(c);
	assert_int_equal(sets.count, 1);
	assert_int_equal(strncmp(sets.names[0], "web-", 4), 0);
	assert_string_equal(cloud_field(c, SETS, "default", sets.names[0],
					"metadata.labels.pod-template-hash"),
			    sets.names[0] + 4);
	assert_string_equal(cloud_field(c, SETS, "default", sets.names[0],
					"spec.selector.matchLabels.pod-template-hash"),
			    sets.names[0] + 4);
	assert_string_equal(progress(c), "ReplicaSetUpdated");
	assert_string_equal(cloud_condition(c, DEPLOYS, "default", "web", "Available"), "False");
	play(c, 0, 4);
	assert_int_equal(pods_of(c).ready, 4);
	assert_string_equal(field(c, "status.replicas"), "4");
	assert_string_equal(field(c, "status.updatedReplicas"), "4");
	assert_string_equal(field(c, "status.readyReplicas"), "4");
	assert_string_equal(field(c, "status.availableReplicas"), "4");
	assert_string_equal(field(c, "status.unavailableReplicas"), "");
	assert_string_equal(field(c, "status.observedGeneration"), "1");
	assert_string_equal(progress(c), "NewReplicaSetAvailable");
	assert_string_equal(cloud_condition(c, DEPLOYS, "default", "web", "Available"), "True");
	assert_string_equal(revision(c), "1");
	assert_string_equal(sets_of(c).revisions[0], "1");
}

static void a_new_template_rolls_out_within_its_bounds(void **state)
{
	struct cloud *c = *state;

	nodes(c);
	cloud_create(c, WEB("'strategy':{'rollingUpdate':{'maxSurge':1,'maxUnavailable':1}},", "i:1"));
	play(c, 0, 4);
	cloud_set(c, DEPLOYS, "default", "web", IMAGE, OF("i:2"));
	assert_in_range(pods_of(c).of[1], 1, 2);
	play(c, 3, 5);
	assert_int_equal(pods_of(c).of[1], 4);
	assert_int_equal(pods_of(c).all, 4);
	assert_int_equal(sets_of(c).count, 2);
	assert_int_equal(sets_of(c).with_pods, 1);
	assert_string_equal(progress(c), "NewReplicaSetAvailable");
	assert_string_equal(revision(c), "2");
	/* Without any loss, one more at a time. */
	cloud_set(c, DEPLOYS, "default", "web", "spec.strategy.rollingUpdate",
		  "{'maxSurge':1,'maxUnavailable':0}");
	cloud_set(c, DEPLOYS, "default", "web", IMAGE, OF("i:3"));
	play(c, 4, 5);
	assert_int_equal(pods_of(c).of[2], 4);
	/* And without any more, with one less. */
	cloud_set(c, DEPLOYS, "default", "web", "spec.strategy.rollingUpdate",
		  "{'maxSurge':0,'maxUnavailable':1}");
	cloud_set(c, DEPLOYS, "default", "web", IMAGE, OF("i:4"));
	play(c, 3, 4);
	assert_int_equal(pods_of(c).of[3], 4);
}

static void a_template_that_comes_back_uses_its_old_set(void **state)
{
	struct cloud *c = *state;
	struct sets sets;

	nodes(c);
	cloud_create(c, WEB("", "i:1"));
	play(c, 0, 5);
	cloud_set(c, DEPLOYS, "default", "web", IMAGE, OF("i:2"));
	play(c, 3, 5);
	cloud_set(c, DEPLOYS, "default", "web", IMAGE, OF("i:1"));
	play(c, 3, 5);
	assert_int_equal(pods_of(c).of[0], 4);
	sets = sets_of(c);
	assert_int_equal(sets.count, 2);
	assert_string_equal(revision(c), "3");
	for (size_t i = 0; i < 2; i++) {
		struct json *tree = cloud_get(c, SETS, "default", sets.names[i]);
		const struct json *notes = json_path(tree, "metadata.annotations");

		if (strcmp(sets.revisions[i], "3") == 0)
			assert_string_equal(
				json_str(json_get(notes, "deployment.kubernetes.io/revision-history"), ""),
				"1");
		else
			assert_string_equal(sets.revisions[i], "2");
		json_free(tree);
	}
}

static void a_change_in_the_middle_of_a_change_goes_on_from_there(void **state)
{
	struct cloud *c = *state;

	nodes(c);
	cloud_create(c, WEB("", "i:1"));
	play(c, 0, 4);
	cloud_set(c, DEPLOYS, "default", "web", IMAGE, OF("i:2")); /* its pods are not ready yet */
	cloud_set(c, DEPLOYS, "default", "web", IMAGE, OF("i:3"));
	play(c, 3, 5);
	assert_int_equal(pods_of(c).of[2], 4);
	assert_int_equal(pods_of(c).all, 4);
	assert_int_equal(sets_of(c).count, 3);
}

static void recreate_has_all_old_ones_gone_first(void **state)
{
	struct cloud *c = *state;
	struct pods pods;

	nodes(c);
	cloud_create(c, WEB("'strategy':{'type':'Recreate'},", "i:1"));
	play(c, 0, 4);
	cloud_set(c, DEPLOYS, "default", "web", IMAGE, OF("i:2"));
	pods = pods_of(c);
	assert_int_equal(pods.live, 0);
	assert_int_equal(pods.all, 4); /* on their way out */
	assert_int_equal(sets_of(c).count, 1);
	play(c, 0, 4);
	assert_int_equal(pods_of(c).of[1], 4);
	assert_string_equal(progress(c), "NewReplicaSetAvailable");
}

static void it_is_scaled_also_in_the_middle_of_a_change(void **state)
{
	struct cloud *c = *state;

	nodes(c);
	cloud_create(c, WEB("'strategy':{'rollingUpdate':{'maxSurge':1,'maxUnavailable':1}},", "i:1"));
	play(c, 0, 4);
	cloud_set(c, DEPLOYS, "default", "web", "spec.replicas", "8");
	play(c, 4, 8);
	assert_int_equal(pods_of(c).ready, 8);
	assert_int_equal(sets_of(c).count, 1);
	cloud_set(c, DEPLOYS, "default", "web", IMAGE, OF("i:2"));
	cloud_set(c, DEPLOYS, "default", "web", "spec.replicas", "16");
	play(c, 7, 17);
	assert_int_equal(pods_of(c).of[1], 16);
	assert_int_equal(pods_of(c).all, 16);
	cloud_set(c, DEPLOYS, "default", "web", "spec.replicas", "0");
	play(c, 0, 17);
	assert_int_equal(pods_of(c).all, 0);
	assert_string_equal(field(c, "status.replicas"), "");
}

static void while_paused_it_only_scales(void **state)
{
	struct cloud *c = *state;

	nodes(c);
	cloud_create(c, WEB("", "i:1"));
	play(c, 0, 4);
	cloud_set(c, DEPLOYS, "default", "web", "spec.paused", "true");
	assert_string_equal(progress(c), "DeploymentPaused");
	cloud_set(c, DEPLOYS, "default", "web", IMAGE, OF("i:2"));
	cloud_set(c, DEPLOYS, "default", "web", "spec.replicas", "6");
	play(c, 4, 6);
	assert_int_equal(pods_of(c).of[0], 6);
	assert_int_equal(sets_of(c).count, 1);
	cloud_set(c, DEPLOYS, "default", "web", "spec.paused", "false");
	play(c, 4, 8);
	assert_int_equal(pods_of(c).of[1], 6);
	assert_string_equal(progress(c), "NewReplicaSetAvailable");
}

static void a_rollout_that_gets_nowhere_is_called_so_and_may_be_undone(void **state)
{
	struct cloud *c = *state;

	nodes(c);
	cloud_create(c, WEB("'progressDeadlineSeconds':60,", "i:1"));
	play(c, 0, 4);
	cloud_pass(c, 3600000); /* what was complete is not late, however long ago */
	assert_string_equal(progress(c), "NewReplicaSetAvailable");
	cloud_set(c, DEPLOYS, "default", "web", IMAGE, OF("i:2")); /* whose pods never get ready */
	cloud_pass(c, 30000);
	assert_string_not_equal(progress(c), "ProgressDeadlineExceeded");
	cloud_pass(c, 60000);
	assert_string_equal(progress(c), "ProgressDeadlineExceeded");
	assert_string_equal(cloud_condition(c, DEPLOYS, "default", "web", "Progressing"), "False");
	assert_string_equal(cloud_condition(c, DEPLOYS, "default", "web", "Available"), "True");
	assert_int_equal(pods_of(c).ready, 3);
	cloud_set(c, DEPLOYS, "default", "web", IMAGE, OF("i:1"));
	play(c, 3, 5);
	assert_int_equal(pods_of(c).of[0], 4);
	assert_string_equal(progress(c), "NewReplicaSetAvailable");
}

static void old_sets_beyond_the_history_go(void **state)
{
	struct cloud *c = *state;
	struct sets sets;

	nodes(c);
	cloud_create(c, WEB("'revisionHistoryLimit':1,", "i:1"));
	play(c, 0, 4);
	cloud_set(c, DEPLOYS, "default", "web", IMAGE, OF("i:2"));
	play(c, 3, 5);
	cloud_set(c, DEPLOYS, "default", "web", IMAGE, OF("i:3"));
	play(c, 3, 5);
	sets = sets_of(c);
	assert_int_equal(sets.count, 2);
	for (size_t i = 0; i < 2; i++)
		assert_string_not_equal(sets.revisions[i], "1");
}

static void its_sets_go_with_it_or_are_orphaned_and_adopted(void **state)
{
	struct cloud *c = *state;

	nodes(c);
	cloud_create(c, WEB("", "i:1"));
	play(c, 0, 4);
	cloud_delete(c, DEPLOYS, "default", "web", API_ORPHAN);
	cloud_pass(c, 10000);
	assert_false(cloud_has(c, DEPLOYS, "default", "web"));
	assert_int_equal(sets_of(c).count, 1);
	assert_int_equal(pods_of(c).ready, 4);
	cloud_create(c, WEB("", "i:1"));
	play(c, 4, 4);
	assert_int_equal(sets_of(c).count, 1);
	assert_string_equal(cloud_field(c, SETS, "default", sets_of(c).names[0],
					"metadata.ownerReferences.0.kind"),
			    "Deployment");
	assert_string_equal(progress(c), "NewReplicaSetAvailable");
	cloud_delete(c, DEPLOYS, "default", "web", API_BACKGROUND);
	play(c, 0, 4);
	assert_int_equal(sets_of(c).count, 0);
	assert_int_equal(pods_of(c).all, 0);
}

/* Somebody else's set has the name. */
static void a_name_that_is_taken_is_changed(void **state)
{
	struct cloud *c = *state;
	char name[128], text[1024];

	nodes(c);
	cloud_create(c, WEB("", "i:1"));
	(void)snprintf(name, sizeof(name), "%s", sets_of(c).names[0]);
	cloud_delete(c, DEPLOYS, "default", "web", API_BACKGROUND);
	cloud_play_nodes(c, "default");
	assert_int_equal(sets_of(c).count, 0);
	(void)snprintf(
		text, sizeof(text),
		"{'apiVersion':'apps/v1','kind':'ReplicaSet','metadata':{'name':'%s','namespace':'default'},"
		"'spec':{'replicas':0,'selector':{'matchLabels':{'app':'other'}},'template':{'metadata':{'"
		"labels':{"
		"'app':'other'}},'spec':{'containers':[{'name':'c','image':'i'}]}}}}",
		name);
	cloud_create(c, text);
	cloud_create(c, WEB("", "i:1"));
	cloud_pass(c, 5000);
	play(c, 0, 4);
	assert_int_equal(pods_of(c).ready, 4);
	assert_int_equal(sets_of(c).count, 2);
	assert_string_equal(field(c, "status.collisionCount"), "1");
}

static void annotations_and_readiness_are_handed_down(void **state)
{
	struct cloud *c = *state;
	struct json *tree;

	nodes(c);
	cloud_create(c, WEB("", "i:1"));
	play(c, 0, 4);
	cloud_set(c, DEPLOYS, "default", "web", "metadata.annotations",
		  "{'deployment.kubernetes.io/revision':'1','kubernetes.io/change-cause':'because',"
		  "'kubectl.kubernetes.io/last-applied-configuration':'{}'}");
	cloud_set(c, DEPLOYS, "default", "web", "spec.minReadySeconds", "9");
	tree = cloud_get(c, SETS, "default", sets_of(c).names[0]);
	assert_string_equal(
		json_str(json_get(json_path(tree, "metadata.annotations"), "kubernetes.io/change-cause"), ""),
		"because");
	assert_null(json_get(json_path(tree, "metadata.annotations"),
			     "kubectl.kubernetes.io/last-applied-configuration"));
	assert_int_equal(json_path_int(tree, "spec.minReadySeconds", 0), 9);
	json_free(tree);
	assert_int_equal(sets_of(c).count, 1);
}

static void a_restart_changes_nothing(void **state)
{
	struct cloud *c = *state;
	uint64_t before;

	nodes(c);
	cloud_create(c, WEB("", "i:1"));
	play(c, 0, 4);
	before = cache_revision(c->cache);
	cloud_restart(c);
	runner_link(c->runner, "n1", true, c->now_ms);
	runner_link(c->runner, "n2", true, c->now_ms);
	cloud_pass(c, 900000);
	assert_int_equal(cache_revision(c->cache), before);
}

int main(void)
{
#define WITH_CLOUD(name) cmocka_unit_test_setup_teardown(name, cloud_setup, cloud_teardown)
	const struct CMUnitTest tests[] = {
		WITH_CLOUD(it_makes_a_set_that_makes_the_pods),
		WITH_CLOUD(a_new_template_rolls_out_within_its_bounds),
		WITH_CLOUD(a_template_that_comes_back_uses_its_old_set),
		WITH_CLOUD(a_change_in_the_middle_of_a_change_goes_on_from_there),
		WITH_CLOUD(recreate_has_all_old_ones_gone_first),
		WITH_CLOUD(it_is_scaled_also_in_the_middle_of_a_change),
		WITH_CLOUD(while_paused_it_only_scales),
		WITH_CLOUD(a_rollout_that_gets_nowhere_is_called_so_and_may_be_undone),
		WITH_CLOUD(old_sets_beyond_the_history_go),
		WITH_CLOUD(its_sets_go_with_it_or_are_orphaned_and_adopted),
		WITH_CLOUD(a_name_that_is_taken_is_changed),
		WITH_CLOUD(annotations_and_readiness_are_handed_down),
		WITH_CLOUD(a_restart_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
