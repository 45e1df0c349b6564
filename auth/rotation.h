/* rotation: a new data key put in the place of the old one while the hub serves.
 *
 * The new key seals from the first moment; then all rows and marks of the store are sealed anew in bounded steps, then all sealed files,
 * then the last-good copy is made anew; only then the old key is destroyed. Whatever was cut short is found by the vault's two keys and gone
 * through again from the start: what is sealed with the new key already is skipped. Loop thread. */
#ifndef HOLDFAST_AUTH_ROTATION_H
#define HOLDFAST_AUTH_ROTATION_H

#include "auth/vault.h"
#include "cache/cache.h"

struct rotation;

enum rotation_phase { ROTATION_IDLE, ROTATION_ROWS, ROTATION_COPY, ROTATION_FAILED };
#define ROTATION_RETRY_MS 60000u

struct rotation_options { /* all borrowed, paths too */
	struct vault *vault;
	struct cache *cache;
	const char *data_dir;
	const char *const *skip; /* names of directories that hold no file of the hub's; NULL-ended */
	const char *good_path;	 /* the store's last-good copy; need not be there */
	/* It began or goes on (ROWS), ended (IDLE), or failed and is tried again later (FAILED: err says why). May be NULL. */
	void (*on_change)(void *ctx, enum rotation_phase phase, const struct err *err);
	void *ctx;
};
/* Goes on with a rotation that was cut short, from the first rotation_step. */
int rotation_new(const struct rotation_options *options, struct rotation **out) must_check;
/* Nothing new is begun from then on; the next process goes on. NULL is fine. */
void rotation_stop(struct rotation *rotation);
void rotation_free(struct rotation *rotation); /* after cache_close */
/* Begins one; one under way goes on. What fails is told through on_change too. */
int rotation_start(struct rotation *rotation, struct err *err) must_check;
/* After every cache_dispatch, and once a minute. Cheap. */
void rotation_step(struct rotation *rotation, uint64_t now_ms);

struct rotation_status {
	enum rotation_phase phase;
	uint64_t revision;	/* rows are sealed anew up to it */
	const char *last_error; /* "" when there was none; borrowed */
};
void rotation_status(const struct rotation *rotation, struct rotation_status *out);
const char *rotation_phase_name(enum rotation_phase phase);

#endif
