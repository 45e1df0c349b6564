/* operate: the verbs of the edge-hub's command line that ask a running hub, on the node, with no cloud in sight. Main thread. */
#ifndef HOLDFAST_EDGE_HUB_OPERATE_H
#define HOLDFAST_EDGE_HUB_OPERATE_H

#include "base/options.h"

int operate_status(const struct options *options, void *ctx);
int operate_secrets_status(const struct options *options, void *ctx);
int operate_secrets_rotate(const struct options *options, void *ctx);

#endif
