#include "cloud-hub/orphans.h"

#include "api/object_json.h"
#include "base/list.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>

#define MODULE "orphans"
#define ANSWER_MAX (16u * 1024 * 1024)

struct orphan {
	struct list_node link;
	const struct object *object;
	char node[];
};

struct orphans {
	struct api *api;
	struct gateway *gateway;
	struct list all;
};

static struct orphan *orphan_of(struct list_node *link)
{
	return container_of(link, struct orphan, link);
}

static void drop(struct orphans *orphans, struct orphan *orphan)
{
	list_remove(&orphans->all, &orphan->link);
	object_unref(orphan->object);
	free(orphan);
}

void orphans_found(struct orphans *orphans, const char *node, const struct object *object)
{
	size_t len = strlen(node) + 1;
	struct orphan *orphan;

	list_for_each(&orphans->all, link) {
		struct orphan *old = orphan_of(link);

		if (strcmp(old->node, node) == 0 && key_eq(&old->object->key, &object->key))
			drop(orphans, old);
	}
	orphan = orphans->all.count < ORPHANS_MAX ? calloc(1, sizeof(*orphan) + len) : NULL;
	if (!orphan) {
		log_error(MODULE, "not-kept", "node=%s namespace=%s name=%s", node, object->key.ns,
			  object->key.name);
		return;
	}
	memcpy(orphan->node, node, len);
	orphan->object = object_ref(object);
	list_push(&orphans->all, &orphan->link);
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

static int adopt(struct orphans *orphans, const struct orphan *orphan)
{
	struct cache_op op = { .type = CACHE_CREATE };
	int code = adopted_object(orphans, orphan->object, &op.object);

	return code ? code : cache_submit(api_cache(orphans->api), &op, 1, NULL, NULL);
}

static int release(struct orphans *orphans, const struct orphan *orphan)
{
	return gateway_release_orphan(orphans->gateway, orphan->node, &orphan->object->key,
				      orphan->object->uid);
}

/* --- routes --- */

static bool selects(const struct json *body, const char *field, const char *value)
{
	const char *wanted = json_path_str(body, field, "");

	return !wanted[0] || strcmp(wanted, value) == 0;
}

static void decide(struct orphans *orphans, const struct api_request *request,
		   int (*decision)(struct orphans *orphans, const struct orphan *orphan), const char *verb,
		   struct buf *out)
{
	struct json *body = NULL;
	unsigned done = 0, failed = 0;

	if (request->body.len && json_parse(request->body, &body, NULL)) {
		out->error = -EINVAL;
		return;
	}
	list_for_each(&orphans->all, link) {
		struct orphan *orphan = orphan_of(link);
		int code;

		if (!selects(body, "node", orphan->node) ||
		    !selects(body, "namespace", orphan->object->key.ns) ||
		    !selects(body, "name", orphan->object->key.name))
			continue;
		code = decision(orphans, orphan);
		log_info(MODULE, verb, "node=%s namespace=%s name=%s uid=%s code=%d", orphan->node,
			 orphan->object->key.ns, orphan->object->key.name, orphan->object->uid, code);
		if (code) {
			failed++;
			continue;
		}
		done++;
		drop(orphans, orphan);
	}
	json_free(body);
	buf_addf(out, "{\"%s\":%u,\"failed\":%u}\n", verb, done, failed);
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
	struct status status;
	struct buf out;
	bool post = span_is(request->method, "POST");

	buf_init(&out, ANSWER_MAX);
	status_init(&status);
	if (span_is(request->path, ORPHANS_PATH) && span_is(request->method, "GET"))
		list(orphans, &out);
	else if (post && span_is(request->path, ORPHANS_PATH "/adopt"))
		decide(orphans, request, adopt, "adopted", &out);
	else if (post && span_is(request->path, ORPHANS_PATH "/release"))
		decide(orphans, request, release, "released", &out);
	else
		(void)status_set(&status, STATUS_NOT_FOUND,
				 "there is GET " ORPHANS_PATH " and POST to /adopt and /release below it");
	if (buf_error(&out))
		(void)status_set(&status, STATUS_BAD_REQUEST, "the body is not JSON");
	if (status_is_failure(&status)) {
		buf_reset(&out);
		(void)status_write(&status, &out);
	}
	responder->respond(responder_ctx, status.code, "application/json", NULL, 0, buf_span(&out));
	buf_done(&out);
	status_done(&status);
}

int orphans_new(struct api *api, struct gateway *gateway, struct orphans **out)
{
	struct orphans *orphans = calloc(1, sizeof(*orphans));
	int code;

	if (!orphans)
		return -ENOMEM;
	*orphans = (struct orphans){ .api = api, .gateway = gateway };
	list_init(&orphans->all);
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
	free(orphans);
}
