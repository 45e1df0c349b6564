/* strangers: who came with a good certificate of this authority and is not registered. Shown to the operator, who may confirm those
 * whom a restored store has forgotten. In memory and bounded: they come again. Private to the gateway; loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_GATEWAY_STRANGERS_H
#define HOLDFAST_CLOUD_HUB_GATEWAY_STRANGERS_H

#include "cloud-hub/gateway/edge.h"

struct strangers;

#define STRANGERS_MAX 1024u
#define STRANGERS_RESTORED_MARK "restored" /* in the store since it was made from a backup */

int strangers_new(struct cache *cache, struct strangers **out) must_check;
void strangers_free(struct strangers *strangers);
/* Came in vain. True when the store was restored from a backup, which may have cost the node its registration. */
bool strangers_note(struct strangers *strangers, const struct edge *edge, const Tunnel__Hello *hello);
/* NULL: not seen since this hub started. */
const struct gateway_stranger *strangers_get(const struct strangers *strangers, const char *node);
bool strangers_next(const struct strangers *strangers, size_t *cursor, const struct gateway_stranger **out);
void strangers_forget(struct strangers *strangers, const char *node);

#endif
