#include "edge-hub/own_health.h"

#include "base/files.h"
#include "base/log.h"
#include "edge-hub/health/checks.h"
#include "edge-hub/health/own_checks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE "health"

#define LOOK_MS 10000u
#define PRESSURE_FILE "/proc/pressure/memory" /* absent where the kernel does not count it */

enum told { TOLD_PASSING, TOLD_FAILING, TOLD_UNASKED };

struct own_health {
	struct own_health_options options;
	struct score score;
	struct own_checks *checks;
	struct timer *timer;
	uint64_t look_ms; /* when the next look is due */
	unsigned trouble;
	enum told told[SCORE_CHECKS_MAX]; /* to the cloud, by Events */
	bool is_told;			  /* nothing has changed since */
	uint64_t told_ms;
};

/* --- what others are told --- */

static enum told state_of(const struct score_check *check)
{
	if (check->is_failing)
		return TOLD_FAILING;
	return check->is_unasked ? TOLD_UNASKED : TOLD_PASSING;
}

static void report_event(struct own_health *own, const struct score_check *check)
{
	static const char *const reasons[] = { [TOLD_PASSING] = "CheckPassing",
					       [TOLD_FAILING] = "CheckFailing",
					       [TOLD_UNASKED] = "CheckNotAsked" };
	enum told state = state_of(check);
	char message[SCORE_NAME_SIZE + SCORE_TEXT_SIZE];
	struct event event = { .kind = "Node",
			       .about = { .ns = "", .name = own->options.node },
			       .uid = own->options.node,
			       .field_path = "",
			       .warning = state != TOLD_PASSING,
			       .reason = reasons[state],
			       .message = message };

	snprintf(message, sizeof(message), "%s%s%s", check->name, check->text[0] ? ": " : "", check->text);
	log_info(MODULE, "check", "name=%s state=%s why=\"%s\"", check->name, reasons[state], check->text);
	events_report(own->options.events, &event);
}

static void tell_cloud(struct own_health *own)
{
	uint64_t now = loop_now_ms(own->options.loop);
	struct checks_summary summary;

	if (own->is_told || (own->told_ms && now < own->told_ms + LOOK_MS))
		return; /* the next look comes here, too */
	checks_summarize(&own->score, &summary);
	for (size_t i = 0; i < own->score.count; i++) {
		if (own->told[i] == state_of(&own->score.checks[i]))
			continue;
		report_event(own, &own->score.checks[i]);
		own->told[i] = state_of(&own->score.checks[i]);
	}
	if (summary.value < 0)
		return; /* what it said in its last life stands until all have been asked */
	node_sync_checks(own->options.node_sync, &summary);
	own->is_told = true;
	own->told_ms = now;
}

static void tell_detector(struct own_health *own)
{
	unsigned trouble = score_trouble(&own->score);

	if (trouble == own->trouble)
		return;
	own->trouble = trouble;
	own->options.on_trouble(own->options.ctx, trouble);
}

static void changed(void *ctx)
{
	struct own_health *own = ctx;

	own->is_told = false;
	tell_detector(own);
	tell_cloud(own);
}

/* --- looking --- */

static unsigned stalled(void)
{
	struct buf text;
	unsigned percent;

	buf_init(&text, 1024);
	percent = file_read(PRESSURE_FILE, &text) ? 0 : checks_stalled(buf_span(&text));
	buf_done(&text);
	return percent;
}

static bool look(struct own_health *own, uint64_t late_ms)
{
	const struct own_health_options *o = &own->options;
	struct checks_seen seen = { .memory_bytes = node_sync_facts(o->node_sync)->memory_bytes,
				    .late_ms = late_ms };
	struct node_pressure pressure;
	struct timekeeper_status clock;
	struct agent_runtime runtime;
	struct cache_stats store;

	agent_runtime(o->agent, &runtime);
	timekeeper_status(o->timekeeper, &clock);
	cache_stats(o->cache, &store);
	seen.runtime_ready = runtime.up && runtime.ready;
	seen.runtime_why = runtime.message ? runtime.message : "";
	seen.clock_wrong = clock.state == WALLTIME_UNSET || clock.state == WALLTIME_SKEWED;
	seen.disk_full = store.disk_full;
	seen.disk_read_only = store.read_only;
	if (node_pressure_read("", o->settings->data_dir, &pressure))
		seen.memory_bytes = 0;
	else
		seen.memory_available_bytes = pressure.memory_available_bytes;
	seen.memory_stalled_pc = stalled();
	return checks_look(&own->score, &seen, loop_now_ms(o->loop));
}

static void on_look(void *ctx)
{
	struct own_health *own = ctx;
	uint64_t now = loop_now_ms(own->options.loop);

	if (look(own, now > own->look_ms ? now - own->look_ms : 0))
		own->is_told = false;
	tell_detector(own); /* lateness moves it, too */
	tell_cloud(own);
	own->look_ms = loop_now_ms(own->options.loop) + LOOK_MS;
	timer_start(own->timer, LOOK_MS);
}

/* --- life --- */

int own_health_new(const struct own_health_options *options, struct own_health **out, struct err *err)
{
	struct own_health *own = calloc(1, sizeof(*own));
	struct own_checks_options checks = { .loop = options->loop,
					     .specs = &options->settings->health_checks,
					     .changed = changed,
					     .ctx = own };
	int code;

	if (!own)
		return err_set(err, -ENOMEM, "out of memory");
	own->options = *options;
	checks.score = &own->score;
	code = checks_init(&own->score);
	if (!code)
		code = own_checks_new(&checks, &own->checks);
	if (!code)
		code = timer_new(options->loop, on_look, own, &own->timer);
	if (code) {
		own_health_free(own);
		return err_set(err, code, "setting up this node's checks: %s", strerror(-code));
	}
	own->look_ms = loop_now_ms(options->loop) + LOOK_MS;
	timer_start(own->timer, LOOK_MS);
	*out = own;
	return 0;
}

void own_health_free(struct own_health *own)
{
	if (!own)
		return;
	own_checks_free(own->checks);
	timer_close(own->timer);
	free(own);
}

const struct score *own_health_score(const struct own_health *own)
{
	return &own->score;
}
