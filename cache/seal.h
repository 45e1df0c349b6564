/* seal: what of a store may lie on the disk only sealed, and where the sealing comes from.
 *
 * The cache knows when, its owner how: it hands over a table of resources and marks and two functions. Sealed are the bodies of these
 * resources, in every version, and the values of these marks; names, labels, fields and owners stay readable. What is sealed is
 * bound to its place: key, uid and revision, or the mark's name. The functions are called from any thread. */
#ifndef HOLDFAST_CACHE_SEAL_H
#define HOLDFAST_CACHE_SEAL_H

#include "base/buf.h"

struct row;

struct cache_seal {
	const char *const *resources; /* NULL-ended */
	const char *const *marks;     /* NULL-ended; prefixes */
	int (*seal)(void *ctx, struct span bound, struct span plain, struct buf *out);
	/* -EBADMSG, -ENOKEY */
	int (*unseal)(void *ctx, struct span bound, struct span sealed, struct buf *out);
	/* Whether it would be sealed with the same key today. */
	bool (*is_newest)(void *ctx, struct span sealed);
	void *ctx;
};
#define SEAL_OVERHEAD_MAX 64u /* what sealing may add */

/* --- inside the cache; `seal` may be NULL: then nothing is covered --- */
bool seal_covers(const struct cache_seal *seal, const struct row *row);
bool seal_covers_mark(const struct cache_seal *seal, struct span mark);
/* The body of a covered row, sealed into or opened into *out, which is initialised here. -EBADMSG: it does not open. */
int seal_row(const struct cache_seal *seal, const struct row *row, struct buf *out) must_check;
int unseal_row(const struct cache_seal *seal, const struct row *row, struct buf *out) must_check;
int seal_mark(const struct cache_seal *seal, struct span mark, struct span value, struct buf *out) must_check;
int unseal_mark(const struct cache_seal *seal, struct span mark, struct span value,
		struct buf *out) must_check; /* appends */
/* A known text, sealed: whether the keys are the ones that the store was sealed with. */
int seal_proof(const struct cache_seal *seal, struct buf *out) must_check;   /* appends */
int seal_prove(const struct cache_seal *seal, struct span proof) must_check; /* -ENOKEY */
void seal_wipe(struct buf *plain);					     /* overwrites and frees */

#endif
