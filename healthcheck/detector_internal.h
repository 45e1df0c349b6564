/* detector_internal: what the three sources of detector share: detector.c (life, roster, what comes in), detector_probe.c (probes
 * and suspicion), detector_gossip.c (what is passed on), detector_majority.c (who is on this node's side). Private to healthcheck/detector. */
#ifndef HOLDFAST_HEALTHCHECK_DETECTOR_INTERNAL_H
#define HOLDFAST_HEALTHCHECK_DETECTOR_INTERNAL_H

#include "base/list.h"
#include "base/random.h"
#include "base/timerq.h"
#include "healthcheck/detector.h"

#define DETECTOR_PROBES_MAX 32u	 /* of its own under way; the rest waits its turn */
#define DETECTOR_SENDS_MAX 1024u /* queued; more are lost, as datagrams are */
#define DETECTOR_GOSSIP_MAX 256u /* items; the most often sent goes first */
#define DETECTOR_GOSSIP_MS 100u	 /* between bursts while there is something new */
#define DETECTOR_FANOUT 3u
#define DETECTOR_REMIND_MS \
	(2u * 60 * 1000) /* for so long after it went, everything sent may name who is gone */

enum probe_phase { PROBE_NONE, PROBE_DIRECT, PROBE_INDIRECT };

struct probe {
	enum probe_phase phase;
	uint32_t nonce;
	uint64_t sent_ms, end_ms;
	unsigned nacks_due, nacks;
};

struct peer {
	const struct roster_member *member;
	enum detector_view view, told; /* told: as last reported by DETECTOR_CHANGED */
	bool has_tunnel, tcp_tried;
	bool once_more; /* asked for while a probe was under way */
	uint8_t confirmers;
	enum detector_tcp tcp;
	uint32_t incarnation;
	uint64_t start, since_ms, heard_ms, relayed_ms;
	uint64_t suspected_ms; /* 0: not by this node */
	uint64_t calmed_ms;    /* when it last answered after a rumour or a suspicion */
	uint8_t calm;	       /* how often it did of late */
	bool is_prompted;      /* a rumour has this node ask it */
	uint64_t wanted_ms;    /* when the cloud's wish to hear about it was last passed on; 0: never */
	uint64_t meet_ms;      /* while unknown: when to ask for it again */
	unsigned meetings;     /* in vain, so far */
	unsigned failed, probes, answers, asked, relayed;
	unsigned rtt_us;
	uint64_t vouched_ms; /* when this node last answered it as one that holds it for alive; 0: never */
	uint64_t proof_ms;   /* when the last probe was begun that it answered as an elector; 0: none yet */
	uint64_t settled_ms; /* the same, by a roster that is not later than detector.settled */
	uint8_t confirmer[DETECTOR_CONFIRMATIONS][ROSTER_ID_SIZE];
	struct probe probe;
	size_t address;			/* of the roster's, that answered last */
	char seen[ROSTER_ADDRESS_SIZE]; /* where it speaks from, when that is none of the roster's; "" */
	struct timerq_node timer;	/* of the probe, or of the next one */
	struct list_node changed;	/* in detector.changed while view != told */
};

/* A datagram to be made when it is asked for, so that it carries the newest gossip. */
struct send {
	struct list_node node;
	size_t to; /* index */
	char address[ROSTER_ADDRESS_SIZE];
	enum datagram_kind kind;
	uint32_t nonce;
	uint8_t target[ROSTER_ID_SIZE];
	bool is_tcp;
};

struct rumour {
	struct list_node node;
	struct datagram_item item;
	uint8_t verdict[DATAGRAM_VERDICT_MAX];
	unsigned left;	 /* times to be sent */
	bool to_tunnels; /* only members with a tunnel need it */
	uint64_t made_ms;
};

/* Something for the shell to do about an item. */
struct task {
	struct list_node node;
	enum detector_action_type type;
	size_t about; /* index of the member */
	uint32_t incarnation;
	struct datagram_item item;
	uint8_t verdict[DATAGRAM_VERDICT_MAX];
};
#define DETECTOR_TASKS_MAX 256u

struct relay {
	struct list_node node;
	struct timerq_node timer;
	size_t from, target;
	char address[ROSTER_ADDRESS_SIZE]; /* of who asked */
	uint32_t their_nonce, our_nonce;
	bool nacked;
};

struct detector {
	struct detector_options options;
	char self[ROSTER_NAME_SIZE];
	uint8_t self_id[ROSTER_ID_SIZE];
	struct rng rng;
	const struct roster *roster;
	struct peer **peers; /* as roster->members */
	size_t self_index;   /* in the roster; its count when this node is not in it (yet) */
	size_t *order;	     /* of the round; indices without this node */
	size_t order_count, order_next;
	size_t to_meet;	   /* of the first turn since the roster changed */
	uint64_t meet_ms;  /* nobody is to be met before */
	size_t to_look_at; /* of the turn since a view changed */
	unsigned rounds;
	uint64_t settled;	  /* detector_set_settled */
	uint64_t roll_call_ms;	  /* 0: none */
	size_t reminded;	  /* place in `order` of the next reminder */
	uint64_t remind_until_ms; /* nobody went before that needs one */
	uint64_t now_ms;	  /* of the last call that told it */
	struct list changed, sends, rumours, tasks, relays;
	struct timerq timers;
	struct timerq_node round, burst;
	size_t probing;
	unsigned score, trouble;
	bool has_tunnel;
	uint32_t incarnation;
	uint64_t refuted_ms;
	struct datagram out;
	struct datagram_item out_item;
	uint8_t out_verdict[DATAGRAM_VERDICT_MAX];
	uint8_t out_verdicts[DATAGRAM_ITEMS_MAX][DATAGRAM_VERDICT_MAX];
	char out_address[ROSTER_ADDRESS_SIZE];
	struct detector_stats stats;
};

/* Never 0, which asks for no answer. Odd for probes of its own, even for those of others, so that an answer tells whose it is. */
#define DETECTOR_NONCE_RELAY 0u
uint32_t detector_nonce(struct detector *d, bool is_relay);
size_t detector_index(const struct detector *d, const struct roster_member *member);
bool detector_is_self(const struct detector *d, size_t index);
void detector_view_set(struct detector *d, struct peer *peer, enum detector_view view, uint64_t now_ms);
void detector_score(struct detector *d, int delta);
unsigned detector_slowness(const struct detector *d); /* what intervals and timeouts are multiplied with */
/* Queues a datagram to an address of the member. */
void detector_send(struct detector *d, size_t to, const char *address, enum datagram_kind kind,
		   uint32_t nonce, const uint8_t target[ROSTER_ID_SIZE]);
const char *detector_address(const struct peer *peer); /* the best one; NULL: none */
/* Up to `max` random members that are alive, others than `but`; with a tunnel only, if asked. */
size_t detector_pick(struct detector *d, size_t but, bool with_tunnel, size_t max, size_t *out);

/* A new random order for the next turn. */
void detector_shuffle(struct detector *d);

#define DETECTOR_INTRODUCTIONS 8u /* in one round */
/* detector_probe.c */
void detector_probe_round(struct detector *d, uint64_t now_ms);
void detector_probe_watched(struct detector *d, size_t by, uint64_t now_ms);
/* Probes it soon: somebody else could not reach it, or it speaks and was silent. */
void detector_probe_prompt(struct detector *d, size_t index, uint64_t now_ms);
void detector_probe_timer(struct detector *d, size_t index, uint64_t now_ms);
void detector_probe_answered(struct detector *d, size_t index, uint64_t now_ms, bool is_direct);
void detector_probe_tcp(struct detector *d, size_t index, uint32_t nonce, enum detector_tcp result,
			uint64_t now_ms);
void detector_probe_nacked(struct detector *d, size_t index, uint32_t nonce);
/* This node did not run for a while: what it waited for proves nothing. */
void detector_probe_amnesty(struct detector *d, uint64_t now_ms);
void detector_probe_confirmed(struct detector *d, struct peer *peer, const uint8_t from[ROSTER_ID_SIZE],
			      uint64_t now_ms);
/* SWIM's rule, for comparison: what others say is enough. */
void detector_probe_adopt(struct detector *d, size_t index, uint64_t now_ms);
void detector_probe_forgive(struct detector *d, size_t index, uint64_t now_ms);

/* detector_majority.c */
/* An answer came to the probe under way. */
void detector_majority_heard(struct detector *d, size_t index, const struct datagram *datagram);

/* detector_gossip.c */
void gossip_add(struct detector *d, const struct datagram_item *item, bool to_tunnels, uint64_t now_ms);
void gossip_fill(struct detector *d, size_t to, struct datagram *out);
void gossip_burst(struct detector *d, uint64_t now_ms);
void gossip_take(struct detector *d, size_t from, const struct datagram *datagram, uint64_t now_ms);
/* SUSPECT or GONE. */
void gossip_suspect(struct detector *d, size_t index, enum datagram_item_type type, uint64_t now_ms);
/* This node reached it, after it was away. */
void gossip_back(struct detector *d, size_t index, uint64_t now_ms);
void gossip_drop(struct detector *d);

#endif
