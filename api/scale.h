/* scale: a workload seen through its scale subresource: how many pods it wants and has (autoscaling/v1 Scale). Pure.
 * The workload keeps them at spec.replicas, status.replicas and spec.selector. */
#ifndef HOLDFAST_API_SCALE_H
#define HOLDFAST_API_SCALE_H

#include "base/json.h"

#define SUBRESOURCE_SCALE "scale"

/* The Scale of a workload, freed by the caller. NULL without memory. */
struct json *scale_of(const struct json *workload) must_check;
/* Writes spec.replicas of the Scale into the workload, and its preconditions (uid, resourceVersion) into the metadata. -ENOMEM. */
int scale_apply(const struct json *scale, struct json *workload) must_check;

#endif
