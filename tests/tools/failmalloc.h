/* failmalloc: makes the nth allocation fail, for tests that walk every out-of-memory path.
 *
 * Linked in by holdfast_test(... FAULTS). It stands in front of malloc, calloc and realloc for the whole
 * process, shared libraries included; in sanitizer builds, where the sanitizer owns malloc, for the
 * objects linked into the program only. One thread arms at a time. */
#ifndef HOLDFAST_TESTS_TOOLS_FAILMALLOC_H
#define HOLDFAST_TESTS_TOOLS_FAILMALLOC_H

#include <stdbool.h>

enum failmalloc_mode {
	FAILMALLOC_ONCE, /* only the nth */
	FAILMALLOC_FROM, /* the nth and all that follow */
};

void failmalloc_arm(unsigned long nth,
		    enum failmalloc_mode mode); /* counting starts now, 1 is the next one */
unsigned long failmalloc_disarm(void);		/* how many were made to fail */

/* Runs body with the 1st, 2nd, ... allocation failing, once and for good, until it gets by without a
 * failure. body must return 0 or -ENOMEM while something failed (-ENOMEM at least once) and 0 when nothing did,
 * and frees what it made. Aborts with a message otherwise. Returns the number of allocations walked. */
unsigned long failmalloc_walk(int (*body)(void *ctx), void *ctx);

#endif
