/* throttle: how often somebody may try: a token bucket for each source and one for all together. Pure: told the time. Sources are
 * bounded: the one that came first makes room, and what it owes goes with it; the common bucket holds all the same. */
#ifndef HOLDFAST_AUTH_THROTTLE_H
#define HOLDFAST_AUTH_THROTTLE_H

#include <stdint.h>

#include "base/err.h"

struct throttle;

#define THROTTLE_SOURCES_MAX 4096u
#define THROTTLE_WAIT_MAX_MS 60000u /* nobody is told to wait longer */

/* Attempts per second in the long run, and how many may come at once after a quiet time. */
struct throttle_rate {
	unsigned per_second, burst;
};
int throttle_new(struct throttle_rate source, struct throttle_rate all, struct throttle **out) must_check;
void throttle_free(struct throttle *throttle);
/* 0: go on, `cost` attempts are taken. Else nothing is, and this many ms are to pass before the next try; those who are refused
 * together are told different times. */
unsigned throttle_take(struct throttle *throttle, const char *source, unsigned cost,
		       uint64_t now_ms) must_check;
/* What was let through turned out to be worse: takes `cost` more, below zero if need be. */
void throttle_charge(struct throttle *throttle, const char *source, unsigned cost, uint64_t now_ms);
/* The source of an address "HOST:PORT": the host; of IPv6 the network (64 bits), within which a host picks its address. */
void throttle_source(const char *address, char *out, unsigned long out_size);

#endif
