/* departure: a node goes for good: its registration, what it was given, its Node and the pods bound to it leave the store in one
 * transaction, so that a hub which stops halfway has done all of it or nothing. Private to the gateway; loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_GATEWAY_DEPARTURE_H
#define HOLDFAST_CLOUD_HUB_GATEWAY_DEPARTURE_H

#include "cloud-hub/gateway/edge.h"

#define DEPARTURE_PODS_MAX 4000u /* a node runs fewer */

/* `done` is called when it is durable (0) or has failed. -E2BIG: more pods than that. A pod that changed in between makes it fail with
 * -ESTALE or -ENOENT: nothing is gone then. */
int departure_begin(struct gateway *gateway, const char *node, void (*done)(void *ctx, int code),
		    void *ctx) must_check;
/* The node itself asks, over its session; it is told when it is done. */
void departure_ask(struct edge *edge);

#endif
