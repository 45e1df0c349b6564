/* The writer thread: grouping, wake-ups, closing, and a process killed in the middle of its commits. */
#include "tests/unit/cache/store.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 20000

struct threaded {
	struct store store;
	int wake_fd;
};

static void wake(void *ctx)
{
	const struct threaded *t = ctx;
	uint64_t one = 1;

	assert_int_equal(write(t->wake_fd, &one, sizeof(one)), sizeof(one));
}

static int setup(void **state)
{
	struct threaded *t = calloc(1, sizeof(*t));
	void *store;

	assert_non_null(t);
	assert_int_equal(store_setup(&store), 0);
	t->store = *(struct store *)store;
	free(store);
	store_close(&t->store);
	t->wake_fd = eventfd(0, EFD_CLOEXEC);
	assert_true(t->wake_fd >= 0);
	t->store.options.path = t->store.path;
	t->store.options.inline_commits = false;
	t->store.options.wake = wake;
	t->store.options.wake_ctx = t;
	store_open(&t->store);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct threaded *t = *state;
	struct store *s = malloc(sizeof(*s));
	void *store = s;

	assert_non_null(s);
	*s = t->store;
	assert_int_equal(store_teardown(&store), 0);
	(void)close(t->wake_fd);
	free(t);
	return 0;
}

/* Sleeps until woken, then dispatches. */
static void turn(struct threaded *t)
{
	struct pollfd pfd = { .fd = t->wake_fd, .events = POLLIN };
	uint64_t count;

	assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
	assert_int_equal(read(t->wake_fd, &count, sizeof(count)), sizeof(count));
	store_dispatch(&t->store);
}

static void submit(struct threaded *t, const char *name, const char *body, struct outcome *outcome)
{
	struct cache_op op = { .type = CACHE_PUT, .object = pod(name, "uid", body) };

	assert_int_equal(cache_submit(t->store.cache, &op, 1, outcome_done, outcome), 0);
}

static void a_commit_wakes_the_loop_and_dispatch_completes_it(void **state)
{
	struct threaded *t = *state;
	struct outcome outcome = { 0 };
	struct journal j;

	journal_init(&j);
	assert_int_equal(cache_watch_open(t->store.cache, "pods", NULL, 0, &journal_events, &j, &j.watch), 0);
	submit(t, "a", "1", &outcome);
	while (!outcome.calls)
		turn(t);
	assert_int_equal(outcome.code, 0);
	assert_string_equal(journal_take(&j), "A ns/a=1@1 ");
	assert_int_equal(cache_revision(t->store.cache), 1);
	cache_watch_close(j.watch);
	buf_done(&j.text);
}

static void many_writes_share_few_commits(void **state)
{
	enum { COUNT = 2000 };
	struct threaded *t = *state;
	struct outcome *outcomes = calloc(COUNT, sizeof(*outcomes));
	struct cache_stats stats;
	struct journal j;
	char name[16];

	assert_non_null(outcomes);
	journal_init(&j);
	assert_int_equal(cache_watch_open(t->store.cache, "pods", NULL, 0, &journal_events, &j, &j.watch), 0);
	for (int i = 0; i < COUNT; i++) {
		(void)snprintf(name, sizeof(name), "p%d", i);
		submit(t, name, "1", &outcomes[i]);
	}
	while (!outcomes[COUNT - 1].calls)
		turn(t);
	cache_stats(t->store.cache, &stats);
	assert_true(stats.commits < COUNT / 4);
	assert_int_equal(stats.queue_length, 0);
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(outcomes[i].calls, 1);
		assert_int_equal(outcomes[i].revision, i + 1);
	}
	assert_int_equal(j.changes, COUNT);
	cache_watch_close(j.watch);
	buf_done(&j.text);
	free(outcomes);
}

static void close_commits_what_is_queued_and_completes_it(void **state)
{
	enum { COUNT = 100 };
	struct threaded *t = *state;
	struct outcome outcomes[COUNT] = { 0 };
	char name[16];

	for (int i = 0; i < COUNT; i++) {
		(void)snprintf(name, sizeof(name), "p%d", i);
		submit(t, name, "1", &outcomes[i]);
	}
	store_close(&t->store);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(outcomes[i].calls, 1);
	store_open(&t->store);
	assert_int_equal(get(&t->store, "p99", NULL, NULL), 0);
}

struct resubmit {
	struct threaded *t;
	struct outcome outcome;
	int code;
};

static void submit_again(void *ctx, const struct cache_result *result)
{
	struct resubmit *r = ctx;
	struct cache_op op = { .type = CACHE_PUT, .object = pod("again", "u", "x") };

	outcome_done(&r->outcome, result);
	r->code = cache_submit(r->t->store.cache, &op, 1, NULL, NULL);
}

static void a_completion_may_submit_but_not_while_closing(void **state)
{
	struct resubmit r = { .t = *state };
	struct cache_op op = { .type = CACHE_PUT, .object = pod("a", "u", "x") };

	assert_int_equal(cache_submit(r.t->store.cache, &op, 1, submit_again, &r), 0);
	while (!r.outcome.calls)
		turn(r.t);
	assert_int_equal(r.code, 0);
	op.object = pod("a", "u", "y");
	assert_int_equal(cache_submit(r.t->store.cache, &op, 1, submit_again, &r), 0);
	store_close(&r.t->store);
	assert_int_equal(r.outcome.calls, 2);
	assert_int_equal(r.code, -ESHUTDOWN);
	store_open(&r.t->store);
	assert_int_equal(get(&r.t->store, "again", NULL, NULL), 0);
}

static void reads_go_on_while_writes_are_committed(void **state)
{
	struct threaded *t = *state;
	struct outcome outcomes[200] = { 0 };
	uint64_t revision = 0, before = 0;
	char body[16];

	for (int i = 0; i < 200; i++) {
		(void)snprintf(body, sizeof(body), "%d", i);
		submit(t, "a", body, &outcomes[i]);
		if (get(&t->store, "a", &revision, NULL) == 0) {
			assert_true(revision >= before);
			before = revision;
		}
	}
	while (!outcomes[199].calls)
		turn(t);
	assert_int_equal(get(&t->store, "a", &revision, NULL), 0);
	assert_int_equal(revision, 200);
}

static void list_then_watch_misses_nothing_even_before_delivery(void **state)
{
	struct threaded *t = *state;
	struct journal j;
	struct listing l = { 0 };
	struct outcome outcome = { 0 };

	submit(t, "a", "1", &outcome);
	do { /* the reader may see the commit before it is delivered */
		(void)list_text(&t->store, &(struct cache_list){ .resource = "pods" }, &l);
	} while (l.revision == 0);
	assert_int_equal(cache_revision(t->store.cache), 0);
	journal_init(&j);
	j.last = l.revision;
	assert_int_equal(cache_watch_open(t->store.cache, "pods", NULL, l.revision, &journal_events, &j,
					  &j.watch),
			 0);
	while (!outcome.calls)
		turn(t);
	assert_int_equal(j.changes, 0);
	outcome = (struct outcome){ 0 };
	submit(t, "a", "2", &outcome);
	while (!outcome.calls)
		turn(t);
	assert_string_equal(journal_take(&j), "M ns/a=2@2 ");
	cache_watch_close(j.watch);
	buf_done(&j.text);
	buf_done(&l.text);
}

static void note_code(void *ctx, int code)
{
	*(int *)ctx = code;
}

static void a_snapshot_is_taken_while_writes_go_on(void **state)
{
	struct threaded *t = *state;
	struct outcome outcomes[300] = { 0 };
	char path[128], body[16];
	int code = 1;

	(void)snprintf(path, sizeof(path), "%s.good", t->store.path);
	for (int i = 0; i < 300; i++) {
		(void)snprintf(body, sizeof(body), "%d", i);
		submit(t, "a", body, &outcomes[i]);
		if (i == 100)
			assert_int_equal(cache_snapshot(t->store.cache, path, note_code, &code), 0);
	}
	while (!outcomes[299].calls || code == 1)
		turn(t);
	assert_int_equal(code, 0);
	assert_int_equal(outcomes[299].code, 0);
	store_close(&t->store);
	t->store.options.path = path;
	store_open(&t->store);
	assert_true(cache_revision(t->store.cache) <= 300);
	t->store.options.path = t->store.path;
}

/* --- kill -9 --- */

struct ack {
	int fd;
	uint32_t number;
};

static void acknowledge(void *ctx, const struct cache_result *result)
{
	struct ack *ack = ctx;

	if (result->code == 0 && write(ack->fd, &ack->number, sizeof(ack->number)) != sizeof(ack->number))
		_exit(3);
	free(ack);
}

/* Writes until it is killed; each number goes to the pipe once its write is acknowledged. */
static _Noreturn void write_forever(struct threaded *t, int fd)
{
	char name[16];

	store_open(&t->store);
	for (uint32_t i = 0;; i++) {
		struct ack *ack = malloc(sizeof(*ack));
		struct cache_op op;

		if (!ack)
			_exit(2);
		*ack = (struct ack){ fd, i };
		(void)snprintf(name, sizeof(name), "p%u", i);
		op = (struct cache_op){ .type = CACHE_CREATE, .object = pod(name, "u", "x") };
		while (cache_submit(t->store.cache, &op, 1, acknowledge, ack) == -EAGAIN) {
			store_dispatch(&t->store);
			op.object = pod(name, "u", "x");
		}
		if (i % 16 == 0)
			store_dispatch(&t->store);
	}
}

static uint32_t read_acks_then_kill(pid_t child, int fd, uint32_t enough)
{
	uint32_t numbers[256], count = 0;
	ssize_t len;
	bool is_killed = false;

	while ((len = read(fd, numbers, sizeof(numbers))) > 0) {
		count += (uint32_t)((size_t)len / sizeof(numbers[0]));
		if (count >= enough && !is_killed) {
			assert_int_equal(kill(child, SIGKILL), 0);
			is_killed = true;
		}
	}
	assert_true(is_killed);
	assert_int_equal(waitpid(child, NULL, 0), child);
	return count;
}

static void a_killed_process_loses_no_acknowledged_write(void **state)
{
	struct threaded *t = *state;
	uint64_t total = 0;

	for (uint32_t round = 1; round <= 4; round++) {
		char name[16];
		uint32_t acknowledged;
		int fds[2];
		pid_t child;

		store_close(&t->store);
		(void)unlink(t->store.path);
		assert_int_equal(pipe(fds), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			(void)close(fds[0]);
			write_forever(t, fds[1]);
		}
		(void)close(fds[1]);
		acknowledged = read_acks_then_kill(child, fds[0], round * 173);
		(void)close(fds[0]);
		store_open(&t->store);
		for (uint32_t i = 0; i < acknowledged; i++) {
			(void)snprintf(name, sizeof(name), "p%u", i);
			assert_int_equal(get(&t->store, name, NULL, NULL), 0);
		}
		assert_int_equal(cache_count(t->store.cache, "pods", NULL, &total), 0);
		assert_int_equal(total, cache_revision(t->store.cache)); /* nothing half-done */
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_commit_wakes_the_loop_and_dispatch_completes_it),
		TEST(many_writes_share_few_commits),
		TEST(close_commits_what_is_queued_and_completes_it),
		TEST(a_completion_may_submit_but_not_while_closing),
		TEST(reads_go_on_while_writes_are_committed),
		TEST(list_then_watch_misses_nothing_even_before_delivery),
		TEST(a_snapshot_is_taken_while_writes_go_on),
		TEST(a_killed_process_loses_no_acknowledged_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
