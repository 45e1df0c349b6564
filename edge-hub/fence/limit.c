#include "edge-hub/fence/limit.h"

#include "healthcheck/roster.h"

static unsigned bounded(const struct limit *l, unsigned wanted_ms)
{
	uint64_t least = (uint64_t)l->ping_ms * LIMIT_PINGS, t = wanted_ms < least ? least : wanted_ms;

	return t > LIMIT_MAX_MS ? LIMIT_MAX_MS : (unsigned)t;
}

void limit_init(struct limit *l, uint64_t before_ms, bool is_off, unsigned ping_ms)
{
	*l = (struct limit){ .ping_ms = ping_ms };
	if (is_off)
		return;
	if (!before_ms || before_ms > LIMIT_MAX_MS)
		before_ms = health_settings_default.fence_ms;
	l->in_force_ms = l->told_ms = bounded(l, (unsigned)before_ms);
}

bool limit_step(struct limit *l, unsigned wanted_ms, uint64_t proof_ms, uint64_t now_ms)
{
	unsigned before = l->in_force_ms;

	if (wanted_ms) {
		l->in_force_ms = l->told_ms = bounded(l, wanted_ms);
		l->told_off_ms = 0;
	} else if (l->in_force_ms && !l->told_off_ms) {
		l->told_ms = 0;
		l->told_off_ms = now_ms;
	} else if (l->in_force_ms && proof_ms > l->told_off_ms) {
		l->in_force_ms = 0;
	}
	return l->in_force_ms != before;
}
