/* storage: the cloud-hub's data directory, held open: its lock, the vault, and the store with what looks after it. Opened and closed in
 * two steps each, because the authority needs the vault, and the store's last completions need the API. Main thread. */
#ifndef HOLDFAST_CLOUD_HUB_STORAGE_H
#define HOLDFAST_CLOUD_HUB_STORAGE_H

#include "auth/store_keeper.h"
#include "cloud-hub/settings.h"

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
bool storage_is_recovered(
	const struct storage *storage); /* the last good copy took the place of a damaged file */

void storage_start(struct storage *storage);	/* the hub serves */
void storage_dispatch(struct storage *storage); /* completions and what follows from them */
/* In this order, each at any state; NULL is fine. */
void storage_stop(struct storage *storage);  /* no work of its own from now on; before loop_free */
void storage_close(struct storage *storage); /* the store */
void storage_free(struct storage *storage);  /* vault and lock */

#endif
