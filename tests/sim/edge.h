/* edge: a simulated edge-hub: the production link, sink and outbox sender over a replica on a disk of its
 * own. What runs on the node is not simulated; what a pod agent would see is checked. */
#ifndef HOLDFAST_TESTS_SIM_EDGE_H
#define HOLDFAST_TESTS_SIM_EDGE_H

#include "tests/sim/wire.h"
#include "tests/tools/faultyvfs.h"
#include "tunnel/link.h"
#include "tunnel/outbox.h"
#include "tunnel/replicate_sink.h"

struct cloud;

#define EDGE_NAME_SIZE 32

struct edge {
	struct sim *sim;
	struct cloud *cloud;
	unsigned id;
	char name[EDGE_NAME_SIZE];
	char disk_name[EDGE_NAME_SIZE];
	struct faultyvfs *disk;
	struct wire_options wire_options; /* of the connections it dials */
	unsigned break_percent;		  /* how many connections break after some bytes */
	bool network_up;

	bool is_up;
	struct cache *cache;
	struct cache_watch *watch;
	struct link *link;
	struct repl_sink *sink;
	struct outbox_sender *sender;
	struct wire_end *wire;
	struct sim_timer timer;	  /* the link's deadline */
	struct sim_timer opening; /* a dial under way */
	struct sim_timer retry;	  /* of a commit that failed */
	struct sim_timer reboot;
	struct sim_timer doom; /* a crash that is to come */
	uint64_t doom_back_ms;

	uint64_t outbox_last, outbox_acked; /* its durable queue is the numbers between */
	char outbox_body[32];
	unsigned ping_interval_ms;
	bool drains; /* bulk that arrives is consumed */

	/* what came of it */
	uint64_t bytes_out, bytes_in, connections, crashes;
	uint64_t changes, deleted, left, late_references;
	uint64_t last_change_ms;
	uint64_t bulk_bytes;
};

void edge_init(struct edge *edge, struct sim *sim, struct cloud *cloud, unsigned id,
	       struct wire_options wire);
void edge_done(struct edge *edge);
void edge_start(struct edge *edge);
void edge_stop(struct edge *edge);			    /* cleanly: the cursor is saved */
void edge_crash(struct edge *edge, uint64_t back_after_ms); /* power goes, and returns */
/* The same in a while, or sooner, at the nth change of the disk from now. */
void edge_crash_at(struct edge *edge, uint64_t nth, uint64_t in_ms, uint64_t back_after_ms);
void edge_network(struct edge *edge, bool up, bool silent);
void edge_report(struct edge *edge); /* one more outbox entry */
void edge_pump(struct edge *edge);   /* does what is due: actions, output, the cache */
uint64_t edge_commits(const struct edge *edge);
bool edge_is_synced(const struct edge *edge);

#endif
