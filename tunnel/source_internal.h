/* source_internal: what the three sources of replicate_source share: replicate_source.c (life,
 * announcements), source_hear.c (what the edge says), source_say.c (what is said to the edge). */
#ifndef HOLDFAST_TUNNEL_SOURCE_INTERNAL_H
#define HOLDFAST_TUNNEL_SOURCE_INTERNAL_H

#include "tunnel/repl_plan.h"
#include "tunnel/replicate_source.h"

enum source_phase {
	SOURCE_COLLECTING, /* until the initial set is given, and the orphans are named */
	SOURCE_COMPARING,  /* bucket digests sent, or about to be */
	SOURCE_LIVE,
};

struct source_flight {
	uint64_t number, watermark;
	bool complete;
};

struct repl_source {
	struct repl_source_options options;
	uint8_t epoch[CACHE_EPOCH_SIZE];
	struct plan plan;
	enum source_phase phase;
	struct digest edge_root;
	uint32_t edge_objects;
	bool has_rows; /* the edge had any */
	bool unbroken;
	bool unchanged;
	bool set_given, orphans_given;
	bool digests_due;
	unsigned bucket; /* lowest that may still be reported */
	uint32_t rows_seen;
	uint64_t position; /* all changes up to it were announced */
	uint64_t ahead;	   /* highest revision sent, maybe before its announcement */
	bool orphans_changed;

	bool batch_open;
	size_t batch_ops, batch_bytes;
	uint64_t batch_number;
	struct source_flight flights[REPL_BATCHES_IN_FLIGHT];
	size_t flight_first, flight_count;
	uint64_t feeds_sent; /* by index in options.feeds */
	bool complete;	     /* the last batch completes the set, and nothing was announced since */
	uint64_t watermark;
	uint64_t puts, removals, unknowns, bytes;
};

void source_kick(struct repl_source *source);
/* Starts the comparison, or goes live, when all that is needed for it is there. */
int source_begin(struct repl_source *source) must_check;
void source_go_live(struct repl_source *source);
/* What is to be said about an entry whose two sides are known. */
void source_judge(struct repl_source *source, struct plan_entry *entry);
/* What the set is now, the edge is taken to have, until it says otherwise. */
int source_assume_equal(struct repl_source *source) must_check;
/* The edge holds this row as an orphan. */
void source_met_orphan(struct repl_source *source, struct plan_entry *entry);

/* The two sides of repl_source_channel. */
int source_hear(void *ctx, uint16_t kind, struct span bytes) must_check;
int source_say(void *ctx, struct mux_message *out) must_check;

#endif
