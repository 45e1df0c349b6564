#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"

#define LOG_LINE_BYTES 2048u
#define LOG_WINDOW_MS 10000u
#define LOG_SOURCES 256u /* (module, event) pairs watched at once; slots are shared beyond that */
#define LOG_NAME_BYTES 24u

static const char *const level_names[] = { "error", "warn", "info", "debug" };

struct source {
	uint64_t hash; /* 0: unused */
	uint64_t window_ms;
	unsigned lines, left_out;
	enum log_level level;
	char module[LOG_NAME_BYTES], event[LOG_NAME_BYTES];
};

/* The one state without an owner in the house: the process has one stderr, and passing a logger
 * through every call would put it into every signature of floor 3. */
static struct {
	pthread_mutex_t lock;
	enum log_level level;
	unsigned storms; /* sources with left_out > 0 */
	struct source sources[LOG_SOURCES];
} state = { .lock = PTHREAD_MUTEX_INITIALIZER, .level = LOG_LEVEL_INFO };

void log_set_level(enum log_level level)
{
	__atomic_store_n(&state.level, level, __ATOMIC_RELAXED);
}

int log_level_parse(const char *name, enum log_level *out)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* One write(2) per line, so that lines of several threads and processes stay whole. */
static void write_line(char *line, size_t len)
{
	size_t done = 0;

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?'; /* values from outside cannot forge a line */
	line[len++] = '\n';
	while (done < len) {
		ssize_t n = write(STDERR_FILENO, line + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* nowhere to report it */
		done += (size_t)n;
	}
}

static size_t line_start(char line[LOG_LINE_BYTES], enum log_level level, const char *module,
			 const char *event)
{
	char when[CLOCK_TEXT_SIZE];
	int n;

	clock_format_micro(clock_wall_ms() * 1000, when);
	n = snprintf(line, LOG_LINE_BYTES - 1, "%.23sZ %-5s %s %s ", when, level_names[level], module, event);
	return n < 0 ? 0 : (size_t)n < LOG_LINE_BYTES - 1 ? (size_t)n : LOG_LINE_BYTES - 2;
}

static void report_storm(struct source *source)
{
	char line[LOG_LINE_BYTES];
	size_t len = line_start(line, source->level, source->module, source->event);
	int n = snprintf(line + len, LOG_LINE_BYTES - 1 - len, "left_out=%u", source->left_out);

	source->left_out = 0;
	state.storms--;
	write_line(line, len + (n > 0 ? (size_t)n : 0));
}

static void report_ended_storms(uint64_t now_ms)
{
	for (size_t i = 0; i < LOG_SOURCES && state.storms; i++) {
		struct source *source = &state.sources[i];

		if (source->left_out && now_ms - source->window_ms >= LOG_WINDOW_MS)
			report_storm(source);
	}
}

static struct source *source_of(enum log_level level, const char *module, const char *event, uint64_t now_ms)
{
	uint64_t hash = hash64(span_of(event), hash64(span_of(module), 1)) | 1;
	struct source *source = &state.sources[(hash >> 1) % LOG_SOURCES];

	if (source->hash == hash && now_ms - source->window_ms < LOG_WINDOW_MS)
		return source;
	if (source->left_out)
		report_storm(source);
	*source = (struct source){ .hash = hash, .window_ms = now_ms, .level = level };
	(void)snprintf(source->module, sizeof(source->module), "%s", module);
	(void)snprintf(source->event, sizeof(source->event), "%s", event);
	return source;
}

static bool admit(enum log_level level, const char *module, const char *event)
{
	uint64_t now_ms = clock_mono_ms();
	struct source *source;
	bool admitted;

	pthread_mutex_lock(&state.lock);
	report_ended_storms(now_ms);
	source = source_of(level, module, event, now_ms);
	admitted = source->lines < LOG_BURST;
	if (admitted)
		source->lines++;
	else if (!source->left_out++)
		state.storms++;
	pthread_mutex_unlock(&state.lock);
	return admitted;
}

void log_emit(enum log_level level, const char *module, const char *event, const char *fmt, ...)
{
	char line[LOG_LINE_BYTES];
	va_list args;
	size_t len;
	int n;

	if (level > __atomic_load_n(&state.level, __ATOMIC_RELAXED) || !admit(level, module, event))
		return;
	len = line_start(line, level, module, event);
	va_start(args, fmt);
	n = vsnprintf(line + len, LOG_LINE_BYTES - 1 - len, fmt, args);
	va_end(args);
	if (n > 0)
		len = len + (size_t)n < LOG_LINE_BYTES - 1 ? len + (size_t)n : LOG_LINE_BYTES - 2;
	while (len && line[len - 1] == ' ')
		len--; /* no values */
	write_line(line, len);
}
