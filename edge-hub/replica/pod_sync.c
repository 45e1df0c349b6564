#include "edge-hub/replica/pod_sync.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>

#define MODULE "pods"
#define PODS "pods"

struct pod_sync {
	struct pod_sync_options options;
	struct agent *agent;
};

static struct agent_pod pod_of(const struct object *object)
{
	return (struct agent_pod){ object->key.ns, object->key.name, object->uid };
}

static struct key key_of(const struct agent_pod *pod)
{
	return (struct key){ PODS, pod->ns, pod->name };
}

/* --- the agent speaks --- */

static void on_status(void *ctx, const struct agent_pod *pod, struct span status_json)
{
	struct pod_sync *sync = ctx;
	struct key key = key_of(pod);

	reports_pod_status(sync->options.reports, &key, pod->uid, status_json);
}

static void on_event(void *ctx, const struct agent_event *event)
{
	struct pod_sync *sync = ctx;
	struct event out = { .kind = "Pod",
			     .about = key_of(&event->pod),
			     .uid = event->pod.uid,
			     .field_path = event->field_path ? event->field_path : "",
			     .warning = event->warning,
			     .reason = event->reason,
			     .message = event->message };

	events_report(sync->options.events, &out);
}

static void on_terminated(void *ctx, const struct agent_pod *pod)
{
	struct pod_sync *sync = ctx;
	struct key key = key_of(pod);

	reports_pod_ended(sync->options.reports, &key, pod->uid);
}

static int lookup(void *ctx, const char *resource, const char *ns, const char *name,
		  const struct object **out)
{
	struct pod_sync *sync = ctx;
	struct key key = { resource, ns, name };
	struct object *object = NULL;
	int code = cache_get(sync->options.cache, &key, &object);

	if (!code)
		*out = object;
	else if (code != -ENOENT || cache_feed(sync->options.cache, resource) != FEED_COMPLETE)
		code = -EAGAIN;
	return code;
}

/* The runtime holds a pod without a row, and the replica is complete: it was deleted while this hub was down. */
static enum agent_verdict on_unknown(void *ctx, const struct agent_pod *pod)
{
	struct pod_sync *sync = ctx;
	struct key key = key_of(pod);
	struct object *row = NULL;
	int code = cache_get(sync->options.cache, &key, &row);
	bool replaced = !code && strcmp(row->uid, pod->uid) != 0;

	object_unref(row);
	if ((code == -ENOENT || replaced) && cache_feed(sync->options.cache, PODS) == FEED_COMPLETE) {
		log_info(MODULE, "released", "namespace=%s name=%s uid=%s", pod->ns, pod->name, pod->uid);
		return AGENT_RELEASE;
	}
	return AGENT_KEEP;
}

static void on_runtime(void *ctx, const struct agent_runtime *runtime)
{
	struct pod_sync *sync = ctx;

	sync->options.on_runtime(sync->options.ctx, runtime);
}

static int64_t wall_ms(void *ctx, bool *out_unsure)
{
	struct pod_sync *sync = ctx;

	*out_unsure = !timekeeper_is_told(sync->options.timekeeper);
	return timekeeper_stamp_ms(sync->options.timekeeper);
}

const struct agent_callbacks pod_sync_callbacks = {
	.on_status = on_status,
	.on_event = on_event,
	.on_terminated = on_terminated,
	.lookup = lookup,
	.on_unknown = on_unknown,
	.wall_ms = wall_ms,
	.on_runtime = on_runtime,
};

/* --- the replica speaks --- */

static void set_pod(struct pod_sync *sync, const struct object *object)
{
	struct agent_pod pod = pod_of(object);
	struct err err = { 0 };

	if (agent_set_pod(sync->agent, &pod, object->body, &err))
		log_error(MODULE, "not-taken", "namespace=%s name=%s error=\"%s\"", pod.ns, pod.name,
			  err_text(&err));
}

static int load_one(void *ctx, struct object *object)
{
	set_pod(ctx, object);
	return 0;
}

void pod_sync_feed_changed(struct pod_sync *sync)
{
	if (sync->agent)
		agent_set_complete(sync->agent, cache_feed(sync->options.cache, PODS) == FEED_COMPLETE);
}

void pod_sync_stop(struct pod_sync *sync)
{
	if (sync)
		sync->agent = NULL;
}

int pod_sync_start(struct pod_sync *sync, struct agent *agent, struct err *err)
{
	struct cache_list list = { .resource = PODS };
	int code;

	sync->agent = agent;
	code = cache_list(sync->options.cache, &list, load_one, sync, NULL);
	if (code)
		return err_set(err, code, "reading the pods of the replica: %s", strerror(-code));
	pod_sync_feed_changed(sync);
	return 0;
}

/* A rewrite of this hub's own, of the status only: the cloud's revision did not move. */
static bool is_own_rewrite(const struct change *change)
{
	return change->previous && change->previous->origin == change->object->origin &&
	       strcmp(change->previous->uid, change->object->uid) == 0;
}

static void pod_changed(struct pod_sync *sync, const struct change *change)
{
	struct agent_pod pod = pod_of(change->object);

	if (change->type == CHANGE_DELETED) {
		if (agent_remove_pod(sync->agent, &pod))
			log_error(MODULE, "not-removed", "namespace=%s name=%s", pod.ns, pod.name);
	} else if (change->type != CHANGE_LEFT && !is_own_rewrite(change)) {
		set_pod(sync, change->object);
	}
}

void pod_sync_changed(struct pod_sync *sync, const struct change *change)
{
	const struct key *key = &change->object->key;

	if (!sync->agent)
		return;
	if (strcmp(key->resource, PODS) == 0)
		pod_changed(sync, change);
	else if (strcmp(key->resource, "configmaps") == 0 || strcmp(key->resource, "secrets") == 0)
		agent_object_changed(sync->agent, key->resource, key->ns, key->name);
}

int pod_sync_new(const struct pod_sync_options *options, struct pod_sync **out)
{
	struct pod_sync *sync = calloc(1, sizeof(*sync));

	if (!sync)
		return -ENOMEM;
	sync->options = *options;
	*out = sync;
	return 0;
}

void pod_sync_free(struct pod_sync *sync)
{
	free(sync);
}
