#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/tunnel/pair.h"

static struct repl_source_stats source_stats(struct pair *p)
{
	struct repl_source_stats stats;

	repl_source_stats(p->source, &stats);
	return stats;
}

static struct repl_sink_stats sink_stats(struct pair *p)
{
	struct repl_sink_stats stats;

	repl_sink_stats(p->sink, &stats);
	return stats;
}

static void small_world(struct pair *p)
{
	pair_put(p, "namespaces//shop", NULL, "{}");
	pair_put(p, "configmaps/shop/page", NULL, "{\"v\":1}");
	pair_put(p, "secrets/shop/key", NULL, "{\"s\":1}");
	pair_put(p, "pods/shop/web", NULL, "{\"p\":1}");
	pair_put(p, "pods/shop/elsewhere", NULL, "{\"p\":2}");
	pair_enter(p, "namespaces//shop");
	pair_enter(p, "configmaps/shop/page");
	pair_enter(p, "secrets/shop/key");
	pair_enter(p, "pods/shop/web");
}

static void a_new_replica_gets_its_set_and_only_that(void **state)
{
	struct pair *p = *state;

	small_world(p);
	pair_connect(p);
	pair_settle(p);
	pair_check_equal(p);
	assert_false(pair_has(p, "pods/shop/elsewhere"));
	assert_string_equal(pair_seen(p),
			    "A namespaces//shop A configmaps/shop/page A secrets/shop/key A pods/shop/web ");
	assert_int_equal(p->watermark, cache_revision(p->cloud));
	assert_int_equal(p->synced, cache_revision(p->cloud));
	assert_true(source_stats(p).synced);
	assert_true(repl_sink_synced(p->sink));
}

static void an_empty_set_is_complete_too(void **state)
{
	struct pair *p = *state;

	pair_connect(p);
	pair_settle(p);
	pair_check_equal(p);
	assert_true(repl_sink_synced(p->sink));
}

static void references_come_before_what_names_them_in_any_order_of_announcement(void **state)
{
	struct pair *p = *state;

	/* So many pods that they fill several batches, announced before what they name. */
	pair_fill(p, "pods/shop/p", 2000, "{}");
	pair_put(p, "configmaps/shop/page", NULL, "{}");
	pair_enter(p, "configmaps/shop/page");
	pair_connect(p);
	pair_step(p, 1);
	assert_true(p->seen.len == 0 || pair_has(p, "configmaps/shop/page"));
	pair_settle(p);
	assert_memory_equal(pair_seen(p), "A configmaps/shop/page ", 23);
	pair_check_equal(p);
}

static void changes_flow_and_coalesce(void **state)
{
	struct pair *p = *state;
	char body[64];

	small_world(p);
	pair_connect(p);
	pair_settle(p);
	(void)pair_seen(p);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(body, sizeof(body), "{\"v\":%d}", i + 2);
		pair_put(p, "configmaps/shop/page", NULL, body);
	}
	assert_int_equal(source_stats(p).pending, 1);
	pair_settle(p);
	assert_string_equal(pair_seen(p), "M configmaps/shop/page ");
	pair_check_equal(p);
}

static void deleting_and_leaving_are_different_things(void **state)
{
	struct pair *p = *state;

	small_world(p);
	pair_connect(p);
	pair_settle(p);
	(void)pair_seen(p);
	pair_leave(p, "secrets/shop/key");
	pair_delete(p, "configmaps/shop/page");
	pair_delete(p, "pods/shop/web");
	pair_settle(p);
	/* What runs goes first. */
	assert_string_equal(pair_seen(p), "D pods/shop/web L secrets/shop/key D configmaps/shop/page ");
	pair_check_equal(p);
}

static void what_happened_while_away_is_told_apart_on_return(void **state)
{
	struct pair *p = *state;

	small_world(p);
	pair_put(p, "pods/shop/old", NULL, "{}");
	pair_put(p, "pods/shop/same-name", "uid-before", "{}");
	pair_enter(p, "pods/shop/old");
	pair_enter(p, "pods/shop/same-name");
	pair_connect(p);
	pair_settle(p);
	pair_cut(p);
	(void)pair_seen(p);
	pair_delete(p, "pods/shop/old");
	pair_leave(p, "secrets/shop/key");
	pair_put(p, "pods/shop/same-name", "uid-after", "{}");
	pair_put(p, "pods/shop/web", NULL, "{\"p\":9}");
	pair_put(p, "configmaps/shop/older", NULL, "{}");
	pair_enter(p, "configmaps/shop/older");
	pair_connect(p);
	assert_false(source_stats(p).unchanged);
	pair_settle(p);
	{
		const char *seen = pair_seen(p);

		assert_non_null(strstr(seen, "D pods/shop/old "));
		assert_non_null(strstr(seen, "L secrets/shop/key "));
		assert_non_null(strstr(seen, "MU pods/shop/same-name "));
		assert_non_null(strstr(seen, "M pods/shop/web "));
		assert_non_null(strstr(seen, "A configmaps/shop/older "));
		assert_null(strstr(seen, "page"));
	}
	pair_check_equal(p);
}

static void a_deleted_object_that_came_back_with_the_same_key_is_replaced(void **state)
{
	struct pair *p = *state;

	small_world(p);
	pair_connect(p);
	pair_settle(p);
	(void)pair_seen(p);
	pair_delete(p, "pods/shop/web");
	pair_put(p, "pods/shop/web", "uid-second", "{}");
	pair_settle(p);
	assert_string_equal(pair_seen(p), "MU pods/shop/web ");
	pair_check_equal(p);
}

static void nothing_changed_means_no_commit_and_few_bytes(void **state)
{
	struct pair *p = *state;
	uint64_t commits;

	small_world(p);
	pair_connect(p);
	pair_settle(p);
	pair_cut(p);
	commits = pair_edge_commits(p);
	for (int week = 0; week < 5; week++) {
		for (int i = 0; i < 200; i++)
			pair_put(p, "pods/shop/elsewhere", NULL, i % 2 ? "{\"p\":3}" : "{\"p\":4}");
		pair_restart_cloud(p); /* even a new epoch changes nothing */
		pair_connect(p);
		assert_true(source_stats(p).unchanged);
		pair_settle(p);
		assert_int_equal(p->watermark, cache_revision(p->cloud));
		repl_sink_revision(p->sink, cache_revision(p->cloud));
		assert_true(p->up + p->down < 512);
		pair_cut(p);
	}
	assert_int_equal(pair_edge_commits(p), commits);
	assert_int_equal(sink_stats(p).position, cache_revision(p->cloud));
}

static void one_change_among_ten_thousand_costs_less_than_64_kib(void **state)
{
	struct pair *p = *state;
	char body[600];

	memset(body, ' ', sizeof(body) - 1);
	body[0] = '{';
	body[sizeof(body) - 2] = '}';
	body[sizeof(body) - 1] = '\0';
	pair_fill(p, "configmaps/warehouse-of-many-things/config-map-number-", 10000, body);
	pair_connect(p);
	pair_settle(p);
	pair_cut(p);
	(void)pair_seen(p);
	pair_put(p, "configmaps/warehouse-of-many-things/config-map-number-4711", NULL, "{\"new\":true}");
	pair_restart_edge(p);
	pair_connect(p);
	pair_settle(p);
	assert_string_equal(pair_seen(p), "M configmaps/warehouse-of-many-things/config-map-number-4711 ");
	print_message("one change among 10,000 objects: %llu bytes down, %llu up\n",
		      (unsigned long long)p->down, (unsigned long long)p->up);
	assert_true(p->down + p->up < 64 * 1024);
	pair_check_equal(p);
}

static void a_cut_at_any_record_converges_after_all(void **state)
{
	struct pair *p = *state;
	char body[300];

	memset(body, 'x', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	pair_fill(p, "pods/shop/p", 3000, body);
	for (unsigned records = 1; records < 30; records++) {
		pair_connect(p);
		pair_step(p, records);
		if (records % 3 == 0)
			pair_restart_edge(p);
		pair_cut(p);
	}
	pair_connect(p);
	pair_settle(p);
	pair_check_equal(p);
}

static void a_source_does_not_buffer_for_an_edge_that_does_not_read(void **state)
{
	struct repl_source_stats stats;
	struct pair *p = *state;
	char *body = malloc(100000);

	assert_non_null(body);
	memset(body, 'x', 99999);
	body[99999] = '\0';
	pair_fill(p, "pods/shop/p", 50, body);
	pair_connect(p);
	/* Records go out, no answer comes back: the window closes. */
	for (int i = 0; i < 10000; i++) {
		struct buf bytes;

		buf_init(&bytes, MUX_RECORD_MAX);
		assert_int_equal(mux_output(p->cloud_mux, &bytes, MUX_RECORD_MAX), 0);
		buf_done(&bytes);
	}
	stats = source_stats(p);
	assert_int_equal(stats.batches_in_flight, REPL_BATCHES_IN_FLIGHT);
	assert_true(stats.pending > 30);
	free(body);
}

static void the_largest_object_crosses(void **state)
{
	struct pair *p = *state;
	size_t len = 3u * 1024 * 1024;
	char *body = malloc(len + 1);

	assert_non_null(body);
	memset(body, 'x', len);
	body[len] = '\0';
	pair_put(p, "configmaps/shop/huge", NULL, body);
	pair_enter(p, "configmaps/shop/huge");
	pair_connect(p);
	pair_settle(p);
	pair_check_equal(p);
	free(body);
}

static void an_object_newer_than_announced_waits(void **state)
{
	struct pair *p = *state;

	small_world(p);
	pair_connect(p);
	pair_settle(p);
	(void)pair_seen(p);
	/* The store already has a pod that names a new ConfigMap; the announcement of both is still on its
	 * way. */
	pair_put(p, "pods/shop/web", NULL, "{\"p\":5}");
	p->lag = true;
	pair_put(p, "configmaps/shop/new", NULL, "{}");
	pair_put(p, "pods/shop/web", NULL, "{\"needs\":\"new\"}");
	pair_settle(p);
	assert_string_equal(pair_seen(p), "");
	assert_int_equal(source_stats(p).waiting, 1);
	assert_false(source_stats(p).synced);
	p->lag = false;
	pair_enter(p, "configmaps/shop/new");
	pair_announce(p, "pods/shop/web");
	pair_settle(p);
	assert_string_equal(pair_seen(p), "A configmaps/shop/new M pods/shop/web ");
	assert_true(source_stats(p).synced);
}

static void a_reference_newer_than_announced_goes_with_the_pod_that_needs_it(void **state)
{
	struct pair *p = *state;

	pair_connect(p);
	pair_settle(p);
	pair_put(p, "configmaps/shop/page", NULL, "{\"v\":1}");
	pair_put(p, "pods/shop/web", NULL, "{}");
	pair_enter(p, "configmaps/shop/page");
	pair_enter(p, "pods/shop/web");
	p->lag = true;
	pair_put(p, "configmaps/shop/page", NULL, "{\"v\":2}");
	pair_settle(p);
	assert_string_equal(pair_seen(p), "A configmaps/shop/page A pods/shop/web ");
	/* Complete as of a revision that was not announced yet would be too much to say; but the cursor covers it. */
	assert_true(source_stats(p).synced && p->watermark < cache_revision(p->cloud));
	assert_int_equal(sink_stats(p).position, cache_revision(p->cloud));
	p->lag = false;
	pair_announce(p, "configmaps/shop/page");
	pair_settle(p);
	assert_string_equal(pair_seen(p), "");
	assert_true(source_stats(p).synced);
	pair_check_equal(p);
}

static void the_same_content_under_a_new_revision_is_taken_over(void **state)
{
	struct pair *p = *state;

	small_world(p);
	pair_connect(p);
	pair_settle(p);
	pair_cut(p);
	pair_delete(p, "configmaps/shop/page");
	pair_put(p, "configmaps/shop/page", NULL, "{\"v\":1}");
	pair_connect(p);
	pair_settle(p);
	pair_check_equal(p);
	pair_cut(p);
	pair_connect(p);
	assert_true(source_stats(p).unchanged);
	pair_settle(p);
}

static void what_the_cloud_cannot_read_is_neither_sent_nor_gone(void **state)
{
	struct pair *p = *state;

	small_world(p);
	pair_connect(p);
	pair_settle(p);
	pair_cut(p);
	(void)pair_seen(p);
	/* The pod's row is damaged in the cloud, and another that left the set cannot be read either. */
	p->unreadable = "web";
	p->get_code = -EBADMSG;
	pair_put(p, "pods/shop/web", NULL, "{\"p\":7}");
	pair_leave(p, "pods/shop/web");
	pair_connect(p);
	pair_settle(p);
	assert_string_equal(pair_seen(p), "");
	assert_true(pair_has(p, "pods/shop/web"));
	pair_cut(p);
	p->unreadable = NULL;
	pair_connect(p);
	pair_settle(p);
	assert_string_equal(pair_seen(p), "L pods/shop/web ");
	pair_check_equal(p);
}

static void a_feed_with_an_unreadable_object_is_not_complete(void **state)
{
	struct pair *p = *state;

	small_world(p);
	p->unreadable = "key";
	p->get_code = -EBADMSG;
	pair_connect(p);
	pair_settle(p);
	assert_int_equal(cache_feed(p->edge, "pods"), FEED_COMPLETE);
	assert_int_not_equal(cache_feed(p->edge, "secrets"), FEED_COMPLETE);
	p->unreadable = NULL;
	pair_put(p, "secrets/shop/key", NULL, "{\"s\":2}");
	pair_settle(p);
	pair_check_equal(p);
}

static void a_damaged_row_is_fetched_again(void **state)
{
	struct key web = pair_key("pods/shop/web"), gone = pair_key("pods/shop/never-was");
	struct pair *p = *state;

	small_world(p);
	pair_connect(p);
	pair_settle(p);
	assert_int_equal(repl_sink_refetch(p->sink, &web), 0);
	assert_int_equal(repl_sink_refetch(p->sink, &gone), 0);
	assert_int_equal(sink_stats(p).refetching, 2);
	pair_settle(p);
	assert_int_equal(sink_stats(p).refetching, 0);
	pair_check_equal(p);
	/* Also when it is found while the cloud is away. */
	pair_cut(p);
	assert_int_equal(repl_sink_refetch(p->sink, &web), 0);
	pair_connect(p);
	assert_false(source_stats(p).unchanged);
	pair_settle(p);
	assert_int_equal(sink_stats(p).refetching, 0);
	pair_check_equal(p);
}

static void a_full_disk_delays_and_loses_nothing(void **state)
{
	struct pair *p = *state;

	small_world(p);
	pair_connect(p);
	faultyvfs_arm(p->disk, FAULTYVFS_FULL_ONCE, FAULTYVFS_WRITE, 1);
	pair_settle(p);
	assert_int_equal(p->failed, -ENOSPC);
	assert_int_equal(p->watermark, 0);
	assert_false(pair_has(p, "pods/shop/web"));
	(void)faultyvfs_disarm(p->disk);
	repl_sink_retry(p->sink);
	pair_settle(p);
	assert_int_equal(p->watermark, cache_revision(p->cloud));
	pair_check_equal(p);
}

static void the_cursor_is_saved_at_a_clean_stop_and_not_twice(void **state)
{
	struct pair *p = *state;

	small_world(p);
	pair_connect(p);
	pair_settle(p);
	repl_sink_revision(p->sink, 5000);
	pair_cut(p);
	assert_int_equal(repl_sink_save(p->sink, NULL, NULL), 0);
	cache_dispatch(p->edge, 0);
	assert_int_equal(repl_sink_save(p->sink, NULL, NULL), 1);
	pair_restart_edge(p);
	assert_int_equal(sink_stats(p).position, 5000);
}

static void rows_of_the_edge_itself_are_left_alone(void **state)
{
	struct object from = { .key = { "pods", "kube-system", "static" }, .uid = "own", .body = SPAN("{}") };
	struct cache_op op = { .type = CACHE_PUT, .object = object_new(&from) };
	struct pair *p = *state;

	assert_non_null(op.object);
	small_world(p);
	assert_int_equal(cache_submit(p->edge, &op, 1, NULL, NULL), 0);
	cache_dispatch(p->edge, 0);
	pair_connect(p);
	pair_settle(p);
	pair_cut(p);
	pair_restart_edge(p);
	pair_connect(p);
	assert_true(source_stats(p).unchanged);
	pair_settle(p);
	assert_true(pair_has(p, "pods/kube-system/static"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_replica_gets_its_set_and_only_that),
		TEST(an_empty_set_is_complete_too),
		TEST(references_come_before_what_names_them_in_any_order_of_announcement),
		TEST(changes_flow_and_coalesce),
		TEST(deleting_and_leaving_are_different_things),
		TEST(what_happened_while_away_is_told_apart_on_return),
		TEST(a_deleted_object_that_came_back_with_the_same_key_is_replaced),
		TEST(nothing_changed_means_no_commit_and_few_bytes),
		TEST(one_change_among_ten_thousand_costs_less_than_64_kib),
		TEST(a_cut_at_any_record_converges_after_all),
		TEST(a_source_does_not_buffer_for_an_edge_that_does_not_read),
		TEST(the_largest_object_crosses),
		TEST(an_object_newer_than_announced_waits),
		TEST(a_reference_newer_than_announced_goes_with_the_pod_that_needs_it),
		TEST(the_same_content_under_a_new_revision_is_taken_over),
		TEST(what_the_cloud_cannot_read_is_neither_sent_nor_gone),
		TEST(a_feed_with_an_unreadable_object_is_not_complete),
		TEST(a_damaged_row_is_fetched_again),
		TEST(a_full_disk_delays_and_loses_nothing),
		TEST(the_cursor_is_saved_at_a_clean_stop_and_not_twice),
		TEST(rows_of_the_edge_itself_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
