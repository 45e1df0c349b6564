/* cloud: a simulated cloud-hub: the production sessions, sources and outbox receivers over a store on a disk
 * of its own, and a small gateway that knows which keys each edge's pods name. */
#ifndef HOLDFAST_TESTS_SIM_CLOUD_H
#define HOLDFAST_TESTS_SIM_CLOUD_H

#include "base/list.h"
#include "base/map.h"
#include "tests/sim/edge.h"
#include "tests/sim/wire.h"
#include "tunnel/encode_cache.h"
#include "tunnel/replicate_source.h"
#include "tunnel/session.h"

#define CLOUD_WORKLOAD 6
#define CLOUD_EDGES_MAX 1024u

/* What one edge is entitled to: key text -> how many of its pods name it (the pod itself: 1). */
struct cloud_set {
	struct map keys;
	struct cloud_session *session; /* newest; NULL: none */
};

struct cloud {
	struct sim *sim;
	struct faultyvfs *disk;
	struct cache *cache;
	struct cache_watch *watch;
	const char *path;
	bool is_up;
	unsigned lag_percent; /* how often announcements are held back for a while */
	struct sim_timer resume;
	struct sim_timer reboot;
	struct encode_cache *encoded;
	struct cloud_set sets[CLOUD_EDGES_MAX];
	struct list sessions;
	struct map deleted; /* uid -> when, as a count */
	uint64_t deletions, backup_deletions;
	struct map applied; /* edge name and sequence of each effect -> how often */
	uint64_t sessions_started, unchanged, diverged, orphans_seen;
	struct sim_timer pump_timer; /* earliest deadline of the sessions */
};

struct key cloud_key(const char *text); /* "pods/ns/name"; valid until some calls later */

void cloud_init(struct cloud *cloud, struct sim *sim);
void cloud_done(struct cloud *cloud);
void cloud_start(struct cloud *cloud);
void cloud_stop(struct cloud *cloud);
void cloud_crash(struct cloud *cloud, uint64_t back_after_ms);
bool cloud_is_up(const struct cloud *cloud);
void cloud_backup(struct cloud *cloud);
void cloud_restore(struct cloud *cloud); /* stopped before; starts from the backup */

/* Writes; the caller's changes reach the sessions at once or a little later. False: not possible now. */
bool cloud_put(struct cloud *cloud, const char *key, const char *uid, unsigned node, const char *refs,
	       const char *body);
/* Pods "PREFIX0" and on, all bound to the node, in few commits. */
bool cloud_fill(struct cloud *cloud, const char *prefix, unsigned node, unsigned count);
bool cloud_delete(struct cloud *cloud, const char *key);
void cloud_pump(struct cloud *cloud);

struct wire_end *cloud_accept(struct cloud *cloud, const struct wire_options *options, struct edge *edge);
bool cloud_was_deleted(const struct cloud *cloud, const char *uid);
bool cloud_has_applied(const struct cloud *cloud, const struct edge *edge, uint64_t sequence);
/* A bulk stream to the edge, "drain" or "stall", fed as long as the session lives. */
bool cloud_bulk(struct cloud *cloud, unsigned edge, const char *request);
/* Does its session have nothing more to say, with everything acknowledged? */
bool cloud_edge_is_quiet(struct cloud *cloud, unsigned edge);
/* Is the replica of this edge what the set says? Fails the simulation if not. */
void cloud_check_edge(struct cloud *cloud, const struct edge *edge);
/* Orphans of an edge, released one and all. */
unsigned cloud_release_orphans(struct cloud *cloud, struct edge *edge);

#endif
