/* store_keeper: an open store and its vault looked after while a hub runs, on both hubs: care and the rotation of the data key, each
 * when it is due. It opens and closes neither. Loop thread. */
#ifndef HOLDFAST_AUTH_STORE_KEEPER_H
#define HOLDFAST_AUTH_STORE_KEEPER_H

#include "auth/secrets_api.h"
#include "net/loop.h"

struct store_keeper;

struct store_keeper_options { /* all borrowed */
	struct loop *loop;
	struct vault *vault;
	struct cache *cache;
	const char *data_dir;
	const char *store_path;	 /* copied */
	const char *const *skip; /* as in rotation_options */
	/* As care_new and rotation_options have them; `ctx` for both. */
	void (*on_trouble)(void *ctx, int code);
	void (*on_rotation)(void *ctx, enum rotation_phase phase, const struct err *err);
	void *ctx;
};
int store_keeper_new(const struct store_keeper_options *options, struct store_keeper **out) must_check;
/* The hub serves: from now on it comes by itself, once a minute. */
void store_keeper_start(struct store_keeper *keeper);
/* After every cache_dispatch. Cheap. */
void store_keeper_step(struct store_keeper *keeper);
struct secrets_api *store_keeper_secrets(struct store_keeper *keeper); /* as long as the keeper */
/* Nothing new is begun from then on. Before loop_free; NULL is fine, here and below. */
void store_keeper_stop(struct store_keeper *keeper);
void store_keeper_free(struct store_keeper *keeper); /* after cache_close */

#endif
