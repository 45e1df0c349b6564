/* repl_plan: what one edge holds, what it should hold, and what is to be said about the difference. Internal
 * to replicate_source: entries and their queues, no messages.
 *
 * An entry is in at most one queue. plan_settle compares both sides of an entry and queues it, or takes it
 * out. */
#ifndef HOLDFAST_TUNNEL_REPL_PLAN_H
#define HOLDFAST_TUNNEL_REPL_PLAN_H

#include "base/list.h"
#include "base/map.h"
#include "cache/object.h"
#include "tunnel/digest.h"
#include "tunnel/replicate_source.h"

enum plan_say {
	PLAN_NOTHING,
	PLAN_PUT,
	PLAN_GONE,
	PLAN_LEAVE,
	PLAN_UNKNOWN,
};

/* In this order: rows to be kept, workloads to stop, references before what names them, references nobody
 * names. */
enum plan_queue {
	PLAN_Q_UNKNOWN,
	PLAN_Q_STOP,
	PLAN_Q_PUT,				/* REPL_RANKS of them, lowest rank first */
	PLAN_Q_ERASE = PLAN_Q_PUT + REPL_RANKS, /* REPL_RANKS of them, highest rank first */
	PLAN_Q_COUNT = PLAN_Q_ERASE + REPL_RANKS,
	PLAN_Q_WAITING = PLAN_Q_COUNT, /* for the announcement of a newer version */
	PLAN_Q_UNREADABLE,
	PLAN_QUEUES,
};

struct plan_entry {
	struct list_node node;
	struct list *queue;
	struct list_node fetch; /* in plan->fetches: its full object is to be asked for */
	struct key key;		/* points behind the struct */
	char *uid;		/* of the object in the set; NULL: not in the set */
	char *edge_uid;		/* of what the edge holds; NULL: nothing; "": something unreadable */
	uint64_t revision, edge_revision;
	uint8_t rank;
	uint8_t bucket;
	uint8_t removal; /* PLAN_GONE or PLAN_LEAVE: how it left, or is to leave; PLAN_NOTHING: not known */
	bool orphan;	 /* the edge keeps it until the operator decides */
	bool released;	 /* who decided to give it up: the operator, or nobody names it any more */
	bool fetching;	 /* its full object was asked for */
	bool unknown;	 /* to be declared an orphan */
};

struct plan {
	struct map entries;
	struct list queues[PLAN_QUEUES];
	struct list fetches;
	size_t members, orphans;
	uint8_t workload_rank;
};

#define PLAN_KEY_MAX (3 * (MESSAGE_NAME_MAX + 1))

void plan_init(struct plan *plan, uint8_t workload_rank);
void plan_done(struct plan *plan);
struct plan_entry *plan_find(const struct plan *plan, const struct key *key); /* NULL: none */
/* Finds or adds. -ENOMEM, -ENOSPC, -EINVAL: the key is longer than the wire allows. */
int plan_entry(struct plan *plan, const struct key *key, uint8_t rank, struct plan_entry **out) must_check;

int plan_set_member(struct plan *plan, struct plan_entry *entry, const char *uid,
		    uint64_t revision) must_check;
void plan_unset_member(struct plan *plan, struct plan_entry *entry, enum plan_say how);
int plan_set_edge(struct plan_entry *entry, const char *uid, uint64_t revision) must_check;
void plan_clear_edge(struct plan_entry *entry);
/* The edge holds what the set says. */
int plan_edge_matches(struct plan_entry *entry) must_check;
void plan_set_orphan(struct plan *plan, struct plan_entry *entry, bool orphan);
/* Is the set's object held back by an orphan of that key? */
bool plan_is_held(const struct plan *plan, const struct plan_entry *entry);

enum plan_say plan_say(const struct plan *plan, const struct plan_entry *entry);
/* Queues the entry by what there is to say: true. Else takes it out of its queue, and frees it when neither
 * side has it. */
bool plan_settle(struct plan *plan, struct plan_entry *entry);
void plan_park(struct plan *plan, struct plan_entry *entry,
	       enum plan_queue queue);			/* WAITING or UNREADABLE */
struct plan_entry *plan_first(const struct plan *plan); /* what to say next; NULL: nothing */
size_t plan_pending(const struct plan *plan);
/* When no undecided orphan runs: releases the others, whose bytes nobody needs then. */
void plan_release_references(struct plan *plan);

/* Digest and number of the members, those held back left out. */
struct digest plan_digest(const struct plan *plan, uint32_t *out_count);
void plan_buckets(const struct plan *plan, uint8_t out[DIGEST_BUCKETS * DIGEST_SIZE]);

#endif
