/* cgroup_kill: ends every process in a control group and in those below it, on version 1 and 2, frozen ones too. Allocates nothing, so that it
 * works when the machine has no memory left. One thread (it keeps its buffers). */
#ifndef HOLDFAST_EDGE_HUB_FENCE_CGROUP_KILL_H
#define HOLDFAST_EDGE_HUB_FENCE_CGROUP_KILL_H

#include "base/buf.h"

struct cgroup_killed {
	unsigned found;	 /* processes that were in it */
	unsigned killed; /* of these, the ones that were sent the signal */
	bool is_there;	 /* the group exists in some hierarchy */
};
/* `mounts` is where control groups are mounted; `group` a path below a hierarchy, with the pod's name last. One pass: a process that was
 * sent the signal may still be found by the next. -errno: nothing could be looked at. */
int cgroup_kill(const char *mounts, const char *group, struct cgroup_killed *out) must_check;

#endif
