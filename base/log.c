#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_limit.h"

#define LOG_LINE_BYTES 2048u

static const char *const level_names[] = { "error", "warn", "info", "debug" };

/* The one state without an owner in the house: the process has one stderr, and passing a logger
 * through every call would put it into every signature of floor 3. */
static struct {
	pthread_mutex_t lock;
	enum log_level level;
	struct log_limit limit;
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

static void report_storm(const struct log_source *source)
{
	char line[LOG_LINE_BYTES];
	size_t len = line_start(line, source->level, source->module, source->event);
	int n = snprintf(line + len, LOG_LINE_BYTES - 1 - len, "left_out=%u", source->left_out);

	write_line(line, len + (n > 0 ? (size_t)n : 0));
}

static bool admit(enum log_level level, const char *module, const char *event)
{
	bool admitted;

	pthread_mutex_lock(&state.lock);
	admitted = log_limit_admit(&state.limit, level, module, event, clock_mono_ms(), report_storm);
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
