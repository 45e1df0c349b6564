#include "cloud-hub/gateway/departure.h"

#include "auth/enrol.h"
#include "auth/fork.h"
#include "base/log.h"
#include "cloud-hub/audit/audit.h"
#include "cloud-hub/gateway/gateway_impl.h"
#include "cloud-hub/gateway/upload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE "gateway"
#define ATTEMPTS_MAX 5u
#define RETRY_MS 2000u

static const char *const mark_prefixes[] = { ENROL_MARK_PREFIX, FORK_MARK_PREFIX, UPLOAD_MARK_PREFIX };
#define MARKS (sizeof(mark_prefixes) / sizeof(mark_prefixes[0]))

struct departure {
	struct cache *cache;
	char node[EDGE_NODE_MAX];
	void (*done)(void *ctx, int code);
	void *ctx;
	unsigned attempts;
	/* While the transaction is put together. */
	char marks[MARKS][32 + EDGE_NODE_MAX];
	struct cache_op *ops;
	struct object **objects; /* what the ops name: one reference each */
	size_t count, room;
};

static int submit(struct departure *d);

static void drop_ops(struct departure *d)
{
	for (size_t i = 0; d->objects && i < d->count; i++)
		object_unref(d->objects[i]);
	free(d->ops);
	free(d->objects);
	d->ops = NULL;
	d->objects = NULL;
	d->count = d->room = 0;
}

static void on_committed(void *ctx, const struct cache_result *result)
{
	struct departure *d = ctx;
	int code = result->code;

	/* A pod's status came in between: its newest state goes as well. */
	if ((code == -ESTALE || code == -ENOENT) && ++d->attempts < ATTEMPTS_MAX) {
		code = submit(d);
		if (!code)
			return;
	}
	d->done(d->ctx, code);
	free(d);
}

static int add_op(struct departure *d, const struct cache_op *op, struct object *object)
{
	if (d->count == d->room)
		return -E2BIG;
	d->objects[d->count] = object ? object_ref(object) : NULL;
	d->ops[d->count++] = *op;
	return 0;
}

static int add_object(void *ctx, struct object *object)
{
	struct departure *d = ctx;
	struct cache_op op = { .type = CACHE_DELETE, .key = object->key, .if_uid = object->uid };

	return add_op(d, &op, object);
}

static int gather(struct departure *d)
{
	const struct key key = { "nodes", "", d->node };
	struct cache_list pods = { .resource = "pods", .field_key = "spec.nodeName", .field_value = d->node };
	struct object *node = NULL;
	size_t before;
	int code = cache_get(d->cache, &key, &node);

	if (!code)
		code = add_object(d, node);
	object_unref(node);
	if (code && code != -ENOENT)
		return code;
	before = d->count;
	code = cache_list(d->cache, &pods, add_object, d, NULL);
	if (!code && d->count - before > DEPARTURE_PODS_MAX)
		code = -E2BIG;
	for (size_t i = 0; !code && i < MARKS; i++) {
		struct cache_op op = { .type = CACHE_MARK, .mark = d->marks[i] };

		snprintf(d->marks[i], sizeof(d->marks[i]), "%s%s", mark_prefixes[i], d->node);
		code = add_op(d, &op, NULL);
	}
	return code;
}

static int submit(struct departure *d)
{
	int code;

	d->room = DEPARTURE_PODS_MAX + MARKS + 2;
	d->ops = calloc(d->room, sizeof(*d->ops));
	d->objects = calloc(d->room, sizeof(struct object *));
	code = d->ops && d->objects ? gather(d) : -ENOMEM;
	if (!code)
		code = cache_submit(d->cache, d->ops, d->count, on_committed, d);
	drop_ops(d);
	return code;
}

int departure_begin(struct gateway *gateway, const char *node, void (*done)(void *ctx, int code), void *ctx)
{
	struct departure *d = calloc(1, sizeof(*d));
	int code;

	if (!d)
		return -ENOMEM;
	*d = (struct departure){ .cache = gateway->options.cache, .done = done, .ctx = ctx };
	code = span_copy(span_of(node), d->node, sizeof(d->node));
	if (!code)
		code = submit(d);
	if (code)
		free(d);
	return code;
}

/* --- asked by the node --- */

static void note_left(const struct edge *edge)
{
	char user[sizeof(AUTHORITY_NODE_PREFIX) + EDGE_NODE_MAX];
	struct audit_note note = { .verb = "leave",
				   .user = user,
				   .node = edge->node,
				   .resource = "nodes",
				   .name = edge->node,
				   .code = 200 };

	if (edge->state == EDGE_CLOSED)
		return; /* the gateway may be gone too; the log has it */
	snprintf(user, sizeof(user), AUTHORITY_NODE_PREFIX "%s", edge->node);
	audit_note(edge->gateway->options.audit, &note);
}

static void on_left(void *ctx, int code)
{
	struct edge *edge = ctx;
	const struct span nothing = { NULL, 0 };

	if (!code) {
		log_info(MODULE, "node-left", "node=%s", edge->node);
		note_left(edge);
	} else {
		log_error(MODULE, "node-not-removed", "node=%s error=%d", edge->node, code);
	}
	if (edge->state == EDGE_WORKING && session_state(edge->session) == SESSION_READY) {
		if (!code)
			code = mux_send_control(session_mux(edge->session), MSG_NODE_LEFT, nothing);
		edge_retire(edge, code ? REFUSE_BUSY : REFUSE_IDENTITY,
			    code ? "the node could not be removed" : "the node has left",
			    code ? RETRY_MS : 0);
	}
	edge_unref(edge);
}

void departure_ask(struct edge *edge)
{
	int code;

	edge_ref(edge);
	code = departure_begin(edge->gateway, edge->node, on_left, edge);
	if (code)
		on_left(edge, code);
}
