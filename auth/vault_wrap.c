#include "auth/vault_internal.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "auth/keyfile.h"
#include "auth/pkidir.h"
#include "auth/tpm2.h"
#include "base/random.h"

static const char *const wrap_names[] = {
	[VAULT_AUTO] = "auto", [VAULT_FILE] = "file", [VAULT_TPM2] = "tpm2"
};

int vault_wrap_parse(const char *name, enum vault_wrap *out)
{
	for (size_t i = 0; i < sizeof(wrap_names) / sizeof(wrap_names[0]); i++)
		if (!strcmp(name, wrap_names[i])) {
			*out = (enum vault_wrap)i;
			return 0;
		}
	return -EINVAL;
}

const char *vault_wrap_name(enum vault_wrap wrap)
{
	return wrap_names[wrap];
}

/* What lies there already (a platform may have put it there, or an attempt cut short) is taken; else it is made, unless the vault's
 * directory, where it is to lie, is itself to be made: then it comes with it. */
static int take_file(struct vault *vault, struct err *err)
{
	if (vault->owns_key_file && !pkidir_exists(vault->dir)) {
		random_bytes(vault->wrapping, sizeof(vault->wrapping));
		return 0;
	}
	if (access(vault->key_file, F_OK) == 0)
		return keyfile_read(vault->key_file, vault->wrapping, err);
	return keyfile_make(vault->key_file, vault->wrapping, err);
}

/* A random key that only this machine's TPM gives out again. */
static int seal_by_tpm(struct vault *vault, struct err *err)
{
	struct buf sealed;
	int code;

	random_bytes(vault->wrapping, sizeof(vault->wrapping));
	buf_init(&sealed, KEYRING_TPM_MAX);
	code = tpm2_seal(vault->tpm, span_make(vault->wrapping, sizeof(vault->wrapping)), &sealed, err);
	if (!code) {
		memcpy(vault->ring.tpm, sealed.data, sealed.len);
		vault->ring.tpm_len = sealed.len;
		vault->ring.wrap = VAULT_TPM2;
	}
	buf_done(&sealed);
	return code;
}

int vault_wrap_new(struct vault *vault, enum vault_wrap wrap, struct err *err)
{
	int code = -ENODEV;

	if (wrap == VAULT_TPM2 || (wrap == VAULT_AUTO && tpm2_is_likely(vault->tpm)))
		code = seal_by_tpm(vault, err);
	if (!code || wrap == VAULT_TPM2)
		return code;
	vault->ring.wrap = VAULT_FILE;
	vault->ring.tpm_len = 0;
	return take_file(vault, err);
}

static int unseal_by_tpm(struct vault *vault, struct err *err)
{
	struct buf key;
	int code;

	buf_init(&key, TPM2_SECRET_MAX);
	code = tpm2_unseal(vault->tpm, span_make(vault->ring.tpm, vault->ring.tpm_len), &key, err);
	if (!code && key.len != sizeof(vault->wrapping))
		code = err_set(err, -EBADMSG, "the keyring in %s is damaged: restore it from a backup",
			       vault->dir);
	if (!code)
		memcpy(vault->wrapping, key.data, sizeof(vault->wrapping));
	else
		(void)err_wrap(err, "the keys in %s", vault->dir);
	if (key.data)
		explicit_bzero(key.data, key.cap);
	buf_done(&key);
	return code;
}

int vault_wrap_load(struct vault *vault, struct err *err)
{
	return vault->ring.wrap == VAULT_TPM2 ? unseal_by_tpm(vault, err)
					      : keyfile_read(vault->key_file, vault->wrapping, err);
}

int vault_old_key_file(const struct vault *vault, char out[PATH_MAX])
{
	int len = snprintf(out, PATH_MAX, "%s.old", vault->key_file);

	if (len < 0 || len >= PATH_MAX)
		return -ENAMETOOLONG;
	return access(out, F_OK) ? -errno : 0;
}

int vault_wrap_again(struct vault *vault, struct err *err)
{
	int code = 0;

	for (size_t i = 0; !code && i < vault->ring.count; i++) {
		code = keyring_wrap(&vault->ring, i, vault->wrapping, vault->keys[i]);
		if (code)
			(void)err_set(err, code, "cannot wrap the data keys anew: %s", strerror(-code));
	}
	return code;
}

int vault_wrap_change(struct vault *vault, enum vault_wrap wrap, struct err *err)
{
	int code = vault_wrap_new(vault, wrap, err);

	return code ? code : vault_wrap_again(vault, err);
}
