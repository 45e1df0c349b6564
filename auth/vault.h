/* vault: seals bytes at rest with a data key of this data directory.
 *
 * DIR holds `keyring` (data keys, wrapped) and, unless another place was set, `key` (the wrapping key: 64 hexadecimal digits,
 * for root's eyes only). With a TPM the wrapping key is sealed by it instead. Nothing is derived from keys that rotate. What is
 * sealed says which data key sealed it, so that a rotation can go on behind a running hub. The owner opens it once, after
 * locking the data directory and before everything else. */
#ifndef HOLDFAST_AUTH_VAULT_H
#define HOLDFAST_AUTH_VAULT_H

#include "base/buf.h"

struct vault;

enum vault_wrap { VAULT_AUTO, VAULT_FILE, VAULT_TPM2 };

struct vault_options {
	const char *dir;      /* DATA/vault */
	const char *key_file; /* NULL: DIR/key. An existing one is used when the vault is made */
	enum vault_wrap wrap; /* AUTO: as it is; for a new one the TPM where it works, else the file */
	const char *tpm; /* TCTI ("swtpm:host=...", "device:/dev/tpmrm0"); NULL: /dev/tpmrm0 where present */
};

#define VAULT_OVERHEAD 36u /* what sealing adds */
#define VAULT_BOUND_MAX 4096u
#define VAULT_FILE_MAX (1024u * 1024)

/* "auto", "file", "tpm2". -EINVAL. */
int vault_wrap_parse(const char *name, enum vault_wrap *out) must_check;
const char *vault_wrap_name(enum vault_wrap wrap);

/* Makes it when DIR is absent. When another wrap is asked for than the vault has, it is wrapped anew; so it is when the key that
 * opens it lies in KEYFILE.old and another in KEYFILE, and KEYFILE.old is destroyed. -ENOKEY: the key file or
 * the TPM is not the one; -ENOENT: the key file is not there; -EPERM: others may read the key file; -EBADMSG: damaged; -EPROTO:
 * of a newer release; -ENODEV: no TPM. */
int vault_open(const struct vault_options *options, struct vault **out, struct err *err) must_check;
void vault_free(struct vault *vault);
/* The same for DATA/vault and what an operator set; `wrap` is checked (-EINVAL). */
struct vault_settings {
	const char *data_dir, *key_file, *wrap, *tpm; /* key_file and tpm may be NULL */
};
int vault_open_data(const struct vault_settings *settings, struct vault **out, struct err *err) must_check;

/* --- any thread --- */
/* `bound` says what the bytes are and where they belong; it is authenticated, not stored. Appends to out. */
int vault_seal(struct vault *vault, struct span bound, struct span plain, struct buf *out) must_check;
/* -EBADMSG: not sealed here, for this bound, or damaged; -ENOKEY: sealed under a key that is gone. */
int vault_unseal(struct vault *vault, struct span bound, struct span sealed, struct buf *out) must_check;
/* Durable, atomic, mode 0600, bound to the file's name (not its directory). */
int vault_file_write(struct vault *vault, const char *path, struct span plain) must_check;
/* The same as bytes, for a file of that name that another makes. Appends. */
int vault_file_seal(struct vault *vault, const char *name, struct span plain, struct buf *out) must_check;
int vault_file_read(struct vault *vault, const char *path, struct buf *out) must_check;
/* Brings a file up to date: what lies there in plain is sealed and the plain bytes are overwritten; what is sealed under an
 * older key is sealed under the newest. An absent file is fine. */
int vault_file_settle(struct vault *vault, const char *path) must_check;
bool vault_is_sealed(struct span bytes); /* looks like it; says nothing of the key */
/* Of something sealed: the number of the data key, 0 when it is not sealed. */
uint32_t vault_key_of(struct span sealed);

/* --- to another machine --- */
/* The data keys for a backup, wrapped by a key of their own, whatever wraps them here: texts of a keyring file and of a key file. Who has
 * both reads all that is sealed. Appends. */
int vault_export(struct vault *vault, struct buf *out_keyring, struct buf *out_key) must_check;
/* Makes a vault (DIR must be absent) from these texts, wrapped by a key file: the one at `key_file` if it is there, else one made
 * of the exported key. -EBADMSG: damaged, or they do not belong together; -EPROTO: of a newer release. */
int vault_import(const struct vault_options *options, struct span keyring, struct span key,
		 struct err *err) must_check;

/* --- rotation; the owner's thread --- */
struct vault_status {
	enum vault_wrap wrap;
	const char *key_file; /* borrowed from the vault */
	uint32_t newest;
	size_t keys; /* more than one: a rotation is under way */
};
void vault_status(struct vault *vault, struct vault_status *out);
/* A new data key, which seals from then on; durable. While a rotation is under way: nothing, that one goes on. */
int vault_rotate_begin(struct vault *vault, struct err *err) must_check;
/* Re-seals every sealed file under `dir`, a few levels deep, that is not under the newest key. `skip` (NULL-ended names, may be
 * NULL) are not entered. */
int vault_settle_files(struct vault *vault, const char *dir, const char *const *skip,
		       struct err *err) must_check;
/* Destroys all data keys but the newest: nothing may be sealed under them any more. Durable. */
int vault_rotate_end(struct vault *vault, struct err *err) must_check;

#endif
