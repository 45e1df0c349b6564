#include "edge-hub/node/node_status.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* Thresholds are the kubelet's defaults for hard eviction (kubelet configuration v1beta1, evictionHard). */
#define MEMORY_MIN_BYTES (100u * 1024 * 1024)
#define DISK_MIN_PERCENT 10u
#define INODES_MIN_PERCENT 5u
#define PIDS_MIN_PERCENT 10u
/* A pressure that has gone must stay away this long before the condition says so (evictionPressureTransitionPeriod is 5 min). */
#define CALM_MS (60 * 1000)
#define MEMORY_STEP (64ull * 1024 * 1024) /* how much of it is kept from pods: see node_allocatable */

static const struct {
	const char *type, *bad_reason, *bad_message, *good_reason, *good_message;
} texts[NODE_CONDITIONS] = {
	[NODE_MEMORY_PRESSURE] = { "MemoryPressure", "KubeletHasInsufficientMemory",
				   "kubelet has insufficient memory available", "KubeletHasSufficientMemory",
				   "kubelet has sufficient memory available" },
	[NODE_DISK_PRESSURE] = { "DiskPressure", "KubeletHasDiskPressure", "kubelet has disk pressure",
				 "KubeletHasNoDiskPressure", "kubelet has no disk pressure" },
	[NODE_PID_PRESSURE] = { "PIDPressure", "KubeletHasInsufficientPID",
				"kubelet has insufficient PID available", "KubeletHasSufficientPID",
				"kubelet has sufficient PID available" },
	/* Without figures, which would make it news at every look. */
	[NODE_CLOCK_SKEWED] = { "ClockSkewed", "MachineClockWrong",
				"this machine's clock is not set or far from the cloud's, which is used "
				"instead",
				"MachineClockRight", "this machine's clock agrees with the cloud's" },
	[NODE_CHECKS_FAILING] = { "ChecksFailing", "", "", "", "" },
	[NODE_READY] = { "Ready", "KubeletNotReady", "", "KubeletReady", "edge-hub is posting ready status" },
};

void node_status_init(struct node_status *status)
{
	memset(status, 0, sizeof(*status));
	for (unsigned i = 0; i < NODE_CONDITIONS; i++)
		status->conditions[i].value = -1;
}

int node_status_restore(struct node_status *status, struct span node_json)
{
	struct json *tree = NULL;
	const struct json *list;
	int code = json_parse(node_json, &tree, NULL);

	if (code)
		return code;
	list = json_path(tree, "status.conditions");
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *c = json_at(list, i);
		const char *value = json_path_str(c, "status", "");

		for (unsigned k = 0; k < NODE_CONDITIONS; k++) {
			int64_t since;

			if (strcmp(json_path_str(c, "type", ""), texts[k].type) != 0 ||
			    strcmp(value, "Unknown") == 0 ||
			    clock_parse(span_of(json_path_str(c, "lastTransitionTime", "")), &since))
				continue;
			status->conditions[k].value = strcmp(value, "True") == 0;
			status->conditions[k].since_wall_ms = since;
			snprintf(status->conditions[k].reason, sizeof(status->conditions[k].reason), "%s",
				 json_path_str(c, "reason", ""));
			snprintf(status->conditions[k].message, sizeof(status->conditions[k].message), "%s",
				 json_path_str(c, "message", ""));
		}
	}
	json_free(tree);
	return 0;
}

/* --- judging --- */

static bool below(uint64_t part, uint64_t whole, unsigned percent)
{
	return whole && part < whole / 100 * percent;
}

static bool is_pressed(enum node_condition condition, const struct node_pressure *p)
{
	switch (condition) {
	case NODE_MEMORY_PRESSURE: return p->memory_available_bytes < MEMORY_MIN_BYTES;
	case NODE_DISK_PRESSURE:
		return below(p->disk_available_bytes, p->disk_total_bytes, DISK_MIN_PERCENT) ||
		       below(p->disk_inodes_free, p->disk_inodes, INODES_MIN_PERCENT);
	case NODE_PID_PRESSURE:
		return p->pids_max &&
		       below(p->pids_max - (p->pids_used < p->pids_max ? p->pids_used : p->pids_max),
			     p->pids_max, PIDS_MIN_PERCENT);
	default: return false;
	}
}

static const char *why_not_ready(const struct node_input *input, const char **out_message)
{
	*out_message = input->runtime_message && input->runtime_message[0] ? input->runtime_message
									   : "container runtime is down";
	if (!input->runtime_up)
		return "ContainerRuntimeDown";
	if (!input->runtime_ready)
		return "ContainerRuntimeNotReady";
	if (!input->network_ready) {
		if (!input->runtime_message || !input->runtime_message[0])
			*out_message = "container runtime network not ready";
		return "NetworkNotReady";
	}
	return NULL;
}

static void set(struct node_status *status, enum node_condition which, int value, const char *reason,
		const char *message, int64_t wall_ms)
{
	if (status->conditions[which].value != value)
		status->conditions[which].since_wall_ms = wall_ms;
	status->conditions[which].value = value;
	status->conditions[which].seen_wall_ms = wall_ms;
	snprintf(status->conditions[which].reason, sizeof(status->conditions[which].reason), "%s", reason);
	snprintf(status->conditions[which].message, sizeof(status->conditions[which].message), "%s", message);
}

static void set_plain(struct node_status *status, enum node_condition which, bool value, int64_t wall_ms)
{
	set(status, which, value, value ? texts[which].bad_reason : texts[which].good_reason,
	    value ? texts[which].bad_message : texts[which].good_message, wall_ms);
}

/* Pressure is believed at once; its end only when it lasts, so that a condition does not flap at the threshold. */
static void judge_pressure(struct node_status *status, enum node_condition which,
			   const struct node_input *input)
{
	bool pressed = is_pressed(which, input->pressure);
	int64_t *calm = &status->conditions[which].calm_since_wall_ms;

	if (pressed)
		*calm = 0;
	else if (!*calm || *calm > input->wall_ms) /* the clock was set back */
		*calm = input->wall_ms;
	if (!pressed && status->conditions[which].value == 1 && input->wall_ms - *calm < CALM_MS)
		pressed = true;
	set_plain(status, which, pressed, input->wall_ms);
}

static void judge(struct node_status *status, const struct node_input *input)
{
	const char *message = "", *reason = why_not_ready(input, &message);

	judge_pressure(status, NODE_MEMORY_PRESSURE, input);
	judge_pressure(status, NODE_DISK_PRESSURE, input);
	judge_pressure(status, NODE_PID_PRESSURE, input);
	set_plain(status, NODE_CLOCK_SKEWED, input->clock_wrong, input->wall_ms);
	if (input->checks_reason && input->checks_failing >= 0)
		set(status, NODE_CHECKS_FAILING, input->checks_failing, input->checks_reason,
		    input->checks_message, input->wall_ms);
	if (reason)
		set(status, NODE_READY, false, reason, message, input->wall_ms);
	else
		set(status, NODE_READY, true, texts[NODE_READY].good_reason, texts[NODE_READY].good_message,
		    input->wall_ms);
}

static uint64_t mix(uint64_t hash, const char *text)
{
	return hash64(span_of(text), hash);
}

void node_status_clock_moved(struct node_status *status, const struct walltime_move *move)
{
	for (unsigned i = 0; i < NODE_CONDITIONS; i++) {
		status->conditions[i].since_wall_ms =
			walltime_moved(move, status->conditions[i].since_wall_ms);
		status->conditions[i].calm_since_wall_ms =
			walltime_moved(move, status->conditions[i].calm_since_wall_ms);
	}
}

/* Of everything a reader would care about; not of times and not of what merely moves. */
static uint64_t digest_of(const struct node_status *status, const struct node_input *input)
{
	uint64_t hash = hash64(span_make(input->facts, sizeof(*input->facts)), 1);

	hash = mix(mix(mix(hash, input->node_name), input->internal_ip), input->runtime_version);
	for (unsigned i = 0; i < NODE_CONDITIONS; i++) {
		hash = hash * 31 + (uint64_t)(status->conditions[i].value + 1);
		hash = mix(mix(hash, status->conditions[i].reason), status->conditions[i].message);
	}
	for (size_t i = 0; i < input->image_count; i++)
		for (size_t n = 0; n < input->images[i].name_count; n++)
			hash = mix(hash, input->images[i].names[n]);
	return hash ? hash : 1;
}

int node_status_step(struct node_status *status, const struct node_input *input, bool *out_changed)
{
	uint64_t digest;

	judge(status, input);
	digest = digest_of(status, input);
	*out_changed = digest != status->digest;
	status->digest = digest;
	return 0;
}

/* --- writing --- */

void node_allocatable(const struct node_facts *facts, int64_t *out_cpu_milli, int64_t *out_memory_bytes,
		      int64_t *out_disk_bytes)
{
	uint64_t memory = facts->memory_bytes, reserved = MEMORY_MIN_BYTES + MEMORY_STEP;

	/* What hard eviction keeps free, and room for the runtime; a small board keeps at least half for pods. */
	if (reserved > memory / 2)
		reserved = memory / 2;
	*out_cpu_milli = (int64_t)facts->cpus * 1000;
	*out_memory_bytes = (int64_t)((memory - reserved) / 1024 * 1024);
	*out_disk_bytes = (int64_t)(facts->disk_bytes / 100 * (100 - DISK_MIN_PERCENT));
}

static void add_text(struct buf *out, const char *before, const char *text)
{
	buf_add_str(out, before);
	buf_add_json_str(out, span_of(text));
}

static void add_resources(struct buf *out, const struct node_facts *facts)
{
	int64_t cpu, memory, disk;

	node_allocatable(facts, &cpu, &memory, &disk);
	buf_addf(out,
		 "\"capacity\":{\"cpu\":\"%u\",\"ephemeral-storage\":\"%" PRIu64 "Ki\",\"memory\":\"%" PRIu64
		 "Ki\",\"pods\":\"%d\"}",
		 facts->cpus, facts->disk_bytes / 1024, facts->memory_bytes / 1024, NODE_PODS_MAX);
	buf_addf(out,
		 ",\"allocatable\":{\"cpu\":\"%" PRId64 "\",\"ephemeral-storage\":\"%" PRId64
		 "\",\"memory\":\"%" PRId64 "Ki\",\"pods\":\"%d\"}",
		 cpu / 1000, disk, memory / 1024, NODE_PODS_MAX);
}

static void add_conditions(struct buf *out, const struct node_status *status)
{
	static const char *const values[] = { "False", "True", "Unknown" };
	char since[CLOCK_TEXT_SIZE], seen[CLOCK_TEXT_SIZE];
	const char *separator = "";

	buf_add_str(out, ",\"conditions\":[");
	for (unsigned i = 0; i < NODE_CONDITIONS; i++) {
		if (status->conditions[i].value < 0)
			continue;
		clock_format(status->conditions[i].since_wall_ms, since);
		clock_format(status->conditions[i].seen_wall_ms, seen);
		buf_addf(out,
			 "%s{\"type\":\"%s\",\"status\":\"%s\",\"lastHeartbeatTime\":\"%s\","
			 "\"lastTransitionTime\":\"%s\"",
			 separator, texts[i].type, values[status->conditions[i].value], seen, since);
		separator = ",";
		add_text(out, ",\"reason\":", status->conditions[i].reason);
		add_text(out, ",\"message\":", status->conditions[i].message);
		buf_add_char(out, '}');
	}
	buf_add_char(out, ']');
}

static void add_addresses(struct buf *out, const struct node_input *input)
{
	buf_add_str(out, ",\"addresses\":[");
	if (input->internal_ip[0]) {
		add_text(out, "{\"type\":\"InternalIP\",\"address\":", input->internal_ip);
		buf_add_str(out, "},");
	}
	add_text(out, "{\"type\":\"Hostname\",\"address\":", input->facts->hostname);
	buf_add_str(out, "}]");
	if (input->daemon_port)
		buf_addf(out, ",\"daemonEndpoints\":{\"kubeletEndpoint\":{\"Port\":%d}}", input->daemon_port);
}

static void add_info(struct buf *out, const struct node_input *input)
{
	const struct node_facts *facts = input->facts;

	add_text(out, ",\"nodeInfo\":{\"machineID\":", facts->machine_id);
	add_text(out, ",\"systemUUID\":", facts->system_uuid);
	add_text(out, ",\"bootID\":", facts->boot_id);
	add_text(out, ",\"kernelVersion\":", facts->kernel);
	add_text(out, ",\"osImage\":", facts->os_image);
	add_text(out, ",\"containerRuntimeVersion\":", input->runtime_version);
	buf_add_str(out, ",\"kubeletVersion\":\"v1.32.0+holdfast." HOLDFAST_VERSION
			 "\",\"kubeProxyVersion\":\"\"");
	add_text(out, ",\"operatingSystem\":\"linux\",\"architecture\":", facts->architecture);
	buf_add_char(out, '}');
}

static void add_images(struct buf *out, const struct node_input *input)
{
	buf_add_str(out, ",\"images\":[");
	for (size_t i = 0; i < input->image_count && i < NODE_IMAGES_MAX; i++) {
		buf_add_str(out, i ? ",{\"names\":[" : "{\"names\":[");
		for (size_t n = 0; n < input->images[i].name_count; n++)
			add_text(out, n ? "," : "", input->images[i].names[n]);
		buf_addf(out, "],\"sizeBytes\":%" PRIu64 "}", input->images[i].size_bytes);
	}
	buf_add_char(out, ']');
}

int node_status_write(const struct node_status *status, const struct node_input *input, struct buf *out)
{
	buf_add_char(out, '{');
	add_resources(out, input->facts);
	add_conditions(out, status);
	add_addresses(out, input);
	add_info(out, input);
	add_images(out, input);
	buf_add_char(out, '}');
	return buf_error(out);
}

static void add_labels(struct buf *out, const struct node_input *input, const char *extra)
{
	struct span rest = span_of(extra), pair, key, value;

	add_text(out, ",\"labels\":{\"kubernetes.io/hostname\":", input->node_name);
	add_text(out, ",\"kubernetes.io/os\":\"linux\",\"kubernetes.io/arch\":", input->facts->architecture);
	while (rest.len) {
		(void)span_cut(rest, ',', &pair, &rest);
		if (!span_cut(pair, '=', &key, &value))
			continue;
		buf_add_char(out, ',');
		buf_add_json_str(out, key);
		buf_add_char(out, ':');
		buf_add_json_str(out, value);
	}
	buf_add_char(out, '}');
}

int node_object_write(const struct node_status *status, const struct node_input *input,
		      const char *extra_labels, struct buf *out)
{
	add_text(out, "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":", input->node_name);
	add_labels(out, input, extra_labels);
	buf_add_str(out, "},\"status\":");
	if (node_status_write(status, input, out))
		return buf_error(out);
	return buf_add_char(out, '}');
}
