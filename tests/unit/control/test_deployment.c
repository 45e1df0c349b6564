#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "control/deployment.h"
#include "views.h"

#define NOW_MS 1790000000000
#define SETS 12

/* A Deployment, its sets, and what its sets' controller and nodes would do, each when the test lets them. */
struct truth {
	int64_t pods, available; /* of a set, as it is */
};
struct world {
	struct json *tree;
	struct deployment *d;
	struct deployment_set sets[SETS];
	struct truth truth[SETS];
	size_t count;
	unsigned made, templates;
	struct rng rng;
	bool flaky; /* pods may also get unavailable by themselves */
};

static void world_init(struct world *w, const char *strategy, int replicas)
{
	char text[1024];

	*w = (struct world){ .count = 0 };
	(void)snprintf(text, sizeof(text),
		       "{'metadata':{'name':'d','namespace':'default','uid':'du','generation':1},'spec':{'"
		       "replicas':%d,"
		       "'progressDeadlineSeconds':600,'revisionHistoryLimit':2,'strategy':{%s},"
		       "'selector':{'matchLabels':{'app':'d'}},'template':{'metadata':{'labels':{'app':'d'}},"
		       "'spec':{'containers':[{'name':'c','image':'i0'}]}}}}",
		       replicas, strategy);
	w->tree = quoted_json(text);
}

static void world_done(struct world *w)
{
	for (size_t i = 0; i < w->count; i++)
		json_free(w->sets[i].tree);
	deployment_free(w->d);
	json_free(w->tree);
}

static void set_int(struct json *tree, const char *path, const char *key, int64_t value)
{
	assert_int_equal(json_set_int(json_ensure(tree, path), key, value), 0);
}

static void new_template(struct world *w)
{
	char image[24];

	(void)snprintf(image, sizeof(image), "i%u", ++w->templates);
	assert_int_equal(json_set_str(json_path(w->tree, "spec.template.spec.containers.0"), "image", image),
			 0);
}

static void decode(struct world *w)
{
	deployment_free(w->d);
	w->d = NULL;
	assert_int_equal(deployment_of(w->tree, &w->d), 0);
}

static void add_set(struct world *w, struct json *tree)
{
	char text[CLOCK_TEXT_SIZE];

	assert_true(w->count < SETS);
	clock_format(NOW_MS + 1000LL * w->made++, text);
	assert_int_equal(json_set_str(json_get(tree, "metadata"), "creationTimestamp", text), 0);
	set_int(tree, "metadata", "generation", 1);
	w->truth[w->count] = (struct truth){ 0, 0 };
	w->sets[w->count++] = (struct deployment_set){ .tree = tree };
}

static void drop_set(struct world *w, size_t i)
{
	json_free(w->sets[i].tree);
	w->count--;
	w->sets[i] = w->sets[w->count];
	w->truth[i] = w->truth[w->count];
}

/* One look; what it decides is done. Returns whether anything was. */
static bool look(struct world *w, int64_t wall_ms, struct deployment_plan *kept)
{
	const struct deployment_now now = { .wall_ms = wall_ms };
	struct deployment_plan plan;
	bool moved;

	decode(w);
	for (size_t i = 0; i < w->count; i++)
		w->sets[i].running = w->truth[i].pods > 0;
	assert_int_equal(deployment_plan(w->d, w->tree, w->sets, w->count, &now, &plan), 0);
	moved = plan.create || plan.changed;
	for (size_t i = w->count; i-- > 0;) {
		moved = moved || w->sets[i].changed || w->sets[i].remove;
		if (w->sets[i].changed)
			set_int(w->sets[i].tree, "metadata", "generation",
				json_path_int(w->sets[i].tree, "metadata.generation", 0) + 1);
		if (w->sets[i].remove) {
			assert_int_equal(w->truth[i].pods, 0);
			drop_set(w, i);
		}
	}
	if (plan.create) {
		add_set(w, plan.create);
		plan.create = NULL;
	}
	if (kept)
		*kept = plan;
	deployment_plan_done(&plan);
	return moved;
}

static int64_t wanted(const struct world *w, size_t i)
{
	return json_path_int(w->sets[i].tree, "spec.replicas", -1);
}

/* The controller of the set makes its pods as many as asked for, those that do not work going first. */
static void settle_pods(struct world *w, size_t i)
{
	struct truth *t = &w->truth[i];

	t->pods = wanted(w, i);
	if (t->available > t->pods)
		t->available = t->pods;
}

static void tell_status(struct world *w, size_t i)
{
	set_int(w->sets[i].tree, "status", "observedGeneration",
		json_path_int(w->sets[i].tree, "metadata.generation", 0));
	set_int(w->sets[i].tree, "status", "replicas", w->truth[i].pods);
	set_int(w->sets[i].tree, "status", "readyReplicas", w->truth[i].available);
	set_int(w->sets[i].tree, "status", "availableReplicas", w->truth[i].available);
}

static int64_t available(const struct world *w)
{
	int64_t sum = 0;

	for (size_t i = 0; i < w->count; i++)
		sum += w->truth[i].available;
	return sum;
}

static int64_t all_wanted(const struct world *w)
{
	int64_t sum = 0;

	for (size_t i = 0; i < w->count; i++)
		sum += wanted(w, i);
	return sum;
}

/* Everything gets done until nothing moves. */
static void run_to_rest(struct world *w)
{
	unsigned quiet = 0; /* looks that moved nothing: the first may have been without the latest news */

	for (unsigned i = 0; i < 200; i++) {
		quiet = look(w, NOW_MS, NULL) ? 0 : quiet + 1;

		for (size_t k = 0; k < w->count; k++) {
			settle_pods(w, k);
			w->truth[k].available = w->truth[k].pods;
			tell_status(w, k);
		}
		if (quiet == 2)
			return;
	}
	fail_msg("it does not come to rest");
}

static void expect_at_rest(struct world *w, int64_t replicas)
{
	size_t with_pods = 0;

	for (size_t i = 0; i < w->count; i++) {
		with_pods += w->truth[i].pods > 0;
		if (w->truth[i].pods)
			assert_string_equal(json_path_str(w->sets[i].tree,
							  "spec.template.spec.containers.0.image", ""),
					    json_path_str(w->tree, "spec.template.spec.containers.0.image",
							  "-"));
	}
	assert_int_equal(all_wanted(w), replicas);
	assert_int_equal(with_pods, replicas > 0);
	assert_int_equal(json_path_int(w->tree, "status.availableReplicas", 0), replicas);
}

/* --- single decisions --- */

static void the_shares_are_rounded_in_favour_of_what_runs(void **state)
{
	struct world w;

	world_init(&w, "'type':'RollingUpdate','rollingUpdate':{'maxSurge':'25%','maxUnavailable':'25%'}",
		   10);
	run_to_rest(&w);
	expect_at_rest(&w, 10);
	new_template(&w);
	/* 2.5 more: 3; 2.5 fewer: 2. */
	look(&w, NOW_MS, NULL);
	assert_int_equal(all_wanted(&w), 13);
	look(&w, NOW_MS, NULL);
	assert_int_equal(all_wanted(&w), 11);
	assert_int_equal(wanted(&w, 0), 8);
	world_done(&w);
}

static void what_grows_in_the_middle_grows_in_proportion(void **state)
{
	struct world w;
	int64_t first, second;

	world_init(&w, "'type':'RollingUpdate','rollingUpdate':{'maxSurge':3,'maxUnavailable':2}", 10);
	run_to_rest(&w);
	new_template(&w);
	look(&w, NOW_MS, NULL);
	look(&w, NOW_MS, NULL); /* 8 old, 3 new */
	for (size_t i = 0; i < w.count; i++) {
		settle_pods(&w, i);
		tell_status(&w, i);
	}
	set_int(w.tree, "spec", "replicas", 20);
	look(&w, NOW_MS, NULL);
	/* Upstream's arithmetic: 23 allowed, 12 to add; 8 * 23/13 = 14.2, 3 * 23/13 = 5.3; the rest of 4 to the largest. */
	first = wanted(&w, 0);
	second = wanted(&w, 1);
	assert_int_equal(first + second, 23);
	assert_int_equal(second, 5);
	world_done(&w);
}

static void the_deadline_is_looked_at_when_it_comes(void **state)
{
	struct deployment_plan plan;
	struct world w;
	int64_t due;

	world_init(&w, "'type':'RollingUpdate','rollingUpdate':{'maxSurge':1,'maxUnavailable':0}", 2);
	look(&w, NOW_MS, NULL);
	look(&w, NOW_MS, &plan);
	due = plan.due_wall_ms;
	assert_in_range(due, NOW_MS + 600000, NOW_MS + 602000);
	look(&w, due, &plan);
	assert_int_equal(plan.due_wall_ms, 0);
	assert_string_equal(json_path_str(w.tree, "status.conditions.0.reason", ""),
			    "MinimumReplicasUnavailable");
	assert_string_equal(json_path_str(w.tree, "status.conditions.1.reason", ""),
			    "ProgressDeadlineExceeded");
	assert_string_equal(json_path_str(w.tree, "status.conditions.1.status", ""), "False");
	assert_false(look(&w, due + 1000000, NULL));
	run_to_rest(&w);
	assert_string_equal(json_path_str(w.tree, "status.conditions.1.reason", ""),
			    "NewReplicaSetAvailable");
	world_done(&w);
}

static void a_set_that_cannot_be_made_is_told_of(void **state)
{
	const struct deployment_now now = { .wall_ms = NOW_MS, .trouble = "no room" };
	struct deployment_plan plan;
	struct world w;

	world_init(&w, "'type':'Recreate'", 2);
	decode(&w);
	assert_int_equal(deployment_plan(w.d, w.tree, w.sets, 0, &now, &plan), 0);
	assert_non_null(plan.create); /* tried again */
	assert_true(plan.changed);
	assert_string_equal(json_path_str(w.tree, "status.conditions.1.reason", ""), "ReplicaSetCreateError");
	assert_non_null(strstr(json_path_str(w.tree, "status.conditions.1.message", ""), "no room"));
	deployment_plan_done(&plan);
	world_done(&w);
}

static void defaults_of_a_later_release_are_no_new_template(void **state)
{
	struct world w;

	world_init(&w, "'type':'RollingUpdate'", 2);
	run_to_rest(&w);
	assert_int_equal(w.count, 1);
	assert_int_equal(json_set_str(json_path(w.tree, "spec.template.spec"), "restartPolicy", "Always"), 0);
	run_to_rest(&w);
	assert_int_equal(w.count, 1);
	world_done(&w);
}

/* As kubectl sends a template that it has read into its own types: rollout undo. */
static void what_is_empty_is_as_good_as_absent(void **state)
{
	struct json *container;
	struct world w;

	world_init(&w, "'type':'RollingUpdate'", 2);
	run_to_rest(&w);
	container = json_path(w.tree, "spec.template.spec.containers.0");
	assert_int_equal(json_set(container, "resources", quoted_json("{'limits':{}}")), 0);
	assert_int_equal(json_set(container, "args", json_new_array()), 0);
	assert_int_equal(json_set(json_path(w.tree, "spec.template.metadata"), "creationTimestamp",
				  json_new_null()),
			 0);
	run_to_rest(&w);
	assert_int_equal(w.count, 1);
	/* But this is a choice. */
	assert_int_equal(json_set(container, "securityContext", json_new_object()), 0);
	run_to_rest(&w);
	assert_int_equal(w.count, 2);
	world_done(&w);
}

static void wrong_shapes_are_refused(void **state)
{
	static const char *const wrong[] = {
		"{}",
		"{'metadata':{'name':'d','uid':'u'},'spec':{'selector':{'matchLabels':{'a':'b'}}}}",
		"{'metadata':{'name':'d','uid':'u'},'spec':{'selector':{},'template':{'spec':{}}}}",
		"{'metadata':{'name':'d','uid':'u'},'spec':{'replicas':-1,'selector':{'matchLabels':{'a':'b'}"
		"},"
		"'template':{'spec':{}}}}",
		"{'metadata':{'name':'d','uid':'u'},'spec':{'strategy':{'rollingUpdate':{'maxSurge':'some'}},"
		"'selector':{'matchLabels':{'a':'b'}},'template':{'spec':{}}}}",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct json *tree = quoted_json(wrong[i]);
		struct deployment *d = NULL;

		assert_int_equal(deployment_of(tree, &d), -EINVAL);
		assert_null(d);
		json_free(tree);
	}
}

/* --- anything in any order --- */

/* One thing happens: a controller catches up, a pod gets ready, a status is told (late, as it was a while ago). */
static void happen(struct world *w)
{
	size_t i = w->count ? rng_below(&w->rng, w->count) : 0;

	if (!w->count)
		return;
	switch (rng_below(&w->rng, w->flaky ? 5 : 4)) {
	case 0: settle_pods(w, i); break;
	case 1:
	case 2:
		if (w->truth[i].available < w->truth[i].pods)
			w->truth[i].available++;
		break;
	case 3: tell_status(w, i); break;
	default:
		if (w->truth[i].available)
			w->truth[i].available--;
		break;
	}
}

static void a_rollout_keeps_its_bounds_however_late_the_news(void **state)
{
	const uint64_t seed = 20261120;
	struct rng rng;

	printf("seed %llu\n", (unsigned long long)seed);
	rng_seed(&rng, seed);
	for (unsigned round = 0; round < 300; round++) {
		int64_t replicas = 1 + (int64_t)rng_below(&rng, 9), surge = (int64_t)rng_below(&rng, 4),
			fewer = (int64_t)rng_below(&rng, 4);
		char strategy[128];
		struct world w;

		if (!surge && !fewer)
			surge = 1;
		(void)snprintf(strategy, sizeof(strategy),
			       "'type':'RollingUpdate','rollingUpdate':{'maxSurge':%d,'maxUnavailable':%d}",
			       (int)surge, (int)fewer);
		world_init(&w, strategy, (int)replicas);
		rng_seed(&w.rng, rng_next(&rng));
		run_to_rest(&w);
		for (unsigned change = 0; change < 3; change++) {
			new_template(&w);
			for (unsigned i = 0; i < 150; i++) {
				if (rng_below(&w.rng, 3) == 0)
					(void)look(&w, NOW_MS, NULL);
				else
					happen(&w);
				assert_true(all_wanted(&w) <= replicas + surge);
				assert_true(available(&w) >= replicas - fewer);
			}
		}
		run_to_rest(&w);
		expect_at_rest(&w, replicas);
		world_done(&w);
	}
}

static void any_disorder_ends_in_the_present_template(void **state)
{
	static const char *const strategies[] = {
		"'type':'RollingUpdate','rollingUpdate':{'maxSurge':1,'maxUnavailable':1}",
		"'type':'RollingUpdate','rollingUpdate':{'maxSurge':0,'maxUnavailable':'50%'}",
		"'type':'RollingUpdate','rollingUpdate':{'maxSurge':'150%','maxUnavailable':0}",
		"'type':'Recreate'",
	};
	const uint64_t seed = 42;
	struct rng rng;

	printf("seed %llu\n", (unsigned long long)seed);
	rng_seed(&rng, seed);
	for (unsigned round = 0; round < 400; round++) {
		int64_t replicas = (int64_t)rng_below(&rng, 8);
		struct world w;

		world_init(&w, strategies[rng_below(&rng, 4)], (int)replicas);
		rng_seed(&w.rng, rng_next(&rng));
		w.flaky = true;
		for (unsigned i = 0; i < 120; i++) {
			switch (rng_below(&w.rng, 24)) {
			case 0:
				if (w.count < SETS - 2)
					new_template(&w);
				break;
			case 1:
				replicas = (int64_t)rng_below(&w.rng, 8);
				set_int(w.tree, "spec", "replicas", replicas);
				break;
			case 2:
				assert_int_equal(json_set_bool(json_get(w.tree, "spec"), "paused",
							       rng_below(&w.rng, 2)),
						 0);
				break;
			case 3:
			case 4:
			case 5: (void)look(&w, NOW_MS, NULL); break;
			default: happen(&w); break;
			}
		}
		assert_int_equal(json_set_bool(json_get(w.tree, "spec"), "paused", false), 0);
		run_to_rest(&w);
		expect_at_rest(&w, replicas);
		assert_true(w.count <= 3); /* a history of two */
		world_done(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_shares_are_rounded_in_favour_of_what_runs),
		cmocka_unit_test(what_grows_in_the_middle_grows_in_proportion),
		cmocka_unit_test(the_deadline_is_looked_at_when_it_comes),
		cmocka_unit_test(a_set_that_cannot_be_made_is_told_of),
		cmocka_unit_test(defaults_of_a_later_release_are_no_new_template),
		cmocka_unit_test(what_is_empty_is_as_good_as_absent),
		cmocka_unit_test(wrong_shapes_are_refused),
		cmocka_unit_test(a_rollout_keeps_its_bounds_however_late_the_news),
		cmocka_unit_test(any_disorder_ends_in_the_present_template),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
