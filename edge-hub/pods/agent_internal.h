/* agent_internal: what the files of the agent share.
 *
 *     agent.c         pods coming and going
 *     agent_step.c    the timer: what is to be done now; statuses
 *     agent_fence.c   pods of which there must never be two
 *     agent_act.c     carrying out the lifecycle's actions
 *     agent_create.c  making sandboxes and containers
 *     agent_image.c   images present or pulled
 *     agent_hook.c    probes and hooks
 *     agent_list.c    what the runtime holds
 *     agent_runtime.c what the runtime says of itself
 *     agent_watch.c   processes that end
 *     agent_logs.c    logs that grow */
#ifndef HOLDFAST_EDGE_HUB_PODS_AGENT_INTERNAL_H
#define HOLDFAST_EDGE_HUB_PODS_AGENT_INTERNAL_H

#include "base/list.h"
#include "base/map.h"
#include "edge-hub/pods/agent.h"
#include "edge-hub/pods/cri.h"
#include "edge-hub/pods/cri_config.h"
#include "edge-hub/pods/lifecycle.h"
#include "edge-hub/pods/volumes.h"

#define AGENT_STARTS_MAX 8u /* sandboxes and containers being made at once */
#define AGENT_PULLS_MAX 3u
#define AGENT_DETAILS_MAX 16u	  /* status calls of one listing at once */
#define AGENT_LIST_BUSY_MS 1000u  /* how often the runtime is listed while something is under way */
#define AGENT_LIST_IDLE_MS 10000u /* and otherwise; ends of processes are noticed without it */
#define AGENT_LIST_LEAST_MS 100u
#define AGENT_LIST_HUNT_MS 150u /* when a process has ended and the runtime has not said so yet */
#define AGENT_HUNTS 20u
#define AGENT_DOWN_MS 3000u
#define AGENT_STATUS_MS 30000u /* how often the runtime is asked how it is */
#define AGENT_LOGS_MS 20000u

struct exit_watch;
struct pod;

struct pod_container {
	char *image;		  /* what the runtime knows it by, after a pull */
	bool image_root;	  /* the image runs as root unless told otherwise */
	struct exit_watch *watch; /* of the running process; NULL none */
	char *watched_id;
	bool https_told;
};

struct pod {
	struct agent *agent;
	struct lifecycle *lc;
	struct pod_container *containers; /* as in the spec */
	uint32_t container_count;
	unsigned ops;  /* under way, probes included: it cannot be freed before */
	bool held;     /* waits for the pod whose name it took */
	bool dirty;    /* to be stepped */
	bool refresh;  /* volumes to be brought up to date */
	bool detached; /* gone; freed when nothing is under way */
	bool invalid;  /* its spec could not be decoded */
	bool exposed;  /* agent_exclusive names it */
	uint64_t status_digest;
	struct list_node node; /* in agent->gone */
};

struct op {
	struct list_node node; /* in a queue, or in agent->ops */
	struct agent *agent;
	struct pod *pod;
	struct action action;
	char *id;	    /* of action.id */
	char *result;	    /* what came to be */
	struct arena arena; /* the request, and a message */
	void *extra;	    /* of a hook or an image; freed by its file */
};

struct tomb {
	struct list_node node;
	char *ns, *name, *uid;
};

struct agent {
	struct loop *loop;
	struct agent_callbacks callbacks;
	void *ctx;
	struct cri *cri;
	struct timer *timer;
	struct volumes volumes;
	char *data_dir, *log_dir, *node_name, *host_ip, *cluster_dns, *cluster_domain, *resolv_conf,
		*cgroup_root, *seccomp_dir;
	enum agent_cgroup_driver cgroup_driver;
	bool systemd;
	int64_t cpu_milli, memory_bytes;
	uint64_t log_max_bytes;
	unsigned log_files;

	struct map pods;  /* by UID */
	struct map kept;  /* UIDs nobody knows and that were to be kept; values are not used */
	struct list gone; /* detached pods with something under way */
	struct list tombs;
	struct list starts, pulls; /* waiting */
	struct list ops;	   /* under way */
	struct list loose;	   /* small questions under way: blocks that begin with their node */
	unsigned starting, pulling;
	bool complete, closing, swept;
	bool fenced;
	void (*on_exclusive)(void *ctx);
	void *exclusive_ctx;

	/* the runtime */
	bool up, greeting; /* greeting: it answers, but has not said how it is */
	bool runtime_ready, network_ready;
	char reason[64], message[256], version[80];
	uint64_t status_due_ms, logs_due_ms;
	int64_t machine_behind_ms; /* the machine's clock, which the runtime's times are by */
	uint64_t list_due_ms, list_last_ms;
	struct listing *listing; /* under way; NULL none */
	bool listed;		 /* at least once */
	bool events;		 /* the runtime tells by itself */
	unsigned hunting;	 /* listings left to find the end of a process that is known to have ended */
	struct agent_stats stats;
	void (*on_closed)(void *ctx);
	void *closed_ctx;
};

struct moment agent_now(const struct agent *agent);
/* A time that the runtime gave, by the clock that stamps go by. */
int64_t agent_wall_of(struct agent *agent, int64_t runtime_ns);
/* --- agent.c --- */
void agent_wake(struct agent *agent); /* steps what is dirty, soon */
void agent_touch(struct pod *pod);    /* dirty, and wake */
void agent_want_list(struct agent *agent, unsigned in_ms);
struct pod *agent_pod_of(const struct agent *agent, const char *uid);
struct agent_pod agent_name_of(const struct pod *pod);
void agent_release_name(struct agent *agent, const struct pod_spec *spec);
void agent_finish_close(struct agent *agent);
/* Takes the spec. A wanted pod ends others of its name first; one that is not is there to be ended. */
int agent_add_pod(struct agent *agent, struct pod_spec *spec, bool wanted, struct pod **out) must_check;
void agent_world(struct pod *pod, struct pod_world *out);
void agent_event_of(struct pod *pod, const char *container, bool warning, const char *reason,
		    const char *message);
void agent_free_pod(struct pod *pod);
int agent_count_containers(struct pod *pod) must_check; /* makes room as the spec has it */

/* --- agent_step.c --- */
void agent_on_timer(void *ctx);

/* --- agent_fence.c --- */
void agent_fence_pod(struct pod *pod); /* before each of its steps, and when it is gone */
bool agent_is_fenced(const struct pod *pod);
void agent_exclusive_changed(struct agent *agent);

/* --- agent_runtime.c --- */
void agent_runtime_is(struct agent *agent, bool up, const char *why);
void agent_ask_runtime(struct agent *agent); /* how it is */
void agent_on_channel(void *ctx, bool up);

/* --- agent_act.c --- */
int op_start(struct pod *pod, const struct action *action) must_check;
void op_done(struct op *op, int code, const char *reason, const char *message); /* reports and frees */
void op_undecided(struct op *op);	  /* a probe that could not be asked */
void agent_drop_ops(struct agent *agent); /* without reporting */
int op_call(struct op *op, enum cri_method method, const void *request, unsigned timeout_ms,
	    void (*on_answer)(void *ctx, const struct cri_answer *answer)) must_check;
const struct container_spec *op_container(const struct op *op);

/* --- agent_create.c, agent_image.c, agent_hook.c --- */
void op_prepare(struct op *op);
void op_run_sandbox(struct op *op);
void op_create(struct op *op);
void op_clean(struct op *op);
void op_clean_drop(struct op *op);
void agent_clean_left(struct agent *agent, const char *uid); /* files of a pod that is no more */
void op_pull(struct op *op);
void op_hook(struct op *op, const struct handler *handler, unsigned timeout_ms);
void op_hook_drop(struct op *op);
int agent_cgroup_parent(struct pod *pod, struct buf *out) must_check;

/* --- agent_list.c --- */
void listing_start(struct agent *agent);
void listing_drop(struct agent *agent);

/* --- agent_watch.c --- */
void agent_watch_pid(struct pod *pod, uint32_t slot, const char *id, int pid);
void agent_unwatch(struct pod *pod, uint32_t slot);
bool agent_all_watched(const struct agent *agent);
void agent_ask_pid(struct pod *pod, uint32_t slot, const char *id);
int agent_pid_of_info(const void *container_status_response); /* 0 unknown */
/* --- agent_logs.c --- */
void agent_rotate_logs(struct agent *agent);
void agent_drop_old_runs(struct agent *agent, const struct pod_spec *spec, const char *container,
			 unsigned restart_count);

#endif
