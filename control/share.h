/* share: a number of things, or a percentage of how many there are ("maxSurge: 25%"). Pure. */
#ifndef HOLDFAST_CONTROL_SHARE_H
#define HOLDFAST_CONTROL_SHARE_H

#include "base/json.h"

struct share {
	int64_t value;
	bool percent;
};
/* An IntOrString. Absent: the fallback. -EINVAL: neither a number nor a percentage up to `most_percent`. */
int share_decode(const struct json *value, struct share fallback, int64_t most_percent,
		 struct share *out) must_check;
/* How many of `total` it is. */
int64_t share_up(struct share share, int64_t total);   /* rounded up */
int64_t share_down(struct share share, int64_t total); /* rounded down */

#endif
