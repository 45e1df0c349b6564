/* store_seal: what of a hub's store is secret, in one table for both hubs, sealed by the vault. Add what you judge secret there; a store
 * that has rows of it in plain must be given a migration. */
#ifndef HOLDFAST_AUTH_STORE_SEAL_H
#define HOLDFAST_AUTH_STORE_SEAL_H

#include "auth/vault.h"
#include "cache/seal.h"

/* For cache_options; the vault is borrowed and must outlive the cache. */
struct cache_seal store_seal(struct vault *vault);

#endif
