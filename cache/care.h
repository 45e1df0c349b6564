/* care: what a store needs now and then from its owner, without any client: old versions let go, rows checked, a last-good
 * copy kept beside it. Told the time; call care_step when it says. One thread, the cache's. */
#ifndef HOLDFAST_CACHE_CARE_H
#define HOLDFAST_CACHE_CARE_H

#include "cache/cache.h"

struct care;

#define CARE_STEP_MS 60000u
#define CARE_VERIFY_ROWS 64u /* rows checked at each step */
#define CARE_SNAPSHOT_FIRST_MS \
	(10u * 60 * 1000) /* after a start, when there is none or something was written */
#define CARE_SNAPSHOT_MS \
	(24u * 60 * 60 * 1000) /* between copies: a copy wears flash as much as the store is large */

/* `good_path`: where cache_open looks for it: the store's path and ".good". Copied. `on_trouble` (may be NULL): a copy failed (its
 * code), the disk is
 * full (-ENOSPC) or has room again (0), or the store went read-only (-EROFS; said at each step for as long as it lasts). */
int care_new(struct cache *cache, const char *good_path, uint64_t now_ms,
	     void (*on_trouble)(void *ctx, int code), void *ctx, struct care **out) must_check;
void care_free(struct care *care); /* after cache_close, or with no copy under way */
/* Tells of a disk that is full, once, and once that it has room again. Cheap: call after every cache_dispatch. */
void care_disk(struct care *care);
/* Does what is due; returns when to call again. Not from a callback of the cache. */
uint64_t care_step(struct care *care, uint64_t now_ms, int64_t now_wall_ms);

#endif
