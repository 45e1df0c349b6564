/* The durable outbox: order, replacement, acknowledgement, restart, and what goes when it is full. */
#include "edge-hub/outbox/outbox.h"
#include "tests/tools/tempdir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define WALL 1700000000000LL

struct world {
	char dir[64], path[96];
	struct cache *cache;
	struct outbox *outbox;
	struct mux *edge, *cloud;
	uint64_t applied;
	/* What the cloud saw, in order: "EFFECT name body". */
	struct buf seen;
	struct outbox_receiver *receiver;
	bool answer; /* acknowledges at once */
	int done_code;
	unsigned done;
};

static void open_world(struct world *w, uint64_t max_bytes)
{
	struct cache_options options = { .path = w->path, .inline_commits = true };
	struct err err = { 0 };

	options.wake = NULL;
	assert_int_equal(cache_open(&options, &w->cache, &err), 0);
	assert_int_equal(outbox_open(w->cache, max_bytes, &w->outbox, &err), 0);
	cache_dispatch(w->cache, WALL);
}

static void close_world(struct world *w)
{
	cache_dispatch(w->cache, WALL);
	outbox_free(w->outbox);
	cache_close(w->cache);
	w->outbox = NULL;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	snprintf(w->dir, sizeof(w->dir), "/tmp/holdfast-outbox-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/replica.db", w->dir);
	buf_init(&w->seen, 1 << 20);
	w->answer = true;
	open_world(w, 1 << 20);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	close_world(w);
	assert_int_equal(tempdir_remove(w->dir), 0);
	buf_done(&w->seen);
	free(w);
	return 0;
}

/* --- a cloud that writes down what it is told --- */

static int apply(void *ctx, const struct outbox_entry *entry)
{
	struct world *w = ctx;
	struct outbox_result result = { .sequence = entry->sequence, .reason = "" };

	buf_addf(&w->seen, "%u %s %.*s\n", entry->effect, entry->key.name, SPAN_ARG(entry->body));
	w->applied = entry->sequence;
	return w->answer ? outbox_receiver_done(w->receiver, &result) : 0;
}

static void carry(struct mux *from, struct mux *to)
{
	struct buf bytes;

	buf_init(&bytes, 4 * MUX_RECORD_MAX);
	while (mux_wants_output(from)) {
		buf_reset(&bytes);
		assert_int_equal(mux_output(from, &bytes, MUX_RECORD_MAX), 0);
		if (!bytes.len)
			break;
		if (to)
			assert_int_equal(mux_input(to, buf_span(&bytes)), 0);
	}
	buf_done(&bytes);
}

static void connect_cloud(struct world *w)
{
	static const struct outbox_apply ops = { .apply = apply };
	struct mux_options dialer = { .dialer = true }, accepter = { 0 };

	assert_int_equal(mux_new(&dialer, &w->edge), 0);
	assert_int_equal(mux_new(&accepter, &w->cloud), 0);
	assert_int_equal(outbox_receiver_new(w->cloud, w->applied, &ops, w, &w->receiver), 0);
	mux_set_channel(w->cloud, MUX_OUTBOX, &outbox_receiver_channel, w->receiver);
	outbox_attach(w->outbox, w->edge, w->applied);
}

static void exchange(struct world *w)
{
	for (int i = 0; i < 8; i++) {
		cache_dispatch(w->cache, WALL);
		carry(w->edge, w->cloud);
		carry(w->cloud, w->edge);
	}
	cache_dispatch(w->cache, WALL);
}

static void disconnect(struct world *w)
{
	outbox_detach(w->outbox);
	mux_set_channel(w->cloud, MUX_OUTBOX, NULL, NULL);
	outbox_receiver_free(w->receiver);
	mux_free(w->edge);
	mux_free(w->cloud);
}

static void on_done(void *ctx, const struct cache_result *result)
{
	struct world *w = ctx;

	w->done++;
	w->done_code = result->code;
}

static int put(struct world *w, enum outbox_effect effect, const char *name, const char *body)
{
	struct outbox_report report = {
		effect, { effect == OUTBOX_EVENT ? "events" : "pods", "default", name }, "", span_of(body), 0
	};
	int code = outbox_put(w->outbox, &report, NULL, 0, on_done, w);

	cache_dispatch(w->cache, WALL);
	return code;
}

static void expect_seen(struct world *w, const char *text)
{
	assert_string_equal(buf_cstr(&w->seen), text);
	buf_reset(&w->seen);
}

/* --- tests --- */

static void test_reports_reach_the_cloud_in_order_and_are_forgotten_when_acknowledged(void **state)
{
	struct world *w = *state;
	struct outbox_stats stats;

	assert_int_equal(put(w, OUTBOX_STATUS, "a", "1"), 0);
	assert_int_equal(put(w, OUTBOX_EVENT, "e", "x"), 0);
	assert_int_equal(put(w, OUTBOX_DELETED, "b", "{}"), 0);
	assert_int_equal(w->done, 3);
	connect_cloud(w);
	exchange(w);
	expect_seen(w, "1 a 1\n2 e x\n3 b {}\n");
	outbox_stats(w->outbox, &stats);
	assert_int_equal(stats.entries, 0);
	assert_int_equal(stats.bytes, 0);
	disconnect(w);
}

static void test_a_newer_status_replaces_one_that_was_never_sent(void **state)
{
	struct world *w = *state;
	struct outbox_stats stats;

	assert_int_equal(put(w, OUTBOX_STATUS, "a", "1"), 0);
	assert_int_equal(put(w, OUTBOX_STATUS, "b", "1"), 0);
	assert_int_equal(put(w, OUTBOX_STATUS, "a", "2"), 0);
	assert_int_equal(put(w, OUTBOX_STATUS, "a", "3"), 0);
	outbox_stats(w->outbox, &stats);
	assert_int_equal(stats.entries, 2);
	assert_int_equal(stats.replaced, 2);
	connect_cloud(w);
	exchange(w);
	expect_seen(w, "1 b 1\n1 a 3\n");
	disconnect(w);
}

static void test_what_may_have_been_sent_never_changes(void **state)
{
	struct world *w = *state;

	assert_int_equal(put(w, OUTBOX_STATUS, "a", "1"), 0);
	w->answer = false; /* the acknowledgement is lost */
	connect_cloud(w);
	exchange(w);
	expect_seen(w, "1 a 1\n");
	disconnect(w);
	assert_int_equal(put(w, OUTBOX_STATUS, "a", "2"), 0);
	w->answer = true;
	connect_cloud(w); /* the cloud says how far it got: only the newer one comes */
	exchange(w);
	expect_seen(w, "1 a 2\n");
	disconnect(w);
}

static void test_reports_survive_a_restart_and_sequences_are_never_used_twice(void **state)
{
	struct world *w = *state;
	char incarnation[64];
	uint64_t applied;

	assert_int_equal(put(w, OUTBOX_STATUS, "a", "1"), 0);
	connect_cloud(w);
	exchange(w);
	expect_seen(w, "1 a 1\n");
	disconnect(w);
	applied = w->applied;
	snprintf(incarnation, sizeof(incarnation), "%s", outbox_incarnation(w->outbox));
	assert_int_equal(put(w, OUTBOX_DELETED, "b", "{}"), 0);
	close_world(w);
	open_world(w, 1 << 20);
	assert_string_equal(outbox_incarnation(w->outbox), incarnation);
	assert_int_equal(put(w, OUTBOX_STATUS, "c", "1"), 0);
	connect_cloud(w);
	exchange(w);
	expect_seen(w, "3 b {}\n1 c 1\n");
	assert_true(w->applied > applied + 1);
	disconnect(w);
	close_world(w);
	open_world(w, 1 << 20);
	assert_int_equal(outbox_acked(w->outbox), w->applied);
	assert_int_equal(put(w, OUTBOX_STATUS, "d", "1"), 0);
	connect_cloud(w);
	exchange(w);
	expect_seen(w, "1 d 1\n");
	disconnect(w);
}

static void test_a_disk_put_back_to_an_older_state_does_not_use_a_sequence_again(void **state)
{
	struct world *w = *state;

	w->applied = 40; /* of this incarnation: the cloud remembers what this disk has forgotten */
	connect_cloud(w);
	exchange(w);
	assert_int_equal(put(w, OUTBOX_STATUS, "a", "1"), 0);
	exchange(w);
	expect_seen(w, "1 a 1\n");
	assert_true(w->applied > 40);
	disconnect(w);
}

static void test_when_full_the_oldest_events_go_and_never_a_status(void **state)
{
	struct world *w = *state;
	struct outbox_stats stats;
	char name[16], body[200];

	close_world(w);
	open_world(w, 4096);
	memset(body, 'x', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "e%d", i);
		assert_int_equal(put(w, OUTBOX_EVENT, name, body), 0);
	}
	outbox_stats(w->outbox, &stats);
	assert_true(stats.bytes <= 4096);
	assert_true(stats.dropped_events > 0);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		assert_int_equal(put(w, OUTBOX_STATUS, name, body), 0);
	}
	assert_int_equal(put(w, OUTBOX_EVENT, "late", body), -ENOSPC);
	connect_cloud(w);
	exchange(w);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "1 p%d ", i);
		assert_non_null(strstr(buf_cstr(&w->seen), name));
	}
	disconnect(w);
}

static void test_a_report_commits_together_with_its_row(void **state)
{
	struct world *w = *state;
	struct object from = { .key = { "pods", "default", "a" },
			       .uid = "u",
			       .origin = 7,
			       .body = SPAN("{\"metadata\":{}}"),
			       .splice = 13 };
	struct outbox_report report = { OUTBOX_STATUS, from.key, "u", SPAN("1"), 7 };
	struct cache_op op = { .type = CACHE_UPDATE, .object = object_new(&from) };
	struct outbox_stats stats;

	assert_non_null(op.object);
	/* There is no such row: neither row nor report. */
	assert_int_equal(outbox_put(w->outbox, &report, &op, 1, on_done, w), 0);
	cache_dispatch(w->cache, WALL);
	assert_int_equal(w->done_code, -ENOENT);
	outbox_stats(w->outbox, &stats);
	assert_int_equal(stats.entries, 0);
	op = (struct cache_op){ .type = CACHE_CREATE, .object = object_new(&from) };
	assert_int_equal(outbox_put(w->outbox, &report, &op, 1, on_done, w), 0);
	cache_dispatch(w->cache, WALL);
	assert_int_equal(w->done_code, 0);
	outbox_stats(w->outbox, &stats);
	assert_int_equal(stats.entries, 1);
}

static void test_a_body_that_cannot_be_kept_is_refused(void **state)
{
	struct world *w = *state;
	char *body = malloc(OUTBOX_BODY_MAX + 2);

	assert_non_null(body);
	memset(body, 'x', OUTBOX_BODY_MAX + 1);
	body[OUTBOX_BODY_MAX + 1] = '\0';
	assert_int_equal(put(w, OUTBOX_STATUS, "a", body), -EMSGSIZE);
	free(body);
	assert_int_equal(put(w, OUTBOX_STATUS, "a", "1"), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_reports_reach_the_cloud_in_order_and_are_forgotten_when_acknowledged),
		T(test_a_newer_status_replaces_one_that_was_never_sent),
		T(test_what_may_have_been_sent_never_changes),
		T(test_reports_survive_a_restart_and_sequences_are_never_used_twice),
		T(test_a_disk_put_back_to_an_older_state_does_not_use_a_sequence_again),
		T(test_when_full_the_oldest_events_go_and_never_a_status),
		T(test_a_report_commits_together_with_its_row),
		T(test_a_body_that_cannot_be_kept_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
