#include "edge-hub/link/renewal.h"

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t draw(struct renewal *r)
{
	uint64_t z = r->random += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

void renewal_init(struct renewal *r, uint64_t seed)
{
	*r = (struct renewal){ .random = seed };
}

void renewal_certificate(struct renewal *r, int64_t not_before_wall_ms, int64_t not_after_wall_ms)
{
	int64_t life = not_after_wall_ms > not_before_wall_ms ? not_after_wall_ms - not_before_wall_ms : 0;
	int64_t jitter = life / 100 * RENEWAL_JITTER_PERCENT;

	r->due_wall_ms = not_before_wall_ms + life / 2 - jitter;
	if (jitter)
		r->due_wall_ms += (int64_t)(draw(r) % (uint64_t)(2 * jitter));
	r->asking = r->wanted = false;
	r->failures = 0;
	r->pause_until_ms = 0;
}

static void want(struct renewal *r, uint64_t at_ms)
{
	if (!r->wanted || at_ms < r->wanted_ms)
		r->wanted_ms = at_ms;
	r->wanted = true;
}

void renewal_told(struct renewal *r, unsigned within_ms, uint64_t now_ms)
{
	if (within_ms > RENEWAL_WITHIN_MAX_MS)
		within_ms = RENEWAL_WITHIN_MAX_MS;
	want(r, now_ms + (within_ms ? draw(r) % within_ms : 0));
}

void renewal_refused(struct renewal *r, uint64_t now_ms)
{
	want(r, now_ms);
}

void renewal_begin(struct renewal *r)
{
	r->asking = true;
}

void renewal_failed(struct renewal *r, unsigned retry_after_ms, uint64_t now_ms)
{
	uint64_t pause = RENEWAL_BACKOFF_CAP_MS;

	r->asking = false;
	if (r->failures < 16 && (uint64_t)RENEWAL_BACKOFF_BASE_MS << r->failures < pause)
		pause = (uint64_t)RENEWAL_BACKOFF_BASE_MS << r->failures;
	r->failures++;
	pause = pause / 2 + draw(r) % (pause / 2);
	if (retry_after_ms > pause) /* and not all at the moment they were told */
		pause = retry_after_ms + draw(r) % (retry_after_ms / 4 + 1);
	if (pause > 2 * RENEWAL_BACKOFF_CAP_MS)
		pause = 2 * RENEWAL_BACKOFF_CAP_MS;
	r->pause_until_ms = now_ms + pause;
}

bool renewal_is_due(const struct renewal *r, uint64_t now_ms, int64_t wall_ms)
{
	if (r->asking || now_ms < r->pause_until_ms)
		return false;
	return (r->wanted && now_ms >= r->wanted_ms) || (wall_ms && wall_ms >= r->due_wall_ms);
}

uint64_t renewal_next(const struct renewal *r, uint64_t now_ms, int64_t wall_ms)
{
	uint64_t next = now_ms + RENEWAL_LOOK_MS;

	if (r->asking)
		return UINT64_MAX;
	if (r->wanted && r->wanted_ms < next)
		next = r->wanted_ms;
	if (wall_ms && r->due_wall_ms <= wall_ms)
		next = now_ms;
	else if (wall_ms && r->due_wall_ms - wall_ms < (int64_t)RENEWAL_LOOK_MS &&
		 now_ms + (uint64_t)(r->due_wall_ms - wall_ms) < next)
		next = now_ms + (uint64_t)(r->due_wall_ms - wall_ms);
	if (next < now_ms)
		next = now_ms;
	return next > r->pause_until_ms ? next : r->pause_until_ms;
}
