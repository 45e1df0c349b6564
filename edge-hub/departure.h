/* departure: a running hub that is asked to give its node up: tells the cloud, and notes that the machine is leaving once that has
 * forgotten the node. What is left to do is done by the verb that asked (edge-hub/leave.h). Loop thread.
 *
 *     POST /holdfast/v1/leave {"force":false} -> {"told":true}   the hub ends after it
 */
#ifndef HOLDFAST_EDGE_HUB_DEPARTURE_H
#define HOLDFAST_EDGE_HUB_DEPARTURE_H

#include "api/server.h"
#include "edge-hub/leaving.h"
#include "edge-hub/link/uplink.h"

struct departure;

#define DEPARTURE_PATH "/holdfast/v1/leave"
#define DEPARTURE_ANSWER_MS 20000u /* for the cloud to forget the node */

struct departure_options {
	struct loop *loop;
	const char *data_dir;
	const char *runtime;
	const struct identity *identity;
	void (*on_end)(void *ctx); /* the note is on the disk: the hub is to end */
	void *ctx;
};
int departure_new(const struct departure_options *options, struct departure **out) must_check;
int departure_serve(struct departure *departure, struct api *api) must_check;
/* NULL: none yet, or no more. */
void departure_show(struct departure *departure, struct uplink *uplink);
/* The cloud has forgotten the node. */
void departure_left(struct departure *departure);
void departure_free(struct departure *departure);

#endif
