/* admission: which TLS handshakes a server takes on now, and when the others are to come back. A full handshake costs milliseconds of
 * public-key work, a resumed one next to none: so resumed ones are taken as they come, full ones by a token bucket and up to a
 * number under way. Whoever is sent away gets a slot of his own, so that a crowd comes back evenly. Pure: told the time. */
#ifndef HOLDFAST_NET_ADMISSION_H
#define HOLDFAST_NET_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"

#define ADMISSION_RATE_MAX 10000u
#define ADMISSION_LATER_MIN_MS 250u
#define ADMISSION_LATER_MAX_MS \
	60000u /* as far ahead as slots are given out: later.h's clients wait no longer */

struct admission_options {
	unsigned full_per_second; /* 1 to ADMISSION_RATE_MAX */
	unsigned burst;		  /* taken at once after a quiet time; 0: what a second allows */
	unsigned full_max;	  /* under way at once; 0: ADMISSION_FULL_MAX */
	unsigned resumed_max;	  /* 0: ADMISSION_RESUMED_MAX */
	uint64_t seed;
};
#define ADMISSION_FULL_MAX 64u
#define ADMISSION_RESUMED_MAX 4096u

struct admission {
	struct admission_options options;
	struct rng rng;
	/* In microseconds, so that rates need no fractions: the time at which the bucket would be full again, as a queue of work
	 * (a "theoretical arrival time"): empty when in the past. */
	uint64_t busy_until_us;
	uint64_t slot_us;	/* the last slot given out */
	unsigned full, resumed; /* under way */
};

void admission_init(struct admission *admission, const struct admission_options *options, uint64_t now_ms);
/* May this handshake run? True: it is under way until admission_done. False: *out_retry_after_ms says when to come back. */
bool admission_ask(struct admission *admission, bool resumes, uint64_t now_ms, unsigned *out_retry_after_ms);
/* It ended, one way or another. `was_full`: public-key work was done: one that came in as a resumption pays for it now. */
void admission_done(struct admission *admission, bool resumes, bool was_full, uint64_t now_ms);

#endif
