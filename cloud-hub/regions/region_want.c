/* region_want: whom the members of a region are asked about: those whose tunnel is down. */
#include "base/hash.h"
#include "base/log.h"
#include "cloud-hub/regions/regions_internal.h"
#include "tunnel/message.h"

#define FLAP_MS 1000u /* a tunnel that is back by then is nobody's business */

struct wanted {
	const char *subjects[MESSAGE_SUBJECTS_MAX + 1];
	size_t count;
	uint64_t hash, again_ms;
};

/* Half of the start's grace is for those who just have to dial again; in the other the answers come. */
static uint64_t asked_from(const struct regions *regions, const struct region_node *node)
{
	uint64_t start = regions->started_ms + regions->options.start_grace_ms / 2,
		 down = node->down_since_ms + FLAP_MS;

	return start > down ? start : down;
}

static void add_subject(struct wanted *wanted, const struct regions *regions, const struct region_node *node)
{
	uint64_t from;

	if (!node || node->is_up || node->in_maintenance || !node->is_judged)
		return;
	from = asked_from(regions, node);
	if (regions_now(regions) < from) {
		if (from < wanted->again_ms)
			wanted->again_ms = from;
	} else if (wanted->count < MESSAGE_SUBJECTS_MAX) {
		wanted->subjects[wanted->count++] = node->name;
		wanted->hash ^= hash64(span_of(node->name), 1) | 1; /* in any order */
	}
}

static void send_to_all(const struct region *region, const struct wanted *wanted)
{
	size_t cursor = 0, sent = 0;
	const char *name;

	while ((name = membership_next(region->membership, &cursor)))
		sent += gateway_want_verdicts(region->regions->options.gateway, name, wanted->subjects) == 0;
	log_info(REGIONS_MODULE, wanted->count ? "asking" : "asking-no-more",
		 "region=%s subjects=%zu first=%s members=%zu", region->name, wanted->count,
		 wanted->count ? wanted->subjects[0] : "-", sent);
}

uint64_t region_want(struct region *region)
{
	struct wanted wanted = { .again_ms = TIMERQ_NEVER };
	size_t cursor = 0;
	const char *name;

	while ((name = membership_next(region->membership, &cursor)))
		add_subject(&wanted, region->regions, regions_node(region->regions, name));
	if (wanted.hash != region->wanted || (region->want_due && wanted.count))
		send_to_all(region, &wanted);
	region->wanted = wanted.hash;
	region->want_due = false;
	return wanted.again_ms;
}
