/* operate_ask: how a verb of the command line asks the running hub, over its unix socket. Shared by operate*.c. Main thread. */
#ifndef HOLDFAST_CLOUD_HUB_OPERATE_ASK_H
#define HOLDFAST_CLOUD_HUB_OPERATE_ASK_H

#include "base/json.h"
#include "base/options.h"

/* Shows the hub's answer on stdout; returns the exit code. */
typedef int operate_show_fn(const struct json *answer, void *ctx);
/* Sends the request (no body when empty) to the hub of --data-dir, and hands a good answer to `show`. What went wrong is told in a
 * line on stderr. Returns the exit code. */
int operate_ask(const struct options *options, const char *method, const char *target, struct span body,
		operate_show_fn *show, void *ctx);
/* The same for what takes longer than operate_ask waits (15 s). */
int operate_ask_for(const struct options *options, const char *method, const char *target, struct span body,
		    unsigned timeout_ms, operate_show_fn *show, void *ctx);

/* -o: nothing, or json. What else was typed is told on stderr. */
bool operate_output_ok(const struct options *options);
bool operate_wants_json(const struct options *options);
/* The answer as it came, on stdout. Returns the exit code. */
int operate_show_json(const struct json *answer);

#endif
