/* region_fence: by which T nodes fence themselves, as far as the cloud knows: the greatest that each may go by, in its record. */
#include "auth/enrol.h"
#include "base/log.h"
#include "cloud-hub/regions/regions_internal.h"

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
	return is_waiting ? regions_now(regions) + SETTLE_LOOK_MS : TIMERQ_NEVER;
}
