/* Pods, nodes, DaemonSets, ReplicaSets and Deployments of any shape into the controllers' views, and plans made of them. */
#include "control/daemonset.h"
#include "control/deployment.h"
#include "control/eviction.h"
#include "control/nodelife.h"
#include "control/replicaset.h"
#include "control/revision.h"
#include "control/schedule.h"
#include "control/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void schedule(struct cluster *cluster, const struct pod_view *pod)
{
	struct buf message;

	buf_init(&message, SCHEDULE_MESSAGE_MAX);
	if (pod->has_placement && !schedule_pick(cluster, pod, &message))
		assert_always(message.len > 0);
	buf_done(&message);
}

static void as_pod_and_node(struct cluster *cluster, const struct json *tree)
{
	struct pod_view *pod = NULL;
	struct node_view *node = NULL;

	if (!node_view_of(tree, &node))
		assert_always(cluster_put_node(cluster, node, NULL) == 0);
	if (pod_view_of(tree, &pod))
		return;
	schedule(cluster, pod);
	assert_always(cluster_put_pod(cluster, pod) == 0);
}

static void as_daemonset(const struct cluster *cluster, const struct json *tree)
{
	struct daemonset_now now = { .wall_ms = 1790000000000, .hash = "h" };
	struct daemonset_plan plan;
	struct daemonset *ds = NULL;

	if (daemonset_of(tree, &ds))
		return;
	if (!daemonset_plan(ds, cluster, &now, &plan)) {
		for (size_t i = 0; i < plan.count; i++)
			if (plan.steps[i].action == DAEMON_CREATE)
				json_free(daemonset_pod(tree, plan.steps[i].node, "h", 1));
		daemonset_plan_done(&plan);
	}
	daemonset_free(ds);
}

/* What was written once needs nothing more, and never more are made or shed than are wanted or there. */
static void as_replicaset(const struct cluster *cluster, struct json *tree)
{
	const struct replicaset_now now = { .wall_ms = 1790000000000, .batch = 4 };
	const struct replicaset_failure failure = { "FailedCreate", "no room" };
	struct replicaset_plan plan;
	struct replicaset *rs = NULL;

	if (replicaset_of(tree, &rs))
		return;
	if (!replicaset_plan(rs, cluster, &now, &plan)) {
		assert_always(plan.create <= 4 && plan.create <= (size_t)rs->replicas);
		assert_always(!plan.create || plan.counts.replicas < rs->replicas);
		if (replicaset_write_status(tree, &plan.counts, rs->generation, failure, now.wall_ms) >= 0)
			assert_always(replicaset_write_status(tree, &plan.counts, rs->generation, failure,
							      now.wall_ms + 1) == 0);
		replicaset_plan_done(&plan);
	}
	json_free(template_pod(tree, REPLICASET_API_VERSION, REPLICASET_KIND));
	replicaset_free(rs);
}

/* As its own set too: then none has to be made. */
static void as_deployment(const struct json *tree)
{
	const struct deployment_now now = { .wall_ms = 1790000000000 };
	struct deployment_set sets[2] = { { .tree = json_copy(tree) }, { .tree = json_copy(tree) } };
	struct json *own = json_copy(tree);
	struct deployment_plan plan;
	struct deployment *d = NULL;

	for (size_t count = 0; count <= 2 && own && sets[0].tree && sets[1].tree; count++) {
		if (deployment_of(own, &d))
			break;
		if (!deployment_plan(d, own, sets, count, &now, &plan)) {
			assert_always(!plan.create || !count);
			deployment_plan_done(&plan);
		}
		deployment_free(d);
		d = NULL;
	}
	json_free(sets[0].tree);
	json_free(sets[1].tree);
	json_free(own);
}

static void as_history(const struct json *tree)
{
	const struct revision stored = { tree, false };
	struct revision_plan plan;

	if (!revision_plan(tree, &stored, 1, &plan))
		revision_plan_done(&plan);
}

/* What was put right once needs nothing more. */
static void as_node_to_judge(struct json *tree)
{
	for (unsigned word = NODELIFE_SILENT; word <= NODELIFE_DEAD; word++) {
		const struct nodelife_decision down = nodelife_decide((struct nodelife_evidence){
			.link = NODELIFE_LINK_DOWN, .electorate = word, .since_ms = UINT64_MAX / 2 });
		int64_t after_s, since_wall_ms;

		if (nodelife_apply_status(tree, &down, 1790000000000) >= 0)
			assert_always(nodelife_apply_status(tree, &down, 1790000000000) == 0);
		if (nodelife_apply_taints(tree, &down, 1790000000000) >= 0)
			assert_always(nodelife_apply_taints(tree, &down, 1790000000000) == 0);
		if (nodelife_no_execute(tree, &since_wall_ms))
			(void)eviction_after(tree, TAINT_UNREACHABLE, 30, &after_s);
	}
	(void)eviction_is_exclusive(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cluster cluster;
	struct json *tree = NULL;

	if (json_parse(span_make(data, size), &tree, NULL))
		return 0;
	cluster_init(&cluster);
	as_pod_and_node(&cluster, tree);
	as_daemonset(&cluster, tree);
	as_replicaset(&cluster, tree);
	as_deployment(tree);
	as_history(tree);
	as_node_to_judge(tree);
	cluster_done(&cluster);
	json_free(tree);
	return 0;
}
