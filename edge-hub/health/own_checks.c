#include "edge-hub/health/own_checks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "edge-hub/health/check_plan.h"
#include "edge-hub/health/check_run.h"

struct own_checks {
	struct own_checks_options options;
	struct check_plan plan;
	struct timer *timer;
	struct asked { /* one of them */
		struct own_checks *checks;
		struct check_run *run; /* NULL: not under way */
		bool has_name;
	} asked[CHECKS_OWN_MAX];
};

static const struct check_spec *spec_of(const struct own_checks *checks, size_t index)
{
	return (const struct check_spec *)checks->options.specs->items + index;
}

static uint64_t now_of(const struct own_checks *checks)
{
	return loop_now_ms(checks->options.loop);
}

static void arm(struct own_checks *checks)
{
	uint64_t due = check_plan_due(&checks->plan), now = now_of(checks);

	if (due != UINT64_MAX)
		timer_start(checks->timer, due > now ? due - now : 0);
}

static void take(struct own_checks *checks, size_t index, enum check_result result, const char *text)
{
	const struct check_spec *spec = spec_of(checks, index);
	struct score *score = checks->options.score;
	unsigned threshold = (unsigned)spec->threshold;
	uint64_t now = now_of(checks);
	bool changed;

	if (result == CHECK_UNASKED)
		changed = score_unasked(score, spec->name, text, threshold, now);
	else
		changed = score_result(score, spec->name, result == CHECK_PASSED, text, threshold, now);
	if (changed)
		checks->options.changed(checks->options.ctx);
}

static void on_done(void *ctx, enum check_result result, const char *text)
{
	struct asked *asked = ctx;
	struct own_checks *checks = asked->checks;
	size_t index = (size_t)(asked - checks->asked);

	asked->run = NULL;
	check_plan_ended(&checks->plan, index, now_of(checks));
	take(checks, index, result, text);
	arm(checks);
}

/* A resolver that hangs holds each name for many seconds: the cloud's name does not queue behind those of checks. */
static bool has_to_wait(struct own_checks *checks, size_t index)
{
	if (!checks->asked[index].has_name || !loop_lookups(checks->options.loop))
		return false;
	if (!check_plan_wait(&checks->plan, index, now_of(checks)))
		take(checks, index, CHECK_UNASKED, "names cannot be looked up in time");
	return true;
}

static void begin(struct own_checks *checks, size_t index)
{
	struct asked *asked = &checks->asked[index];
	char text[CHECK_TEXT_SIZE];
	int code;

	if (has_to_wait(checks, index))
		return;
	code = check_run_new(checks->options.loop, spec_of(checks, index), on_done, asked, &asked->run);

	if (!code)
		return;
	(void)snprintf(text, sizeof(text), "cannot be asked: %s", strerror(-code));
	check_plan_ended(&checks->plan, index, now_of(checks));
	take(checks, index, CHECK_UNASKED, text);
}

/* A program that is killed and does not go: it hangs on a disk, say. */
static void complain(struct own_checks *checks, size_t index)
{
	char text[CHECK_TEXT_SIZE];

	(void)snprintf(text, sizeof(text), "killed after %" PRIu64 " ms, and does not end",
		       spec_of(checks, index)->timeout_ms);
	take(checks, index, CHECK_FAILED, text);
}

static void on_due(void *ctx)
{
	struct own_checks *checks = ctx;
	size_t index;

	while (check_plan_next_late(&checks->plan, now_of(checks), &index))
		complain(checks, index);
	while (check_plan_next(&checks->plan, now_of(checks), &index))
		begin(checks, index);
	arm(checks);
}

int own_checks_new(const struct own_checks_options *options, struct own_checks **out)
{
	struct own_checks *checks = calloc(1, sizeof(*checks));
	size_t count = options->specs->count;
	int code;

	if (!checks)
		return -ENOMEM;
	checks->options = *options;
	code = count > CHECKS_OWN_MAX ? -E2BIG : timer_new(options->loop, on_due, checks, &checks->timer);
	for (size_t i = 0; !code && i < count; i++) {
		checks->asked[i].checks = checks;
		checks->asked[i].has_name = check_has_name(spec_of(checks, i));
		code = score_add(options->score, spec_of(checks, i)->name,
				 (unsigned)spec_of(checks, i)->weight);
	}
	if (code) {
		own_checks_free(checks);
		return code;
	}
	if (count)
		check_plan_init(&checks->plan, options->specs->items, count, now_of(checks));
	arm(checks);
	*out = checks;
	return 0;
}

void own_checks_free(struct own_checks *checks)
{
	if (!checks)
		return;
	for (size_t i = 0; i < CHECKS_OWN_MAX; i++)
		check_run_close(checks->asked[i].run);
	timer_close(checks->timer);
	free(checks);
}
