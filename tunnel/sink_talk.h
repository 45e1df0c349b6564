/* sink_talk: what an edge has to say on the replication channel of one connection: its orphans, the keys of
 * buckets that differ, acknowledgements, requests. Internal to replicate_sink. */
#ifndef HOLDFAST_TUNNEL_SINK_TALK_H
#define HOLDFAST_TUNNEL_SINK_TALK_H

#include "base/list.h"
#include "cache/cache.h"
#include "tunnel/mux.h"
#include "tunnel/sink_index.h"

struct sink_talk {
	struct list queue; /* encoded messages, in order */
	bool orphans_due;
	bool comparing;
	unsigned bucket; /* next to report on */
	uint8_t differs[DIGEST_BUCKETS / 8];
	uint64_t ack, acked;
	struct list fetches; /* keys of orphans that the cloud wants to see */
};

void sink_talk_init(struct sink_talk *talk);
void sink_talk_start(struct sink_talk *talk, bool has_orphans); /* a new connection */
void sink_talk_stop(struct sink_talk *talk);
void sink_talk_ack(struct sink_talk *talk, uint64_t number);
int sink_talk_refetch(struct sink_talk *talk, const struct key *key) must_check;
/* BUCKET_DIGESTS and ORPHAN_FETCH. */
int sink_talk_on_message(struct sink_talk *talk, const struct sink_index *index, uint16_t kind,
			 struct span bytes) must_check;
/* As mux_channel_ops.supply. */
int sink_talk_supply(struct sink_talk *talk, const struct sink_index *index, struct cache *cache,
		     struct mux_message *out) must_check;

#endif
