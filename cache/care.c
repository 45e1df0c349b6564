#include "cache/care.h"

#include <errno.h>
#include <stdlib.h>

struct care {
	struct cache *cache;
	char *good_path;
	void (*on_trouble)(void *ctx, int code);
	void *ctx;
	uint64_t snapshot_due_ms;
	uint64_t commits_copied; /* what the last copy contained */
	uint64_t commits_copying;
	bool copied, copying, disk_full;
};

static void complain(struct care *care, int code)
{
	if (care->on_trouble)
		care->on_trouble(care->ctx, code);
}

static void on_copied(void *ctx, int code)
{
	struct care *care = ctx;

	care->copying = false;
	if (code) {
		complain(care, code);
		return;
	}
	care->copied = true;
	care->commits_copied = care->commits_copying;
}

/* An idle store is not copied again: the old copy says the same. */
static void copy_if_due(struct care *care, const struct cache_stats *stats, uint64_t now_ms)
{
	int code;

	if (care->copying || now_ms < care->snapshot_due_ms ||
	    (care->copied && stats->commits == care->commits_copied))
		return;
	care->snapshot_due_ms = now_ms + CARE_SNAPSHOT_MS;
	care->commits_copying = stats->commits;
	code = cache_snapshot(care->cache, care->good_path, on_copied, care);
	care->copying = code == 0;
	if (code && code != -EBUSY)
		complain(care, code);
}

void care_disk(struct care *care)
{
	struct cache_stats stats;

	cache_stats(care->cache, &stats);
	if (stats.disk_full == care->disk_full)
		return;
	care->disk_full = stats.disk_full;
	complain(care, stats.disk_full ? -ENOSPC : 0);
}

uint64_t care_step(struct care *care, uint64_t now_ms, int64_t now_wall_ms)
{
	struct cache_stats stats;

	cache_dispatch(care->cache, now_wall_ms);
	(void)cache_verify(care->cache, CARE_VERIFY_ROWS);
	care_disk(care);
	cache_stats(care->cache, &stats);
	if (stats.read_only)
		complain(care, -EROFS);
	else
		copy_if_due(care, &stats, now_ms);
	return now_ms + CARE_STEP_MS;
}

int care_new(struct cache *cache, const char *good_path, uint64_t now_ms,
	     void (*on_trouble)(void *ctx, int code), void *ctx, struct care **out)
{
	struct care *care = calloc(1, sizeof(*care));

	if (!care)
		return -ENOMEM;
	*care = (struct care){ .cache = cache,
			       .good_path = strdup(good_path),
			       .on_trouble = on_trouble,
			       .ctx = ctx,
			       .snapshot_due_ms = now_ms + CARE_SNAPSHOT_FIRST_MS };
	if (!care->good_path) {
		free(care);
		return -ENOMEM;
	}
	*out = care;
	return 0;
}

void care_free(struct care *care)
{
	if (!care)
		return;
	free(care->good_path);
	free(care);
}
