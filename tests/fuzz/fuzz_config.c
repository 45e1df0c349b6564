#include <stdlib.h>

#include "base/config.h"

struct settings {
	char *name;
	bool on;
	int64_t port;
	uint64_t timeout_ms, cache_bytes;
	struct config_list hosts;
};

static const struct config_field fields[] = {
	{ "name", CONFIG_TEXT, offsetof(struct settings, name), 0, 0, "unnamed", "its name" },
	{ "api.on", CONFIG_BOOL, offsetof(struct settings, on), 0, 0, "true", "serve it" },
	{ "api.port", CONFIG_INT, offsetof(struct settings, port), 1, 65535, "6443", "port" },
	{ "link.timeout", CONFIG_DURATION, offsetof(struct settings, timeout_ms), 0, 0, "40s", "time" },
	{ "link.cache", CONFIG_SIZE, offsetof(struct settings, cache_bytes), 0, 0, "64Mi", "memory" },
	{ "link.hosts", CONFIG_LIST, offsetof(struct settings, hosts), 0, 0, "a,b", "hosts" },
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
	config_done(&table, &settings);
	return 0;
}
