/* hub: the edge-hub as a whole: opens replica and outbox, starts the pod agent from what the disk holds, dials the cloud,
 * and takes it all down in reverse, leaving every container as it is. No policy of its own. Main thread. */
#ifndef HOLDFAST_EDGE_HUB_HUB_H
#define HOLDFAST_EDGE_HUB_HUB_H

#include "edge-hub/settings.h"

/* Runs until SIGTERM or SIGINT. 0 after a clean stop; -ENOENT: not joined; else why it could not start or go on. */
int hub_run(const struct settings *settings, struct err *err) must_check;

#endif
