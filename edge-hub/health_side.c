#include "edge-hub/health_side.h"

#include "base/files.h"
#include "base/log.h"
#include "edge-hub/health/checks.h"

#include <errno.h>
#include <stdlib.h>

#define MODULE "hub"

#define LOOK_MS 10000u
#define PRESSURE_FILE "/proc/pressure/memory" /* absent where the kernel does not count it */

struct health_side {
	struct health_side_options options;
	struct score score;
	struct timer *timer;
	uint64_t look_ms; /* when the next look is due */
	struct node_key key;
	struct peers *peers;
	struct uplink *uplink;
};

static int send_verdicts(void *ctx, const char *region, const struct span *verdicts, size_t count)
{
	const struct health_side *side = ctx;

	return side->uplink ? uplink_verdicts(side->uplink, region, verdicts, count) : -ENOTCONN;
}

/* --- what it knows against itself --- */

static unsigned stalled(void)
{
	struct buf text;
	unsigned percent;

	buf_init(&text, 1024);
	percent = file_read(PRESSURE_FILE, &text) ? 0 : checks_stalled(buf_span(&text));
	buf_done(&text);
	return percent;
}

static void look(struct health_side *side, uint64_t late_ms)
{
	const struct health_side_options *o = &side->options;
	struct checks_seen seen = { .memory_bytes = o->facts->memory_bytes, .late_ms = late_ms };
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
	if (checks_look(&side->score, &seen, loop_now_ms(o->loop)))
		log_info(MODULE, "own-health", "percent=%u", score_percent(&side->score));
}

static void on_look(void *ctx)
{
	struct health_side *side = ctx;
	uint64_t now = loop_now_ms(side->options.loop);
	unsigned before = score_trouble(&side->score), trouble;

	look(side, now > side->look_ms ? now - side->look_ms : 0);
	trouble = score_trouble(&side->score);
	if (trouble != before)
		peers_trouble(side->peers, trouble);
	side->look_ms = loop_now_ms(side->options.loop) + LOOK_MS;
	timer_start(side->timer, LOOK_MS);
}

/* --- life --- */

static int open_peers(struct health_side *side, const struct health_side_options *o, struct err *err)
{
	struct peers_options options = { .loop = o->loop,
					 .cache = o->cache,
					 .key = &side->key,
					 .node = o->identity->node,
					 .region = o->identity->region ? o->identity->region : "",
					 .listen = o->settings->health_listen,
					 .start = o->start,
					 .score = &side->score,
					 .send_verdicts = send_verdicts,
					 .ctx = side };
	int code = node_key_open(o->vault, o->settings->data_dir, &side->key, err);

	if (code) { /* pods run without it */
		log_error(MODULE, "no-peer-health", "error=\"%s\"", err_text(err));
		*err = (struct err){ 0 };
		return 0;
	}
	code = peers_new(&options, &side->peers, err);
	if (!code && (checks_init(&side->score) || timer_new(o->loop, on_look, side, &side->timer)))
		code = err_set(err, -ENOMEM, "out of memory");
	if (!code) {
		side->look_ms = loop_now_ms(o->loop) + LOOK_MS;
		timer_start(side->timer, LOOK_MS);
	}
	return code;
}

int health_side_new(const struct health_side_options *options, struct health_side **out, struct err *err)
{
	struct health_side *side = calloc(1, sizeof(*side));
	int code;

	if (!side)
		return err_set(err, -ENOMEM, "out of memory");
	side->options = *options;
	code = options->settings->health_enabled ? open_peers(side, options, err) : 0;
	if (code)
		health_side_free(side);
	else
		*out = side;
	return code;
}

void health_side_free(struct health_side *side)
{
	if (!side)
		return;
	timer_close(side->timer);
	peers_free(side->peers);
	node_key_done(&side->key);
	free(side);
}

struct span health_side_identity(const struct health_side *side)
{
	return span_make(side->key.spki, side->key.spki_len);
}

unsigned health_side_port(const struct health_side *side)
{
	return side->peers ? peers_port(side->peers) : 0;
}

void health_side_uplink(struct health_side *side, struct uplink *uplink)
{
	side->uplink = uplink;
}

void health_side_tunnel(struct health_side *side, bool is_up)
{
	if (side->peers)
		peers_tunnel(side->peers, is_up);
}

void health_side_want(struct health_side *side, const char *const *names, size_t count)
{
	if (side->peers)
		peers_want(side->peers, names, count);
}

void health_side_changed(struct health_side *side, const char *resource)
{
	if (side->peers)
		peers_resource_changed(side->peers, resource);
}

const struct peers *health_side_peers(const struct health_side *side)
{
	return side->peers;
}
