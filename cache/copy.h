/* copy: a store's file that nobody serves: a snapshot, or one that was put back from a backup. Looked at, checked, and made the start
 * of a new time line.
 *
 * Blocking; any thread, as long as no other opens the file. Nothing here needs the keys that a store's secrets are sealed with. */
#ifndef HOLDFAST_CACHE_COPY_H
#define HOLDFAST_CACHE_COPY_H

#include "cache/cache.h"

struct cache_copy {
	uint64_t revision; /* newest in it */
	uint64_t objects;
	uint8_t epoch[CACHE_EPOCH_SIZE]; /* the opening that wrote it */
};
/* Reads every page and checks every row of live objects. -EBADMSG: damaged, or not a store; -EPROTO: written by a newer release. */
int cache_copy_check(const char *path, struct cache_copy *out, struct err *err) must_check;

/* How far the numbers jump. The time line that is given up may have handed out revisions beyond the copy's; none of
 * them must come to mean something else. No cloud commits as often between a backup and its use. */
#define CACHE_COPY_JUMP 1000000000u
/* Ends every time line at the copy's revision and moves on by CACHE_COPY_JUMP: cursors and resource versions beyond that revision are on
 * nobody's past any more, and lists and watches as of older ones get told so (410 Gone). Versions other than the live ones go. One
 * transaction; *out_revision is the new one. */
int cache_copy_branch(const char *path, uint64_t *out_revision, struct err *err) must_check;

#endif
