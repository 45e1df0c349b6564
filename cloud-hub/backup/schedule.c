#include "cloud-hub/backup/schedule.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUFFIX ".tar"
#define STAMP_LEN (SCHEDULE_STAMP_SIZE - 1)

/* "2026-01-02T03:04:05Z" without what separates, and back. */
void schedule_stamp(int64_t wall_ms, char out[SCHEDULE_STAMP_SIZE])
{
	char text[CLOCK_TEXT_SIZE];
	size_t len = 0;

	clock_format(wall_ms, text);
	for (const char *c = text; *c && len < STAMP_LEN; c++)
		if (*c != '-' && *c != ':')
			out[len++] = *c;
	out[len] = '\0';
}

static int stamp_read(struct span s, int64_t *out_wall_ms)
{
	char text[CLOCK_TEXT_SIZE];

	if (s.len != STAMP_LEN)
		return -EINVAL;
	(void)snprintf(text, sizeof(text), "%.4s-%.2s-%.5s:%.2s:%.3s", s.ptr, s.ptr + 4, s.ptr + 6,
		       s.ptr + 11, s.ptr + 13);
	return clock_parse(span_of(text), out_wall_ms);
}

int schedule_name(const char *dir, const char *prefix, int64_t wall_ms, char *out, size_t size)
{
	char stamp[STAMP_LEN + 1];
	int len;

	schedule_stamp(wall_ms, stamp);
	len = snprintf(out, size, "%s/%s%s" SUFFIX, dir, prefix, stamp);
	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

/* The time in the name; *out_rest is what follows SUFFIX ("" for a whole backup). */
static bool name_read(const char *name, const char *prefix, int64_t *out_wall_ms, struct span *out_rest)
{
	struct span s = span_of(name), head = span_of(prefix), suffix = SPAN(SUFFIX);

	if (!span_has_prefix(s, head) || s.len < head.len + STAMP_LEN + suffix.len)
		return false;
	s = span_make(s.ptr + head.len, s.len - head.len);
	if (stamp_read(span_make(s.ptr, STAMP_LEN), out_wall_ms))
		return false;
	s = span_make(s.ptr + STAMP_LEN, s.len - STAMP_LEN);
	*out_rest = span_make(s.ptr + suffix.len, s.len - suffix.len);
	return span_has_prefix(s, suffix);
}

uint64_t schedule_wait_ms(const char *dir, const char *prefix, uint64_t every_ms, uint64_t least_ms,
			  int64_t now_wall_ms)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	int64_t newest = INT64_MIN, at, wait;
	struct span rest;

	while (d && (entry = readdir(d)))
		if (name_read(entry->d_name, prefix, &at, &rest) && !rest.len && at > newest)
			newest = at;
	if (d)
		(void)closedir(d);
	if (newest == INT64_MIN)
		return least_ms;
	wait = newest + (int64_t)every_ms - now_wall_ms;
	if (wait > (int64_t)every_ms)
		wait = (int64_t)every_ms;
	return wait < (int64_t)least_ms ? least_ms : (uint64_t)wait;
}

/* The names order as the times do. */
static int newest_first(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*b)->d_name, (*a)->d_name);
}

void schedule_prune(const char *dir, const char *prefix, size_t keep)
{
	struct dirent **entries = NULL;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), count;
	size_t whole = 0;

	if (fd < 0)
		return;
	count = scandirat(fd, ".", &entries, NULL, newest_first);
	for (int i = 0; i < count; i++) {
		int64_t at;
		struct span rest = SPAN("");

		if (name_read(entries[i]->d_name, prefix, &at, &rest) && (rest.len || ++whole > keep))
			(void)unlinkat(fd, entries[i]->d_name, 0);
		free(entries[i]);
	}
	free(entries);
	(void)close(fd);
}
