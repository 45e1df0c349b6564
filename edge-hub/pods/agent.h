/* agent: the pod agent. Makes a CRI v1 runtime run the pods it is told of, and tells what became of them.
 *
 * It decides nothing about the API: desired pods come in as JSON bodies, statuses, events and
 * "fully stopped" go out. A container stops only for a reason listed in pods/lifecycle.h; a runtime that
 * does not answer, a feed that is not complete or a restart of this process are no reasons. All
 * calls and callbacks belong to the loop's thread; callbacks never come from inside agent_new, agent_set_pod,
 * agent_remove_pod or any other call here, except `lookup` and `token`, which are questions. */
#ifndef HOLDFAST_EDGE_HUB_PODS_AGENT_H
#define HOLDFAST_EDGE_HUB_PODS_AGENT_H

#include "base/walltime.h"
#include "cache/object.h"
#include "net/loop.h"

#define AGENT_PODS_MAX 512u /* desired and still stopping ones together */

struct agent;

/* Who is meant; borrowed for the call. */
struct agent_pod {
	const char *ns, *name, *uid;
};

struct agent_event {
	struct agent_pod pod;
	const char *field_path; /* involvedObject.fieldPath, "spec.containers{web}", or "" */
	bool warning;		/* type Warning, else Normal */
	const char *reason;	/* "Pulled", "BackOff", ...: as a kubelet names them */
	const char *message;
};

enum agent_verdict {
	AGENT_KEEP,    /* leave it running; asked again by agent_recheck_unknown and after a restart */
	AGENT_RELEASE, /* stop it with its own grace period and clean up after it */
};

/* What the runtime said of itself, for the Node object. Strings are "" until it has answered once. */
struct agent_runtime {
	bool up;		      /* it answers, now */
	bool ready;		      /* RuntimeReady */
	bool network_ready;	      /* NetworkReady */
	const char *reason, *message; /* of what is not ready */
	const char *version;	      /* "containerd://1.6.20" */
};
struct agent_image {
	const char *const *names; /* tags and digests */
	size_t name_count;
	uint64_t size_bytes;
};

struct agent_callbacks {
	/* Pod.status changed: the whole of it as JSON, every field a kubelet owns. Repeated only when something differs. */
	void (*on_status)(void *ctx, const struct agent_pod *pod, struct span status_json);
	void (*on_event)(void *ctx, const struct agent_event *event);
	/* A pod that was to go (deletionTimestamp, agent_remove_pod, another UID, AGENT_RELEASE) is gone: containers, sandbox,
	 * volumes. After its last on_status. If its API object still exists, it may be deleted now. */
	void (*on_terminated)(void *ctx, const struct agent_pod *pod);
	/* A ConfigMap or Secret ("configmaps", "secrets"): 0 and a reference in *out; -ENOENT: known not to exist;
	 * -EAGAIN: not known yet. */
	int (*lookup)(void *ctx, const char *resource, const char *ns, const char *name,
		      const struct object **out);
	/* A token for a projected serviceAccountToken source. NULL, or -ENOSYS: not supported. */
	int (*token)(void *ctx, const struct agent_pod *pod, const char *service_account,
		     const char *audience, int64_t expiration_seconds, struct buf *out);
	/* The runtime holds a pod nobody told of, and the feed is complete. NULL: AGENT_KEEP. */
	enum agent_verdict (*on_unknown)(void *ctx, const struct agent_pod *pod);
	/* What time it is, for stamps: never 0; *out_unsure: nobody confirmed it. NULL: as the machine's clock says. */
	int64_t (*wall_ms)(void *ctx, bool *out_unsure);
	/* The runtime's state as in agent_runtime() changed. May be NULL. */
	void (*on_runtime)(void *ctx, const struct agent_runtime *runtime);
};

enum agent_cgroup_driver { AGENT_CGROUP_AUTO, AGENT_CGROUP_FS, AGENT_CGROUP_SYSTEMD };

struct agent_options {
	const char *runtime;  /* "unix:///run/containerd/containerd.sock" */
	const char *data_dir; /* volumes and per-pod files live in DATA/pods/<uid> */
	const char *log_dir;  /* NULL: /var/log/pods */
	const char *node_name;
	const char *host_ip; /* "" until known; see agent_set_host_ip */
	const char *
		cluster_dns; /* server for dnsPolicy ClusterFirst, comma-separated; NULL: the host's resolv.conf is used */
	const char *cluster_domain;		/* NULL: cluster.local */
	const char *resolv_conf;		/* NULL: /etc/resolv.conf */
	const char *cgroup_root;		/* under which kubepods lies; NULL: "/" */
	enum agent_cgroup_driver cgroup_driver; /* AUTO: what the runtime says, else cgroupfs */
	int64_t allocatable_cpu_milli,
		allocatable_memory_bytes; /* for resourceFieldRef without limits; 0: the machine's */
	uint64_t log_max_bytes;		  /* size at which a container's log is rotated; 0: 10 MiB */
	unsigned log_files;		  /* how many are kept per container; 0: 3 */
};

/* Copies what it needs of the options. Dials the runtime by itself, now and after every loss. */
int agent_new(struct loop *loop, const struct agent_options *options, const struct agent_callbacks *callbacks,
	      void *ctx, struct agent **out, struct err *err) must_check;
/* Leaves every container as it is. No callback but on_closed (may be NULL) follows. */
void agent_close(struct agent *agent, void (*on_closed)(void *ctx), void *ctx);

/* A pod bound to this node, new or changed; body is the Pod's JSON, its status the last one known here. Another
 * UID under the same ns and name ends the old pod first. -EINVAL: no UID or not a Pod at all (a pod whose spec is
 * unusable is accepted and reported through its status), -ENOSPC, -ENOMEM. */
int agent_set_pod(struct agent *agent, const struct agent_pod *pod, struct span body,
		  struct err *err) must_check;
/* The tombstone of this UID: stop it with its grace period. Unknown UIDs are remembered until the runtime was listed. */
int agent_remove_pod(struct agent *agent, const struct agent_pod *pod) must_check;
/* Whether every pod of this node has been told. Until then nothing unknown is touched. */
void agent_set_complete(struct agent *agent, bool complete);
/* A ConfigMap or Secret appeared, changed or went: volumes follow, waiting containers retry. */
void agent_object_changed(struct agent *agent, const char *resource, const char *ns, const char *name);
/* The pods of which there must never be two (control/eviction.h) are to stop and not to start; false: they may run again. */
void agent_fence(struct agent *agent, bool fenced);
/* Called when agent_exclusive has another answer, before anything of a new one is started. It must ask nothing else of the agent. */
void agent_on_exclusive(struct agent *agent, void (*on_changed)(void *ctx), void *ctx);
/* The control groups, as paths below a hierarchy ("/kubepods/podUID"), of the pods of which there must never be two and that run or are about
 * to. `each` returns 0 to go on. -ENOMEM. */
int agent_exclusive(const struct agent *agent, int (*each)(void *ctx, const char *cgroup),
		    void *ctx) must_check;
/* Asks on_unknown again for what was kept. */
void agent_recheck_unknown(struct agent *agent);
void agent_set_host_ip(struct agent *agent, const char *host_ip);
/* What `wall_ms` answers has changed by more than the time that passed, or is sure now. */
void agent_clock_moved(struct agent *agent, const struct walltime_move *move);

void agent_runtime(const struct agent *agent,
		   struct agent_runtime *out); /* borrowed until the next callback */
/* Asks the runtime for its images, largest first, at most 50. done is called once; count 0 when it did not answer. */
int agent_images(struct agent *agent, void (*done)(void *ctx, const struct agent_image *images, size_t count),
		 void *ctx) must_check;

struct agent_stats {
	unsigned pods, running_containers, waiting_operations;
	unsigned exclusive; /* pods of which there must never be two */
	bool complete;	    /* every pod of this node has been told: see agent_set_complete */
	uint64_t relists, listings, runtime_calls, runtime_failures, restarts, stops;
};
void agent_stats(const struct agent *agent, struct agent_stats *out);

/* Where the log of a container's current (or previous) run is, for `logs`. -ENOENT. */
int agent_log_path(const struct agent *agent, const char *ns, const char *name, const char *container,
		   bool previous, struct buf *out) must_check;
/* The runtime's id of a running container; "" names the pod's only one. -ENOENT, -EINVAL (several). */
int agent_container_id(const struct agent *agent, const char *ns, const char *name, const char *container,
		       struct buf *out) must_check;

#endif
