/* kept: what a node has to know about its fence after a power cut, in a small file of its data directory that is written only when it changes.
 *
 * That the cloud knows that this node does not fence itself; and the roster with which the node was last caught up, by which its region can tell
 * it, with no cloud in sight, that nothing was given away since (detector_majority_settled). A file that is damaged or not there says neither,
 * which is always safe. One thread. */
#ifndef HOLDFAST_EDGE_HUB_FENCE_KEPT_H
#define HOLDFAST_EDGE_HUB_FENCE_KEPT_H

#include "healthcheck/roster.h"

#include <limits.h>

#define KEPT_FILE "fence"

struct kept {
	char path[PATH_MAX];
	bool is_off;
	char region[ROSTER_REGION_SIZE]; /* of the version */
	uint64_t settled;		 /* 0: none */
};
/* Reads what there is. -ENAMETOOLONG. */
int kept_open(const char *data_dir, struct kept *out) must_check;
/* On the disk when it returns 0; otherwise *kept is as it was. */
int kept_set_off(struct kept *kept, bool is_off) must_check;
int kept_set_settled(struct kept *kept, const char *region, uint64_t version) must_check;

#endif
