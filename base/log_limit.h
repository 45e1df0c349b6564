/* log_limit: keeps storms of one (module, event) out of the log. Pure: it is told the time and prints nothing.
 * Owned by log, which also locks. */
#ifndef HOLDFAST_BASE_LOG_LIMIT_H
#define HOLDFAST_BASE_LOG_LIMIT_H

#include "base/log.h"
#include "base/span.h"

#define LOG_LIMIT_WINDOW_MS 10000u
#define LOG_LIMIT_SOURCES \
	256u /* pairs watched at once; beyond that two may share a slot, and the later one takes it */
#define LOG_LIMIT_NAME_BYTES 24u

struct log_source {
	uint64_t hash; /* 0: unused */
	uint64_t window_ms;
	unsigned lines, left_out;
	enum log_level level;
	char module[LOG_LIMIT_NAME_BYTES], event[LOG_LIMIT_NAME_BYTES];
};

struct log_limit {	 /* zeroed: empty */
	unsigned storms; /* sources that have left lines out and not told yet */
	struct log_source sources[LOG_LIMIT_SOURCES];
};

/* Whether a line may go out: LOG_BURST of them in each window. A storm whose window has passed, or whose slot is
 * needed, is handed to on_end from inside this call, once. */
bool log_limit_admit(struct log_limit *limit, enum log_level level, const char *module, const char *event,
		     uint64_t now_ms, void (*on_end)(const struct log_source *source));

#endif
