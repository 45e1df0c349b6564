#include "base/log_limit.h"

#include <stdio.h>

#include "base/hash.h"

static void end_storm(struct log_limit *limit, struct log_source *source,
		      void (*on_end)(const struct log_source *source))
{
	on_end(source);
	source->left_out = 0;
	limit->storms--;
}

static struct log_source *source_of(struct log_limit *limit, enum log_level level, const char *module,
				    const char *event, uint64_t now_ms,
				    void (*on_end)(const struct log_source *source))
{
	uint64_t hash = hash64(span_of(event), hash64(span_of(module), 1)) | 1;
	struct log_source *source = &limit->sources[(hash >> 1) % LOG_LIMIT_SOURCES];

	if (source->hash == hash && now_ms - source->window_ms < LOG_LIMIT_WINDOW_MS)
		return source;
	if (source->left_out)
		end_storm(limit, source, on_end);
	*source = (struct log_source){ .hash = hash, .window_ms = now_ms, .level = level };
	(void)snprintf(source->module, sizeof(source->module), "%s", module);
	(void)snprintf(source->event, sizeof(source->event), "%s", event);
	return source;
}

bool log_limit_admit(struct log_limit *limit, enum log_level level, const char *module, const char *event,
		     uint64_t now_ms, void (*on_end)(const struct log_source *source))
{
	struct log_source *source;

	for (size_t i = 0; i < LOG_LIMIT_SOURCES && limit->storms; i++) {
		source = &limit->sources[i];
		if (source->left_out && now_ms - source->window_ms >= LOG_LIMIT_WINDOW_MS)
			end_storm(limit, source, on_end);
	}
	source = source_of(limit, level, module, event, now_ms, on_end);
	if (source->lines < LOG_BURST) {
		source->lines++;
		return true;
	}
	if (!source->left_out++)
		limit->storms++;
	return false;
}
