/* wire: a simulated connection: two directions with rate and delay, bytes in order, and an end that can come
 * at any byte, said to both ends or to none. */
#ifndef HOLDFAST_TESTS_SIM_WIRE_H
#define HOLDFAST_TESTS_SIM_WIRE_H

#include "base/list.h"
#include "base/span.h"
#include "tests/sim/simulator.h"

struct wire;

/* What an end is told. After on_closed, or its own wire_close, an end hears nothing more. */
struct wire_events {
	void (*on_bytes)(void *ctx, struct span bytes);
	void (*on_drained)(void *ctx); /* little is unsent: choose the next record */
	void (*on_closed)(void *ctx);
};

struct wire_options {
	unsigned delay_ms;
	unsigned bytes_per_ms; /* 10 Mbit/s are 1250 */
	uint64_t break_after;  /* bytes of either direction delivered until it breaks; 0: never */
	bool silent_break;     /* bytes then vanish, and nobody is told */
};

#define WIRE_UNSENT_MAX \
	4096u /* as TCP_NOTSENT_LOWAT: an end may hand over a record when less than this is unsent */

struct wire_end {
	struct wire *wire;
	bool is_open;
	const struct wire_events *events;
	void *ctx;
	/* what this end sends */
	struct list chunks;
	uint64_t busy_until_us;
	struct sim_timer deliver, drained;
	uint64_t sent, delivered;
};

/* An end is gone after wire_close or on_closed; it hears of nothing before it was opened. */
struct wire *wire_new(struct sim *sim, const struct wire_options *options, struct wire_end **a,
		      struct wire_end **b);
void wire_open(struct wire_end *end, const struct wire_events *events, void *ctx);
bool wire_can_send(const struct wire_end *end);
void wire_send(struct wire_end *end, struct span bytes);
void wire_close(
	struct wire_end *end); /* the other end is told at once; bytes under way are lost. NULL is fine */
void wire_break(struct wire_end *end,
		bool silent); /* the whole connection, now; what is under way is lost. NULL is fine */
void wire_stall(struct wire_end *end, uint64_t until_ms); /* nothing of this end arrives until then */

#endif
