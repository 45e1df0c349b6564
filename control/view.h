/* view: pods and nodes as the controllers need them: a few hundred bytes each instead of a JSON tree. Immutable. Pure. */
#ifndef HOLDFAST_CONTROL_VIEW_H
#define HOLDFAST_CONTROL_VIEW_H

#include "control/placement.h"

/* What requests are counted in. Cpu in thousandths, the others in bytes. */
enum resource { RESOURCE_CPU, RESOURCE_MEMORY, RESOURCE_STORAGE, RESOURCES };
struct amounts {
	int64_t of[RESOURCES];
};

enum pod_phase { POD_PENDING, POD_RUNNING, POD_SUCCEEDED, POD_FAILED, POD_UNKNOWN };
enum node_ready { NODE_READY_UNKNOWN, NODE_READY_FALSE, NODE_READY_TRUE };

struct host_port {
	int64_t port;
	const char *protocol; /* "TCP" when unset */
	const char *ip;	      /* "0.0.0.0" when unset */
};
struct named_port {
	int64_t port;
	const char *name, *protocol;
};
/* On an object that a node runs but this store did not know (it was restored from a backup): controllers leave it alone until the
 * operator has decided. */
#define ANNOTATION_ORPHANED "holdfast.io/orphaned"
#define ANNOTATION_DELETION_COST "controller.kubernetes.io/pod-deletion-cost"

struct owner_view {
	const char *api_version, *kind, *name, *uid; /* "" when there is none */
};

struct pod_view {
	struct arena arena;		    /* everything below points into it */
	const char *ns, *name, *uid, *node; /* node "" while unbound */
	enum pod_phase phase;
	bool deleting, ready, scheduling_gated;
	bool orphaned;	    /* annotation ANNOTATION_ORPHANED: left alone */
	bool exclusive;	    /* there must never be two of it (control/eviction.h) */
	bool unschedulable; /* condition PodScheduled is False */
	const char *unschedulable_message;
	int64_t ready_since_wall_ms; /* 0: unknown */
	int64_t created_wall_ms;
	int64_t restarts;      /* of its container with most */
	int64_t deletion_cost; /* annotation controller.kubernetes.io/pod-deletion-cost: lower goes first */
	const char *scheduler; /* "default-scheduler" unless asked otherwise */
	struct owner_view controller;
	struct span labels;	   /* packed pairs */
	const char *revision_hash; /* label controller-revision-hash */
	struct amounts requests;
	const struct host_port *ports;
	size_t port_count;
	const char *const *ips; /* one for each family */
	size_t ip_count;
	const char *hostname, *subdomain; /* "" when not asked for */
	const struct named_port *named;	  /* ports of containers that have a name */
	size_t named_count;
	bool has_placement; /* decoded for unbound pods only */
	struct placement placement;
};
/* -EINVAL: not of a pod's shape; -ENOMEM. Free with pod_view_free (free() after arena_done). */
int pod_view_of(const struct json *pod, struct pod_view **out) must_check;
void pod_view_free(struct pod_view *view);
static inline bool pod_is_over(const struct pod_view *pod)
{
	return pod->phase == POD_SUCCEEDED || pod->phase == POD_FAILED;
}
/* Ready for at least min_ready_s. *out_due_wall_ms: when it will be, 0 if it is or nothing is known. */
bool pod_is_available(const struct pod_view *pod, int64_t min_ready_s, int64_t now_wall_ms,
		      int64_t *out_due_wall_ms);

struct node_view {
	struct arena arena;
	const char *uid;
	struct placement_node at; /* name, labels, taints */
	bool deleting, unschedulable, cut_off;
	bool unhealthy; /* annotation ANNOTATION_UNHEALTHY: dead, for all its region knows */
	enum node_ready ready;
	struct amounts allocatable;
	int64_t allocatable_pods;
};
int node_view_of(const struct json *node, struct node_view **out) must_check;
void node_view_free(struct node_view *view);
/* Is there a difference that a scheduler, a Service or a workload controller could care about? */
bool node_view_same(const struct node_view *a, const struct node_view *b);

/* Requests of a PodSpec as the scheduler counts them: containers summed, init containers at their highest (sidecars added), overhead. */
int requests_of(const struct json *pod_spec, struct amounts *out) must_check;
int amounts_of(const struct json *resource_list, struct amounts *out, int64_t *out_pods) must_check;
int labels_of(const struct json *map, struct arena *arena, struct span *out) must_check;

#endif
