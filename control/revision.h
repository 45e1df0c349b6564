/* revision: the history of a DaemonSet's template as ControllerRevisions, which `kubectl rollout history` reads and
 * `rollout undo` applies. Pure. */
#ifndef HOLDFAST_CONTROL_REVISION_H
#define HOLDFAST_CONTROL_REVISION_H

#include "control/template.h"

#define REVISION_NAME_SIZE 280

/* One stored revision of the DaemonSet (owned by it). */
struct revision {
	const struct json *tree;
	bool in_use; /* some pod carries its hash */
};
struct revision_plan {
	char hash[TEMPLATE_HASH_SIZE]; /* of the current template: label of its pods */
	int64_t number;
	struct json *create; /* the revision to create first; NULL: it exists */
	char raise
		[REVISION_NAME_SIZE]; /* an older revision whose template is current again: give it `number`; "" for none */
	size_t *drop;		      /* indices of revisions beyond the history limit, oldest first */
	size_t drop_count;
};
/* `ds` is the DaemonSet's tree; a hash taken by another template counts collisions (status.collisionCount), which
 * changes the hash. -ENOMEM, -EINVAL: no template. */
int revision_plan(const struct json *ds, const struct revision *revisions, size_t count,
		  struct revision_plan *out) must_check;
void revision_plan_done(struct revision_plan *plan);
/* Does this revision hold the DaemonSet's current template? */
bool revision_is_current(const struct json *ds, const struct json *revision);

#endif
