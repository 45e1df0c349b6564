/* restored: what a restore leaves in the store for the hub that opens it: marks, and the table of what it voids, raises and keeps.
 *
 * Used by a command, on a store that nobody serves. */
#ifndef HOLDFAST_CLOUD_HUB_BACKUP_RESTORED_H
#define HOLDFAST_CLOUD_HUB_BACKUP_RESTORED_H

#include "cache/cache.h"

/* Set by the last restore: {"time","backupMade","revision","epoch","generation"}; `revision` and `epoch` are the backup's. */
#define RESTORED_MARK "restored"
/* How many restores this store has been through, decimal: what is numbered in the cluster's name (region keys) starts above what the
 * timeline given up may have reached. */
#define RESTORED_GENERATION_MARK "generation"
/* Prefix; then a node's name: the node was in the backup, and what it runs has not been compared with the store since. Controllers leave
 * it alone until that mark is gone. */
#define RESTORED_UNRECONCILED_PREFIX "unreconciled/"

struct restored_counts {
	uint64_t tokens, sessions,
		nodes; /* join tokens and session secrets made void; nodes to be reconciled */
	uint64_t revoked_nodes,
		revoked_users; /* taken over from the store that is replaced, as are newer keys */
	uint64_t generation;
};
struct restored_facts {
	int64_t now_wall_ms, made_wall_ms;
	uint64_t revision;
	const char *epoch;
};
/* Applies the table to a store just put back, which nobody serves yet, opened with inline_commits. */
int restored_apply(struct cache *cache, const struct restored_facts *facts, struct restored_counts *counts,
		   struct err *err) must_check;
/* What was revoked, or given to another key, in `from` holds in `to` as well. */
int restored_take_revocations(struct cache *from, struct cache *to, struct restored_counts *counts,
			      struct err *err) must_check;

#endif
