#include "auth/store_keeper.h"

#include "base/clock.h"
#include "cache/care.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct store_keeper {
	struct loop *loop;
	struct timer *timer;
	struct care *care;
	struct rotation *rotation;
	struct secrets_api secrets;
	char *good_path; /* of the store's last-good copy, where cache_open looks for it */
};

static void on_due(void *ctx)
{
	struct store_keeper *keeper = ctx;
	uint64_t now = loop_now_ms(keeper->loop);

	timer_start(keeper->timer, care_step(keeper->care, now, clock_wall_ms()) - now);
	rotation_step(keeper->rotation, now);
}

int store_keeper_new(const struct store_keeper_options *options, struct store_keeper **out)
{
	struct store_keeper *keeper = calloc(1, sizeof(*keeper));
	struct rotation_options rotation = { .vault = options->vault,
					     .cache = options->cache,
					     .data_dir = options->data_dir,
					     .skip = options->skip,
					     .on_change = options->on_rotation,
					     .ctx = options->ctx };
	int code = keeper ? 0 : -ENOMEM;

	if (code)
		return code;
	keeper->loop = options->loop;
	if (asprintf(&keeper->good_path, "%s.good", options->store_path) < 0) {
		keeper->good_path = NULL;
		code = -ENOMEM;
	}
	if (!code)
		code = care_new(options->cache, keeper->good_path, loop_now_ms(options->loop),
				options->on_trouble, options->ctx, &keeper->care);
	rotation.good_path = keeper->good_path;
	if (!code)
		code = rotation_new(&rotation, &keeper->rotation);
	if (!code)
		code = timer_new(options->loop, on_due, keeper, &keeper->timer);
	if (code) {
		store_keeper_free(keeper);
		return code;
	}
	keeper->secrets = (struct secrets_api){ options->vault, keeper->rotation };
	*out = keeper;
	return 0;
}

void store_keeper_start(struct store_keeper *keeper)
{
	timer_start(keeper->timer, CARE_STEP_MS);
}

void store_keeper_step(struct store_keeper *keeper)
{
	care_disk(keeper->care);
	rotation_step(keeper->rotation, loop_now_ms(keeper->loop));
}

struct secrets_api *store_keeper_secrets(struct store_keeper *keeper)
{
	return &keeper->secrets;
}

void store_keeper_stop(struct store_keeper *keeper)
{
	if (!keeper)
		return;
	rotation_stop(keeper->rotation);
	timer_close(keeper->timer);
	keeper->timer = NULL;
}

void store_keeper_free(struct store_keeper *keeper)
{
	if (!keeper)
		return;
	timer_close(keeper->timer);
	care_free(keeper->care);
	rotation_free(keeper->rotation);
	free(keeper->good_path);
	free(keeper);
}
