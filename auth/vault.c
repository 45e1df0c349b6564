#include "auth/vault_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "auth/keyfile.h"
#include "auth/pkidir.h"
#include "base/bigend.h"
#include "base/files.h"

/* What is sealed: 3 bytes magic, 1 version, 4 number of the data key (big end first), then crypt_seal's nonce, bytes and tag.
 * The first 8 are authenticated too. */
#define HEAD_SIZE 8u
static const uint8_t magic[4] = { 'H', 'f', 'S', 1 };
_Static_assert(VAULT_OVERHEAD == HEAD_SIZE + CRYPT_SEAL_OVERHEAD, "the header says what sealing adds");

#define KEYRING "keyring"
#define KEY "key"

/* --- opening --- */

static int path_in(const struct vault *vault, const char *name, char out[PATH_MAX])
{
	int len = snprintf(out, PATH_MAX, "%s/%s", vault->dir, name);

	return len < 0 || len >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int set_places(struct vault *vault, const struct vault_options *options, struct err *err)
{
	int code = span_copy(span_of(options->dir), vault->dir, sizeof(vault->dir));

	vault->owns_key_file = !options->key_file;
	if (!code && options->key_file)
		code = span_copy(span_of(options->key_file), vault->key_file, sizeof(vault->key_file));
	else if (!code)
		code = path_in(vault, KEY, vault->key_file);
	if (code)
		return err_set(err, code, "the path of the vault is too long");
	if (options->tpm) {
		vault->tpm = strdup(options->tpm);
		if (!vault->tpm)
			return err_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

/* A vault appears whole or not at all: a key file of its own lies in the directory that is moved into place. */
static int create_files(struct vault *vault, struct err *err)
{
	struct pkidir_file files[2] = { { .name = KEYRING } };
	struct buf ring, key;
	size_t count = 1;
	int code;

	buf_init(&ring, KEYRING_FILE_MAX);
	buf_init(&key, 256);
	code = keyring_write(&vault->ring, &ring);
	if (!code && vault->ring.wrap == VAULT_FILE && vault->owns_key_file) {
		code = keyfile_write(vault->wrapping, &key);
		files[count++] = (struct pkidir_file){ KEY, buf_span(&key) };
	}
	files[0].content = buf_span(&ring);
	code = code ? err_set(err, code, "out of memory") : pkidir_create(vault->dir, files, count, err);
	if (key.data)
		explicit_bzero(key.data, key.cap);
	buf_done(&key);
	buf_done(&ring);
	return code;
}

static int create(struct vault *vault, enum vault_wrap wrap, struct err *err)
{
	int code;

	keyring_init(&vault->ring, VAULT_FILE);
	code = vault_wrap_new(vault, wrap, err);
	if (code)
		return code;
	code = keyring_add(&vault->ring, vault->wrapping, vault->keys[0]);
	return code ? err_set(err, code, "cannot make a data key: %s", strerror(-code))
		    : create_files(vault, err);
}

static int read_ring(struct vault *vault, struct err *err)
{
	char path[PATH_MAX];
	struct buf text;
	int code = path_in(vault, KEYRING, path);

	buf_init(&text, KEYRING_FILE_MAX);
	if (!code)
		code = file_let_go(path);
	if (!code)
		code = file_read(path, &text);
	if (code)
		code = err_set(
			err, code == -ENOENT || code == -EMSGSIZE ? -EBADMSG : code,
			"cannot read the keyring %s: %s; without it nothing that is sealed can be read", path,
			strerror(-code));
	else {
		code = keyring_parse(buf_span(&text), &vault->ring);
		if (code == -EPROTO)
			(void)err_set(err, code, "the keyring %s was written by a newer release", path);
		else if (code)
			(void)err_set(err, code, "the keyring %s is damaged: restore it from a backup", path);
	}
	buf_done(&text);
	return code;
}

static int write_ring(struct vault *vault, const struct keyring *ring, struct err *err)
{
	char path[PATH_MAX];
	struct buf text;
	int code = path_in(vault, KEYRING, path);

	buf_init(&text, KEYRING_FILE_MAX);
	if (!code)
		code = keyring_write(ring, &text);
	if (!code)
		code = vault_replace(path, buf_span(&text));
	buf_done(&text);
	return code ? err_set(err, code, "cannot write the keyring %s/" KEYRING ": %s", vault->dir,
			      strerror(-code))
		    : 0;
}

static int open_keys(struct vault *vault, struct err *err)
{
	int code = 0;

	for (size_t i = 0; !code && i < vault->ring.count; i++)
		code = keyring_open(&vault->ring, i, vault->wrapping, vault->keys[i]);
	if (code != -EBADMSG)
		return code ? err_set(err, code, "cannot unwrap the data keys: %s", strerror(-code)) : 0;
	if (vault->ring.wrap == VAULT_TPM2)
		return err_set(err, code, "the keyring in %s is damaged: restore it from a backup",
			       vault->dir);
	return err_set(err, -ENOKEY,
		       "the key file %s is not the one that the data keys in %s are wrapped with: bring the "
		       "right one back",
		       vault->key_file, vault->dir);
}

/* With a TPM the key file of before is not needed any more. */
static int drop_key_file(struct vault *vault, struct err *err)
{
	int code = vault->ring.wrap == VAULT_TPM2 && vault->owns_key_file ? file_shred(vault->key_file) : 0;

	return code ? err_set(err, code, "cannot remove the key file %s, which is not needed any more: %s",
			      vault->key_file, strerror(-code))
		    : 0;
}

/* What is wrapped with the key in KEYFILE.old is wrapped with that in KEYFILE from now on. */
static int succeed_key_file(struct vault *vault, struct err *err)
{
	uint8_t next[CRYPT_KEY_SIZE];
	char old[PATH_MAX];
	struct err why = { 0 };
	int code = vault_old_key_file(vault, old);

	if (code)
		return -ENOKEY; /* there is none: err says what is wrong with the other */
	memcpy(next, vault->wrapping, sizeof(next));
	code = keyfile_read(old, vault->wrapping, &why);
	if (!code)
		code = open_keys(vault, &why);
	if (code) {
		(void)err_set(
			err, code,
			"neither %s nor %s is the key file that the data keys in %s are wrapped with: %s",
			vault->key_file, old, vault->dir, err_text(&why));
	} else {
		memcpy(vault->wrapping, next, sizeof(next));
		code = vault_wrap_again(vault, err);
	}
	if (!code)
		code = write_ring(vault, &vault->ring, err);
	if (!code && file_shred(old))
		code = 0; /* on a medium that cannot be written: it opens nothing any more */
	explicit_bzero(next, sizeof(next));
	return code;
}

static int load(struct vault *vault, enum vault_wrap wrap, struct err *err)
{
	int code = read_ring(vault, err);

	if (!code)
		code = vault_wrap_load(vault, err);
	if (!code)
		code = open_keys(vault, err);
	if (code == -ENOKEY && vault->ring.wrap == VAULT_FILE)
		code = succeed_key_file(vault, err);
	if (!code && wrap != VAULT_AUTO && wrap != vault->ring.wrap) {
		code = vault_wrap_change(vault, wrap, err);
		if (!code)
			code = write_ring(vault, &vault->ring, err);
	}
	return code ? code : drop_key_file(vault, err);
}

int vault_open(const struct vault_options *options, struct vault **out, struct err *err)
{
	struct vault *vault = calloc(1, sizeof(*vault));
	int code;

	*out = NULL;
	if (!vault)
		return err_set(err, -ENOMEM, "out of memory");
	pthread_mutex_init(&vault->lock, NULL);
	pthread_mutex_init(&vault->files, NULL);
	code = set_places(vault, options, err);
	if (!code)
		code = pkidir_exists(vault->dir) ? load(vault, options->wrap, err)
						 : create(vault, options->wrap, err);
	if (code) {
		vault_free(vault);
		return code;
	}
	*out = vault;
	return 0;
}

int vault_open_data(const struct vault_settings *settings, struct vault **out, struct err *err)
{
	char dir[PATH_MAX], sealed[PATH_MAX];
	struct vault_options options = { .dir = dir, .key_file = settings->key_file, .tpm = settings->tpm };
	int len = snprintf(dir, sizeof(dir), "%s/vault", settings->data_dir), code;

	*out = NULL;
	if (len < 0 || (size_t)len >= sizeof(dir))
		return err_set(err, -ENAMETOOLONG, "the data directory's name is too long");
	code = vault_wrap_parse(settings->wrap, &options.wrap);
	if (code)
		return err_set(err, code, "secrets.wrap \"%s\" is none of auto, file, tpm2", settings->wrap);
	/* A new one would open nothing of what is there; and it is easier to bring the old one back while it has no successor. */
	if (!pkidir_exists(dir) && vault_find_sealed(settings->data_dir, sealed))
		return err_set(err, -ENOKEY, "%s is missing, and %s was sealed by it: bring it back", dir,
			       sealed);
	return vault_open(&options, out, err);
}

void vault_free(struct vault *vault)
{
	if (!vault)
		return;
	pthread_mutex_destroy(&vault->files);
	pthread_mutex_destroy(&vault->lock);
	free(vault->tpm);
	explicit_bzero(vault, sizeof(*vault));
	free(vault);
}

/* --- sealing --- */

/* The key by its number, 0 for the newest. */
static int key_of(struct vault *vault, uint32_t *number, uint8_t out[CRYPT_KEY_SIZE])
{
	int code = -ENOKEY;

	pthread_mutex_lock(&vault->lock);
	if (!*number)
		*number = vault->ring.keys[vault->ring.count - 1].number;
	for (size_t i = 0; i < vault->ring.count; i++)
		if (vault->ring.keys[i].number == *number) {
			memcpy(out, vault->keys[i], CRYPT_KEY_SIZE);
			code = 0;
		}
	pthread_mutex_unlock(&vault->lock);
	return code;
}

static void head_of(uint32_t number, uint8_t out[HEAD_SIZE])
{
	memcpy(out, magic, sizeof(magic));
	bigend_store(number, 4, out + 4);
}

bool vault_is_sealed(struct span bytes)
{
	return bytes.len >= VAULT_OVERHEAD && memcmp(bytes.ptr, magic, sizeof(magic)) == 0;
}

uint32_t vault_key_of(struct span sealed)
{
	if (sealed.len < HEAD_SIZE || memcmp(sealed.ptr, magic, sizeof(magic)) != 0)
		return 0;
	return (uint32_t)bigend_load(sealed.ptr + 4, 4);
}

/* Header and bound together, as the AEAD's associated data. */
static int bind(const uint8_t head[HEAD_SIZE], struct span bound, uint8_t out[HEAD_SIZE + VAULT_BOUND_MAX],
		struct span *out_span)
{
	if (bound.len > VAULT_BOUND_MAX)
		return -EMSGSIZE;
	memcpy(out, head, HEAD_SIZE);
	if (bound.len)
		memcpy(out + HEAD_SIZE, bound.ptr, bound.len);
	*out_span = span_make(out, HEAD_SIZE + bound.len);
	return 0;
}

int vault_seal(struct vault *vault, struct span bound, struct span plain, struct buf *out)
{
	uint8_t head[HEAD_SIZE], key[CRYPT_KEY_SIZE], room[HEAD_SIZE + VAULT_BOUND_MAX];
	size_t start = out->len;
	uint32_t number = 0;
	struct span all;
	int code = key_of(vault, &number, key);

	if (!code) {
		head_of(number, head);
		code = bind(head, bound, room, &all);
	}
	if (!code)
		code = buf_reserve(out, plain.len + VAULT_OVERHEAD);
	if (!code)
		code = buf_add(out, head, HEAD_SIZE);
	if (!code)
		code = crypt_seal(key, all, plain, out);
	if (code)
		out->len = start;
	explicit_bzero(key, sizeof(key));
	return code;
}

int vault_unseal(struct vault *vault, struct span bound, struct span sealed, struct buf *out)
{
	uint8_t key[CRYPT_KEY_SIZE], room[HEAD_SIZE + VAULT_BOUND_MAX];
	uint32_t number = vault_key_of(sealed);
	struct span all;
	int code;

	if (!vault_is_sealed(sealed) || !number)
		return -EBADMSG;
	code = bind((const uint8_t *)sealed.ptr, bound, room, &all);
	if (!code)
		code = key_of(vault, &number, key);
	if (!code)
		code = crypt_open(key, all, span_make(sealed.ptr + HEAD_SIZE, sealed.len - HEAD_SIZE), out);
	explicit_bzero(key, sizeof(key));
	return code;
}

/* --- rotation --- */

void vault_status(struct vault *vault, struct vault_status *out)
{
	pthread_mutex_lock(&vault->lock);
	*out = (struct vault_status){
		.wrap = vault->ring.wrap,
		.key_file = vault->key_file,
		.newest = vault->ring.keys[vault->ring.count - 1].number,
		.keys = vault->ring.count,
	};
	pthread_mutex_unlock(&vault->lock);
}

int vault_rotate_begin(struct vault *vault, struct err *err)
{
	struct keyring ring = vault->ring; /* only this thread changes it */
	uint8_t key[CRYPT_KEY_SIZE];
	int code;

	if (ring.count > 1)
		return 0;
	code = keyring_add(&ring, vault->wrapping, key);
	if (code)
		return err_set(err, code, "cannot make a data key: %s", strerror(-code));
	code = write_ring(vault, &ring, err);
	if (!code) {
		pthread_mutex_lock(&vault->lock);
		vault->ring = ring;
		memcpy(vault->keys[ring.count - 1], key, CRYPT_KEY_SIZE);
		pthread_mutex_unlock(&vault->lock);
	}
	explicit_bzero(key, sizeof(key));
	return code;
}

int vault_rotate_end(struct vault *vault, struct err *err)
{
	struct keyring ring = vault->ring;
	size_t newest = ring.count - 1;
	int code;

	if (!newest)
		return 0;
	keyring_keep_newest(&ring);
	code = write_ring(vault, &ring, err);
	if (code)
		return code;
	pthread_mutex_lock(&vault->lock);
	vault->ring = ring;
	memcpy(vault->keys[0], vault->keys[newest], CRYPT_KEY_SIZE);
	for (size_t i = 1; i < KEYRING_KEYS_MAX; i++)
		explicit_bzero(vault->keys[i], CRYPT_KEY_SIZE);
	pthread_mutex_unlock(&vault->lock);
	return 0;
}
