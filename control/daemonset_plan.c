#include "control/daemonset.h"

#include <errno.h>
#include <stdlib.h>

/* A pod of the DaemonSet, and the node it is on or was made for. */
struct entry {
	const char *node;
	const struct cluster_pod *pod;
};
struct planning {
	const struct daemonset *ds;
	const struct cluster *cluster;
	const struct daemonset_now *now;
	struct daemonset_plan *plan;
	struct entry *entries; /* by node, the pod to keep first */
	size_t count, cap;
};
/* One eligible node in a rolling update. */
struct candidate {
	const struct cluster_node *node;
	const struct cluster_pod *current, *old; /* live pods of this and of an earlier template */
};

/* --- building --- */

static int add_step(struct daemonset_plan *plan, struct daemonset_step step)
{
	if (plan->count == plan->cap) {
		size_t cap = plan->cap ? plan->cap * 2 : 16;
		struct daemonset_step *steps = reallocarray(plan->steps, cap, sizeof(*steps));

		if (!steps)
			return -ENOMEM;
		plan->steps = steps;
		plan->cap = cap;
	}
	plan->steps[plan->count++] = step;
	return 0;
}

static int add_pod_step(struct daemonset_plan *plan, enum daemonset_action action,
			const struct cluster_pod *pod, bool failed)
{
	return add_step(plan, (struct daemonset_step){ .action = action, .pod = pod, .failed = failed });
}

void daemonset_plan_done(struct daemonset_plan *plan)
{
	free(plan->steps);
	*plan = (struct daemonset_plan){ .count = 0 };
}

static bool is_live(const struct cluster_pod *pod)
{
	return !pod->view->deleting && !pod_is_over(pod->view);
}

static bool is_current(const struct planning *p, const struct cluster_pod *pod)
{
	return strcmp(pod->view->revision_hash, p->now->hash) == 0;
}

/* What nodes say of their pods counts while they can be heard. */
static bool is_heard(const struct cluster_node *node)
{
	return node->view && node->view->ready != NODE_READY_UNKNOWN && !node->view->cut_off;
}

static bool is_available(struct planning *p, const struct cluster_node *node, const struct cluster_pod *pod)
{
	int64_t due = 0;
	bool available = is_heard(node) && is_live(pod) &&
			 pod_is_available(pod->view, p->ds->min_ready_s, p->now->wall_ms, &due);

	if (due && (!p->plan->due_wall_ms || due < p->plan->due_wall_ms))
		p->plan->due_wall_ms = due;
	return available;
}

/* --- gathering --- */

static int gather(struct planning *p, const char *node, const struct cluster_pod *pod)
{
	if (p->count == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 32;
		struct entry *entries = reallocarray(p->entries, cap, sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		p->entries = entries;
		p->cap = cap;
	}
	p->entries[p->count++] = (struct entry){ node, pod };
	return 0;
}

static const char *target_of(const struct cluster_pod *pod)
{
	const char *only;

	if (pod->node)
		return pod->node->name;
	only = pod->view->has_placement ? placement_only_node(&pod->view->placement) : NULL;
	return only ? only : "";
}

/* Live before over, ready before not, older before newer; names make it a strict order. */
static int by_worth(const struct pod_view *a, const struct pod_view *b)
{
	bool a_live = !a->deleting && !pod_is_over(a), b_live = !b->deleting && !pod_is_over(b);

	if (a_live != b_live)
		return a_live ? -1 : 1;
	if (a->ready != b->ready)
		return a->ready ? -1 : 1;
	if (a->created_wall_ms != b->created_wall_ms)
		return a->created_wall_ms < b->created_wall_ms ? -1 : 1;
	return strcmp(a->name, b->name);
}

static int by_node(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcmp(x->node, y->node);

	return order ? order : by_worth(x->pod->view, y->pod->view);
}

static int gather_owned(struct planning *p)
{
	struct list *owned = cluster_owned(p->cluster, p->ds->uid);

	if (!owned)
		return 0;
	list_for_each(owned, at) {
		const struct cluster_pod *pod = container_of(at, struct cluster_pod, in_owner);
		bool ours = strcmp(pod->view->ns, p->ds->ns) == 0 && !pod->view->orphaned;
		int rc = 0;

		if (ours && selector_match(p->ds->selector, pod->view->labels))
			rc = gather(p, target_of(pod), pod);
		else if (ours && !pod->view->deleting)
			rc = add_pod_step(p->plan, DAEMON_RELEASE, pod, false);
		if (rc)
			return rc;
	}
	return 0;
}

static int adopt_orphans(struct planning *p)
{
	list_for_each(&p->cluster->strays, at) {
		const struct cluster_pod *pod = container_of(at, struct cluster_pod, in_owner);
		int rc;

		if (pod->view->deleting || pod->view->orphaned || strcmp(pod->view->ns, p->ds->ns) != 0 ||
		    !selector_match(p->ds->selector, pod->view->labels))
			continue;
		rc = add_pod_step(p->plan, DAEMON_ADOPT, pod, false);
		if (!rc)
			rc = gather(p, target_of(pod), pod);
		if (rc)
			return rc;
	}
	return 0;
}

/* The entries of one node: a range of the sorted array. */
static struct entry *entries_of(const struct planning *p, const char *node, size_t *out_count)
{
	size_t low = 0, high = p->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(p->entries[middle].node, node) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*out_count = 0;
	if (!p->count)
		return NULL;
	while (low + *out_count < p->count && strcmp(p->entries[low + *out_count].node, node) == 0)
		++*out_count;
	return p->entries + low;
}

/* --- one pod for each node --- */

static int delete_all(struct planning *p, const struct entry *entries, size_t count)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < count; i++)
		if (!entries[i].pod->view->deleting)
			rc = add_pod_step(p->plan, DAEMON_DELETE, entries[i].pod, false);
	return rc;
}

static bool may_replace(const struct planning *p, const char *node)
{
	return !p->now->may_replace || p->now->may_replace(p->now->ctx, node);
}

/* Keeps one live pod (with surge: one of each template), and clears away those that are over. */
static int tidy(struct planning *p, const struct cluster_node *node, const struct entry *entries,
		size_t count)
{
	bool kept_current = false, kept_old = false;
	int rc = 0;

	for (size_t i = 0; !rc && i < count; i++) {
		const struct cluster_pod *pod = entries[i].pod;
		bool *kept = p->ds->max_surge.value && is_current(p, pod) ? &kept_current : &kept_old;

		if (pod->view->deleting)
			continue;
		if (pod_is_over(pod->view)) {
			if (may_replace(p, node->name))
				rc = add_pod_step(p->plan, DAEMON_DELETE, pod,
						  pod->view->phase == POD_FAILED);
			continue;
		}
		if (*kept)
			rc = add_pod_step(p->plan, DAEMON_DELETE, pod, false);
		*kept = true;
	}
	return rc;
}

static int manage(struct planning *p, const struct cluster_node *node, struct daemonset_fit fit,
		  const struct entry *entries, size_t count)
{
	if (!node->view || node->damaged || node->held || node->view->deleting)
		return 0;
	if (!fit.may_continue)
		return delete_all(p, entries, count);
	if (count)
		return tidy(p, node, entries, count);
	return fit.should_run ? add_step(p->plan, (struct daemonset_step){ .action = DAEMON_CREATE,
									   .node = node->name })
			      : 0;
}

/* --- counting --- */

static const struct cluster_pod *representative(const struct planning *p, const struct entry *entries,
						size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_live(entries[i].pod) && is_current(p, entries[i].pod))
			return entries[i].pod;
	return entries[0].pod;
}

static void count_node(struct planning *p, const struct cluster_node *node, struct daemonset_fit fit,
		       const struct entry *entries, size_t count)
{
	struct daemonset_counts *counts = &p->plan->counts;
	bool unclear = !node->view || node->damaged || node->held || node->view->deleting;
	const struct cluster_pod *pod;

	if (unclear ? !count : !fit.should_run) {
		counts->misscheduled += !unclear && count > 0;
		return;
	}
	counts->desired++;
	if (!count)
		return;
	pod = representative(p, entries, count);
	counts->current++;
	counts->updated += is_current(p, pod);
	counts->ready += is_heard(node) && is_live(pod) && pod->view->ready;
	counts->available += is_available(p, node, pod);
}

/* --- rolling update --- */

static void classify(const struct planning *p, const struct entry *entries, size_t count,
		     struct candidate *out)
{
	for (size_t i = 0; i < count; i++) {
		const struct cluster_pod *pod = entries[i].pod;

		if (!is_live(pod))
			continue;
		if (is_current(p, pod) && !out->current)
			out->current = pod;
		else if (!is_current(p, pod) && !out->old)
			out->old = pod;
	}
}

/* Old pods that do not work go at once; those that do, as the budget allows. */
static int roll_in_place(struct planning *p, const struct candidate *all, size_t count)
{
	int64_t budget = share_up(p->ds->max_unavailable, p->plan->counts.desired);
	int rc = 0;

	if (!budget)
		budget = 1; /* with no surge either, nothing would ever move */
	for (size_t i = 0; i < count; i++)
		if (all[i].current ? !is_available(p, all[i].node, all[i].current) : !all[i].old)
			budget--;
	for (size_t i = 0; !rc && i < count; i++) {
		if (!all[i].old || all[i].current)
			continue;
		if (!is_available(p, all[i].node, all[i].old))
			rc = add_pod_step(p->plan, DAEMON_DELETE, all[i].old, false);
		else if (budget-- > 0)
			rc = add_pod_step(p->plan, DAEMON_DELETE, all[i].old, false);
	}
	return rc;
}

/* New pods come up beside the old ones, which go when the new ones work. */
static int roll_with_surge(struct planning *p, const struct candidate *all, size_t count)
{
	int64_t budget = share_up(p->ds->max_surge, p->plan->counts.desired);
	int rc = 0;

	for (size_t i = 0; i < count; i++)
		budget -= all[i].old && all[i].current;
	for (size_t i = 0; !rc && i < count; i++) {
		bool beside = all[i].old && !all[i].current;

		if (all[i].old && all[i].current && is_available(p, all[i].node, all[i].current))
			rc = add_pod_step(p->plan, DAEMON_DELETE, all[i].old, false);
		else if (beside && (!is_available(p, all[i].node, all[i].old) || budget-- > 0))
			rc = add_step(p->plan, (struct daemonset_step){ .action = DAEMON_CREATE,
									.node = all[i].node->name });
	}
	return rc;
}

static int roll(struct planning *p)
{
	struct candidate *all = calloc(p->cluster->node_objects + 1, sizeof(*all));
	struct cluster_node *node;
	size_t count = 0, cursor = 0;
	int rc;

	if (!all)
		return -ENOMEM;
	while ((node = cluster_next_node(p->cluster, &cursor)) && count < p->cluster->node_objects) {
		size_t pods;
		struct entry *entries = entries_of(p, node->name, &pods);

		if (!daemonset_fits(p->ds, node).should_run || !is_heard(node))
			continue;
		all[count] = (struct candidate){ .node = node };
		classify(p, entries, pods, &all[count++]);
	}
	rc = p->ds->max_surge.value ? roll_with_surge(p, all, count) : roll_in_place(p, all, count);
	free(all);
	return rc;
}

/* --- the plan --- */

static int walk_nodes(struct planning *p)
{
	struct cluster_node *node;
	size_t cursor = 0;
	int rc = 0;

	while (!rc && (node = cluster_next_node(p->cluster, &cursor))) {
		struct daemonset_fit fit = daemonset_fits(p->ds, node);
		size_t count;
		struct entry *entries = entries_of(p, node->name, &count);

		count_node(p, node, fit, entries, count);
		rc = manage(p, node, fit, entries, count);
	}
	p->plan->counts.unavailable = p->plan->counts.desired - p->plan->counts.available;
	return rc;
}

/* Pods made for a node whose Node object is gone: those that never got there go; those that run are not ours to stop. */
static int drop_strays(struct planning *p)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < p->count; i++) {
		const struct cluster_pod *pod = p->entries[i].pod;
		const struct cluster_node *node = cluster_node(p->cluster, p->entries[i].node);

		if (!pod->node && !pod->view->deleting &&
		    (!node || (!node->view && !node->damaged && !node->held)))
			rc = add_pod_step(p->plan, DAEMON_DELETE, pod, false);
	}
	return rc;
}

int daemonset_plan(const struct daemonset *ds, const struct cluster *cluster, const struct daemonset_now *now,
		   struct daemonset_plan *out)
{
	struct planning p = { .ds = ds, .cluster = cluster, .now = now, .plan = out };
	size_t managed;
	int rc;

	*out = (struct daemonset_plan){ .count = 0 };
	rc = gather_owned(&p);
	if (!rc)
		rc = adopt_orphans(&p);
	if (!rc && p.count)
		qsort(p.entries, p.count, sizeof(*p.entries), by_node);
	managed = out->count;
	if (!rc)
		rc = walk_nodes(&p);
	if (!rc)
		rc = drop_strays(&p);
	/* One thing at a time: what is missing or superfluous is settled before templates are rolled. */
	if (!rc && out->count == managed && !ds->on_delete)
		rc = roll(&p);
	free(p.entries);
	if (rc)
		daemonset_plan_done(out);
	return rc;
}
