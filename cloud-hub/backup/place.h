/* place: where a data directory is replaced whole: a directory beside it to build in, and the step that exchanges the two. Blocking. */
#ifndef HOLDFAST_CLOUD_HUB_BACKUP_PLACE_H
#define HOLDFAST_CLOUD_HUB_BACKUP_PLACE_H

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct place;

/* Locks `dir` (absolute, without a slash at its end) and what is built, and clears away what an attempt cut short left of its own. See restore
 * for the codes. */
int place_open(const char *dir, bool force, int64_t now_wall_ms, struct place **out,
	       struct err *err) must_check;
bool place_has_cluster(const struct place *place);
const char *place_building(const struct place *place); /* an empty directory, mode 0700 */
/* What was built, synced, takes the directory's name. out_before gets what was there, under its new name; "" when nothing worth it. */
int place_exchange(struct place *place, char out_before[PATH_MAX], struct err *err) must_check;
/* Removes what was built and not exchanged. NULL is fine. */
void place_close(struct place *place);

#endif
