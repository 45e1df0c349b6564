/* A replica on a disk and a loop; neighbours are what the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "api/object_json.h"
#include "edge-hub/services/withdrawals.h"
#include "tests/tools/tempdir.h"

#include <stdio.h>
#include <stdlib.h>

#define SLICES "endpointslices.discovery.k8s.io"
#define ENDPOINT(ip, node)                                                                                  \
	"{\"addresses\":[\"" ip "\"],\"conditions\":{\"ready\":true,\"serving\":true},\"nodeName\":\"" node \
	"\"}"
#define SLICE                                                                                                \
	"{\"apiVersion\":\"discovery.k8s.io/v1\",\"kind\":\"EndpointSlice\",\"metadata\":{\"name\":\"web\"," \
	"\"namespace\":\"n\",\"uid\":\"u\"},\"addressType\":\"IPv4\",\"endpoints\":[" ENDPOINT(              \
		"10.0.0.1", "one") "," ENDPOINT("10.0.0.2", "two") "],\"ports\":[]}"
#define HOLD_MS 50u

struct node {
	char dir[64];
	struct cache *cache;
	struct cache_watch *watch;
	struct loop *loop;
	struct timer *tick;
	struct withdrawals *withdrawals;
	enum detector_view two;
	unsigned ticks, limit;
	int wanted; /* how many of the two are to be ready; -1: just run */
	unsigned changes;
};

static enum detector_view view_of(void *ctx, const char *member)
{
	const struct node *n = ctx;

	return strcmp(member, "two") == 0 ? n->two : DETECTOR_UNKNOWN;
}

static int on_change(void *ctx, const struct change *change)
{
	struct node *n = ctx;

	n->changes++;
	if (n->withdrawals)
		withdrawals_row_changed(n->withdrawals, change);
	return 0;
}

/* How many endpoints of the stored slice are ready. */
static int ready(struct node *n)
{
	const struct key key = { SLICES, "n", "web" };
	struct object *row = NULL;
	struct json *tree = NULL;
	int count = 0;

	assert_int_equal(cache_get(n->cache, &key, &row), 0);
	assert_int_equal(row->origin, 7); /* the cloud's revision stays what it was */
	assert_int_equal(object_to_json(row, &tree), 0);
	for (size_t i = 0; i < 2; i++)
		count += json_path_bool(json_at(json_get(tree, "endpoints"), i), "conditions.ready", false);
	json_free(tree);
	object_unref(row);
	return count;
}

static void on_tick(void *ctx)
{
	struct node *n = ctx;

	cache_dispatch(n->cache, 0);
	if (++n->ticks >= n->limit || ready(n) == n->wanted)
		loop_stop(n->loop);
	else
		timer_start(n->tick, 2);
}

static void run_until(struct node *n, int wanted)
{
	n->wanted = wanted;
	n->ticks = 0;
	n->limit = 2000;
	timer_start(n->tick, 0);
	assert_int_equal(loop_run(n->loop), 0);
	assert_int_equal(ready(n), wanted);
}

static void run_for(struct node *n, unsigned ticks)
{
	n->wanted = -1;
	n->ticks = 0;
	n->limit = ticks;
	timer_start(n->tick, 0);
	assert_int_equal(loop_run(n->loop), 0);
}

static void store(struct node *n)
{
	struct cache_op op = { .type = CACHE_PUT };

	assert_int_equal(object_from_body(SLICES, SPAN(SLICE), 7, &op.object), 0);
	assert_int_equal(cache_submit(n->cache, &op, 1, NULL, NULL), 0);
	cache_dispatch(n->cache, 0);
}

static void start(struct node *n)
{
	const struct withdrawals_options options = { .loop = n->loop,
						     .cache = n->cache,
						     .node = "one",
						     .view = view_of,
						     .ctx = n,
						     .hold_ms = HOLD_MS };

	assert_int_equal(withdrawals_new(&options, &n->withdrawals), 0);
}

static int set_up(void **state)
{
	static const struct cache_watch_events events = { .on_change = on_change };
	struct node *n = calloc(1, sizeof(*n));
	char path[96];
	struct cache_options options = { .path = path, .inline_commits = true };

	(void)snprintf(n->dir, sizeof(n->dir), "/tmp/withdrawals-XXXXXX");
	assert_non_null(mkdtemp(n->dir));
	(void)snprintf(path, sizeof(path), "%s/replica", n->dir);
	assert_int_equal(cache_open(&options, &n->cache, NULL), 0);
	assert_int_equal(loop_new(&n->loop), 0);
	assert_int_equal(timer_new(n->loop, on_tick, n, &n->tick), 0);
	assert_int_equal(cache_watch_open(n->cache, NULL, NULL, cache_revision(n->cache), &events, n,
					  &n->watch),
			 0);
	n->two = DETECTOR_ALIVE;
	start(n);
	store(n);
	*state = n;
	return 0;
}

static int tear_down(void **state)
{
	struct node *n = *state;

	withdrawals_stop(n->withdrawals);
	cache_watch_close(n->watch);
	cache_close(n->cache);
	withdrawals_free(n->withdrawals);
	timer_close(n->tick);
	loop_free(n->loop);
	assert_int_equal(tempdir_remove(n->dir), 0);
	free(n);
	return 0;
}

static void see(struct node *n, enum detector_view view)
{
	n->two = view;
	withdrawals_view(n->withdrawals, "two");
}

static void a_dead_neighbour_is_out_until_it_answers(void **state)
{
	struct node *n = *state;

	see(n, DETECTOR_SUSPECT);
	run_for(n, 10);
	assert_int_equal(ready(n), 2);
	see(n, DETECTOR_DEAD);
	run_until(n, 1);
	see(n, DETECTOR_AGENT_DOWN); /* the host answers; its pods may not run yet */
	run_for(n, 10);
	assert_int_equal(ready(n), 1);
	see(n, DETECTOR_ALIVE);
	run_until(n, 2);
}

static void with_the_cloud_there_its_word_counts(void **state)
{
	struct node *n = *state;
	struct withdrawals_stats stats;

	withdrawals_link(n->withdrawals, true);
	see(n, DETECTOR_DEAD);
	run_until(n, 1); /* it has only just come */
	run_until(n, 2); /* and has had its time */
	withdrawals_stats(n->withdrawals, &stats);
	assert_false(stats.judging);
	withdrawals_link(n->withdrawals, false);
	run_until(n, 1); /* known dead when the link went */
	withdrawals_link(n->withdrawals, true);
	store(n); /* the cloud sends the slice anew, and does not know yet */
	run_until(n, 1);
	run_until(n, 2);
}

static void a_start_of_the_hub_forgets_nothing_and_writes_nothing(void **state)
{
	struct node *n = *state;
	unsigned changes;

	see(n, DETECTOR_DEAD);
	run_until(n, 1);
	withdrawals_stop(n->withdrawals);
	withdrawals_free(n->withdrawals);
	n->two = DETECTOR_UNKNOWN;
	start(n);
	run_for(n, 3);
	changes = n->changes;
	withdrawals_view(n->withdrawals, "two");
	withdrawals_view(n->withdrawals, "three");
	run_for(n, 10);
	assert_int_equal(ready(n), 1);
	see(n, DETECTOR_DEAD);
	run_for(n, 10);
	assert_int_equal(n->changes, changes);
	see(n, DETECTOR_ALIVE);
	run_until(n, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_dead_neighbour_is_out_until_it_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(with_the_cloud_there_its_word_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_start_of_the_hub_forgets_nothing_and_writes_nothing, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
