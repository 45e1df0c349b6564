/* ending: when an authority has to be spoken of because it will end within months. Pure: told the time. */
#ifndef HOLDFAST_CLOUD_HUB_ENDING_H
#define HOLDFAST_CLOUD_HUB_ENDING_H

#include "auth/authority.h"

#define ENDING_WARN_MS (180 * 24 * 60 * 60 * (int64_t)1000) /* before the first of root and branches ends */
#define ENDING_AGAIN_MS (24 * 60 * 60 * (int64_t)1000)

struct ending {
	int64_t said_wall_ms; /* when it was looked at last; 0 at first */
};
/* `days` are left of that generation; negative: it has ended. */
typedef void ending_say(void *ctx, unsigned generation, int64_t days);

/* Calls `say` for each generation in use that ends within ENDING_WARN_MS, but no sooner than ENDING_AGAIN_MS after the last
 * time; a clock that was set back counts as later. */
void ending_look(struct ending *ending, const struct authority *authority, int64_t now_wall_ms,
		 ending_say *say, void *ctx);

#endif
