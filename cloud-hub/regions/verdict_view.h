/* verdict_view: what members of regions say of each other, as objects that can be listed and watched (kind Verdict): rendered from memory,
 * under a revision of their own that begins anew with each start of the hub. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_REGIONS_VERDICT_VIEW_H
#define HOLDFAST_CLOUD_HUB_REGIONS_VERDICT_VIEW_H

#include "cloud-hub/regions/regions.h"

struct verdict_view;

#define VERDICT_VIEW_TOGETHER_MS 100u /* what happens within is one look at a region */
#define VERDICT_VIEW_RECENT_MAX 4096u /* changes that a watch can be behind */

/* Registers with the api, and as the listener of the regions; all are borrowed. */
int verdict_view_new(struct loop *loop, struct api *api, struct regions *regions,
		     struct verdict_view **out) must_check;
void verdict_view_free(struct verdict_view *view); /* before the regions; NULL is fine */

#endif
