#include "cache/sqlite_row.h"

#include <errno.h>

struct row row_read_head(const struct query *q, int col)
{
	return (struct row){
		.revision = (uint64_t)query_col_int(q, col),
		.previous = (uint64_t)query_col_int(q, col + 1),
		.change = query_col_int(q, col + 2),
		.log_offset = (uint64_t)query_col_int(q, col + 3),
		.wall_ms = query_col_int(q, col + 4),
		.resource = query_col_span(q, col + 5),
		.ns = query_col_span(q, col + 6),
		.name = query_col_span(q, col + 7),
		.uid = query_col_span(q, col + 8),
		.generation = query_col_int(q, col + 9),
		.origin = (uint64_t)query_col_int(q, col + 10),
		.splice = query_col_int(q, col + 11),
		.checksum = (uint64_t)query_col_int(q, col + 12),
		.is_whole = query_col_int(q, col + 13) != 0,
	};
}

struct row row_read(const struct query *q, int col)
{
	struct row row = row_read_head(q, col);

	row.labels = query_col_span(q, col + 13);
	row.fields = query_col_span(q, col + 14);
	row.owners = query_col_span(q, col + 15);
	row.body = query_col_span(q, col + 16);
	row.is_whole = sqlite3_column_type(q->stmt, col + 16) != SQLITE_NULL;
	return row;
}

void row_bind(struct query *q, const struct row *row)
{
	const int64_t numbers[] = { (int64_t)row->revision, (int64_t)row->previous, row->change,
				    (int64_t)row->log_offset, row->wall_ms };
	const struct span texts[] = { row->resource, row->ns, row->name, row->uid };
	const int64_t more[] = { row->generation, (int64_t)row->origin, row->splice, (int64_t)row->checksum };
	const struct span blobs[] = { row->labels, row->fields, row->owners, row->body };

	for (int i = 0; i < 5; i++)
		query_int(q, 1 + i, numbers[i]);
	for (int i = 0; i < 4; i++)
		query_text_span(q, 6 + i, texts[i]);
	for (int i = 0; i < 4; i++)
		query_int(q, 10 + i, more[i]);
	for (int i = 0; i < 4; i++)
		if (i < 3 || row->is_whole)
			query_blob(q, 14 + i, blobs[i]);
	if (!row->is_whole)
		query_text(q, 17, NULL);
}

int row_open(struct db *db, const struct row *row, struct object **out)
{
	struct buf plain;
	int code;

	if (!seal_covers(db->seal, row))
		return row_to_object(row, out);
	if (row_check(row) < 0)
		return -EBADMSG;
	code = unseal_row(db->seal, row, &plain);
	if (code == 0)
		code = row_to_object_with(row, buf_span(&plain), out);
	seal_wipe(&plain);
	return code;
}

int row_check_open(struct db *db, const struct row *row)
{
	struct object *object = NULL;
	int code;

	if (!seal_covers(db->seal, row))
		return row_check(row);
	code = row_open(db, row, &object);
	object_unref(object);
	return code;
}

/* A deletion's final state, kept in the version before it. */
static int final_object(struct db *db, const struct row *row, const struct key *key, struct object **out)
{
	enum change_type change;
	struct object *last = NULL;
	int code = version_read(db, row->previous, key, &change, &last);

	if (code == 0 && change > CHANGE_MODIFIED) {
		object_unref(last);
		return -EBADMSG;
	}
	if (code < 0)
		return code == -ENOENT ? -EBADMSG : code;
	*out = object_stamp(last, row->revision);
	return *out ? 0 : -ENOMEM;
}

int version_object(struct db *db, const struct row *row, const struct key *key, struct object **out)
{
	struct object *shell = NULL;
	int code;

	*out = NULL;
	if (key && !row_is_of(row, key))
		return -EBADMSG;
	code = row_open(db, row, &shell);
	if (code == 0 && row->is_whole) {
		*out = shell;
		return 0;
	}
	if (code == 0)
		/* Through the shell's copy of the key: the row's texts may go when another statement runs. */
		code = row->change == CHANGE_DELETED && row->previous
			       ? final_object(db, row, &shell->key, out)
			       : -EBADMSG;
	object_unref(shell);
	return code;
}

int version_read(struct db *db, uint64_t revision, const struct key *key, enum change_type *out_change,
		 struct object **out)
{
	struct query q = query_start(db, STMT_version);
	struct row row;
	int code;

	*out = NULL;
	query_int(&q, 1, (int64_t)revision);
	code = query_next(&q);
	if (code > 0) {
		row = row_read(&q, 0);
		code = version_object(db, &row, key, out);
		*out_change = (enum change_type)row.change;
	} else if (code == 0) {
		code = -ENOENT;
	}
	query_end(&q);
	return code;
}

int version_stub(const struct key *key, const char *uid, uint64_t revision, struct object **out)
{
	*out = object_new(&(struct object){ .key = *key, .uid = uid, .revision = revision });
	return *out ? 0 : -ENOMEM;
}
