/* runner_internal: what the parts of the runner share. Private to control/runner*.c. */
#ifndef HOLDFAST_CONTROL_RUNNER_INTERNAL_H
#define HOLDFAST_CONTROL_RUNNER_INTERNAL_H

#include "api/object_json.h"
#include "api/write.h"
#include "base/random.h"
#include "control/aggregate.h"
#include "control/cluster.h"
#include "control/collect.h"
#include "control/eviction.h"
#include "control/runner.h"
#include "control/service_index.h"
#include "control/workqueue.h"

#define RES_PODS "pods"
#define RES_NODES "nodes"
#define RES_NAMESPACES "namespaces"
#define RES_ACCOUNTS "serviceaccounts"
#define RES_EVENTS "events"
#define RES_DAEMONSETS "daemonsets.apps"
#define RES_DEPLOYMENTS "deployments.apps"
#define RES_REPLICASETS "replicasets.apps"
#define RES_CLUSTER_ROLES "clusterroles.rbac.authorization.k8s.io"
#define RES_SERVICES "services"
#define RES_ENDPOINTS "endpoints"
#define RES_SLICES "endpointslices.discovery.k8s.io"
#define RES_REVISIONS "controllerrevisions.apps"

/* What there is to look at; each has its queue key. */
enum work {
	WORK_BOOT,	 /* "": the namespaces every cluster has */
	WORK_DEFAULT,	 /* number of one of options.defaults */
	WORK_ROLE,	 /* name of a ClusterRole that gathers the rules of others */
	WORK_NODE,	 /* node name: conditions and taints */
	WORK_EVICT,	 /* node name: its pods, while it has a taint NoExecute of ours */
	WORK_SCHEDULE,	 /* "ns/name" of a pod */
	WORK_DAEMONSET,	 /* "ns/name" */
	WORK_REPLICASET, /* "ns/name" */
	WORK_DEPLOYMENT, /* "ns/name" */
	WORK_COLLECT,	 /* "resource/ns/name" of a dependent */
	WORK_FINALIZE,	 /* "resource/ns/name" of an owner being deleted */
	WORK_NAMESPACE,	 /* name of one being deleted */
	WORK_ACCOUNT,	 /* namespace that needs its default service account */
	WORK_EVENT,	 /* "ns/name" of an event that may have expired */
	WORK_SERVICE,	 /* "ns/name": what stands behind it */
	WORKS,
};

/* One key being worked on, until all its writes have been answered. */
struct job {
	struct runner *runner;
	struct workqueue_item *item;
	size_t writes; /* under way */
	bool failed;   /* again after a back-off */
	bool again;    /* again at once: something was left for later */
	bool starting; /* its function still runs */
	struct list_node in_jobs;
};
/* One write under way. `name`, `uid`, `text` are its own copies for the mutation and the end. */
struct op {
	struct runner *runner; /* NULL: the runner is gone, and so is all that wanted it */
	struct job *job;       /* NULL: nobody waits for it */
	api_mutate_fn *mutate;
	void (*ended)(struct op *op, int code); /* NULL: nothing more to do */
	char *name, *uid, *text;
	void *data;			  /* freed with free() */
	struct json *tree;		  /* freed with it */
	const struct api_written *answer; /* while `ended` runs: what came of it */
	struct list_node in_ops;
};

enum workload_kind { WORKLOAD_DAEMONSET, WORKLOAD_REPLICASET, WORKLOAD_DEPLOYMENT, WORKLOAD_KINDS };
/* What is remembered of a workload from one look to the next. */
struct workload {
	char *key; /* "ns/name" */
	char *ns;
	struct map retries; /* node -> struct retry: pods of a DaemonSet that failed there */
	size_t batch;	    /* pods of a ReplicaSet that may be made at once; 0: one */
	const char *
		trouble; /* why its last pods could not be made or deleted, as the reason of a condition; NULL: they could */
	char *trouble_text; /* in words; NULL: none */
	char *owner;	    /* "ns/name" of the Deployment of a ReplicaSet; NULL: none */
	uint64_t stray;	    /* of a ReplicaSet without controller: a hash of its labels; else 0 */
};
struct retry {
	unsigned failures;
	uint64_t until_ms;
};
struct node_link {
	bool up;
	uint64_t since_ms;
	enum nodelife_electorate word; /* of its neighbours */
	uint64_t word_since_ms;
	bool evicting;		 /* its turn has come */
	struct turns *waits_for; /* its turn has not */
};
/* Whose turn it is to be emptied, of the nodes of one region. */
struct turns {
	struct eviction_rate rate;
	struct runner_evictions count;
};

struct runner {
	struct runner_options options;
	struct api *api;
	struct cache *cache;
	struct cache_watch *watch;
	struct cluster cluster;
	struct collect_index *index;
	struct aggregate *aggregate;
	struct service_index *services;
	struct workqueue queue;
	struct map workloads[WORKLOAD_KINDS]; /* "ns/name" -> workload */
	struct map links;		      /* node -> node_link */
	struct map turns;		      /* region -> struct turns */
	struct map terminating;		      /* namespaces being deleted -> present */
	struct map waiting;		      /* uid of an owner waiting for its dependents -> its key text */
	struct list jobs, ops;
	struct rng rng;
	uint64_t wrote_revision; /* the newest of its own writes that was answered */
	uint64_t started_ms, now_ms;
	int64_t now_wall_ms;
	bool stepping;
	struct runner_stats stats;
};

/* --- the queue --- */
void runner_queue(struct runner *r, enum work work, const char *key);
void runner_queue_at(struct runner *r, enum work work, const char *key, uint64_t due_ms);
void runner_queue_pair(struct runner *r, enum work work, const char *ns, const char *name);
void runner_queue_object(struct runner *r, enum work work, const struct key *key);
void runner_queue_object_at(struct runner *r, enum work work, const struct key *key, uint64_t due_ms);
void runner_queue_pending(struct runner *r);
/* "ns/name" and "resource/ns/name" taken apart into one allocation; NULL without memory or when malformed. */
struct key *runner_split_key(const char *text, const char *resource);

/* --- writes --- */
bool runner_can_write(const struct runner *r);
/* An op for this job (or nobody); texts are copied, NULL is fine. NULL without memory, and then the job has failed. */
struct op *op_new(struct runner *r, struct job *job, const char *name, const char *uid, const char *text);
/* Each takes the op. The result is known through job and ended. */
void op_mutate(struct op *op, const struct key *key, enum api_part part, api_mutate_fn *mutate);
void op_create(struct op *op, struct json *tree_take);
void op_drop(struct op *op); /* without a write; NULL is fine */
void op_delete(struct op *op, const struct key *key, const struct api_delete_options *options);
/* Of a mutation: 0 when the tree is the object meant (its uid, if the op has one), else 1. */
int op_is_target(const struct op *op, const struct json *tree);

struct event_about {
	const char *api_version, *kind, *ns, *name, *uid;
};
void runner_event(struct runner *r, const struct event_about *about, const char *type, const char *reason,
		  const char *message);
/* The same, counted up where one of this reason about this object is still there. */
void runner_event_again(struct runner *r, const struct event_about *about, const char *type,
			const char *reason, const char *message);

/* --- reading --- */
/* 0, -ENOENT, -EBADMSG (damaged, counted), ...; *out_object may be NULL. */
int runner_read(struct runner *r, const struct key *key, struct object **out_object,
		struct json **out_tree) must_check;

/* --- the parts: each works on one key --- */
void work_boot(struct job *job, const char *key);
void work_default(struct job *job, const char *key);
void work_role(struct job *job, const char *key);
void work_node(struct job *job, const char *key);
void work_evict(struct job *job, const char *key);
void work_schedule(struct job *job, const char *key);
void work_daemonset(struct job *job, const char *key);
void work_replicaset(struct job *job, const char *key);
void work_deployment(struct job *job, const char *key);
void work_collect(struct job *job, const char *key);
void work_finalize(struct job *job, const char *key);
void work_namespace(struct job *job, const char *key);
void work_account(struct job *job, const char *key);
void work_event(struct job *job, const char *key);
void work_service(struct job *job, const char *key);

/* What is decided about the node as of now; NULL for what is not wanted. */
struct node_judgement {
	struct nodelife_decision decision;
	struct runner_neighbours neighbours;
	uint64_t due_ms; /* to be asked again, TIMERQ_NEVER */
};
void runner_judge(const struct runner *r, const char *node, struct node_judgement *out);
struct node_link *runner_link_of(const struct runner *r, const char *node); /* NULL: never told of */

/* --- observing --- */
void observe_object(struct runner *r, const struct object *object);
void observe_change(struct runner *r, const struct change *change);

/* --- workloads: which there are, and who of them is to be looked at --- */
void workload_free(void *value);
void workload_see(struct runner *r, enum workload_kind kind, const struct key *key);
void workload_lose(struct runner *r, enum workload_kind kind, const struct key *key);
void workload_queue_all(struct runner *r, const char *ns); /* NULL: of all namespaces */
void workload_queue_controller(struct runner *r, const struct pod_view *pod);
/* A ReplicaSet and its tree; NULL: it is gone. */
void workload_queue_deployment(struct runner *r, const struct object *set, const struct json *tree);
/* A pod has ended: Deployments that replace all at once wait for that. */
void workload_pod_ended(struct runner *r, const struct pod_view *pod);
/* Are they of one Deployment? `owner` is that of a ReplicaSet (struct workload), NULL: of none. */
bool workload_shares_owner(const struct runner *r, const char *owner, const struct pod_view *pod);
/* Does the object name this uid among its owners? */
bool workload_owns(const struct object *object, const char *uid);
void workload_queue_of_node(struct runner *r, const char *node); /* those that care about the node */
/* Writes that all of them need. The owner is told of by its reference. */
struct owner {
	const char *api_version, *kind, *name, *uid;
};
void workload_adopt(struct job *job, const struct key *child, const char *child_uid,
		    const struct owner *owner);
void workload_release(struct job *job, const struct key *child, const char *child_uid, const char *owner_uid);

/* runner_services.c. `old`: as it was known before, NULL for a new one. */
#define SERVICE_BATCH_MS 100u /* changes of pods are gathered for this long */
void services_see(struct runner *r, const struct object *object, const struct json *tree);
void services_lose(struct runner *r, const struct object *object);
void services_see_endpoints(struct runner *r, const struct object *object);
void services_see_slice(struct runner *r, const struct object *object);
void services_lose_slice(struct runner *r, const struct object *object);
void services_see_pod(struct runner *r, const struct pod_view *old, const struct pod_view *view);
void services_lose_pod(struct runner *r, const struct pod_view *view);
void services_node_changed(struct runner *r, const char *name);

#endif
