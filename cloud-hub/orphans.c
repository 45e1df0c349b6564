#include "cloud-hub/orphans.h"

#include "api/object_json.h"
#include "auth/podrefs.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "cloud-hub/reply.h"

#include <errno.h>
#include <stdlib.h>

#define MODULE "orphans"
#define ID_MAX 2048u
#define ANSWER_MAX (16u * 1024 * 1024)

struct orphan {
	struct list_node link;
	const struct object *object;
	bool chosen;
	char node[];
};

struct orphans {
	struct api *api;
	struct gateway *gateway;
	struct list all;
	struct map by_key; /* "node/resource/ns/name" -> struct orphan */
};

static struct orphan *orphan_of(struct list_node *link)
{
	return container_of(link, struct orphan, link);
}

static int id_of(const char *node, const struct key *key, struct buf *out)
{
	buf_init(out, ID_MAX);
	(void)buf_addf(out, "%s/", node);
	return key_text(key, out) ? -ENOMEM : buf_error(out);
}

static struct orphan *find(struct orphans *orphans, const char *node, const struct key *key)
{
	struct orphan *found = NULL;
	struct buf id;

	if (!id_of(node, key, &id))
		found = map_get(&orphans->by_key, buf_span(&id));
	buf_done(&id);
	return found;
}

static void drop(struct orphans *orphans, struct orphan *orphan)
{
	struct buf id;

	if (!id_of(orphan->node, &orphan->object->key, &id))
		(void)map_remove(&orphans->by_key, buf_span(&id));
	buf_done(&id);
	list_remove(&orphans->all, &orphan->link);
	object_unref(orphan->object);
	free(orphan);
}

static int add(struct orphans *orphans, const char *node, const struct object *object)
{
	size_t len = strlen(node) + 1;
	struct orphan *orphan = orphans->all.count < ORPHANS_MAX ? calloc(1, sizeof(*orphan) + len) : NULL;
	struct buf id;
	int code = orphan ? id_of(node, &object->key, &id) : -ENOSPC;

	if (!orphan)
		return code;
	if (!code)
		code = map_put(&orphans->by_key, buf_span(&id), orphan, NULL);
	buf_done(&id);
	if (code) {
		free(orphan);
		return code;
	}
	memcpy(orphan->node, node, len);
	orphan->object = object_ref(object);
	list_push(&orphans->all, &orphan->link);
	return 0;
}

void orphans_found(struct orphans *orphans, const char *node, const struct object *object)
{
	struct orphan *old = find(orphans, node, &object->key);

	if (old)
		drop(orphans, old);
	if (add(orphans, node, object))
		log_error(MODULE, "not-kept", "node=%s namespace=%s name=%s", node, object->key.ns,
			  object->key.name);
}

void orphans_forget(struct orphans *orphans, const char *node)
{
	list_for_each(&orphans->all, link)
		if (strcmp(orphan_of(link)->node, node) == 0)
			drop(orphans, orphan_of(link));
}

size_t orphans_count(const struct orphans *orphans)
{
	return orphans->all.count;
}

/* --- adopting --- */

/* Owners that the store does not know would have the pod collected at once: those references go. */
static int drop_dead_owners(struct orphans *orphans, struct json *tree)
{
	struct json *owners = json_path(tree, "metadata.ownerReferences");

	for (size_t i = json_count(owners); i-- > 0;) {
		const struct json *owner = json_at(owners, i);
		struct span version = span_of(json_path_str(owner, "apiVersion", "")), group = version, rest;
		const struct kind *kind;
		struct object *stored = NULL;
		struct key key;
		int code = -ENOENT;

		if (!span_cut(version, '/', &group, &rest)) {
			rest = version;
			group = SPAN("");
		}
		kind = kind_of_name(group, rest, span_of(json_path_str(owner, "kind", "")));
		if (kind) {
			key = (struct key){ kind->storage,
					    kind->namespaced ? json_path_str(tree, "metadata.namespace", "")
							     : "",
					    json_path_str(owner, "name", "") };
			code = cache_get(api_cache(orphans->api), &key, &stored);
			if (!code && strcmp(stored->uid, json_path_str(owner, "uid", "")) != 0)
				code = -ENOENT;
			object_unref(stored);
		}
		if (code == -ENOENT)
			(void)json_remove_at(owners, i);
		else if (code)
			return code;
	}
	if (owners && !json_count(owners))
		(void)json_remove(json_get(tree, "metadata"), "ownerReferences");
	return 0;
}

static int adopted_object(struct orphans *orphans, const struct object *object, struct object **out)
{
	const struct kind *kind = kind_of_storage(object->key.resource);
	struct json *tree = NULL;
	int code = kind ? object_to_json(object, &tree) : -EINVAL;

	if (!code)
		code = drop_dead_owners(orphans, tree);
	if (!code)
		code = object_from_json(kind, tree, out);
	json_free(tree);
	return code;
}

/* --- deciding --- */

/* One request to adopt or release, until its last write is committed. */
struct decision {
	struct orphans *orphans;
	const struct api_responder *responder;
	void *responder_ctx;
	const char *verb;
	unsigned done, failed, pending; /* pending: one more while they are gone through */
};

/* One orphan on its way into the store. It may be forgotten meanwhile, or reported anew: it is looked up again. */
struct adoption {
	struct decision *decision;
	struct object *object;
	char node[];
};

static void decision_step(struct decision *d)
{
	struct buf out;

	if (--d->pending)
		return;
	buf_init(&out, 256);
	if (buf_addf(&out, "{\"%s\":%u,\"failed\":%u}\n", d->verb, d->done, d->failed))
		d->responder->abort(d->responder_ctx);
	else
		d->responder->respond(d->responder_ctx, 200, "application/json", NULL, 0, buf_span(&out));
	buf_done(&out);
	free(d);
}

/* Several nodes may need the same ConfigMap, and whatever has that name serves; a pod's name taken by another pod is a conflict. */
static int settle_taken(struct orphans *orphans, const struct object *object)
{
	struct object *stored = NULL;
	int code = -EEXIST;

	if (strcmp(object->key.resource, "pods") != 0)
		return 0;
	if (cache_get(api_cache(orphans->api), &object->key, &stored) == 0 &&
	    strcmp(stored->uid, object->uid) == 0)
		code = 0;
	object_unref(stored);
	return code;
}

static void log_decision(const struct decision *d, const char *node, const struct object *object, int code)
{
	if (code)
		log_error(MODULE, "not-decided",
			  "wanted=%s node=%s resource=%s namespace=%s name=%s uid=%s error=\"%s\"", d->verb,
			  node, object->key.resource, object->key.ns, object->key.name, object->uid,
			  code == -EEXIST ? "another one has taken its name" : strerror(-code));
	else
		log_info(MODULE, d->verb, "node=%s resource=%s namespace=%s name=%s uid=%s", node,
			 object->key.resource, object->key.ns, object->key.name, object->uid);
}

static void count(struct decision *d, const char *node, const struct object *object, int code)
{
	struct orphan *orphan = code ? NULL : find(d->orphans, node, &object->key);

	log_decision(d, node, object, code);
	if (code)
		d->failed++;
	else
		d->done++;
	if (orphan && strcmp(orphan->object->uid, object->uid) == 0)
		drop(d->orphans, orphan);
}

static void on_adopted(void *ctx, const struct cache_result *result)
{
	struct adoption *adoption = ctx;
	struct decision *d = adoption->decision;
	int code = result->code == -EEXIST ? settle_taken(d->orphans, adoption->object) : result->code;

	count(d, adoption->node, adoption->object, code);
	object_unref(adoption->object);
	free(adoption);
	decision_step(d);
}

static int adopt(struct decision *d, const struct orphan *orphan)
{
	struct cache_op op = { .type = CACHE_CREATE };
	size_t len = strlen(orphan->node) + 1;
	struct adoption *adoption = calloc(1, sizeof(*adoption) + len);
	int code = adoption ? adopted_object(d->orphans, orphan->object, &op.object) : -ENOMEM;

	if (code) {
		free(adoption);
		return code;
	}
	memcpy(adoption->node, orphan->node, len);
	adoption->decision = d;
	adoption->object = object_ref(orphan->object);
	code = cache_submit(api_cache(d->orphans->api), &op, 1, on_adopted, adoption);
	if (code) {
		object_unref(adoption->object);
		free(adoption);
		return code;
	}
	d->pending++;
	return 0;
}

static int release(struct decision *d, const struct orphan *orphan)
{
	int code = gateway_release_orphan(d->orphans->gateway, orphan->node, &orphan->object->key,
					  orphan->object->uid);

	if (!code)
		count(d, orphan->node, orphan->object, 0);
	return code;
}

/* --- which ones --- */

static bool selects(const struct json *body, const char *field, const char *value)
{
	const char *wanted = json_path_str(body, field, "");

	return !wanted[0] || strcmp(wanted, value) == 0;
}

struct naming {
	struct orphans *orphans;
	const struct orphan *pod;
};

static void choose(const struct naming *naming, const char *resource, const char *ns, const char *name)
{
	const struct key key = { resource, ns, name };
	struct orphan *named = find(naming->orphans, naming->pod->node, &key);

	if (named)
		named->chosen = true;
}

static int choose_named(void *ctx, enum graph_rank rank, const char *name)
{
	static const struct {
		enum graph_rank rank;
		const char *resource;
	} resources[] = {
		{ GRAPH_SERVICE_ACCOUNT, "serviceaccounts" },
		{ GRAPH_CONFIG_MAP, "configmaps" },
		{ GRAPH_SECRET, "secrets" },
		{ GRAPH_CLAIM, "persistentvolumeclaims" },
	};
	const struct naming *naming = ctx;

	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
		if (resources[i].rank == rank)
			choose(naming, resources[i].resource, naming->pod->object->key.ns, name);
	return 0;
}

/* What a pod needs to start again comes with it. */
static void choose_needed(struct orphans *orphans, const struct orphan *pod)
{
	struct naming naming = { orphans, pod };
	struct json *tree = NULL;

	choose(&naming, "namespaces", "", pod->object->key.ns);
	if (object_to_json(pod->object, &tree) == 0)
		(void)!podrefs_each(tree, choose_named, &naming);
	json_free(tree);
}

static void choose_all(struct orphans *orphans, const struct json *body, bool with_needed)
{
	list_for_each(&orphans->all, link) {
		struct orphan *orphan = orphan_of(link);

		orphan->chosen = selects(body, "node", orphan->node) &&
				 selects(body, "namespace", orphan->object->key.ns) &&
				 selects(body, "name", orphan->object->key.name);
	}
	list_for_each(&orphans->all, link) {
		const struct orphan *orphan = orphan_of(link);

		if (with_needed && orphan->chosen && strcmp(orphan->object->key.resource, "pods") == 0)
			choose_needed(orphans, orphan);
	}
}

static void decide(struct orphans *orphans, const struct api_request *request,
		   const struct api_responder *responder, void *responder_ctx, bool adopting)
{
	struct decision *d = calloc(1, sizeof(*d));
	struct json *body = NULL;

	if (!d || (request->body.len && json_parse(request->body, &body, NULL))) {
		reply_refuse(responder, responder_ctx, d ? STATUS_BAD_REQUEST : STATUS_INTERNAL_ERROR,
			     d ? "the body is not JSON" : "out of memory");
		free(d);
		return;
	}
	*d =
		(struct decision){ orphans, responder, responder_ctx, adopting ? "adopted" : "released", 0,
				   0,	    1 };
	choose_all(orphans, body, adopting);
	json_free(body);
	list_for_each(&orphans->all, link) {
		const struct orphan *orphan = orphan_of(link);
		int code = !orphan->chosen ? 0 : adopting ? adopt(d, orphan) : release(d, orphan);

		if (code)
			count(d, orphan->node, orphan->object, code);
	}
	decision_step(d);
}

static void list(struct orphans *orphans, struct buf *out)
{
	const char *separator = "";

	buf_add_str(out, "{\"items\":[");
	list_for_each(&orphans->all, link) {
		const struct orphan *orphan = orphan_of(link);
		const struct object *o = orphan->object;

		buf_addf(out,
			 "%s{\"node\":\"%s\",\"resource\":\"%s\",\"namespace\":\"%s\",\"name\":\"%s\","
			 "\"uid\":\"%s\"}",
			 separator, orphan->node, o->key.resource, o->key.ns, o->key.name, o->uid);
		separator = ",";
	}
	buf_add_str(out, "]}\n");
}

static void serve(void *ctx, const struct api_request *request, const struct api_responder *responder,
		  void *responder_ctx)
{
	struct orphans *orphans = ctx;
	bool post = span_is(request->method, "POST");
	struct buf out;

	if (post && span_is(request->path, ORPHANS_PATH "/adopt")) {
		decide(orphans, request, responder, responder_ctx, true);
		return;
	}
	if (post && span_is(request->path, ORPHANS_PATH "/release")) {
		decide(orphans, request, responder, responder_ctx, false);
		return;
	}
	if (!span_is(request->path, ORPHANS_PATH) || !span_is(request->method, "GET")) {
		reply_refuse(responder, responder_ctx, STATUS_NOT_FOUND,
			     "there is GET " ORPHANS_PATH " and POST to /adopt and /release below it");
		return;
	}
	buf_init(&out, ANSWER_MAX);
	list(orphans, &out);
	if (buf_error(&out))
		responder->abort(responder_ctx);
	else
		reply_json(responder, responder_ctx, 200, buf_span(&out));
	buf_done(&out);
}

int orphans_new(struct api *api, struct gateway *gateway, struct orphans **out)
{
	struct orphans *orphans = calloc(1, sizeof(*orphans));
	int code;

	if (!orphans)
		return -ENOMEM;
	*orphans = (struct orphans){ .api = api, .gateway = gateway };
	list_init(&orphans->all);
	map_init(&orphans->by_key, ORPHANS_MAX);
	code = api_route_add(api, ORPHANS_PATH, false, serve, orphans);
	if (!code)
		code = api_route_add(api, ORPHANS_PATH "/", false, serve, orphans);
	if (code) {
		free(orphans);
		return code;
	}
	*out = orphans;
	return 0;
}

void orphans_free(struct orphans *orphans)
{
	if (!orphans)
		return;
	list_for_each(&orphans->all, link)
		drop(orphans, orphan_of(link));
	map_done(&orphans->by_key, NULL);
	free(orphans);
}
