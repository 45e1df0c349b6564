/* cloud_side: the hub's side that faces the cloud: the uplink, on its way through a proxy or not, and what the cloud gives this node and it
 * keeps: the session's secret, the addresses to dial, its certificate. Main thread. */
#ifndef HOLDFAST_EDGE_HUB_CLOUD_SIDE_H
#define HOLDFAST_EDGE_HUB_CLOUD_SIDE_H

#include "edge-hub/link/renewer.h"
#include "edge-hub/link/uplink.h"
#include "edge-hub/node/facts.h"
#include "edge-hub/settings.h"

struct cloud_side;

struct cloud_side_options { /* all borrowed */
	const struct settings *settings;
	struct loop *loop;
	struct vault *vault;
	struct identity *identity; /* the renewer replaces parts of it */
	struct repl_sink *sink;
	struct outbox *outbox;
	struct timekeeper *timekeeper;
	const struct node_facts *facts;
	uint64_t incarnation;	     /* of this process's start */
	struct span health_identity; /* these two for the greeting */
	unsigned health_port;
	/* As uplink_options have them. */
	void (*on_state)(void *ctx, bool up, const char *local_address);
	void (*on_left)(void *ctx);
	void (*on_verdict_want)(void *ctx, const char *const *names, size_t count);
	void *ctx;
};
int cloud_side_new(const struct cloud_side_options *options, struct cloud_side **out,
		   struct err *err) must_check;
/* Dials from then on. */
void cloud_side_start(struct cloud_side *side);
/* Something was queued for the cloud. */
void cloud_side_kick(struct cloud_side *side);
struct uplink *cloud_side_uplink(const struct cloud_side *side);
struct renewer *cloud_side_renewer(const struct cloud_side *side);
void cloud_side_free(struct cloud_side *side); /* NULL is fine */

#endif
