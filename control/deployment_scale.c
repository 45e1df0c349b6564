/* How many pods each ReplicaSet of a Deployment is to have. */
#include <errno.h>
#include <stdlib.h>

#include "control/deployment_internal.h"

int64_t scale_of_current(const struct rollout *r)
{
	int64_t has = r->current ? r->current->replicas : 0;
	int64_t room = r->d->replicas + rollout_surge(r->d) - rollout_wanted(r);

	if (has >= r->d->replicas)
		return r->d->replicas;
	if (room <= 0)
		return has;
	return room < r->d->replicas - has ? has + room : r->d->replicas;
}

/* --- in proportion --- */

static int larger_first(const struct deployment_set *x, const struct deployment_set *y)
{
	return (x->replicas < y->replicas) - (x->replicas > y->replicas);
}

static int older_first(const struct deployment_set *x, const struct deployment_set *y)
{
	if (x->created_wall_ms != y->created_wall_ms)
		return x->created_wall_ms < y->created_wall_ms ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* What grows, grows in the newest first; what shrinks, in the oldest. */
static int to_grow(const void *a, const void *b)
{
	const struct deployment_set *x = *(struct deployment_set *const *)a,
				    *y = *(struct deployment_set *const *)b;
	int order = larger_first(x, y);

	return order ? order : older_first(y, x);
}

static int to_shrink(const void *a, const void *b)
{
	const struct deployment_set *x = *(struct deployment_set *const *)a,
				    *y = *(struct deployment_set *const *)b;
	int order = larger_first(x, y);

	return order ? order : older_first(x, y);
}

static int64_t rounded(double value)
{
	return (int64_t)(value < 0 ? value - 0.5 : value + 0.5);
}

/* What falls to this set when the whole goes from what it was sized for to what is wanted. */
static int64_t part_of(const struct rollout *r, const struct deployment_set *set, int64_t left)
{
	int64_t whole = r->d->replicas + rollout_surge(r->d), before, part;

	if (!r->d->replicas)
		return -set->replicas;
	if (!set_number(set, ANNOTATION_MOST, &before) || before <= 0)
		before = json_path_int(r->tree, "status.replicas", 0);
	part = before > 0 ? rounded((double)set->replicas * (double)whole / (double)before) - set->replicas
			  : left;
	if (left > 0)
		return part < left ? part : left;
	return part > left ? part : left;
}

static int share_out(const struct rollout *r, struct deployment_set **active, size_t count)
{
	int64_t allowed = r->d->replicas ? r->d->replicas + rollout_surge(r->d) : 0, left, first;
	int rc = 0;

	left = allowed - rollout_wanted(r);
	qsort(active, count, sizeof(struct deployment_set *), left > 0 ? to_grow : to_shrink);
	first = active[0]->replicas;
	for (size_t i = 0; !rc && i < count; i++) {
		int64_t part = left ? part_of(r, active[i], left) : 0;

		left -= part;
		if (i == 0)
			first += part;
		else
			rc = set_resize(r, active[i], active[i]->replicas + part);
	}
	/* What rounding left over goes to the first. */
	return rc ? rc : set_resize(r, active[0], first + left);
}

static bool is_saturated(const struct rollout *r)
{
	int64_t wanted;

	return r->current && r->current->replicas == r->d->replicas &&
	       set_number(r->current, ANNOTATION_WANTED, &wanted) && wanted == r->d->replicas &&
	       r->current->available == r->d->replicas;
}

static int empty_old(const struct rollout *r)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < r->count; i++)
		if (r->all[i] != r->current)
			rc = set_resize(r, r->all[i], 0);
	return rc;
}

/* The only one with pods; with none, the current or else the newest. NULL: there are several, or none at all. */
static struct deployment_set *only_one(const struct rollout *r, size_t active)
{
	struct deployment_set *found = r->current ? r->current : r->count ? r->all[r->count - 1] : NULL;

	for (size_t i = 0; active && i < r->count; i++)
		if (r->all[i]->replicas)
			found = r->all[i];
	return active > 1 ? NULL : found;
}

int scale_all(struct rollout *r)
{
	struct deployment_set **active = calloc(r->count + 1, sizeof(struct deployment_set *)), *only;
	size_t count = 0;
	int rc = 0;

	if (!active)
		return -ENOMEM;
	for (size_t i = 0; i < r->count; i++)
		if (r->all[i]->replicas)
			active[count++] = r->all[i];
	only = only_one(r, count);
	if (only)
		rc = set_resize(r, only, r->d->replicas);
	else if (count && is_saturated(r))
		rc = empty_old(r);
	else if (count && !r->d->recreate)
		rc = share_out(r, active, count);
	free(active);
	return rc;
}
