#include "net/watchdog.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/notify.h"

#define INTERVAL_MIN_MS 10u

struct watchdog {
	struct timer *timer;
	uint64_t interval_ms;
};

/* 0 in *out_ms: nobody asks. */
static int asked_for(uint64_t *out_ms)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t n;

	*out_ms = 0;
	if (!usec)
		return 0;
	if (span_to_u64(span_of(usec), &n))
		return -EINVAL;
	if (pid) {
		uint64_t whom;

		if (span_to_u64(span_of(pid), &whom))
			return -EINVAL;
		if (whom != (uint64_t)getpid())
			return 0; /* meant for another process of this service */
	}
	*out_ms = n / 2000;
	if (n && *out_ms < INTERVAL_MIN_MS)
		*out_ms = INTERVAL_MIN_MS;
	return 0;
}

static void on_due(void *ctx)
{
	struct watchdog *watchdog = ctx;

	(void)notify_send("WATCHDOG=1"); /* a manager that is gone needs none */
	timer_start(watchdog->timer, watchdog->interval_ms);
}

int watchdog_new(struct loop *loop, struct watchdog **out)
{
	struct watchdog *watchdog;
	uint64_t interval_ms;
	int code = asked_for(&interval_ms);

	*out = NULL;
	if (code || !interval_ms)
		return code;
	watchdog = calloc(1, sizeof(*watchdog));
	if (!watchdog)
		return -ENOMEM;
	watchdog->interval_ms = interval_ms;
	code = timer_new(loop, on_due, watchdog, &watchdog->timer);
	if (code) {
		free(watchdog);
		return code;
	}
	timer_start(watchdog->timer, interval_ms);
	*out = watchdog;
	return 0;
}

void watchdog_close(struct watchdog *watchdog)
{
	if (!watchdog)
		return;
	timer_close(watchdog->timer);
	free(watchdog);
}
