#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "control/replicaset.h"
#include "control/template.h"
#include "views.h"

#define NOW_MS 1790000000000
#define ROOM "'cpu':'4','pods':'110'"
#define SPEC(replicas, more)                                                                                 \
	"{'metadata':{'name':'r','namespace':'default','uid':'ru','generation':3},'spec':{'replicas'"        \
	":" replicas ",'selector':{'matchLabels':{'app':'r'}}," more                                         \
	"'template':{'metadata':{'labels':{'app':'r','tier':'t'}},'spec':{'containers':[{'name':'c','image'" \
	":'i'}]}}}}"

struct fixture {
	struct cluster cluster;
	struct replicaset *rs;
	struct replicaset_plan plan;
	size_t batch;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	cluster_init(&f->cluster);
	f->batch = 100;
	put_node(&f->cluster, "n1", "", "", ROOM);
	put_node(&f->cluster, "n2", "", "", ROOM);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	replicaset_plan_done(&f->plan);
	replicaset_free(f->rs);
	cluster_done(&f->cluster);
	free(f);
	return 0;
}

static void want(struct fixture *f, const char *quoted)
{
	struct json *tree = quoted_json(quoted);

	replicaset_free(f->rs);
	f->rs = NULL;
	assert_int_equal(replicaset_of(tree, &f->rs), 0);
	json_free(tree);
}

/* One pod of the set; what is left empty is as after making it. */
struct a_pod {
	const char *name, *node, *phase; /* phase "": Running */
	bool ready, deleting, stray, orphaned, exclusive;
	int64_t ready_ago_ms, made_ago_ms;
	int restarts;
	const char *cost, *labels; /* labels: "" as the template */
};

static void ago(int64_t ms, char out[CLOCK_TEXT_SIZE])
{
	clock_format(NOW_MS - ms, out);
}

static void pod(struct fixture *f, struct a_pod p)
{
	char text[4096], ready[CLOCK_TEXT_SIZE], made[CLOCK_TEXT_SIZE], more[512];

	ago(p.ready_ago_ms ? p.ready_ago_ms : 3600000, ready);
	ago(p.made_ago_ms ? p.made_ago_ms : 3600000, made);
	(void)snprintf(more, sizeof(more), ",'annotations':{'note':'x'%s%s%s%s%s}",
		       p.cost ? ",'controller.kubernetes.io/pod-deletion-cost':'" : "", p.cost ? p.cost : "",
		       p.cost ? "'" : "", p.orphaned ? ",'holdfast.io/orphaned':'true'" : "",
		       p.exclusive ? ",'holdfast.io/exclusive':'true'" : "");
	(void)snprintf(
		text, sizeof(text),
		"{'metadata':{'name':'%s','namespace':'default','uid':'u-%s','labels':{%s},'"
		"creationTimestamp':'%s'%s%s%s},"
		"'spec':{'nodeName':'%s'},'status':{'phase':'%s','containerStatuses':[{'restartCount':%d}],"
		"'conditions':[{'type':'Ready','status':'%s','lastTransitionTime':'%s'}]}}",
		p.name, p.name, p.labels ? p.labels : "'app':'r','tier':'t'", made,
		p.deleting ? ",'deletionTimestamp':'2026-09-21T14:13:20Z'" : "",
		p.stray ? ""
			: ",'ownerReferences':[{'apiVersion':'apps/"
			  "v1','kind':'ReplicaSet','name':'r','uid':'ru',"
			  "'controller':true}]",
		more, p.node ? p.node : "n1", p.phase ? p.phase : "Running", p.restarts,
		p.ready ? "True" : "False", ready);
	assert_int_equal(cluster_put_pod(&f->cluster, make_pod(text)), 0);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The steps as text in order of name: "-pod" delete, "~pod" tidy, "<pod" adopt, ">pod" release; then "+n". */
static const char *steps_of(struct fixture *f)
{
	static const char letters[] = "<>-~";
	struct replicaset_now now = { .wall_ms = NOW_MS, .batch = f->batch };
	static char text[4096];
	char *words[64];
	struct buf out;

	replicaset_plan_done(&f->plan);
	assert_int_equal(replicaset_plan(f->rs, &f->cluster, &now, &f->plan), 0);
	assert_in_range(f->plan.count, 0, 64);
	for (size_t i = 0; i < f->plan.count; i++)
		assert_true(asprintf(&words[i], "%c%s", letters[f->plan.steps[i].action],
				     f->plan.steps[i].pod->view->name) > 0);
	qsort(words, f->plan.count, sizeof(words[0]), by_text);
	buf_init(&out, sizeof(text) - 1);
	for (size_t i = 0; i < f->plan.count; i++) {
		assert_int_equal(buf_addf(&out, "%s%s", i ? " " : "", words[i]), 0);
		free(words[i]);
	}
	if (f->plan.create)
		assert_int_equal(buf_addf(&out, "%s+%zu", out.len ? " " : "", f->plan.create), 0);
	(void)snprintf(text, sizeof(text), "%s", out.len ? buf_cstr(&out) : "");
	buf_done(&out);
	return text;
}

static void as_many_as_are_wanted_are_made(void **state)
{
	struct fixture *f = *state;

	want(f, SPEC("3", ""));
	assert_string_equal(steps_of(f), "+3");
	pod(f, (struct a_pod){ .name = "a", .ready = true });
	assert_string_equal(steps_of(f), "+2");
	pod(f, (struct a_pod){ .name = "b", .node = "", .phase = "Pending" });
	pod(f, (struct a_pod){ .name = "c", .node = "n2", .labels = "'app':'r'" });
	assert_string_equal(steps_of(f), "");
	assert_int_equal(f->plan.counts.replicas, 3);
	assert_int_equal(f->plan.counts.fully_labeled, 2);
	assert_int_equal(f->plan.counts.ready, 1);
	assert_int_equal(f->plan.counts.available, 1);
	want(f, SPEC("0", ""));
	assert_string_equal(steps_of(f), "-a -b -c");
}

static void a_batch_bounds_what_is_made_at_once(void **state)
{
	struct fixture *f = *state;

	want(f, SPEC("5", ""));
	f->batch = 2;
	assert_string_equal(steps_of(f), "+2");
	assert_true(f->plan.more);
	f->batch = 5;
	assert_string_equal(steps_of(f), "+5");
	assert_false(f->plan.more);
}

/* So that a pod of a node that is given up is made anew at once. */
static void a_pod_being_deleted_or_over_does_not_count(void **state)
{
	struct fixture *f = *state;

	want(f, SPEC("2", ""));
	pod(f, (struct a_pod){ .name = "a", .ready = true, .deleting = true });
	pod(f, (struct a_pod){ .name = "b", .ready = true });
	assert_string_equal(steps_of(f), "+1");
	pod(f, (struct a_pod){ .name = "c", .phase = "Succeeded" });
	assert_string_equal(steps_of(f), "+1");
	assert_int_equal(f->plan.counts.replicas, 1);
}

/* It may run until its node has said that it does not, or has surely stopped it. */
static void an_exclusive_pod_keeps_its_place_until_it_is_gone(void **state)
{
	struct fixture *f = *state;

	want(f, SPEC("2", ""));
	pod(f, (struct a_pod){ .name = "a", .ready = true, .deleting = true, .exclusive = true });
	pod(f, (struct a_pod){ .name = "b", .ready = true, .exclusive = true });
	assert_string_equal(steps_of(f), "");
	assert_int_equal(f->plan.counts.replicas, 1);
	want(f, SPEC("3", ""));
	assert_string_equal(steps_of(f), "+1");
	want(f, SPEC("1", ""));
	assert_string_equal(steps_of(f), "");
	want(f, SPEC("2", ""));
	/* What is over runs no more. */
	pod(f, (struct a_pod){ .name = "a", .phase = "Succeeded", .deleting = true, .exclusive = true });
	assert_string_equal(steps_of(f), "+1");
	cluster_remove_pod(&f->cluster, "default", "a");
	assert_string_equal(steps_of(f), "+1");
}

static void pods_are_adopted_and_released_by_their_labels(void **state)
{
	struct fixture *f = *state;

	want(f, SPEC("2", ""));
	pod(f, (struct a_pod){ .name = "stray", .stray = true });
	pod(f, (struct a_pod){ .name = "other", .stray = true, .labels = "'app':'z'" });
	pod(f, (struct a_pod){ .name = "unknown", .stray = true, .orphaned = true });
	pod(f, (struct a_pod){ .name = "over", .stray = true, .phase = "Failed" });
	pod(f, (struct a_pod){ .name = "going", .stray = true, .deleting = true });
	assert_string_equal(steps_of(f), "<stray +1");
	pod(f, (struct a_pod){ .name = "mine", .labels = "'app':'z'" });
	assert_string_equal(steps_of(f), "<stray >mine +1");
	/* What only a node knew waits for the operator, even when it names us. */
	pod(f, (struct a_pod){ .name = "restored", .orphaned = true });
	assert_string_equal(steps_of(f), "<stray >mine +1");
}

/* One pod against another: `first` goes. */
static void expect_first(struct fixture *f, struct a_pod first, struct a_pod second)
{
	first.name = "first";
	second.name = "second";
	pod(f, first);
	pod(f, second);
	assert_string_equal(steps_of(f), "-first");
	/* And whatever their uids are. */
	cluster_remove_pod(&f->cluster, "default", "first");
	cluster_remove_pod(&f->cluster, "default", "second");
	first.name = "z";
	second.name = "a";
	pod(f, first);
	pod(f, second);
	assert_string_equal(steps_of(f), "-z");
	cluster_remove_pod(&f->cluster, "default", "a");
	cluster_remove_pod(&f->cluster, "default", "z");
}

static void the_least_worth_goes_first(void **state)
{
	struct fixture *f = *state;

	want(f, SPEC("1", ""));
	expect_first(f, (struct a_pod){ .node = "" }, (struct a_pod){ .node = "n1", .cost = "-5" });
	expect_first(f, (struct a_pod){ .phase = "Pending" },
		     (struct a_pod){ .phase = "Unknown", .cost = "-5" });
	expect_first(f, (struct a_pod){ .phase = "Unknown" }, (struct a_pod){ .cost = "-5" });
	expect_first(f, (struct a_pod){ .cost = "5" }, (struct a_pod){ .ready = true, .cost = "-5" });
	expect_first(f, (struct a_pod){ .ready = true, .cost = "-1", .ready_ago_ms = 9000000 },
		     (struct a_pod){ .ready = true });
	expect_first(f, (struct a_pod){ .ready = true }, (struct a_pod){ .ready = true, .cost = "1" });
	expect_first(f, (struct a_pod){ .ready = true, .ready_ago_ms = 60000 },
		     (struct a_pod){ .ready = true, .ready_ago_ms = 6000000, .restarts = 7 });
	expect_first(f, (struct a_pod){ .ready = true, .restarts = 2 },
		     (struct a_pod){ .ready = true, .restarts = 1, .made_ago_ms = 1000 });
	expect_first(f, (struct a_pod){ .made_ago_ms = 60000 }, (struct a_pod){ .made_ago_ms = 6000000 });
}

static void what_is_no_number_costs_nothing(void **state)
{
	struct fixture *f = *state;

	want(f, SPEC("1", ""));
	expect_first(f, (struct a_pod){ .cost = "99999999999", .restarts = 1 },
		     (struct a_pod){ .cost = "cheap" });
}

static void where_many_are_on_one_node_those_go_first(void **state)
{
	struct fixture *f = *state;

	want(f, SPEC("2", ""));
	pod(f, (struct a_pod){ .name = "a", .node = "n1", .ready = true });
	pod(f, (struct a_pod){ .name = "b", .node = "n1", .ready = true, .ready_ago_ms = 9000000 });
	pod(f, (struct a_pod){ .name = "c", .node = "n2", .ready = true, .ready_ago_ms = 1000 });
	assert_string_equal(steps_of(f), "-a");
}

static bool by_label(void *ctx, const struct pod_view *view)
{
	return view->labels.len && strcmp(view->controller.uid, "other-set") == 0;
}

/* Of an old set of one Deployment those go first that stand beside the new ones. */
static void related_pods_count_where_they_are(void **state)
{
	struct fixture *f = *state;
	struct replicaset_now now = { .wall_ms = NOW_MS, .batch = 1, .is_related = by_label };

	want(f, SPEC("1", ""));
	pod(f, (struct a_pod){ .name = "a", .node = "n1", .ready = true, .ready_ago_ms = 1000 });
	pod(f, (struct a_pod){ .name = "b", .node = "n2", .ready = true, .ready_ago_ms = 9000000 });
	assert_int_equal(cluster_put_pod(&f->cluster,
					 make_pod("{'metadata':{'name':'c','namespace':'default','uid':'u-c',"
						  "'labels':{'app':'r'},"
						  "'ownerReferences':[{'kind':'ReplicaSet','name':'q','uid':'"
						  "other-set','controller':true}]},"
						  "'spec':{'nodeName':'n2'},'status':{'phase':'Running'}}")),
			 0);
	assert_string_equal(steps_of(f), "-a");
	replicaset_plan_done(&f->plan);
	assert_int_equal(replicaset_plan(f->rs, &f->cluster, &now, &f->plan), 0);
	assert_int_equal(f->plan.count, 1);
	assert_string_equal(f->plan.steps[0].pod->view->name, "b");
}

/* Tunnel down, or not a word of its readiness. */
static void what_a_cut_off_node_said_is_not_counted_as_ready(void **state)
{
	struct fixture *f = *state;

	want(f, SPEC("2", ""));
	pod(f, (struct a_pod){ .name = "a", .node = "n1", .ready = true, .ready_ago_ms = 9000000 });
	pod(f, (struct a_pod){ .name = "b", .node = "n2", .ready = true });
	assert_int_equal(
		cluster_put_node(&f->cluster,
				 make_node("{'metadata':{'name':'n1','uid':'u'},'status':{'conditions':[{"
					   "'type':'Ready','status':'Unknown'}]}}"),
				 NULL),
		0);
	assert_string_equal(steps_of(f), "");
	assert_int_equal(f->plan.counts.replicas, 2);
	assert_int_equal(f->plan.counts.ready, 1);
	assert_int_equal(f->plan.counts.available, 1);
	want(f, SPEC("1", ""));
	assert_string_equal(steps_of(f), "-a");
}

static void a_held_node_is_left_alone(void **state)
{
	struct fixture *f = *state;

	want(f, SPEC("1", ""));
	pod(f, (struct a_pod){ .name = "a", .node = "n1" });
	pod(f, (struct a_pod){ .name = "b", .node = "n1", .labels = "'app':'z'" });
	pod(f, (struct a_pod){ .name = "s", .node = "n1", .stray = true });
	pod(f, (struct a_pod){ .name = "c", .node = "n2", .ready = true });
	assert_int_equal(cluster_hold_node(&f->cluster, "n1", true), 0);
	assert_string_equal(steps_of(f), "-c");
	want(f, SPEC("2", ""));
	assert_string_equal(steps_of(f), "");
	assert_int_equal(cluster_hold_node(&f->cluster, "n1", false), 0);
	assert_int_equal(cluster_damage_node(&f->cluster, "n1"), 0);
	assert_string_equal(steps_of(f), "");
	put_node(&f->cluster, "n1", "", "", ROOM);
	assert_string_equal(steps_of(f), "-a <s >b");
}

static void readiness_must_last_when_asked_for(void **state)
{
	struct fixture *f = *state;

	want(f, SPEC("2", "'minReadySeconds':60,"));
	pod(f, (struct a_pod){ .name = "a", .ready = true, .ready_ago_ms = 20000 });
	pod(f, (struct a_pod){ .name = "b", .ready = true, .ready_ago_ms = 90000 });
	assert_string_equal(steps_of(f), "");
	assert_int_equal(f->plan.counts.ready, 2);
	assert_int_equal(f->plan.counts.available, 1);
	assert_int_equal(f->plan.due_wall_ms, NOW_MS + 40000);
}

static void pods_that_fail_young_are_made_again_with_a_growing_wait(void **state)
{
	struct fixture *f = *state;
	char name[16];

	want(f, SPEC("1", ""));
	pod(f, (struct a_pod){ .name = "old", .phase = "Failed", .made_ago_ms = 3600000 });
	assert_string_equal(steps_of(f), "+1"); /* it had its time */
	for (int i = 0; i < 4; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		pod(f, (struct a_pod){ .name = name, .phase = "Failed", .made_ago_ms = 5000 });
	}
	/* 1, 2, 4, 8 seconds, of which five have gone by. */
	assert_string_equal(steps_of(f), "");
	assert_int_equal(f->plan.due_wall_ms, NOW_MS + 3000);
	for (int i = 0; i < 4; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		pod(f, (struct a_pod){ .name = name, .phase = "Failed", .made_ago_ms = 8000 });
	}
	assert_string_equal(steps_of(f), "+1");
}

static void of_those_that_are_over_the_newest_are_kept(void **state)
{
	struct fixture *f = *state;
	char name[16];

	want(f, SPEC("0", ""));
	for (unsigned i = 0; i < REPLICASET_OVER_KEPT + 2; i++) {
		(void)snprintf(name, sizeof(name), "p%02u", i);
		pod(f, (struct a_pod){ .name = name,
				       .phase = i % 2 ? "Failed" : "Succeeded",
				       .made_ago_ms = 1000000 * (i + 1) });
	}
	assert_string_equal(steps_of(f), "~p10 ~p11");
}

static void the_pod_is_the_template_owned(void **state)
{
	struct json *tree = quoted_json(SPEC("1", "")), *made = template_pod(tree, "apps/v1", "ReplicaSet");

	assert_non_null(made);
	assert_string_equal(json_path_str(made, "kind", ""), "Pod");
	assert_string_equal(json_path_str(made, "metadata.generateName", ""), "r-");
	assert_string_equal(json_path_str(made, "metadata.namespace", ""), "default");
	assert_string_equal(json_path_str(made, "metadata.labels.tier", ""), "t");
	assert_string_equal(json_path_str(made, "metadata.ownerReferences.0.uid", ""), "ru");
	assert_string_equal(json_path_str(made, "metadata.ownerReferences.0.kind", ""), "ReplicaSet");
	assert_true(json_path_bool(made, "metadata.ownerReferences.0.controller", false));
	assert_string_equal(json_path_str(made, "spec.containers.0.image", ""), "i");
	json_free(made);
	json_free(tree);
}

static void status_is_written_when_it_differs(void **state)
{
	struct json *tree = quoted_json(SPEC("3", ""));
	struct replicaset_counts counts = { .replicas = 3, .fully_labeled = 3, .ready = 2 };
	const struct replicaset_failure none = { NULL, "" }, failed = { "FailedCreate", "no room" };

	assert_int_equal(replicaset_write_status(tree, &counts, 3, none, NOW_MS), 1);
	assert_int_equal(replicaset_write_status(tree, &counts, 3, none, NOW_MS), 0);
	assert_int_equal(json_path_int(tree, "status.replicas", -1), 3);
	assert_int_equal(json_path_int(tree, "status.fullyLabeledReplicas", -1), 3);
	assert_int_equal(json_path_int(tree, "status.readyReplicas", -1), 2);
	assert_null(json_path(tree, "status.availableReplicas"));
	assert_int_equal(json_path_int(tree, "status.observedGeneration", -1), 3);
	counts.ready = 0;
	assert_int_equal(replicaset_write_status(tree, &counts, 3, failed, NOW_MS), 1);
	assert_int_equal(replicaset_write_status(tree, &counts, 3, failed, NOW_MS + 5000), 0);
	assert_null(json_path(tree, "status.readyReplicas"));
	assert_string_equal(json_path_str(tree, "status.conditions.0.type", ""), "ReplicaFailure");
	assert_string_equal(json_path_str(tree, "status.conditions.0.status", ""), "True");
	assert_string_equal(json_path_str(tree, "status.conditions.0.reason", ""), "FailedCreate");
	assert_string_equal(json_path_str(tree, "status.conditions.0.message", ""), "no room");
	assert_int_equal(replicaset_write_status(tree, &counts, 3, none, NOW_MS), 1);
	assert_int_equal(json_count(json_path(tree, "status.conditions")), 0);
	json_free(tree);
}

static void wrong_shapes_are_refused(void **state)
{
	static const char *const wrong[] = {
		"{}",
		"{'metadata':{'name':'r','uid':'u'},'spec':{'selector':{'matchLabels':{'a':'b'}}}}",
		"{'metadata':{'name':'r','uid':'u'},'spec':{'template':{'spec':{}}}}",
		"{'metadata':{'name':'r','uid':'u'},'spec':{'selector':{},'template':{'spec':{}}}}",
		"{'metadata':{'name':'r','uid':'u'},'spec':{'replicas':-1,'selector':{'matchLabels':{'a':'b'}"
		"},"
		"'template':{'spec':{}}}}",
		"{'metadata':{'name':'r'},'spec':{'selector':{'matchLabels':{'a':'b'}},'template':{'spec':{}}"
		"}}",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct json *tree = quoted_json(wrong[i]);
		struct replicaset *rs = NULL;

		assert_int_equal(replicaset_of(tree, &rs), -EINVAL);
		assert_null(rs);
		json_free(tree);
	}
}

/* --- anything may happen --- */

struct chaos {
	struct fixture *f;
	struct rng rng;
	unsigned names;
};

static void carry_out(struct chaos *c)
{
	char names[64][32];
	enum replicaset_action actions[64];
	size_t count = c->f->plan.count, create = c->f->plan.create;

	assert_in_range(count, 0, 64);
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%s", c->f->plan.steps[i].pod->view->name);
		actions[i] = c->f->plan.steps[i].action;
	}
	for (size_t i = 0; i < count; i++) {
		if (actions[i] == REPLICA_ADOPT)
			pod(c->f, (struct a_pod){ .name = names[i], .ready = true });
		else if (actions[i] == REPLICA_RELEASE)
			pod(c->f, (struct a_pod){ .name = names[i], .stray = true, .labels = "'app':'z'" });
		else
			cluster_remove_pod(&c->f->cluster, "default", names[i]);
	}
	for (size_t i = 0; i < create; i++) {
		(void)snprintf(names[0], sizeof(names[0]), "p%u", c->names++);
		pod(c->f, (struct a_pod){ .name = names[0], .node = "", .phase = "Pending" });
	}
}

static void disturb(struct chaos *c)
{
	static const char *const phases[] = {
		"Pending", "Running", "Running", "Running", "Failed", "Unknown"
	};
	char name[32], node[8];
	uint64_t dice = rng_next(&c->rng);

	(void)snprintf(node, sizeof(node), "n%u", (unsigned)(dice % 3) + 1);
	(void)snprintf(name, sizeof(name), "p%u", (unsigned)rng_below(&c->rng, c->names + 1));
	if (dice >> 8 & 1) {
		cluster_remove_pod(&c->f->cluster, "default", name);
		return;
	}
	pod(c->f, (struct a_pod){ .name = name,
				  .node = node,
				  .phase = phases[rng_below(&c->rng, 6)],
				  .ready = dice >> 9 & 1,
				  .deleting = (dice >> 10 & 7) == 0,
				  .stray = (dice >> 13 & 3) == 0,
				  .labels = (dice >> 15 & 3) == 0 ? "'app':'z'" : NULL,
				  .restarts = (int)(dice >> 17 & 3),
				  .made_ago_ms = (int64_t)rng_below(&c->rng, 1u << 30) + 1000000,
				  .ready_ago_ms = (int64_t)rng_below(&c->rng, 1u << 30) + 1 });
}

static int64_t live(struct fixture *f)
{
	struct list *owned = cluster_owned(&f->cluster, "ru");
	int64_t count = 0;

	if (!owned)
		return 0;
	list_for_each(owned, at) {
		const struct pod_view *view = container_of(at, struct cluster_pod, in_owner)->view;

		count += !view->deleting && !pod_is_over(view) && strstr(view->labels.ptr + 4, "r") != NULL;
	}
	return count;
}

static void any_disorder_ends_in_as_many_as_are_wanted(void **state)
{
	static const char *const wants[] = { SPEC("0", ""), SPEC("1", ""), SPEC("4", ""), SPEC("9", "") };
	static const int64_t numbers[] = { 0, 1, 4, 9 };
	struct chaos c = { .f = *state };
	const uint64_t seed = 4711;

	printf("seed %llu\n", (unsigned long long)seed);
	rng_seed(&c.rng, seed);
	for (unsigned round = 0; round < 500; round++) {
		size_t which = rng_below(&c.rng, 4);

		want(c.f, wants[which]);
		for (unsigned i = 0; i < 12; i++)
			disturb(&c);
		c.f->batch = 1;
		for (unsigned i = 0; i < 40; i++) {
			int64_t before = live(c.f), after;

			if (!*steps_of(c.f))
				break;
			carry_out(&c);
			after = live(c.f);
			/* Never past the mark: what is made does not exceed, what is shed does not undercut. */
			if (before <= numbers[which])
				assert_true(after <= numbers[which] || c.f->plan.count);
			else
				assert_true(after >= numbers[which]);
			c.f->batch *= 2;
		}
		assert_string_equal(steps_of(c.f), "");
		assert_int_equal(c.f->plan.counts.replicas, numbers[which]);
		assert_int_equal(live(c.f), numbers[which]);
	}
}

int main(void)
{
#define WITH(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH(as_many_as_are_wanted_are_made),
		WITH(a_batch_bounds_what_is_made_at_once),
		WITH(a_pod_being_deleted_or_over_does_not_count),
		WITH(an_exclusive_pod_keeps_its_place_until_it_is_gone),
		WITH(pods_are_adopted_and_released_by_their_labels),
		WITH(the_least_worth_goes_first),
		WITH(what_is_no_number_costs_nothing),
		WITH(where_many_are_on_one_node_those_go_first),
		WITH(related_pods_count_where_they_are),
		WITH(what_a_cut_off_node_said_is_not_counted_as_ready),
		WITH(a_held_node_is_left_alone),
		WITH(readiness_must_last_when_asked_for),
		WITH(pods_that_fail_young_are_made_again_with_a_growing_wait),
		WITH(of_those_that_are_over_the_newest_are_kept),
		cmocka_unit_test(the_pod_is_the_template_owned),
		cmocka_unit_test(status_is_written_when_it_differs),
		cmocka_unit_test(wrong_shapes_are_refused),
		WITH(any_disorder_ends_in_as_many_as_are_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
