#include "cloud-hub/regions/regions_internal.h"

#include "api/object_json.h"
#include "auth/enrol.h"
#include "base/log.h"
#include "net/address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>

#define MODULE REGIONS_MODULE
#define NODES_MAX 200000u
#define ROTATION_LOOK_MS 5000u
#define TOGETHER_MS 200u /* what happens within is stored and asked for at once */

uint64_t regions_now(const struct regions *regions)
{
	return loop_now_ms(regions->options.loop);
}

struct region *regions_find(const struct regions *regions, struct span name)
{
	return map_get(&regions->regions, name);
}

struct region_node *regions_node(const struct regions *regions, const char *name)
{
	return map_get(&regions->nodes, span_of(name));
}

/* --- when to look at what --- */

static void arm(struct regions *regions)
{
	uint64_t next = timerq_next(&regions->due), now = regions_now(regions);

	if (!regions->timer)
		return; /* stopped */
	if (next == TIMERQ_NEVER)
		timer_stop(regions->timer);
	else
		timer_start(regions->timer, next > now ? next - now : 0);
}

void region_look(struct region *region, uint64_t at_ms)
{
	struct regions *regions = region->regions;

	if (at_ms == TIMERQ_NEVER || (region->timer.slot && region->timer.due_ms <= at_ms))
		return;
	if (timerq_set(&regions->due, &region->timer, at_ms))
		log_error(MODULE, "no-memory", "region=%s", region->name);
	arm(regions);
}

static void look_soon(struct region *region)
{
	region_look(region, regions_now(region->regions) + TOGETHER_MS);
}

void regions_tell(const struct regions *regions, const char *node)
{
	if (!regions->is_loading && !regions->is_stopped)
		regions->options.changed(regions->options.ctx, node);
}

void region_tell(const struct region *region)
{
	size_t cursor = 0;
	const char *name;

	while ((name = membership_next(region->membership, &cursor)))
		regions_tell(region->regions, name);
}

void region_tell_verdicts(const struct region *region)
{
	const struct regions *regions = region->regions;

	if (regions->on_verdicts && !regions->is_stopped)
		regions->on_verdicts(regions->on_verdicts_ctx, region->name);
}

/* A rotation ends when all have the newest key. */
static uint64_t look_at_rotation(struct region *region)
{
	struct regions *regions = region->regions;
	size_t cursor = 0;
	const char *name;

	if (!membership_is_rotating(region->membership) || membership_is_due(region->membership) ||
	    !region->is_stored)
		return TIMERQ_NEVER;
	while ((name = membership_next(region->membership, &cursor)))
		if (gateway_acknowledged(regions->options.gateway, name) >= region->revision)
			membership_acknowledged(region->membership, name);
	return regions_now(regions) + ROTATION_LOOK_MS;
}

static void region_free(void *value)
{
	struct region *region = value;

	timerq_cancel(&region->regions->due, &region->timer);
	membership_free(region->membership);
	electorate_free(region->electorate);
	roster_free(region->roster);
	free(region);
}

static void look(struct region *region)
{
	struct regions *regions = region->regions;
	uint64_t store, want, rotation, fence;

	if (!membership_count(region->membership) && !region->is_stored && !region->is_writing) {
		(void)map_remove(&regions->regions, span_of(region->name));
		region_figures_gone(region);
		region_tell_verdicts(region);
		region_free(region);
		return;
	}
	rotation = look_at_rotation(region);
	fence = region_fence_settle(region);
	store = region_store(region);
	want = region_want(region);
	region_look(region, rotation);
	region_look(region, fence);
	region_look(region, store);
	region_look(region, want);
}

static void on_timer(void *ctx)
{
	struct regions *regions = ctx;
	uint64_t now = regions_now(regions);
	struct timerq_node *node;

	/* One round: what wants to go on at once lets the loop turn first. */
	for (size_t n = regions->due.count; n-- && (node = timerq_pop(&regions->due, now));)
		look(container_of(node, struct region, timer));
	arm(regions);
}

/* --- regions --- */

static struct region *region_new(struct regions *regions, const char *name)
{
	struct region *region = calloc(1, sizeof(*region));

	if (!region)
		return NULL;
	region->regions = regions;
	region->policy = health_policy_default;
	if (span_copy(span_of(name), region->name, sizeof(region->name)) ||
	    membership_new(name, &region->membership) || electorate_new(&region->electorate) ||
	    map_put(&regions->regions, span_of(name), region, NULL)) {
		region_free(region);
		return NULL;
	}
	membership_follow(region->membership, regions->gone_version);
	region->is_apart = regions->apart < REGIONS_APART;
	regions->apart += region->is_apart;
	return region;
}

static struct region *want_region(struct regions *regions, const char *name)
{
	struct region *region = regions_find(regions, span_of(name));

	return region ? region : region_new(regions, name);
}

static int take_roster(struct region *region, const struct object *object)
{
	unsigned fence_ms = region->roster ? region->roster->settings.fence_ms : 0;
	struct roster *roster = NULL;
	struct err err = { 0 };
	int code = roster_parse(object->body, "", &roster, &err);

	if (code) {
		log_error(MODULE, "roster-not-read", "region=%s error=\"%s\"", region->name, err_text(&err));
		return code;
	}
	code = electorate_set_roster(region->electorate, roster);
	roster_free(region->roster);
	region->roster = roster;
	if (roster->settings.fence_ms != fence_ms) {
		region->fence_revision = object->revision;
		region_fence_changed(region);
	}
	region_tell_verdicts(region);
	return code;
}

static void see_region(struct regions *regions, const struct object *object)
{
	struct region *region = want_region(regions, object->key.name);
	struct json *tree = NULL;
	struct err err = { 0 };

	if (!region || object_to_json(object, &tree)) {
		log_error(MODULE, "region-not-read", "region=%s", object->key.name);
		return;
	}
	if (!region->is_stored && regions->is_loading &&
	    (region_load_keys(region, tree) || region_load_past(region)))
		log_error(MODULE, "keys-not-read", "region=%s", region->name);
	region->is_stored = true;
	region->is_edited = json_count(json_get(tree, "spec")) > 0;
	region->revision = object->revision;
	if (health_policy_read(json_get(tree, "spec"), &region->policy, &err))
		log_error(MODULE, "policy-not-read", "region=%s error=\"%s\"", region->name, err_text(&err));
	(void)!take_roster(region, object);
	json_free(tree);
	region_tell(region);
	look_soon(region);
}

static void lose_region(struct regions *regions, const char *name)
{
	struct region *region = regions_find(regions, span_of(name));

	if (!region)
		return;
	region->is_stored = region->is_edited = false;
	region->policy = health_policy_default;
	if (membership_count(region->membership))
		membership_written(region->membership, false); /* with the object that is made anew */
	look_soon(region);
}

/* --- nodes --- */

static struct region_node *want_node(struct regions *regions, const char *name)
{
	struct region_node *node = regions_node(regions, name);
	size_t len = strlen(name) + 1;

	if (node)
		return node;
	node = calloc(1, sizeof(*node) + len);
	if (!node)
		return NULL;
	memcpy(node->name, name, len);
	node->down_since_ms = regions_now(regions);
	if (map_put(&regions->nodes, span_of(name), node, NULL)) {
		free(node);
		return NULL;
	}
	return node;
}

static void leave(struct region_node *node)
{
	struct region *region = node->region;

	if (!region)
		return;
	node->region = NULL;
	membership_remove(region->membership, node->name);
	electorate_forget(region->electorate, node->name);
	region_tell_verdicts(region);
	look_soon(region);
}

static void add_address(struct membership_node *out, const char *ip, unsigned port)
{
	struct in6_addr address;
	int len = -1;

	if (inet_pton(AF_INET, ip, &address) == 1)
		len = snprintf(out->addresses[out->address_count], ROSTER_ADDRESS_SIZE, "%s:%u", ip, port);
	else if (inet_pton(AF_INET6, ip, &address) == 1)
		len = snprintf(out->addresses[out->address_count], ROSTER_ADDRESS_SIZE, "[%s]:%u", ip, port);
	if (len > 0 && (size_t)len < ROSTER_ADDRESS_SIZE)
		out->address_count++;
}

/* All of the addresses on its LAN, in the node's own order: the first is the one it prefers. */
static void add_addresses(struct membership_node *out, const struct json *tree, unsigned port)
{
	const struct json *list = json_path(tree, "status.addresses");

	for (size_t i = 0; i < json_count(list) && out->address_count < ROSTER_ADDRESSES_MAX; i++)
		if (strcmp(json_path_str(json_at(list, i), "type", ""), "InternalIP") == 0)
			add_address(out, json_path_str(json_at(list, i), "address", ""),
				    port ? port : ROSTER_PORT);
}

static void join(struct regions *regions, struct region_node *node, struct region *region,
		 const struct membership_node *member)
{
	int code;

	if (node->region != region)
		leave(node);
	code = membership_put(region->membership, member);
	if (code) {
		log_error(MODULE, "not-a-member", "node=%s region=%s error=%d", node->name, region->name,
			  code);
		return;
	}
	if (node->region != region) {
		node->region = region;
		region_node_joined(node);
	}
	if (membership_is_due(region->membership) && !regions->is_loading)
		look_soon(region);
}

static void place(struct regions *regions, struct region_node *node, const struct json *tree,
		  const struct enrolment *known)
{
	const struct json *labels = json_path(tree, "metadata.labels"),
			  *annotations = json_path(tree, "metadata.annotations");
	const char *name = json_str(json_get(labels, GRAPH_REGION_LABEL), "");
	struct membership_node member = { .name = node->name,
					  .identity = span_make(known->identity, known->identity_len),
					  .start = node->start };
	struct region *region;

	member.in_maintenance =
		strcmp(json_str(json_get(annotations, REGIONS_ANNOTATION_MAINTENANCE), ""), "true") == 0;
	add_addresses(&member, tree, known->health_port);
	if (!*name) {
		leave(node);
		return;
	}
	region = want_region(regions, name);
	if (!region) {
		log_error(MODULE, "no-region", "node=%s region=%s", node->name, name);
		return;
	}
	if (node->in_maintenance != member.in_maintenance)
		region->want_due = true;
	node->in_maintenance = member.in_maintenance;
	node->is_judged = regions_judges(regions, name, labels);
	node->fence_ms = known->fence_ms;
	join(regions, node, region, &member);
	region_node_fence(regions, node);
}

static void see_node(struct regions *regions, const struct object *object)
{
	struct region_node *node = want_node(regions, object->key.name);
	struct json *tree = NULL;
	struct enrolment known;
	int code = gateway_enrolment(regions->options.gateway, object->key.name, &known);

	if (!node || (code && code != -ENOENT) || object_to_json(object, &tree)) {
		log_error(MODULE, "node-not-read", "node=%s", object->key.name);
		return; /* it stays what it was */
	}
	if (code || known.revoked)
		leave(node);
	else
		place(regions, node, tree, &known);
	json_free(tree);
}

static void lose_node(struct regions *regions, const char *name)
{
	struct region_node *node = regions_node(regions, name);

	if (!node)
		return;
	leave(node);
	if (node->is_up)
		return; /* its session is still there, and may outlive a Node object that is made anew */
	(void)map_remove(&regions->nodes, span_of(name));
	free(node);
}

static void see_again(struct regions *regions, const char *name)
{
	const struct key key = { "nodes", "", name };
	struct object *object = NULL;

	if (cache_get(regions->cache, &key, &object))
		return; /* not there (yet): comes with the object */
	see_node(regions, object);
	object_unref(object);
}

static int see_one(void *ctx, struct object *object)
{
	see_node(ctx, object);
	return 0;
}

void regions_recheck(struct regions *regions)
{
	struct cache_list nodes = { .resource = "nodes" };

	if (cache_list(regions->cache, &nodes, see_one, regions, NULL))
		log_error(MODULE, "nodes-not-read", "what=recheck");
}

static bool is_there(const struct change *change)
{
	return change->type == CHANGE_ADDED || change->type == CHANGE_MODIFIED;
}

static int on_node(void *ctx, const struct change *change)
{
	if (is_there(change))
		see_node(ctx, change->object);
	else
		lose_node(ctx, change->object->key.name);
	return 0;
}

static int on_region(void *ctx, const struct change *change)
{
	if (is_there(change))
		see_region(ctx, change->object);
	else
		lose_region(ctx, change->object->key.name);
	return 0;
}

void regions_started(struct regions *regions, const char *name, uint64_t start)
{
	struct region_node *node = want_node(regions, name);

	if (!node)
		return;
	if (start > node->start)
		node->start = start;
	if (node->region)
		membership_started(node->region->membership, name, node->start);
}

void regions_link(struct regions *regions, const char *name, bool is_up)
{
	struct region_node *node = want_node(regions, name);

	if (!node || regions->is_stopped)
		return;
	if (node->is_up && !is_up) {
		node->down_since_ms = regions_now(regions);
		node->newest_roster =
			node->region && node->region->roster ? node->region->roster->version : 0;
	}
	node->is_up = is_up;
	see_again(regions, name); /* its registration may have changed with its coming or going */
	if (!node->region)
		return;
	if (is_up) {
		electorate_forget(node->region->electorate, name);
		region_tell_verdicts(node->region);
	}
	node->region->want_due = node->region->want_due || is_up; /* it has not been asked yet */
	look_soon(node->region);
}

int regions_rotate(struct regions *regions, const char *name)
{
	struct region *region = regions_find(regions, span_of(name));

	if (!region || !membership_count(region->membership))
		return -ENOENT;
	membership_rotate(region->membership);
	look_soon(region);
	return 0;
}

/* --- life --- */

static int load_region(void *ctx, struct object *object)
{
	see_region(ctx, object);
	return 0;
}

static void settle(struct regions *regions)
{
	struct span key;
	size_t cursor = 0;
	void *value;

	regions->is_loading = false;
	while (map_next(&regions->regions, &cursor, &key, &value)) {
		struct region *region = value;

		membership_settle(region->membership);
		look_soon(region);
	}
}

static void on_gone(void *ctx);

static int watch(struct regions *regions)
{
	static const struct cache_watch_events on_regions = { on_region, on_gone },
					       on_nodes = { on_node, on_gone };
	struct cache_list stored = { .resource = GRAPH_REGIONS }, nodes = { .resource = "nodes" };
	uint64_t regions_as_of = 0, nodes_as_of = 0;
	int code = cache_list(regions->cache, &stored, load_region, regions, &regions_as_of);

	if (!code)
		code = cache_list(regions->cache, &nodes, see_one, regions, &nodes_as_of);
	if (!code)
		code = cache_watch_open(regions->cache, GRAPH_REGIONS, NULL, regions_as_of, &on_regions,
					regions, &regions->region_watch);
	if (!code)
		code = cache_watch_open(regions->cache, "nodes", NULL, nodes_as_of, &on_nodes, regions,
					&regions->node_watch);
	return code;
}

static void close_watches(struct regions *regions)
{
	cache_watch_close(regions->node_watch);
	cache_watch_close(regions->region_watch);
	regions->node_watch = regions->region_watch = NULL;
}

/* A watch never pauses here, so this is a store under extreme load, or damage: what is there now counts. */
static void on_gone(void *ctx)
{
	struct regions *regions = ctx;
	int code;

	close_watches(regions);
	code = watch(regions);
	log_error(MODULE, "watch-lost", "error=%d", code);
}

static int load(struct regions *regions)
{
	int code = regions_open_signer(regions);

	regions->is_loading = true;
	if (!code)
		code = region_units_open(regions);
	if (!code)
		code = watch(regions);
	if (!code)
		settle(regions);
	return code;
}

int regions_new(const struct regions_options *options, struct regions **out, struct err *err)
{
	struct regions *regions = calloc(1, sizeof(*regions));
	int code;

	if (!regions)
		return err_set(err, -ENOMEM, "out of memory");
	regions->options = *options;
	regions->cache = api_cache(options->api);
	map_init(&regions->regions, REGIONS_MAX);
	map_init(&regions->nodes, NODES_MAX);
	timerq_init(&regions->due);
	list_init(&regions->writes);
	buf_init(&regions->signer_spki, ROSTER_IDENTITY_MAX);
	regions->started_ms = regions_now(regions);
	code = timer_new(options->loop, on_timer, regions, &regions->timer);
	if (!code)
		code = load(regions);
	if (code) {
		regions_stop(regions);
		regions_free(regions);
		return err_set(err, code, "reading the regions: %s", strerror(-code));
	}
	*out = regions;
	return 0;
}

void regions_stop(struct regions *regions)
{
	if (!regions)
		return;
	regions->is_stopped = true;
	close_watches(regions);
	region_units_close(regions);
	timer_close(regions->timer);
	regions->timer = NULL;
}

void regions_free(struct regions *regions)
{
	if (!regions)
		return;
	regions_forget_writes(regions);
	region_units_done(regions);
	map_done(&regions->regions, region_free);
	map_done(&regions->nodes, free);
	timerq_done(&regions->due);
	x509_key_free(regions->signer);
	buf_done(&regions->signer_spki);
	free(regions);
}
