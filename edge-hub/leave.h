/* leave: the verb that makes a node a plain machine again: has the running hub tell the cloud, then stops the node's containers and
 * removes its files. Said again after a power cut it goes on. Main thread. */
#ifndef HOLDFAST_EDGE_HUB_LEAVE_H
#define HOLDFAST_EDGE_HUB_LEAVE_H

#include "base/options.h"
#include "edge-hub/settings.h"

/* The exit code. */
int leave_run(const struct options *options, const struct settings *settings);

#endif
