/* cloud_session: one edge's session at the simulated cloud. */
#ifndef HOLDFAST_TESTS_SIM_CLOUD_SESSION_H
#define HOLDFAST_TESTS_SIM_CLOUD_SESSION_H

#include "tests/sim/cloud.h"

#define CLOUD_BULKS_MAX 4u

struct cloud_session {
	struct list_node node;
	struct cloud *cloud;
	struct edge *edge;
	uint64_t number;
	struct session *session;
	struct wire_end *wire;
	struct repl_source *source; /* since the welcome */
	struct outbox_receiver *receiver;
	struct sim_timer timer;
	uint32_t bulks[CLOUD_BULKS_MAX];
	unsigned bulk_count;
};

struct wire_end *cloud_session_open(struct cloud *cloud, const struct wire_options *options,
				    struct edge *edge);
void cloud_session_pump(struct cloud_session *s);
void cloud_session_close(struct cloud_session *s); /* frees */
/* Tells the session that a key of its set has this object; -1: it went away over it. */
void cloud_session_put(struct cloud_session *s, const struct key *key);

uint8_t cloud_rank(void *ctx, const char *resource);
void cloud_applied(struct cloud *cloud, const struct edge *edge, uint64_t sequence);
uint64_t cloud_last_applied(struct cloud *cloud, const struct edge *edge);

#endif
