#include "tests/unit/net/fixture.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"

struct seen {
	struct loop *loop;
	unsigned count;
	int number;
	bool done;
	struct timer *timer;
	struct wakeup *wakeup;
	int fd;
	pthread_t thread;
};

static void count(void *ctx)
{
	struct seen *seen = ctx;

	seen->count++;
	seen->done = true;
}

static void timer_fires_once_and_can_be_moved(void **state)
{
	struct seen seen = { 0 };
	uint64_t began;

	assert_int_equal(loop_new(&seen.loop), 0);
	assert_int_equal(timer_new(seen.loop, count, &seen, &seen.timer), 0);
	began = loop_now_ms(seen.loop);
	timer_start(seen.timer, 100000);
	timer_start(seen.timer, 20);
	loop_run(seen.loop); /* returns when nothing is left to wait for */
	assert_int_equal(seen.count, 1);
	assert_in_range(loop_now_ms(seen.loop) - began, 19, 5000);
	timer_start(seen.timer, 5);
	timer_stop(seen.timer);
	loop_run(seen.loop);
	assert_int_equal(seen.count, 1);
	timer_close(seen.timer);
	loop_free(seen.loop);
}

static void close_self(void *ctx)
{
	struct seen *seen = ctx;

	seen->count++;
	timer_close(seen->timer);
}

static void timer_may_close_itself(void **state)
{
	struct seen seen = { 0 };

	assert_int_equal(loop_new(&seen.loop), 0);
	assert_int_equal(timer_new(seen.loop, close_self, &seen, &seen.timer), 0);
	timer_start(seen.timer, 0);
	loop_run(seen.loop);
	assert_int_equal(seen.count, 1);
	timer_close(NULL);
	loop_free(seen.loop);
}

static void *send_wakeups(void *ctx)
{
	struct seen *seen = ctx;

	for (int i = 0; i < 1000; i++)
		wakeup_send(seen->wakeup);
	return NULL;
}

static void wakeup_comes_from_any_thread_and_is_merged(void **state)
{
	struct seen seen = { 0 };

	assert_int_equal(loop_new(&seen.loop), 0);
	assert_int_equal(wakeup_new(seen.loop, count, &seen, &seen.wakeup), 0);
	assert_int_equal(pthread_create(&seen.thread, NULL, send_wakeups, &seen), 0);
	run_until(seen.loop, &seen.done);
	pthread_join(seen.thread, NULL);
	run_for(seen.loop, 5);
	assert_in_range(seen.count, 1, 1000);
	wakeup_close(seen.wakeup);
	loop_free(seen.loop);
}

static void signal_seen(void *ctx, int number)
{
	struct seen *seen = ctx;

	seen->number = number;
	seen->done = true;
}

static void signals_reach_the_loop(void **state)
{
	static const int set[] = { SIGUSR1, SIGUSR2, 0 };
	struct seen seen = { 0 };
	struct signals *signals;

	assert_int_equal(loop_new(&seen.loop), 0);
	assert_int_equal(signals_new(seen.loop, set, signal_seen, &seen, &signals), 0);
	raise(SIGUSR2);
	run_until(seen.loop, &seen.done);
	assert_int_equal(seen.number, SIGUSR2);
	signals_close(signals);
	loop_free(seen.loop);
}

static void drain_fd(void *ctx)
{
	struct seen *seen = ctx;
	char byte;

	assert_int_equal(read(seen->fd, &byte, 1), 1);
	seen->count++;
	seen->done = true;
}

static void fdwatch_reports_readable(void **state)
{
	struct seen seen = { 0 };
	struct fdwatch *watch;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	seen.fd = fds[0];
	assert_int_equal(loop_new(&seen.loop), 0);
	assert_int_equal(fdwatch_new(seen.loop, fds[0], drain_fd, &seen, &watch), 0);
	run_for(seen.loop, 5);
	assert_int_equal(seen.count, 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	run_until(seen.loop, &seen.done);
	fdwatch_close(watch);
	assert_int_equal(write(fds[1], "x", 1), 1);
	run_for(seen.loop, 5);
	assert_int_equal(seen.count, 1);
	loop_free(seen.loop);
	close(fds[0]);
	close(fds[1]);
}

static void work_elsewhere(void *ctx)
{
	struct seen *seen = ctx;

	seen->thread = pthread_self();
}

static void work_runs_elsewhere_and_is_bounded(void **state)
{
	struct seen seen = { 0 }, all[LOOP_WORK_MAX] = { 0 };

	assert_int_equal(loop_new(&seen.loop), 0);
	assert_int_equal(loop_work(seen.loop, work_elsewhere, count, &seen), 0);
	run_until(seen.loop, &seen.done);
	assert_false(pthread_equal(seen.thread, pthread_self()));
	for (size_t i = 0; i < LOOP_WORK_MAX; i++)
		assert_int_equal(loop_work(seen.loop, work_elsewhere, count, &all[i]), 0);
	assert_int_equal(loop_work(seen.loop, work_elsewhere, count, &seen), -EAGAIN);
	loop_free(seen.loop); /* waits for them */
	for (size_t i = 0; i < LOOP_WORK_MAX; i++)
		assert_int_equal(all[i].count, 1);
}

static void now_is_the_clock_of_base(void **state)
{
	struct loop *loop;
	uint64_t a, b;

	assert_int_equal(loop_new(&loop), 0);
	a = clock_mono_ms();
	b = loop_now_ms(loop);
	assert_in_range(b, a, a + 1000);
	loop_free(loop);
	loop_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timer_fires_once_and_can_be_moved),
		cmocka_unit_test(timer_may_close_itself),
		cmocka_unit_test(wakeup_comes_from_any_thread_and_is_merged),
		cmocka_unit_test(signals_reach_the_loop),
		cmocka_unit_test(fdwatch_reports_readable),
		cmocka_unit_test(work_runs_elsewhere_and_is_bounded),
		cmocka_unit_test(now_is_the_clock_of_base),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
