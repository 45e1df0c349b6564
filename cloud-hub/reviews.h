/* reviews: answers what callers ask about themselves: `kubectl auth can-i` and `auth whoami`. Computed, never stored. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_REVIEWS_H
#define HOLDFAST_CLOUD_HUB_REVIEWS_H

#include "api/server.h"
#include "auth/authz.h"

/* `authz` is borrowed for as long as the api lives. */
int reviews_add(struct api *api, struct authz *authz) must_check;

#endif
