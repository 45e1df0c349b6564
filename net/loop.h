/* loop: the event loop of a daemon: time, timers, wake-ups, signals, background work. libuv inside.
 *
 * One thread runs a loop and owns everything bound to it; only wakeup_send and loop_work's `work`
 * run elsewhere. `x_close` frees late by itself and is the last word: no callback follows it. */
#ifndef HOLDFAST_NET_LOOP_H
#define HOLDFAST_NET_LOOP_H

#include "base/buf.h"

struct loop;
int loop_new(struct loop **out) must_check;
/* Runs the remaining close callbacks and frees. Everything bound to the loop must have been closed; streams that are
 * still finishing are cut, background work is waited for. */
void loop_free(struct loop *loop);
/* Until loop_stop() or until nothing is left to wait for. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* clock_mono_ms() of base/clock.h, so the two mix. Timers below stand still while the machine is suspended: who must know
 * compares this clock when they fire. */
uint64_t loop_now_ms(const struct loop *loop);

struct timer;
int timer_new(struct loop *loop, void (*on_due)(void *ctx), void *ctx, struct timer **out) must_check;
void timer_start(struct timer *timer, uint64_t in_ms); /* once; replaces what was set */
void timer_stop(struct timer *timer);
void timer_close(struct timer *timer); /* NULL is fine, here and below */

/* Makes the loop call on_wake soon; sends that come before that are one. */
struct wakeup;
int wakeup_new(struct loop *loop, void (*on_wake)(void *ctx), void *ctx, struct wakeup **out) must_check;
void wakeup_send(struct wakeup *wakeup); /* any thread, also signal handlers */
void wakeup_close(struct wakeup *wakeup);

struct signals;
/* on_signal for each of the numbers in `set` (ended by 0). */
int signals_new(struct loop *loop, const int *set, void (*on_signal)(void *ctx, int number), void *ctx,
		struct signals **out) must_check;
void signals_close(struct signals *signals);

/* Watches a file descriptor the caller owns (netlink sockets, inotify). Readable only. */
struct fdwatch;
int fdwatch_new(struct loop *loop, int fd, void (*on_readable)(void *ctx), void *ctx,
		struct fdwatch **out) must_check;
void fdwatch_close(struct fdwatch *watch);

/* `work` on a pool thread, then `done` on the loop. At most LOOP_WORK_MAX at once: -EAGAIN. Cannot be cancelled. */
#define LOOP_WORK_MAX 64u
int loop_work(struct loop *loop, void (*work)(void *ctx), void (*done)(void *ctx), void *ctx) must_check;

/* How many names are being looked up for streams, those included that were given up and that the resolver goes on with: two are looked up
 * at a time. Who asks often and can wait does so, and leaves one for those who cannot. */
unsigned loop_lookups(const struct loop *loop);

#endif
