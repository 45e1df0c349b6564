/* verdict_view: what members of regions say of each other, as objects that can be listed (kind Verdict): rendered from memory. Loop
 * thread. */
#ifndef HOLDFAST_CLOUD_HUB_REGIONS_VERDICT_VIEW_H
#define HOLDFAST_CLOUD_HUB_REGIONS_VERDICT_VIEW_H

#include "cloud-hub/regions/regions.h"

struct verdict_view;

/* Registers with the api; both are borrowed. */
int verdict_view_new(struct loop *loop, struct api *api, struct regions *regions,
		     struct verdict_view **out) must_check;
void verdict_view_free(struct verdict_view *view);

#endif
