/* mounts: mount points on this machine, as far as volumes need them. */
#ifndef HOLDFAST_EDGE_HUB_PODS_MOUNTS_H
#define HOLDFAST_EDGE_HUB_PODS_MOUNTS_H

#include <stdbool.h>

#include "base/err.h"

bool mounts_is_mount_point(const char *path);
/* Binds what `inside` names within `base` (made as a directory if it is not there) at `target`, replacing what was bound there.
 * Symbolic links may lead anywhere within base and nowhere out of it, also while someone changes them. */
int mounts_bind_beneath(const char *base, const char *inside, const char *target, struct err *err) must_check;
/* Unmounts every mount point below a directory, deepest first. */
int mounts_unmount_below(const char *path) must_check;

#endif
