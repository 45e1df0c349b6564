/* region_units: who is judged by neighbours at all, as the ConfigMap edge-health-config says (check_units.h). What cannot be read is
 * announced, and what was said before stands. */
#include "api/object_json.h"
#include "base/log.h"
#include "cloud-hub/gateway/announce.h"
#include "cloud-hub/regions/regions_internal.h"

#include <errno.h>
#include <stdio.h>

#define MODULE REGIONS_MODULE
#define RESOURCE "configmaps"

/* Where SuperEdge's documents put it, and where its program looks without being told; the first that has one counts. */
static const char *const namespaces[REGION_UNITS_PLACES] = { "edge-system", "kube-system" };

static const struct check_units *units_of(const struct regions *regions)
{
	static const struct check_units all = { 0 };

	for (size_t i = 0; i < REGION_UNITS_PLACES; i++)
		if (regions->places[i].is_there)
			return &regions->places[i].units;
	return &all;
}

bool regions_judges(const struct regions *regions, const char *region, const struct json *labels)
{
	return check_units_has(units_of(regions), region, labels);
}

static void announce_about(const struct regions *regions, size_t place, const struct json *tree,
			   const char *reason, const char *message)
{
	const struct announcement what = { .kind = "ConfigMap",
					   .name = CHECK_UNITS_CONFIG,
					   .about_ns = namespaces[place],
					   .uid = json_path_str(tree, "metadata.uid", ""),
					   .ns = namespaces[place],
					   .type = "Warning",
					   .reason = reason,
					   .message = message };

	log_warn(MODULE, "health-config", "namespace=%s reason=%s message=\"%s\"", namespaces[place], reason,
		 message);
	if (!regions->is_loading) /* once for each change, not at each start */
		announce(regions->options.api, &what);
}

/* All are looked at again: who is judged, who is asked about whom. */
static void apply(struct regions *regions)
{
	struct span key;
	size_t cursor = 0;
	void *value;

	if (regions->is_loading)
		return;
	regions_recheck(regions);
	while (map_next(&regions->regions, &cursor, &key, &value)) {
		struct region *region = value;

		region->want_due = true;
		region_tell(region);
		region_look(region, regions_now(regions));
	}
}

static void take(struct regions *regions, size_t place, struct check_units *units_take)
{
	struct region_units *at = &regions->places[place];
	bool is_news = !at->is_there || !check_units_same(&at->units, units_take);

	check_units_done(&at->units);
	at->units = *units_take;
	at->is_there = true;
	if (!is_news)
		return;
	log_info(MODULE, "health-config", "namespace=%s units=%zu all=%s", namespaces[place],
		 units_of(regions)->count, units_of(regions)->list ? "no" : "yes");
	apply(regions);
}

static void drop(struct regions *regions, size_t place)
{
	struct region_units *at = &regions->places[place];

	if (!at->is_there)
		return;
	check_units_done(&at->units);
	at->is_there = false;
	log_info(MODULE, "health-config", "namespace=%s gone=yes", namespaces[place]);
	apply(regions);
}

static void see(struct regions *regions, size_t place, const struct object *object)
{
	struct check_units units;
	struct json *tree = NULL;
	struct err err = { 0 };
	char text[512];

	if (object_to_json(object, &tree)) {
		log_error(MODULE, "health-config-not-read", "namespace=%s", namespaces[place]);
		return;
	}
	if (!check_units_is_meant(tree)) {
		drop(regions, place);
	} else if (check_units_read(tree, &units, &err)) {
		(void)snprintf(text, sizeof(text), "%s; what was said before stands", err_text(&err));
		announce_about(regions, place, tree, "NotUnderstood", text);
	} else {
		if (units.is_cluster)
			announce_about(
				regions, place, tree, "NotHonoured",
				"unit-internal-check: false asks for one membership of all nodes: here "
				"nodes are judged by those of their own region only, and all regions are");
		take(regions, place, &units);
	}
	json_free(tree);
}

static int place_of(const struct key *key, size_t *out)
{
	if (strcmp(key->name, CHECK_UNITS_CONFIG) != 0)
		return -ENOENT;
	for (size_t i = 0; i < REGION_UNITS_PLACES; i++)
		if (strcmp(key->ns, namespaces[i]) == 0) {
			*out = i;
			return 0;
		}
	return -ENOENT;
}

static int on_config(void *ctx, const struct change *change)
{
	size_t place;

	if (place_of(&change->object->key, &place))
		return 0;
	if (change->type == CHANGE_ADDED || change->type == CHANGE_MODIFIED)
		see(ctx, place, change->object);
	else
		drop(ctx, place);
	return 0;
}

static void on_gone(void *ctx)
{
	struct regions *regions = ctx;
	int code;

	region_units_close(regions);
	code = region_units_open(regions);
	log_error(MODULE, "watch-lost", "what=health-config error=%d", code);
}

/* What is there now, and what follows. Nothing comes between: the watch begins where the store stands. */
int region_units_open(struct regions *regions)
{
	static const struct cache_watch_events events = { on_config, on_gone };

	for (size_t i = 0; i < REGION_UNITS_PLACES; i++) {
		const struct key key = { RESOURCE, namespaces[i], CHECK_UNITS_CONFIG };
		struct object *object = NULL;

		if (cache_get(regions->cache, &key, &object) == 0)
			see(regions, i, object);
		else
			drop(regions, i);
		object_unref(object);
	}
	return cache_watch_open(regions->cache, RESOURCE, NULL, cache_revision(regions->cache), &events,
				regions, &regions->units_watch);
}

void region_units_close(struct regions *regions)
{
	cache_watch_close(regions->units_watch);
	regions->units_watch = NULL;
}

void region_units_done(struct regions *regions)
{
	for (size_t i = 0; i < REGION_UNITS_PLACES; i++)
		check_units_done(&regions->places[i].units);
}
