#include "control/schedule.h"

#include <stdio.h>
#include <stdlib.h>

#include "cache/object.h"

#define REASON_MAX 256u
#define REASONS_MAX 64u /* different sentences about the nodes of one cluster; more are left out */

/* --- why not --- */

/* Sentences and how many nodes each is about. */
struct tally {
	struct {
		char text[REASON_MAX];
		size_t nodes;
	} of[REASONS_MAX];
	size_t count;
};

static void tally_add(struct tally *tally, const char *text, size_t nodes)
{
	size_t i = 0;

	while (i < tally->count && strncmp(tally->of[i].text, text, REASON_MAX - 1) != 0)
		i++;
	if (i == REASONS_MAX)
		return;
	if (i == tally->count) {
		(void)snprintf(tally->of[i].text, REASON_MAX, "%s", text);
		tally->count++;
	}
	tally->of[i].nodes += nodes;
}

/* Upstream sorts the finished sentences, their numbers included. */
static int by_sentence(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void tally_write(struct tally *tally, size_t nodes, struct buf *out)
{
	char(*lines)[REASON_MAX + 24];

	if (!nodes) {
		(void)buf_add_str(out, "no nodes available to schedule pods");
		return;
	}
	(void)buf_addf(out, "0/%zu nodes are available", nodes);
	lines = calloc(tally->count ? tally->count : 1, sizeof(*lines));
	if (lines) {
		for (size_t i = 0; i < tally->count; i++)
			(void)snprintf(lines[i], sizeof(lines[i]), "%zu %s", tally->of[i].nodes,
				       tally->of[i].text);
		qsort(lines, tally->count, sizeof(*lines), by_sentence);
		for (size_t i = 0; i < tally->count; i++)
			(void)buf_addf(out, "%s%s", i ? ", " : ": ", lines[i]);
	}
	free(lines);
	(void)buf_add_char(out, '.');
}

/* --- filters: each returns NULL when the node will do, else says why not --- */

struct attempt {
	const struct pod_view *pod;
	char scratch[REASON_MAX];
};

static const char *filter_held(struct attempt *a, const struct cluster_node *node)
{
	if (node->damaged || !node->view)
		return "node(s) could not be read";
	if (node->held)
		return "node(s) were being reconciled";
	return node->view->deleting ? "node(s) were being deleted" : NULL;
}

static const char *filter_unschedulable(struct attempt *a, const struct cluster_node *node)
{
	static const struct taint taint = { TAINT_UNSCHEDULABLE, "", EFFECT_NO_SCHEDULE };
	const struct placement_node cordoned = { node->name, SPAN(""), &taint, 1 };

	return node->view->unschedulable &&
			       placement_untolerated(&a->pod->placement, &cordoned, EFFECT_NO_SCHEDULE)
		       ? "node(s) were unschedulable"
		       : NULL;
}

static const char *filter_taints(struct attempt *a, const struct cluster_node *node)
{
	const struct taint *taint = placement_untolerated(&a->pod->placement, &node->view->at,
							  EFFECT_NO_SCHEDULE | EFFECT_NO_EXECUTE);

	if (!taint)
		return NULL;
	(void)snprintf(a->scratch, sizeof(a->scratch), "node(s) had untolerated taint {%s: %s}", taint->key,
		       taint->value);
	return a->scratch;
}

static const char *filter_affinity(struct attempt *a, const struct cluster_node *node)
{
	return placement_fits(&a->pod->placement, &node->view->at)
		       ? NULL
		       : "node(s) didn't match Pod's node affinity/selector";
}

static bool any_address(const char *ip)
{
	return strcmp(ip, "0.0.0.0") == 0 || strcmp(ip, "::") == 0 || !*ip;
}

static bool ports_clash(const struct host_port *a, const struct host_port *b)
{
	return a->port == b->port && strcmp(a->protocol, b->protocol) == 0 &&
	       (any_address(a->ip) || any_address(b->ip) || strcmp(a->ip, b->ip) == 0);
}

static bool pods_clash(const struct pod_view *a, const struct pod_view *b)
{
	for (size_t i = 0; i < a->port_count; i++)
		for (size_t k = 0; k < b->port_count; k++)
			if (ports_clash(&a->ports[i], &b->ports[k]))
				return true;
	return false;
}

static const char *filter_ports(struct attempt *a, const struct cluster_node *node)
{
	if (!a->pod->port_count)
		return NULL;
	list_for_each(&node->pods, at) {
		const struct pod_view *other = container_of(at, struct cluster_pod, in_node)->view;

		if (!pod_is_over(other) && pods_clash(a->pod, other))
			return "node(s) didn't have free ports for the requested pod ports";
	}
	return NULL;
}

/* In upstream's order. Resources come last and apart: a node may lack several. */
static const char *(*const filters[])(struct attempt *a, const struct cluster_node *node) = {
	filter_held, filter_unschedulable, filter_taints, filter_affinity, filter_ports,
};

static bool lacks(const struct cluster_node *node, const struct pod_view *pod, enum resource r)
{
	int64_t left = node->view->allocatable.of[r] - node->used.of[r];

	return pod->requests.of[r] > 0 && pod->requests.of[r] > left;
}

static bool fits_resources(const struct cluster_node *node, const struct pod_view *pod, struct tally *tally)
{
	static const char *const texts[RESOURCES] = { "Insufficient cpu", "Insufficient memory",
						      "Insufficient ephemeral-storage" };
	bool fits = true;

	if (node->view->allocatable_pods > 0 && node->used_pods >= node->view->allocatable_pods) {
		tally_add(tally, "Too many pods", 1);
		fits = false;
	}
	for (unsigned r = 0; r < RESOURCES; r++)
		if (lacks(node, pod, r)) {
			tally_add(tally, texts[r], 1);
			fits = false;
		}
	return fits;
}

static bool feasible(struct attempt *a, const struct cluster_node *node, struct tally *tally)
{
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		const char *why = filters[i](a, node);

		if (why) {
			tally_add(tally, why, 1);
			return false;
		}
	}
	return fits_resources(node, a->pod, tally);
}

/* --- scores --- */

/* What is left of cpu and memory after the pod, in percent, averaged: work spreads to where there is room. */
static int64_t score_room(const struct cluster_node *node, const struct pod_view *pod)
{
	static const enum resource counted[] = { RESOURCE_CPU, RESOURCE_MEMORY };
	int64_t sum = 0;

	for (size_t i = 0; i < 2; i++) {
		int64_t all = node->view->allocatable.of[counted[i]];
		int64_t left = all - node->used.of[counted[i]] - pod->requests.of[counted[i]];

		if (all > 0 && left > 0)
			sum += (int64_t)((double)left * 100.0 / (double)all);
	}
	return sum / 2;
}

static int64_t siblings(const struct cluster_node *node, const struct pod_view *pod)
{
	int64_t count = 0;

	if (!*pod->controller.uid)
		return 0;
	list_for_each(&node->pods, at) {
		const struct pod_view *other = container_of(at, struct cluster_pod, in_node)->view;

		count += !pod_is_over(other) && strcmp(other->controller.uid, pod->controller.uid) == 0;
	}
	return count;
}

static int64_t score_of(const struct cluster_node *node, const struct pod_view *pod)
{
	int64_t score = score_room(node, pod) + 2 * placement_preference(&pod->placement, &node->view->at);

	if (placement_untolerated(&pod->placement, &node->view->at, EFFECT_PREFER_NO_SCHEDULE))
		score -= 300;
	return score - 200 * siblings(node, pod);
}

static bool better(const struct cluster_node *node, int64_t score, const struct cluster_node *best,
		   int64_t best_score)
{
	if (!best || score != best_score)
		return !best || score > best_score;
	if (node->used_pods != best->used_pods)
		return node->used_pods < best->used_pods;
	return strcmp(node->name, best->name) < 0;
}

/* --- picking --- */

static const struct cluster_node *pick_among_all(const struct cluster *cluster, struct attempt *a,
						 struct tally *tally)
{
	const struct cluster_node *best = NULL, *node;
	int64_t best_score = 0;
	size_t cursor = 0;

	while ((node = cluster_next_node(cluster, &cursor))) {
		int64_t score;

		if (!feasible(a, node, tally))
			continue;
		score = score_of(node, a->pod);
		if (better(node, score, best, best_score)) {
			best = node;
			best_score = score;
		}
	}
	return best;
}

/* A pod pinned to one node (as DaemonSets do) is not tried on thousands of others. */
static const struct cluster_node *pick_only(const struct cluster *cluster, const char *name,
					    struct attempt *a, struct tally *tally)
{
	const struct cluster_node *node = cluster_node(cluster, name);
	bool exists = node && (node->view || node->damaged);

	if (cluster->node_objects > exists)
		tally_add(tally, "node(s) didn't match Pod's node affinity/selector",
			  cluster->node_objects - exists);
	return exists && feasible(a, node, tally) ? node : NULL;
}

const struct cluster_node *schedule_pick(const struct cluster *cluster, const struct pod_view *pod,
					 struct buf *out_message)
{
	struct attempt attempt = { .pod = pod };
	struct tally *tally = calloc(1, sizeof(*tally));
	const struct cluster_node *best;
	const char *only = placement_only_node(&pod->placement);

	if (!tally) {
		(void)buf_add_str(out_message, "out of memory");
		return NULL;
	}
	best = only ? pick_only(cluster, only, &attempt, tally) : pick_among_all(cluster, &attempt, tally);
	if (!best)
		tally_write(tally, cluster->node_objects, out_message);
	free(tally);
	return best;
}
