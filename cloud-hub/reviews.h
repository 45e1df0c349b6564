/* reviews: answers who may do what: `kubectl auth can-i` and `auth whoami` about oneself, and the access reviews of others by which
 * servers delegate. Computed, never stored. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_REVIEWS_H
#define HOLDFAST_CLOUD_HUB_REVIEWS_H

#include "api/server.h"
#include "auth/authz.h"

/* `authz` is borrowed for as long as the api lives. */
int reviews_add(struct api *api, struct authz *authz) must_check;

#endif
