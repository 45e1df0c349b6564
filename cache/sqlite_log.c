/* The log: what lies between the compacted revision and the newest. Compaction moves the lower end up; a
 * version goes when its successor has left the window, a deletion when it has left itself. */
#include <errno.h>

#include "cache/sqlite.h"

#define SCAN_ROWS 4096u /* revisions looked at in one page, so that a rare resource does not stall the loop */

/* --- compaction: writer's side --- */

static int drop_version(struct db *db, uint64_t revision)
{
	struct query q = query_start(db, STMT_version_drop);

	query_int(&q, 1, (int64_t)revision);
	return query_run(&q);
}

static int drop_dead_object(struct db *db, const struct row *head)
{
	struct query q = query_start(db, STMT_object_drop);

	query_text_span(&q, 1, head->resource);
	query_text_span(&q, 2, head->ns);
	query_text_span(&q, 3, head->name);
	query_int(&q, 4, (int64_t)head->revision);
	return query_run(&q);
}

static int pass_row(struct sqlite_group *g, const struct row *head)
{
	struct db *db = &g->e->writer;
	bool is_end = head->change == CHANGE_DELETED || head->change == CHANGE_LEFT;
	int code = 0;

	g->state.oldest = head->revision;
	if (row_check_head(head) < 0)
		return 0; /* what it points to is not to be believed; left for the quarantine */
	g->compacted_offset = head->log_offset;
	if (head->previous)
		code = drop_version(db, head->previous);
	if (code == 0 && is_end)
		code = drop_dead_object(db, head);
	return code == 0 && is_end ? drop_version(db, head->revision) : code;
}

static bool has_left_window(const struct sqlite_group *g, const struct row *head, uint64_t at_least)
{
	return head->revision <= at_least ||
	       head->wall_ms <= g->now_wall_ms - (int64_t)g->e->log_max_age_ms ||
	       (head->log_offset < g->log_offset && g->log_offset - head->log_offset > g->e->log_max_bytes);
}

static int save_compacted(struct sqlite_group *g)
{
	int code = sqlite_write_meta(&g->e->writer, "compacted", g->state.oldest);

	g->is_dirty = true;
	return code < 0 ? code : sqlite_write_meta(&g->e->writer, "compacted_offset", g->compacted_offset);
}

int sqlite_compact(struct sqlite_group *g, size_t rows, uint64_t at_least)
{
	struct query q = query_start(&g->e->writer, STMT_log_heads);
	uint64_t before = g->state.oldest;
	bool is_inside = false;
	int code;

	g->state.oldest_wall_ms = INT64_MAX;
	query_int(&q, 1, (int64_t)g->state.oldest);
	query_int(&q, 2, (int64_t)rows + 1);
	while (!is_inside && (code = query_next(&q)) > 0) {
		struct row head = row_read_head(&q, 0);

		is_inside = rows-- == 0 || !has_left_window(g, &head, at_least);
		if (is_inside)
			g->state.oldest_wall_ms = head.wall_ms;
		else if ((code = pass_row(g, &head)) < 0)
			break;
	}
	query_end(&q);
	if (code >= 0 && g->state.oldest != before)
		code = save_compacted(g);
	g->state.log_bytes = g->log_offset - g->compacted_offset;
	return code < 0 ? code : 0;
}

/* --- reading: readers' side --- */

struct page {
	struct sqlite_engine *e;
	engine_change_fn *each;
	void *ctx;
	size_t left;
	uint64_t position;
	bool is_stopped;
};

static int read_previous(struct page *page, const struct row *head, const struct object *object,
			 struct object **out)
{
	enum change_type change;
	int code = -ENOENT;

	*out = NULL;
	if (head->change == CHANGE_ADDED)
		return 0;
	if (head->change == CHANGE_LEFT) { /* the marker itself says what was left */
		*out = object_ref(object);
		return 0;
	}
	if (head->previous)
		code = version_read(&page->e->reader, head->previous, &object->key, &change, out);
	if (code == -ENOENT || code == -EBADMSG)
		code = version_stub(&object->key, object->uid, head->previous, out);
	return code;
}

static int pass_change(struct page *page, const struct row *head)
{
	struct change change = { .revision = head->revision };
	struct object *object = NULL, *previous = NULL;
	int code = version_read(&page->e->reader, head->revision, NULL, &change.type, &object);

	if (code == 0)
		code = read_previous(page, head, object, &previous);
	if (code == 0) {
		change.object = object;
		change.previous = previous;
		page->is_stopped = page->each(page->ctx, &change) != 0;
	}
	object_unref(object);
	object_unref(previous);
	return code == -ENOENT ? -EBADMSG : code;
}

static bool is_wanted(const struct row *head, const struct engine_log *log)
{
	return (!log->resource || span_is(head->resource, log->resource)) &&
	       (!log->ns || span_is(head->ns, log->ns));
}

/* Heads are checked whether wanted or not: a damaged name must not make a change vanish. */
static int read_page(struct page *page, const struct engine_log *log)
{
	struct query q = query_start(&page->e->reader, STMT_log_heads);
	size_t scanned = 0;
	int code = 0;

	query_int(&q, 1, (int64_t)log->after);
	query_int(&q, 2, SCAN_ROWS);
	while (page->left > 0 && !page->is_stopped && (code = query_next(&q)) > 0) {
		struct row head = row_read_head(&q, 0);

		if (head.revision > log->upto)
			break;
		scanned++;
		code = row_check_head(&head);
		if (code == 0 && is_wanted(&head, log)) {
			page->left--;
			code = pass_change(page, &head);
		}
		if (code < 0)
			break;
		page->position = head.revision;
	}
	query_end(&q);
	if (code >= 0 && page->left > 0 && !page->is_stopped && scanned < SCAN_ROWS)
		page->position = log->upto;
	return code < 0 ? code : 0;
}

int sqlite_log_read(struct engine *engine, const struct engine_log *log, engine_change_fn *each, void *ctx,
		    uint64_t *out_position)
{
	struct sqlite_engine *e = sqlite_of(engine);
	struct page page = { .e = e, .each = each, .ctx = ctx, .left = log->limit, .position = log->after };
	uint64_t newest = 0, oldest = 0;
	int code = db_begin_read(&e->reader);

	if (code < 0)
		return code;
	code = sqlite_state(engine, &newest, &oldest);
	if (code == 0 && log->after < oldest)
		code = -ERANGE;
	if (code == 0)
		code = read_page(&page, log);
	db_end_read(&e->reader);
	*out_position = page.position;
	if (code == -EBADMSG)
		e->on_damaged(e->ctx, NULL);
	if (e->reader.is_corrupt)
		sqlite_mark_damaged(e);
	return code;
}
