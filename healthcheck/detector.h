/* detector: what this node has seen of each member of its region, by probing it: SWIM (Das, Gupta, Motivala 2002) with the
 * three extensions of Lifeguard (Dadgar, Phillips, Currey 2017: local health, dogpile, buddy), and one rule of our own: gossip
 * prompts a probe and is never evidence. A member is dead in the view of this node only when this node's own probes, those it
 * asked of others, and TCP all went unanswered for the time of suspicion; a member that this node never reached is unknown, not
 * dead (NAT, a wrong address).
 *
 * Pure: told the time and what came in, it says what to send. Constant load: one probe an interval whatever the size of the
 * region, and one more for each member under suspicion. One thread. */
#ifndef HOLDFAST_HEALTHCHECK_DETECTOR_H
#define HOLDFAST_HEALTHCHECK_DETECTOR_H

#include "healthcheck/datagram.h"

struct detector;

#define DETECTOR_SCORE_MAX 8u	  /* of the local health multiplier (Lifeguard's S) */
#define DETECTOR_CONFIRMATIONS 3u /* independent suspicions that bring the time down to its least (K) */
#define DETECTOR_GOSSIP_FACTOR 4u /* an item is sent this many times log10(members + 1) */
#define DETECTOR_RELAYS_MAX 128u  /* probes under way for others */
#define DETECTOR_ATTEMPTS_MIN 3u  /* own probes that fail before a member can be dead */

enum detector_view {
	DETECTOR_UNKNOWN, /* never reached */
	DETECTOR_ALIVE,
	DETECTOR_SUSPECT,
	DETECTOR_AGENT_DOWN, /* the host refuses connections: it answers, its hub does not */
	DETECTOR_DEAD,
};
const char *detector_view_name(enum detector_view view);

struct detector_options {
	const char *self; /* in the roster or not (yet) */
	uint64_t start;	  /* of this hub */
	uint64_t seed;
	/* For comparisons in the simulator: plain SWIM without Lifeguard's extensions, and verdicts from gossip as SWIM has them. */
	bool no_local_health, no_dogpile, no_buddy, gossip_is_evidence, at_random;
};
int detector_new(const struct detector_options *options, uint64_t now_ms, struct detector **out) must_check;
void detector_free(struct detector *detector);
/* Members that stay keep their views. The roster is borrowed until the next call. */
int detector_set_roster(struct detector *detector, const struct roster *roster, uint64_t now_ms) must_check;
/* This node's tunnel, for the flag; and its own troubles (healthcheck/score.h), 0 for none: it suspects others less. */
void detector_set_tunnel(struct detector *detector, bool is_up);
void detector_set_trouble(struct detector *detector, unsigned trouble, uint64_t now_ms);

/* An opened datagram from this member, which came from `address`. */
void detector_input(struct detector *detector, const struct roster_member *from, uint64_t from_start,
		    const struct datagram *datagram, const char *address, uint64_t now_ms);
enum detector_tcp {
	DETECTOR_TCP_ANSWERED,	  /* a sealed ack came back over TCP */
	DETECTOR_TCP_REFUSED,	  /* reset: the host is there */
	DETECTOR_TCP_SILENT,	  /* accepted by the kernel, no answer by the hub in time */
	DETECTOR_TCP_UNREACHABLE, /* nothing, or no route */
};
void detector_tcp_result(struct detector *detector, const char *member, uint32_t nonce,
			 enum detector_tcp result, uint64_t now_ms);
void detector_tick(struct detector *detector, uint64_t now_ms);
uint64_t detector_deadline(const struct detector *detector); /* TIMERQ_NEVER: nobody to watch */

enum detector_action_type {
	DETECTOR_SEND, /* `datagram` to `address` of `member` */
	DETECTOR_TCP, /* send `datagram`, a ping, to `member` at `address` by TCP; report with `nonce`, or give its answer to input */
	DETECTOR_CHANGED, /* the view of `member` is `view` now, and was `was` */
	DETECTOR_REFUTE,  /* sign an ALIVE of `incarnation` for this node: detector_refuted */
	DETECTOR_VERIFY,  /* is this ALIVE really signed by `member`? detector_verified, at once or later */
	DETECTOR_CARRY,	  /* a verdict that came by, for the cloud; only while this node's tunnel is up */
	DETECTOR_WANTED,  /* the cloud wants to hear about `member` */
};
struct detector_action {
	enum detector_action_type type;
	const struct roster_member *member;
	const char *address;
	const struct datagram *datagram;
	uint32_t nonce, incarnation;
	enum detector_view view, was;
	const struct datagram_item *item; /* VERIFY, CARRY */
};
/* False: nothing to do. What it points to is good until the next call on the detector. */
bool detector_next(struct detector *detector, struct detector_action *out);
void detector_refuted(struct detector *detector, uint32_t incarnation, struct span signature,
		      uint64_t now_ms);
void detector_verified(struct detector *detector, const struct roster_member *member,
		       const struct datagram_item *item, uint64_t now_ms);
/* Spreads WANT, or an encoded verdict to members that have a tunnel. */
int detector_say_want(struct detector *detector, const char *member, uint64_t now_ms) must_check;
int detector_say_verdict(struct detector *detector, struct span verdict, uint64_t now_ms) must_check;

/* What this node knows at first hand; what a verdict is made of. */
struct detector_sight {
	enum detector_view view;
	uint64_t since_ms; /* of the view */
	uint64_t heard_ms; /* last direct, fresh sign of life; 0: never */
	uint64_t
		vouched_ms; /* when this node last told it that it holds it for alive; 0: never. It may go by that */
	uint64_t relayed_ms; /* last one through another member; 0: never */
	uint64_t start;	     /* of its hub, as seen */
	uint32_t incarnation;
	unsigned probes, answers, asked, relayed; /* of the present suspicion */
	enum detector_tcp tcp;			  /* last result; only meaningful with tcp_tried */
	bool tcp_tried, has_tunnel;
	unsigned rtt_us; /* smoothed; 0: unknown */
};
bool detector_sight(const struct detector *detector, const char *member, struct detector_sight *out);
struct detector_stats {
	size_t members, alive, suspect, agent_down, dead, unknown, with_tunnel;
	unsigned score;			     /* local health multiplier */
	uint64_t sent, received, bytes_sent; /* datagrams; plain bytes */
	uint64_t refutations;
};
void detector_stats(const struct detector *detector, struct detector_stats *out);
/* Members alive in this node's view, itself included, and those that count (no maintenance): is it with the majority? */
bool detector_has_majority(const struct detector *detector);
/* The time since which no majority of this node's electors can have come to hold it for dead: when the oldest of the probes was begun whose
 * answers make a strict majority, itself included, of the members that count. False: there is no such majority, or this node is all there
 * is. What follows from it, and where it ends, is in detector_majority.c. */
bool detector_majority_proof(const struct detector *detector, uint64_t *out_ms);
/* The same, of answers by no later roster than that of this version: with it all was here that the cloud had decided. 0: there was none. */
void detector_set_settled(struct detector *detector, uint64_t roster_version);
bool detector_majority_settled(const struct detector *detector, uint64_t *out_ms);
/* Probes every member once in this time, so that the proof above is never older by much; 0: no more. Costs members / time. */
void detector_roll_call(struct detector *detector, uint64_t every_ms);

#endif
