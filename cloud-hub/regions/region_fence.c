/* region_fence: what the cloud has to know before it gives away what a node runs exclusively (healthcheck/freeing.h): the greatest T that the node may
 * go by, in its record; the rosters that it may go by; and words of its neighbours by a roster that it cannot have. */
#include "auth/enrol.h"
#include "base/log.h"
#include "cloud-hub/regions/regions_internal.h"

#include <errno.h>
#include <stdio.h>

#define MODULE REGIONS_MODULE
#define SETTLE_LOOK_MS 5000u

static unsigned fence_of(const struct region *region)
{
	return region && region->roster ? region->roster->settings.fence_ms : 0;
}

/* Written when it changes, which is when an operator changed T, a node joined, or one came with another release. */
static void keep(struct regions *regions, struct region_node *node, unsigned fence_ms)
{
	struct enrolment known;
	int code;

	if (node->fence_ms == fence_ms || regions->is_stopped)
		return;
	code = gateway_enrolment(regions->options.gateway, node->name, &known);
	if (!code) {
		known.fence_ms = fence_ms;
		code = gateway_put_enrolment(regions->options.gateway, &known, NULL, NULL);
	}
	if (code)
		log_error(MODULE, "fence-not-kept", "node=%s error=%d", node->name, code);
	/* Lower only when it is stored. Greater in any case: while this hub runs it counts. */
	if (!code || fence_ms > node->fence_ms || !fence_ms)
		node->fence_ms = fence_ms;
}

void region_node_fence(struct regions *regions, struct region_node *node)
{
	keep(regions, node, freeing_limit_given(node->fence_ms, fence_of(node->region)));
}

void region_fence_changed(struct region *region)
{
	size_t cursor = 0;
	const char *name;

	while ((name = membership_next(region->membership, &cursor))) {
		struct region_node *node = regions_node(region->regions, name);

		if (node)
			region_node_fence(region->regions, node);
	}
}

static bool is_settled(const struct region_node *node)
{
	const struct region *region = node->region;

	return region && region->fence_revision &&
	       gateway_acknowledged(region->regions->options.gateway, node->name) >= region->fence_revision;
}

void regions_fence(struct regions *regions, const char *name, unsigned fence_ms, bool is_hello)
{
	struct region_node *node = regions_node(regions, name);
	unsigned region_ms;

	if (!node)
		return; /* its Node is gone: comes anew with the next Hello */
	region_ms = fence_of(node->region);
	node->fence_told_ms = fence_ms;
	keep(regions, node,
	     is_hello ? freeing_limit_hello(fence_ms, region_ms)
		      : freeing_limit_told(node->fence_ms, fence_ms, region_ms, is_settled(node)));
	if (node->region)
		region_look(node->region, regions_now(regions));
}

/* --- rosters --- */

int region_load_past(struct region *region)
{
	struct roster_past *past = membership_past(region->membership);
	char mark[REGIONS_MARK_SIZE];
	struct buf text;
	int code;

	(void)snprintf(mark, sizeof(mark), REGIONS_PAST_PREFIX "%s", region->name);
	buf_init(&text, CACHE_MARK_MAX);
	code = cache_mark_get(region->regions->cache, mark, &text);
	if (!code)
		code = roster_past_read(past, buf_span(&text));
	buf_done(&text);
	if (code == -EINVAL)
		log_error(MODULE, "rosters-damaged",
			  "region=%s: of who is away nothing is freed until it was back", region->name);
	return code == -EINVAL || code == -ENOENT ? 0 : code;
}

/* One that comes while it is away may go by another region's roster. One that was there before this hub started has what all had then. */
void region_node_joined(struct region_node *node)
{
	const struct region *region = node->region;
	const struct roster *roster = region->roster;
	uint8_t id[ROSTER_ID_SIZE];

	roster_id(node->name, id);
	node->newest_roster = roster ? roster->version : 0;
	node->oldest_roster = region->regions->is_loading && roster && roster_find_id(roster, id)
				      ? roster_past_known(membership_past(region->membership), id)
				      : 0;
}

static void store_past(struct region *region)
{
	char mark[REGIONS_MARK_SIZE];
	struct cache_op op = { .type = CACHE_MARK, .mark = mark };
	struct buf text;
	int code;

	(void)snprintf(mark, sizeof(mark), REGIONS_PAST_PREFIX "%s", region->name);
	buf_init(&text, ROSTER_PAST_BYTES_MAX);
	code = roster_past_write(membership_past(region->membership), &text);
	op.value = buf_span(&text);
	if (!code)
		code = cache_submit(region->regions->cache, &op, 1, NULL, NULL);
	buf_done(&text);
	region->past_due = code != 0;
}

/* What every member has seen is past. The mark is written when nothing is left of it, or with the next roster. */
static void forget_past(struct region *region)
{
	struct roster_past *past = membership_past(region->membership);
	uint64_t oldest = region->roster->version;
	size_t cursor = 0;
	const char *name;

	while ((name = membership_next(region->membership, &cursor))) {
		const struct region_node *node = regions_node(region->regions, name);

		if (!node || node->oldest_roster < oldest)
			oldest = node ? node->oldest_roster : 0;
	}
	roster_past_forget(past, oldest);
	if (region->past_due && !roster_past_last(past) && oldest)
		store_past(region);
}

static bool has_seen_all(const struct region_node *node)
{
	return node->oldest_roster &&
	       node->oldest_roster >= roster_past_last(membership_past(node->region->membership));
}

/* True: somebody who is connected has yet to say that the roster came. */
static bool settle_rosters(struct region *region)
{
	struct regions *regions = region->regions;
	bool is_waiting = false;
	size_t cursor = 0;
	const char *name;

	if (!region->roster || !region->roster->version)
		return false;
	while ((name = membership_next(region->membership, &cursor))) {
		struct region_node *node = regions_node(regions, name);

		if (!node || !node->is_up || has_seen_all(node))
			continue;
		if (gateway_acknowledged(regions->options.gateway, name) >= region->revision)
			node->oldest_roster = region->roster->version;
		is_waiting |= !has_seen_all(node);
	}
	forget_past(region);
	return is_waiting;
}

uint64_t region_node_proof(const struct region_node *node, uint64_t now_ms)
{
	const struct region *region = node->region;
	const struct freeing_node about = { node->name, node->oldest_roster, node->newest_roster };

	if (node->is_up || !region->roster)
		return FREEING_UNKNOWN;
	return freeing_proof(region->electorate, region->roster, membership_past(region->membership), &about,
			     now_ms);
}

void regions_exclusive(void *ctx, const char *name)
{
	const struct region_node *node = regions_node(ctx, name);

	if (!node || node->is_up || !node->region || !node->region->roster ||
	    node->region->roster->version > node->newest_roster)
		return;
	membership_touch(node->region->membership, name);
	region_look(node->region, regions_now(ctx));
}

/* --- what comes by the way --- */

/* A lower T is said before the replica's acknowledgement comes: it counts when both are there. */
uint64_t region_fence_settle(struct region *region)
{
	struct regions *regions = region->regions;
	unsigned region_ms = fence_of(region);
	size_t cursor = 0;
	const char *name;
	bool is_waiting = false;

	while ((name = membership_next(region->membership, &cursor))) {
		struct region_node *node = regions_node(regions, name);

		if (!node || !node->is_up || node->fence_told_ms != region_ms || node->fence_ms == region_ms)
			continue;
		keep(regions, node,
		     freeing_limit_told(node->fence_ms, region_ms, region_ms, is_settled(node)));
		is_waiting |= node->fence_ms != region_ms;
	}
	is_waiting |= settle_rosters(region);
	return is_waiting ? regions_now(regions) + SETTLE_LOOK_MS : TIMERQ_NEVER;
}
