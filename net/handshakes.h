/* handshakes: which TLS handshakes a server takes on now, and when the others are to come back. A full handshake costs milliseconds of
 * public-key work, a resumed one next to none: so resumed ones are taken as they come, full ones by a token bucket and up to a
 * number under way. Whoever is sent away gets a slot of his own, so that a crowd comes back evenly. Pure: told the time. */
#ifndef HOLDFAST_NET_HANDSHAKES_H
#define HOLDFAST_NET_HANDSHAKES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"

#define HANDSHAKES_RATE_MAX 10000u
#define HANDSHAKES_LATER_MIN_MS 250u
#define HANDSHAKES_LATER_MAX_MS \
	60000u /* as far ahead as slots are given out: later.h's clients wait no longer */

struct handshakes_options {
	unsigned full_per_second; /* 1 to HANDSHAKES_RATE_MAX */
	unsigned burst;		  /* taken at once after a quiet time; 0: what a second allows */
	unsigned full_max;	  /* under way at once; 0: HANDSHAKES_FULL_MAX */
	unsigned resumed_max;	  /* 0: HANDSHAKES_RESUMED_MAX */
	uint64_t seed;
};
#define HANDSHAKES_FULL_MAX 64u
#define HANDSHAKES_RESUMED_MAX 4096u

struct handshakes {
	struct handshakes_options options;
	struct rng rng;
	/* In microseconds, so that rates need no fractions: the time at which the bucket would be full again, as a queue of work
	 * (a "theoretical arrival time"): empty when in the past. */
	uint64_t busy_until_us;
	uint64_t slot_us;	/* the last slot given out */
	unsigned full, resumed; /* under way */
};

void handshakes_init(struct handshakes *handshakes, const struct handshakes_options *options,
		     uint64_t now_ms);
/* May this handshake run? True: it is under way until handshakes_done. False: *out_retry_after_ms says when to come back. */
bool handshakes_ask(struct handshakes *handshakes, bool resumes, uint64_t now_ms,
		    unsigned *out_retry_after_ms);
/* It ended, one way or another. `was_full`: public-key work was done: one that came in as a resumption pays for it now. */
void handshakes_done(struct handshakes *handshakes, bool resumes, bool was_full, uint64_t now_ms);

#endif
