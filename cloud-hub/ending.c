#include "cloud-hub/ending.h"

static bool is_used(enum authority_state state)
{
	return state != AUTHORITY_RETIRED && state != AUTHORITY_DISTRUSTED;
}

void ending_look(struct ending *ending, const struct authority *authority, int64_t now_wall_ms,
		 ending_say *say, void *ctx)
{
	if (ending->said_wall_ms && now_wall_ms >= ending->said_wall_ms &&
	    now_wall_ms < ending->said_wall_ms + ENDING_AGAIN_MS)
		return;
	ending->said_wall_ms = now_wall_ms;
	for (size_t i = 0; i < authority_generation_count(authority); i++) {
		struct authority_generation g = authority_generation_at(authority, i);
		int64_t end = g.branch_not_after_wall_ms < g.root_not_after_wall_ms
				      ? g.branch_not_after_wall_ms
				      : g.root_not_after_wall_ms;

		if (is_used(g.state) && end <= now_wall_ms + ENDING_WARN_MS)
			say(ctx, g.number, (end - now_wall_ms) / (24 * 60 * 60 * 1000));
	}
}
