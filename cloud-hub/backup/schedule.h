/* schedule: backups in a directory, named by their time, so that the names alone say what is due and what may go. Blocking, short. */
#ifndef HOLDFAST_CLOUD_HUB_BACKUP_SCHEDULE_H
#define HOLDFAST_CLOUD_HUB_BACKUP_SCHEDULE_H

#include "base/err.h"
#include "base/span.h"

#define SCHEDULE_STAMP_SIZE 17u
void schedule_stamp(int64_t wall_ms, char out[SCHEDULE_STAMP_SIZE]); /* 20260102T030405Z */
/* DIR/PREFIX20260102T030405Z.tar. -ENAMETOOLONG. */
int schedule_name(const char *dir, const char *prefix, int64_t wall_ms, char *out, size_t size) must_check;
/* How long until the next one is due: `every_ms` after the newest there is, not before `least_ms`, never after every_ms (a clock that
 * was set back does not stop backups). Without a directory or any backup in it: least_ms. */
uint64_t schedule_wait_ms(const char *dir, const char *prefix, uint64_t every_ms, uint64_t least_ms,
			  int64_t now_wall_ms);
/* Removes all but the `keep` newest, and what was left of attempts cut short; other files are never touched. */
void schedule_prune(const char *dir, const char *prefix, size_t keep);

#endif
