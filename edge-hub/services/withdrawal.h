/* withdrawal: takes endpoints on neighbours that are dead out of a slice of the replica, and puts them back as they were. What was
 * taken out is kept in an annotation of the slice, so that it survives a start of the hub and anybody can see why. Pure.
 *
 * A slice that comes from the cloud anew has no annotation: what the cloud says replaces all of it. */
#ifndef HOLDFAST_EDGE_HUB_SERVICES_WITHDRAWAL_H
#define HOLDFAST_EDGE_HUB_SERVICES_WITHDRAWAL_H

#include "base/json.h"

/* {"0":"rs","3":"s"}: of endpoints 0 and 3 of the slice, which of ready and serving were true. */
#define WITHDRAWAL_ANNOTATION "holdfast.io/withdrawn"
#define WITHDRAWAL_TEXT_MAX (64u * 1024)

enum withdrawal {
	WITHDRAWAL_KEEP,     /* nothing is known: as it is */
	WITHDRAWAL_TAKE_OUT, /* the node is dead for all this one knows */
	WITHDRAWAL_PUT_BACK,
};
typedef enum withdrawal withdrawal_fn(void *ctx, const char *node);

/* Brings the slice into line. 1: changed; 0: it is so already; -ENOMEM; -EINVAL: no slice. */
int withdrawal_apply(struct json *slice, withdrawal_fn *decide, void *ctx) must_check;
/* Endpoints taken out of the slice. */
size_t withdrawal_count(const struct json *slice);

#endif
