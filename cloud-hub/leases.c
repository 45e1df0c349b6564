#include "cloud-hub/leases.h"

#include "api/object_json.h"
#include "base/clock.h"
#include "base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define RESOURCE "leases.coordination.k8s.io"
#define BODY_MAX (8u * 1024)

struct leases {
	struct loop *loop;
	struct api *api;
	struct gateway *gateway;
	struct timer *timer;
};

/* The same for the same Node, and for no other: version 8 (RFC 9562, section 5.8) of two hashes of the Node's uid. */
static void add_uid(struct buf *out, const char *node_uid)
{
	uint64_t a = hash64(span_of(node_uid), 1), b = hash64(span_of(node_uid), 2);

	buf_addf(out, "%08" PRIx64 "-%04" PRIx64 "-8%03" PRIx64 "-a%03" PRIx64 "-%012" PRIx64, a >> 32,
		 (a >> 16) & 0xffff, a & 0xfff, (b >> 48) & 0xfff, b & 0xffffffffffffu);
}

static int write_body(const struct leases *leases, const struct object *node, struct buf *out)
{
	int64_t heard_wall_ms = gateway_heard(leases->gateway, node->key.name);
	char text[CLOCK_TEXT_SIZE];
	struct json *tree = NULL;
	int code = object_to_json(node, &tree);

	if (code)
		return code;
	buf_addf(out,
		 "{\"apiVersion\":\"coordination.k8s.io/"
		 "v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":\"%s\",\"namespace\":\"%s\",\"uid\":\"",
		 node->key.name, LEASES_NAMESPACE);
	add_uid(out, node->uid);
	buf_addf(out,
		 "\",\"creationTimestamp\":\"%s\",\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":"
		 "\"Node\",\"name\":\"%s\",\"uid\":\"%s\"}]}",
		 json_path_str(tree, "metadata.creationTimestamp", ""), node->key.name, node->uid);
	buf_addf(out, ",\"spec\":{\"holderIdentity\":\"%s\",\"leaseDurationSeconds\":%d", node->key.name,
		 LEASES_DURATION_S);
	if (heard_wall_ms) { /* 0: not since this hub started */
		clock_format_micro(heard_wall_ms * 1000, text);
		buf_addf(out, ",\"renewTime\":\"%s\"", text);
	}
	json_free(tree);
	return buf_add_str(out, "}}") ? buf_error(out) : 0;
}

static int render(const struct leases *leases, const struct object *node, struct object **out)
{
	struct buf body;
	int code;

	buf_init(&body, BODY_MAX);
	code = write_body(leases, node, &body);
	if (!code)
		code = object_from_body(RESOURCE, buf_span(&body), 0, out);
	buf_done(&body);
	return code;
}

/* --- readers --- */

struct listing {
	struct leases *leases;
	cache_each_fn *each;
	void *ctx;
	int code;
};

static int list_one(void *ctx, struct object *node)
{
	struct listing *listing = ctx;
	struct object *lease = NULL;

	listing->code = render(listing->leases, node, &lease);
	if (!listing->code)
		listing->code = listing->each(listing->ctx, lease);
	object_unref(lease);
	return listing->code;
}

static int list(void *ctx, const char *name, cache_each_fn *each, void *each_ctx)
{
	struct listing listing = { .leases = ctx, .each = each, .ctx = each_ctx };
	struct cache *cache = api_cache(listing.leases->api);
	struct cache_list all = { .resource = "nodes" };
	struct key key = { "nodes", "", name };
	struct object *node = NULL;
	int code;

	if (!name) {
		code = cache_list(cache, &all, list_one, &listing, NULL);
		return code ? code : listing.code;
	}
	code = cache_get(cache, &key, &node);
	if (!code)
		code = list_one(&listing, node);
	object_unref(node);
	return code == -ENOENT ? 0 : code; /* no Node, no Lease: the store may have one of that name */
}

/* --- watchers --- */

static int announce(void *ctx, struct object *lease)
{
	struct leases *leases = ctx;

	api_virtual_changed(leases->api, CHANGE_MODIFIED, lease);
	return 0;
}

void leases_link_changed(struct leases *leases, const char *node)
{
	(void)list(leases, node, announce, leases); /* a reader finds the same when this one fails */
}

static int announce_if_up(void *ctx, struct object *lease)
{
	struct leases *leases = ctx;

	return gateway_is_up(leases->gateway, lease->key.name) ? announce(leases, lease) : 0;
}

static void on_timer(void *ctx)
{
	struct leases *leases = ctx;
	struct api_stats stats;

	api_stats(leases->api, &stats);
	if (stats.watches)
		(void)list(leases, NULL, announce_if_up, leases);
	timer_start(leases->timer, LEASES_RENEW_MS);
}

int leases_new(struct loop *loop, struct api *api, struct gateway *gateway, struct leases **out)
{
	struct leases *leases = calloc(1, sizeof(*leases));
	struct api_virtual provider = {
		.resource = RESOURCE, .ns = LEASES_NAMESPACE, .list = list, .ctx = leases
	};
	int code;

	if (!leases)
		return -ENOMEM;
	*leases = (struct leases){ .loop = loop, .api = api, .gateway = gateway };
	code = timer_new(loop, on_timer, leases, &leases->timer);
	if (!code)
		code = api_virtual_set(api, &provider);
	if (code) {
		leases_free(leases);
		return code;
	}
	timer_start(leases->timer, LEASES_RENEW_MS);
	*out = leases;
	return 0;
}

void leases_free(struct leases *leases)
{
	if (!leases)
		return;
	timer_close(leases->timer);
	free(leases);
}
