/* notice: what the gateway says of a node in the API: the condition Cloned of its Node, and Events. Nobody waits for it; what cannot be
 * written is logged. Private to the gateway; loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_GATEWAY_NOTICE_H
#define HOLDFAST_CLOUD_HUB_GATEWAY_NOTICE_H

#include "auth/fork.h"
#include "cloud-hub/gateway/gateway.h"

#define NOTICE_CONDITION "Cloned"

void notice_quarantined(struct gateway *gateway, const char *node, const struct fork *fork);
/* The operator decided. */
void notice_released(struct gateway *gateway, const char *node);

#endif
