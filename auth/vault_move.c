/* A vault's data keys on their way to another machine. */
#include <errno.h>
#include <unistd.h>

#include "auth/keyfile.h"
#include "auth/pkidir.h"
#include "auth/vault_internal.h"
#include "base/files.h"
#include "base/random.h"

int vault_export(struct vault *vault, struct buf *out_keyring, struct buf *out_key)
{
	uint8_t wrapping[CRYPT_KEY_SIZE];
	struct keyring ring;
	int code = 0;

	random_bytes(wrapping, sizeof(wrapping));
	pthread_mutex_lock(&vault->lock);
	ring = vault->ring;
	ring.wrap = VAULT_FILE;
	ring.tpm_len = 0;
	for (size_t i = 0; !code && i < ring.count; i++)
		code = keyring_wrap(&ring, i, wrapping, vault->keys[i]);
	pthread_mutex_unlock(&vault->lock);
	if (!code)
		code = keyring_write(&ring, out_keyring);
	if (!code)
		code = keyfile_write(wrapping, out_key);
	explicit_bzero(wrapping, sizeof(wrapping));
	return code;
}

static int rewrap(struct keyring *ring, const uint8_t from[CRYPT_KEY_SIZE], const uint8_t to[CRYPT_KEY_SIZE])
{
	uint8_t key[CRYPT_KEY_SIZE];
	int code = 0;

	for (size_t i = 0; !code && i < ring->count; i++) {
		code = keyring_open(ring, i, from, key);
		if (!code)
			code = keyring_wrap(ring, i, to, key);
	}
	explicit_bzero(key, sizeof(key));
	return code;
}

/* The key file's text stands in `key`; *out_own: it goes into the directory. */
static int place_key(const struct vault_options *options, struct span key_text, uint8_t key[CRYPT_KEY_SIZE],
		     bool *out_own, struct err *err)
{
	int code;

	*out_own = !options->key_file;
	if (*out_own)
		return 0;
	if (access(options->key_file, F_OK) == 0)
		return keyfile_read(options->key_file, key,
				    err); /* others may be wrapped with it: it stays */
	code = file_write(options->key_file, key_text, 0600);
	return code ? err_set(err, code, "cannot write the key file %s: %s", options->key_file,
			      strerror(-code))
		    : 0;
}

static int make(const struct vault_options *options, const struct keyring *ring, struct span key_text,
		bool own, struct err *err)
{
	struct pkidir_file files[2] = { { .name = "keyring" }, { "key", key_text } };
	struct buf text;
	int code;

	buf_init(&text, KEYRING_FILE_MAX);
	code = keyring_write(ring, &text);
	files[0].content = buf_span(&text);
	code = code ? err_set(err, code, "out of memory")
		    : pkidir_create(options->dir, files, own ? 2 : 1, err);
	buf_done(&text);
	return code;
}

int vault_import(const struct vault_options *options, struct span keyring, struct span key_text,
		 struct err *err)
{
	uint8_t exported[CRYPT_KEY_SIZE], key[CRYPT_KEY_SIZE];
	struct keyring ring;
	bool own = false;
	int code = keyring_parse(keyring, &ring);

	if (!code && ring.wrap != VAULT_FILE)
		code = -EBADMSG;
	if (!code)
		code = keyfile_parse(key_text, exported);
	if (code)
		return err_set(err, code == -EINVAL ? -EBADMSG : code,
			       code == -EPROTO ? "the keyring is of a newer release"
					       : "the keyring is damaged");
	memcpy(key, exported, sizeof(key));
	code = rewrap(&ring, exported, exported); /* do they belong together? */
	if (code)
		code = err_set(err, code, "the keyring and its key do not belong together");
	if (!code)
		code = place_key(options, key_text, key, &own, err);
	if (!code && rewrap(&ring, exported, key))
		code = err_set(err, -EIO, "cannot wrap the data keys");
	if (!code)
		code = make(options, &ring, key_text, own, err);
	explicit_bzero(exported, sizeof(exported));
	explicit_bzero(key, sizeof(key));
	return code;
}
