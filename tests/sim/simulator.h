/* simulator: the virtual clock and its timers. Everything in a simulation happens in one thread, in the order
 * of this clock, and follows from the seed alone. */
#ifndef HOLDFAST_TESTS_SIM_SIMULATOR_H
#define HOLDFAST_TESTS_SIM_SIMULATOR_H

#include <stdio.h>

#include "base/random.h"
#include "base/span.h"
#include "base/timerq.h"

struct sim {
	uint64_t now_ms;
	uint64_t seed;
	struct timerq timers;
	struct rng rng;
	bool verbose;
};

struct sim_timer {
	struct timerq_node node;
	void (*fire)(void *ctx);
	void *ctx;
};

#define SIM_WALL_START_MS 1700000000000

void sim_init(struct sim *sim, uint64_t seed);
void sim_done(struct sim *sim);
void sim_at(struct sim *sim, struct sim_timer *timer,
	    uint64_t due_ms); /* moves it if it was set; TIMERQ_NEVER cancels */
void sim_cancel(struct sim *sim, struct sim_timer *timer);
void sim_run_until(struct sim *sim, uint64_t until_ms);
uint64_t sim_below(struct sim *sim, uint64_t bound);
bool sim_chance(struct sim *sim, unsigned percent);
int64_t sim_wall_ms(const struct sim *sim);

/* A check of the simulation: prints seed, time and place, and ends the process with 1. */
#define sim_check(sim, cond, ...) ((cond) ? (void)0 : sim_fail(sim, #cond, __FILE__, __LINE__, __VA_ARGS__))
_Noreturn void sim_fail(const struct sim *sim, const char *what, const char *file, int line, const char *fmt,
			...) printf_like(5, 6);
#define sim_log(sim, ...) ((sim)->verbose ? (void)sim_say(sim, __VA_ARGS__) : (void)0)
void sim_say(const struct sim *sim, const char *fmt, ...) printf_like(2, 3);

#endif
