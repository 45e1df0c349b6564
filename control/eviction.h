/* eviction: when a pod goes from a node that has a taint NoExecute of the node lifecycle, how many nodes at a time, and when the identity of
 * an exclusive pod is free again. Pure. */
#ifndef HOLDFAST_CONTROL_EVICTION_H
#define HOLDFAST_CONTROL_EVICTION_H

#include "base/json.h"

/* On a pod of which there must never be two: the node stops it when it is alone for too long (healthcheck/fence.h). */
#define ANNOTATION_EXCLUSIVE "holdfast.io/exclusive"

/* For how many seconds the pod stays under the taint of this key, as upstream's taint-eviction counts: the first toleration that fits
 * decides, without tolerationSeconds for good (false). A pod that says nothing itself has the region's default. */
bool eviction_after(const struct json *pod, const char *taint_key, int64_t default_s, int64_t *out_s);
bool eviction_is_exclusive(const struct json *pod);

/* Nodes that may be begun with, as many a minute as the region allows; one at once after a pause. */
struct eviction_rate {
	uint64_t next_ms;
};
/* True: go on with this one. Else *out_due_ms says when to ask again. */
bool eviction_take(struct eviction_rate *rate, unsigned per_minute, uint64_t now_ms, uint64_t *out_due_ms);

#endif
