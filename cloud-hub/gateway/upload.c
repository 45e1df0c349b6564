#include "cloud-hub/gateway/upload.h"

#include "api/object_json.h"
#include "api/write.h"
#include "base/log.h"
#include "cloud-hub/audit/audit.h"
#include "cloud-hub/gateway/gateway_impl.h"
#include "api/status_merge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE "upload"
#define REGION_LABEL "topology.kubernetes.io/region"
#define MARK_SIZE (sizeof(UPLOAD_MARK_PREFIX) + EDGE_NODE_MAX)
#define APPLIED_MAX (MESSAGE_NAME_MAX + 32u)

/* An entry as it came, copied: it waits for its predecessors. */
struct item {
	struct list_node node;
	struct outbox_entry entry;
	struct key key;
	char strings[];
};

struct upload {
	struct edge *edge; /* one reference while a write is under way; always valid */
	struct outbox_receiver *receiver;
	char incarnation[MESSAGE_NAME_MAX + 1];
	struct list waiting;
	struct item *current;
	bool abandoned; /* the session is over: finish what is under way, report nothing */
	int refusal;	/* HTTP status while the refusal of `current` is being committed */
	char reason[256];
};

static void next(struct upload *upload);

static const char *node_of(const struct upload *upload)
{
	return upload->edge->node;
}

static struct gateway *gateway_of(const struct upload *upload)
{
	return upload->edge->gateway;
}

/* --- how far it got --- */

int upload_applied(struct cache *cache, const char *node, const char *incarnation, uint64_t *out)
{
	char mark[MARK_SIZE];
	struct buf record;
	struct span name, sequence;
	int code;

	*out = 0;
	snprintf(mark, sizeof(mark), "%s%s", UPLOAD_MARK_PREFIX, node);
	buf_init(&record, APPLIED_MAX);
	code = cache_mark_get(cache, mark, &record);
	if (!code && span_cut(buf_span(&record), ' ', &name, &sequence) && span_is(name, incarnation))
		code = span_to_u64(sequence, out);
	buf_done(&record);
	return code == -ENOENT ? 0 : code;
}

struct applied_mark {
	char mark[MARK_SIZE];
	char value[APPLIED_MAX];
	struct cache_op op;
};

static struct cache_op *applied_op(const struct upload *upload, struct applied_mark *out)
{
	int len = snprintf(out->value, sizeof(out->value), "%s %" PRIu64, upload->incarnation,
			   upload->current->entry.sequence);

	snprintf(out->mark, sizeof(out->mark), "%s%s", UPLOAD_MARK_PREFIX, node_of(upload));
	out->op = (struct cache_op){ .type = CACHE_MARK,
				     .mark = out->mark,
				     .value = span_make(out->value, (size_t)len) };
	return &out->op;
}

/* --- the end of an entry --- */

static void upload_release(struct upload *upload)
{
	struct edge *edge = upload->edge;

	free(upload);
	edge_unref(edge);
}

/* A node's reports are its daily bread and no writes of anybody's; what was refused, and what ended an object, is noted. */
static void note_effect(const struct upload *upload, int http, const char *reason)
{
	const struct item *item = upload->current;
	char user[sizeof(AUTHORITY_NODE_PREFIX) + EDGE_NODE_MAX];
	struct audit_note note = { .verb = item->entry.effect == OUTBOX_DELETED ? "delete" : "report",
				   .user = user,
				   .node = node_of(upload),
				   .resource = item->key.resource,
				   .ns = item->key.ns,
				   .name = item->key.name,
				   .code = http ? http : 200,
				   .reason = reason };

	if (!http && item->entry.effect != OUTBOX_DELETED)
		return;
	snprintf(user, sizeof(user), AUTHORITY_NODE_PREFIX "%s", node_of(upload));
	audit_note(gateway_of(upload)->options.audit, &note);
}

static void done(struct upload *upload, int http, const char *reason, uint64_t revision)
{
	struct item *item = upload->current;
	struct outbox_result result = { item->entry.sequence, http, reason, revision };
	struct gateway *gateway = gateway_of(upload);

	note_effect(upload, http, reason);
	upload->current = NULL;
	if (http)
		gateway->stats.effects_refused++;
	else
		gateway->stats.effects_applied++;
	free(item);
	if (upload->abandoned) {
		upload_release(upload);
		return;
	}
	if (outbox_receiver_done(upload->receiver, &result))
		session_go_away(upload->edge->session, REFUSE_BUSY, "out of memory", 1000,
				gateway_now(gateway));
	edge_kick(upload->edge);
	next(upload);
}

/* The store cannot take it now: the session ends and the edge sends it again. */
static void postpone(struct upload *upload, const char *why)
{
	struct item *item = upload->current;

	log_warn(MODULE, "postponed", "node=%s sequence=%" PRIu64 " reason=\"%s\"", node_of(upload),
		 item->entry.sequence, why);
	upload->current = NULL;
	free(item);
	if (upload->abandoned) {
		upload_release(upload);
		return;
	}
	session_go_away(upload->edge->session, REFUSE_BUSY, "the store cannot take it now", 5000,
			gateway_now(gateway_of(upload)));
	edge_kick(upload->edge);
}

static void on_refusal_committed(void *ctx, const struct cache_result *result)
{
	struct upload *upload = ctx;

	if (result->code)
		postpone(upload, "commit failed");
	else
		done(upload, upload->refusal, upload->reason, 0);
}

/* Refused for good: committed as decided, so that it does not come again. */
static void refuse(struct upload *upload, int http, const char *reason)
{
	struct applied_mark mark;

	log_warn(MODULE, "refused", "node=%s sequence=%" PRIu64 " object=%s/%s/%s status=%d reason=\"%s\"",
		 node_of(upload), upload->current->entry.sequence, upload->current->key.resource,
		 upload->current->key.ns, upload->current->key.name, http, reason);
	upload->refusal = http;
	snprintf(upload->reason, sizeof(upload->reason), "%s", reason);
	if (cache_submit(gateway_of(upload)->options.cache, applied_op(upload, &mark), 1,
			 on_refusal_committed, upload))
		postpone(upload, "queue full");
}

static bool is_passing(int code)
{
	return code == -EAGAIN || code == -ENOSPC || code == -EIO || code == -EROFS || code == -ENOMEM ||
	       code == -ESTALE;
}

static void on_written(void *ctx, const struct api_written *written)
{
	struct upload *upload = ctx;

	if (!written->code)
		done(upload, 0, "", written->revision);
	else if (is_passing(written->code))
		postpone(upload, written->status->message);
	else
		refuse(upload, written->status->code, written->status->message);
}

/* What a call of api/write.h returned when it did not take the write. */
static void settle(struct upload *upload, int code, struct status *status)
{
	if (code == 1)
		refuse(upload, 0, ""); /* nothing to write: only the sequence is committed */
	else if (code && is_passing(code))
		postpone(upload, status->message);
	else if (code)
		refuse(upload, status->code, status->message);
	status_done(status);
}

/* --- the effects --- */

/* Is this the pod that the store has, bound to this node? Refuses otherwise. */
static bool is_own_pod(struct upload *upload)
{
	const struct item *item = upload->current;
	struct object *stored = NULL;
	int code;
	bool own;

	if (strcmp(item->key.resource, "pods") != 0) {
		refuse(upload, 403, "a node reports the status of its pods only");
		return false;
	}
	code = cache_get(gateway_of(upload)->options.cache, &item->key, &stored);
	if (code && code != -ENOENT) {
		postpone(upload, "the store cannot be read");
		return false;
	}
	if (code || strcmp(stored->uid, item->entry.uid) != 0) {
		object_unref(stored);
		refuse(upload, 404, "no pod of this uid");
		return false;
	}
	own = graph_has(gateway_of(upload)->graph, node_of(upload), &item->key);
	object_unref(stored);
	if (!own)
		refuse(upload, 403, "the pod is not bound to this node");
	return own;
}

/* The body as JSON; refuses what is none. */
static struct json *body_of(struct upload *upload)
{
	struct json *body = NULL;
	struct err err = { 0 };

	if (json_parse(upload->current->entry.body, &body, &err) == 0 && json_is(body, JSON_OBJECT))
		return body;
	json_free(body);
	refuse(upload, 400, err.code ? err_text(&err) : "the body is not an object");
	return NULL;
}

static int merge_pod_status(void *ctx, struct json *object, const struct object *stored)
{
	struct upload *upload = ctx;
	struct json *status = NULL;
	int code;

	(void)stored;
	if (strcmp(json_path_str(object, "metadata.uid", ""), upload->current->entry.uid) != 0)
		return -ENOENT;
	code = json_parse(upload->current->entry.body, &status, NULL);
	if (!code)
		code = status_merge_pod(object, status);
	json_free(status);
	return code;
}

static void apply_status(struct upload *upload)
{
	struct applied_mark mark;
	struct api_extra_ops extra = { applied_op(upload, &mark), 1 };
	struct status status;
	struct json *body;

	if (!is_own_pod(upload))
		return;
	body = body_of(upload);
	if (!body)
		return;
	json_free(body);
	status_init(&status);
	settle(upload,
	       api_mutate(gateway_of(upload)->api, &upload->current->key, API_PART_STATUS, merge_pod_status,
			  &extra, &status, on_written, upload),
	       &status);
}

static void apply_deleted(struct upload *upload)
{
	struct applied_mark mark;
	struct api_extra_ops extra = { applied_op(upload, &mark), 1 };
	struct api_delete_options options = { .if_uid = upload->current->entry.uid, .grace_s = 0 };
	struct object *stored = NULL;
	struct json *tree = NULL;
	struct status status;
	bool asked;

	if (!is_own_pod(upload))
		return;
	if (cache_get(gateway_of(upload)->options.cache, &upload->current->key, &stored) ||
	    object_to_json(stored, &tree)) {
		object_unref(stored);
		postpone(upload, "the store cannot be read");
		return;
	}
	asked = json_path_str(tree, "metadata.deletionTimestamp", NULL) != NULL;
	json_free(tree);
	object_unref(stored);
	if (!asked) {
		refuse(upload, 409, "the pod is not being deleted");
		return;
	}
	status_init(&status);
	settle(upload,
	       api_delete(gateway_of(upload)->api, &upload->current->key, &options, &extra, &status,
			  on_written, upload),
	       &status);
}

static int merge_node(void *ctx, struct json *object, const struct object *stored)
{
	struct upload *upload = ctx;
	struct json *report = NULL;
	int code;

	(void)stored;
	code = json_parse(upload->current->entry.body, &report, NULL);
	if (!code)
		code = status_merge_node(object, report);
	json_free(report);
	return code;
}

/* As it registers itself; the region is what the cloud has on record. */
static int fresh_node(struct upload *upload, const struct json *report, struct json **out)
{
	struct enrolment known;
	struct json *labels;
	int code = status_fresh_node(node_of(upload), report, out);

	if (code || gateway_enrolment(gateway_of(upload), node_of(upload), &known) || !known.region[0])
		return code;
	labels = json_ensure(*out, "metadata.labels");
	code = labels ? json_set_str(labels, REGION_LABEL, known.region) : -ENOMEM;
	if (code) {
		json_free(*out);
		*out = NULL;
	}
	return code;
}

static void apply_node(struct upload *upload)
{
	struct applied_mark mark;
	struct api_extra_ops extra = { applied_op(upload, &mark), 1 };
	struct status status;
	struct json *body;
	int code;

	if (strcmp(upload->current->key.resource, "nodes") != 0 ||
	    strcmp(upload->current->key.name, node_of(upload)) != 0) {
		refuse(upload, 403, "a node reports itself only");
		return;
	}
	body = body_of(upload);
	if (!body)
		return;
	status_init(&status);
	code = api_mutate(gateway_of(upload)->api, &upload->current->key, API_PART_ALL, merge_node, &extra,
			  &status, on_written, upload);
	if (code == -ENOENT) {
		/* An operator deleted the object; the node is there all the same, and registers again. */
		struct json *fresh = NULL;

		status_done(&status);
		status_init(&status);
		code = fresh_node(upload, body, &fresh);
		if (!code)
			code = api_create(gateway_of(upload)->api, fresh, &extra, &status, on_written,
					  upload);
	}
	json_free(body);
	settle(upload, code, &status);
}

/* An event may speak of the node, of its pods, and of pods that are gone; not of what belongs to others. */
static bool may_tell(struct upload *upload, const struct json *event)
{
	const char *kind = json_path_str(event, "involvedObject.kind", ""),
		   *name = json_path_str(event, "involvedObject.name", ""),
		   *ns = json_path_str(event, "metadata.namespace", "");
	struct key key = { "pods", json_path_str(event, "involvedObject.namespace", ""), name };
	struct object *stored = NULL;
	bool absent;

	if (strcmp(kind, "Node") == 0) /* what has no namespace is told of in this one */
		return strcmp(name, node_of(upload)) == 0 && strcmp(ns, "default") == 0;
	if (strcmp(kind, "Pod") != 0 || strcmp(ns, key.ns) != 0)
		return false;
	if (graph_has(gateway_of(upload)->graph, node_of(upload), &key))
		return true;
	absent = cache_get(gateway_of(upload)->options.cache, &key, &stored) == -ENOENT;
	object_unref(stored);
	return absent;
}

static int replace_event(void *ctx, struct json *object, const struct object *stored)
{
	struct upload *upload = ctx;
	struct json *event = NULL;
	int code;

	(void)stored;
	if (!may_tell(upload, object)) /* a story of its own under the name of another's */
		return -EACCES;
	code = json_parse(upload->current->entry.body, &event, NULL);
	if (!code)
		code = status_merge_event(object, event);
	json_free(event);
	return code;
}

/* The Event that the entry tells of, made of what an Event may say; refuses what is none, and what is none of the node's business. */
static struct json *told_event(struct upload *upload)
{
	const struct key *key = &upload->current->key;
	struct json *body = body_of(upload), *event = NULL;
	int code;

	if (!body)
		return NULL;
	code = status_fresh_event(key->ns, key->name, body, &event);
	json_free(body);
	if (!code && may_tell(upload, event))
		return event;
	json_free(event);
	if (code == -ENOMEM)
		postpone(upload, "out of memory");
	else if (code)
		refuse(upload, 400, "the body is not the event that the entry names");
	else
		refuse(upload, 403, "the event is about something of another node");
	return NULL;
}

static void apply_event(struct upload *upload)
{
	struct applied_mark mark;
	struct api_extra_ops extra = { applied_op(upload, &mark), 1 };
	struct status status;
	struct json *event;
	int code;

	if (strcmp(upload->current->key.resource, "events") != 0) {
		refuse(upload, 400, "not an event");
		return;
	}
	event = told_event(upload);
	if (!event)
		return;
	status_init(&status);
	code = api_mutate(gateway_of(upload)->api, &upload->current->key, API_PART_OBJECT, replace_event,
			  &extra, &status, on_written, upload);
	if (code == -ENOENT) {
		status_done(&status);
		status_init(&status);
		code = api_create(gateway_of(upload)->api, event, &extra, &status, on_written, upload);
		event = NULL;
	}
	json_free(event);
	settle(upload, code, &status);
}

static void (*const effects[OUTBOX_EFFECTS])(struct upload *upload) = {
	[OUTBOX_STATUS] = apply_status,
	[OUTBOX_EVENT] = apply_event,
	[OUTBOX_DELETED] = apply_deleted,
	[OUTBOX_NODE] = apply_node,
};

static void next(struct upload *upload)
{
	struct list_node *node;

	if (upload->current || !(node = list_pop(&upload->waiting)))
		return;
	upload->current = container_of(node, struct item, node);
	if (upload->current->entry.effect < OUTBOX_EFFECTS && effects[upload->current->entry.effect])
		effects[upload->current->entry.effect](upload);
	else
		refuse(upload, 501, "this cloud-hub does not know such an effect");
}

/* --- the receiver's side --- */

static char *put(char **at, const char *text, size_t len)
{
	char *start = *at;

	memcpy(start, text, len);
	start[len] = '\0';
	*at = start + len + 1;
	return start;
}

static int take(void *ctx, const struct outbox_entry *entry)
{
	struct upload *upload = ctx;
	size_t resource = strlen(entry->key.resource), ns = strlen(entry->key.ns),
	       name = strlen(entry->key.name), uid = strlen(entry->uid);
	struct item *item = calloc(1, sizeof(*item) + resource + ns + name + uid + entry->body.len + 5);
	char *at;

	if (!item)
		return -ENOMEM;
	at = item->strings;
	item->key.resource = put(&at, entry->key.resource, resource);
	item->key.ns = put(&at, entry->key.ns, ns);
	item->key.name = put(&at, entry->key.name, name);
	item->entry = *entry;
	item->entry.uid = put(&at, entry->uid, uid);
	item->entry.body = span_make(put(&at, entry->body.ptr, entry->body.len), entry->body.len);
	item->entry.key = item->key;
	list_push(&upload->waiting, &item->node);
	next(upload);
	return 0;
}

static const struct outbox_apply apply = { .apply = take };

int upload_new(struct edge *edge, const char *incarnation, uint64_t applied, struct upload **out)
{
	struct upload *upload = calloc(1, sizeof(*upload));
	struct mux *mux = session_mux(edge->session);
	int code;

	if (!upload)
		return -ENOMEM;
	upload->edge = edge;
	list_init(&upload->waiting);
	code = span_copy(span_of(incarnation), upload->incarnation, sizeof(upload->incarnation));
	if (!code)
		code = outbox_receiver_new(mux, applied, &apply, upload, &upload->receiver);
	if (code) {
		free(upload);
		return code;
	}
	edge_ref(edge);
	mux_set_channel(mux, MUX_OUTBOX, &outbox_receiver_channel, upload->receiver);
	*out = upload;
	return 0;
}

void upload_free(struct upload *upload)
{
	struct list_node *node;

	if (!upload)
		return;
	while ((node = list_pop(&upload->waiting)))
		free(container_of(node, struct item, node));
	outbox_receiver_free(upload->receiver);
	upload->receiver = NULL;
	upload->abandoned = true;
	if (!upload->current)
		upload_release(upload);
}
