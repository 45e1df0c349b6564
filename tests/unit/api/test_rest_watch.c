/* WATCH: from nothing, from a state, from a revision; selections that objects enter and leave; slow
 * watchers. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/api/rig.h"

#define EVENTS_MAX 65536

static struct answer *watch(struct rig *rig, const char *target)
{
	struct answer *a = start(rig, "GET", target, NULL, 0);

	rig_dispatch(rig);
	return a;
}

static uint64_t newest(struct rig *rig)
{
	return cache_revision(rig->cache);
}

static void expect_events(struct rig *rig, struct answer *a, const char *fmt, ...) printf_like(3, 4);

static void expect_events(struct rig *rig, struct answer *a, const char *fmt, ...)
{
	static char got[EVENTS_MAX], want[EVENTS_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(want, sizeof(want), fmt, args);
	va_end(args);
	rig_dispatch(rig);
	assert_string_equal(events_of(a, got, sizeof(got)), want);
}

static void make(struct rig *rig, const char *name, const char *label)
{
	char body[256];

	(void)snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\",\"labels\":{\"l\":\"%s\"}}}", name,
		       label);
	expect_code(rig, 201, "POST", MAPS, body);
}

static void relabel(struct rig *rig, const char *name, const char *label)
{
	char target[128], body[256];

	(void)snprintf(target, sizeof(target), MAPS "/%s", name);
	(void)snprintf(body, sizeof(body), "{\"metadata\":{\"labels\":{\"l\":\"%s\"}}}", label);
	expect_code(rig, 200, "PATCH", target, body);
}

static void a_watch_without_a_revision_begins_with_the_state(void **state)
{
	struct rig *rig = *state;

	make(rig, "a", "x");
	uint64_t a_rev = newest(rig);

	make(rig, "b", "x");
	struct answer *w = watch(rig, MAPS "?watch=true");

	assert_int_equal(w->code, 200);
	assert_string_equal(w->type, "application/json");
	expect_events(rig, w, "ADDED a@%" PRIu64 ",ADDED b@%" PRIu64, a_rev, newest(rig));
	relabel(rig, "a", "y");
	expect_events(rig, w, "MODIFIED a@%" PRIu64, newest(rig));
	expect_code(rig, 200, "DELETE", MAPS "/b", NULL);
	expect_events(rig, w, "DELETED b@%" PRIu64, newest(rig));
	assert_false(w->ended);
	answer_free(w);
}

static void a_watch_from_a_revision_sees_every_change_since(void **state)
{
	struct rig *rig = *state;
	char target[256];

	make(rig, "a", "1");
	uint64_t from = newest(rig);

	relabel(rig, "a", "2");
	relabel(rig, "a", "3");
	expect_code(rig, 200, "DELETE", MAPS "/a", NULL);
	make(rig, "a", "4");
	(void)snprintf(target, sizeof(target), MAPS "?watch=1&resourceVersion=%" PRIu64, from);
	struct answer *w = watch(rig, target);

	expect_events(rig, w,
		      "MODIFIED a@%" PRIu64 ",MODIFIED a@%" PRIu64 ",DELETED a@%" PRIu64 ",ADDED a@%" PRIu64,
		      from + 1, from + 2, from + 3, from + 4);
	answer_free(w);
	/* Also after a restart. */
	rig_reopen(rig);
	w = watch(rig, target);
	expect_events(rig, w,
		      "MODIFIED a@%" PRIu64 ",MODIFIED a@%" PRIu64 ",DELETED a@%" PRIu64 ",ADDED a@%" PRIu64,
		      from + 1, from + 2, from + 3, from + 4);
	answer_free(w);
}

static void objects_enter_and_leave_a_selection(void **state)
{
	struct rig *rig = *state;
	struct answer *w = watch(rig, MAPS "?watch=true&labelSelector=l%3Din");

	make(rig, "a", "out");
	expect_events(rig, w, "%s", "");
	relabel(rig, "a", "in");
	expect_events(rig, w, "ADDED a@%" PRIu64, newest(rig));
	relabel(rig, "a", "out");
	struct answer *copy = w;

	rig_dispatch(rig);
	assert_non_null(
		strstr(buf_cstr(&copy->body), "\"l\":\"in\"")); /* as it was when it was last selected */
	expect_events(rig, w, "DELETED a@%" PRIu64, newest(rig));
	expect_code(rig, 200, "DELETE", MAPS "/a", NULL);
	expect_events(rig, w, "%s", "");
	answer_free(w);
}

static void a_field_selection_follows_the_binding_of_pods(void **state)
{
	struct rig *rig = *state;
	struct answer *w = watch(rig, "/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3Dn1");

	expect_code(rig, 201, "POST", PODS, POD("p", ""));
	expect_events(rig, w, "%s", "");
	expect_code(rig, 201, "POST", PODS "/p/binding", "{\"target\":{\"kind\":\"Node\",\"name\":\"n1\"}}");
	expect_events(rig, w, "ADDED p@%" PRIu64, newest(rig));
	answer_free(w);
}

static void one_object_can_be_watched_by_name(void **state)
{
	struct rig *rig = *state;

	make(rig, "a", "x");
	make(rig, "b", "x");
	uint64_t before = newest(rig);
	struct answer *w = watch(rig, MAPS "?watch=true&fieldSelector=metadata.name%3Db");

	expect_events(rig, w, "ADDED b@%" PRIu64, before);
	relabel(rig, "a", "y");
	relabel(rig, "b", "y");
	expect_events(rig, w, "MODIFIED b@%" PRIu64, newest(rig));
	answer_free(w);
}

static void namespaces_are_kept_apart(void **state)
{
	struct rig *rig = *state;
	struct answer *here = watch(rig, "/api/v1/namespaces/default/configmaps?watch=true"),
		      *all = watch(rig, "/api/v1/configmaps?watch=true");

	make(rig, "a", "x");
	expect_events(rig, here, "%s", "");
	expect_events(rig, all, "ADDED a@%" PRIu64, newest(rig));
	answer_free(here);
	answer_free(all);
}

static void bookmarks_come_every_minute_where_allowed(void **state)
{
	struct rig *rig = *state;
	struct answer *with = watch(rig, MAPS "?watch=true&allowWatchBookmarks=true"),
		      *without = watch(rig, MAPS "?watch=true");

	expect_code(rig, 201, "POST", PODS, POD("elsewhere", ""));
	rig_pass(rig, API_BOOKMARK_MS);
	expect_events(rig, with, "BOOKMARK @%" PRIu64, newest(rig));
	expect_events(rig, without, "%s", "");
	rig_pass(rig, API_BOOKMARK_MS);
	expect_events(rig, with, "BOOKMARK @%" PRIu64, newest(rig));
	answer_free(with);
	answer_free(without);
}

static void a_timeout_ends_the_watch_with_a_bookmark(void **state)
{
	struct rig *rig = *state;
	struct answer *w = watch(rig, MAPS "?watch=true&allowWatchBookmarks=true&timeoutSeconds=10");

	assert_true(api_next_due(rig->api) <= rig->mono_ms + 10000);
	rig_pass(rig, 9999);
	assert_false(w->ended);
	rig_pass(rig, 1);
	assert_true(w->ended);
	expect_events(rig, w, "BOOKMARK @%" PRIu64, newest(rig));
	answer_free(w);
	/* Without one it ends by itself within the hour. */
	w = watch(rig, MAPS "?watch=true");
	rig_pass(rig, API_WATCH_MIN_MS - 1);
	assert_false(w->ended);
	rig_pass(rig, API_WATCH_MIN_MS + 1);
	assert_true(w->ended);
	answer_free(w);
}

static void initial_events_end_with_an_annotated_bookmark(void **state)
{
	struct rig *rig = *state;

	make(rig, "a", "x");
	struct answer *w = watch(rig, MAPS "?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&"
					   "resourceVersionMatch=NotOlderThan");

	assert_non_null(strstr(buf_cstr(&w->body), "\"k8s.io/initial-events-end\":\"true\""));
	expect_events(rig, w, "ADDED a@%" PRIu64 ",BOOKMARK @%" PRIu64, newest(rig), newest(rig));
	answer_free(w);
	expect_status(rig, 422, "Invalid",
		      "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan", "GET",
		      MAPS "?watch=true&sendInitialEvents=true", NULL);
	expect_status(rig, 422, "Invalid", "resourceVersionMatch is forbidden for watch", "GET",
		      MAPS "?watch=true&resourceVersionMatch=NotOlderThan&resourceVersion=1", NULL);
	w = watch(rig, MAPS "?watch=true&sendInitialEvents=false&resourceVersionMatch=NotOlderThan");
	expect_events(rig, w, "%s", "");
	answer_free(w);
}

static void leave_the_window(struct rig *rig)
{
	for (int i = 0; i < 50; i++) {
		char label[16];

		rig_pass(rig, 2 * CACHE_LOG_AGE_MS);
		(void)snprintf(label, sizeof(label), "w%d", i);
		relabel(rig, "a", label);
	}
	rig_pass(rig, 2 * CACHE_LOG_AGE_MS);
}

static void a_revision_past_the_window_is_gone(void **state)
{
	struct rig *rig = *state;
	char target[256];

	make(rig, "a", "x");
	uint64_t from = newest(rig);

	leave_the_window(rig);
	(void)snprintf(target, sizeof(target), MAPS "?watch=true&resourceVersion=%" PRIu64, from);
	struct answer *w = watch(rig, target);

	assert_int_equal(w->code, 200);
	assert_true(w->ended);
	assert_non_null(strstr(buf_cstr(&w->body), "\"reason\":\"Expired\""));
	expect_events(rig, w, "ERROR 410");
	answer_free(w);
}

static void a_revision_of_the_future_is_too_large(void **state)
{
	struct rig *rig = *state;
	char target[256];

	(void)snprintf(target, sizeof(target), MAPS "?watch=true&resourceVersion=%" PRIu64, newest(rig) + 5);
	expect_status(rig, 504, "Timeout", "Too large resource version", "GET", target, NULL);
}

static void a_slow_watcher_misses_nothing(void **state)
{
	struct rig *rig = *state;
	struct answer *w = start(rig, "GET", MAPS "?watch=true", NULL, 2);
	uint64_t first;

	rig_dispatch(rig);
	make(rig, "a", "1");
	first = newest(rig);
	relabel(rig, "a", "2");
	relabel(rig, "a", "3");
	rig_dispatch(rig);
	/* The second write said full: nothing after it until the client drains, one at a time. */
	expect_events(rig, w, "ADDED a@%" PRIu64 ",MODIFIED a@%" PRIu64, first, first + 1);
	rig_dispatch(rig);
	expect_events(rig, w, "%s", "");
	w->full_from = 0;
	api_call_drained(w->call);
	expect_events(rig, w, "MODIFIED a@%" PRIu64, first + 2);
	answer_free(w);
}

static void a_watcher_too_slow_for_the_window_is_told(void **state)
{
	struct rig *rig = *state;
	struct api_stats stats;
	struct answer *w = start(rig, "GET", MAPS "?watch=true&timeoutSeconds=9999999", NULL, 1);

	make(rig, "a", "1");
	rig_dispatch(rig);
	leave_the_window(rig);
	buf_reset(&w->body);
	w->full_from = 0;
	api_call_drained(w->call);
	rig_dispatch(rig);
	assert_true(w->ended);
	expect_events(rig, w, "ERROR 410");
	api_stats(rig->api, &stats);
	assert_int_equal(stats.watches, 0);
	assert_int_equal(stats.watches_expired, 1);
	answer_free(w);
}

static void a_slow_watcher_gets_its_initial_state_bit_by_bit(void **state)
{
	struct rig *rig = *state;

	make(rig, "a", "x");
	make(rig, "b", "x");
	make(rig, "c", "x");
	uint64_t last = newest(rig);
	struct answer *w = start(rig, "GET", MAPS "?watch=true", NULL, 1);

	expect_events(rig, w, "ADDED a@%" PRIu64, last - 2);
	/* A change in the middle of it comes after it, as a change. */
	relabel(rig, "c", "y");
	api_call_drained(w->call);
	expect_events(rig, w, "ADDED b@%" PRIu64, last - 1);
	w->full_from = 0;
	api_call_drained(w->call);
	expect_events(rig, w, "ADDED c@%" PRIu64 ",MODIFIED c@%" PRIu64, last, last + 1);
	answer_free(w);
}

static void tables_are_watched_too(void **state)
{
	struct rig *rig = *state;

	make(rig, "a", "x");
	rig->accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
	struct answer *w = watch(rig, MAPS "?watch=true"), *other = watch(rig, MAPS "?watch=true");

	rig->accept = NULL;
	relabel(rig, "a", "y");
	rig_dispatch(rig);
	const char *text = buf_cstr(&w->body);
	const char *second = strchr(text, '\n') + 1;

	assert_non_null(strstr(text, "\"columnDefinitions\":[{"));
	assert_null(strstr(second, "\"columnDefinitions\":[{"));
	assert_non_null(strstr(second, "{\"type\":\"MODIFIED\",\"object\":{\"kind\":\"Table\""));
	assert_non_null(strstr(second, "\"cells\":[\"a\""));
	assert_string_equal(text, buf_cstr(&other->body));
	answer_free(w);
	answer_free(other);
}

static void both_groups_of_events_see_the_same_objects(void **state)
{
	struct rig *rig = *state;
	struct answer *old = watch(rig, "/api/v1/events?watch=true"),
		      *new = watch(rig, "/apis/events.k8s.io/v1/events?watch=true");

	expect_code(rig, 201, "POST", "/api/v1/namespaces/web/events",
		    "{\"metadata\":{\"name\":\"e\",\"namespace\":\"web\"},\"involvedObject\":{\"kind\":"
		    "\"Pod\",\"name\":\"p\","
		    "\"namespace\":\"web\"},\"message\":\"said\",\"type\":\"Normal\"}");
	rig_dispatch(rig);
	assert_non_null(strstr(buf_cstr(&old->body), "\"message\":\"said\""));
	assert_non_null(strstr(buf_cstr(&new->body), "\"note\":\"said\""));
	assert_non_null(strstr(buf_cstr(&new->body), "events.k8s.io/v1"));
	answer_free(old);
	answer_free(new);
}

static void watches_are_counted_and_bounded(void **state)
{
	struct rig *rig = *state;
	struct api_stats stats;

	rig->options.watches_max = 2;
	rig_restart_api(rig);
	struct answer *a = watch(rig, MAPS "?watch=true"), *b = watch(rig, MAPS "?watch=true");

	expect_status(rig, 429, "TooManyRequests", "watches", "GET", MAPS "?watch=true", NULL);
	answer_free(a);
	a = watch(rig, MAPS "?watch=true");
	assert_int_equal(a->code, 200);
	api_stats(rig->api, &stats);
	assert_int_equal(stats.watches, 2);
	api_end_watches(rig->api);
	assert_true(a->ended && b->ended);
	answer_free(a);
	answer_free(b);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_watch_without_a_revision_begins_with_the_state),
		TEST(a_watch_from_a_revision_sees_every_change_since),
		TEST(objects_enter_and_leave_a_selection),
		TEST(a_field_selection_follows_the_binding_of_pods),
		TEST(one_object_can_be_watched_by_name),
		TEST(namespaces_are_kept_apart),
		TEST(bookmarks_come_every_minute_where_allowed),
		TEST(a_timeout_ends_the_watch_with_a_bookmark),
		TEST(initial_events_end_with_an_annotated_bookmark),
		TEST(a_revision_past_the_window_is_gone),
		TEST(a_revision_of_the_future_is_too_large),
		TEST(a_slow_watcher_misses_nothing),
		TEST(a_watcher_too_slow_for_the_window_is_told),
		TEST(a_slow_watcher_gets_its_initial_state_bit_by_bit),
		TEST(tables_are_watched_too),
		TEST(both_groups_of_events_see_the_same_objects),
		TEST(watches_are_counted_and_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
