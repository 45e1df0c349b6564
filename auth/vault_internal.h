/* vault_internal: what the parts of the vault share: the struct, and replacing a file so that its old bytes are gone. */
#ifndef HOLDFAST_AUTH_VAULT_INTERNAL_H
#define HOLDFAST_AUTH_VAULT_INTERNAL_H

#include <limits.h>
#include <pthread.h>

#include "auth/keyring.h"

struct vault {
	pthread_mutex_t lock; /* ring and keys */
	pthread_mutex_t
		files; /* one file is read and written at a time, so that settling never undoes a write */
	struct keyring ring;
	uint8_t wrapping[CRYPT_KEY_SIZE];
	uint8_t keys[KEYRING_KEYS_MAX][CRYPT_KEY_SIZE];
	char dir[PATH_MAX];
	char key_file[PATH_MAX];
	bool owns_key_file; /* it lies in dir */
	char *tpm;	    /* TCTI, NULL for the default */
};

/* --- vault_wrap.c: the wrapping key --- */
/* For a new vault: sets ring's wrap and its TPM blob, takes or makes the key file (the vault.s own comes with its directory). */
int vault_wrap_new(struct vault *vault, enum vault_wrap wrap, struct err *err) must_check;
int vault_wrap_load(struct vault *vault, struct err *err) must_check; /* by ring.wrap */
/* Wraps all keys by the other means; the ring is to be saved by the caller. The key file is made if need be. */
int vault_wrap_change(struct vault *vault, enum vault_wrap wrap, struct err *err) must_check;

/* Wraps all keys with the wrapping key there is; the ring is to be saved by the caller. */
int vault_wrap_again(struct vault *vault, struct err *err) must_check;
/* Where the key file of before would be. -ENOENT: there is none. */
int vault_old_key_file(const struct vault *vault, char out[PATH_MAX]) must_check;

/* --- vault_files.c --- */
/* Replaces a file whole, mode 0600, and overwrites what was there before, as far as the file system allows it. */
int vault_replace(const char *path, struct span content) must_check;

/* The first sealed file under `dir`, a few levels deep, into out; false: there is none. */
bool vault_find_sealed(const char *dir, char out[PATH_MAX]);

#endif
