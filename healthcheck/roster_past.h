/* roster_past: who counted in a region before: the changes of its rosters that some member may not have seen yet. A node that is away goes by
 * the roster it has, and may be with a majority of that one, whatever the region is now. Addresses and keys do not matter here; who is a
 * member and not in maintenance does.
 *
 * Stored with the roster, in one transaction; see freeing.h. Pure. One thread. */
#ifndef HOLDFAST_HEALTHCHECK_ROSTER_PAST_H
#define HOLDFAST_HEALTHCHECK_ROSTER_PAST_H

#include "base/json.h"
#include "healthcheck/roster.h"

struct roster_past;

#define ROSTER_PAST_CHANGES_MAX \
	1024u /* then the oldest version is forgotten: who goes by it cannot be judged */
#define ROSTER_PAST_BYTES_MAX (128u * 1024)

int roster_past_new(struct roster_past **out) must_check;
void roster_past_free(struct roster_past *past); /* NULL is fine */

/* From the roster of this version on a member counts (`is_in`) that did not before, or the other way round. Versions rise. Without memory what was
 * before is not known any more. */
void roster_past_note(struct roster_past *past, uint64_t version, const uint8_t id[ROSTER_ID_SIZE],
		      bool is_in);
/* Nobody goes by a version before this one. */
void roster_past_forget(struct roster_past *past, uint64_t before);
/* The oldest version that is known; 0: there was no roster yet, so all are. */
uint64_t roster_past_base(const struct roster_past *past);
/* Of the last change; 0: none that somebody may not have seen. */
uint64_t roster_past_last(const struct roster_past *past);
/* The version that this member of the present roster has or had, as far as a past that was read back tells: 0: none, as it came to count since and
 * may go by another region's. */
uint64_t roster_past_known(const struct roster_past *past, const uint8_t id[ROSTER_ID_SIZE]);

/* Who counts, one after the other in what each version from `newest` down to `oldest` was, beginning with `now`, the roster as it is; equal ones
 * once. `each` returns 0 to go on. -ERANGE: `oldest` is from before what is known. */
struct roster_past_set {
	uint8_t (*ids)[ROSTER_ID_SIZE]; /* in no order */
	size_t count;
};
int roster_past_each(const struct roster_past *past, const struct roster *now, uint64_t oldest,
		     uint64_t newest, int (*each)(void *ctx, const struct roster_past_set *set),
		     void *ctx) must_check;

/* Appends. */
int roster_past_write(const struct roster_past *past, struct buf *out) must_check;
/* -EINVAL: damaged; the past is as it was. */
int roster_past_read(struct roster_past *past, struct span json) must_check;

#endif
