/* renewal_desk: new certificates for registered nodes, over a connection that proved their key and can do nothing else: the
 * certificate shown there may have run out, or be of an authority that is retired. Private to the gateway; loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_GATEWAY_RENEWAL_DESK_H
#define HOLDFAST_CLOUD_HUB_GATEWAY_RENEWAL_DESK_H

#include "cloud-hub/gateway/edge.h"

/* Answers or refuses, when the renewed key is durable in the node's record. `request` is read during the call only. */
void renewal_desk_take(struct edge *edge, const Tunnel__RenewRequest *request);

#endif
