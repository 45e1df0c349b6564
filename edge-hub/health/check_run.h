/* check_run: one check of an operator, asked once: a connection, an HTTP request, or a program. Nothing here waits. Loop thread. */
#ifndef HOLDFAST_EDGE_HUB_HEALTH_CHECK_RUN_H
#define HOLDFAST_EDGE_HUB_HEALTH_CHECK_RUN_H

#include "edge-hub/health/check_spec.h"
#include "net/loop.h"

struct check_run;

#define CHECK_TEXT_SIZE 160u

enum check_result {
	CHECK_PASSED,
	CHECK_FAILED,
	CHECK_UNASKED /* it could not be asked: no such program, no memory */
};

/* Exactly one on_done, from the loop, unless check_run_close came first; text says why it did not pass, in one line of UTF-8. A
 * program that cannot be killed is done when it ends. Negative: it could not be begun, and no on_done follows. */
int check_run_new(struct loop *loop, const struct check_spec *spec,
		  void (*on_done)(void *ctx, enum check_result result, const char *text), void *ctx,
		  struct check_run **out) must_check;
void check_run_close(struct check_run *run); /* NULL is fine; not in or after on_done */

/* What a program said, as one line: its first that is not empty, without what a terminal would take for an order. */
void check_line(struct span output, char out[CHECK_TEXT_SIZE]);

#endif
