/* region_desk: what an operator does with regions beside editing their objects: a new key. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_REGION_DESK_H
#define HOLDFAST_CLOUD_HUB_REGION_DESK_H

#include "cloud-hub/regions/regions.h"

#define REGIONS_PATH "/holdfast/v1/regions" /* POST REGIONS_PATH/NAME/rotate */

/* Both are borrowed, for good. */
int region_desk_add(struct api *api, struct regions *regions) must_check;

#endif
