#include "control/deployment.h"

#include <errno.h>
#include <stdlib.h>

#include "control/deployment_internal.h"

#define SHARE_DEFAULT ((struct share){ 25, true })

/* --- decoding --- */

/* Absent or as large as can be: without a limit. */
static int64_t limit_of(const struct json *value)
{
	int64_t limit = json_int(value, -1);

	return limit == INT32_MAX ? -1 : limit;
}

static int decode_numbers(const struct json *tree, struct deployment *d)
{
	const struct json *spec = json_get(tree, "spec");
	const struct json *rolling = json_path(spec, "strategy.rollingUpdate");
	int rc = share_decode(json_get(rolling, "maxUnavailable"), SHARE_DEFAULT, 100, &d->max_unavailable);

	d->replicas = json_int(json_get(spec, "replicas"), 1);
	d->min_ready_s = json_int(json_get(spec, "minReadySeconds"), 0);
	d->history_limit = limit_of(json_get(spec, "revisionHistoryLimit"));
	d->deadline_s = limit_of(json_get(spec, "progressDeadlineSeconds"));
	d->paused = json_bool(json_get(spec, "paused"), false);
	d->recreate = strcmp(json_path_str(spec, "strategy.type", "RollingUpdate"), "Recreate") == 0;
	if (d->replicas < 0 || d->replicas > INT32_MAX)
		return -EINVAL;
	return rc ? rc : share_decode(json_get(rolling, "maxSurge"), SHARE_DEFAULT, INT32_MAX, &d->max_surge);
}

static int decode(const struct json *tree, struct deployment *d)
{
	const struct json *meta = json_get(tree, "metadata"), *spec = json_get(tree, "spec");
	int rc;

	d->ns = arena_str(&d->arena, json_str(json_get(meta, "namespace"), ""));
	d->name = arena_str(&d->arena, json_str(json_get(meta, "name"), ""));
	d->uid = arena_str(&d->arena, json_str(json_get(meta, "uid"), ""));
	if (!d->ns || !d->name || !d->uid)
		return -ENOMEM;
	if (!*d->name || !*d->uid || !json_is(json_path(spec, "template.spec"), JSON_OBJECT) ||
	    !json_is(json_get(spec, "selector"), JSON_OBJECT))
		return -EINVAL;
	d->generation = json_int(json_get(meta, "generation"), 0);
	d->deleting = json_get(meta, "deletionTimestamp") != NULL;
	rc = decode_numbers(tree, d);
	if (!rc)
		rc = selector_of_json(json_get(spec, "selector"), &d->selector, NULL);
	return !rc && selector_is_empty(d->selector) ? -EINVAL : rc;
}

int deployment_of(const struct json *tree, struct deployment **out)
{
	struct deployment *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return -ENOMEM;
	rc = decode(tree, d);
	if (rc) {
		deployment_free(d);
		return rc == -ENOMEM ? rc : -EINVAL;
	}
	*out = d;
	return 0;
}

void deployment_free(struct deployment *d)
{
	if (!d)
		return;
	selector_free(d->selector);
	arena_done(&d->arena);
	free(d);
}

void deployment_plan_done(struct deployment_plan *plan)
{
	json_free(plan->create);
	*plan = (struct deployment_plan){ .create = NULL };
}

/* --- sums --- */

int64_t rollout_surge(const struct deployment *d)
{
	return d->recreate ? 0 : share_up(d->max_surge, d->replicas);
}

/* With no surge either, nothing would ever move; and more than all cannot be. */
int64_t rollout_unavailable(const struct deployment *d)
{
	int64_t unavailable = share_down(d->max_unavailable, d->replicas);

	if (d->recreate || !d->replicas)
		return 0;
	if (!unavailable && !rollout_surge(d))
		unavailable = 1;
	return unavailable < d->replicas ? unavailable : d->replicas;
}

int64_t rollout_wanted(const struct rollout *r)
{
	int64_t sum = 0;

	for (size_t i = 0; i < r->count; i++)
		sum += r->all[i]->replicas;
	return sum;
}

int64_t rollout_available(const struct rollout *r)
{
	int64_t sum = 0;

	for (size_t i = 0; i < r->count; i++)
		sum += r->all[i]->available;
	return sum;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* --- rolling --- */

/* Takes up to `budget` pods from a set; what was taken is taken off the budget. */
static int take(const struct rollout *r, struct deployment_set *set, int64_t most, int64_t *budget)
{
	int64_t count = least(least(most, set->replicas), *budget);

	if (count <= 0)
		return 0;
	*budget -= count;
	return set_resize(r, set, set->replicas - count);
}

/* Old pods that do not work go first, and are no loss; then those that do, as long as enough are left. Oldest sets first. */
static int shrink_old(const struct rollout *r)
{
	int64_t least_available = r->d->replicas - rollout_unavailable(r->d);
	int64_t budget =
		rollout_wanted(r) - least_available -
		(r->current->replicas > r->current->available ? r->current->replicas - r->current->available
							      : 0);
	int64_t spare;
	int rc = 0;

	for (size_t i = 0; !rc && i < r->count; i++)
		if (r->all[i] != r->current)
			rc = take(r, r->all[i], r->all[i]->replicas - r->all[i]->available, &budget);
	spare = rollout_available(r) - least_available;
	for (size_t i = 0; !rc && spare > 0 && i < r->count; i++) {
		int64_t before = budget;

		if (r->all[i] == r->current)
			continue;
		rc = take(r, r->all[i], spare, &budget);
		spare -= before - budget;
	}
	return rc;
}

static bool any_changed_size(const struct rollout *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->all[i]->replicas != r->all[i]->was)
			return true;
	return false;
}

static int roll(struct rollout *r)
{
	int rc;

	if (!r->current)
		return set_make(r, scale_of_current(r));
	rc = set_resize(r, r->current, scale_of_current(r));
	/* One thing at a time: what comes up is settled before more is taken down. */
	return rc || any_changed_size(r) ? rc : shrink_old(r);
}

/* --- all down, then all up --- */

static int recreate(struct rollout *r)
{
	bool down = true;
	int rc = 0;

	for (size_t i = 0; !rc && i < r->count; i++) {
		if (r->all[i] == r->current)
			continue;
		down = down && !r->all[i]->replicas && !r->all[i]->has && !r->all[i]->running;
		rc = set_resize(r, r->all[i], 0);
	}
	if (rc || !down)
		return rc;
	return r->current ? set_resize(r, r->current, r->d->replicas) : set_make(r, r->d->replicas);
}

/* --- history --- */

static int by_revision(const void *a, const void *b)
{
	const struct deployment_set *x = *(struct deployment_set *const *)a,
				    *y = *(struct deployment_set *const *)b;

	if (x->revision != y->revision)
		return x->revision < y->revision ? -1 : 1;
	return (x->created_wall_ms > y->created_wall_ms) - (x->created_wall_ms < y->created_wall_ms);
}

static bool is_settled(const struct deployment_set *set)
{
	return !set->replicas && !set->has && !set->changed &&
	       json_path_int(set->tree, "metadata.generation", 0) <=
		       json_path_int(set->tree, "status.observedGeneration", 0);
}

/* Of the old sets that are empty the newest are kept, for `kubectl rollout undo`. */
static int forget(const struct rollout *r)
{
	struct deployment_set **old;
	size_t count = 0, too_many;

	if (r->d->history_limit < 0 || r->count <= (size_t)r->d->history_limit)
		return 0;
	old = calloc(r->count, sizeof(struct deployment_set *));
	if (!old)
		return -ENOMEM;
	for (size_t i = 0; i < r->count; i++)
		if (r->all[i] != r->current)
			old[count++] = r->all[i];
	qsort(old, count, sizeof(struct deployment_set *), by_revision);
	too_many = count > (size_t)r->d->history_limit ? count - (size_t)r->d->history_limit : 0;
	for (size_t i = 0; i < too_many; i++)
		old[i]->remove = is_settled(old[i]);
	free(old);
	return 0;
}

/* --- the plan --- */

/* spec.replicas is not what the sets were last sized for. */
static bool was_scaled(const struct rollout *r)
{
	int64_t wanted;

	for (size_t i = 0; i < r->count; i++)
		if (r->all[i]->replicas && set_number(r->all[i], ANNOTATION_WANTED, &wanted) &&
		    wanted != r->d->replicas)
			return true;
	return false;
}

static int advance(struct rollout *r)
{
	bool paused = r->d->paused;
	int rc = status_pause(r);

	if (!rc)
		rc = set_refresh_current(r);
	if (rc)
		return rc;
	if (paused || (!r->d->recreate && was_scaled(r))) {
		rc = scale_all(r);
		if (!rc && paused)
			rc = forget(r);
		return rc ? rc : status_counts(r);
	}
	rc = r->d->recreate ? recreate(r) : roll(r);
	if (!rc)
		rc = status_progress(r, r->plan->create != NULL);
	if (!rc && !any_changed_size(r) && status_is_complete(r))
		rc = forget(r);
	return rc;
}

int deployment_plan(const struct deployment *d, struct json *tree, struct deployment_set *sets, size_t count,
		    const struct deployment_now *now, struct deployment_plan *out)
{
	struct rollout r = { .d = d, .tree = tree, .now = now, .plan = out, .count = count };
	int rc;

	*out = (struct deployment_plan){ .create = NULL };
	if (d->deleting)
		return 0;
	r.all = calloc(count + 1, sizeof(struct deployment_set *));
	if (!r.all)
		return -ENOMEM;
	rc = sets_decode(&r, sets);
	if (!rc)
		rc = advance(&r);
	free(r.all);
	if (rc < 0)
		deployment_plan_done(out);
	return rc < 0 ? rc : 0;
}
