/* restore: puts a backup in place of a data directory.
 *
 * The new directory is built beside, as DIR.restoring, and exchanged with the old one in one step; the old one goes on as
 * DIR.before-restore-TIME and is never deleted. Killed at any moment: DIR is the old state or the whole new one. Blocking. */
#ifndef HOLDFAST_CLOUD_HUB_BACKUP_RESTORE_H
#define HOLDFAST_CLOUD_HUB_BACKUP_RESTORE_H

#include "auth/vault.h"
#include "cloud-hub/backup/archive.h"
#include "cloud-hub/backup/restored.h"

#include <limits.h>

#define RESTORE_BUILDING ".restoring"
#define RESTORE_BEFORE ".before-restore-"
#define RESTORE_CONFIG \
	"config.yaml.restored" /* the configuration that was in use; for the operator to put where it belongs */

struct restore_options {
	struct vault_settings vault; /* with the data directory, absolute */
	const char *file;
	struct span passphrase;
	bool force; /* also when there is a cluster in the directory */
	int64_t now_wall_ms;
};
struct restore_report {
	struct archive_head head;
	struct restored_counts counts;
	uint64_t revision;	/* at which the store goes on */
	bool has_config;	/* RESTORE_CONFIG was written */
	bool replaced;		/* there was a cluster: */
	char before[PATH_MAX];	/* where it is now; "" when there was nothing to keep */
	struct err revocations; /* why its revocations could not be taken over; code 0: they were */
};
/* -EBUSY: a hub runs there, or another restore; -EEXIST: there is a cluster, and no `force`; -EOPNOTSUPP: the file system cannot exchange
 * directories. */
int restore(const struct restore_options *options, struct restore_report *out, struct err *err) must_check;

#endif
