#include "control/replicaset.h"

#include <errno.h>
#include <stdlib.h>

#include "base/walltime.h"
#include "cache/object.h"

/* A live pod of the set, and how it stands among those that could go. */
struct replica {
	const struct cluster_pod *pod;
	bool ready;    /* and its node can be heard */
	size_t beside; /* related live pods on the same node */
};
struct planning {
	const struct replicaset *rs;
	const struct cluster *cluster;
	const struct replicaset_now *now;
	struct replicaset_plan *plan;
	struct replica *live;
	size_t live_count, live_cap;
	size_t ending; /* exclusive pods that are being deleted, and may run until they are gone */
	const struct cluster_pod **over; /* owned, over and not being deleted */
	size_t over_count, over_cap;
};

/* --- building --- */

static int add_step(struct replicaset_plan *plan, enum replicaset_action action,
		    const struct cluster_pod *pod)
{
	if (plan->count == plan->cap) {
		size_t cap = plan->cap ? plan->cap * 2 : 16;
		struct replicaset_step *steps = reallocarray(plan->steps, cap, sizeof(*steps));

		if (!steps)
			return -ENOMEM;
		plan->steps = steps;
		plan->cap = cap;
	}
	plan->steps[plan->count++] = (struct replicaset_step){ action, pod };
	return 0;
}

void replicaset_plan_done(struct replicaset_plan *plan)
{
	free(plan->steps);
	*plan = (struct replicaset_plan){ .count = 0 };
}

static void wait_until(struct planning *p, int64_t due_wall_ms)
{
	if (due_wall_ms && (!p->plan->due_wall_ms || due_wall_ms < p->plan->due_wall_ms))
		p->plan->due_wall_ms = due_wall_ms;
}

/* What nodes say of their pods counts while they can be heard. */
static bool is_heard(const struct cluster_pod *pod)
{
	return pod->node && pod->node->view && pod->node->view->ready != NODE_READY_UNKNOWN &&
	       !pod->node->view->cut_off;
}

/* Its node's inventory is unclear: nothing is done to it. */
static bool is_held(const struct cluster_pod *pod)
{
	return pod->node && (pod->node->held || pod->node->damaged);
}

/* --- gathering --- */

static int gather_live(struct planning *p, const struct cluster_pod *pod)
{
	if (p->live_count == p->live_cap) {
		size_t cap = p->live_cap ? p->live_cap * 2 : 32;
		struct replica *live = reallocarray(p->live, cap, sizeof(*live));

		if (!live)
			return -ENOMEM;
		p->live = live;
		p->live_cap = cap;
	}
	p->live[p->live_count++] = (struct replica){ .pod = pod, .ready = pod->view->ready && is_heard(pod) };
	return 0;
}

static int gather_over(struct planning *p, const struct cluster_pod *pod)
{
	if (p->over_count == p->over_cap) {
		size_t cap = p->over_cap ? p->over_cap * 2 : 16;
		const struct cluster_pod **over = reallocarray(p->over, cap, sizeof(*over));

		if (!over)
			return -ENOMEM;
		p->over = over;
		p->over_cap = cap;
	}
	p->over[p->over_count++] = pod;
	return 0;
}

static int gather_one(struct planning *p, const struct cluster_pod *pod)
{
	const struct pod_view *view = pod->view;

	if (strcmp(view->ns, p->rs->ns) != 0 || view->orphaned)
		return 0;
	p->ending += view->deleting && view->exclusive && !pod_is_over(view);
	if (view->deleting)
		return 0;
	if (pod_is_over(view))
		return gather_over(p, pod);
	if (selector_match(p->rs->selector, view->labels))
		return gather_live(p, pod);
	return is_held(pod) ? 0 : add_step(p->plan, REPLICA_RELEASE, pod);
}

static int gather_owned(struct planning *p)
{
	struct list *owned = cluster_owned(p->cluster, p->rs->uid);
	int rc = 0;

	if (!owned)
		return 0;
	list_for_each(owned, at) {
		rc = gather_one(p, container_of(at, struct cluster_pod, in_owner));
		if (rc)
			return rc;
	}
	return 0;
}

static int adopt_strays(struct planning *p)
{
	list_for_each(&p->cluster->strays, at) {
		const struct cluster_pod *pod = container_of(at, struct cluster_pod, in_owner);
		const struct pod_view *view = pod->view;
		int rc;

		if (view->deleting || view->orphaned || pod_is_over(view) || is_held(pod) ||
		    strcmp(view->ns, p->rs->ns) != 0 || !selector_match(p->rs->selector, view->labels))
			continue;
		rc = add_step(p->plan, REPLICA_ADOPT, pod);
		if (!rc)
			rc = gather_live(p, pod);
		if (rc)
			return rc;
	}
	return 0;
}

/* --- counting --- */

static bool has_labels(struct span packed, struct span wanted)
{
	const char *key, *value, *has;
	size_t cursor = 0;

	while (pairs_next(wanted, &cursor, &key, &value)) {
		has = pairs_get(packed, key);
		if (!has || strcmp(has, value) != 0)
			return false;
	}
	return true;
}

static void count(struct planning *p)
{
	struct replicaset_counts *counts = &p->plan->counts;

	for (size_t i = 0; i < p->live_count; i++) {
		const struct replica *r = &p->live[i];
		int64_t due = 0;

		counts->replicas++;
		counts->fully_labeled += has_labels(r->pod->view->labels, p->rs->template_labels);
		counts->ready += r->ready;
		counts->available +=
			r->ready && pod_is_available(r->pod->view, p->rs->min_ready_s, p->now->wall_ms, &due);
		wait_until(p, due);
	}
}

/* --- too few --- */

/* From when on another may be made: when several failed young lately, not at once. 0: now. */
static int64_t retry_at(const struct planning *p)
{
	int64_t newest = 0, wait = REPLICASET_RETRY_MS;
	size_t young = 0;

	for (size_t i = 0; i < p->over_count; i++) {
		const struct pod_view *view = p->over[i]->view;

		/* Made in the future: a clock was put back since, and it says nothing. */
		if (view->phase != POD_FAILED || !view->created_wall_ms ||
		    view->created_wall_ms > p->now->wall_ms + WALLTIME_TOLERANCE_MS ||
		    p->now->wall_ms - view->created_wall_ms > REPLICASET_YOUNG_MS)
			continue;
		young++;
		if (view->created_wall_ms > newest)
			newest = view->created_wall_ms;
	}
	for (size_t i = 1; i < young && wait < REPLICASET_RETRY_MAX_MS; i++)
		wait *= 2;
	if (wait > REPLICASET_RETRY_MAX_MS)
		wait = REPLICASET_RETRY_MAX_MS;
	return young ? newest + wait : 0;
}

static void make_up(struct planning *p, size_t missing)
{
	int64_t retry = retry_at(p);

	if (retry > p->now->wall_ms) {
		wait_until(p, retry);
		return;
	}
	p->plan->create = missing < p->now->batch ? missing : p->now->batch;
	p->plan->more = missing > p->plan->create;
}

/* --- too many: who goes first --- */

static bool is_related(const struct planning *p, const struct pod_view *view)
{
	return strcmp(view->controller.uid, p->rs->uid) == 0 ||
	       (p->now->is_related && p->now->is_related(p->now->ctx, view));
}

static int by_node(const void *a, const void *b)
{
	const struct cluster_node *x = ((const struct replica *)a)->pod->node,
				  *y = ((const struct replica *)b)->pod->node;

	return (x > y) - (x < y);
}

static size_t related_on(const struct planning *p, const struct cluster_node *node)
{
	size_t related = 0;

	if (!node)
		return 0;
	list_for_each(&node->pods, at) {
		const struct pod_view *view = container_of(at, struct cluster_pod, in_node)->view;

		related += !view->deleting && !pod_is_over(view) && is_related(p, view);
	}
	return related;
}

/* Each node is looked at once. */
static void count_beside(struct planning *p)
{
	qsort(p->live, p->live_count, sizeof(*p->live), by_node);
	for (size_t i = 0; i < p->live_count; i++)
		p->live[i].beside = i && p->live[i].pod->node == p->live[i - 1].pod->node
					    ? p->live[i - 1].beside
					    : related_on(p, p->live[i].pod->node);
}

/* Ages by orders of magnitude (of two, in nanoseconds): about as old counts as just as old. -1: not yet begun. */
static int magnitude(int64_t since_wall_ms, int64_t now_wall_ms)
{
	int64_t age_ms = now_wall_ms - since_wall_ms;

	if (age_ms <= 0)
		return -1;
	return 63 - __builtin_clzll((uint64_t)(age_ms < INT64_MAX / 1000000 ? age_ms * 1000000 : INT64_MAX));
}

static int phase_order(enum pod_phase phase)
{
	return phase == POD_PENDING ? 0 : phase == POD_UNKNOWN ? 1 : 2;
}

static int compare(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* The younger goes first; an unknown time before all. */
static int by_age(int64_t a_wall_ms, int64_t b_wall_ms, int64_t now_wall_ms)
{
	if (!a_wall_ms || !b_wall_ms)
		return compare(a_wall_ms != 0, b_wall_ms != 0);
	return compare(magnitude(a_wall_ms, now_wall_ms), magnitude(b_wall_ms, now_wall_ms));
}

/* Upstream's ActivePodsWithRanks, rule by rule; uids make it a strict order. */
static int by_worth(const void *a, const void *b, void *ctx)
{
	const struct planning *p = ctx;
	const struct replica *x = a, *y = b;
	const struct pod_view *v = x->pod->view, *w = y->pod->view;
	int order = compare(x->pod->node != NULL, y->pod->node != NULL);

	if (!order)
		order = compare(phase_order(v->phase), phase_order(w->phase));
	if (!order)
		order = compare(x->ready, y->ready);
	if (!order)
		order = compare(v->deletion_cost, w->deletion_cost);
	if (!order)
		order = compare((int64_t)y->beside, (int64_t)x->beside);
	if (!order && x->ready)
		order = by_age(v->ready_since_wall_ms, w->ready_since_wall_ms, p->now->wall_ms);
	if (!order)
		order = compare(w->restarts, v->restarts);
	if (!order)
		order = by_age(v->created_wall_ms, w->created_wall_ms, p->now->wall_ms);
	return order ? order : strcmp(v->uid, w->uid);
}

static int shed(struct planning *p, size_t surplus)
{
	int rc = 0;

	count_beside(p);
	qsort_r(p->live, p->live_count, sizeof(*p->live), by_worth, p);
	for (size_t i = 0; !rc && surplus && i < p->live_count; i++) {
		if (is_held(p->live[i].pod))
			continue;
		rc = add_step(p->plan, REPLICA_DELETE, p->live[i].pod);
		surplus--;
	}
	return rc;
}

/* --- those that are over --- */

static int newest_first(const void *a, const void *b)
{
	const struct pod_view *x = (*(const struct cluster_pod *const *)a)->view,
			      *y = (*(const struct cluster_pod *const *)b)->view;
	int order = compare(y->created_wall_ms, x->created_wall_ms);

	return order ? order : strcmp(x->uid, y->uid);
}

static int tidy(struct planning *p)
{
	int rc = 0;

	if (p->over_count <= REPLICASET_OVER_KEPT)
		return 0;
	qsort(p->over, p->over_count, sizeof(struct cluster_pod *), newest_first);
	for (size_t i = REPLICASET_OVER_KEPT; !rc && i < p->over_count; i++)
		if (!is_held(p->over[i]))
			rc = add_step(p->plan, REPLICA_TIDY, p->over[i]);
	return rc;
}

/* --- the plan --- */

int replicaset_plan(const struct replicaset *rs, const struct cluster *cluster,
		    const struct replicaset_now *now, struct replicaset_plan *out)
{
	struct planning p = { .rs = rs, .cluster = cluster, .now = now, .plan = out };
	size_t wanted = (size_t)rs->replicas;
	int rc;

	*out = (struct replicaset_plan){ .count = 0 };
	rc = gather_owned(&p);
	if (!rc)
		rc = adopt_strays(&p);
	if (!rc) {
		count(&p);
		if (p.live_count + p.ending < wanted)
			make_up(&p, wanted - p.live_count - p.ending);
		else if (p.live_count > wanted)
			rc = shed(&p, p.live_count - wanted);
	}
	if (!rc)
		rc = tidy(&p);
	free(p.live);
	free(p.over);
	if (rc)
		replicaset_plan_done(out);
	return rc;
}
