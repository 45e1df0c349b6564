/* join: makes this machine a node: asks a cloud-hub for a certificate, with a join token. One connection, then done.
 *
 * The token pins the cloud's authority, so nothing is taken on trust. The key is made first and kept until the answer is
 * stored: asked again after a lost answer, the same key gets the same name. Main thread. */
#ifndef HOLDFAST_EDGE_HUB_JOIN_H
#define HOLDFAST_EDGE_HUB_JOIN_H

#include "base/options.h"
#include "edge-hub/settings.h"

/* `settings`: where the data directory is, and how its secrets are kept. Returns the exit code. */
int join_run(const struct options *options, const struct settings *settings);

#endif
