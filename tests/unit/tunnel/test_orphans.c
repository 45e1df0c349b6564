/* After a break in the cloud's time line, absence proves nothing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/tunnel/pair.h"

/* The edge knows more than the cloud: `older` was there at the backup, the rest came after it. */
static void restored(struct pair *p)
{
	pair_put(p, "configmaps/shop/page", NULL, "{\"v\":1}");
	pair_put(p, "pods/shop/older", NULL, "{\"p\":1}");
	pair_enter(p, "configmaps/shop/page");
	pair_enter(p, "pods/shop/older");
	pair_backup(p);
	pair_put(p, "configmaps/shop/page", NULL, "{\"v\":2}");
	pair_put(p, "secrets/shop/late", NULL, "{\"s\":1}");
	pair_put(p, "pods/shop/late", NULL, "{\"p\":2}");
	pair_enter(p, "secrets/shop/late");
	pair_enter(p, "pods/shop/late");
	pair_connect(p);
	pair_settle(p);
	pair_restore(p);
	/* The restored cloud knows nothing that names these two. */
	pair_leave(p, "secrets/shop/late");
	pair_leave(p, "pods/shop/late");
	(void)pair_seen(p);
}

static struct repl_sink_stats sink_stats(struct pair *p)
{
	struct repl_sink_stats stats;

	repl_sink_stats(p->sink, &stats);
	return stats;
}

static bool is_orphan(struct pair *p, const char *text)
{
	struct key key = pair_key(text);

	return repl_sink_is_orphan(p->sink, &key);
}

static void release(struct pair *p, const char *text, const char *uid)
{
	struct key key = pair_key(text);

	assert_int_equal(repl_source_release(p->source, &key, uid), 0);
}

static void an_older_store_kills_nothing_and_hears_of_the_orphans(void **state)
{
	struct repl_source_stats stats;
	struct pair *p = *state;

	restored(p);
	pair_connect(p);
	pair_settle(p);
	repl_source_stats(p->source, &stats);
	assert_true(stats.diverged);
	assert_string_equal(pair_seen(p), "M configmaps/shop/page ");
	assert_true(is_orphan(p, "pods/shop/late"));
	assert_true(is_orphan(p, "secrets/shop/late"));
	assert_false(is_orphan(p, "pods/shop/older"));
	assert_int_equal(sink_stats(p).gone + sink_stats(p).left, 0);
	{
		const char *told = pair_orphans(p);

		assert_non_null(strstr(told, "ORPHAN pods/shop/late uid-late "));
		assert_non_null(strstr(told, "ORPHAN secrets/shop/late uid-late "));
		assert_non_null(strstr(told, "OBJECT pods/shop/late {\"p\":2} "));
	}
	assert_true(repl_sink_synced(p->sink));
}

static void an_orphan_is_shown_although_its_mark_is_still_on_its_way_to_the_disk(void **state)
{
	struct pair *p = *state;

	restored(p);
	pair_connect(p);
	pair_step_uncommitted(p, 10);
	assert_false(is_orphan(p, "pods/shop/late"));
	pair_settle(p);
	assert_true(is_orphan(p, "pods/shop/late"));
	assert_non_null(strstr(pair_orphans(p), "OBJECT pods/shop/late "));
}

static void orphans_outlive_restarts_and_reconnections_of_either_side(void **state)
{
	struct pair *p = *state;

	restored(p);
	pair_connect(p);
	pair_settle(p);
	(void)pair_seen(p);
	for (int i = 0; i < 5; i++) {
		struct repl_source_stats stats;

		if (i % 2)
			pair_restart_edge(p);
		else
			pair_restart_cloud(p);
		pair_cut(p);
		(void)pair_orphans(p);
		pair_connect(p);
		pair_settle(p);
		repl_source_stats(p->source, &stats);
		/* The time line is whole again by now, and still absence of an orphan proves nothing. */
		assert_false(stats.diverged);
		assert_int_equal(stats.orphans, 2);
		assert_string_equal(pair_seen(p), "");
		assert_true(is_orphan(p, "pods/shop/late"));
		assert_non_null(strstr(pair_orphans(p), "ORPHAN pods/shop/late uid-late "));
	}
}

static void a_crash_in_the_middle_of_the_comparison_forgets_no_orphan(void **state)
{
	for (unsigned records = 0; records < 6; records++) {
		void *fresh = NULL;
		struct pair *p;

		assert_int_equal(pair_setup(&fresh), 0);
		p = fresh;
		restored(p);
		for (unsigned i = 0; i < 4; i++) {
			pair_connect(p);
			pair_step(p, records);
			pair_restart_edge(p);
		}
		pair_connect(p);
		pair_settle(p);
		assert_true(is_orphan(p, "pods/shop/late"));
		assert_true(is_orphan(p, "secrets/shop/late"));
		assert_null(strstr(pair_seen(p), "D "));
		assert_int_equal(pair_teardown(&fresh), 0);
	}
}

static void adopting_an_orphan_makes_it_ordinary_again(void **state)
{
	struct pair *p = *state;

	restored(p);
	pair_connect(p);
	pair_settle(p);
	(void)pair_seen(p);
	pair_put(p, "secrets/shop/late", NULL, "{\"s\":1}");
	pair_put(p, "pods/shop/late", NULL, "{\"p\":2}");
	pair_enter(p, "secrets/shop/late");
	pair_enter(p, "pods/shop/late");
	pair_settle(p);
	assert_string_equal(pair_seen(p), "M secrets/shop/late M pods/shop/late ");
	assert_int_equal(sink_stats(p).orphans, 0);
	pair_check_equal(p);
	pair_restart_edge(p);
	assert_int_equal(sink_stats(p).orphans, 0);
}

static void releasing_the_last_orphan_erases_what_only_it_needed(void **state)
{
	struct pair *p = *state;

	restored(p);
	pair_connect(p);
	pair_settle(p);
	(void)pair_seen(p);
	release(p, "pods/shop/late", "uid-late");
	pair_settle(p);
	/* The pod is given up; the secret just leaves. */
	assert_string_equal(pair_seen(p), "D pods/shop/late L secrets/shop/late ");
	pair_check_equal(p);
	pair_restart_edge(p);
	pair_connect(p);
	pair_settle(p);
	assert_string_equal(pair_seen(p), "");
	pair_check_equal(p);
}

static void releasing_needs_the_uid(void **state)
{
	struct pair *p = *state;
	struct key key = pair_key("pods/shop/late"), older = pair_key("pods/shop/older");

	restored(p);
	pair_connect(p);
	pair_settle(p);
	assert_int_equal(repl_source_release(p->source, &key, "uid-of-another"), -ENOENT);
	assert_int_equal(repl_source_release(p->source, &older, "uid-older"), -ENOENT);
}

static void a_running_pod_is_not_replaced_by_its_older_namesake(void **state)
{
	struct pair *p = *state;

	pair_put(p, "pods/shop/db-0", "uid-first", "{}");
	pair_enter(p, "pods/shop/db-0");
	pair_backup(p);
	pair_put(p, "pods/shop/db-0", "uid-second", "{}");
	pair_connect(p);
	pair_settle(p);
	pair_restore(p);
	(void)pair_seen(p);
	for (int i = 0; i < 3; i++) {
		pair_connect(p);
		pair_settle(p);
		assert_string_equal(pair_seen(p), "");
		assert_true(is_orphan(p, "pods/shop/db-0"));
		/* Changes to the cloud's one do not get through either. */
		pair_put(p, "pods/shop/db-0", "uid-first", i % 2 ? "{\"a\":1}" : "{\"a\":2}");
		pair_settle(p);
		assert_string_equal(pair_seen(p), "");
		pair_cut(p);
	}
	pair_connect(p);
	pair_settle(p);
	release(p, "pods/shop/db-0", "uid-second");
	pair_settle(p);
	assert_string_equal(pair_seen(p), "MU pods/shop/db-0 ");
	pair_check_equal(p);
}

static void deletions_after_the_break_are_deletions(void **state)
{
	struct pair *p = *state;

	restored(p);
	pair_connect(p);
	pair_settle(p);
	(void)pair_seen(p);
	pair_delete(p, "pods/shop/older");
	pair_settle(p);
	assert_string_equal(pair_seen(p), "D pods/shop/older ");
}

static void a_cursor_of_another_cloud_is_not_trusted(void **state)
{
	struct pair *p = *state;

	pair_put(p, "pods/shop/a", NULL, "{}");
	pair_enter(p, "pods/shop/a");
	pair_connect(p);
	pair_settle(p);
	pair_cut(p);
	(void)pair_seen(p);
	cache_close(p->cloud);
	p->cloud_path = "/another.db";
	{
		struct cache_options options = { .path = p->cloud_path,
						 .vfs = "pair-disk",
						 .inline_commits = true };

		assert_int_equal(cache_open(&options, &p->cloud, NULL), 0);
	}
	pair_leave(p, "pods/shop/a");
	pair_connect(p);
	pair_settle(p);
	assert_string_equal(pair_seen(p), "");
	assert_true(is_orphan(p, "pods/shop/a"));
}

static void equal_sets_after_a_break_need_no_comparison(void **state)
{
	struct repl_source_stats stats;
	struct pair *p = *state;

	pair_put(p, "pods/shop/a", NULL, "{}");
	pair_enter(p, "pods/shop/a");
	pair_backup(p);
	pair_put(p, "pods/shop/elsewhere", NULL, "{}");
	pair_connect(p);
	pair_settle(p);
	repl_sink_revision(p->sink, cache_revision(p->cloud));
	pair_restore(p);
	pair_connect(p);
	repl_source_stats(p->source, &stats);
	assert_true(stats.diverged && stats.unchanged);
	pair_settle(p);
	pair_check_equal(p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_older_store_kills_nothing_and_hears_of_the_orphans),
		TEST(an_orphan_is_shown_although_its_mark_is_still_on_its_way_to_the_disk),
		TEST(orphans_outlive_restarts_and_reconnections_of_either_side),
		cmocka_unit_test(a_crash_in_the_middle_of_the_comparison_forgets_no_orphan),
		TEST(adopting_an_orphan_makes_it_ordinary_again),
		TEST(releasing_the_last_orphan_erases_what_only_it_needed),
		TEST(releasing_needs_the_uid),
		TEST(a_running_pod_is_not_replaced_by_its_older_namesake),
		TEST(deletions_after_the_break_are_deletions),
		TEST(a_cursor_of_another_cloud_is_not_trusted),
		TEST(equal_sets_after_a_break_need_no_comparison),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
