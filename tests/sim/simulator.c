#include "tests/sim/simulator.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/list.h"

void sim_init(struct sim *sim, uint64_t seed)
{
	memset(sim, 0, sizeof(*sim));
	sim->seed = seed;
	sim->now_ms = 1000;
	timerq_init(&sim->timers);
	rng_seed(&sim->rng, seed);
}

void sim_done(struct sim *sim)
{
	timerq_done(&sim->timers);
}

void sim_at(struct sim *sim, struct sim_timer *timer, uint64_t due_ms)
{
	if (due_ms == TIMERQ_NEVER) {
		timerq_cancel(&sim->timers, &timer->node);
		return;
	}
	sim_check(sim, timerq_set(&sim->timers, &timer->node, due_ms) == 0, "no memory for timers");
}

void sim_cancel(struct sim *sim, struct sim_timer *timer)
{
	timerq_cancel(&sim->timers, &timer->node);
}

void sim_run_until(struct sim *sim, uint64_t until_ms)
{
	while (timerq_next(&sim->timers) <= until_ms) {
		struct timerq_node *node;

		if (timerq_next(&sim->timers) > sim->now_ms)
			sim->now_ms = timerq_next(&sim->timers);
		node = timerq_pop(&sim->timers, sim->now_ms);
		if (node) {
			struct sim_timer *timer = container_of(node, struct sim_timer, node);

			timer->fire(timer->ctx);
		}
	}
	if (until_ms > sim->now_ms)
		sim->now_ms = until_ms;
}

uint64_t sim_below(struct sim *sim, uint64_t bound)
{
	return rng_below(&sim->rng, bound);
}

bool sim_chance(struct sim *sim, unsigned percent)
{
	return rng_below(&sim->rng, 100) < percent;
}

int64_t sim_wall_ms(const struct sim *sim)
{
	return SIM_WALL_START_MS + (int64_t)sim->now_ms;
}

void sim_say(const struct sim *sim, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("%10.3f  ", (double)sim->now_ms / 1000);
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
}

void sim_fail(const struct sim *sim, const char *what, const char *file, int line, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fflush(stdout);
	fprintf(stderr, "\nFAILED seed=%llu time_ms=%llu %s:%d: %s\n  ", (unsigned long long)sim->seed,
		(unsigned long long)sim->now_ms, file, line, what);
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}
