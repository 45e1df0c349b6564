#include "healthcheck/freeing.h"

#include <stdlib.h>

#include "healthcheck/fence.h"

static unsigned greater(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

/* Who does not fence itself does not do so because its region has a T. */
unsigned freeing_limit_hello(unsigned told, unsigned region)
{
	return told ? greater(told, region) : 0;
}

unsigned freeing_limit_told(unsigned kept, unsigned told, unsigned region, bool is_settled)
{
	if (!told)
		return 0;
	if (is_settled && told == region)
		return told;
	return greater(kept, greater(told, region));
}

unsigned freeing_limit_given(unsigned kept, unsigned region)
{
	return kept ? greater(kept, region) : 0;
}

/* --- since when it is alone --- */

/* Members that are no part of any majority of the node's. */
struct apart {
	const struct freeing_node *node;
	uint8_t self[ROSTER_ID_SIZE];
	uint8_t ids[ROSTER_MEMBERS_MAX][ROSTER_ID_SIZE];
	size_t count;
	uint64_t since_ms; /* the youngest */
};

static uint64_t heard_before(const struct verdict *verdict, uint64_t taken_ms)
{
	uint64_t silent_ms = (uint64_t)verdict->silent_ms * 100 / (100 + FENCE_DRIFT_PC);

	return taken_ms > silent_ms ? taken_ms - silent_ms : 0;
}

static int take_word(void *ctx, const struct roster_member *voter, const struct roster_member *about,
		     const struct verdict *verdict, uint64_t taken_ms)
{
	struct apart *apart = ctx;
	uint64_t heard_ms = heard_before(verdict, taken_ms);

	(void)about;
	/* Versions are compared as they are carried, in their low bits. Who never saw it in this start may have vouched for it before. */
	if (verdict->word != VERDICT_DEAD || verdict->silent_ms == UINT32_MAX ||
	    (int32_t)(verdict->roster_version - (uint32_t)apart->node->newest) <= 0 ||
	    apart->count == ROSTER_MEMBERS_MAX)
		return 0;
	memcpy(apart->ids[apart->count++], voter->id, ROSTER_ID_SIZE);
	if (heard_ms > apart->since_ms)
		apart->since_ms = heard_ms;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, ROSTER_ID_SIZE);
}

static bool is_apart(const struct apart *apart, const uint8_t id[ROSTER_ID_SIZE])
{
	return bsearch(id, apart->ids, apart->count, ROSTER_ID_SIZE, by_id) != NULL;
}

/* The same count as detector_majority_proof makes. */
static int too_few_are_left(void *ctx, const struct roster_past_set *set)
{
	const struct apart *apart = ctx;
	size_t others = 0, self = 0, left = 0, needed;

	for (size_t i = 0; i < set->count; i++) {
		if (memcmp(set->ids[i], apart->self, ROSTER_ID_SIZE) == 0) {
			self = 1;
			continue;
		}
		others++;
		left += !is_apart(apart, set->ids[i]);
	}
	needed = (others + self) / 2 + 1 - self;
	return !needed || left < needed ? 0 : 1;
}

uint64_t freeing_proof(const struct electorate *electorate, const struct roster *roster,
		       const struct roster_past *past, const struct freeing_node *node, uint64_t now_ms)
{
	struct apart apart = { .node = node };

	if (!node->oldest || node->newest < node->oldest)
		return FREEING_UNKNOWN;
	roster_id(node->name, apart.self);
	if (electorate_each(electorate, node->name, now_ms, take_word, &apart) || !apart.count)
		return FREEING_UNKNOWN;
	qsort(apart.ids, apart.count, ROSTER_ID_SIZE, by_id);
	if (roster_past_each(past, roster, node->oldest, node->newest, too_few_are_left, &apart))
		return FREEING_UNKNOWN;
	return apart.since_ms;
}
