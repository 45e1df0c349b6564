/* services: gives Services their cluster addresses and node ports as they are written. Follows the store, so that what was
 * given is known after a start, and free when a Service goes. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_SERVICES_SERVICES_H
#define HOLDFAST_CLOUD_HUB_SERVICES_SERVICES_H

#include "api/server.h"
#include "cloud-hub/services/claims.h"

struct services;

/* `cache` is borrowed. -EINVAL: the range is none. */
int services_new(struct cache *cache, const char *range, struct services **out, struct err *err) must_check;
void services_detach(
	struct services *services); /* before cache_close: follows the store no more. NULL is fine */
void services_free(struct services *services);

/* Part of the hook of the same name (api/server.h): 0, or negative with `status` set. Other kinds pass. */
int services_admit(struct services *services, uint64_t now_ms, const struct api_attributes *what,
		   const struct kind *kind, struct json *object, const struct json *old,
		   struct status *status);
void services_stats(const struct services *services, struct claims_stats *out);

#endif
