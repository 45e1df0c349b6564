#include "net/loop.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/loop_uv.h"

static void run_tasks(uv_idle_t *idle)
{
	struct loop *loop = idle->data;
	struct list_node *node;

	/* Tasks posted by these tasks wait for the next round, after the descriptors had their turn. */
	for (size_t n = loop->tasks.count; n > 0 && (node = list_pop(&loop->tasks)); n--) {
		struct loop_task *task = container_of(node, struct loop_task, node);

		task->run(task);
	}
	if (!loop->tasks.count)
		uv_idle_stop(&loop->idle);
}

void loop_post(struct loop *loop, struct loop_task *task)
{
	if (list_is_linked(&task->node))
		return;
	list_push(&loop->tasks, &task->node);
	uv_idle_start(&loop->idle, run_tasks);
}

int loop_new(struct loop **out)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int rc = -ENOMEM;

	if (!loop)
		return -ENOMEM;
	loop->read_buf = malloc(LOOP_READ_SIZE);
	loop->plain_buf = malloc(LOOP_PLAIN_SIZE);
	if (!loop->read_buf || !loop->plain_buf)
		goto fail;
	rc = uv_loop_init(&loop->uv);
	if (rc)
		goto fail;
	list_init(&loop->tasks);
	list_init(&loop->orphans);
	uv_idle_init(&loop->uv, &loop->idle);
	loop->idle.data = loop;
	*out = loop;
	return 0;
fail:
	free(loop->read_buf);
	free(loop->plain_buf);
	free(loop);
	return rc;
}

static void find_open(uv_handle_t *handle, void *arg)
{
	if (!uv_is_closing(handle))
		*(bool *)arg = true;
}

void loop_free(struct loop *loop)
{
	struct list_node *node;
	bool open = false;

	if (!loop)
		return;
	while ((node = list_first(&loop->orphans))) {
		struct loop_orphan *orphan = container_of(node, struct loop_orphan, node);

		orphan->close(orphan);
	}
	while (loop->tasks.count || loop->works)
		uv_run(&loop->uv, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&loop->idle, NULL);
	uv_walk(&loop->uv, find_open, &open);
	assert_always(!open); /* something bound to the loop was not closed */
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	assert_always(uv_loop_close(&loop->uv) == 0);
	free(loop->read_buf);
	free(loop->plain_buf);
	free(loop);
}

int loop_run(struct loop *loop)
{
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	return 0;
}

void loop_stop(struct loop *loop)
{
	uv_stop(&loop->uv);
}

uint64_t loop_now_ms(const struct loop *loop)
{
	/* libuv's own clock stands still while the machine is suspended, so it is not used here. */
	return clock_mono_ms();
}

static void free_data(uv_handle_t *handle)
{
	free(handle->data);
}

/* Timers */

struct timer {
	uv_timer_t uv;
	void (*on_due)(void *ctx);
	void *ctx;
};

int timer_new(struct loop *loop, void (*on_due)(void *ctx), void *ctx, struct timer **out)
{
	struct timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return -ENOMEM;
	timer->on_due = on_due;
	timer->ctx = ctx;
	uv_timer_init(&loop->uv, &timer->uv);
	timer->uv.data = timer;
	*out = timer;
	return 0;
}

static void timer_due(uv_timer_t *uv)
{
	struct timer *timer = uv->data;

	timer->on_due(timer->ctx);
}

void timer_start(struct timer *timer, uint64_t in_ms)
{
	/* Counted from now, not from when this round of the loop began. */
	uv_update_time(timer->uv.loop);
	uv_timer_start(&timer->uv, timer_due, in_ms, 0);
}

void timer_stop(struct timer *timer)
{
	uv_timer_stop(&timer->uv);
}

void timer_close(struct timer *timer)
{
	if (timer)
		uv_close((uv_handle_t *)&timer->uv, free_data);
}

/* Wake-ups */

struct wakeup {
	uv_async_t uv;
	void (*on_wake)(void *ctx);
	void *ctx;
};

static void woken(uv_async_t *uv)
{
	struct wakeup *wakeup = uv->data;

	wakeup->on_wake(wakeup->ctx);
}

int wakeup_new(struct loop *loop, void (*on_wake)(void *ctx), void *ctx, struct wakeup **out)
{
	struct wakeup *wakeup = calloc(1, sizeof(*wakeup));
	int rc;

	if (!wakeup)
		return -ENOMEM;
	wakeup->on_wake = on_wake;
	wakeup->ctx = ctx;
	rc = uv_async_init(&loop->uv, &wakeup->uv, woken);
	if (rc) {
		free(wakeup);
		return rc;
	}
	wakeup->uv.data = wakeup;
	*out = wakeup;
	return 0;
}

void wakeup_send(struct wakeup *wakeup)
{
	uv_async_send(&wakeup->uv);
}

void wakeup_close(struct wakeup *wakeup)
{
	if (wakeup)
		uv_close((uv_handle_t *)&wakeup->uv, free_data);
}

/* Signals: one libuv handle for each number, freed together when the last has closed. */

struct signals {
	void (*on_signal)(void *ctx, int number);
	void *ctx;
	size_t count;
	size_t open;
	uv_signal_t uv[];
};

static void signal_came(uv_signal_t *uv, int number)
{
	struct signals *signals = uv->data;

	signals->on_signal(signals->ctx, number);
}

static void signal_closed(uv_handle_t *handle)
{
	struct signals *signals = handle->data;

	if (--signals->open == 0)
		free(signals);
}

int signals_new(struct loop *loop, const int *set, void (*on_signal)(void *ctx, int number), void *ctx,
		struct signals **out)
{
	struct signals *signals;
	size_t count = 0;

	while (set[count])
		count++;
	if (!count)
		return -EINVAL;
	signals = calloc(1, sizeof(*signals) + count * sizeof(signals->uv[0]));
	if (!signals)
		return -ENOMEM;
	signals->on_signal = on_signal;
	signals->ctx = ctx;
	for (size_t i = 0; i < count; i++) {
		int rc;

		uv_signal_init(&loop->uv, &signals->uv[i]);
		signals->uv[i].data = signals;
		signals->count = signals->open = i + 1;
		rc = uv_signal_start(&signals->uv[i], signal_came, set[i]);
		if (rc) {
			signals_close(signals);
			return rc;
		}
	}
	*out = signals;
	return 0;
}

void signals_close(struct signals *signals)
{
	for (size_t i = 0; signals && i < signals->count; i++)
		uv_close((uv_handle_t *)&signals->uv[i], signal_closed);
}

/* Readiness */

struct poller {
	uv_poll_t uv;
	poller_ready on_ready;
	void *ctx;
	int events;
};

static void poller_event(uv_poll_t *uv, int status, int events)
{
	struct poller *poller = uv->data;

	/* An error on the descriptor: let the reader or writer find out which. */
	if (status < 0)
		events = poller->events;
	poller->on_ready(poller->ctx, events & UV_READABLE, events & UV_WRITABLE);
}

int poller_new(struct loop *loop, int fd, poller_ready on_ready, void *ctx, struct poller **out)
{
	struct poller *poller = calloc(1, sizeof(*poller));
	int rc;

	if (!poller)
		return -ENOMEM;
	poller->on_ready = on_ready;
	poller->ctx = ctx;
	rc = uv_poll_init(&loop->uv, &poller->uv, fd);
	if (rc) {
		free(poller);
		return rc;
	}
	poller->uv.data = poller;
	*out = poller;
	return 0;
}

void poller_want(struct poller *poller, bool readable, bool writable)
{
	int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);

	if (events == poller->events)
		return;
	poller->events = events;
	if (events)
		uv_poll_start(&poller->uv, events, poller_event);
	else
		uv_poll_stop(&poller->uv);
}

void poller_close(struct poller *poller)
{
	if (poller)
		uv_close((uv_handle_t *)&poller->uv, free_data);
}

struct fdwatch {
	struct poller *poller;
	void (*on_readable)(void *ctx);
	void *ctx;
};

static void fdwatch_ready(void *ctx, bool readable, bool writable)
{
	struct fdwatch *watch = ctx;

	if (readable)
		watch->on_readable(watch->ctx);
}

int fdwatch_new(struct loop *loop, int fd, void (*on_readable)(void *ctx), void *ctx, struct fdwatch **out)
{
	struct fdwatch *watch = calloc(1, sizeof(*watch));
	int rc;

	if (!watch)
		return -ENOMEM;
	watch->on_readable = on_readable;
	watch->ctx = ctx;
	rc = poller_new(loop, fd, fdwatch_ready, watch, &watch->poller);
	if (rc) {
		free(watch);
		return rc;
	}
	poller_want(watch->poller, true, false);
	*out = watch;
	return 0;
}

void fdwatch_close(struct fdwatch *watch)
{
	if (!watch)
		return;
	poller_close(watch->poller);
	free(watch);
}

unsigned loop_lookups(const struct loop *loop)
{
	return loop->lookups;
}

/* Background work */

struct work {
	uv_work_t uv;
	struct loop *loop;
	void (*work)(void *ctx);
	void (*done)(void *ctx);
	void *ctx;
};

static void work_run(uv_work_t *uv)
{
	struct work *work = uv->data;

	work->work(work->ctx);
}

static void work_done(uv_work_t *uv, int status)
{
	struct work *work = uv->data;
	void (*done)(void *ctx) = work->done;
	void *ctx = work->ctx;

	work->loop->works--;
	free(work);
	done(ctx);
}

int loop_work(struct loop *loop, void (*run)(void *ctx), void (*done)(void *ctx), void *ctx)
{
	struct work *work;
	int rc;

	if (loop->works >= LOOP_WORK_MAX)
		return -EAGAIN;
	work = calloc(1, sizeof(*work));
	if (!work)
		return -ENOMEM;
	*work = (struct work){ .loop = loop, .work = run, .done = done, .ctx = ctx };
	work->uv.data = work;
	rc = uv_queue_work(&loop->uv, &work->uv, work_run, work_done);
	if (rc) {
		free(work);
		return rc;
	}
	loop->works++;
	return 0;
}
