/* succession: what the edges know of the authorities: tells them when these change or their certificate is to be renewed, and notes
 * in their records what they have stored and by which generation they come. Private to the gateway; loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_GATEWAY_SUCCESSION_H
#define HOLDFAST_CLOUD_HUB_GATEWAY_SUCCESSION_H

#include "cloud-hub/gateway/edge.h"

/* What the certificate shown says; before anything else is done with the edge. -EINVAL: it cannot be read. */
int succession_look(struct edge *edge, struct span cert_der) must_check;
/* The edge is welcome: notes what its Hello says, and tells it what it does not know. */
void succession_welcomed(struct edge *edge, const Tunnel__Hello *hello);
/* What lies on its disk now. */
void succession_kept(struct edge *edge, const Tunnel__AuthorityKept *kept);
/* The authority has changed: tells every edge. */
void succession_announce(struct gateway *gateway);

#endif
