/* recent: the last changes of objects that live in memory alone, under a revision of their own, so that watches of them resume and a slow
 * watcher catches up. Bounded; what fell out is for the watcher to list anew. One owner, one thread. */
#ifndef HOLDFAST_API_RECENT_H
#define HOLDFAST_API_RECENT_H

#include "cache/cache.h"

struct recent;

/* `first`: revisions begin above it: what no earlier run can have reached, so that a revision of that run is known for too old. */
int recent_new(size_t max, uint64_t first, struct recent **out) must_check;
void recent_free(struct recent *recent); /* NULL is fine */
uint64_t recent_revision(const struct recent *recent);

/* The next change. *out_object (may be NULL): the object with the revision it has now, the caller's; NULL for one that is gone. Without
 * memory the change is lost, and watchers from before it are told so. */
int recent_add(struct recent *recent, enum change_type type, const struct object *object,
	       struct object **out_object) must_check;
/* The changes after that revision, in order, until `each` returns nonzero, which is returned. -ERANGE: some of them are not known any more,
 * or the revision is of another run. */
int recent_each(const struct recent *recent, uint64_t after,
		int (*each)(void *ctx, const struct change *change), void *ctx) must_check;

#endif
