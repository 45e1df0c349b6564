/* upload: applies what a node's outbox brings, one entry after the other: checks that the node may say it, writes the effect through
 * the API's write path together with the applied sequence, and reports to the receiver in order.
 *
 * The node is not trusted: it speaks of itself, of pods bound to it and of events about these; everything else is refused for
 * good, which is also committed, so that it does not come again. One per working edge. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_GATEWAY_UPLOAD_H
#define HOLDFAST_CLOUD_HUB_GATEWAY_UPLOAD_H

#include "cloud-hub/gateway/edge.h"

struct upload;

#define UPLOAD_MARK_PREFIX "applied/" /* and the node's name: "INCARNATION SEQUENCE" */

/* Reads how far this incarnation of the node's outbox has been applied; 0 for a new one. */
int upload_applied(struct cache *cache, const char *node, const char *incarnation, uint64_t *out) must_check;
/* Attaches itself to the mux of the edge's session. */
int upload_new(struct edge *edge, const char *incarnation, uint64_t applied, struct upload **out) must_check;
void upload_free(struct upload *upload); /* NULL is fine. Writes under way go on and are not reported */

#endif
