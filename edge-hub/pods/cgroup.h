/* cgroup: the control group of a whole pod, made beside the runtime so that the limits of a pod hold as one.
 *
 * Version 1, version 2 and hosts that mount both. With the systemd driver the runtime makes the slice and nothing is
 * done here. Best effort by nature: a machine without a controller runs pods without that limit. */
#ifndef HOLDFAST_EDGE_HUB_PODS_CGROUP_H
#define HOLDFAST_EDGE_HUB_PODS_CGROUP_H

#include "edge-hub/pods/spec.h"

struct cgroup_limits {
	int64_t cpu_shares;   /* version 1 units, 2 to 262144 */
	int64_t cpu_quota_us; /* per 100 ms; 0: none */
	int64_t memory_bytes; /* 0: none */
};
/* `mounts` is where control groups are mounted, "/sys/fs/cgroup"; parent "/kubepods/burstable/pod<uid>". Idempotent.
 * The first failure is returned after everything was tried. */
int cgroup_make(const char *mounts, const char *parent, const struct cgroup_limits *limits) must_check;
/* Removes it and what empty groups are left in it. -EBUSY while processes are in it. */
int cgroup_remove(const char *mounts, const char *parent) must_check;

#endif
