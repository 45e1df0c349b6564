/* clock: the only place that asks the kernel for the time, and the text forms of wall time.
 *
 * Inside, time is monotonic milliseconds, passed in as an argument; only shells call clock_mono_ms.
 * Wall time is milliseconds since 1970 and appears at the borders (API objects, certificates, logs). */
#ifndef HOLDFAST_BASE_CLOCK_H
#define HOLDFAST_BASE_CLOCK_H

#include "base/span.h"

#define CLOCK_TEXT_SIZE 32

uint64_t clock_mono_ms(void); /* CLOCK_BOOTTIME: suspended time counts */
int64_t clock_wall_ms(void);

/* Of a valid date, in UTC. Unlike timegm, right after 2038 also where a time_t has 32 bits. */
int64_t clock_of_date(int year, int month, int day, int hour, int minute, int second);
/* metav1.Time, "2006-01-02T15:04:05Z" (RFC 3339, UTC, whole seconds). */
void clock_format(int64_t wall_ms, char out[CLOCK_TEXT_SIZE]);
/* metav1.MicroTime, "2006-01-02T15:04:05.000000Z". */
void clock_format_micro(int64_t wall_us, char out[CLOCK_TEXT_SIZE]);
/* RFC 3339 with optional fraction and offset; fractions below a millisecond are cut. -EINVAL. */
int clock_parse(struct span text, int64_t *out_wall_ms) must_check;

#endif
