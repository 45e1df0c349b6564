/* make: one backup, from a copy of the store and the files beside it. Blocking; any thread. */
#ifndef HOLDFAST_CLOUD_HUB_BACKUP_MAKE_H
#define HOLDFAST_CLOUD_HUB_BACKUP_MAKE_H

#include "cache/cache.h"
#include "cloud-hub/backup/files.h"

#define BACKUP_GENERATION_MARK "generation" /* of the store: how many restores it has been through, decimal */

struct backup_made {
	struct archive_head head;
	uint64_t size_bytes;
};
struct backup_source {
	const char *store_copy; /* checked again, whole; its owner removes it */
	const struct files *files;
	uint64_t generation;
	int64_t now_wall_ms;
};
/* -EEXIST unless there is nothing at `path`, or an older backup, which is replaced. */
int backup_may_write(const char *path, struct err *err) must_check;
/* `path` is whole and on the disk, or as it was before. */
int backup_write(const char *path, const struct backup_source *source, struct span passphrase,
		 struct backup_made *out, struct err *err) must_check;
int backup_generation(struct cache *cache, uint64_t *out) must_check; /* 0 when there was no restore */

/* Of the data directory of a hub that does not run, whose lock the caller holds. */
struct backup_offline {
	struct vault_settings vault; /* with the data directory */
	const char *config;	     /* may be NULL */
};
int backup_stopped_hub(const struct backup_offline *from, const char *path, struct span passphrase,
		       struct backup_made *out, struct err *err) must_check;

#endif
