/* endpoints_internal: what the sources of endpoints share: endpoints.c (who is wanted), endpoints_slices.c (in which slices),
 * endpoints_object.c (the Endpoints object). Private to control/endpoints*. */
#ifndef HOLDFAST_CONTROL_ENDPOINTS_INTERNAL_H
#define HOLDFAST_CONTROL_ENDPOINTS_INTERNAL_H

#include "base/map.h"
#include "control/endpoints.h"

#define GROUPS_MAX 4096u /* regions times sets of ports of one Service; what comes after is left out */

/* Endpoints of one family, one region and one set of ports. */
struct group {
	const char *family, *region;
	struct json *ports;
	size_t left; /* wanted, and in no slice yet */
};
struct want {
	size_t group;
	struct json *endpoint; /* as in a slice */
	bool placed;
};
struct world {
	const struct endpoints_input *input;
	bool publish_all; /* pods that are not ready count as if they were */
	bool selects;	  /* else what is written in Endpoints is mirrored */
	struct want *wants;
	size_t want_count;
	struct group *groups;
	size_t group_count;
	struct map by_id; /* -> number of the want, from 1 */
	struct endpoints_plan *plan;
};
void endpoints_world_done(struct world *w);
struct want *endpoints_find_want(struct world *w, const struct json *endpoint, size_t group); /* NULL */
/* Takes the tree, also on failure; NULL is -ENOMEM. Without `before` it is created; `deletes`: it goes. */
int endpoints_add_step(struct endpoints_plan *plan, const char *resource, const struct json *before,
		       struct json *after_take, bool deletes) must_check;
/* Labels of the Service, which its slices and Endpoints carry too. NULL without memory. */
struct json *endpoints_labels(const struct world *w) must_check;
int endpoints_set_owner(const struct world *w, struct json *meta) must_check;

int endpoints_plan_slices(struct world *w) must_check;
int endpoints_plan_object(struct world *w) must_check;

#endif
