/* enrolment_desk: lets machines join, one after the other, so that a token's last use is given out once. The decision is
 * auth/enrol's; here it is read from and committed to the store before the answer goes out. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_GATEWAY_ENROLMENT_DESK_H
#define HOLDFAST_CLOUD_HUB_GATEWAY_ENROLMENT_DESK_H

#include "cloud-hub/gateway/edge.h"

struct enrolment_desk;

#define DESK_QUEUE_MAX 256u /* joins waiting; more are told to come back */

int enrolment_desk_new(struct gateway *gateway, struct enrolment_desk **out) must_check;
void enrolment_desk_free(struct enrolment_desk *desk);
/* The edge's JoinRequest; its session is in SESSION_DECIDING and stays so until answered. `join` is copied. */
void enrolment_desk_take(struct enrolment_desk *desk, struct edge *edge, const Tunnel__JoinRequest *join);

#endif
