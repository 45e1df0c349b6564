#include <stdlib.h>

#include "base/config.h"

struct check {
	char *name;
	uint64_t interval_ms;
	struct config_list exec;
};

struct settings {
	char *name;
	bool on;
	int64_t port;
	uint64_t timeout_ms, cache_bytes;
	struct config_list hosts;
	struct config_objects checks;
};

#define ROW(path_, type_, at_, min_, max_, fallback_, help_)                           \
	{                                                                              \
		.path = path_, .type = type_, .offset = at_, .min = min_, .max = max_, \
		.fallback = fallback_, .help = help_                                   \
	}
static const struct config_field check_fields[] = {
	ROW("name", CONFIG_TEXT, offsetof(struct check, name), 0, 0, NULL, "name"),
	ROW("interval", CONFIG_DURATION, offsetof(struct check, interval_ms), 0, 0, "10s", "time"),
	ROW("exec", CONFIG_LIST, offsetof(struct check, exec), 0, 0, NULL, "program"),
};
static const struct config_items checks = { .table = { check_fields, 3 },
					    .size = sizeof(struct check),
					    .max = 4 };

static const struct config_field fields[] = {
	ROW("name", CONFIG_TEXT, offsetof(struct settings, name), 0, 0, "unnamed", "its name"),
	ROW("api.on", CONFIG_BOOL, offsetof(struct settings, on), 0, 0, "true", "serve it"),
	ROW("api.port", CONFIG_INT, offsetof(struct settings, port), 1, 65535, "6443", "port"),
	ROW("link.timeout", CONFIG_DURATION, offsetof(struct settings, timeout_ms), 0, 0, "40s", "time"),
	ROW("link.cache", CONFIG_SIZE, offsetof(struct settings, cache_bytes), 0, 0, "64Mi", "memory"),
	ROW("link.hosts", CONFIG_LIST, offsetof(struct settings, hosts), 0, 0, "a,b", "hosts"),
	{ .path = "health.checks",
	  .type = CONFIG_OBJECTS,
	  .offset = offsetof(struct settings, checks),
	  .help = "checks",
	  .items = &checks },
};

static const struct config_table table = { fields, sizeof(fields) / sizeof(fields[0]) };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings settings;
	struct err err = { 0 };

	if (config_parse(&table, span_make(data, size), "input", &settings, &err)) {
		if (!err.msg[0])
			abort(); /* a refusal always says why */
		return 0;
	}
	if (settings.port < 1 || settings.port > 65535)
		abort();
	if (settings.checks.count > checks.max)
		abort();
	config_done(&table, &settings);
	return 0;
}
