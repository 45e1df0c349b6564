/* desk: backups of the running hub: on request and on schedule, one at a time.
 *
 *     POST /holdfast/v1/backup {"path":"/abs/FILE","passphrase":""}  -> when it is made: {"path","bytes","revision","objects","made"}
 *
 * The store is copied by a thread of the cache's, the file made by one of the loop's; the loop itself only starts and ends them. Owner:
 * the hub. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_BACKUP_DESK_H
#define HOLDFAST_CLOUD_HUB_BACKUP_DESK_H

#include "api/server.h"
#include "auth/vault.h"
#include "net/loop.h"

#define BACKUP_PATH "/holdfast/v1/backup"
#define BACKUP_PREFIX "cloud-"	/* of the names of those made on schedule: cloud-20260102T030405Z.tar */
#define BACKUP_RETRY_MS 600000u /* after one on schedule failed */
#define BACKUP_FIRST_MS 10000u	/* after a start: none earlier */

struct backup_desk;
struct backup_desk_options {
	struct loop *loop;
	struct api *api; /* with its cache */
	struct vault *vault;
	const char *data_dir, *config; /* config may be NULL */
	/* The schedule; every_ms 0: none. */
	const char *dir;
	uint64_t every_ms;
	size_t keep;		     /* newest ones of the schedule; the others are removed */
	const char *passphrase_file; /* may be NULL */
};
/* Everything in `options` is borrowed, but for the struct. Adds its route. -ENOMEM. */
int backup_desk_new(const struct backup_desk_options *options, struct backup_desk **out) must_check;
/* Starts nothing more. Before the cache closes. */
void backup_desk_stop(struct backup_desk *desk);
/* After the cache has closed and before the API goes: one that is still being written is finished, and told to nobody. */
void backup_desk_free(struct backup_desk *desk);

struct backup_desk_stats {
	uint64_t made, failed;
	int64_t last_wall_ms; /* of the newest that was made since the start, 0 for none */
};
void backup_desk_stats(const struct backup_desk *desk, struct backup_desk_stats *out);

#endif
