/* authorities: how the operator has the authority succeeded by a new one, under a running fleet.
 *
 *     GET  /holdfast/v1/authority          -> generations, and which nodes are behind
 *     POST /holdfast/v1/authority/rotate   a new generation beside the old one; its root is made known to the nodes
 *     POST /holdfast/v1/authority/finish   {"force":false,"distrustOld":false}
 *
 * The rest goes by itself: when every registered node has stored the new root, the new generation takes over and the nodes renew;
 * when all have, the old one is retired. `force` takes the step that is due without those who are missing: they get in later by the
 * renewal door, unless the old generation is distrusted. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_AUTHORITIES_H
#define HOLDFAST_CLOUD_HUB_AUTHORITIES_H

#include "api/server.h"
#include "auth/authority.h"
#include "cloud-hub/certificates.h"

#define AUTHORITIES_PATH "/holdfast/v1/authority"

struct authorities;
/* Adds its routes; all are borrowed. */
int authorities_new(struct loop *loop, struct api *api, struct authority *authority,
		    struct authorities **out) must_check;
void authorities_free(struct authorities *authorities);
/* From now on steps are taken and shown by these certificates. */
void authorities_start(struct authorities *authorities, struct certificates *certificates);
/* A node's record changed: looks, soon, whether a step is due. */
void authorities_progress(struct authorities *authorities);

#endif
