/* admission: whether a node that says Hello may work: it is registered, with this key, not revoked, and no copy of another host's
 * disk (auth/fork.h). Hands out the session secret, which is in the store before it is sent. Private to the gateway; loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_GATEWAY_ADMISSION_H
#define HOLDFAST_CLOUD_HUB_GATEWAY_ADMISSION_H

#include "auth/fork.h"
#include "cloud-hub/gateway/edge.h"

struct admission;

int admission_new(struct gateway *gateway, struct admission **out) must_check;
void admission_free(struct admission *admission); /* writes under way end by themselves */

/* Ends in edge_welcome, in edge_refuse, or with the edge. One at a time for each node; the others wait for it. */
void admission_take(struct admission *admission, struct edge *edge, const Tunnel__Hello *hello);
/* The edge answered session_challenge. */
void admission_alive(struct admission *admission, struct edge *edge);
/* The edge is closed. */
void admission_gone(struct admission *admission, struct edge *edge);
/* Refuses whoever asks to work as this node at the moment. */
void admission_drop(struct admission *admission, const char *node, enum refuse_reason reason,
		    const char *text);

#endif
