/* A keyring and sealed bytes as a damaged or foreign disk might hold them. */
#include <errno.h>

#include "auth/vault_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is understood is written the same way. */
static void read_keyring(struct span text)
{
	struct keyring ring, again;
	uint8_t wrapping[CRYPT_KEY_SIZE] = { 0 }, key[CRYPT_KEY_SIZE];
	struct buf out;

	if (keyring_parse(text, &ring))
		return;
	buf_init(&out, 2 * KEYRING_FILE_MAX);
	assert_always(ring.count >= 1 && ring.count <= KEYRING_KEYS_MAX && ring.tpm_len <= KEYRING_TPM_MAX);
	assert_always(keyring_write(&ring, &out) == 0);
	assert_always(keyring_parse(buf_span(&out), &again) == 0);
	assert_always(again.count == ring.count && again.highest == ring.highest && again.wrap == ring.wrap);
	assert_always(memcmp(again.keys, ring.keys, sizeof(ring.keys)) == 0);
	for (size_t i = 0; i < ring.count; i++)
		assert_always(keyring_open(&ring, i, wrapping, key) ==
			      -EBADMSG); /* nobody wrapped it with zeros */
	buf_done(&out);
}

/* A vault of known keys, without a directory. */
static void make_vault(struct vault *vault)
{
	memset(vault, 0, sizeof(*vault));
	pthread_mutex_init(&vault->lock, NULL);
	pthread_mutex_init(&vault->files, NULL);
	keyring_init(&vault->ring, VAULT_FILE);
	assert_always(keyring_add(&vault->ring, vault->wrapping, vault->keys[0]) == 0);
}

static void open_sealed(struct span bytes)
{
	static struct vault vault;
	struct buf out;

	make_vault(&vault);
	buf_init(&out, 1 << 20);
	(void)vault_is_sealed(bytes);
	(void)vault_key_of(bytes);
	assert_always(vault_unseal(&vault, SPAN("bound"), bytes, &out) < 0); /* nobody sealed it */
	assert_always(out.len == 0);
	/* The bytes as what is sealed, and as what it is bound to. */
	if (bytes.len <= VAULT_BOUND_MAX) {
		struct buf plain;

		buf_init(&plain, 1 << 20);
		assert_always(vault_seal(&vault, bytes, bytes, &out) == 0);
		assert_always(vault_unseal(&vault, bytes, buf_span(&out), &plain) == 0);
		assert_always(span_eq(buf_span(&plain), bytes));
		buf_done(&plain);
	}
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_make(data, size);

	read_keyring(bytes);
	open_sealed(bytes);
	return 0;
}
