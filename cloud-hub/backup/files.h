/* files: what a backup holds of a data directory beside the store: collected into memory, and put back.
 *
 * The authority with all its generations, the vault's data keys in a form that opens on another machine, the configuration. Blocking; the
 * files are small and few. */
#ifndef HOLDFAST_CLOUD_HUB_BACKUP_FILES_H
#define HOLDFAST_CLOUD_HUB_BACKUP_FILES_H

#include "auth/vault.h"
#include "base/list.h"
#include "cloud-hub/backup/archive.h"

#define FILES_CONFIG "config.yaml"
#define FILES_PKI "pki"
#define FILES_TOKEN_KEYS "serviceaccounts.keys" /* as cloud-hub/satokens.h names it */
#define FILES_KEYRING "vault/keyring"
#define FILES_KEY "vault/key"
#define FILES_DEPTH_MAX 3u

struct files {
	struct list all;
	size_t count;
	uint32_t newest_key; /* of the vault's data keys, and how many there are: a rotation changes them */
	size_t keys;
};
void files_init(struct files *files);
void files_done(struct files *files); /* wipes */
/* -EFBIG, -E2BIG past the limits of an archive. `vault` may be NULL (nothing is sealed there), `config` too. */
int files_collect(struct files *files, const char *data_dir, struct vault *vault, const char *config,
		  struct err *err) must_check;
/* Nothing changed between the two, but for what is made anew each time. */
bool files_same(const struct files *a, const struct files *b);
int files_write(const struct files *files, struct archive_writer *writer, struct err *err) must_check;
/* NULL when it is not among them. */
const struct buf *files_find(const struct files *files, const char *name);

#endif
