/* Watches and the log: every change once and in order, pauses, the window. */
#include "tests/unit/cache/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void watch(struct store *s, struct journal *j, const char *resource, const char *ns, uint64_t after)
{
	journal_init(j);
	j->last = after;
	assert_int_equal(cache_watch_open(s->cache, resource, ns, after, &journal_events, j, &j->watch), 0);
}

static void end(struct journal *j)
{
	cache_watch_close(j->watch);
	buf_done(&j->text);
}

static void forget(struct store *s, const char *name)
{
	struct cache_op op = { .type = CACHE_FORGET, .key = { "pods", "ns", name } };

	assert_int_equal(store_run(s, &op, 1).code, 0);
}

static void submit_put(struct store *s, const char *name, const char *body)
{
	struct cache_op op = { .type = CACHE_PUT, .object = pod(name, "uid", body) };

	assert_int_equal(cache_submit(s->cache, &op, 1, NULL, NULL), 0);
}

static void a_watch_sees_every_change_between_two_states(void **state)
{
	struct store *s = *state;
	struct journal j;

	watch(s, &j, "pods", NULL, 0);
	submit_put(s, "a", "1");
	submit_put(s, "a", "2");
	submit_put(s, "b", "1");
	submit_put(s, "a", "3");
	store_dispatch(s); /* one commit */
	assert_string_equal(journal_take(&j), "A ns/a=1@1 M ns/a=2@2 A ns/b=1@3 M ns/a=3@4 ");
	delete_pod(s, "a");
	forget(s, "b");
	assert_string_equal(journal_take(&j), "D ns/a=3@5 L ns/b=@6 ");
	end(&j);
}

static void nothing_is_told_before_dispatch(void **state)
{
	struct store *s = *state;
	struct journal j;

	put(s, "a", "1");
	watch(s, &j, "pods", NULL, 0);
	submit_put(s, "a", "2");
	assert_int_equal(j.changes, 0);
	store_dispatch(s);
	assert_string_equal(journal_take(&j), "A ns/a=1@1 M ns/a=2@2 ");
	end(&j);
}

static void the_log_tells_the_same_as_the_live_watch(void **state)
{
	struct store *s = *state;
	struct journal live, late;
	char copy[1024];
	struct cache_op final = { .type = CACHE_DELETE, .object = pod("b", "uid", "final") };

	watch(s, &live, NULL, NULL, 0);
	put(s, "a", "1");
	put(s, "a", "2");
	put(s, "b", "1");
	delete_pod(s, "a");
	assert_int_equal(store_run(s, &final, 1).code, 0);
	put(s, "a", "new");
	put(s, "c", "1");
	(void)snprintf(copy, sizeof(copy), "%s", journal_take(&live));
	assert_string_equal(
		copy, "A ns/a=1@1 M ns/a=2@2 A ns/b=1@3 D ns/a=2@4 D ns/b=final@5 A ns/a=new@6 A ns/c=1@7 ");
	for (int reopened = 0; reopened < 2; reopened++) {
		watch(s, &late, NULL, NULL, 0);
		store_dispatch(s);
		assert_string_equal(journal_take(&late), copy);
		end(&late);
		end(&live);
		store_reopen(s);
		watch(s, &live, NULL, NULL, 7);
	}
	end(&live);
}

static void forgetting_leaves_only_the_marker_in_the_log(void **state)
{
	struct store *s = *state;
	struct journal j;

	put(s, "a", "secret-1");
	put(s, "a", "secret-2");
	put(s, "b", "1");
	forget(s, "a");
	watch(s, &j, "pods", NULL, 0);
	store_dispatch(s);
	assert_string_equal(journal_take(&j), "A ns/b=1@3 L ns/a=@4 ");
	end(&j);
}

static void a_forgotten_body_is_nowhere_in_the_files(void **state)
{
	static const char secret[] = "correct horse battery staple";
	struct store *s = *state;
	char *big = malloc(20000), path[128];

	assert_non_null(big);
	for (size_t i = 0; i + sizeof(secret) < 20000; i += sizeof(secret))
		memcpy(big + i, secret, sizeof(secret));
	big[19999 / sizeof(secret) * sizeof(secret)] = '\0';
	for (size_t i = 0; i < 19000; i++)
		if (!big[i])
			big[i] = ' ';
	big[19000] = '\0';
	put(s, "b", "x");
	put(s, "a", big);
	put(s, "a", secret);
	forget(s, "a");
	for (int wal = 0; wal < 2; wal++) {
		FILE *file;
		size_t len;
		char *all = calloc(1, 4 << 20);

		assert_non_null(all);
		(void)snprintf(path, sizeof(path), "%s%s", s->path, wal ? "-wal" : "");
		file = fopen(path, "rb");
		assert_non_null(file);
		len = fread(all, 1, 4 << 20, file);
		assert_null(memmem(all, len, secret, strlen(secret)));
		if (!wal)
			assert_non_null(memmem(all, len, "SQLite", 6));
		(void)fclose(file);
		free(all);
	}
	free(big);
}

static void watches_are_told_only_of_what_they_asked_for(void **state)
{
	struct store *s = *state;
	struct journal pods, ns, all;
	struct cache_op ops[] = { { .type = CACHE_PUT, .object = thing("pods", "a", "x", "u", "1", NULL) },
				  { .type = CACHE_PUT, .object = thing("pods", "b", "x", "u", "1", NULL) },
				  { .type = CACHE_PUT, .object = thing("nodes", "", "n", "u", "1", NULL) } };

	watch(s, &pods, "pods", NULL, 0);
	watch(s, &ns, "pods", "b", 0);
	watch(s, &all, NULL, NULL, 0);
	assert_int_equal(store_run(s, ops, 3).code, 0);
	assert_string_equal(journal_take(&pods), "A a/x=1@1 A b/x=1@2 ");
	assert_string_equal(journal_take(&ns), "A b/x=1@2 ");
	assert_string_equal(journal_take(&all), "A a/x=1@1 A b/x=1@2 A /n=1@3 ");
	assert_int_equal(cache_watch_position(ns.watch), 3);
	end(&ns);
	watch(s, &ns, "pods", "b", 0); /* from the log */
	store_dispatch(s);
	assert_string_equal(journal_take(&ns), "A b/x=1@2 ");
	assert_int_equal(cache_watch_position(ns.watch), 3);
	end(&pods);
	end(&ns);
	end(&all);
}

static int check_previous(void *ctx, const struct change *change)
{
	unsigned *seen = ctx;

	if (change->type == CHANGE_ADDED)
		return 0;
	assert_non_null(change->previous);
	assert_string_equal(pairs_get(change->previous->fields, "spec.nodeName"), *seen == 0 ? "n1" : "n2");
	(*seen)++;
	return 0;
}

static void changes_carry_the_fields_of_the_state_before(void **state)
{
	static const struct cache_watch_events events = { .on_change = check_previous };
	struct store *s = *state;
	struct cache_watch *live, *late;
	unsigned seen[2] = { 0 };
	struct cache_op op = { .type = CACHE_PUT, .object = thing("pods", "ns", "a", "u", "1", "n1") };

	assert_int_equal(cache_watch_open(s->cache, NULL, NULL, 0, &events, &seen[0], &live), 0);
	assert_int_equal(store_run(s, &op, 1).code, 0);
	op.object = thing("pods", "ns", "a", "u", "1", "n2");
	assert_int_equal(store_run(s, &op, 1).code, 0);
	op = (struct cache_op){ .type = CACHE_DELETE, .object = thing("pods", "ns", "a", "u", "1", "n3") };
	assert_int_equal(store_run(s, &op, 1).code, 0);
	op = (struct cache_op){ .type = CACHE_PUT, .object = thing("pods", "ns", "b", "u", "1", "n2") };
	assert_int_equal(store_run(s, &op, 1).code, 0);
	op = (struct cache_op){ .type = CACHE_FORGET, .key = { "pods", "ns", "b" } };
	assert_int_equal(store_run(s, &op, 1).code, 0);
	assert_int_equal(seen[0], 3);
	assert_int_equal(cache_watch_open(s->cache, NULL, NULL, 0, &events, &seen[1], &late), 0);
	store_dispatch(s);
	/* b's only version was erased: of it the log tells the end alone. */
	assert_int_equal(seen[1], 3);
	cache_watch_close(live);
	cache_watch_close(late);
}

static void a_watch_from_the_future_is_refused(void **state)
{
	struct store *s = *state;
	struct cache_watch *w;

	put(s, "a", "1");
	assert_int_equal(cache_watch_open(s->cache, NULL, NULL, 2, &journal_events, NULL, &w), -EINVAL);
}

/* --- pauses --- */

static void a_paused_watch_goes_on_where_it_stopped(void **state)
{
	struct store *s = *state;
	struct journal j;

	watch(s, &j, "pods", NULL, 0);
	j.pause_every = 1;
	submit_put(s, "a", "1");
	submit_put(s, "a", "2");
	store_dispatch(s);
	assert_string_equal(journal_take(&j), "A ns/a=1@1 ");
	assert_int_equal(cache_watch_position(j.watch), 1);
	put(s, "a", "3");
	store_dispatch(s);
	assert_string_equal(journal_take(&j), "");
	cache_watch_resume(j.watch);
	assert_string_equal(journal_take(&j), ""); /* not from inside */
	store_dispatch(s);
	assert_string_equal(journal_take(&j), "M ns/a=2@2 ");
	j.pause_every = 0;
	cache_watch_resume(j.watch);
	put(s, "a", "4");
	assert_string_equal(journal_take(&j), "M ns/a=3@3 M ns/a=4@4 ");
	put(s, "a", "5"); /* live again */
	assert_string_equal(journal_take(&j), "M ns/a=5@5 ");
	end(&j);
}

static void a_long_backlog_comes_in_pages_and_asks_for_more_time(void **state)
{
	struct store *s = *state;
	struct journal j;
	unsigned rounds = 0;
	char body[16];

	for (int i = 0; i < 1000; i++) {
		(void)snprintf(body, sizeof(body), "%d", i);
		submit_put(s, "a", body);
	}
	store_dispatch(s);
	watch(s, &j, "pods", NULL, 0);
	while (j.changes < 1000) {
		unsigned wakes = s->wakes, before = j.changes;

		store_dispatch(s);
		assert_true(j.changes > before);
		assert_true(j.changes == 1000 || s->wakes > wakes);
		rounds++;
	}
	assert_true(rounds > 1);
	assert_int_equal(cache_watch_position(j.watch), 1000);
	put(s, "b", "x");
	assert_int_equal(j.changes, 1001);
	end(&j);
}

static void a_pause_costs_no_changes_to_others(void **state)
{
	struct store *s = *state;
	struct journal slow, quick;

	watch(s, &slow, "pods", NULL, 0);
	watch(s, &quick, "pods", NULL, 0);
	slow.pause_every = 1;
	put(s, "a", "1");
	put(s, "a", "2");
	assert_string_equal(journal_take(&slow), "A ns/a=1@1 ");
	assert_string_equal(journal_take(&quick), "A ns/a=1@1 M ns/a=2@2 ");
	end(&slow);
	end(&quick);
}

/* --- the window --- */

static void age_log(struct store *s)
{
	s->now_ms += 2 * CACHE_LOG_AGE_MS + 1;
	store_dispatch(s);
}

static void a_watch_older_than_the_window_is_refused(void **state)
{
	struct store *s = *state;
	struct listing l = { 0 };
	struct journal j;
	struct cache_watch *w;

	put(s, "a", "1");
	put(s, "a", "2");
	age_log(s);
	assert_int_equal(cache_oldest(s->cache), 2);
	assert_int_equal(cache_watch_open(s->cache, NULL, NULL, 1, &journal_events, NULL, &w), -ERANGE);
	assert_int_equal(list_into(s, &(struct cache_list){ .resource = "pods", .revision = 1 }, &l),
			 -ERANGE);
	assert_string_equal(list_text(s, &(struct cache_list){ .resource = "pods", .revision = 2 }, &l),
			    "ns/a=2@2 ");
	watch(s, &j, NULL, NULL, 2);
	put(s, "a", "3");
	assert_string_equal(journal_take(&j), "M ns/a=3@3 ");
	end(&j);
	store_reopen(s); /* the window survives */
	assert_int_equal(cache_oldest(s->cache), 2);
	assert_int_equal(list_into(s, &(struct cache_list){ .resource = "pods", .revision = 1 }, &l),
			 -ERANGE);
	buf_done(&l.text);
}

static void the_state_at_the_edge_of_the_window_can_still_be_listed(void **state)
{
	struct store *s = *state;
	struct listing l = { 0 };
	struct journal j;

	put(s, "a", "1");
	put(s, "b", "1");
	put(s, "c", "1");
	delete_pod(s, "c");
	age_log(s);
	assert_int_equal(cache_oldest(s->cache), 4);
	put(s, "a", "2");
	delete_pod(s, "b");
	put(s, "c", "2");
	assert_string_equal(list_text(s, &(struct cache_list){ .resource = "pods", .revision = 4 }, &l),
			    "ns/a=1@1 ns/b=1@2 ");
	watch(s, &j, NULL, NULL, 4);
	store_dispatch(s);
	assert_string_equal(journal_take(&j), "M ns/a=2@5 D ns/b=1@6 A ns/c=2@7 ");
	end(&j);
	buf_done(&l.text);
}

static void a_slow_watch_that_falls_out_is_told_so_once(void **state)
{
	struct store *s = *state;
	struct journal j;

	watch(s, &j, NULL, NULL, 0);
	j.pause_every = 1;
	put(s, "a", "1");
	put(s, "a", "2");
	put(s, "a", "3");
	age_log(s);
	assert_int_equal(j.gone, 0);
	cache_watch_resume(j.watch);
	store_dispatch(s);
	assert_int_equal(j.gone, 1);
	put(s, "a", "4");
	store_dispatch(s);
	assert_int_equal(j.gone, 1);
	assert_string_equal(journal_take(&j), "A ns/a=1@1 ");
	end(&j);
}

static void the_log_is_bounded_by_bytes(void **state)
{
	struct store *s = *state;
	struct cache_stats stats;
	char body[1001];

	s->options.log_max_bytes = 64 * 1024;
	store_reopen(s);
	for (int i = 0; i < 1000; i++) {
		memset(body, 'a' + i % 26, 1000);
		body[1000] = '\0';
		put(s, "a", body);
	}
	cache_stats(s->cache, &stats);
	assert_true(stats.log_bytes <= 64 * 1024 * 9 / 8);
	assert_true(stats.log_rows > 20 && stats.log_rows < 100);
	assert_int_equal(cache_oldest(s->cache), 1000 - stats.log_rows);
	assert_int_equal(stats.objects, 1);
}

static void a_quiet_store_commits_nothing(void **state)
{
	struct store *s = *state;
	struct cache_stats before, after;

	put(s, "a", "1");
	put(s, "a", "2");
	age_log(s);
	cache_stats(s->cache, &before);
	assert_int_equal(before.log_rows, 0);
	for (int day = 0; day < 30; day++) {
		s->now_ms += 86400000;
		store_dispatch(s);
	}
	cache_stats(s->cache, &after);
	assert_int_equal(after.commits, before.commits);
}

static void objects_outlive_the_window(void **state)
{
	struct store *s = *state;
	struct listing l = { 0 };

	for (int i = 0; i < 5; i++) {
		put(s, "a", i % 2 ? "x" : "y");
		put(s, "b", i % 2 ? "x" : "y");
		age_log(s);
	}
	assert_string_equal(list_text(s, &(struct cache_list){ .resource = "pods" }, &l),
			    "ns/a=y@9 ns/b=y@10 ");
	store_reopen(s);
	assert_string_equal(list_text(s, &(struct cache_list){ .resource = "pods" }, &l),
			    "ns/a=y@9 ns/b=y@10 ");
	buf_done(&l.text);
}

/* --- callbacks that do things --- */

struct closer {
	struct cache_watch *own, *other;
	unsigned calls;
};

static int close_both(void *ctx, const struct change *change)
{
	struct closer *c = ctx;

	c->calls++;
	cache_watch_close(c->other);
	cache_watch_close(c->own);
	return 0;
}

static void a_callback_may_close_any_watch(void **state)
{
	static const struct cache_watch_events events = { .on_change = close_both };

	for (int lagging = 0; lagging < 2; lagging++) {
		struct store *s = *state;
		struct closer c = { 0 };
		struct journal j;
		uint64_t after = cache_revision(s->cache);

		if (lagging)
			put(s, "a", "1");
		assert_int_equal(cache_watch_open(s->cache, "pods", NULL, after, &events, &c, &c.own), 0);
		watch(s, &j, "pods", NULL, after);
		c.other = j.watch;
		submit_put(s, "a", lagging ? "2" : "x");
		submit_put(s, "a", lagging ? "3" : "y");
		store_dispatch(s);
		store_dispatch(s);
		assert_int_equal(c.calls, 1);
		assert_int_equal(j.changes, 0);
		buf_done(&j.text);
	}
}

struct opener {
	struct store *s;
	struct journal inner;
	bool is_open;
};

static int open_inside(void *ctx, const struct change *change)
{
	struct opener *o = ctx;

	if (!o->is_open) {
		o->is_open = true;
		watch(o->s, &o->inner, "pods", NULL, change->revision);
	}
	return 0;
}

static void a_watch_opened_in_the_middle_of_a_delivery_misses_nothing(void **state)
{
	static const struct cache_watch_events events = { .on_change = open_inside };
	struct opener o = { .s = *state };
	struct cache_watch *w;

	assert_int_equal(cache_watch_open(o.s->cache, "pods", NULL, 0, &events, &o, &w), 0);
	submit_put(o.s, "a", "1");
	submit_put(o.s, "a", "2");
	submit_put(o.s, "a", "3");
	store_dispatch(o.s);
	store_dispatch(o.s);
	assert_string_equal(journal_take(&o.inner), "M ns/a=2@2 M ns/a=3@3 ");
	put(o.s, "a", "4");
	assert_string_equal(journal_take(&o.inner), "M ns/a=4@4 ");
	cache_watch_close(w);
	end(&o.inner);
}

static void changes_come_before_the_completion(void **state)
{
	struct store *s = *state;
	struct journal j;
	struct cache_op op = { .type = CACHE_PUT, .object = pod("a", "u", "1") };

	watch(s, &j, NULL, NULL, 0);
	assert_int_equal(store_run(s, &op, 1).calls, 1);
	assert_int_equal(j.changes, 1);
	assert_int_equal(cache_watch_position(j.watch), 1);
	end(&j);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_watch_sees_every_change_between_two_states),
		TEST(nothing_is_told_before_dispatch),
		TEST(the_log_tells_the_same_as_the_live_watch),
		TEST(forgetting_leaves_only_the_marker_in_the_log),
		TEST(a_forgotten_body_is_nowhere_in_the_files),
		TEST(watches_are_told_only_of_what_they_asked_for),
		TEST(changes_carry_the_fields_of_the_state_before),
		TEST(a_watch_from_the_future_is_refused),
		TEST(a_paused_watch_goes_on_where_it_stopped),
		TEST(a_long_backlog_comes_in_pages_and_asks_for_more_time),
		TEST(a_pause_costs_no_changes_to_others),
		TEST(a_watch_older_than_the_window_is_refused),
		TEST(the_state_at_the_edge_of_the_window_can_still_be_listed),
		TEST(a_slow_watch_that_falls_out_is_told_so_once),
		TEST(the_log_is_bounded_by_bytes),
		TEST(a_quiet_store_commits_nothing),
		TEST(objects_outlive_the_window),
		TEST(a_callback_may_close_any_watch),
		TEST(a_watch_opened_in_the_middle_of_a_delivery_misses_nothing),
		TEST(changes_come_before_the_completion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
