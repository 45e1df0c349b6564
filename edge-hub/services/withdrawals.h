/* withdrawals: while this node is cut off from the cloud, endpoints on neighbours that it knows are dead are not ready in its replica,
 * so that whoever reads the API on the node (a kube-proxy, say) sends nobody there. They are put back when the neighbour answers, or
 * when the cloud is there again and has had time to judge for itself.
 *
 * Rows are rewritten in the replica only, at transitions, under its own revision: watchers on the node are told as of any change.
 * Owner: the hub. Loop thread. */
#ifndef HOLDFAST_EDGE_HUB_SERVICES_WITHDRAWALS_H
#define HOLDFAST_EDGE_HUB_SERVICES_WITHDRAWALS_H

#include "cache/cache.h"
#include "healthcheck/detector.h"
#include "net/loop.h"

struct withdrawals;

/* After the tunnel is back: longer than a cloud-hub that has just started judges nobody (its nodes.startGrace, 60 s), so that an
 * endpoint on a dead node is not ready again for the time between. */
#define WITHDRAWALS_HOLD_MS 90000u
#define WITHDRAWALS_RETRY_MS 3000u /* after a commit failed */

struct withdrawals_options { /* borrowed */
	struct loop *loop;
	struct cache *cache;
	const char *node; /* this one */
	/* What this node sees of a neighbour. */
	enum detector_view (*view)(void *ctx, const char *member);
	void *ctx;
	uint64_t hold_ms; /* 0: WITHDRAWALS_HOLD_MS */
};
int withdrawals_new(const struct withdrawals_options *options, struct withdrawals **out) must_check;
/* Nobody is asked any more; before what `view` needs goes. NULL is fine. */
void withdrawals_stop(struct withdrawals *w);
void withdrawals_free(struct withdrawals *w); /* after cache_close */

/* Late enough for any caller: rows are looked at from the loop. */
void withdrawals_link(struct withdrawals *w, bool up);
void withdrawals_view(struct withdrawals *w, const char *member);
void withdrawals_row_changed(struct withdrawals *w, const struct change *change);

struct withdrawals_stats {
	size_t endpoints;   /* taken out at the moment: the slices are looked through for it */
	uint64_t rewritten; /* slices */
	uint64_t failures;
	bool judging; /* what neighbours do counts: the cloud is away, or was until just now */
};
void withdrawals_stats(const struct withdrawals *w, struct withdrawals_stats *out);

#endif
