/* lifecycle_internal: the state that lifecycle.c (what is wanted and known), lifecycle_observe.c (what was seen),
 * lifecycle_next.c (what to do), lifecycle_done.c (what came of it), lifecycle_ask.c and status.c (what to say) share. */
#ifndef HOLDFAST_EDGE_HUB_PODS_LIFECYCLE_INTERNAL_H
#define HOLDFAST_EDGE_HUB_PODS_LIFECYCLE_INTERNAL_H

#include "edge-hub/pods/lifecycle.h"
#include "edge-hub/pods/probe.h"

/* One container of the runtime: one attempt at running a container of the spec. */
struct run {
	char *id, *sandbox_id, *reason, *message, *image,
		*image_ref; /* one block with the struct, never NULL */
	int slot;	    /* -1: a name the spec does not have */
	uint32_t serial;
	unsigned attempt, restart_count;
	enum run_state state;
	int64_t created_ms, started_ms, finished_ms;
	int exit_code;
	uint32_t hash;
	bool has_hash;
	unsigned missing; /* listings in a row without it */
	bool removed;	  /* the runtime has forgotten it; kept for the status */
	bool fenced;	  /* ended by fencing: no fault of its own, and no end of its work */
};
struct sandbox {
	char *id, *ips;
	unsigned attempt;
	bool ready, stopped;
	int64_t created_ms;
	unsigned missing;
};

struct backoff {
	unsigned delay_ms; /* what the next failure waits; 0: none yet */
	uint64_t until_ms, last_ms;
};
struct wait {
	char *reason, *message; /* why the container does not run; NULL none. One block */
};

struct slot {
	const struct container_spec *spec;
	enum action_kind op; /* under way */
	uint64_t settled_ms; /* listings asked for before are stale */
	bool blind;	     /* the last operation failed: wait for a later listing */
	bool image_ready;
	struct backoff crash, trouble; /* after an exit; after a failed pull, create or start */
	struct wait wait;
	bool announced; /* the back-off's event was sent */
	int64_t prior_restarts;
	bool prior_ran, prior_fenced;

	/* of the latest run */
	uint32_t run; /* its serial, 0 none */
	bool ours;    /* started by this process: hooks are due */
	bool post_started, post_failed, pre_stopped;
	enum stop_reason stopping;
	uint64_t stop_by_ms; /* when its grace ends; 0 while not stopping */
	bool stop_sent;
	uint64_t unknown_since_ms;
	struct probe_state probes[PROBE_KINDS];
	bool started, ready;
};

enum condition {
	COND_READY_TO_START,
	COND_INITIALIZED,
	COND_READY,
	COND_CONTAINERS_READY,
	COND_SCHEDULED,
	COND_COUNT
};

struct lifecycle {
	struct pod_spec *spec;
	struct lifecycle_sink sink;
	struct slot *slots; /* spec->container_count */
	struct run *runs[LIFECYCLE_RUNS_MAX];
	size_t run_count;
	struct sandbox *sandboxes;
	size_t sandbox_count;
	uint32_t serials;

	bool observed, runtime_up;
	enum action_kind op; /* the pod's, under way */
	char *op_id;	     /* what it is about */
	uint64_t settled_ms;
	bool blind;
	bool prepared, cleaned;
	struct backoff prepare_trouble, sandbox_trouble, stop_trouble;
	struct wait wait;	  /* why the whole pod does not start */
	uint64_t lost_since_ms;	  /* sandbox dead under running containers; 0 not */
	unsigned sandbox_attempt; /* highest ever seen */

	bool fenced, fence_told;  /* told: the event was sent */
	uint64_t fenced_since_ms; /* good while fenced */

	enum stop_reason ending; /* told to go, or deadline */
	int64_t ending_grace_s;
	uint64_t ending_since_ms;
	bool removal;  /* ending, and nothing is to be left */
	bool finished; /* all work done (Succeeded) or given up (Failed) for good */
	enum pod_phase finished_phase;
	char failed_reason[32], failed_message[160];
	int64_t start_time_ms;	 /* 0: not known yet, and not reported */
	uint64_t known_since_ms; /* mono, to this process */
	uint64_t deadline_ms;	 /* mono; 0 none */
	uint64_t due_ms;
	struct {
		int value; /* -1 never computed */
		int64_t since_ms;
	} conditions[COND_COUNT];
};

/* --- lifecycle_clock.c --- */
void lifecycle_take_start(struct lifecycle *lc, struct moment at);
void lifecycle_take_deadline(struct lifecycle *lc, struct moment at);
/* When it was by the monotonic clock; now when that cannot be told. */
uint64_t lifecycle_mono_of_wall(int64_t wall_ms, struct moment at);

/* --- shared helpers (lifecycle.c) --- */
struct run *lifecycle_latest(const struct lifecycle *lc, int slot);
struct run *lifecycle_previous(const struct lifecycle *lc, int slot); /* the one before, if it ended */
struct sandbox *lifecycle_current_sandbox(const struct lifecycle *lc);
bool lifecycle_is_initialized(const struct lifecycle *lc);
/* Whether the slot has nothing left to do under the restart policy. */
bool lifecycle_slot_is_final(const struct lifecycle *lc, const struct slot *slot);
bool run_is_active(const struct run *run); /* has, or may have, a process */
int slot_index(const struct lifecycle *lc, const struct slot *slot);
void lifecycle_event(struct lifecycle *lc, const struct slot *slot, bool warning, const char *reason,
		     const char *fmt, ...) printf_like(5, 6);
void wait_set(struct wait *wait, const char *reason, const char *message);
bool wait_is(const struct wait *wait, const char *reason);
void wait_clear(struct wait *wait);
void backoff_failed(struct backoff *b, unsigned first_ms, unsigned max_ms, uint64_t now_ms);
void backoff_clear(struct backoff *b);
void lifecycle_due_at(struct lifecycle *lc, uint64_t when_ms); /* lowers due_ms */
struct run *run_new(const struct run_info *info) must_check;
size_t lifecycle_find_run(const struct lifecycle *lc, const char *id);	   /* run_count when absent */
size_t lifecycle_find_sandbox(const struct lifecycle *lc, const char *id); /* sandbox_count when absent */
int lifecycle_slot_of(const struct lifecycle *lc, const char *name);	   /* -1 */
void slot_exited(const struct lifecycle *lc, struct slot *slot, struct run *run,
		 struct moment at);	   /* its latest run has ended */
extern const char lifecycle_fenced_text[]; /* why, for people */
struct run *lifecycle_add_run(struct lifecycle *lc, const struct run_info *info);
int lifecycle_add_sandbox(struct lifecycle *lc, const struct sandbox_info *info) must_check;
void lifecycle_drop_sandbox(struct lifecycle *lc, struct sandbox *sandbox);
void lifecycle_drop_run(struct lifecycle *lc, size_t index);
/* Nothing but probes is under way for it, and what is known of it is fresh. */
bool slot_is_free(const struct slot *slot);
void slot_running(struct lifecycle *lc, struct slot *slot, const struct run *run,
		  struct moment at); /* it began to run */
void lifecycle_follow(struct lifecycle *lc, struct slot *slot,
		      struct moment at); /* looks whether its latest run is another */
bool lifecycle_no_answer(int code);	 /* the runtime said nothing, as opposed to no */

#endif
