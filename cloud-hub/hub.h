/* hub: the cloud-hub as a whole: opens the store and the authority, wires the floors below to each other, serves until told
 * to stop, and takes it all down in reverse. No policy of its own. Main thread. */
#ifndef HOLDFAST_CLOUD_HUB_HUB_H
#define HOLDFAST_CLOUD_HUB_HUB_H

#include "cloud-hub/settings.h"

/* Runs until SIGTERM or SIGINT. 0 after a clean stop; negative errno with a sentence when it could not start or go on. */
int hub_run(const struct settings *settings, struct err *err) must_check;

#endif
