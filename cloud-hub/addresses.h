/* addresses: under which addresses edges reach the tunnel, out of what the operator configured. */
#ifndef HOLDFAST_CLOUD_HUB_ADDRESSES_H
#define HOLDFAST_CLOUD_HUB_ADDRESSES_H

#include "cloud-hub/settings.h"

#define ADDRESSES_MAX 16u /* as many as edges keep (LINK_CLOUDS_MAX) */

/* "HOST:PORT" each, NULL-ended: tunnel.advertise as it is, else the hosts of advertise with the port of `bound`. None configured: none.
 * -EINVAL: too many, or one that is no address. */
int addresses_make(const struct settings *settings, const char *bound, char *out[ADDRESSES_MAX + 1],
		   struct err *err) must_check;
void addresses_free(char *addresses[ADDRESSES_MAX + 1]);

#endif
