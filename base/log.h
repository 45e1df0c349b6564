/* log: one line per event on stderr: level, module, event, key=value. Daemons log; libraries
 * (floors 0 to 2) return errors instead and do not include this. Secrets never appear.
 *
 * Levels: error: a person is needed; warn: degraded; info: state changes only; debug: off by default.
 * A repeating (module, event) is limited to LOG_BURST lines in ten seconds, and the number left out is
 * logged when the storm ends. Any thread. */
#ifndef HOLDFAST_BASE_LOG_H
#define HOLDFAST_BASE_LOG_H

#include "base/err.h"

#define LOG_BURST 20

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level);
int log_level_parse(const char *name, enum log_level *out) must_check; /* "error", "warn", "info", "debug" */

/* fmt is the key=value part: log_info("link", "up", "cloud=%s rtt_ms=%u", ...). Values with spaces are the caller's to quote. */
void log_emit(enum log_level level, const char *module, const char *event, const char *fmt, ...)
	printf_like(4, 5);

#define log_error(module, event, ...) log_emit(LOG_LEVEL_ERROR, module, event, __VA_ARGS__)
#define log_warn(module, event, ...) log_emit(LOG_LEVEL_WARN, module, event, __VA_ARGS__)
#define log_info(module, event, ...) log_emit(LOG_LEVEL_INFO, module, event, __VA_ARGS__)
#define log_debug(module, event, ...) log_emit(LOG_LEVEL_DEBUG, module, event, __VA_ARGS__)

#endif
