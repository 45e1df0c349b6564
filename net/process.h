/* process: a program run to its end beside the loop: no shell, in a session and process group of its own, with nothing of the daemon's
 * but what is given here. At the deadline the whole group is killed; so is what it leaves behind when it ends by itself, and it when
 * the daemon dies. What puts itself into another group or session is beyond that.
 *
 * Owner: who began it. Exactly one on_end, from the loop, unless process_close came first. A program that cannot be killed (it hangs in
 * the kernel) ends when it does: who needs to know sooner has a timer. Loop thread, which has to be the one that lives longest. */
#ifndef HOLDFAST_NET_PROCESS_H
#define HOLDFAST_NET_PROCESS_H

#include "net/loop.h"

struct process;

#define PROCESS_OUTPUT_MAX 4096u /* more is read and dropped */

struct process_options {	 /* borrowed for the call */
	const char *const *argv; /* ended by NULL; the program by its absolute path */
	const char *const *env;	 /* "NAME=value", ended by NULL; all of its environment */
	const char *dir;
	unsigned timeout_ms;
};
struct process_end {
	int code; /* negative: it could not be begun (-ENOENT, -EACCES, -ENOEXEC...), and nothing below counts */
	int status;	/* of its exit, 0 when a signal ended it */
	int signal;	/* 0: none */
	bool timed_out; /* it was killed at the deadline */
	struct span
		output; /* of both its channels, the first PROCESS_OUTPUT_MAX bytes; valid during on_end */
};
/* Never waits, not even for a disk that hangs under the program. -EAGAIN, -ENOMEM, -EMFILE...: there is no room for one now; no on_end
 * follows then. */
int process_run(struct loop *loop, const struct process_options *options,
		void (*on_end)(void *ctx, const struct process_end *end), void *ctx,
		struct process **out) must_check;
/* Kills it. NULL is fine; not in or after on_end, which is its end. */
void process_close(struct process *process);

#endif
