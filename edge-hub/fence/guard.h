/* guard: a process of its own that ends pods of which there must never be two when the hub cannot: because it hangs, was killed and not
 * started again, or its runtime does not answer. It runs only while there is such a pod, reads the record (record.h) when the time in it
 * has come, and knows nothing else: no network, no configuration.
 *
 * It is this program, started anew by the hub (`edge-hub fence-guard RECORD`), in a session of its own, so that what ends the hub does not end
 * it. It ends when the record says that there is nothing left to watch over, on SIGTERM, and after an hour in which there was nothing. */
#ifndef HOLDFAST_EDGE_HUB_FENCE_GUARD_H
#define HOLDFAST_EDGE_HUB_FENCE_GUARD_H

#include "edge-hub/fence/record.h"

#define GUARD_VERB "fence-guard"
#define GUARD_LAG_MS \
	8000u /* after the hub's own deadline, by when its containers have ended: grace, a hook and the runtime. Before FENCE_MARGIN_MS */
#define GUARD_AGAIN_MS 1000u /* while the time is over and somebody might still start something */
#define GUARD_IDLE_MS (60u * 60 * 1000)
#define GUARD_LOCK \
	".guard" /* behind the record's name: who holds its lock is the guard, and its version is in it */

enum guard_step {
	GUARD_WAIT, /* until *out_due_ms, or until it is told */
	GUARD_KILL, /* and look again at *out_due_ms */
	GUARD_END,
};
/* What to do at this time (CLOCK_BOOTTIME) by the last good record. Pure. `read`: what reading it anew came to; when it failed for good the last good
 * one counts, so damage neither ends anything early nor saves it. */
enum guard_step guard_decide(const struct record *record, int read, uint64_t now_ms, uint64_t *out_due_ms);

/* The process. Returns its exit code. */
int guard_main(const char *record_path);

/* --- the hub's side --- */
/* Starts one for this record unless there is one; replaces one of another version. 0: it is there, or will be in a moment; -errno. */
int guard_ensure(const char *record_path) must_check;
/* Makes it read the record now. */
void guard_tell(const char *record_path);
bool guard_is_there(const char *record_path);

#endif
