/* lifecycle: one pod: from what is wanted and what was seen to what is done next. A pure core.
 *
 * The shell tells what the runtime holds (lifecycle_observe), asks for the next actions until there are
 * none (lifecycle_next), carries them out and reports each once (lifecycle_done). One action is under way per
 * container, and one for the pod as a whole. Nothing is done before the first observation, and after a
 * failure nothing more is done to the part concerned until an observation that was asked for later.
 *
 * A container is stopped only for a reason in enum stop_reason. */
#ifndef HOLDFAST_EDGE_HUB_PODS_LIFECYCLE_H
#define HOLDFAST_EDGE_HUB_PODS_LIFECYCLE_H

#include "base/buf.h"
#include "base/walltime.h"
#include "edge-hub/pods/spec.h"

#define LIFECYCLE_RUNS_MAX 256u
#define LIFECYCLE_BACKOFF_FIRST_MS 10000u
#define LIFECYCLE_BACKOFF_MAX_MS 300000u
#define LIFECYCLE_BACKOFF_FORGET_MS 600000u
#define LIFECYCLE_LOST_MS \
	10000u /* how long a sandbox must be reported dead before its still running containers are stopped */
#define LIFECYCLE_FENCE_GRACE_S 5 /* of a pod's own grace period that are left to one that is fenced */
#define LIFECYCLE_FENCE_SHOWN_MS \
	10000u /* how long a pod that has nothing to lose waits before an event says why: at each boot the link takes a moment */
#define LIFECYCLE_NEVER UINT64_MAX

struct moment {
	uint64_t mono_ms;
	int64_t wall_ms; /* for stamps; never 0 */
	bool unsure;	 /* nobody confirmed the wall time: it must not end anything */
};

enum stop_reason {
	STOP_NONE,
	STOP_DELETED,	   /* deletionTimestamp */
	STOP_REMOVED,	   /* tombstone of the UID */
	STOP_REPLACED,	   /* the same key came with another UID */
	STOP_RELEASED,	   /* nobody knows it, and a complete resync or the operator said so */
	STOP_SPEC_CHANGED, /* another image */
	STOP_LIVENESS,	   /* its own probe */
	STOP_STARTUP,
	STOP_POST_START,   /* its own hook failed */
	STOP_DEADLINE,	   /* activeDeadlineSeconds */
	STOP_COMPLETED,	   /* sidecars, when the work is done */
	STOP_SANDBOX_LOST, /* the runtime lost the sandbox under it for good */
	STOP_FENCED, /* it must run only once, and may be running elsewhere by now: see lifecycle_fence */
};

/* --- what was seen --- */
enum run_state { RUN_CREATED, RUN_RUNNING, RUN_EXITED, RUN_UNKNOWN };
struct run_info {
	const char *id, *sandbox_id, *container;
	unsigned attempt, restart_count;
	enum run_state state;
	int64_t created_ms, started_ms, finished_ms; /* wall */
	int exit_code;
	const char *reason, *message, *image, *image_ref; /* "" unknown */
	uint32_t hash;
	bool has_hash;
};
struct sandbox_info {
	const char *id, *ips; /* ips comma-separated; NULL not asked */
	unsigned attempt;
	bool ready;
	int64_t created_ms;
};
struct observation {
	uint64_t asked_ms; /* when the listing was sent */
	const struct sandbox_info *sandboxes;
	size_t sandbox_count;
	const struct run_info *runs;
	size_t run_count;
};

/* --- what is to be done --- */
enum action_kind {
	ACTION_NONE,
	/* for the pod */
	ACTION_PREPARE,	       /* directories, volumes, cgroup */
	ACTION_RUN_SANDBOX,    /* attempt */
	ACTION_STOP_SANDBOX,   /* id */
	ACTION_REMOVE_SANDBOX, /* id */
	ACTION_REMOVE,	       /* id of a container nobody needs any more */
	ACTION_CLEAN,	       /* what PREPARE made; the pod is gone afterwards */
	/* for a container: `slot` is its index in the spec */
	ACTION_PULL,	   /* make the image present, as the pull policy says */
	ACTION_CREATE,	   /* attempt, restart_count, id of the sandbox */
	ACTION_START,	   /* id */
	ACTION_POST_START, /* id */
	ACTION_PRE_STOP,   /* id, grace_s */
	ACTION_STOP,	   /* id, grace_s, reason */
	ACTION_PROBE,	   /* id, probe; beside any other action */
};
struct action {
	enum action_kind kind;
	int slot; /* -1: the pod */
	const char *id;
	unsigned attempt, restart_count;
	int64_t grace_s;
	enum stop_reason reason;
	enum probe_kind probe;
	uint32_t run; /* which run a probe or hook belongs to; handed back in the outcome */
};
struct outcome {
	enum action_kind kind;
	int slot;
	int code;	 /* 0 or negative errno; a probe: 0 success, else failure */
	const char *id;	 /* RUN_SANDBOX, CREATE: what came to be */
	const char *ips; /* RUN_SANDBOX: comma-separated, NULL unknown */
	const char *
		reason; /* failures: "ErrImagePull", "CreateContainerConfigError", ...; "" lets the core name it */
	const char *message;
	enum probe_kind probe;
	uint32_t run;
	bool undecided; /* a probe that could not be asked at all (the runtime is away): counts as nothing */
};

struct lifecycle_sink { /* events for people; may be called from lifecycle_next, _done and _observe */
	void (*on_event)(void *ctx, const char *container, bool warning, const char *reason,
			 const char *message);
	void *ctx;
};

struct lifecycle;
/* Takes the spec, also when it fails. */
int lifecycle_new(struct pod_spec *spec, const struct lifecycle_sink *sink, struct moment at,
		  struct lifecycle **out) must_check;
void lifecycle_free(struct lifecycle *lc);
const struct pod_spec *lifecycle_spec(const struct lifecycle *lc);

/* A newer version of the same UID. Takes the spec, also when it fails. */
int lifecycle_set_spec(struct lifecycle *lc, struct pod_spec *spec, struct moment at) must_check;
/* To be ended: grace_s < 0: the spec's own. A shorter grace than before is honoured, a longer one is not. */
void lifecycle_end(struct lifecycle *lc, enum stop_reason reason, int64_t grace_s, struct moment at);
/* Fenced: nothing of it runs, sandbox included, and nothing is started until it is no longer; then it goes on as if nothing had been, without
 * back-off. Its end, when it is told to go, is as ever, only with less grace. */
void lifecycle_fence(struct lifecycle *lc, bool fenced, struct moment at);
/* Everything the runtime holds for this UID. */
int lifecycle_observe(struct lifecycle *lc, const struct observation *seen, struct moment at) must_check;
/* The runtime answers, or does not. Nothing is concluded from silence: what was known stays true, and nothing is begun. */
void lifecycle_runtime(struct lifecycle *lc, bool up, struct moment at);
/* The wall time became known, or turned out to be another: stamps given before follow, and so does the deadline. */
void lifecycle_clock_moved(struct lifecycle *lc, const struct walltime_move *move, struct moment at);
/* Something that failed may work now (an object appeared): no back-off for it. */
void lifecycle_poke(struct lifecycle *lc);

bool lifecycle_next(struct lifecycle *lc, struct moment at,
		    struct action *out) must_check; /* strings borrowed until the next call */
void lifecycle_done(struct lifecycle *lc, const struct outcome *outcome, struct moment at);
/* What the runtime says of a run beside its state. Strings are copied. */
int lifecycle_learn(struct lifecycle *lc, const char *id, int64_t started_ms, const char *image,
		    const char *image_ref) must_check;
/* When lifecycle_next may have something new without anything happening. LIFECYCLE_NEVER. */
uint64_t lifecycle_due(const struct lifecycle *lc);

/* --- questions --- */
bool lifecycle_is_observed(const struct lifecycle *lc);
bool lifecycle_is_ending(const struct lifecycle *lc); /* told to go */
bool lifecycle_is_gone(const struct lifecycle *lc);   /* CLEAN is done */
/* Nothing under way or expected soon: the shell may look less often. */
bool lifecycle_is_steady(const struct lifecycle *lc);
/* False for a pod whose work was over when it was taken up, and of which the runtime holds nothing: what was last
 * reported of it says more than could be said now. */
bool lifecycle_has_news(const struct lifecycle *lc);
unsigned lifecycle_running(const struct lifecycle *lc);
bool lifecycle_may_have_processes(
	const struct lifecycle *lc); /* containers or a sandbox that are not known to have ended */
/* Whether this container was already known in this state, so that its details need not be fetched. */
bool lifecycle_knows_run(const struct lifecycle *lc, const char *id, enum run_state state);
bool lifecycle_knows_ips(const struct lifecycle *lc, const char *sandbox_id);
const char *lifecycle_pod_ips(const struct lifecycle *lc); /* comma-separated, "" unknown */
const char *lifecycle_sandbox(const struct lifecycle *lc); /* id of the one in use, "" none */
/* The id of a slot's latest (previous: the one before) run, "" none, and its attempt. */
const char *lifecycle_run(const struct lifecycle *lc, uint32_t slot, bool previous, enum run_state *out_state,
			  unsigned *out_attempt);
enum pod_phase lifecycle_phase(const struct lifecycle *lc);
const char *stop_reason_text(enum stop_reason reason);

/* Pod.status as JSON. */
int lifecycle_status(struct lifecycle *lc, const char *host_ip, struct moment at, struct buf *out) must_check;

#endif
