/* prepare: what the cloud fills into a Service that is written: what a client left out and the server keeps, what a change of type
 * makes meaningless, address family, cluster address and node ports. After the defaults of the kind, before its validation.
 *
 * Pure. Rules: upstream's pkg/registry/core/service (strategy.go: patchAllocatedValues, dropTypeDependentFields; alloc.go). One
 * family of addresses: what asks for two is refused, never served with one. */
#ifndef HOLDFAST_CLOUD_HUB_SERVICES_PREPARE_H
#define HOLDFAST_CLOUD_HUB_SERVICES_PREPARE_H

#include "api/problems.h"
#include "cloud-hub/services/claims.h"

/* `owner` "ns/name"; `old` NULL for a new one. What cannot be had becomes a problem. -ENOMEM. */
int service_prepare(struct claims *claims, const char *owner, uint64_t now_ms, struct json *service,
		    const struct json *old, struct problems *problems) must_check;

#endif
