#include "edge-hub/replica/reports.h"

#include "api/object_json.h"
#include "api/status_merge.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>

#define MODULE "reports"
#define KEY_TEXT_MAX 1024u

struct report {
	struct reports *owner; /* NULL once forgotten while a write is under way */
	enum outbox_effect effect;
	struct key key;
	const char *uid; /* "" for the node */
	struct buf body;
	uint64_t put_hash; /* of what was put without a row to compare with; 0: nothing */
	bool writing, dirty, failed;
	char strings[];
};

struct reports {
	struct loop *loop;
	struct cache *cache;
	struct outbox *outbox;
	struct timer *retry;
	struct map all; /* "effect/resource/ns/name/uid" -> struct report */
};

static void reconcile(struct report *report);

static void report_free(void *value)
{
	struct report *report = value;

	if (report->writing) {
		report->owner = NULL; /* its completion frees it */
		return;
	}
	buf_done(&report->body);
	free(report);
}

static int id_of(enum outbox_effect effect, const struct key *key, const char *uid, struct buf *out)
{
	buf_addf(out, "%d/", (int)effect);
	(void)key_text(key, out);
	buf_addf(out, "/%s", uid);
	return buf_error(out);
}

static void forget(struct report *report)
{
	struct reports *reports = report->owner;
	struct buf id;

	buf_init(&id, KEY_TEXT_MAX);
	if (!id_of(report->effect, &report->key, report->uid, &id))
		(void)map_remove(&reports->all, buf_span(&id));
	buf_done(&id);
	report_free(report);
}

/* --- writing --- */

static void on_written(void *ctx, const struct cache_result *result)
{
	struct report *report = ctx;
	bool dirty = report->dirty;

	report->writing = report->dirty = false;
	if (!report->owner) {
		report_free(report);
		return;
	}
	if (result->code && result->code != -ESTALE && result->code != -ENOENT) {
		log_warn(MODULE, "not-stored", "object=%s/%s error=%d", report->key.ns, report->key.name,
			 result->code);
		report->failed = true;
		report->put_hash = 0;
		timer_start(report->owner->retry, REPORTS_RETRY_MS);
	} else if (dirty || result->code) {
		reconcile(report);
	}
}

static void put(struct report *report, struct cache_op *with, size_t count, uint64_t base)
{
	struct outbox_report out = { report->effect, report->key, report->uid, buf_span(&report->body),
				     base };
	int code;

	report->writing = true;
	code = outbox_put(report->owner->outbox, &out, with, count, on_written, report);
	if (!code)
		return;
	report->writing = false;
	report->failed = true;
	log_warn(MODULE, "not-queued", "object=%s/%s error=%d", report->key.ns, report->key.name, code);
	timer_start(report->owner->retry, REPORTS_RETRY_MS);
}

static uint64_t hash_of(const struct report *report)
{
	uint64_t hash = hash64(buf_span(&report->body), report->effect);

	return hash ? hash : 1;
}

/* No row to compare with: said once. */
static void put_blind(struct report *report, uint64_t base)
{
	uint64_t hash = hash_of(report);

	if (report->put_hash == hash)
		return;
	report->put_hash = hash;
	put(report, NULL, 0, base);
}

static int merge(const struct report *report, struct json *tree)
{
	struct json *said = NULL;
	int code = json_parse(buf_span(&report->body), &said, NULL);

	if (!code)
		code = report->effect == OUTBOX_NODE ? status_merge_node(tree, said)
						     : status_merge_pod(tree, said);
	json_free(said);
	return code;
}

/* 0: *out is the row as it should be; 1: it is so already. */
static int corrected(const struct report *report, const struct object *row, struct object **out)
{
	struct json *before = NULL, *after = NULL;
	struct buf body;
	int code = object_to_json(row, &before);

	buf_init(&body, OBJECT_BODY_MAX);
	if (!code) {
		after = json_copy(before);
		code = after ? merge(report, after) : -ENOMEM;
	}
	if (!code && json_equal(before, after))
		code = 1;
	if (!code)
		code = json_write(after, &body);
	if (!code)
		code = object_from_body(row->key.resource, buf_span(&body), row->origin, out);
	buf_done(&body);
	json_free(before);
	json_free(after);
	return code;
}

static void reconcile_row(struct report *report, const struct object *row)
{
	struct cache_op op = { .type = CACHE_UPDATE, .if_revision = row->revision };
	int code = corrected(report, row, &op.object);

	if (code == 1)
		return;
	if (code) {
		log_error(MODULE, "not-merged", "object=%s/%s error=%d", report->key.ns, report->key.name,
			  code);
		return;
	}
	put(report, &op, 1, row->origin);
}

static void reconcile(struct report *report)
{
	struct object *row = NULL;
	int code;

	if (report->writing) {
		report->dirty = true;
		return;
	}
	report->failed = false;
	code = cache_get(report->owner->cache, &report->key, &row);
	if (!code && report->uid[0] && strcmp(row->uid, report->uid) != 0)
		code = -ENOENT;
	if (code == -ENOENT && report->effect == OUTBOX_NODE)
		put_blind(report, 0);
	else if (code == -ENOENT)
		forget(report);
	else if (code)
		timer_start(report->owner->retry, REPORTS_RETRY_MS);
	else if (report->effect == OUTBOX_DELETED)
		put_blind(report, row->origin);
	else
		reconcile_row(report, row);
	object_unref(row);
}

static void on_retry(void *ctx)
{
	struct reports *reports = ctx;
	struct span id;
	void *value;
	size_t cursor = 0;

	while (map_next(&reports->all, &cursor, &id, &value)) {
		struct report *report = value;

		if (report->failed)
			reconcile(report); /* forgets at most itself, which a walk allows */
	}
}

/* --- reporting --- */

static char *keep(char **at, const char *text)
{
	size_t len = strlen(text) + 1;
	char *start = memcpy(*at, text, len);

	*at += len;
	return start;
}

static struct report *report_new(struct reports *reports, enum outbox_effect effect, const struct key *key,
				 const char *uid)
{
	struct report *report = calloc(1, sizeof(*report) + strlen(key->resource) + strlen(key->ns) +
						  strlen(key->name) + strlen(uid) + 4);
	char *at;

	if (!report)
		return NULL;
	at = report->strings;
	report->owner = reports;
	report->effect = effect;
	report->key.resource = keep(&at, key->resource);
	report->key.ns = keep(&at, key->ns);
	report->key.name = keep(&at, key->name);
	report->uid = keep(&at, uid);
	buf_init(&report->body, OUTBOX_BODY_MAX);
	return report;
}

static void report(struct reports *reports, enum outbox_effect effect, const struct key *key, const char *uid,
		   struct span body)
{
	struct report *found = NULL;
	struct buf id;
	int code;

	buf_init(&id, KEY_TEXT_MAX);
	code = id_of(effect, key, uid, &id);
	if (!code)
		found = map_get(&reports->all, buf_span(&id));
	if (!code && !found) {
		found = report_new(reports, effect, key, uid);
		code = found ? map_put(&reports->all, buf_span(&id), found, NULL) : -ENOMEM;
		if (code && found)
			report_free(found);
	}
	buf_done(&id);
	if (!code) {
		buf_reset(&found->body);
		code = buf_add_span(&found->body, body);
	}
	if (code)
		log_error(MODULE, "not-kept", "object=%s/%s error=%d", key->ns, key->name, code);
	else
		reconcile(found);
}

void reports_pod_status(struct reports *reports, const struct key *key, const char *uid,
			struct span status_json)
{
	report(reports, OUTBOX_STATUS, key, uid, status_json);
}

void reports_pod_ended(struct reports *reports, const struct key *key, const char *uid)
{
	report(reports, OUTBOX_DELETED, key, uid, SPAN("{}"));
}

void reports_node(struct reports *reports, const char *name, struct span node_json)
{
	struct key key = { "nodes", "", name };

	report(reports, OUTBOX_NODE, &key, "", node_json);
}

static void recheck(struct reports *reports, enum outbox_effect effect, const struct key *key,
		    const char *uid, bool row_gone)
{
	struct report *found = NULL;
	struct buf id;

	buf_init(&id, KEY_TEXT_MAX);
	if (!id_of(effect, key, uid, &id))
		found = map_get(&reports->all, buf_span(&id));
	buf_done(&id);
	if (!found)
		return;
	if (row_gone)
		found->put_hash = 0;
	reconcile(found);
}

void reports_row_changed(struct reports *reports, const struct change *change)
{
	const struct object *object = change->object;
	bool gone = change->type == CHANGE_DELETED || change->type == CHANGE_LEFT;

	if (strcmp(object->key.resource, "nodes") == 0)
		recheck(reports, OUTBOX_NODE, &object->key, "", gone);
	else if (strcmp(object->key.resource, "pods") == 0) {
		recheck(reports, OUTBOX_STATUS, &object->key, object->uid, gone);
		recheck(reports, OUTBOX_DELETED, &object->key, object->uid, gone);
	}
}

int reports_new(struct loop *loop, struct cache *cache, struct outbox *outbox, struct reports **out)
{
	struct reports *reports = calloc(1, sizeof(*reports));
	int code;

	if (!reports)
		return -ENOMEM;
	*reports = (struct reports){ .loop = loop, .cache = cache, .outbox = outbox };
	map_init(&reports->all, REPORTS_MAX);
	code = timer_new(loop, on_retry, reports, &reports->retry);
	if (code) {
		free(reports);
		return code;
	}
	*out = reports;
	return 0;
}

void reports_free(struct reports *reports)
{
	if (!reports)
		return;
	map_done(&reports->all, report_free);
	timer_close(reports->retry);
	free(reports);
}
