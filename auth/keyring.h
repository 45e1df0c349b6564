/* keyring: the data keys of one vault, each wrapped by the vault's wrapping key, and their file.
 *
 * Pure but for random bytes. The newest key (greatest number) seals; older ones are there while a rotation re-seals what
 * they sealed. Numbers are never used twice. The file is JSON; what it says is distrusted until parsed. */
#ifndef HOLDFAST_AUTH_KEYRING_H
#define HOLDFAST_AUTH_KEYRING_H

#include "auth/vault.h"
#include "net/crypt.h"

#define KEYRING_KEYS_MAX 4u
#define KEYRING_ID_SIZE 16u
#define KEYRING_TPM_MAX 2048u /* bytes of a wrapping key sealed by a TPM */
#define KEYRING_FILE_MAX (16u * 1024)
#define KEYRING_WRAPPED_SIZE (CRYPT_KEY_SIZE + CRYPT_SEAL_OVERHEAD)

struct keyring_key {
	uint32_t number; /* from 1 */
	uint8_t wrapped[KEYRING_WRAPPED_SIZE];
};
struct keyring {
	enum vault_wrap wrap;	     /* VAULT_FILE or VAULT_TPM2 */
	uint8_t id[KEYRING_ID_SIZE]; /* random, of the vault: a key wrapped for another does not open */
	uint8_t tpm[KEYRING_TPM_MAX];
	size_t tpm_len; /* 0 unless VAULT_TPM2 */
	struct keyring_key keys[KEYRING_KEYS_MAX];
	size_t count;	  /* at least 1 in a whole ring; numbers rise */
	uint32_t highest; /* number ever given */
};

void keyring_init(struct keyring *ring, enum vault_wrap wrap); /* empty, with a new id */
/* -EBADMSG: damaged; -EPROTO: of a newer release; -ENOMEM. */
int keyring_parse(struct span text, struct keyring *out) must_check;
int keyring_write(const struct keyring *ring, struct buf *out) must_check; /* appends */

/* Makes a new data key, the newest from then on. -ENOSPC: there are KEYRING_KEYS_MAX. */
int keyring_add(struct keyring *ring, const uint8_t wrapping[CRYPT_KEY_SIZE],
		uint8_t out_key[CRYPT_KEY_SIZE]) must_check;
/* The key at `index`. -EBADMSG: not wrapped by this wrapping key. */
int keyring_open(const struct keyring *ring, size_t index, const uint8_t wrapping[CRYPT_KEY_SIZE],
		 uint8_t out_key[CRYPT_KEY_SIZE]) must_check;
/* Wraps the key at `index` anew. */
int keyring_wrap(struct keyring *ring, size_t index, const uint8_t wrapping[CRYPT_KEY_SIZE],
		 const uint8_t key[CRYPT_KEY_SIZE]) must_check;
void keyring_keep_newest(struct keyring *ring);

#endif
