/* Reads: get, list now and list as of a revision, marks, feeds, epochs, and the check of rows. */
#include <errno.h>

#include "cache/sqlite.h"

int sqlite_state(struct engine *engine, uint64_t *out_revision, uint64_t *out_oldest)
{
	struct query q = query_start(&sqlite_of(engine)->reader, STMT_newest);
	int code = query_next(&q);

	if (code > 0) {
		*out_revision = (uint64_t)query_col_int(&q, 0);
		*out_oldest = (uint64_t)query_col_int(&q, 1);
	}
	query_end(&q);
	return code > 0 ? 0 : code == 0 ? -EBADMSG : code;
}

/* What every reader does at its end: pages found damaged are remembered for the next opening. */
static int finish(struct sqlite_engine *e, int code)
{
	if (e->reader.is_corrupt)
		sqlite_mark_damaged(e);
	return code;
}

static int current_revision(struct sqlite_engine *e, const struct key *key, uint64_t *out)
{
	struct query q = query_start(&e->reader, STMT_object);
	int code;

	query_text(&q, 1, key->resource);
	query_text(&q, 2, key->ns);
	query_text(&q, 3, key->name);
	code = query_next(&q);
	if (code > 0)
		*out = (uint64_t)query_col_int(&q, 0);
	code = code > 0 ? (query_col_int(&q, 1) ? 0 : -ENOENT) : code == 0 ? -ENOENT : code;
	query_end(&q);
	return code;
}

int sqlite_get(struct engine *engine, const struct key *key, struct object **out)
{
	struct sqlite_engine *e = sqlite_of(engine);
	enum change_type change;
	uint64_t revision = 0;
	int code = db_begin_read(&e->reader);

	if (code < 0)
		return finish(e, code);
	code = current_revision(e, key, &revision);
	if (code == 0) {
		code = version_read(&e->reader, revision, key, &change, out);
		if (code == -ENOENT || code == -EBADMSG) {
			e->on_damaged(e->ctx, key);
			code = -EBADMSG;
		}
	}
	db_end_read(&e->reader);
	return finish(e, code);
}

/* --- lists --- */

struct lister {
	struct sqlite_engine *e;
	cache_each_fn *each;
	void *ctx;
	size_t left;
	bool is_stopped;
};

static void pass_object(struct lister *l, struct object *object)
{
	l->is_stopped = l->each(l->ctx, object) != 0;
	if (l->left != SIZE_MAX)
		l->left--;
	object_unref(object);
}

#define KEY_TEXT_MAX 4096u

/* The key in the columns from 0 on, copied to `text`: callbacks may run other statements. */
static int copy_key(const struct query *q, struct buf *text, struct key *out)
{
	size_t at[3];

	buf_reset(text);
	for (int i = 0; i < 3; i++) {
		at[i] = text->len;
		(void)buf_add_span(text, query_col_span(q, i));
		(void)buf_add_char(text, '\0');
	}
	if (buf_error(text) < 0)
		return buf_error(text) == -EMSGSIZE ? -EBADMSG : buf_error(text);
	*out = (struct key){ text->data + at[0], text->data + at[1], text->data + at[2] };
	return 0;
}

static void report_damage(struct sqlite_engine *e, const struct query *q)
{
	struct buf text;
	struct key key;

	buf_init(&text, KEY_TEXT_MAX);
	if (copy_key(q, &text, &key) == 0)
		e->on_damaged(e->ctx, &key);
	buf_done(&text);
}

/* Whether the version joined is the one that the key's own row names. */
static bool is_joined(const struct query *q, const struct row *row)
{
	return row->revision == (uint64_t)query_col_int(q, 3) &&
	       span_eq(row->resource, query_col_span(q, 0)) && span_eq(row->ns, query_col_span(q, 1)) &&
	       span_eq(row->name, query_col_span(q, 2));
}

/* Rows of (key, revision, version...): damaged ones are reported and left out. */
static int run_joined(struct lister *l, struct query *q)
{
	struct object *object;
	int code = 0;

	while (l->left > 0 && !l->is_stopped && (code = query_next(q)) > 0) {
		struct row row = row_read(q, 4);

		code = is_joined(q, &row) ? row_open(&l->e->reader, &row, &object) : -EBADMSG;
		if (code == 0)
			pass_object(l, object);
		else if (code == -EBADMSG)
			report_damage(l->e, q);
		else
			break;
	}
	query_end(q);
	return code < 0 && code != -EBADMSG ? code : (q->code < 0 ? q->code : 0);
}

static void bind_range(struct query *q, const struct cache_list *list)
{
	query_text(q, 1, list->resource);
	if (list->ns) {
		query_text(q, 2, list->ns);
		/* A key before this namespace starts it; one after it is past its end, which no name
		 * reaches. */
		query_text(q, 3,
			   list->after_ns && strcmp(list->after_ns, list->ns) == 0 ? list->after_name : "");
	} else {
		query_text(q, 2, list->after_ns ? list->after_ns : "");
		query_text(q, 3, list->after_ns && list->after_name ? list->after_name : "");
	}
}

static int list_newest(struct lister *l, const struct cache_list *list)
{
	static const enum statement which[2][2] = { { STMT_list, STMT_list_ns },
						    { STMT_list_field, STMT_list_field_ns } };
	struct query q = query_start(&l->e->reader, which[list->field_key != NULL][list->ns != NULL]);

	bind_range(&q, list);
	if (list->field_key) {
		query_text(&q, 4, list->field_key);
		query_text(&q, 5, list->field_value);
	}
	return run_joined(l, &q);
}

/* The newest version of the key at or before `revision`, walking back from `from`. 0: there was none. */
static int version_at(struct sqlite_engine *e, uint64_t from, uint64_t revision, uint64_t *out)
{
	int code = 0;

	while (from > revision) {
		struct query q = query_start(&e->reader, STMT_version_head);

		query_int(&q, 1, (int64_t)from);
		code = query_next(&q);
		if (code > 0) {
			struct row head = row_read_head(&q, 0);

			code = row_check_head(&head);
			from = head.previous;
		} else if (code == 0) {
			from = 0; /* forgotten, or it left the window with a deletion */
		}
		query_end(&q);
		if (code < 0)
			return code;
	}
	*out = from;
	return 0;
}

static bool is_field_match(const struct cache_list *list, const struct object *object)
{
	const char *value = list->field_key ? pairs_get(object->fields, list->field_key) : NULL;

	return !list->field_key || (value && strcmp(value, list->field_value) == 0);
}

static int pass_as_of(struct lister *l, const struct cache_list *list, const struct key *key, uint64_t newest)
{
	struct object *object = NULL;
	enum change_type change = CHANGE_ADDED;
	uint64_t revision = 0;
	int code = version_at(l->e, newest, list->revision, &revision);

	if (code == 0 && revision == 0)
		return 0;
	if (code == 0)
		code = version_read(&l->e->reader, revision, key, &change, &object);
	if (code == -ENOENT && revision != newest)
		return 0; /* a deletion before the window, whose row is gone */
	if (code == -EBADMSG || code == -ENOENT) {
		l->e->on_damaged(l->e->ctx, key);
		return 0;
	}
	if (code != 0)
		return code;
	if (change > CHANGE_MODIFIED || !is_field_match(list, object))
		object_unref(object);
	else
		pass_object(l, object);
	return 0;
}

static int list_as_of(struct lister *l, const struct cache_list *list)
{
	struct query q = query_start(&l->e->reader, list->ns ? STMT_keys_ns : STMT_keys);
	struct buf text;
	struct key key;
	int code = 0;

	buf_init(&text, KEY_TEXT_MAX);
	bind_range(&q, list);
	while (l->left > 0 && !l->is_stopped && (code = query_next(&q)) > 0) {
		code = copy_key(&q, &text, &key);
		if (code == 0)
			code = pass_as_of(l, list, &key, (uint64_t)query_col_int(&q, 3));
		if (code < 0)
			break;
	}
	query_end(&q);
	buf_done(&text);
	return code < 0 ? code : 0;
}

static bool is_past_namespace(const struct cache_list *list)
{
	return list->ns && list->after_ns && strcmp(list->after_ns, list->ns) > 0;
}

int sqlite_list(struct engine *engine, const struct cache_list *list, cache_each_fn *each, void *ctx,
		uint64_t *out_revision)
{
	struct sqlite_engine *e = sqlite_of(engine);
	struct lister l = { .e = e, .each = each, .ctx = ctx, .left = list->limit ? list->limit : SIZE_MAX };
	uint64_t newest = 0, oldest = 0;
	int code = db_begin_read(&e->reader);

	if (code < 0)
		return finish(e, code);
	code = sqlite_state(engine, &newest, &oldest);
	if (code == 0 && list->revision > newest)
		code = -EINVAL;
	if (code == 0 && list->revision != 0 && list->revision < oldest)
		code = -ERANGE;
	if (code == 0 && out_revision)
		*out_revision = list->revision ? list->revision : newest;
	if (code == 0 && !is_past_namespace(list))
		code = list->revision == 0 || list->revision == newest ? list_newest(&l, list)
								       : list_as_of(&l, list);
	db_end_read(&e->reader);
	return finish(e, code);
}

int sqlite_list_all(struct engine *engine, cache_each_fn *each, void *ctx, uint64_t *out_revision)
{
	struct sqlite_engine *e = sqlite_of(engine);
	struct lister l = { .e = e, .each = each, .ctx = ctx, .left = SIZE_MAX };
	uint64_t newest = 0, oldest = 0;
	struct query q;
	int code = db_begin_read(&e->reader);

	if (code < 0)
		return finish(e, code);
	code = sqlite_state(engine, &newest, &oldest);
	if (code == 0) {
		if (out_revision)
			*out_revision = newest;
		q = query_start(&e->reader, STMT_list_all);
		code = run_joined(&l, &q);
	}
	db_end_read(&e->reader);
	return finish(e, code);
}

int sqlite_count(struct engine *engine, const char *resource, const char *ns, uint64_t *out)
{
	struct sqlite_engine *e = sqlite_of(engine);
	struct query q = query_start(&e->reader, ns ? STMT_count_ns : STMT_count);
	int64_t count = 0;
	int code;

	query_text(&q, 1, resource);
	if (ns)
		query_text(&q, 2, ns);
	code = query_one_int(&q, &count);
	*out = (uint64_t)count;
	return finish(e, code);
}

/* --- marks, feeds, epochs --- */

static int take_mark(struct sqlite_engine *e, struct span mark, struct span value, struct buf *out)
{
	return seal_covers_mark(e->seal, mark) ? unseal_mark(e->seal, mark, value, out)
					       : buf_add_span(out, value);
}

int sqlite_mark_get(struct engine *engine, const char *mark, struct buf *out)
{
	struct sqlite_engine *e = sqlite_of(engine);
	struct query q = query_start(&e->reader, STMT_mark);
	int code;

	query_text(&q, 1, mark);
	code = query_next(&q);
	code = code > 0	   ? take_mark(e, span_of(mark), query_col_span(&q, 0), out)
	       : code == 0 ? -ENOENT
			   : code;
	query_end(&q);
	return finish(e, code);
}

/* 1: go on; 0: `each` wants no more. One that does not open is passed as empty: what it said is lost, that it was there is not. */
static int pass_mark(struct sqlite_engine *e, const char *mark, struct span value,
		     int (*each)(void *, const char *, struct span), void *ctx)
{
	struct buf plain;
	int code;

	if (!seal_covers_mark(e->seal, span_of(mark)))
		return each(ctx, mark, value) != 0 ? 0 : 1;
	buf_init(&plain, value.len + 1);
	code = unseal_mark(e->seal, span_of(mark), value, &plain);
	if (code == 0 || code == -EBADMSG)
		code = each(ctx, mark, buf_span(&plain)) != 0 ? 0 : 1;
	seal_wipe(&plain);
	return code;
}

int sqlite_mark_list(struct engine *engine, const char *prefix,
		     int (*each)(void *, const char *, struct span), void *ctx)
{
	struct sqlite_engine *e = sqlite_of(engine);
	struct query q = query_start(&e->reader, STMT_marks);
	struct span want = span_of(prefix);
	int code;

	query_text(&q, 1, prefix);
	while ((code = query_next(&q)) > 0) {
		struct span name = query_col_span(&q, 0);
		char *copy;

		if (!span_has_prefix(name, want))
			break;
		copy = sqlite3_mprintf("%.*s", SPAN_ARG(name));
		if (!copy) {
			code = -ENOMEM;
			break;
		}
		code = pass_mark(e, copy, query_col_span(&q, 1), each, ctx);
		sqlite3_free(copy);
		if (code <= 0)
			break;
	}
	query_end(&q);
	return finish(e, code < 0 ? code : 0);
}

int sqlite_feed(struct engine *engine, const char *resource, enum feed_state *out)
{
	struct sqlite_engine *e = sqlite_of(engine);
	struct query q = query_start(&e->reader, STMT_feed);
	int64_t state = FEED_ABSENT;
	int code;

	query_text(&q, 1, resource);
	code = query_one_int(&q, &state);
	*out = state >= FEED_ABSENT && state <= FEED_COMPLETE ? (enum feed_state)state : FEED_DAMAGED;
	return finish(e, code == -ENOENT ? 0 : code);
}

int sqlite_epoch(struct engine *engine, const uint8_t epoch[CACHE_EPOCH_SIZE], uint64_t *out_first,
		 uint64_t *out_next)
{
	struct sqlite_engine *e = sqlite_of(engine);
	struct query q = query_start(&e->reader, STMT_epoch);
	int code;

	query_blob(&q, 1, span_make(epoch, CACHE_EPOCH_SIZE));
	code = query_next(&q);
	if (code > 0) {
		*out_first = (uint64_t)query_col_int(&q, 0);
		*out_next = (uint64_t)query_col_int(&q, 1);
	}
	query_end(&q);
	return finish(e, code > 0 ? 0 : code == 0 ? -ESTALE : code);
}

/* --- care --- */

int sqlite_quarantined(struct engine *engine, int (*each)(void *ctx, const struct key *key), void *ctx)
{
	struct sqlite_engine *e = sqlite_of(engine);
	struct query q = query_start(&e->reader, STMT_quarantined);
	struct buf text;
	struct key key;
	int code;

	buf_init(&text, KEY_TEXT_MAX);
	while ((code = query_next(&q)) > 0) {
		code = copy_key(&q, &text, &key);
		if (code < 0 || each(ctx, &key) != 0)
			break;
	}
	query_end(&q);
	buf_done(&text);
	return finish(e, code < 0 ? code : 0);
}

static int verify_rows(struct sqlite_engine *e, struct query *q, struct buf *cursor, size_t *out_checked)
{
	struct key key;
	int code;

	while ((code = query_next(q)) > 0) {
		struct row row = row_read(q, 4);

		code = copy_key(q, cursor, &key);
		if (code < 0)
			break;
		if (!is_joined(q, &row) || (code = row_check_open(&e->reader, &row)) == -EBADMSG)
			e->on_damaged(e->ctx, &key);
		else if (code < 0)
			break;
		(*out_checked)++;
	}
	return code;
}

int sqlite_verify(struct engine *engine, struct buf *cursor, size_t rows, size_t *out_checked)
{
	struct sqlite_engine *e = sqlite_of(engine);
	struct query q = query_start(&e->reader, STMT_verify);
	struct buf after; /* bound to the statement while the cursor moves on */
	const char *at;
	int code;

	*out_checked = 0;
	buf_init(&after, KEY_TEXT_MAX);
	code = buf_add(&after, cursor->data, cursor->len);
	at = after.len ? after.data : "\0\0";
	for (int pos = 1; pos <= 3 && code == 0; pos++, at += strlen(at) + 1)
		query_text(&q, pos, at);
	query_int(&q, 4, (int64_t)rows);
	if (code == 0)
		code = verify_rows(e, &q, cursor, out_checked);
	query_end(&q);
	buf_done(&after);
	if (*out_checked < rows)
		buf_reset(cursor); /* the end, or a page that cannot be read: the next round starts over */
	return finish(e, code < 0 ? code : 0);
}
