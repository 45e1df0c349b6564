/* sqlite_row: versions between SQLite's columns and struct row. */
#ifndef HOLDFAST_CACHE_SQLITE_ROW_H
#define HOLDFAST_CACHE_SQLITE_ROW_H

#include "cache/row.h"
#include "cache/sqlite_db.h"

/* From the columns starting at `col`, in the order of read.sql; spans are valid until the next step. A row
 * that an outer join did not find reads as one that fails its check. */
struct row row_read(const struct query *q, int col);
struct row row_read_head(const struct query *q, int col); /* the shorter form, without labels to body */
void row_bind(struct query *q, const struct row *row);	  /* parameters 1 to 17 */

/* The object of a row, its body opened where it is sealed. -EBADMSG, -ENOMEM. */
int row_open(struct db *db, const struct row *row, struct object **out) must_check;
/* Checks as much as row_open without making an object. */
int row_check_open(struct db *db, const struct row *row) must_check;

/* The version at `revision`. -ENOENT, -EBADMSG, -ENOMEM... `key` when not NULL must be its key, else it is
 * damaged. For a deletion that left the state as it was: that state, under this revision. */
int version_read(struct db *db, uint64_t revision, const struct key *key, enum change_type *out_change,
		 struct object **out) must_check;
/* The same for a row at hand. */
int version_object(struct db *db, const struct row *row, const struct key *key,
		   struct object **out) must_check;
/* Key and uid and no more: what is left to say of a state that cannot be read. */
int version_stub(const struct key *key, const char *uid, uint64_t revision, struct object **out) must_check;

#endif
