/* pods_world: a model of a container runtime and of a shell that never fails, for tests of the pod lifecycle.
 *
 * Time is virtual. What a test wants to go wrong it sets before stepping. */
#ifndef HOLDFAST_TESTS_PODS_WORLD_H
#define HOLDFAST_TESTS_PODS_WORLD_H

#include "edge-hub/pods/lifecycle.h"

#define WORLD_THINGS 512u

struct world_container {
	char id[32], sandbox[32], name[32];
	unsigned attempt, restarts;
	enum run_state state;
	int64_t created_ms, started_ms, finished_ms;
	int exit_code;
	uint32_t hash;
};
struct world_sandbox {
	char id[32];
	unsigned attempt;
	bool ready;
	int64_t created_ms;
};
struct world_event {
	char container[32], reason[40], message[200];
	bool warning;
};

struct world {
	struct lifecycle *lc;
	struct moment at;
	struct world_container containers[WORLD_THINGS];
	struct world_sandbox sandboxes[WORLD_THINGS];
	size_t container_count, sandbox_count;
	unsigned ids;
	/* what the next action of a kind comes to: 0 or an error */
	int fail[16];
	const char *fail_reason[16];
	int probe_answer[PROBE_KINDS];
	bool hold[16]; /* leaves actions of a kind under way: see held */
	struct action held[32];
	char held_id[32][32];
	size_t held_count;
	/* what happened */
	struct action log[4096];
	uint64_t log_ms[4096];
	size_t log_count;
	struct world_event events[1024];
	size_t event_count;
	void (*on_action)(struct world *w, const struct action *action); /* may be NULL */
	void *user;
};

void world_init(struct world *w);
void world_done(struct world *w);
/* A pod from JSON text: `spec` is the value of spec, `meta` more members of metadata, `status` the value of status ("" none). */
struct pod_spec *world_spec(const char *meta, const char *spec, const char *status);
void world_pod(struct world *w, const char *meta, const char *spec, const char *status);
/* A new process: the lifecycle is forgotten, the runtime is not. */
void world_restart_agent(struct world *w, const char *meta, const char *spec, const char *status);
void world_observe(struct world *w);
/* Lists, and carries out actions until there are none. Returns how many. */
size_t world_settle(struct world *w);
/* Moves time on, settling at least every second. */
void world_run(struct world *w, uint64_t ms);
void world_finish_held(struct world *w, int code);
struct world_container *world_running(struct world *w, const char *name); /* NULL */
void world_exit(struct world *w, const char *name, int code);
void world_kill_all(struct world *w); /* power cut: every process and sandbox */
size_t world_count(const struct world *w, enum action_kind kind);
bool world_has_event(const struct world *w, const char *reason);
/* The status as JSON, to be freed. */
struct json *world_status(struct world *w);

#endif
