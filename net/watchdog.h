/* watchdog: feeds the service manager's watchdog (sd_watchdog_enabled(3)) from the loop, as long as the loop turns. A manager that hears
 * nothing kills the daemon and starts it anew. A disk that hangs is no reason: the store's writer has a thread of its own, and a new
 * process would hang on the same disk, with less in memory.
 *
 * Owner: the hub. Loop thread. */
#ifndef HOLDFAST_NET_WATCHDOG_H
#define HOLDFAST_NET_WATCHDOG_H

#include "net/loop.h"

struct watchdog;

/* Feeds at half of $WATCHDOG_USEC, when $WATCHDOG_PID is this process or is not set. Without a manager that asks for it *out is NULL, and
 * that is no error. -EINVAL: one of the variables is no number. */
int watchdog_new(struct loop *loop, struct watchdog **out) must_check;
void watchdog_close(struct watchdog *watchdog); /* NULL is fine */

#endif
