/* health_side: the hub's side that faces its neighbours: its key, and the health of its region as far as this node sees it, tied to the
 * tunnel. Without it, or with a port that is taken, pods run all the same. Main thread. */
#ifndef HOLDFAST_EDGE_HUB_HEALTH_SIDE_H
#define HOLDFAST_EDGE_HUB_HEALTH_SIDE_H

#include "edge-hub/health/peers.h"
#include "edge-hub/identity.h"
#include "edge-hub/link/uplink.h"
#include "edge-hub/settings.h"

struct health_side;

struct health_side_options { /* all borrowed */
	const struct settings *settings;
	struct loop *loop;
	struct cache *cache;
	struct vault *vault;
	const struct identity *identity;
	uint64_t start;		   /* of this hub with this data directory */
	const struct score *score; /* of this node itself */
	/* What this node sees of a neighbour is another. */
	void (*on_view)(void *ctx, const char *member);
	void *ctx;
};
int health_side_new(const struct health_side_options *options, struct health_side **out,
		    struct err *err) must_check;
void health_side_free(struct health_side *side); /* NULL is fine */

/* What the tunnel's greeting says of it. */
struct span health_side_identity(const struct health_side *side); /* empty when it is switched off */
unsigned health_side_port(const struct health_side *side);
/* Words go out through it; NULL: no more. Borrowed. */
void health_side_uplink(struct health_side *side, struct uplink *uplink);
void health_side_tunnel(struct health_side *side, bool is_up);
void health_side_want(struct health_side *side, const char *const *names, size_t count);
/* From the replica's watch. */
void health_side_changed(struct health_side *side, const char *resource);
/* This node's own trouble, healthcheck/score.h. */
void health_side_trouble(struct health_side *side, unsigned trouble);
struct peers *health_side_peers(const struct health_side *side); /* NULL: switched off */

#endif
