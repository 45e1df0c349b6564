/* orphans: what edges run and the cloud does not know, after the store was put back to an older state. Kept running, and
 * shown to the operator, who adopts it (the object enters the store again, uid and all) or releases it (the node stops it).
 *
 *     GET  /holdfast/v1/orphans            -> {"items":[{"node","resource","namespace","name","uid"}]}
 *     POST /holdfast/v1/orphans/adopt      {"node":"edge-1","namespace":"","name":""}: "" stands for all
 *     POST /holdfast/v1/orphans/release    the same
 *
 * Adopting a pod takes along what it names, so that it can start again.
 *
 * In memory: each edge reports its orphans anew when it connects. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_ORPHANS_H
#define HOLDFAST_CLOUD_HUB_ORPHANS_H

#include "api/server.h"
#include "cloud-hub/gateway/gateway.h"

#define ORPHANS_PATH "/holdfast/v1/orphans"
#define ORPHANS_MAX 65536u

struct orphans;
/* Adds its routes; api and gateway are borrowed. */
int orphans_new(struct api *api, struct gateway *gateway, struct orphans **out) must_check;
void orphans_free(struct orphans *orphans);
/* An edge reported it. Takes a reference. */
void orphans_found(struct orphans *orphans, const char *node, const struct object *object);
/* The node's orphans are decided, or its session is over and it will report again. */
void orphans_forget(struct orphans *orphans, const char *node);
size_t orphans_count(const struct orphans *orphans);

#endif
