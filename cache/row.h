/* row: one version as it lies on the disk, checked and turned into an object, or made from one.
 *
 * Pure: spans in, object out; it knows no SQL. All that a row says is distrusted until its checksum
 * and its shape (strings without NULs, whole pairs, splice inside the body) have been checked. */
#ifndef HOLDFAST_CACHE_ROW_H
#define HOLDFAST_CACHE_ROW_H

#include "cache/cache.h"

struct row {
	uint64_t revision;
	uint64_t previous;   /* revision of the state before, 0 for none; the row may be gone */
	uint64_t log_offset; /* bytes ever written to this store, this row included */
	int64_t wall_ms;     /* of the commit */
	int64_t change;	     /* enum change_type */
	struct span resource, ns, name, uid;
	int64_t generation;
	uint64_t origin;
	int64_t splice;
	struct span labels, fields, owners, body;
	bool is_whole;	   /* false: a DELETED row that says only that; the rest is in `previous` */
	uint64_t checksum; /* head in the upper half, labels to body in the lower */
};

/* A row for this version of the object, checksum included; borrows from object. */
struct row row_of(const struct object *object, enum change_type change, uint64_t previous, int64_t wall_ms);
size_t row_size(const struct row *row); /* what it adds to the log, in bytes */
void row_seal(struct row *row);		/* sets the checksum */

bool row_is_of(const struct row *row, const struct key *key);

/* -EBADMSG unless the row is as written: all but labels, fields, owners and body; then those too. */
int row_check_head(const struct row *row) must_check;
int row_check(const struct row *row) must_check;
/* Checks all of it and copies. -EBADMSG, -ENOMEM. */
int row_to_object(const struct row *row, struct object **out) must_check;
/* The same with another body than the row's, which is sealed. */
int row_to_object_with(const struct row *row, struct span body, struct object **out) must_check;

#endif
