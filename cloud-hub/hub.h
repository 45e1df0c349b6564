/* hub: the cloud-hub as a whole: opens the store and the authority, wires the floors below to each other, serves until told
 * to stop, and takes it all down in reverse. No policy of its own. Main thread. */
#ifndef HOLDFAST_CLOUD_HUB_HUB_H
#define HOLDFAST_CLOUD_HUB_HUB_H

#include "cloud-hub/settings.h"

/* Reads the configuration once more, as at the start. The caller releases it with config_done. */
struct hub_reload {
	int (*load)(void *ctx, struct settings *out, struct err *err);
	void *ctx;
};
/* On SIGHUP it is read again, and the addresses that edges learn are taken from it. Runs until SIGTERM or SIGINT. 0 after a clean stop; negative errno with a sentence when it could not start or go on. */
int hub_run(const struct settings *settings, const struct hub_reload *reload, struct err *err) must_check;

#endif
