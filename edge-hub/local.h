/* local: what the node serves on itself: the Kubernetes API over its replica, read-only, and its own status. On a unix socket
 * that only root can open. Loop thread. */
#ifndef HOLDFAST_EDGE_HUB_LOCAL_H
#define HOLDFAST_EDGE_HUB_LOCAL_H

#include "auth/secrets_api.h"
#include "edge-hub/fence/fencing.h"
#include "edge-hub/health/peers.h"
#include "edge-hub/link/renewer.h"
#include "edge-hub/link/uplink.h"
#include "edge-hub/node/timekeeper.h"
#include "edge-hub/pods/agent.h"

struct local;
struct withdrawals;

#define LOCAL_SOCKET "edge.sock" /* in the data directory, mode 0600 */
#define LOCAL_STATUS_PATH "/holdfast/v1/status"

struct local_options {
	struct loop *loop;
	struct cache *cache;
	const struct identity *identity;
	const char *data_dir;
	struct repl_sink *sink;
	struct outbox *outbox;
	struct timekeeper *timekeeper;
	struct secrets_api *secrets;
	struct departure *departure;
};
/* Serves from then on; agent and uplink are shown once they are set. */
int local_new(const struct local_options *options, struct local **out, struct err *err) must_check;
void local_show(struct local *local, const struct agent *agent, const struct uplink *uplink,
		const struct renewer *renewer);
/* Who watches the neighbours; NULL: nobody. What this node knows against itself. Before the loop runs. */
void local_show_health(struct local *local, const struct peers *peers, const struct score *score);
void local_show_fence(struct local *local, const struct fencing *fencing); /* the same */
void local_show_withdrawals(struct local *local, const struct withdrawals *withdrawals);
/* Ends answers under way; on_closed (may be NULL) when the last connection is gone. */
void local_close(struct local *local, void (*on_closed)(void *ctx), void *ctx);
void local_free(struct local *local); /* after local_close and the loop's last turn */

#endif
