#include "edge-hub/replica/node_sync.h"

#include "base/log.h"
#include "edge-hub/health/checks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE "node"
#define TEXT_MAX 512u
#define NODE_BYTES_MAX (256u * 1024)
#define ADDRESS_MAX 64u

struct node_sync {
	struct node_sync_options options;
	struct agent *agent;
	struct timer *timer;
	struct node_facts facts;
	struct node_status status;
	char address[ADDRESS_MAX];
	bool runtime_up, runtime_ready, network_ready;
	char runtime_version[64], runtime_message[TEXT_MAX];
	struct checks_summary checks;
	bool reported;
};

static void copy_text(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text ? text : "");
}

static void report(struct node_sync *sync, const struct node_image *images, size_t image_count)
{
	struct node_pressure pressure = { 0 };
	struct timekeeper_status clock;
	struct node_input input = {
		.facts = &sync->facts,
		.pressure = &pressure,
		.node_name = sync->options.node,
		.internal_ip = sync->address,
		.runtime_version = sync->runtime_version,
		.runtime_up = sync->runtime_up,
		.runtime_ready = sync->runtime_ready,
		.network_ready = sync->network_ready,
		.runtime_message = sync->runtime_message,
		.images = images,
		.image_count = image_count,
		.wall_ms = timekeeper_stamp_ms(sync->options.timekeeper),
		.checks_failing = sync->checks.value,
		.checks_reason = sync->checks.reason,
		.checks_message = sync->checks.message,
	};
	bool changed = false;
	struct buf text;
	int code;

	timekeeper_status(sync->options.timekeeper, &clock);
	input.clock_wrong = clock.state == WALLTIME_UNSET || clock.state == WALLTIME_SKEWED;
	code = node_pressure_read("", sync->options.data_dir, &pressure);

	if (code) {
		log_warn(MODULE, "unreadable", "error=%d", code);
		return;
	}
	buf_init(&text, NODE_BYTES_MAX);
	code = node_status_step(&sync->status, &input, &changed);
	if (!code && (changed || !sync->reported))
		code = node_object_write(&sync->status, &input, "", &text);
	if (code)
		log_error(MODULE, "not-rendered", "error=%d", code);
	else if (text.len) {
		sync->reported = true;
		reports_node(sync->options.reports, sync->options.node, buf_span(&text));
	}
	buf_done(&text);
}

static void on_images(void *ctx, const struct agent_image *images, size_t count)
{
	struct node_sync *sync = ctx;
	struct node_image out[NODE_IMAGES_MAX];

	for (size_t i = 0; i < count && i < NODE_IMAGES_MAX; i++)
		out[i] = (struct node_image){ images[i].names, images[i].name_count, images[i].size_bytes };
	report(sync, out, count < NODE_IMAGES_MAX ? count : NODE_IMAGES_MAX);
}

static void look(struct node_sync *sync)
{
	if (!sync->agent || !sync->runtime_up || agent_images(sync->agent, on_images, sync))
		report(sync, NULL, 0);
}

static void on_timer(void *ctx)
{
	struct node_sync *sync = ctx;

	look(sync);
	timer_start(sync->timer, sync->options.check_ms);
}

void node_sync_runtime(struct node_sync *sync, const struct agent_runtime *runtime)
{
	sync->runtime_up = runtime->up;
	sync->runtime_ready = runtime->ready;
	sync->network_ready = runtime->network_ready;
	if (runtime->version && runtime->version[0])
		copy_text(sync->runtime_version, sizeof(sync->runtime_version), runtime->version);
	copy_text(sync->runtime_message, sizeof(sync->runtime_message), runtime->message);
	look(sync);
}

void node_sync_checks(struct node_sync *sync, const struct checks_summary *summary)
{
	sync->checks = *summary;
	look(sync);
}

void node_sync_address(struct node_sync *sync, const char *address)
{
	if (!address[0] || strcmp(address, sync->address) == 0)
		return;
	copy_text(sync->address, sizeof(sync->address), address);
	if (sync->agent)
		agent_set_host_ip(sync->agent, sync->address);
	look(sync);
}

void node_sync_clock_moved(struct node_sync *sync, const struct walltime_move *move)
{
	node_status_clock_moved(&sync->status, move);
	if (move->delta_ms)
		sync->reported = false;
	look(sync);
}

const struct node_facts *node_sync_facts(const struct node_sync *sync)
{
	return &sync->facts;
}

/* Transition times of conditions outlive a restart. */
static void restore(struct node_sync *sync)
{
	struct key key = { "nodes", "", sync->options.node };
	struct object *row = NULL;

	if (cache_get(sync->options.cache, &key, &row) == 0 && node_status_restore(&sync->status, row->body))
		log_warn(MODULE, "not-restored", "node=%s", sync->options.node);
	object_unref(row);
}

void node_sync_start(struct node_sync *sync, struct agent *agent)
{
	struct agent_runtime runtime;

	sync->agent = agent;
	agent_set_host_ip(agent, sync->address);
	agent_runtime(agent, &runtime);
	node_sync_runtime(sync, &runtime);
	timer_start(sync->timer, sync->options.check_ms);
}

void node_sync_stop(struct node_sync *sync)
{
	if (sync)
		sync->agent = NULL;
}

int node_sync_new(const struct node_sync_options *options, struct node_sync **out, struct err *err)
{
	struct node_sync *sync = calloc(1, sizeof(*sync));
	int code;

	if (!sync)
		return err_set(err, -ENOMEM, "out of memory");
	sync->options = *options;
	sync->checks.value = -1;
	node_status_init(&sync->status);
	code = node_facts_read("", options->data_dir, &sync->facts, err);
	if (!code)
		code = timer_new(options->loop, on_timer, sync, &sync->timer);
	if (code) {
		free(sync);
		return code;
	}
	if (node_address(NULL, sync->address, sizeof(sync->address)))
		sync->address[0] = '\0'; /* no network yet: the link tells */
	restore(sync);
	*out = sync;
	return 0;
}

void node_sync_free(struct node_sync *sync)
{
	if (!sync)
		return;
	timer_close(sync->timer);
	free(sync);
}
