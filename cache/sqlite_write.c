/* Writes: a group of transactions in one commit. A transaction of several ops runs inside a savepoint, so
 * that one that fails its preconditions half-way leaves no trace and does not disturb its neighbours. */
#include <errno.h>

#include "cache/sqlite.h"

/* Log rows that may leave the window with each commit (more when more came in), and when nobody waits. */
#define COMPACT_ROWS_MIN 512u
#define COMPACT_ROWS_IDLE 8192u
#define WAL_PAGES_DUE 1000    /* copied into the file when nobody waits */
#define WAL_PAGES_FORCED 4000 /* copied into the file in any case */

/* What the key holds now. `object` is only a stub of key and uid when the row is damaged. */
struct current {
	bool has_row, is_live, is_damaged;
	uint64_t revision;
	enum change_type change;
	struct object *object;
};

static void current_done(struct current *current)
{
	object_unref(current->object);
	current->object = NULL;
}

static int read_current_version(struct db *db, const struct key *key, const struct query *q,
				struct current *out)
{
	char *uid;
	int code = version_read(db, out->revision, key, &out->change, &out->object);

	if (code != -ENOENT && code != -EBADMSG)
		return code;
	uid = sqlite3_mprintf("%.*s", SPAN_ARG(query_col_span(q, 2)));
	if (!uid)
		return -ENOMEM;
	out->is_damaged = true;
	out->change = CHANGE_MODIFIED;
	code = version_stub(key, uid, out->revision, &out->object);
	sqlite3_free(uid);
	return code;
}

static int find_current(struct db *db, const struct key *key, struct current *out)
{
	struct query q = query_start(db, STMT_object);
	int code;

	*out = (struct current){ 0 };
	query_text(&q, 1, key->resource);
	query_text(&q, 2, key->ns);
	query_text(&q, 3, key->name);
	code = query_next(&q);
	if (code > 0) {
		out->has_row = true;
		out->revision = (uint64_t)query_col_int(&q, 0);
		out->is_live = query_col_int(&q, 1) != 0;
		code = read_current_version(db, key, &q, out);
	}
	query_end(&q);
	return code;
}

/* --- preconditions --- */

static bool is_growth(const struct cache_op *op, const struct current *current)
{
	return !current->is_live && (op->type == CACHE_CREATE || op->type == CACHE_PUT);
}

/* The transaction's own failure, which its neighbours survive; any other fails the group. */
static int refuse(struct sqlite_group *g, int code)
{
	g->is_refused = true;
	return code;
}

static int check_op(struct sqlite_group *g, const struct cache_op *op, const struct current *current)
{
	if (op->type == CACHE_CREATE && current->is_live)
		return refuse(g, -EEXIST);
	if ((op->type == CACHE_UPDATE || op->type == CACHE_DELETE) && !current->is_live)
		return refuse(g, -ENOENT);
	if (op->if_revision && (!current->is_live || current->revision != op->if_revision))
		return refuse(g, -ESTALE);
	if (op->if_uid && (!current->is_live || strcmp(current->object->uid, op->if_uid) != 0))
		return refuse(g, -ESTALE);
	return g->no_growth && is_growth(op, current) ? refuse(g, -ENOSPC) : 0;
}

/* --- the tables --- */

static int put_object_row(struct db *db, const struct row *row, bool is_live)
{
	struct query q = query_start(db, STMT_object_put);

	query_text_span(&q, 1, row->resource);
	query_text_span(&q, 2, row->ns);
	query_text_span(&q, 3, row->name);
	query_int(&q, 4, (int64_t)row->revision);
	query_int(&q, 5, is_live);
	query_text_span(&q, 6, row->uid);
	return query_run(&q);
}

static int add_version(struct sqlite_group *g, struct row *row)
{
	const struct cache_seal *seal = g->e->seal;
	bool is_live = row->change == CHANGE_ADDED || row->change == CHANGE_MODIFIED;
	struct buf sealed;
	struct query q;
	int code = 0;

	buf_init(&sealed, 0);
	if (seal_covers(seal, row)) {
		code = seal_row(seal, row, &sealed);
		row->body = buf_span(&sealed);
	}
	if (code == 0) {
		g->log_offset += row_size(row);
		row->log_offset = g->log_offset;
		row_seal(row);
		q = query_start(&g->e->writer, STMT_version_add);
		row_bind(&q, row);
		code = query_run(&q);
	}
	buf_done(&sealed);
	if (code == 0)
		code = put_object_row(&g->e->writer, row, is_live);
	if (code == 0)
		g->state.revision = row->revision;
	g->is_dirty = true;
	return code;
}

static int run_key(struct db *db, enum statement which, const struct key *key)
{
	struct query q = query_start(db, which);

	query_text(&q, 1, key->resource);
	query_text(&q, 2, key->ns);
	query_text(&q, 3, key->name);
	return query_run(&q);
}

static int run_fields(struct db *db, enum statement which, const struct key *key, struct span fields)
{
	const char *field, *value;
	size_t cursor = 0;
	int code = 0;

	while (code == 0 && pairs_next(fields, &cursor, &field, &value)) {
		struct query q = query_start(db, which);

		query_text(&q, 1, key->resource);
		query_text(&q, 2, field);
		query_text(&q, 3, value);
		query_text(&q, 4, key->ns);
		query_text(&q, 5, key->name);
		code = query_run(&q);
	}
	return code;
}

static int index_fields(struct db *db, const struct key *key, const struct current *current,
			struct span fields)
{
	struct span old =
		current->is_live && !current->is_damaged ? current->object->fields : span_make("", 0);
	int code = 0;

	if (current->is_live && current->is_damaged)
		code = run_key(db, STMT_fields_drop_key,
			       key); /* which ones is not known: looks through all */
	else if (span_eq(old, fields))
		return 0;
	if (code == 0)
		code = run_fields(db, STMT_field_drop, key, old);
	return code < 0 ? code : run_fields(db, STMT_field_add, key, fields);
}

static int heal(struct sqlite_group *g, const struct key *key)
{
	if (g->quarantine_count == 0)
		return 0;
	return run_key(&g->e->writer, STMT_quarantine_drop, key);
}

/* --- ops --- */

static void note_change(struct engine_txn *txn, enum change_type type, struct object *object,
			struct object *previous)
{
	struct engine_change *change = &txn->changes[txn->change_count++];

	*change = (struct engine_change){ .type = type, .object = object_ref(object) };
	if (previous)
		change->previous = object_ref(previous);
	txn->revision = object->revision;
	if (!txn->first)
		txn->first = object_ref(object);
}

static int apply_put(struct sqlite_group *g, struct engine_txn *txn, struct cache_op *op,
		     struct current *current)
{
	enum change_type type = current->is_live ? CHANGE_MODIFIED : CHANGE_ADDED;
	struct row row;
	int code;

	if (current->is_live && !current->is_damaged && object_same(op->object, current->object)) {
		if (!txn->first)
			txn->first = object_ref(current->object);
		return 0;
	}
	op->object = object_stamp(op->object, g->state.revision + 1);
	if (!op->object)
		return -ENOMEM;
	row = row_of(op->object, type, current->has_row ? current->revision : 0, g->now_wall_ms);
	code = index_fields(&g->e->writer, &op->object->key, current, op->object->fields);
	if (code == 0)
		code = add_version(g, &row);
	if (code == 0)
		code = heal(g, &op->object->key);
	if (code < 0)
		return code;
	note_change(txn, type, op->object, current->is_live ? current->object : NULL);
	g->state.objects += !current->is_live;
	return 0;
}

/* The state to keep for the deletion: the one given, else the last. NULL without memory. */
static struct object *final_state(struct cache_op *op, const struct current *current, uint64_t revision)
{
	struct object copy;

	if (op->object) {
		op->object = object_stamp(op->object, revision);
		return op->object ? object_ref(op->object) : NULL;
	}
	copy = *current->object;
	copy.revision = revision;
	return object_new(&copy);
}

static int apply_delete(struct sqlite_group *g, struct engine_txn *txn, struct cache_op *op,
			struct current *current)
{
	struct object *final = final_state(op, current, g->state.revision + 1);
	struct row row;
	int code;

	if (!final)
		return -ENOMEM;
	row = row_of(final, CHANGE_DELETED, current->revision, g->now_wall_ms);
	if (!op->object && !current->is_damaged) { /* as the version before says: not stored again */
		row.labels = row.fields = row.owners = row.body = span_make("", 0);
		row.splice = 0;
		row.is_whole = false;
	}
	code = index_fields(&g->e->writer, &final->key, current, span_make("", 0));
	if (code == 0)
		code = add_version(g, &row);
	if (code == 0)
		code = heal(g, &final->key);
	if (code == 0) {
		note_change(txn, CHANGE_DELETED, final, current->object);
		g->state.objects--;
	}
	object_unref(final);
	return code;
}

/* Every version of the key, from `revision` back. A damaged one ends the chain: then all rows are looked
 * through. */
static int erase_versions(struct db *db, const struct key *key, uint64_t revision)
{
	while (revision) {
		struct query q = query_start(db, STMT_version_head);
		struct row head = { 0 };
		int code;

		query_int(&q, 1, (int64_t)revision);
		code = query_next(&q);
		if (code > 0) {
			head = row_read_head(&q, 0);
			code = row_check_head(&head) < 0 || !row_is_of(&head, key) ? -EBADMSG : 1;
		}
		query_end(&q);
		if (code == 0)
			return 0; /* it has left the window, and all before it */
		if (code == -EBADMSG && !db->is_corrupt)
			return run_key(db, STMT_versions_drop_key, key);
		if (code < 0)
			return code;
		q = query_start(db, STMT_version_drop);
		query_int(&q, 1, (int64_t)revision);
		code = query_run(&q);
		if (code < 0)
			return code;
		revision = head.previous;
	}
	return 0;
}

static int apply_forget(struct sqlite_group *g, struct engine_txn *txn, const struct key *key,
			struct current *current)
{
	struct object *marker;
	struct object left;
	struct row row;
	int code;

	if (!current->has_row || current->change == CHANGE_LEFT)
		return 0;
	left = (struct object){ .key = *key,
				.uid = current->object->uid,
				.revision = g->state.revision + 1,
				.origin = current->object->origin,
				.generation = current->object->generation,
				.labels = current->object->labels,
				.fields = current->object->fields };
	marker = object_new(&left);
	if (!marker)
		return -ENOMEM;
	g->has_erased = true;
	row = row_of(marker, CHANGE_LEFT, 0, g->now_wall_ms);
	code = index_fields(&g->e->writer, key, current, span_make("", 0));
	if (code == 0)
		code = erase_versions(&g->e->writer, key, current->revision);
	if (code == 0)
		code = add_version(g, &row);
	if (code == 0)
		code = heal(g, key);
	if (code == 0) {
		note_change(txn, CHANGE_LEFT, marker, marker);
		g->state.objects -= current->is_live;
	}
	object_unref(marker);
	return code;
}

static int apply_object_op(struct sqlite_group *g, struct engine_txn *txn, struct cache_op *op)
{
	struct key key = op->object ? op->object->key : op->key;
	struct current current;
	int code = find_current(&g->e->writer, &key, &current);

	if (code == 0)
		code = check_op(g, op, &current);
	if (code < 0) {
		current_done(&current);
		return code;
	}
	if (op->type == CACHE_DELETE)
		code = apply_delete(g, txn, op, &current);
	else if (op->type == CACHE_FORGET)
		code = apply_forget(g, txn, &key, &current);
	else
		code = apply_put(g, txn, op, &current);
	current_done(&current);
	return code;
}

static int apply_mark(struct sqlite_group *g, const struct cache_op *op)
{
	const struct cache_seal *seal = g->e->seal;
	bool is_sealed = op->value.ptr && seal_covers_mark(seal, span_of(op->mark));
	struct buf sealed;
	struct query q;
	int code = 0;

	buf_init(&sealed, 0);
	if (is_sealed)
		code = seal_mark(seal, span_of(op->mark), op->value, &sealed);
	if (code == 0) {
		q = query_start(&g->e->writer, op->value.ptr ? STMT_mark_put : STMT_mark_drop);
		query_text(&q, 1, op->mark);
		if (op->value.ptr)
			query_blob(&q, 2, is_sealed ? buf_span(&sealed) : op->value);
		code = query_run(&q);
	}
	buf_done(&sealed);
	g->is_dirty = true;
	return code;
}

static int apply_feed(struct sqlite_group *g, const struct cache_op *op)
{
	struct query q = query_start(&g->e->writer, STMT_feed_put);

	query_text(&q, 1, op->key.resource);
	query_int(&q, 2, op->feed);
	g->is_dirty = true;
	return query_run(&q);
}

/* Damage that a reader saw is believed when the writer sees it too. */
static int apply_quarantine(struct sqlite_group *g, const struct key *key)
{
	struct current current;
	struct query q;
	int code = find_current(&g->e->writer, key, &current);

	if (code == 0 && current.is_live && current.is_damaged) {
		q = query_start(&g->e->writer, STMT_quarantine_add);
		query_text(&q, 1, key->resource);
		query_text(&q, 2, key->ns);
		query_text(&q, 3, key->name);
		query_int(&q, 4, (int64_t)current.revision);
		query_int(&q, 5, g->now_wall_ms);
		code = query_run(&q);
		g->quarantine_count++; /* at least as many as there are; zero saves a look */
		g->is_dirty = true;
	} else if (code == 0) {
		code = refuse(g, -ENOENT);
	}
	current_done(&current);
	return code;
}

static int apply_release(struct sqlite_group *g, const struct key *key)
{
	struct current current;
	int code = find_current(&g->e->writer, key, &current);

	if (code == 0 && current.is_live && current.is_damaged)
		code = refuse(g, -EBADMSG); /* it stays */
	else if (code == 0)
		code = run_key(&g->e->writer, STMT_quarantine_drop, key);
	g->is_dirty |= code == 0;
	current_done(&current);
	return code;
}

static int apply_op(struct sqlite_group *g, struct engine_txn *txn, struct cache_op *op)
{
	switch ((int)op->type) {
	case CACHE_MARK: return apply_mark(g, op);
	case CACHE_FEED: return apply_feed(g, op);
	case ENGINE_OP_QUARANTINE: return apply_quarantine(g, &op->key);
	case ENGINE_OP_RELEASE: return apply_release(g, &op->key);
	case ENGINE_OP_RESEAL: return sqlite_reseal(g, op->if_revision, &txn->revision);
	case ENGINE_OP_CLOSE_WINDOW: return sqlite_compact(g, SIZE_MAX - 1, g->e->state.revision);
	default: return apply_object_op(g, txn, op);
	}
}

/* --- transactions --- */

static int run(struct db *db, enum statement which)
{
	struct query q = query_start(db, which);

	return query_run(&q);
}

static int apply_ops(struct sqlite_group *g, struct engine_txn *txn)
{
	for (size_t i = 0; i < txn->count; i++) {
		int code = apply_op(g, txn, &txn->ops[i]);

		if (code < 0) {
			txn->failed_op = i;
			return code;
		}
	}
	return 0;
}

/* A single op checks before it writes, so there is nothing to undo in a refusal of one. */
static int undo_txn(struct sqlite_group *g, struct engine_txn *txn, const struct sqlite_group *before)
{
	size_t failed_op = txn->failed_op;
	int code = txn->count > 1 ? run(&g->e->writer, STMT_rollback_to) : 0;

	if (code == 0 && txn->count > 1)
		code = run(&g->e->writer, STMT_release);
	*g = *before;
	engine_txn_clear(txn);
	txn->failed_op = failed_op;
	return code;
}

static int apply_txn(struct sqlite_group *g, struct engine_txn *txn)
{
	struct sqlite_group before = *g;
	int code = txn->count > 1 ? run(&g->e->writer, STMT_savepoint) : 0;

	if (code < 0)
		return code;
	code = apply_ops(g, txn);
	if (code == 0)
		return txn->count > 1 ? run(&g->e->writer, STMT_release) : 0;
	if (!g->is_refused)
		return code;
	txn->code = code;
	return undo_txn(g, txn, &before);
}

/* In strides, so that not every commit moves the window and rewrites where it starts. */
static bool is_compaction_due(const struct sqlite_group *g)
{
	int64_t age_ms = (int64_t)(g->e->log_max_age_ms + g->e->log_max_age_ms / 8);

	return g->state.oldest_wall_ms <= g->now_wall_ms - age_ms ||
	       g->log_offset - g->compacted_offset > g->e->log_max_bytes + g->e->log_max_bytes / 8;
}

static int apply_group(struct sqlite_group *g, const struct engine_write *write)
{
	size_t rows = write->count ? COMPACT_ROWS_MIN : COMPACT_ROWS_IDLE;
	int code = 0;

	for (size_t i = 0; i < write->count && code == 0; i++) {
		write->txns[i]->code = 0;
		code = apply_txn(g, write->txns[i]);
		rows += 2 * write->txns[i]->change_count;
	}
	if (g->is_dirty && g->state.oldest_wall_ms == INT64_MAX && g->state.revision > g->state.oldest)
		g->state.oldest_wall_ms = g->now_wall_ms;
	g->state.log_bytes = g->log_offset - g->compacted_offset;
	if (code == 0 && (g->is_dirty || write->count == 0) && is_compaction_due(g))
		code = sqlite_compact(g, rows, 0);
	return code;
}

static void adopt(struct sqlite_engine *e, const struct sqlite_group *g)
{
	e->state = g->state;
	e->state.commits += g->is_dirty;
	e->log_offset = g->log_offset;
	e->compacted_offset = g->compacted_offset;
	e->quarantine_count = g->quarantine_count;
	e->wants_truncate |= g->has_erased;
}

int sqlite_write(struct engine *engine, const struct engine_write *write, struct engine_state *state)
{
	struct sqlite_engine *e = sqlite_of(engine);
	struct sqlite_group g = {
		.e = e,
		.state = e->state,
		.log_offset = e->log_offset,
		.compacted_offset = e->compacted_offset,
		.quarantine_count = e->quarantine_count,
		.now_wall_ms = write->now_wall_ms,
		.no_growth = write->no_growth,
	};
	int code = run(&e->writer, STMT_begin_write);

	if (code == 0)
		code = apply_group(&g, write);
	if (code == 0 && g.is_dirty)
		code = run(&e->writer, STMT_commit);
	db_rollback(&e->writer); /* after a failure, or with nothing written */
	if (code == 0)
		adopt(e, &g);
	else
		for (size_t i = 0; i < write->count; i++)
			engine_txn_clear(write->txns[i]);
	if (e->writer.is_corrupt)
		sqlite_mark_damaged(e);
	*state = e->state;
	return code;
}

/* A commit whose sync failed may still lie whole in the write-ahead log, where a crash would revive it.
 * The next commit takes its place there. */
int sqlite_settle(struct engine *engine)
{
	struct db *db = &sqlite_of(engine)->writer;
	int code;

	if (db->is_corrupt)
		return -EBADMSG;
	code = run(db, STMT_begin_write);
	if (code == 0)
		code = run(db, STMT_settle);
	if (code == 0)
		code = run(db, STMT_commit);
	db_rollback(db);
	return code;
}

bool sqlite_tend(struct engine *engine, bool idle)
{
	struct sqlite_engine *e = sqlite_of(engine);
	int left = 0, copied = 0;
	int mode = e->wants_truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
	int rc;

	if (e->wal_pages < (idle ? WAL_PAGES_DUE : WAL_PAGES_FORCED) && !(idle && e->wants_truncate))
		return e->wants_truncate;
	(void)sqlite3_busy_timeout(e->writer.handle, 0); /* readers are not waited for: it is tried again */
	rc = sqlite3_wal_checkpoint_v2(e->writer.handle, NULL, mode, &left, &copied);
	(void)sqlite3_busy_timeout(e->writer.handle, DB_BUSY_TIMEOUT_MS);
	if (rc == SQLITE_OK) {
		e->wal_pages = 0;
		e->wants_truncate = false;
	}
	return e->wants_truncate;
}
