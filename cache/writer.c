#include "cache/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"

struct writer {
	struct writer_options options;
	pthread_mutex_t lock;
	pthread_cond_t ready;
	pthread_t thread;
	bool has_thread;

	/* under the lock */
	struct list queued, finished;
	struct writer_status status;
	bool is_stopping, wants_care;

	/* the committing side's own */
	struct engine_txn *group[WRITER_GROUP_MAX];
	int64_t space_tried_ms;
	bool is_full, is_read_only;
};

/* --- one group --- */

static int write_group(struct writer *w, size_t count, int64_t now, bool no_growth,
		       struct engine_state *state)
{
	struct engine_write write = {
		.txns = w->group, .count = count, .now_wall_ms = now, .no_growth = no_growth
	};

	return w->options.engine->type->write(w->options.engine, &write, state);
}

/* While the disk is full, only what adds no object may use the room that the ballast left. */
static void look_for_space(struct writer *w, int64_t now)
{
	if (!w->is_full || (now >= w->space_tried_ms && now - w->space_tried_ms < WRITER_SPACE_RETRY_MS))
		return;
	w->space_tried_ms = now;
	w->is_full = w->options.engine->type->replenish(w->options.engine) < 0;
}

static int commit_group(struct writer *w, size_t count, int64_t now, struct engine_state *state)
{
	const struct engine_type *type = w->options.engine->type;
	int code;

	if (w->is_read_only)
		return -EROFS;
	look_for_space(w, now);
	code = write_group(w, count, now, w->is_full && w->options.has_ballast, state);
	if (code == -ENOSPC) {
		w->is_full = true;
		w->space_tried_ms = now;
		if (type->relieve(w->options.engine))
			code = write_group(w, count, now, true, state);
	} else if (code == 0 && !w->options.has_ballast) {
		w->is_full = false;
	}
	/* A disk that is full when this is tried has room in the write-ahead log's own pages, or had not
	 * taken the end of the commit in the first place. */
	if (code == -EIO || code == -ENOSPC)
		w->is_read_only = type->settle(w->options.engine) < 0 && code == -EIO;
	else if (code == -EBADMSG)
		w->is_read_only = true;
	return code;
}

/* Up to WRITER_GROUP_MAX transactions from the front of the queue. */
static size_t take_group(struct writer *w, struct list *out)
{
	size_t ops = 0, count = 0;
	struct list_node *node;

	list_init(out);
	while (count < WRITER_GROUP_MAX && (node = list_first(&w->queued))) {
		struct txn *txn = container_of(node, struct txn, node);

		if (count > 0 && ops + txn->engine.count > WRITER_GROUP_OPS_MAX)
			break;
		ops += txn->engine.count;
		list_remove(&w->queued, node);
		list_push(out, node);
		w->group[count++] = &txn->engine;
	}
	return count;
}

static void set_results(struct writer *w, struct list *group, int code, const struct engine_state *state)
{
	struct txn *txn = NULL;

	list_for_each(group, node) {
		txn = container_of(node, struct txn, node);
		if (code < 0)
			txn->engine.code = code;
	}
	if (txn) {
		txn->state = *state;
		txn->is_group_end = true;
	}
}

/* Called with the lock held, and returns so; the commit itself runs without it. */
static void run_group(struct writer *w, int64_t now)
{
	struct engine_state state = w->status.state;
	struct list group;
	size_t count = take_group(w, &group);
	struct list_node *node;
	bool is_idle = !list_first(&w->queued), wants_tending;
	int code;

	pthread_mutex_unlock(&w->lock);
	code = commit_group(w, count, now, &state);
	set_results(w, &group, code, &state);
	pthread_mutex_lock(&w->lock);
	if (code == 0)
		w->status.state = state;
	w->status.transactions += count;
	w->status.read_only = w->is_read_only;
	w->status.disk_full = w->is_full;
	while ((node = list_pop(&group)))
		list_push(&w->finished, node);
	pthread_mutex_unlock(&w->lock);
	if (w->has_thread && count > 0 && w->options.wake)
		w->options.wake(w->options.wake_ctx);
	wants_tending = !w->is_read_only && w->options.engine->type->tend(w->options.engine, is_idle);
	pthread_mutex_lock(&w->lock);
	w->status.wants_tending = wants_tending;
}

/* --- the thread --- */

static void *run_thread(void *ctx)
{
	struct writer *w = ctx;

	pthread_mutex_lock(&w->lock);
	while (!w->is_stopping || list_first(&w->queued)) {
		if (!list_first(&w->queued) && !w->wants_care) {
			pthread_cond_wait(&w->ready, &w->lock);
			continue;
		}
		w->wants_care = false;
		run_group(w, clock_wall_ms());
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static int start_thread(struct writer *w)
{
	sigset_t all, before;
	int error;

	(void)sigfillset(&all); /* signals belong to the loop */
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&w->thread, NULL, run_thread, w);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	w->has_thread = error == 0;
	return -error;
}

int writer_new(const struct writer_options *options, struct writer **out)
{
	struct writer *w = calloc(1, sizeof(*w));
	int code;

	if (!w)
		return -ENOMEM;
	w->options = *options;
	w->status.state = options->state;
	w->space_tried_ms = INT64_MIN / 2;
	w->is_full = w->status.disk_full = options->state.lacks_ballast;
	list_init(&w->queued);
	list_init(&w->finished);
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->ready, NULL);
	code = options->is_inline ? 0 : start_thread(w);
	if (code < 0) {
		writer_free(w);
		return code;
	}
	*out = w;
	return 0;
}

void writer_free(struct writer *w)
{
	if (!w)
		return;
	(void)pthread_cond_destroy(&w->ready);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
}

/* --- the loop's side --- */

int writer_submit(struct writer *w, struct txn *txn, bool is_own)
{
	int code = 0;

	pthread_mutex_lock(&w->lock);
	if (w->status.read_only)
		code = -EROFS;
	else if (!is_own && w->status.pending >= w->options.queue_max)
		code = -EAGAIN;
	if (code == 0) {
		w->status.pending++;
		list_push(&w->queued, &txn->node);
		(void)pthread_cond_signal(&w->ready);
	}
	pthread_mutex_unlock(&w->lock);
	if (code == 0 && w->options.is_inline && w->options.wake)
		w->options.wake(w->options.wake_ctx);
	return code;
}

void writer_run(struct writer *w, int64_t now_wall_ms)
{
	if (!w->options.is_inline)
		return;
	pthread_mutex_lock(&w->lock);
	while (list_first(&w->queued) || w->wants_care) {
		w->wants_care = false;
		run_group(w, now_wall_ms);
	}
	pthread_mutex_unlock(&w->lock);
}

void writer_care(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->wants_care = true;
	(void)pthread_cond_signal(&w->ready);
	pthread_mutex_unlock(&w->lock);
}

void writer_take(struct writer *w, struct list *out)
{
	struct list_node *node;

	list_init(out);
	pthread_mutex_lock(&w->lock);
	while ((node = list_pop(&w->finished))) {
		list_push(out, node);
		w->status.pending--;
	}
	pthread_mutex_unlock(&w->lock);
}

void writer_status(struct writer *w, struct writer_status *out)
{
	pthread_mutex_lock(&w->lock);
	*out = w->status;
	pthread_mutex_unlock(&w->lock);
}

void writer_stop(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->is_stopping = true;
	(void)pthread_cond_signal(&w->ready);
	pthread_mutex_unlock(&w->lock);
	if (w->has_thread)
		(void)pthread_join(w->thread, NULL);
	w->has_thread = false;
}
