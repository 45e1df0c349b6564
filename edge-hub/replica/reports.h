/* reports: keeps what this node computes about its pods and itself in step with the replica's rows and with the cloud.
 *
 * Each report is compared with its row whenever either changes. Where they differ the row is rewritten locally, so that
 * the API here tells the truth while the cloud is away, and the same transaction puts the report into the outbox. So a resync that
 * brings an older state is answered by sending the newer one again. Loop thread. */
#ifndef HOLDFAST_EDGE_HUB_REPLICA_REPORTS_H
#define HOLDFAST_EDGE_HUB_REPLICA_REPORTS_H

#include "edge-hub/outbox/outbox.h"
#include "net/loop.h"

struct reports;

#define REPORTS_MAX 4096u
#define REPORTS_RETRY_MS 3000u /* after a commit failed: the disk is full, say */

int reports_new(struct loop *loop, struct cache *cache, struct outbox *outbox,
		struct reports **out) must_check;
void reports_free(struct reports *reports);

/* The status of the pod is this now; replaces what was reported before. */
void reports_pod_status(struct reports *reports, const struct key *key, const char *uid,
			struct span status_json);
/* The pod was to be deleted and has ended: its object may go. */
void reports_pod_ended(struct reports *reports, const struct key *key, const char *uid);
/* The node is this now: a Node with labels and status. */
void reports_node(struct reports *reports, const char *name, struct span node_json);
/* A row changed. */
void reports_row_changed(struct reports *reports, const struct change *change);

#endif
