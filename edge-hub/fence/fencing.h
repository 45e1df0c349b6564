/* fencing: this node's part in never running two of what must run only once (healthcheck/fence.h): feeds the fence with what tunnel and
 * neighbours prove, tells the agent to stop such pods and to start them again, keeps the record for whoever comes after a crash, and sees to
 * it that the guard (guard.h) is there while there is something to guard.
 *
 * Owner: the hub. Loop thread. */
#ifndef HOLDFAST_EDGE_HUB_FENCE_FENCING_H
#define HOLDFAST_EDGE_HUB_FENCE_FENCING_H

#include "edge-hub/health/peers.h"
#include "edge-hub/link/uplink.h"
#include "edge-hub/pods/agent.h"

struct fencing;

#define FENCING_RUN_DIR "/run/holdfast"

struct fencing_options { /* all borrowed */
	struct loop *loop;
	struct agent *agent;
	const struct repl_sink *sink;
	const char *data_dir;
	const char *run_dir; /* NULL: FENCING_RUN_DIR */
	const char *boot_id;
	unsigned ping_interval_ms;
	struct peers *peers; /* NULL: the tunnel alone is proof */
	bool no_guard;	     /* for programs that cannot be started again with its verb */
};
/* Before the loop runs, so that nothing is started that must not be. */
int fencing_new(const struct fencing_options *options, struct fencing **out, struct err *err) must_check;
/* The tunnel; NULL: it is no more. It is told T. Borrowed. */
void fencing_uplink(struct fencing *fencing, struct uplink *uplink);
/* The neighbours are no more. */
void fencing_forget_peers(struct fencing *fencing);
/* Something may be different: looked at soon. */
void fencing_look(struct fencing *fencing);
/* This machine is a node no longer, and its containers have been stopped: there is nothing to guard. */
void fencing_forget(const char *data_dir);
void fencing_free(struct fencing *fencing); /* the pods stay as they are, and guarded. NULL is fine */

struct fencing_status {
	bool is_open;
	unsigned limit_ms;     /* T; 0: this node does not fence itself */
	uint64_t left_ms;      /* until it closes; 0: closed */
	uint64_t since_ms;     /* how long it has been so */
	uint64_t proof_age_ms; /* UINT64_MAX: no proof in this boot */
	unsigned pods;	       /* of which there must never be two */
	bool is_guarded;
	uint64_t closings;
};
void fencing_status(const struct fencing *fencing, struct fencing_status *out);
/* As a JSON object. Appends. */
void fencing_write(const struct fencing *fencing, struct buf *out);

#endif
