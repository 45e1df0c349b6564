/* storage: the edge-hub's data directory, held open: its lock, the vault, and the replica's store with what looks after it. A damaged store
 * never keeps the hub from starting: a copy or an empty one takes its place. Main thread. */
#ifndef HOLDFAST_EDGE_HUB_STORAGE_H
#define HOLDFAST_EDGE_HUB_STORAGE_H

#include "auth/store_keeper.h"
#include "edge-hub/settings.h"

struct storage;

/* Takes the lock and opens the vault. `settings` are borrowed. */
int storage_new(const struct settings *settings, struct storage **out, struct err *err) must_check;
/* `wake` is called from the writer thread: storage_dispatch is due. */
int storage_open(struct storage *storage, struct loop *loop, void (*wake)(void *ctx), void *ctx,
		 struct err *err) must_check;
struct vault *storage_vault(const struct storage *storage);
/* From storage_open to storage_close. */
struct cache *storage_cache(const struct storage *storage);
struct secrets_api *storage_secrets(const struct storage *storage);
uint64_t storage_starts(const struct storage *storage); /* of this data directory, this one included */

void storage_start(struct storage *storage);	/* the hub serves */
void storage_dispatch(struct storage *storage); /* completions and what follows from them */
/* Waits, for a bounded time, until what is queued is on the disk and is_busy (may be NULL) says no: completions want their owners alive. */
void storage_drain(struct storage *storage, bool (*is_busy)(void *ctx), void *ctx);
/* In this order, each at any state; NULL is fine. */
void storage_stop(struct storage *storage);  /* no work of its own from now on; before loop_free */
void storage_close(struct storage *storage); /* the store */
void storage_free(struct storage *storage);  /* vault and lock */

#endif
