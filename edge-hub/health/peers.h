/* peers: this node's part in the health of its region: binds the pure detector, the envelope and the voter to UDP, TCP, the replica's
 * Region object and the tunnel. It works the same with and without the cloud.
 *
 * A port that cannot be bound, or a region that is not known, costs the health of neighbours and nothing else. Owner: the hub. Loop thread. */
#ifndef HOLDFAST_EDGE_HUB_HEALTH_PEERS_H
#define HOLDFAST_EDGE_HUB_HEALTH_PEERS_H

#include "cache/cache.h"
#include "edge-hub/health/node_key.h"
#include "healthcheck/detector.h"
#include "healthcheck/envelope.h"
#include "healthcheck/score.h"
#include "net/loop.h"

struct peers;

#define PEERS_VERDICTS_MAX 64u /* in one message to the cloud */
#define PEERS_KEY_PAUSE_MS \
	2000u		    /* between two requests for a key: anybody can claim that there is a newer one */
#define PEERS_KEYS_GIVEN 4u /* that strangers are given in a second */

struct peers_options {
	struct loop *loop;
	struct cache *cache;
	const struct node_key *key; /* borrowed */
	const char *node;
	const char *region;	   /* as given to join, may be "": see membership_load */
	const char *listen;	   /* "IP:PORT", UDP and TCP */
	uint64_t start;		   /* of this hub with this data directory */
	const struct score *score; /* of this node itself, to be shown; borrowed, may be NULL */
	/* Verdicts for the cloud, encoded; the tunnel is up. What cannot be sent is said again soon. */
	int (*send_verdicts)(void *ctx, const char *region, const struct span *verdicts, size_t count);
	/* The view of a neighbour changed: local endpoints follow. May be NULL. */
	void (*on_view)(void *ctx, const char *member, enum detector_view view);
	void *ctx;
};
int peers_new(const struct peers_options *options, struct peers **out, struct err *err) must_check;
void peers_free(struct peers *peers); /* no callback follows; NULL is fine */

/* The Region object in the replica is another: noticed late, so it may be called from a watch. */
void peers_region_changed(struct peers *peers);
void peers_resource_changed(struct peers *peers,
			    const char *resource); /* the same, if that is what it is about */
unsigned peers_port(const struct peers *peers);	   /* that it listens on; 0: on none */
void peers_tunnel(struct peers *peers, bool is_up);
/* Whom the cloud wants to hear about; replaces what it wanted before. */
void peers_want(struct peers *peers, const char *const *names, size_t count);
/* This node's own trouble, healthcheck/score.h. */
void peers_trouble(struct peers *peers, unsigned trouble);

/* What this node sees of that member; DETECTOR_UNKNOWN for strangers, and while no region is known. */
enum detector_view peers_view(const struct peers *peers, const char *name);
bool peers_has_majority(const struct peers *peers);
/* T of the region; 0 where nobody but the operator ever takes a node's place: with fewer than two others to judge it, unless the
 * region's smallPolicy says otherwise. False: the region is not known (yet). */
bool peers_fence_ms(const struct peers *peers, unsigned *out_ms);
/* See detector_majority_proof, _settled and detector_roll_call. */
bool peers_majority_proof(const struct peers *peers, uint64_t *out_ms);
bool peers_majority_settled(const struct peers *peers, uint64_t *out_ms);
/* Counts while this node is in that region. */
void peers_set_settled(struct peers *peers, const char *region, uint64_t roster_version);
/* Its region, "": none is known; and the version of the roster that it goes by. */
const char *peers_roster(const struct peers *peers, uint64_t *out_version);
void peers_roll_call(struct peers *peers, uint64_t every_ms);

struct peers_stats {
	struct detector_stats detector; /* zero without a region */
	uint64_t refused[ENVELOPE_REFUSALS];
	uint64_t sent, received, bytes_sent, bytes_received, send_errors;
	uint64_t tcp_probes, tcp_answered, keys_fetched, keys_given, verdicts_said, verdicts_carried, forged;
	uint64_t roster_version;
	uint32_t key_generation; /* that it seals with; 0: none */
	bool is_listening, is_member;
};
void peers_stats(const struct peers *peers, struct peers_stats *out);
/* An object in JSON: region, roster, members and what this node sees of each. Appends; a failure stays in the buffer. */
void peers_write(const struct peers *peers, struct buf *out);

#endif
